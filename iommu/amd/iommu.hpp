// One AMD IOMMU (AMD-Vi): registers, device table, command buffer, logs, interrupt remapping and the caches behind
// them.
//   registers  act with the write
//   machines   `commands`: the command buffer; `outputs`: events, page requests, own interrupts as messages
//   wires      one, pulsed where the MSI capability is off and x2APIC interrupts are not used
// Not modelled: the guest virtual APIC and its log (stored), performance counters, HT tunnel and system management
// ranges (stored), accessed and dirty bits of v1 tables, segmented device tables, SNP.
// Source: docs/spec/iommu-hardware.md sections 4 and 14.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/amd/commands.hpp"
#include "iommu/amd/device_table.hpp"
#include "iommu/amd/interrupts.hpp"
#include "iommu/amd/logs.hpp"
#include "iommu/amd/parameters.hpp"
#include "iommu/amd/registers.hpp"
#include "iommu/amd/translation.hpp"
#include "iommu/directory_cache.hpp"
#include "iommu/instance.hpp"
#include "iommu/shadow/hardware_bits.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::amd {

const InstanceSpec& sheet();
/// Of an event: "IO_PAGE_FAULT".
std::string event_name(std::uint16_t code);

struct AmdCounters {
    std::uint64_t translations = 0;
    std::uint64_t faults = 0;
    std::uint64_t dte_hits = 0, dte_misses = 0;
    std::uint64_t tlb_hits = 0, tlb_misses = 0;
    std::uint64_t walks = 0;
    std::uint64_t host_reads = 0, guest_reads = 0;
    std::uint64_t updates = 0;
    std::uint64_t interrupts = 0, interrupts_blocked = 0;
};

/// Whose access an event is about.
struct FaultSubject {
    std::uint16_t device = 0;
    std::optional<std::uint32_t> pasid;
    std::uint64_t address = 0;
    bool write = false, execute = false, user = false, translation_request = false, interrupt = false;
};

class Iommu final : public Instance, public PageRequests, public Endpoints, public TableWords, public HardwareBits {
public:
    explicit Iommu(const AmdParams& params);

    const InstanceSpec& spec() const override { return sheet(); }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::uint32_t pci_capability(unsigned offset) const override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return 2; }
    bool machine_pending(unsigned index) const override;
    const Step& step_machine(unsigned index, const Reply& reply) override;
    std::optional<Prefetch> take_prefetch() override;
    std::optional<unsigned> take_wire() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;
    PageRequests* page_requests() override { return params_.has(feat::PPR) ? this : nullptr; }
    Endpoints* endpoints() override { return this; }

    bool page_request(const PageRequest& request) override;
    std::optional<PageResponse> take_page_response() override { return logs.take_page_response(); }
    /// The device's I bit is looked at for each.
    bool checks_translated() const override { return true; }

    // TableWords. The context of a claim is a domain id: of the tables that its devices' requests were translated by.
    unsigned word_bytes() const override { return 8; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t hardware_bits(AccessPurpose purpose) const override;
    std::uint64_t space_of(std::uint32_t context) const override;
    std::optional<std::uint64_t> space_of_stream(StreamId stream) const override;
    bool needs_drain() const override { return true; }
    bool keeps_configuration(AccessPurpose purpose, const std::uint8_t* bytes) const override;
    Invalidation wanted_for_configuration(std::uint64_t stream, AccessPurpose purpose,
                                          const std::uint8_t* bytes) const override;
    const char* configuration_name(AccessPurpose) const override { return "device table entry"; }

    const AmdParams& params() const { return params_; }
    /// A request of the domain is translated by tables of this kind (a guest's: of PASID 0, not nested).
    void note_tables(std::uint16_t domain, bool guest);
    /// Applies an invalidation to all caches and sinks.
    void invalidate(const Invalidation& invalidation);
    void prefetch(const Prefetch& prefetch);
    /// Logs what a translation or an interrupt found wrong, unless `entry` (nullptr: none was found) suppresses it.
    bool report(const WalkFault& fault, const FaultSubject& subject, const Dte* entry);

    // The parts, for translations, statistics and tests.
    Registers registers;
    DirectoryCache<Dte> dte_cache;
    DirectoryCache<EntryWords> irte_cache;
    Tlb tlb;
    std::vector<WalkCache> walk_host, walk_guest;  ///< by kWalkCaches - level of the table
    Logs logs;
    AmdCounters counters;

private:
    void write_control(std::uint64_t value);
    std::uint64_t status() const;
    void drop_ports();
    void drop_translations(const Invalidation& invalidation);

    AmdParams params_;
    Commands commands_;
    std::vector<bool> guest_domains_;  ///< by id: translated by a guest's tables; empty: none ever was
    std::vector<bool> suppressed_;     ///< by device: SE has let one event pass
    std::vector<Prefetch> prefetches_;
    Step command_step_, output_step_;
};

}  // namespace xlate::iommu::amd
