// MediaTek's M4U of the second generation, and the IOMMU of the same kind for the infrastructure: one table a bank,
// ports that larbs (or PERICFG) switch to it.
//   port not switched on        passes untranslated
//   IOVA[33:32]                 of a 34-bit part, of a larb with one register a port: that register's, not the
//                               master's
//   fault                       latched once for each of two MMUs until INT_CONTROL0.CLR; the access goes to the
//                               protect buffer, so the master sees no error: here reads give zero, writes go nowhere
//   INVALIDATE                  range: what it covers is gone with the write, CPE_DONE is set when older translations
//                               are done (machine `invalidation`); all: of every bank, by bank 0
//   suspended                   not modelled: registers and TLBs keep what they have
// Register banks in the sense of Instance: 0 is the M4U, its register files (banks) behind each other; then each larb,
// and the SMI common or PERICFG (Satellite).
// Stored, without effect: MISC_CTRL, DCM_DIS, WR_LEN_CTRL, CTRL, what of larbs and SMI common is not named in
// layout.hpp. Not modelled: prefetching, multi-hit and FIFO causes, 4 GB mode's second address map. Ours: which MMU
// serves a larb when BUS_SEL names none is MMU 0; power-on WR_LEN_CTRL; TLB sizes; a word that memory refuses is a
// translation fault. Source: docs/spec/iommu-hardware.md section 16.3.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/mediatek/layout_soc.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::mediatek {

/// A register window of another node that belongs to the M4U.
struct Satellite {
    enum class Kind : std::uint8_t { larb, smi_common, pericfg, storage } kind = Kind::larb;
    unsigned larb = 0;  ///< its number
    std::uint64_t bytes = kBankBytes;
};

struct Parameters {
    Soc soc = kSocs[0];
    std::vector<Satellite> satellites;
    unsigned wires = 1;                                    ///< interrupts: by bank
    CacheParams tlb{true, 128, 4, Replacement::lru};       ///< of all banks; estimate
    CacheParams directory{true, 32, 4, Replacement::lru};  ///< first-level words that name tables; estimate
    std::uint64_t seed = 1;
};

enum class Fault : std::uint16_t {
    none,
    l1_invalid,    ///< TRANSLATION
    l2_invalid,    ///< TRANSLATION
    walk_aborted,  ///< TRANSLATION: memory refused the table
    out_of_range,  ///< TRANSLATION: beyond the input bits
    invalid_pa,    ///< INVALID_PA: outside of VLD_PA_RNG
    unsupported,   ///< ATS
};
std::string name(Fault fault);

extern const InstanceSpec kSpec;

class M4u final : public Instance, public TableWords {
public:
    explicit M4u(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    unsigned register_banks() const override { return static_cast<unsigned>(1 + parameters_.satellites.size()); }
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return 1; }
    bool machine_pending(unsigned index) const override { return index == 0 && busy_ != 0; }
    const Step& step_machine(unsigned index, const Reply& reply) override;
    unsigned wires() const override { return parameters_.wires; }
    WireSpec wire(unsigned index) const override { return {{}, index}; }
    std::optional<unsigned> take_wire() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    unsigned word_bytes() const override { return kWordBytes; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t table_bytes(std::uint64_t space) const override;

private:
    friend class Slot;
    struct Counters {
        std::uint64_t translations = 0, tlb_misses = 0, walks = 0, walk_reads = 0, faults = 0, lost_faults = 0,
                      flushes = 0, range_flushes = 0;
    };
    /// How the port of an access is set.
    struct Port {
        bool enabled = false;
        unsigned bank = 0;
        std::uint64_t iova = 0;  ///< what is translated
    };

    std::uint32_t get(unsigned bank, std::uint32_t offset) const { return files_[0][(bank * kBankBytes + offset) / 4]; }
    void set(unsigned bank, std::uint32_t offset, std::uint32_t value) {
        files_[0][(bank * kBankBytes + offset) / 4] = value;
    }
    Port port_of(StreamId id, std::uint64_t address) const;
    void write_own(unsigned bank, std::uint32_t offset, std::uint32_t value);
    void write_satellite(std::size_t index, std::uint32_t offset, std::uint32_t value);
    void invalidate(unsigned bank, std::uint32_t what);
    bool switched_by_table() const;
    void ports_changed();
    void raise(Fault fault, unsigned bank, StreamId id, std::uint64_t iova, std::uint64_t pa, bool write);
    void update_line(unsigned bank, bool causes_changed);
    std::uint32_t int_id(StreamId id) const;
    unsigned mmu_of(StreamId id) const;

    Parameters parameters_;
    std::vector<std::vector<std::uint32_t>> files_;  ///< words of each register bank
    std::vector<std::uint32_t> larb_enabled_;        ///< by larb: one bit a port
    std::uint32_t infra_enabled_ = 0;
    Tlb tlb_;
    WalkCache directory_;
    Counters counters_;
    std::uint32_t busy_ = 0;  ///< one bit a bank: a range flush waits
    bool draining_ = false;
    std::uint32_t lines_ = 0;
    std::deque<unsigned> pulses_;
    Step machine_step_;
};

}  // namespace xlate::iommu::mediatek
