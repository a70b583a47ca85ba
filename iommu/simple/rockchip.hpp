// The Rockchip IOMMU, versions 1 and 2: one or more MMUs, each with its registers ("bank", one `reg` entry of
// firmware), its TLB and its directory of tables, which software programs alike. Registers and commands; no queue.
//   of several   the last serves writes, the others reads, by stream (ours: which master port has which MMU is not
//                documented)
//   paging off   everything passes untranslated
//   stall        accesses wait at the bank until it ends; only while paging is on
//   page fault   the access waits, and with it all that its bank is asked to translate, until PAGE_FAULT_DONE; then it
//   is
//                tried again, and if it faults again, aborted (ours: hardware would raise the fault for ever)
//   bus error    a table that memory refuses: reported, and the access aborted
// ZAP takes effect with the register write; paging, stall and reset when the owner lets them (settle).
// Not modelled: security, cache hints and overrides in words, clock gating (AUTO_GATING is storage), TLB entries of
// invalid words. Source: docs/spec/iommu-hardware.md section 16.1, docs/spec/linux-findings.md 28 to 31.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "iommu/instance.hpp"

#include "iommu/shadow/table_words.hpp"
#include "iommu/simple/layout_rockchip.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::rockchip {

struct Parameters {
    Version version = Version::v1;
    unsigned banks = 1;                                   ///< MMUs
    unsigned wires = 1;                                   ///< interrupts; banks beyond the last share it
    CacheParams tlb{true, 64, 0, Replacement::lru};       ///< of each bank; estimate
    CacheParams directory{true, 8, 0, Replacement::lru};  ///< of each bank: directory words; estimate
    std::uint64_t seed = 1;
};

enum class Fault : std::uint16_t {
    none = 0,
    directory_invalid,  ///< page fault: no table
    page_invalid,       ///< page fault: no page
    read_denied,        ///< page fault
    write_denied,       ///< page fault
    out_of_range,       ///< page fault: the address has more than 32 bits
    bus_error,          ///< memory refused a table
    unsupported,        ///< ATS
};

/// The data sheet.
extern const InstanceSpec kSpec;

class Slot;

class Rockchip final : public Instance, public TableWords {
public:
    explicit Rockchip(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    unsigned register_banks() const override { return parameters_.banks; }
    std::uint64_t register_bytes(unsigned bank) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) override;
    bool settling() const override;
    void settle() override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned wires() const override { return parameters_.wires; }
    WireSpec wire(unsigned index) const override { return {{}, index}; }
    std::optional<unsigned> take_wire() override;
    std::optional<std::uint64_t> take_resumed() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    // What a sanitizer wants to know.
    unsigned word_bytes() const override { return kWordBytes; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;

    /// Which bank serves it.
    unsigned bank_of(const Request& request) const;

private:
    friend class Slot;

    struct Bank {
        Bank(const Parameters& parameters, unsigned index);
        // Registers.
        std::uint32_t dte_addr = 0;
        std::uint32_t fault_address = 0;
        std::uint32_t rawstat = 0;
        std::uint32_t mask = 0;
        std::uint32_t auto_gating = 0;
        bool paging = false;
        bool stall = false;
        bool fault_active = false;
        bool fault_is_write = false;
        std::vector<Command> pending;  ///< written, not in effect
        // Inside.
        unsigned active = 0;         ///< translations under way
        std::vector<Slot*> waiting;  ///< accesses, oldest first
        bool line = false;           ///< the interrupt's level
        Tlb tlb;
        WalkCache directory;

        bool holds() const { return stall || fault_active; }
    };
    struct Counters {
        std::uint64_t translations = 0, tlb_hits = 0, page_faults = 0, bus_errors = 0, given_up = 0, zaps = 0,
                      walks = 0, walk_reads = 0;
    };

    void command(Bank& bank, Command command);
    void take_effect(Bank& bank, Command command);
    Invalidation match(const Bank& bank) const;
    void zap(Bank& bank, bool by_address, std::uint32_t address);
    void release(Bank& bank);
    void update_line(Bank& bank, bool causes_changed);
    void raise(Bank& bank, std::uint32_t cause, std::uint64_t address, bool write);
    void update_translates();
    unsigned index_of(const Bank& bank) const { return static_cast<unsigned>(&bank - banks_.data()); }

    Parameters parameters_;
    std::vector<Bank> banks_;
    std::deque<unsigned> pulses_;
    std::deque<std::uint64_t> resumed_;
    Counters counters_;
};

}  // namespace xlate::iommu::rockchip
