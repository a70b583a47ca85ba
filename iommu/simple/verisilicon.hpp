// Verisilicon's IOMMU of its video decoders: one address space, 32 bits in, 40 bits out, pages of 4 KiB.
//   off (CONTROL.ENABLE)   passes untranslated
//   table array            its first word is read with the first walk after it was switched on or flushed, and kept
//   fault                  the first is latched in STATUS and FAULT_ADDR until software writes STATUS; with EXCEPTION's
//                          bit it raises the interrupt; the access ends in a bus error (ours: no source says what a
//                          decoder sees)
//   FLUSH                  drops everything when its bit is set, complete with the write
// Stored, without effect: CONFIG1. Ours: codes of STATUS, sizes of caches; a table that memory refuses is a fault.
// Source: iommu/simple/layout_verisilicon.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/simple/layout_verisilicon.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::verisilicon {

struct Parameters {
    CacheParams tlb{true, 64, 0, Replacement::lru};       ///< estimate
    CacheParams directory{true, 8, 0, Replacement::lru};  ///< directory words; estimate
    std::uint64_t seed = 1;
};

enum class Fault : std::uint16_t {
    none,
    no_table,         ///< the directory's word is not valid
    no_page,          ///< the table's word is not valid
    write_violation,  ///< the page is not writable
    out_of_bound,     ///< beyond 32 bits
    bus_error,        ///< memory refused a table
    unsupported,      ///< ATS
};

extern const InstanceSpec kSpec;

class Verisilicon final : public Instance, public TableWords {
public:
    explicit Verisilicon(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    std::uint64_t register_bytes(unsigned = 0) const override { return kRegisterBytes; }
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    std::optional<unsigned> take_wire() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    unsigned word_bytes() const override { return kWordBytes; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t table_bytes(std::uint64_t) const override { return kTableBytes; }
    std::uint64_t space_of(std::uint32_t) const override { return 0; }

private:
    friend class VerisiliconSlot;
    struct Counters {
        std::uint64_t translations = 0, tlb_misses = 0, walk_reads = 0, faults = 0, lost_faults = 0, flushes = 0;
    };
    void drop_all();
    void raise(Fault fault, std::uint64_t address);
    void update_line();

    std::uint32_t config1_ = 0, exception_ = 0, control_ = 0, array_base_ = 0, status_ = 0, fault_address_ = 0;
    std::optional<std::uint64_t> root_;  ///< the directory, once the array's word is read
    Tlb tlb_;
    WalkCache directory_;
    Counters counters_;
    bool line_ = false;
    bool pulse_ = false;
};

/// TLB; then the array's word if it is not known, the directory's, the table's.
class VerisiliconSlot final : public TranslationSlot {
public:
    explicit VerisiliconSlot(Verisilicon& mmu) : mmu_(mmu) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, directory_cache, array, directory, table, finished };
    const Step& begin();
    const Step& lookup(Structure structure, State next);
    const Step& read(std::uint64_t address, AccessPurpose purpose, unsigned size, State next);
    const Step& read_directory(std::uint64_t root);
    const Step& read_table(std::uint64_t table);
    const Step& mapped(const CachedTranslation& entry);
    const Step& done(std::uint64_t pa);
    const Step& fault(Fault fault);

    Verisilicon& mmu_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint32_t epoch_ = 0;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::verisilicon
