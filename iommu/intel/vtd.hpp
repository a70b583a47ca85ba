// One VT-d remapping unit: registers, root, context and PASID tables, invalidation queue, fault records, interrupt
// remapping, and the caches behind them.
//   registers     GCMD takes effect with settle(): GSTS answers; CCMD and IOTLB stay busy until the machine
//                 `register_invalidation` is through; all others act with the write
//   machines      `invalidation_queue`; `register_invalidation`; `outputs`: messages that do not go to local APICs,
//   page
//                 requests
//   wires         `fault`, `completion`, `page`: the events' messages, as far as they go to the interrupt range
// Not modelled: advanced fault logging, memory type range registers, virtual commands, posted interrupts (an entry with
// IM set is refused as reserved), performance monitoring, execute permissions of the second level.
// Source: docs/spec/iommu-hardware.md section 3; VT-d specification 4.1.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/directory_cache.hpp"
#include "iommu/instance.hpp"
#include "iommu/intel/context.hpp"
#include "iommu/intel/invalidation_queue.hpp"
#include "iommu/intel/outputs.hpp"
#include "iommu/intel/page_requests.hpp"
#include "iommu/intel/parameters.hpp"
#include "iommu/intel/purpose.hpp"
#include "iommu/intel/registers.hpp"
#include "iommu/shadow/hardware_bits.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::vtd {

const InstanceSpec& sheet();
/// Of a fault record's FR.
std::string fault_name(std::uint16_t code);

/// conservation: translations = done + faults.
struct VtdCounters {
    std::uint64_t translations = 0;
    std::uint64_t faults = 0;
    std::uint64_t config_reads = 0;
    std::uint64_t context_misses = 0;
    std::uint64_t pasid_misses = 0;
    std::uint64_t iotlb_misses = 0;
    std::uint64_t walks = 0;
    std::uint64_t walk_reads = 0;
    std::uint64_t updates = 0;
    std::uint64_t interrupts = 0;
    std::uint64_t ats_requests = 0;
    std::uint64_t ats_translated = 0;
    std::uint64_t page_requests = 0;
};

class Vtd final : public Instance, public Endpoints, public PageRequests, public TableWords, public HardwareBits {
public:
    explicit Vtd(const VtdParams& params);

    const InstanceSpec& spec() const override { return sheet(); }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    bool settling() const override;
    void settle() override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return 3; }
    bool machine_pending(unsigned index) const override;
    const Step& step_machine(unsigned index, const Reply& reply) override;
    std::optional<unsigned> take_wire() override { return outputs.take_wire(); }
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;
    Endpoints* endpoints() override { return params_.has(ecap::DT) ? this : nullptr; }
    PageRequests* page_requests() override { return params_.has(ecap::PRS) ? this : nullptr; }

    /// What each stream may do is looked at for each translated request.
    bool checks_translated() const override { return true; }
    bool page_request(const PageRequest& request) override;
    std::optional<PageResponse> take_page_response() override;
    /// A page group response of software.
    void respond(const Descriptor& words);

    // TableWords: of second-level tables, and of first-level ones that no second level translates. The context of a
    // claim is a domain id.
    unsigned word_bytes() const override { return 8; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    bool decode_in(std::uint64_t space, AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t hardware_bits(AccessPurpose purpose) const override;
    bool drops_words(const Invalidation& invalidation) const override;
    std::uint64_t space_of(std::uint32_t context) const override;
    std::optional<std::uint64_t> space_of_stream(StreamId stream) const override;
    bool needs_drain() const override { return true; }
    bool keeps_configuration(AccessPurpose purpose, const std::uint8_t* bytes) const override;
    bool covers_configuration(const Invalidation& invalidation, std::uint64_t stream, AccessPurpose purpose,
                              const std::uint8_t* bytes) const override;
    Invalidation wanted_for_configuration(std::uint64_t stream, AccessPurpose purpose,
                                          const std::uint8_t* bytes) const override;
    const char* configuration_name(AccessPurpose purpose) const override {
        return purpose == Purpose::pasid_entry ? "PASID entry" : "context entry";
    }
    /// Requests without a PASID are translated by first-level tables of this one, or by a second level (none).
    void note_tables(std::uint64_t domain, std::optional<std::uint32_t> first_level_pasid);

    const VtdParams& params() const { return params_; }
    std::uint32_t status() const { return status_; }
    bool scalable() const { return rtaddr::TTM.get(root_) == rtaddr::SCALABLE; }
    std::uint64_t table_mode() const { return rtaddr::TTM.get(root_); }
    std::uint64_t root_table() const { return rtaddr::address(root_); }
    bool remaps_interrupts() const { return gcmd::IRE.test(status_); }
    /// IRTA as it is in effect: address, size, mode.
    std::uint64_t interrupt_table() const { return interrupt_table_; }

    // The invalidation queue. Positions are indices.
    bool queue_on() const { return gcmd::QIE.test(status_); }
    bool queue_wide() const { return iqa::DW.test(registers.get(reg::IQA)); }
    std::uint32_t queue_bytes() const { return queue_wide() ? 32 : 16; }
    std::uint32_t queue_entries() const {
        return (std::uint32_t{4096} << iqa::QS.get(registers.get(reg::IQA))) / queue_bytes();
    }
    std::uint32_t queue_next(std::uint32_t index) const { return (index + 1) % queue_entries(); }
    std::uint64_t queue_address(std::uint32_t index) const {
        return iqa::address(registers.get(reg::IQA)) + std::uint64_t{index} * queue_bytes();
    }
    /// Not below queue_entries(): the register holds nonsense.
    std::uint32_t queue_tail() const {
        const std::uint64_t tail = registers.get(reg::IQT);
        return tail % queue_bytes() != 0 ? queue_entries() : static_cast<std::uint32_t>(tail / queue_bytes());
    }

    /// Applies an invalidation to all caches and sinks.
    void invalidate(const Decoded& decoded);
    /// No invalidation since that epoch takes what `entry` says: a fill that was on its way may go on. Of the last few
    /// epochs; false further back.
    bool undisturbed(std::uint32_t since, const CachedTranslation& entry) const;
    bool undisturbed(std::uint32_t since, const WalkCacheEntry& entry) const;
    void invalidate(const Invalidation& invalidation);
    /// The access that sets bits in a table word.
    void update_word(Step& step, std::uint64_t address, std::uint64_t before, std::uint64_t after) const;
    /// A request for memory that PMEN protects.
    bool is_protected(std::uint64_t address) const;

    // The parts, for translations, statistics and tests.
    Registers registers;
    Outputs outputs;
    std::uint64_t iva_register = 0, iotlb_register = 0;
    std::uint32_t queue_head = 0;
    DirectoryCache<Context> context_cache;
    DirectoryCache<PasidEntry> pasid_cache;
    DirectoryCache<InterruptEntry> interrupt_cache;
    Tlb tlb;
    Tlb nested_cache;
    std::vector<WalkCache> walk_s1, walk_s2;  ///< by level: kWalkCaches + 1 - VT-d's level
    mutable VtdCounters counters;

private:
    std::uint64_t read_word(std::uint32_t offset) const;
    void write_word(std::uint32_t offset, std::uint64_t value);
    std::uint64_t read_row(const RegRow& row) const;
    void write_row(const RegRow& row, std::uint64_t value);
    std::uint64_t* special(std::uint32_t offset);
    void apply_command(std::uint32_t command);
    void invalidate_all();
    void note(const Invalidation& invalidation);
    void drop_ports();

    std::vector<std::uint32_t> first_level_;  ///< by domain: PASID + 1, 0: none; empty: of no domain
    std::array<Invalidation, 16> recent_{};   ///< what began each epoch, by its number
    VtdParams params_;
    std::uint32_t status_ = 0;              ///< GSTS
    std::optional<std::uint32_t> command_;  ///< GCMD as written, not in effect yet
    std::uint64_t root_ = 0;                ///< RTADDR as SRTP latched it
    std::uint64_t interrupt_table_ = 0;     ///< IRTA as SIRTP latched it
    InvalidationQueue queue_;
    RegisterInvalidation by_register_;
    PageRequestQueue pages_;
    Step queue_step_, register_step_, output_step_;
};

}  // namespace xlate::iommu::vtd
