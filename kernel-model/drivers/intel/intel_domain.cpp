#include "kernel-model/drivers/intel/intel_domain.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "kernel-model/pci/ats.hpp"

namespace xlate::kernel {

namespace vt = iommu::vtd;
namespace table = iommu::vtd_table;

namespace {

constexpr unsigned kVtdPageLog2 = 12;
constexpr unsigned kAllPages = 52;        ///< MAX_AGAW_PFN_WIDTH: log2 of the pages that there are
constexpr std::uint16_t kQueueDepth = 0;  ///< of a device's invalidation queue: 32 requests

/// Log2 of the fewest pages, aligned to themselves, that hold the range.
unsigned order_of(std::uint64_t first, std::uint64_t pages) {
    const std::uint64_t last = first + pages - 1;
    unsigned order = log2_ceil(pages);
    while (order < kAllPages && first >> order != last >> order) ++order;
    return order;
}

/// Domains without tables of their own: pass-through (FLPT_DEFAULT_DID in scalable mode).
constexpr std::uint16_t kPassDid = 1;

}  // namespace

DmarDomain::DmarDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory)
    : IommuDomain(the_kernel, domain_type),
      core_(core),
      memory_(memory),
      lock_(the_kernel, "domain->lock"),
      cache_lock_(the_kernel, "domain->cache_lock") {}

bool DmarDomain::flushes_under_lock() const { return kernel().timed && kernel().variant.has(Cap::cache_tags); }

int DmarDomain::init(const IntelIommu& iommu, bool superpages) {
    Frame frame{kernel(), "md_domain_init"};
    first_level_ = iommu.scalable && iommu.has(vt::ecap::FLTS);
    if (first_level_) {
        levels_ = vt::cap::FS5LP.test(iommu.cap) ? 5 : 4;
        tables_ = std::make_unique<PgtableOf<VtdFirstFormat>>(memory_, *this, levels_, vt::cap::FS1GP.test(iommu.cap));
    } else {
        levels_ = iommu.levels;
        const std::uint64_t sizes = superpages ? vt::cap::SLLPS.get(iommu.cap) : 0;
        const unsigned leaf_levels = (sizes & 1) == 0 ? 1 : (sizes & 2) == 0 ? 2 : 3;
        const auto bits = static_cast<unsigned>(vt::cap::MGAW.get(iommu.cap)) + 1;
        tables_ = std::make_unique<PgtableOf<VtdSecondFormat>>(memory_, *this, levels_, bits, leaf_levels);
    }
    table_cost_ = page_table_cost(kernel(), TableKind::vtd_second);
    if (const int err = tables_->init(); err != 0) return err;
    pgsize_bitmap = tables_->pgsize_bitmap();
    aperture_start = 0;
    aperture_end = low_mask(tables_->format().row().ias);
    return 0;
}

int DmarDomain::domain_attach_iommu(IntelIommu& iommu) {
    Frame frame{kernel(), "domain_attach_iommu"};
    lock_.lock("IDA1");
    InUnit& unit = units_[iommu.seq_id];
    int err = 0;
    if (unit.refcnt == 0) {
        unit.iommu = &iommu;
        unit.did = iommu.scalable && !paging() ? kPassDid : iommu.alloc_domain_id();
        if (unit.did == 0) err = -kENOSPC;
    }
    if (err == 0) {
        ++unit.refcnt;
    } else {
        units_.erase(iommu.seq_id);
    }
    lock_.unlock("IDA2");
    return err;
}

void DmarDomain::domain_detach_iommu(IntelIommu& iommu) {
    Frame frame{kernel(), "domain_detach_iommu"};
    lock_.lock("IDD1");
    const auto at = units_.find(iommu.seq_id);
    if (at != units_.end() && --at->second.refcnt == 0) {
        if (!(iommu.scalable && !paging())) iommu.free_domain_id(at->second.did);
        units_.erase(at);
    }
    lock_.unlock("IDD2");
}

std::uint16_t DmarDomain::did_in(const IntelIommu& iommu) const {
    const auto at = units_.find(iommu.seq_id);
    return at == units_.end() ? std::uint16_t{0} : at->second.did;
}

// Legacy mode. Without caching mode nothing is known of an entry that was not present: no flush.
int DmarDomain::domain_context_mapping_one(IntelIommu& iommu, const DeviceDomainInfo& info, std::uint16_t source) {
    Frame frame{kernel(), "domain_context_mapping_one"};
    const auto entry = iommu.iommu_context_addr(source, true);
    if (!entry) return -kENOMEM;
    const std::uint64_t old = iommu.pages.read_u64(*entry);
    if (vt::context::P.test(old)) return 0;
    const std::uint16_t did = did_in(iommu);
    std::uint64_t low = vt::context::P.of(1), high = vt::context::DID.of(did);
    if (paging()) {
        low |=
            tables_->root() | vt::context::TT.of(info.ats_supported ? vt::context::DEVICE_TLB : vt::context::TRANSLATE);
        high |= vt::context::AW.of(levels_ - 2);
    } else {
        low |= vt::context::TT.of(vt::context::PASS_THROUGH);
        high |= vt::context::AW.of(iommu.levels - 2);
    }
    iommu.pages.write_u64(*entry + 8, high);
    iommu.pages.write_u64(*entry, low);
    if (vt::cap::CM.test(iommu.cap)) {
        iommu.qi_flush_context(0, source, 0, vt::qi::DEVICE);
        iommu.qi_flush_iotlb(did, 0, 0, false, vt::qi::DOMAIN);
    }
    return 0;
}

void DmarDomain::domain_context_clear_one(IntelIommu& iommu, std::uint16_t source) {
    Frame frame{kernel(), "domain_context_clear_one"};
    const auto entry = iommu.iommu_context_addr(source, false);
    if (!entry) return;
    const std::uint64_t low = iommu.pages.read_u64(*entry), high = iommu.pages.read_u64(*entry + 8);
    if (!vt::context::P.test(low)) return;
    iommu.pages.write_u64(*entry, 0);
    iommu.pages.write_u64(*entry + 8, 0);
    const auto did = static_cast<std::uint16_t>(iommu.scalable ? 0 : vt::context::DID.get(high));
    if (!iommu.mistakes.has(Mistake::ste_without_cfgi)) iommu.qi_flush_context(did, source, 0, vt::qi::DEVICE);
    if (!iommu.scalable && !iommu.mistakes.has(Mistake::reused_domain_id))
        iommu.qi_flush_iotlb(did, 0, 0, false, vt::qi::DOMAIN);
    // Its translations are looked for in the context that was: nothing of that is kept.
    Annotation annotation;
    annotation.kind = Annotation::Kind::ste_installed;
    annotation.iommu = iommu.regs;
    annotation.stream = source;
    kernel().machine.annotate(annotation);
}

// Scalable mode: a context entry that leads to a PASID table of the device's own, whose entry 0 is this domain's.
int DmarDomain::pasid_setup(IntelIommu& iommu, DeviceDomainInfo& info, std::uint16_t source) {
    Frame frame{kernel(), first_level_ ? "intel_pasid_setup_first_level"
                          : paging()   ? "intel_pasid_setup_second_level"
                                       : "intel_pasid_setup_pass_through"};
    if (!info.pasid_directory) {
        info.pasid_directory = iommu.pages.alloc_zeroed(4096);
        info.pasid_table = iommu.pages.alloc_zeroed(4096);
        if (!info.pasid_directory || !info.pasid_table) return -kENOMEM;
        iommu.pages.write_u64(*info.pasid_directory, info.pasid_table->value | vt::pasid_directory::P.of(1));
    }
    std::uint64_t words[8] = {};
    const std::uint16_t did = did_in(iommu);
    words[0] = vt::pasid::P.of(1) | vt::pasid::AW.of(iommu.levels - 2);
    words[1] = vt::pasid::DID.of(did);
    if (first_level_) {
        words[0] |= vt::pasid::PGTT.of(vt::pasid::FIRST_LEVEL);
        words[1] |= vt::pasid::PWSNP.of(iommu.has(vt::ecap::SMPWC) ? 1 : 0);
        words[2] = tables_->root() | vt::pasid::FLPM.of(levels_ == 5 ? 1 : 0) | vt::pasid::NXE.of(1) |
                   vt::pasid::SRE.of(iommu.has(vt::ecap::SRS) ? 1 : 0) |
                   vt::pasid::WPE.of(iommu.has(vt::ecap::SRS) ? 1 : 0);
    } else if (paging()) {
        words[0] |= vt::pasid::PGTT.of(vt::pasid::SECOND_LEVEL) | tables_->root();
    } else {
        words[0] |= vt::pasid::PGTT.of(vt::pasid::PASS_THROUGH);
    }
    iommu.pages.write_words(*info.pasid_table + 8, words + 1, 7);
    iommu.pages.write_u64(*info.pasid_table, words[0]);
    if (vt::cap::CM.test(iommu.cap)) {
        iommu.qi_flush_pasid_cache(did, vt::qi::PC_PASID, 0);
        iommu.qi_flush_piotlb(did, 0, 0, 0, false);
    }
    const auto entry = iommu.iommu_context_addr(source, true);
    if (!entry) return -kENOMEM;
    if (vt::context::P.test(iommu.pages.read_u64(*entry))) return 0;
    iommu.pages.write_u64(*entry, info.pasid_directory->value | vt::scalable_context::P.of(1) |
                                      vt::scalable_context::DTE.of(info.ats_supported ? 1 : 0));
    if (vt::cap::CM.test(iommu.cap)) iommu.qi_flush_context(0, source, 0, vt::qi::DEVICE);
    return 0;
}

int DmarDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "intel_iommu_attach_device"};
    const Ptr<DeviceDomainInfo> info = ptr_cast<DeviceDomainInfo>(core_.dev_iommu_priv_get(dev, "IAT1"));
    IntelIommu& iommu = *info.deref("IAT1")->iommu.deref("IAT1");
    if (info->domain != nullptr) info->domain->dmar_remove_one_dev_info(dev, *info);
    if (type == DomainType::blocked) return 0;
    if (tables_ && !first_level_ && levels_ > iommu.levels) return -kEINVAL;
    if (const int err = domain_attach_iommu(iommu); err != 0) return err;
    info->domain = this;
    for (const std::uint16_t source : info->sources) {
        const int err =
            iommu.scalable ? pasid_setup(iommu, *info, source) : domain_context_mapping_one(iommu, *info, source);
        if (err == 0) continue;
        dmar_remove_one_dev_info(dev, *info);
        return err;
    }
    iommu_enable_pci_ats(dev, *info);
    return 0;
}

// Legacy mode passes what is untranslated alone.
void DmarDomain::iommu_enable_pci_ats(Device& dev, DeviceDomainInfo& info) {
    auto* const pdev = dynamic_cast<PciDevice*>(&dev);
    if (pdev == nullptr || !info.ats_supported || (!info.iommu->scalable && !paging())) return;
    info.ats_enabled = pci_enable_ats(*pdev, kVtdPageLog2) == 0;
    if (info.ats_enabled) units_.at(info.iommu->seq_id).device_tlbs.push_back(&info);
}

void DmarDomain::iommu_disable_pci_ats(Device& dev, DeviceDomainInfo& info) {
    auto* const pdev = dynamic_cast<PciDevice*>(&dev);
    if (pdev == nullptr || !info.ats_enabled) return;
    pci_disable_ats(*pdev);
    info.ats_enabled = false;
    std::vector<const DeviceDomainInfo*>& all = units_.at(info.iommu->seq_id).device_tlbs;
    all.erase(std::remove(all.begin(), all.end(), &info), all.end());
}

void DmarDomain::dmar_remove_one_dev_info(Device& dev, DeviceDomainInfo& info) {
    Frame frame{kernel(), "dmar_remove_one_dev_info"};
    IntelIommu& iommu = *info.iommu.get();
    iommu_disable_pci_ats(dev, info);
    const std::uint16_t did = did_in(iommu);
    if (iommu.scalable && info.pasid_table) {  // intel_pasid_tear_down_entry
        iommu.pages.write_u64(*info.pasid_table, 0);
        if (!iommu.mistakes.has(Mistake::ste_without_cfgi)) iommu.qi_flush_pasid_cache(did, vt::qi::PC_PASID, 0);
        if (iommu.mistakes.has(Mistake::reused_domain_id)) {
            // what is cached under the id stays
        } else if (first_level_) {
            iommu.qi_flush_piotlb(did, 0, 0, 0, false);
        } else {
            iommu.qi_flush_iotlb(did, 0, 0, false, vt::qi::DOMAIN);
        }
    }
    for (const std::uint16_t source : info.sources) domain_context_clear_one(iommu, source);
    domain_detach_iommu(iommu);
    info.domain = nullptr;
}

int DmarDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    if (!tables_) return -kENODEV;
    Frame frame{kernel(), "intel_iommu_map_pages"};
    PageProt prot;
    prot.write = write;
    prot.read = read;
    TableWork work{kernel(), table_cost_};
    if (const int err = tables_->map(iova, paddr, size, prot); err != 0) return err;
    work.mapped(*tables_, iova, size);
    // intel_iommu_iotlb_sync_map: what was not there may be cached as such.
    const bool tags = flushes_under_lock();
    if (tags) cache_lock_.lock("ICT1");
    for (const auto& [seq_id, unit] : units_) {
        if (!vt::cap::CM.test(unit.iommu->cap)) continue;
        iommu_flush_iotlb_psi(*unit.iommu, unit.did, iova.value, size >> 12, false);
    }
    if (tags) cache_lock_.unlock("ICT2");
    return 0;
}

// Tables that the range empties whole are freed, behind a flush of what is above the leaves.
std::uint64_t DmarDomain::unmap(Iova iova, std::uint64_t size) {
    if (!tables_) return 0;
    Frame frame{kernel(), "intel_iommu_unmap_pages"};
    IotlbGather& gather = gathers_[kernel().sched.current().id];
    gather = IotlbGather{};
    gather.queued = type == DomainType::dma_fq;
    // A part of a large page: the whole of it goes, as Linux does it.
    std::uint64_t first = iova.value, end = iova.value + size;
    if (const IoPgtable::End leaf = tables_->end_of_walk(iova); leaf.mapped) first &= ~(leaf.bytes - 1);
    if (const IoPgtable::End leaf = tables_->end_of_walk(Iova{end - 1}); leaf.mapped) {
        end = ((end - 1) | (leaf.bytes - 1)) + 1;
    }
    TableWork work{kernel(), table_cost_};
    work.unmaps(*tables_, iova, end - first);
    const std::uint64_t done = tables_->unmap(Iova{first}, end - first, gather);
    work.unmapped();
    return done <= iova.value - first ? 0 : std::min(done - (iova.value - first), size);
}

void DmarDomain::iotlb_sync(Iova, std::uint64_t) {
    const auto pending = gathers_.find(kernel().sched.current().id);
    if (pending == gathers_.end()) return;
    const IotlbGather gather = pending->second;
    gathers_.erase(pending);
    if (gather.pgsize != 0) tlb_sync_gather(gather);
}

void DmarDomain::tlb_sync_gather(const IotlbGather& gather) {
    Frame frame{kernel(), "intel_iommu_tlb_sync"};
    // Until commit 6b38a108eeb3 the hint was worked out and then lost on its way into a descriptor of a second level.
    flush_range(gather.start, gather.end, first_level_ || kernel().variant.has(Cap::flush_hint));
}

// A table is about to be freed: what is above the leaves goes too.
void DmarDomain::tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t) {
    Frame frame{kernel(), "intel_iommu_tlb_sync"};
    bool leaf_only = false;
    for (const auto& [seq_id, unit] : units_)
        leaf_only = leaf_only || unit.iommu->mistakes.has(Mistake::leaf_only_walk);
    flush_range(iova, iova + size - 1, leaf_only);
}

void DmarDomain::flush_range(std::uint64_t start, std::uint64_t end, bool leaf_only) {
    const bool tags = flushes_under_lock();  // cache_tag_flush_range
    if (tags) cache_lock_.lock("ICT3");
    for (const auto& [seq_id, unit] : units_) {
        IntelIommu& iommu = *unit.iommu;
        if (iommu.mistakes.has(Mistake::unmap_without_tlbi)) continue;
        std::uint64_t pages = ((end - start) >> 12) + 1;
        if (iommu.mistakes.has(Mistake::short_range)) --pages;
        const std::uint16_t did =
            iommu.mistakes.has(Mistake::wrong_asid) ? static_cast<std::uint16_t>(unit.did + 1) : unit.did;
        if (pages != 0) iommu_flush_iotlb_psi(iommu, did, start, pages, leaf_only);
        if (pages != 0 && !iommu.mistakes.has(Mistake::unmap_without_atc_inv))
            iommu_flush_dev_iotlb(unit, start, pages);
    }
    if (tags) cache_lock_.unlock("ICT4");
}

// The smallest power of two of pages, aligned to itself, that holds the range; all of the domain if one flush cannot.
void DmarDomain::iommu_flush_iotlb_psi(IntelIommu& iommu, std::uint16_t did, std::uint64_t start, std::uint64_t pages,
                                       bool leaf_only) {
    Frame frame{kernel(), "iommu_flush_iotlb_psi"};
    if (first_level_) return iommu.qi_flush_piotlb(did, 0, start, pages, leaf_only);
    const std::uint64_t first = start >> kVtdPageLog2;
    const unsigned order = order_of(first, pages);
    if (!vt::cap::PSI.test(iommu.cap) || order > vt::cap::MAMV.get(iommu.cap)) {
        iommu.qi_flush_iotlb(did, 0, 0, false, vt::qi::DOMAIN);
    } else {
        iommu.qi_flush_iotlb(did, (first >> order << order) << 12, order, leaf_only, vt::qi::PAGE);
    }
}

// 6.12 and later put a flush and those of its devices into one batch; here each has a wait of its own.
void DmarDomain::iommu_flush_dev_iotlb(const InUnit& unit, std::uint64_t start, std::uint64_t pages) {
    const unsigned order = order_of(start >> kVtdPageLog2, pages);
    for (const DeviceDomainInfo* const info : unit.device_tlbs)
        unit.iommu->qi_flush_dev_iotlb(info->sources.front(), kQueueDepth, start, order);
}

void DmarDomain::flush_iotlb_all() {
    Frame frame{kernel(), "intel_flush_iotlb_all"};
    const bool tags = flushes_under_lock();  // cache_tag_flush_all
    if (tags) cache_lock_.lock("ICT5");
    for (const auto& [seq_id, unit] : units_) {
        if (unit.iommu->mistakes.has(Mistake::flush_without_tlbi)) continue;
        if (first_level_) {
            unit.iommu->qi_flush_piotlb(unit.did, 0, 0, 0, false);
        } else {
            unit.iommu->qi_flush_iotlb(unit.did, 0, 0, false, vt::qi::DOMAIN);
        }
        if (unit.iommu->mistakes.has(Mistake::unmap_without_atc_inv)) continue;
        iommu_flush_dev_iotlb(unit, 0, std::uint64_t{1} << kAllPages);
    }
    if (tags) cache_lock_.unlock("ICT6");
}

std::optional<PhysAddr> DmarDomain::iova_to_phys(Iova iova) {
    if (type == DomainType::identity) return PhysAddr{iova.value};
    return tables_ ? tables_->iova_to_phys(iova) : std::nullopt;
}

std::optional<AddressSpace> DmarDomain::address_space() const {
    if (units_.empty()) return std::nullopt;
    const InUnit& unit = units_.begin()->second;
    return AddressSpace{unit.iommu->regs, unit.did};
}

void DmarDomain::free() {
    if (!tables_) return;
    tables_->free_tables();
    tables_.reset();
}

}  // namespace xlate::kernel
