// An IOMMU driver with the probe policy of arm-smmu-v3 and no hardware: kernel-probe.md 5.1.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel-model/boot.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel::tests {

class FakeDomain : public IommuDomain {
public:
    FakeDomain(Kernel& kernel, DomainType of_type) : IommuDomain(kernel, of_type) {}
    int attach_dev(Device&) override { return 0; }
    int map(Iova, PhysAddr, std::uint64_t, bool, bool) override { return 0; }
    std::uint64_t unmap(Iova, std::uint64_t size) override { return size; }
    void iotlb_sync(Iova, std::uint64_t) override {}
    void flush_iotlb_all() override {}
    std::optional<PhysAddr> iova_to_phys(Iova) override { return std::nullopt; }
};

/// One SMMU: who owns which stream.
struct FakeInstance : HeapObject {
    explicit FakeInstance(Kernel& kernel) : HeapObject(kernel, "arm_smmu_device") {}
    std::map<std::uint32_t, Device*> streams;
    Ptr<IommuDevice> iommu;
    Device* dev = nullptr;
};

struct FakeMaster : HeapObject {
    FakeMaster(Kernel& kernel, Ptr<FakeInstance> of) : HeapObject(kernel, "arm_smmu_master"), smmu(of) {}
    Ptr<FakeInstance> smmu;
    std::vector<std::uint32_t> sids;
};

class FakeSmmuV3Driver : public Driver {
public:
    /// Driver and ops in one: SID range -ERANGE, another master's SID -EINVAL, own duplicate skipped.
    class Ops : public IommuOps {
    public:
        Ops(LinuxBoot& boot, FakeSmmuV3Driver& driver) : IommuOps("arm-smmu-v3"), boot_(boot), driver_(driver) {
            properties.converted_by_series = true;
        }
        bool has_of_xlate() const override { return !boot_.kernel().variant.has(Cap::xlate_fwspec_op); }
        bool has_of_xlate_fwspec() const override { return boot_.kernel().variant.has(Cap::xlate_fwspec_op); }
        int of_xlate(Device& dev, const OfPhandleArgs& args) override {
            return boot_.iommu().iommu_fwspec_add_ids(dev, {args.args.at(0)});
        }
        int of_xlate_fwspec(Ptr<IommuFwspec> fwspec, Device&, const OfPhandleArgs& args) override {
            return boot_.iommu().iommu_fwspec_append_ids(fwspec, {args.args.at(0)});
        }
        PtrOrErr<IommuDevice> probe_device(Device& dev) override {
            IommuCore& core = boot_.iommu();
            const Ptr<IommuFwspec> fwspec = core.dev_iommu_fwspec_get(dev, "ID3");
            if (!fwspec) return {{}, -kENODEV};
            if (core.variant.release <= 608 && core.iommu_fwspec_ops(fwspec, "ID3") != this) return {{}, -kENODEV};
            if (core.dev_iommu_priv_get(dev, "ID3")) return {{}, -kEBUSY};
            const FwNode node = fwspec->iommu_fwnode.read("ID3");
            Ptr<FakeInstance> smmu;
            Device* const found = core.variant.release >= 615
                                      ? boot_.drivers().bus_find_device_by_fwnode(driver_.bus, node, "ID3")
                                      : boot_.drivers().driver_find_device_by_fwnode(driver_, node, "ID3");
            for (const auto& [device, instance] : driver_.instances)
                if (device == found) smmu = instance;
            if (!smmu) return {{}, -kENODEV};
            const Ptr<FakeMaster> master = core.k.heap.make<FakeMaster>("ID3", smmu);
            core.dev_iommu_priv_set(dev, master, "ID3");
            int err = 0;
            for (unsigned i = 0; i < fwspec->num_ids("ID3") && err == 0; ++i) {
                const std::uint32_t sid = fwspec->id(i, "ID3");
                const auto owner = smmu->streams.find(sid);
                if (sid >= 0x10000)
                    err = -kERANGE;
                else if (owner == smmu->streams.end()) {
                    smmu->streams[sid] = &dev;
                    master->sids.push_back(sid);
                } else if (owner->second != &dev)
                    err = core.variant.has(Cap::alias_is_enodev) ? -kENODEV : -kEINVAL;
            }
            if (err != 0) {
                drop(master);
                core.dev_iommu_priv_set(dev, {}, "ID3");
                return {{}, err};
            }
            return {smmu->iommu, 0};
        }
        void release_device(Device& dev) override {
            const Ptr<FakeMaster> master = ptr_cast<FakeMaster>(boot_.iommu().dev_iommu_priv_get(dev, "REL"));
            if (master) drop(master);
        }
        PtrOrErr<IommuGroup> device_group(Device& dev) override {
            if (dynamic_cast<PciDevice*>(&dev) != nullptr) return boot_.pci().pci_device_group(dev);
            return boot_.iommu().generic_device_group(dev);
        }
        Ptr<IommuDomain> domain_alloc(DomainType type) override {
            return boot_.kernel().heap.make<FakeDomain>("SDD2", type);
        }

    private:
        void drop(Ptr<FakeMaster> master) {
            for (const std::uint32_t sid : master->sids) master->smmu->streams.erase(sid);
            boot_.kernel().heap.release(master, "ID3");
        }
        LinuxBoot& boot_;
        FakeSmmuV3Driver& driver_;
    };

    explicit FakeSmmuV3Driver(LinuxBoot& boot)
        : Driver("arm-smmu-v3", *boot.drivers().buses().front()), ops(boot, *this), boot_(boot) {}

    bool match(const Device& device) const override {
        return device.of_node && boot_.description().node(*device.of_node).is_compatible("arm,smmu-v3");
    }
    int probe(Device& dev) override {
        Kernel& k = boot_.kernel();
        const Ptr<FakeInstance> smmu = k.heap.make<FakeInstance>("probe");
        smmu->dev = &dev;
        k.heap.set_immortal(*smmu.get());
        char sysfs_name[40];
        std::snprintf(
            sysfs_name, sizeof sysfs_name, "smmu3.0x%016llx",
            static_cast<unsigned long long>(*boot_.description().node(*dev.of_node).regs.front().cpu_address));
        smmu->iommu = k.heap.make<IommuDevice>("probe", std::string(sysfs_name));
        k.heap.set_immortal(*smmu->iommu.get());
        instances.emplace_back(&dev, smmu);
        return boot_.iommu().iommu_device_register(smmu->iommu, &ops, Ptr<Device>(&dev));
    }

    Ops ops;
    std::vector<std::pair<Device*, Ptr<FakeInstance>>> instances;

private:
    LinuxBoot& boot_;
};

inline DriverSource fake_smmu_v3() {
    return {"arm-smmu-v3", [](LinuxBoot& boot) { return std::make_unique<FakeSmmuV3Driver>(boot); }};
}

}  // namespace xlate::kernel::tests
