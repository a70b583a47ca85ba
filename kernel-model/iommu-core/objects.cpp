#include "kernel-model/iommu-core/objects.hpp"

#include <utility>

#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

IdSlots::IdSlots(HeapObject& owner, const char* field, std::size_t size)
    : size_(size), more_(size > kIdFields ? size - kIdFields : 0) {
    for (std::size_t i = 0; i < size && i < kIdFields; ++i)
        slots_.push_back(std::make_unique<Shared<std::uint32_t>>(owner, field));
}

std::uint32_t IdSlots::read(std::size_t i, const char* step) const {
    if (i < kIdFields) return slots_[i]->read(step);
    slots_.back()->read(step);
    return more_[i - kIdFields];
}

void IdSlots::write(std::size_t i, std::uint32_t id, const char* step) {
    if (i < kIdFields) return slots_[i]->write(id, step);
    slots_.back()->write(slots_.back()->peek(), step);
    more_[i - kIdFields] = id;
}

std::uint32_t IdSlots::peek(std::size_t i) const { return i < kIdFields ? slots_[i]->peek() : more_[i - kIdFields]; }

void IdSlots::poke(std::size_t i, std::uint32_t id) {
    if (i < kIdFields)
        slots_[i]->poke(id);
    else
        more_[i - kIdFields] = id;
}

IommuFwspec::IommuFwspec(Kernel& kernel, std::size_t capacity)
    : HeapObject(kernel, "iommu_fwspec"),
      ops(*this, "fwspec->ops"),
      iommu_fwnode(*this, "fwspec->iommu_fwnode"),
      flags(*this, "fwspec->flags"),
      count(*this, "fwspec->num_ids"),
      ids(*this, "fwspec->ids"),
      inline_ids(*this, "fwspec->ids[]", capacity) {}

std::uint32_t IommuFwspec::id(unsigned i, const char* step) const {
    const Ptr<FwspecIds> array = ids.peek();
    if (array) return array.deref(step)->slot.read(i, step);
    return i < inline_ids.size() ? inline_ids.read(i, step) : 0;
}

std::vector<std::uint32_t> IommuFwspec::peek_ids() const {
    std::vector<std::uint32_t> result;
    const FwspecIds* array = ids.peek().get();
    const IdSlots& slots = array != nullptr ? array->slot : inline_ids;
    for (unsigned i = 0; i < count.peek() && i < slots.size(); ++i) result.push_back(slots.peek(i));
    return result;
}

DevIommu::DevIommu(Kernel& kernel)
    : HeapObject(kernel, "dev_iommu"),
      fwspec(*this, "dev->iommu->fwspec"),
      iommu_dev(*this, "dev->iommu->iommu_dev"),
      priv(*this, "dev->iommu->priv"),
      max_pasids(*this, "dev->iommu->max_pasids"),
      attach_deferred(*this, "dev->iommu->attach_deferred"),
      require_direct(*this, "dev->iommu->require_direct") {}

IommuDevice::IommuDevice(Kernel& kernel, std::string name_in_sysfs)
    : HeapObject(kernel, "iommu_device"),
      sysfs_name(std::move(name_in_sysfs)),
      ops(*this, "iommu->ops"),
      fwnode(*this, "iommu->fwnode"),
      singleton_group(*this, "iommu->singleton_group"),
      ready(*this, "iommu->ready") {}

std::string_view name(ReservedRegion::Kind kind) {
    switch (kind) {
        case ReservedRegion::Kind::direct:
            return "direct";
        case ReservedRegion::Kind::direct_relaxable:
            return "direct-relaxable";
        case ReservedRegion::Kind::reserved:
            return "reserved";
        case ReservedRegion::Kind::msi:
        case ReservedRegion::Kind::sw_msi:
            return "msi";
    }
    return "?";
}

std::string_view name(DomainType type) {
    switch (type) {
        case DomainType::none:
            return "none";
        case DomainType::blocked:
            return "blocked";
        case DomainType::identity:
            return "identity";
        case DomainType::unmanaged:
            return "unmanaged";
        case DomainType::dma:
            return "DMA";
        case DomainType::dma_fq:
            return "DMA-FQ";
    }
    return "?";
}

IommuDomain::IommuDomain(Kernel& kernel, DomainType domain_type)
    : HeapObject(kernel, "iommu_domain"), type(domain_type), iova_cookie(*this, "domain->iova_cookie") {}

void WalkList::visit_pointers(PointerVisitor& visitor) const {
    for (const Ptr<IommuGroup> group : groups) visitor.visit(group.get());
}

IommuGroup::IommuGroup(Kernel& kernel, unsigned number)
    : HeapObject(kernel, "iommu_group"),
      id(number),
      mutex(kernel, "group->mutex", std::to_string(number)),
      refs(*this, "group->refs", 1),
      default_domain(*this, "group->default_domain"),
      domain(*this, "group->domain"),
      blocking_domain(*this, "group->blocking_domain"),
      owner_cnt(*this, "group->owner_cnt"),
      has_owner(*this, "group->owner"),
      on_list(*this, "group->entry") {}

void IommuGroup::visit_pointers(PointerVisitor& visitor) const {
    for (const Ptr<GroupDevice> member : devices) visitor.visit(member.get());
}

}  // namespace xlate::kernel
