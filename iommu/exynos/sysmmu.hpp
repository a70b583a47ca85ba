// Samsung's Exynos SysMMU, versions 1 to 7: one port, one table, registers and commands; no queue.
//   off            everything passes untranslated
//   CTRL.BLOCK     accesses wait; STATUS.BLOCKED comes when older translations have reached memory (machine `block`)
//   flush          all, of an address, of a range (version 5 on): takes effect with the write, blocked or not. Of an
//                  address or a range it drops whole leaves, and before version 5 the first-level words as well
//   fault          recorded, the interrupt is level-sensitive, and the SysMMU blocks itself: the access waits until
//                  CTRL is written without BLOCK. Then it is tried again, and if it faults again it reads zero and
//                  writes nothing (ours: hardware would raise the fault for ever)
//   VM registers   version 7: those of machine 0; CTRL_VM must enable it, and without FAULT_STALLS a fault does not
//                  block: the access reads zero and writes nothing
//   addresses      the bus has 32 bits: higher ones of an access are lost, as Linux's driver loses them
//   ports          keep no translations: one that did would serve accesses while the SysMMU is blocked
// Its TLB keeps leaves of any size, its FLPD cache (CFG.FLPDCACHE, from 3.2 on) first-level words; from 3.3 on also
// those that lead to no page, which is why a driver flushes when it replaces one.
// Not modelled: security, multi-hit faults, prefetch buffers and prefetching, QoS, replacement by CFG.LRU, clock
// gating, machines beyond 0, the sets of version 2's TLB. Source: docs/spec/iommu-hardware.md section 16.2.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/exynos/layout.hpp"
#include "iommu/instance.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::exynos {

struct Parameters {
    Version version = make_version(5, 2);
    bool vm = false;                                  ///< version 7: has the registers of virtual machines
    CacheParams tlb{true, 64, 4, Replacement::lru};   ///< estimate
    CacheParams flpd{true, 16, 0, Replacement::lru};  ///< estimate
    std::uint64_t seed = 1;
    std::string name = "exynos";  ///< names its streams of random numbers
};

enum class Fault : std::uint16_t {
    none,
    section_invalid,  ///< page fault: the first-level word
    page_invalid,     ///< page fault: the second-level word
    read_denied,      ///< access protection
    write_denied,     ///< access protection
    walk_aborted,     ///< bus error, "PTW": memory refused a table
    unsupported,      ///< ATS
};
std::string name(Fault fault);

/// The data sheet.
extern const InstanceSpec kSpec;

struct Purpose {
    static constexpr AccessPurpose section{0}, page{1};
};

class Slot;

class SysMmu final : public Instance, public TableWords {
public:
    explicit SysMmu(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return 1; }
    bool machine_pending(unsigned index) const override { return index == 0 && block_asked_; }
    const Step& step_machine(unsigned index, const Reply& reply) override;
    std::optional<unsigned> take_wire() override;
    std::optional<std::uint64_t> take_resumed() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    // What a sanitizer wants to know. Second-level words count as pages of 4 KiB each, a large page as sixteen.
    unsigned word_bytes() const override { return kWordBytes; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t table_bytes(std::uint64_t) const override { return kTableBytes; }

private:
    friend class Slot;
    struct Counters {
        std::uint64_t translations = 0, tlb_hits = 0, page_faults = 0, access_faults = 0, walk_faults = 0, given_up = 0,
                      blocks = 0, flushes = 0, entry_flushes = 0, range_flushes = 0, walks = 0, walk_reads = 0;
    };

    bool enabled() const { return ctrl::ENABLE.test(ctrl_) && (!parameters_.vm || ctrl_vm::ENABLE.test(ctrl_vm_)); }
    bool holds() const { return ctrl::ENABLE.test(ctrl_) && (ctrl::BLOCK.test(ctrl_) || fault_blocks_); }
    bool fault_stalls() const { return !parameters_.vm || ctrl_vm::FAULT_STALLS.test(ctrl_vm_); }
    bool caches_sections() const { return cfg::FLPDCACHE.test(cfg_) && parameters_.version.at_least(3, 2); }
    std::uint64_t root() const { return root_of(pt_base_, words_); }

    void write_ctrl(std::uint32_t word);
    void flush_all();
    void flush_pages(std::uint32_t first, std::uint32_t last, bool with_sections);
    void release();
    void update_line(bool causes_changed);
    void raise(Fault fault, std::uint64_t address, bool write);

    const Parameters parameters_;
    const RegisterMap& map_;
    const Words words_;

    // Registers.
    std::uint32_t ctrl_ = 0, cfg_ = 0, ctrl_vm_ = 0, pt_base_ = 0, flush_start_ = 0, flush_end_ = 0, int_status_ = 0;
    std::uint32_t page_fault_addr_ = 0, ar_addr_ = 0, aw_addr_ = 0, slave_addr_ = 0;  ///< version 7: ar_addr_ alone
    std::uint32_t fault_info_ = 0;

    // Inside.
    bool blocked_ = false;       ///< asked for, and older translations are done
    bool fault_blocks_ = false;  ///< by itself
    bool block_asked_ = false;
    bool draining_ = false;     ///< the owner waits for older translations
    bool drain_again_ = false;  ///< and for those since then
    bool line_ = false;         ///< the interrupt's level
    bool pulse_ = false;
    std::vector<Slot*> waiting_;  ///< accesses, oldest first
    std::deque<std::uint64_t> resumed_;
    Tlb tlb_;
    WalkCache flpd_;
    Counters counters_;
    Step machine_step_;
};

}  // namespace xlate::iommu::exynos
