#include "kernel-model/drivers/amd/protection_domain.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/pci/ats.hpp"

namespace xlate::kernel {

namespace amd = iommu::amd;
namespace dte = iommu::amd::dte;

namespace {

constexpr std::uint64_t kBlocked = dte::V.of(1) | dte::TV.of(1);
constexpr unsigned kMaxDomainId = 0xFFFF;
constexpr std::uint64_t kGcr3InWord1 = dte::GCR3_30_15.mask() | dte::GCR3_51_31.mask();

}  // namespace

std::optional<std::uint16_t> DomainIds::alloc() {
    std::uint16_t next = 1;
    for (const std::uint16_t used : used_) {
        if (used != next) break;
        if (next == kMaxDomainId) return std::nullopt;
        ++next;
    }
    used_.insert(next);
    return next;
}

ProtectionDomain::ProtectionDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, DomainIds& ids,
                                   PageAllocator& pages, const Mistakes& mistakes, bool v2)
    : IommuDomain(the_kernel, domain_type),
      core_(core),
      ids_(ids),
      pages_(pages),
      mistakes_(mistakes),
      lock_(the_kernel, "domain->lock"),
      v2_(v2) {}

int ProtectionDomain::init() {
    Frame frame{kernel(), "protection_domain_alloc"};
    const auto id = ids_.alloc();
    if (!id) return -kENOMEM;
    id_ = *id;
    if (!paging()) return 0;
    if (v2_) {
        tables_ = std::make_unique<AmdV2Pgtable>(pages_, *this);
        gcr3_ = pages_.alloc_zeroed(pages_.page_bytes());
    } else {
        auto made = std::make_unique<AmdV1Pgtable>(pages_, *this);
        v1_tables_ = made.get();
        tables_ = std::move(made);
    }
    table_cost_ = page_table_cost(kernel(), v2_ ? TableKind::amd_v2 : TableKind::amd_v1);
    const int err = v2_ && !gcr3_ ? -kENOMEM : tables_->init();
    if (err != 0) {
        ids_.free(id_);
        tables_.reset();
        return err;
    }
    if (v2_) pages_.write_u64(*gcr3_, tables_->root() | iommu::amd_table::gcr3::V.of(1));
    pgsize_bitmap = tables_->pgsize_bitmap();
    aperture_start = 0;
    aperture_end = low_mask(tables_->format().row().ias);
    return 0;
}

/// An entry in use is never half of two domains: the hardware reads all of it, and the word with the root goes last.
void ProtectionDomain::write_dtes(AmdDevData& data, std::uint64_t word0, std::uint64_t word1) {
    AmdIommu& iommu = data.iommu;
    iommu.write_dte(data.devid, {word0, word1, 0, 0});
    for (const std::uint16_t alias : data.aliases) {  // clone_aliases
        if (alias <= iommu.last_bdf) iommu.write_dte(alias, {word0, word1, 0, 0});
    }
}

void ProtectionDomain::set_dte_entry(AmdDevData& data) {
    Frame frame{kernel(), "set_dte_entry"};
    std::uint64_t word0 = dte::V.of(1) | dte::TV.of(1) | dte::IR.of(1) | dte::IW.of(1);
    std::uint64_t word1 = data.iommu.dte(data.devid, 1) & ~kGcr3InWord1;
    if (gcr3_) {
        word0 |= dte::GV.of(1) | dte::GIOV.of(1) | dte::gcr3_word0(gcr3_->value);
        word1 |= dte::gcr3_word1(gcr3_->value);
    } else if (v1_tables_ != nullptr) {
        word0 |= v1_tables_->root() | dte::MODE.of(AmdV1Format::hardware_level(v1_tables_->first_level()));
    }
    word1 = dte::IOTLB.set(word1, data.ats_enabled ? 1 : 0);
    write_dtes(data, word0, dte::DOMAIN_ID.set(word1, id_));
}

void ProtectionDomain::clear_dte_entry(AmdDevData& data) {
    const std::uint64_t word1 = data.iommu.dte(data.devid, 1);
    write_dtes(data, kBlocked, word1 & ~(dte::DOMAIN_ID.mask() | dte::IOTLB.mask() | kGcr3InWord1));
}

void ProtectionDomain::device_flush_dte(AmdDevData& data) {
    Frame frame{kernel(), "device_flush_dte"};
    data.iommu.iommu_flush_dte(data.devid);
    for (const std::uint16_t alias : data.aliases) data.iommu.iommu_flush_dte(alias);
    if (data.ats_enabled) data.iommu.build_inv_iotlb_pages(data.devid, 0, ~std::uint64_t{0});
}

int ProtectionDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "amd_iommu_attach_device"};
    const Ptr<AmdDevData> found = ptr_cast<AmdDevData>(core_.dev_iommu_priv_get(dev, "AAD1"));
    AmdDevData& data = *found.deref("AAD1");
    if (data.domain == this) return 0;
    const SimTime since = kernel().now();
    if (data.domain != nullptr) data.domain->detach_device(data);
    lock_.lock("AAD2");
    if (auto* const pdev = dynamic_cast<PciDevice*>(&dev);
        pdev != nullptr && type != DomainType::blocked && data.ats_supported && data.iommu.has_iotlb_sup()) {
        data.ats_enabled = pci_enable_ats(*pdev, amd::kPageBits) == 0;
    }
    // do_attach
    data.domain = this;
    dev_list_.push_back(&data);
    set_dte_entry(data);
    device_flush_dte(data);
    // A domain id that was another's before may be known to the hardware.
    if (!mistakes_.has(Mistake::reused_domain_id)) amd_iommu_domain_flush_pages(0, ~std::uint64_t{0});
    domain_flush_complete();
    lock_.unlock("AAD3");
    data.iommu.iommu_completion_wait();
    // Whatever was cached under its id before is gone.
    Annotation annotation;
    annotation.kind = Annotation::Kind::flushed;
    annotation.iommu = data.iommu.regs;
    annotation.context = id_;
    annotation.since = since;
    if (paging()) kernel().machine.annotate(annotation);
    claim_installed(data);
    return 0;
}

/// No cache holds what the entries of the device said before.
void ProtectionDomain::claim_installed(const AmdDevData& data) {
    Annotation annotation;
    annotation.kind = Annotation::Kind::ste_installed;
    annotation.iommu = data.iommu.regs;
    annotation.stream = data.devid;
    kernel().machine.annotate(annotation);
    for (const std::uint16_t alias : data.aliases) {
        annotation.stream = alias;
        kernel().machine.annotate(annotation);
    }
}

void ProtectionDomain::detach_dev(Device& dev) {
    const Ptr<AmdDevData> data = ptr_cast<AmdDevData>(core_.dev_iommu_priv_get(dev, "ADD1"));
    if (data && data->domain == this) detach_device(*data.get());
}

void ProtectionDomain::detach_device(AmdDevData& data) {
    Frame frame{kernel(), "detach_device"};
    lock_.lock("ADD2");
    const bool ats = data.ats_enabled;
    // do_detach
    data.domain = nullptr;
    clear_dte_entry(data);
    device_flush_dte(data);
    if (!mistakes_.has(Mistake::reused_domain_id)) amd_iommu_domain_flush_pages(0, ~std::uint64_t{0});
    domain_flush_complete();
    dev_list_.erase(std::remove(dev_list_.begin(), dev_list_.end(), &data), dev_list_.end());
    data.ats_enabled = false;
    lock_.unlock("ADD3");
    claim_installed(data);
    if (auto* const pdev = dynamic_cast<PciDevice*>(data.dev); ats && pdev != nullptr) pci_disable_ats(*pdev);
}

std::vector<AmdIommu*> ProtectionDomain::iommus() const {
    std::vector<AmdIommu*> list;
    for (const AmdDevData* data : dev_list_) {
        if (std::find(list.begin(), list.end(), &data->iommu) == list.end()) list.push_back(&data->iommu);
    }
    return list;
}

/// Tables above the leaves go too: Linux always says so.
void ProtectionDomain::amd_iommu_domain_flush_pages(std::uint64_t first, std::uint64_t last) {
    Frame frame{kernel(), "amd_iommu_domain_flush_pages"};
    for (AmdIommu* iommu : iommus()) iommu->build_inv_iommu_pages(id_, first, last, v2_ && paging());
    for (AmdDevData* data : dev_list_) {
        if (!data->ats_enabled || mistakes_.has(Mistake::unmap_without_atc_inv)) continue;
        data->iommu.build_inv_iotlb_pages(data->devid, first, last);
    }
}

void ProtectionDomain::domain_flush_complete() {
    for (AmdIommu* iommu : iommus()) iommu->iommu_completion_wait();
}

/// One level more, until `last` is within the tables; every entry of the device table hears of it.
int ProtectionDomain::increase_address_space(std::uint64_t last) {
    if (v1_tables_ == nullptr) return 0;
    if (v1_tables_->input_bits() >= 64 || last >> v1_tables_->input_bits() == 0) return 0;
    Frame frame{kernel(), "increase_address_space"};
    lock_.lock("AIS1");
    int err = 0;
    while (err == 0 && v1_tables_->input_bits() < 64 && last >> v1_tables_->input_bits() != 0)
        err = v1_tables_->add_level();
    if (err == 0) {
        for (AmdDevData* data : dev_list_) set_dte_entry(*data);  // update_device_table
        for (AmdDevData* data : dev_list_) device_flush_dte(*data);
        amd_iommu_domain_flush_pages(0, ~std::uint64_t{0});
        domain_flush_complete();
    }
    lock_.unlock("AIS2");
    return err;
}

int ProtectionDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    if (!tables_) return -kEINVAL;
    Frame frame{kernel(), "amd_iommu_map_pages"};
    if (size == 0) return -kEINVAL;
    const std::uint64_t last = iova.value + size - 1;
    if (last >> tables_->format().row().ias != 0) return -kERANGE;
    if (const int err = increase_address_space(last); err != 0) return err;
    PageProt prot;
    prot.write = write;
    prot.read = read;
    TableWork work{kernel(), table_cost_};
    const int err = tables_->map(iova, paddr, size, prot);
    if (err != 0) return err;
    work.mapped(*tables_, iova, size);
    flush_np_cache(iova.value, last);
    return 0;
}

// domain_flush_np_cache: what was not there may be cached as such.
void ProtectionDomain::flush_np_cache(std::uint64_t first, std::uint64_t last) {
    const std::vector<AmdIommu*> units = iommus();
    if (std::none_of(units.begin(), units.end(), [](const AmdIommu* iommu) { return iommu->np_cache(); })) return;
    Frame frame{kernel(), "domain_flush_np_cache"};
    lock_.lock("ANP1");
    amd_iommu_domain_flush_pages(first, last);
    domain_flush_complete();
    lock_.unlock("ANP2");
}

// Leaf by leaf, each as a whole.
std::uint64_t ProtectionDomain::unmap(Iova iova, std::uint64_t size) {
    if (!tables_) return 0;
    Frame frame{kernel(), "amd_iommu_unmap_pages"};
    IotlbGather& gather = gathers_[kernel().sched.current().id];
    gather = IotlbGather{};
    IotlbGather pieces;
    pieces.queued = true;  // gathered here: pieces of any size are one range
    std::uint64_t done = 0;
    TableWork work{kernel(), table_cost_};
    work.unmaps(*tables_, iova, size);
    while (done < size) {
        const Iova at{iova.value + done};
        const IoPgtable::End end = tables_->end_of_walk(at);
        if (!end.mapped || (at.value & (end.bytes - 1)) != 0) break;
        if (tables_->unmap(at, end.bytes, pieces) != end.bytes) break;
        done += end.bytes;
    }
    work.unmapped();
    if (done != 0 && type != DomainType::dma_fq) {
        gather.start = iova.value;
        gather.end = iova.value + done - 1;
        gather.pgsize = std::uint64_t{1} << amd::kPageBits;
    }
    return done;
}

void ProtectionDomain::iotlb_sync(Iova, std::uint64_t) {
    const auto pending = gathers_.find(kernel().sched.current().id);
    if (pending == gathers_.end()) return;
    const IotlbGather gather = pending->second;
    gathers_.erase(pending);
    if (gather.pgsize != 0) tlb_sync_gather(gather);
}

void ProtectionDomain::tlb_sync_gather(const IotlbGather& gather) {
    Frame frame{kernel(), "amd_iommu_iotlb_sync"};
    if (mistakes_.has(Mistake::unmap_without_tlbi)) return;
    lock_.lock("AIS");
    amd_iommu_domain_flush_pages(gather.start, gather.end);
    if (!mistakes_.has(Mistake::tlbi_without_sync)) domain_flush_complete();
    lock_.unlock("AIS");
}

void ProtectionDomain::tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) { flush_iotlb_all(); }

void ProtectionDomain::flush_iotlb_all() {
    if (!tables_ || mistakes_.has(Mistake::flush_without_tlbi)) return;
    Frame frame{kernel(), "amd_iommu_flush_iotlb_all"};
    lock_.lock("AFA");
    amd_iommu_domain_flush_pages(0, ~std::uint64_t{0});
    domain_flush_complete();
    lock_.unlock("AFA");
}

std::optional<PhysAddr> ProtectionDomain::iova_to_phys(Iova iova) {
    if (type == DomainType::identity) return PhysAddr{iova.value};
    return tables_ ? tables_->iova_to_phys(iova) : std::nullopt;
}

std::optional<AddressSpace> ProtectionDomain::address_space() const {
    if (dev_list_.empty()) return std::nullopt;
    return AddressSpace{dev_list_.front()->iommu.regs, id_};
}

void ProtectionDomain::free() {
    if (tables_) {
        tables_->free_tables();
        tables_.reset();
        v1_tables_ = nullptr;
    }
    if (gcr3_) pages_.free(*gcr3_, pages_.page_bytes());
    gcr3_.reset();
    if (id_ != 0) ids_.free(id_);
    id_ = 0;
}

}  // namespace xlate::kernel
