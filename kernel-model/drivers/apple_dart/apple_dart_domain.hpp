// Domains of Apple's DART: up to four tables side by side (one a TTBR), for the streams of up to two DARTs that are
// programmed alike; the identity and the blocked domain. Map and unmap both end with an invalidation of all of them.
// Source: as apple_dart_hw.hpp.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "kernel-model/drivers/apple_dart/apple_dart_hw.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/dart_format.hpp"

namespace xlate::kernel {

/// Linux struct apple_dart_stream_map: streams of one DART.
struct DartStreamMap {
    Ptr<AppleDart> dart;
    DartStreams streams;
};
inline constexpr unsigned kMaxDartsPerDevice = 3;
/// Linux MAX_DARTS_PER_DEVICE; three from 6.15 on (9d7b779e3004). `release`: Variant::release.
constexpr unsigned max_darts_per_device(unsigned release) {
    constexpr unsigned kWithThree = 615;
    return release < kWithThree ? 2 : kMaxDartsPerDevice;
}
using DartStreamMaps = std::array<DartStreamMap, kMaxDartsPerDevice>;

/// Linux struct apple_dart_master_cfg: dev->iommu->priv of a master.
class AppleDartMasterCfg final : public HeapObject {
public:
    explicit AppleDartMasterCfg(Kernel& the_kernel) : HeapObject(the_kernel, "apple_dart_master_cfg") {}
    DartStreamMaps stream_maps;
    bool supports_bypass = false;
    void visit_pointers(PointerVisitor& visitor) const override {
        for (const DartStreamMap& map : stream_maps) visitor.visit(map.dart.get());
    }
};

/// Linux struct apple_dart_domain, and the driver's two static domains.
class AppleDartDomain final : public IommuDomain, public TlbFlush {
public:
    AppleDartDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory,
                    unsigned cpu_page_log2);

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

    void tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) override {}
    void tlb_sync_gather(const IotlbGather&) override {}

private:
    int apple_dart_finalize_domain(const AppleDartMasterCfg& cfg);
    int apple_dart_mod_streams(const AppleDartMasterCfg& cfg);
    void apple_dart_setup_translation(const DartStreamMap& map);
    int apple_dart_attach_dev_paging(const AppleDartMasterCfg& cfg);
    int apple_dart_attach_dev_identity(const AppleDartMasterCfg& cfg);
    void apple_dart_domain_flush_tlb();
    DartPgtable& table_of(std::uint64_t iova) { return *tables_[static_cast<std::size_t>(iova >> table_log2_)]; }

    IommuCore& core_;
    TableMemory& memory_;
    const unsigned cpu_page_log2_;
    Mutex init_lock_;
    bool finalized_ = false;
    DartStreamMaps stream_maps_;
    unsigned table_log2_ = 30;  ///< bytes below one TTBR
    std::vector<std::unique_ptr<DartPgtable>> tables_;
};

}  // namespace xlate::kernel
