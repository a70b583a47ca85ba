// Broadcom's IOMMU of BCM2712: one address space for all masters of an instance, a window of it translated.
//   off (CTRL.ENABLE), CTRL.BYPASS   passes untranslated
//   limits of bypass       what lies above BYPASS_START and below BYPASS_END passes (a limit that is not enabled does
//   not
//                          limit; with neither nothing passes); INVERT: what does not lie there
//   ADDR_CAP               what lies beyond it is refused, before bypass is looked at (ours)
//   refused                the cause stays in CTRL until software writes 1 to it; with its ABORT_EN the access ends in
//   a
//                          bus error, else it goes to ILLEGAL_ADR's page if that is enabled, else in a bus error (ours)
//   TLB_CLEAR, SHOOT_DOWN  everything; the four pages of a line. Complete with the write
//   shared cache           its register alone: it keeps nothing, since nobody can see what it keeps
// HIT and MISS count look-ups of the TLB while STATS_ENABLE is set. Not modelled: interrupts (no tree names one),
// STALL, MISC.SINGLE_TABLE. Ours: sizes of caches; a table that memory refuses is a directory word that is not valid.
// Source: iommu/simple/layout_bcm2712.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/simple/layout_bcm2712.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::bcm2712 {

struct Parameters {
    CacheParams tlb{true, 64, 0, Replacement::lru};       ///< estimate
    CacheParams directory{true, 8, 0, Replacement::lru};  ///< directory words; estimate
    std::uint64_t shared_cache_bytes = 0;                 ///< of the shared cache's registers; 0: another's, or none
    std::uint64_t seed = 1;
};

enum class Fault : std::uint16_t {
    none,
    pt_invalid,       ///< a word is not valid
    write_violation,  ///< the page is not writable
    cap_exceeded,     ///< beyond ADDR_CAP
    bus_error,        ///< memory refused a table
    unsupported,      ///< ATS
};

extern const InstanceSpec kSpec;

class Bcm2712 final : public Instance, public TableWords {
public:
    explicit Bcm2712(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    unsigned register_banks() const override { return parameters_.shared_cache_bytes != 0 ? 2 : 1; }
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    std::optional<unsigned> take_wire() override { return std::nullopt; }
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    unsigned word_bytes() const override { return kWordBytes; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t table_bytes(std::uint64_t) const override { return kTableBytes; }
    std::uint64_t space_of(std::uint32_t) const override { return 0; }

private:
    friend class Bcm2712Slot;
    struct Counters {
        std::uint64_t translations = 0, tlb_misses = 0, walk_reads = 0, faults = 0, clears = 0, shoot_downs = 0,
                      shared_flushes = 0;
    };
    std::uint32_t& at(std::uint32_t offset) { return file_[offset / 4]; }
    std::uint32_t at(std::uint32_t offset) const { return file_[offset / 4]; }
    void write_control(std::uint32_t value);
    void shoot_down(std::uint32_t value);
    /// Of everything; `first`..`last`: of these bytes.
    void drop(bool by_address = false, std::uint64_t first = 0, std::uint64_t last = 0);
    bool bypasses(std::uint64_t input) const;
    bool beyond_cap(std::uint64_t input) const;
    bool on() const { return ctrl::ENABLE.test(at(reg::CTRL)) && !ctrl::BYPASS.test(at(reg::CTRL)); }
    void count_lookup(bool hit);

    const Parameters parameters_;
    std::array<std::uint32_t, kRegisterBytes / 4> file_{};
    std::uint32_t shared_control_ = 0;
    Tlb tlb_;
    WalkCache directory_;
    Counters counters_;
};

/// TLB, then the directory's word unless it is kept, then the table's.
class Bcm2712Slot final : public TranslationSlot {
public:
    explicit Bcm2712Slot(Bcm2712& mmu) : mmu_(mmu) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, directory_cache, directory, table, finished };
    const Step& begin();
    const Step& lookup(Structure structure, State next);
    const Step& read(std::uint64_t address, AccessPurpose purpose, State next);
    const Step& read_table(std::uint64_t table);
    const Step& mapped(const CachedTranslation& entry);
    const Step& done(std::uint64_t pa);
    const Step& fault(Fault fault);

    Bcm2712& mmu_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint32_t epoch_ = 0;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::bcm2712
