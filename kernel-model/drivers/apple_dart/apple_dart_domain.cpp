#include "kernel-model/drivers/apple_dart/apple_dart_domain.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace xlate::kernel {

namespace table = iommu::dart_table;

AppleDartDomain::AppleDartDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory,
                                 unsigned cpu_page_log2)
    : IommuDomain(the_kernel, domain_type),
      core_(core),
      memory_(memory),
      cpu_page_log2_(cpu_page_log2),
      init_lock_(the_kernel, "dart_domain->init_lock") {}

void AppleDartDomain::free() {
    for (const auto& tables : tables_) tables->free_tables();
}

std::optional<AddressSpace> AppleDartDomain::address_space() const {
    const DartStreamMap& first = stream_maps_.front();
    if (!first.dart) return std::nullopt;
    for (unsigned stream = 0; stream < first.streams.size(); ++stream) {
        if (first.streams.test(stream)) return AddressSpace{first.dart->regs, static_cast<std::uint16_t>(stream)};
    }
    return std::nullopt;
}

// The first device decides what the tables look like. Four table bases at most; output sizes that the format has.
int AppleDartDomain::apple_dart_finalize_domain(const AppleDartMasterCfg& cfg) {
    Frame frame{kernel(), "apple_dart_finalize_domain"};
    const AppleDart& dart = *cfg.stream_maps.front().dart.deref("DTF1");
    init_lock_.lock("DTF2");
    int err = 0;
    if (!finalized_) {
        stream_maps_ = cfg.stream_maps;
        table_log2_ = table::shift(dart.page_log2, 2);
        const unsigned bases_log2 = dart.ias > table_log2_ ? dart.ias - table_log2_ : 0;
        if (dart.oas != 36 && dart.oas != 42) err = -kENOMEM;
        if (bases_log2 > 2 || (std::uint64_t{1} << bases_log2) > dart.ttbr_count()) err = -kEINVAL;
        for (unsigned i = 0; err == 0 && i < 1U << bases_log2; ++i) {
            tables_.push_back(std::make_unique<DartPgtable>(memory_, *this, dart.kind.words, dart.page_log2, dart.oas));
            err = tables_.back()->init();
        }
        if (err == 0) {
            pgsize_bitmap = std::uint64_t{1} << dart.page_log2;
            aperture_start = 0;
            aperture_end = low_mask(dart.ias);
            finalized_ = true;
        } else {
            free();
            tables_.clear();
        }
    }
    init_lock_.unlock("DTF3");
    return err;
}

/// Linux apple_dart_domain_add_streams(): the streams of one more device, of the same DARTs.
int AppleDartDomain::apple_dart_mod_streams(const AppleDartMasterCfg& cfg) {
    for (unsigned i = 0; i < kMaxDartsPerDevice; ++i) {
        if (stream_maps_[i].dart.get() != cfg.stream_maps[i].dart.get()) return -kEINVAL;
    }
    for (unsigned i = 0; i < kMaxDartsPerDevice; ++i) stream_maps_[i].streams |= cfg.stream_maps[i].streams;
    return 0;
}

void AppleDartDomain::apple_dart_setup_translation(const DartStreamMap& map) {
    AppleDart& dart = *map.dart.deref("DTA4");
    unsigned index = 0;
    for (const auto& tables : tables_) dart.apple_dart_hw_set_ttbr(map.streams, index++, tables->root());
    for (; index < dart.ttbr_count(); ++index) dart.apple_dart_hw_clear_ttbr(map.streams, index);
    dart.apple_dart_hw_enable_translation(map.streams);
    if (!dart.mistakes.has(Mistake::attach_without_zap)) dart.invalidate_tlb(map.streams);
}

int AppleDartDomain::apple_dart_attach_dev_paging(const AppleDartMasterCfg& cfg) {
    Frame frame{kernel(), "apple_dart_attach_dev_paging"};
    if (cfg.stream_maps.front().dart.deref("DTA1")->page_log2 > cpu_page_log2_) return -kEINVAL;
    if (const int err = apple_dart_finalize_domain(cfg); err != 0) return err;
    if (const int err = apple_dart_mod_streams(cfg); err != 0) return err;
    for (const DartStreamMap& map : cfg.stream_maps) {
        if (map.dart) apple_dart_setup_translation(map);
    }
    return 0;
}

// No invalidation follows: what the TLB holds is not looked at any more.
int AppleDartDomain::apple_dart_attach_dev_identity(const AppleDartMasterCfg& cfg) {
    Frame frame{kernel(), "apple_dart_attach_dev_identity"};
    if (!cfg.supports_bypass) return -kEINVAL;
    for (const DartStreamMap& map : cfg.stream_maps) {
        if (map.dart) map.dart.deref("DTA5")->apple_dart_hw_enable_bypass(map.streams);
    }
    return 0;
}

int AppleDartDomain::attach_dev(Device& dev) {
    const Ptr<AppleDartMasterCfg> priv = ptr_cast<AppleDartMasterCfg>(core_.dev_iommu_priv_get(dev, "AT2"));
    const AppleDartMasterCfg& cfg = *priv.deref("AT2");
    if (type == DomainType::identity) return apple_dart_attach_dev_identity(cfg);
    if (type != DomainType::blocked) return apple_dart_attach_dev_paging(cfg);
    for (const DartStreamMap& map : cfg.stream_maps) {
        if (map.dart) map.dart.deref("DTA6")->apple_dart_hw_disable_dma(map.streams);
    }
    return 0;
}

void AppleDartDomain::apple_dart_domain_flush_tlb() {
    for (const DartStreamMap& map : stream_maps_) {
        if (map.dart) map.dart.deref("DTS1")->invalidate_tlb(map.streams);
    }
}

int AppleDartDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    Frame frame{kernel(), "apple_dart_map_pages"};
    PageProt prot;
    prot.read = read;
    prot.write = write;
    const std::uint64_t span = std::uint64_t{1} << table_log2_;
    if (iova.value > aperture_end || size - 1 > aperture_end - iova.value) return -kERANGE;
    std::uint64_t done = 0;
    int err = 0;
    while (done < size && err == 0) {
        const std::uint64_t at = iova.value + done;
        const std::uint64_t part = std::min(size - done, span - (at & (span - 1)));
        err = table_of(at).map(Iova{at & (span - 1)}, PhysAddr{paddr.value + done}, part, prot);
        if (err == 0) done += part;
    }
    if (err != 0) {
        if (done != 0) unmap(iova, done);
        return err;
    }
    apple_dart_domain_flush_tlb();  // iotlb_sync_map
    return 0;
}

std::uint64_t AppleDartDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "apple_dart_unmap_pages"};
    const std::uint64_t span = std::uint64_t{1} << table_log2_;
    std::uint64_t done = 0;
    while (done < size) {
        const std::uint64_t at = iova.value + done;
        const std::uint64_t part = std::min(size - done, span - (at & (span - 1)));
        IotlbGather gather;
        gather.queued = true;  // iotlb_sync drops everything of the streams
        const std::uint64_t unmapped = table_of(at).unmap(Iova{at & (span - 1)}, part, gather);
        done += unmapped;
        if (unmapped < part) break;
    }
    return done;
}

void AppleDartDomain::iotlb_sync(Iova, std::uint64_t) {
    const AppleDart* dart = stream_maps_.front().dart.get();
    if (dart != nullptr && dart->mistakes.has(Mistake::unmap_without_tlbi)) return;
    apple_dart_domain_flush_tlb();
}
void AppleDartDomain::flush_iotlb_all() { apple_dart_domain_flush_tlb(); }

std::optional<PhysAddr> AppleDartDomain::iova_to_phys(Iova iova) {
    if (tables_.empty() || iova.value > aperture_end) return std::nullopt;
    return table_of(iova.value).iova_to_phys(Iova{iova.value & low_mask(table_log2_)});
}

}  // namespace xlate::kernel
