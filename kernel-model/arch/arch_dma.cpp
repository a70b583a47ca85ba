#include "kernel-model/arch/arch_dma.hpp"

#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

ArchDma::ArchDma(Kernel& kernel, IommuCore& iommu)
    : HeapObject(kernel, "archdata"), k_(kernel), iommu_(iommu), row_(arch_row(iommu.parameters.arch)) {
    if (row_.tears_down) {
        iommu.driver_core.arch_teardown_dma_ops = [this](Device& dev) { arch_teardown_dma_ops(dev); };
    }
}

void ArchDma::visit_pointers(PointerVisitor& visitor) const {
    for (const auto& one : archdata_) visitor.visit(one.second.mapping.get());
}

/// Until patch 1 what the parser found counts; then the group, whoever put the device into it.
bool ArchDma::behind_iommu(Device& dev, const IommuOps* ops) const {
    return iommu_.variant.has(Cap::arch_setup_uses_group) ? static_cast<bool>(dev.iommu_group.read("ODC6"))
                                                          : ops != nullptr;
}

void ArchDma::arch_setup_dma_ops(Device& dev, std::uint64_t base, std::uint64_t size, const IommuOps* ops,
                                 bool coherent) {
    Frame frame{k_, "arch_setup_dma_ops"};
    const bool told = row_.coherency == ArchRow::Coherency::as_told;
    if (!row_.has_setup || told || coherent) dev.dma_coherent = coherent;
    if (!row_.has_setup) return;
    switch (row_.mapped) {
        case ArchRow::Mapped::ignored:
            return;
        case ArchRow::Mapped::generic:
            if (iommu_.variant.has(Cap::core_sets_dma_ops)) return;
            if (behind_iommu(dev, ops)) iommu_.iommu_setup_dma_ops(dev, base, base + size - 1);
            return;
        case ArchRow::Mapped::own_mapping: {
            if (dev.dma_ops.read("ODC6") != DmaOps::direct) return;  // set up already: never twice
            ArchData& data = archdata_[&dev];
            if (behind_iommu(dev, ops)) arm_setup_iommu_dma_ops(dev, base, size);
            data.dma_ops_setup = true;
            return;
        }
    }
}

PtrOrErr<ArmMapping> ArchDma::arm_iommu_create_mapping(Device& dev, std::uint64_t base, std::uint64_t size) {
    Frame frame{k_, "arm_iommu_create_mapping"};
    const Ptr<ArmMapping> mapping = k_.heap.make<ArmMapping>("ARM1");
    if (!mapping) return {{}, -kENOMEM};
    mapping->domain = iommu_.iommu_domain_alloc(dev, "ARM1");
    if (!mapping->domain) {
        k_.heap.release(mapping, "ARM1");
        return {{}, -kENODEV};
    }
    mapping->base = base;
    mapping->size = size;
    const int err = iommu_.dma != nullptr ? iommu_.dma->get_dma_cookie(mapping->domain) : 0;
    if (err != 0) {
        arm_iommu_release_mapping(mapping, "ARM1");
        return {{}, err};
    }
    return {mapping, 0};
}

int ArchDma::arm_iommu_attach_device(Device& dev, Ptr<ArmMapping> mapping) {
    Frame frame{k_, "arm_iommu_attach_device"};
    int err = iommu_.iommu_attach_device(mapping->domain, dev);
    // A domain learns its page sizes when it is attached.
    if (err == 0 && iommu_.dma != nullptr) {
        err = iommu_.dma->init_domain(mapping->domain, mapping->base, mapping->base + mapping->size - 1, dev);
        if (err != 0) iommu_.iommu_detach_device(mapping->domain, dev);
    }
    if (err != 0) return err;
    archdata_[&dev].mapping = mapping;
    dev.dma_ops.write(DmaOps::arm_mapping, "ARM3");
    return 0;
}

Ptr<ArmMapping> ArchDma::arm_iommu_detach_device(Device& dev) {
    Frame frame{k_, "arm_iommu_detach_device"};
    const auto found = archdata_.find(&dev);
    if (found == archdata_.end()) return {};
    const Ptr<ArmMapping> mapping = found->second.mapping;
    found->second.mapping = {};
    if (!mapping) return {};
    iommu_.iommu_detach_device(mapping->domain, dev);
    dev.dma_ops.write(DmaOps::direct, "ARM4");
    return mapping;
}

void ArchDma::arm_setup_iommu_dma_ops(Device& dev, std::uint64_t base, std::uint64_t size) {
    Frame frame{k_, "arm_setup_iommu_dma_ops"};
    const PtrOrErr<ArmMapping> made = arm_iommu_create_mapping(dev, base, size);
    if (made.err != 0) {
        k_.console.warn("", "Failed to create {}-byte IOMMU mapping for device {}", size, dev.name);
        return;
    }
    if (arm_iommu_attach_device(dev, made.value) == 0) return;
    k_.console.warn("", "Failed to attached device {} to IOMMU_mapping", dev.name);
    arm_iommu_release_mapping(made.value, "ARM2");
}

void ArchDma::arm_iommu_release_mapping(Ptr<ArmMapping> mapping, const char* step) {
    if (iommu_.dma != nullptr) iommu_.dma->put_dma_cookie(mapping->domain);
    iommu_.iommu_domain_free(mapping->domain, step);
    k_.heap.release(mapping, step);
}

void ArchDma::arch_teardown_dma_ops(Device& dev) {
    const auto found = archdata_.find(&dev);
    if (found == archdata_.end() || !found->second.dma_ops_setup) return;
    Frame frame{k_, "arch_teardown_dma_ops"};
    found->second.dma_ops_setup = false;
    const Ptr<ArmMapping> mapping = found->second.mapping;
    found->second.mapping = {};
    if (mapping) {
        iommu_.iommu_detach_device(mapping->domain, dev);
        arm_iommu_release_mapping(mapping, "ARM4");
    }
    dev.dma_ops.write(DmaOps::direct, "ARM4");
}

const ArmMapping* ArchDma::mapping_of(const Device& dev) const {
    const auto found = archdata_.find(&dev);
    return found != archdata_.end() ? found->second.mapping.get() : nullptr;
}

}  // namespace xlate::kernel
