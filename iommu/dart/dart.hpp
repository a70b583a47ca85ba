// One DART: a translation table base and a control word for each stream, a TLB, invalidation by register.
//   translations  blocked (TCR 0), bypass, or a walk of two or three levels; faults latch ERROR until it is cleared
//   machines      `invalidation`: the busy bit of STREAM_COMMAND or TLB_CMD, until older translations are done
//   wires         one, level-sensitive: ERROR's FLAG, unless masked
// Not modelled: the address filter (DAPF) behind BYPASS_DAPF, stream remapping (TCR.REMAP is stored), clients, locks
// beyond TTBR and TCR. Source: docs/spec/iommu-hardware.md section 5.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/dart/faults.hpp"
#include "iommu/dart/parameters.hpp"
#include "iommu/dart/registers.hpp"
#include "iommu/instance.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::dart {

const InstanceSpec& sheet();

/// conservation: translations = done + faults.
struct DartCounters {
    std::uint64_t translations = 0;
    std::uint64_t bypassed = 0;
    std::uint64_t faults = 0;
    std::uint64_t blocked = 0;
    std::uint64_t tlb_misses = 0;
    std::uint64_t walks = 0;
    std::uint64_t walk_reads = 0;
    std::uint64_t invalidations = 0;
    std::uint64_t errors_lost = 0;
};

class Dart final : public Instance, public TableWords {
public:
    explicit Dart(const DartParams& params);

    const InstanceSpec& spec() const override { return sheet(); }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return 1; }
    bool machine_pending(unsigned index) const override;
    const Step& step_machine(unsigned index, const Reply& reply) override;
    std::optional<unsigned> take_wire() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    // TableWords (dart_words.cpp). An address space is a stream.
    unsigned word_bytes() const override { return dart_table::kWordBytes; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t table_bytes(std::uint64_t space) const override;
    std::optional<std::uint64_t> space_of_stream(StreamId stream) const override { return value(stream); }

    const DartParams& params() const { return params_; }

    /// Latches the first of them; counts the others.
    void record(FaultCode code, std::uint32_t stream, std::uint64_t address);

    // The parts, for translations and tests.
    Registers registers;
    Tlb tlb;
    std::vector<WalkCache> walk;  ///< table words, by levels above the leaves, less one
    DartCounters counters;

private:
    void write_word(std::uint32_t offset, std::uint32_t value);
    void write_t8020(std::uint32_t offset, std::uint32_t value);
    void write_t8110(std::uint32_t offset, std::uint32_t value);
    bool is_locked_register(std::uint32_t offset) const;
    void stream_changed(std::uint32_t stream);
    void invalidate_stream(std::optional<std::uint32_t> stream);
    void apply(const Invalidation& invalidation);
    void show_error();
    void update_wire();
    bool wire_level() const;

    DartParams params_;
    ErrorRecord error_;
    bool busy_ = false;      ///< an invalidation is under way
    bool draining_ = false;  ///< its sync has been asked for
    bool level_ = false;     ///< of the wire
    bool pulse_ = false;
    Step machine_step_;
};

}  // namespace xlate::iommu::dart
