// OMAP's IOMMU (OMAP2 to DRA7): one TLB of 8 or 32 entries that software can read, load, lock and drop one by one, and
// a walker that fills it; no other cache, so that every access looks an entry up.
//   off (CNTL.MMU_EN)   passes untranslated
//   miss                CNTL.TWL_EN: the walker reads the tables and fills the entry at LOCK.VICT, which moves on,
//                       round entries LOCK.BASE and up; else the fault TLBMISS
//   fault               IRQSTATUS, FAULT_AD of the first one, the interrupt is level-sensitive. The access stalls:
//   after
//                       TLBMISS until an entry for it is loaded, else until software has cleared IRQSTATUS.
//                       GP_REG.BUS_ERR_BACK_EN: answered with a bus error instead
//   commands            LD_TLB, GFLUSH, FLUSH_ENTRY act with the write; nothing tells software when they are done
// Accesses that fault while another fault is recorded wait for it, unrecorded (ours).
// Not modelled: the emulator's side (EML_TLB, EMU_FAULT_AD, FAULT_PC), SYSCONFIG's idle modes, endianness and element
// size of data (kept in entries); DRA7's enable in the DSP's system module (it counts as given).
// No shadow for the sanitizer (TableWords): a shadow takes every valid word for one that may be cached, and this driver
// looks through the TLB and drops what it finds, or nothing.
// Source: docs/spec/iommu-hardware.md sections 6 and 14.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/omap/layout.hpp"

namespace xlate::iommu::omap {

struct Parameters {
    unsigned entries = 32;          ///< of the TLB: 1 to 32
    std::uint32_t revision = 0x20;  ///< major [7:4], minor [3:0]; estimate
};

enum class Fault : std::uint16_t { none, tlb_miss, translation, walk, multi_hit, out_of_range, unsupported };
std::string name(Fault fault);

struct Purpose {
    static constexpr AccessPurpose directory{0}, table{1};
};

extern const InstanceSpec kSpec;

class Slot;

class Omap final : public Instance {
public:
    explicit Omap(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    std::optional<unsigned> take_wire() override;
    std::optional<std::uint64_t> take_resumed() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

private:
    friend class Slot;
    struct Entry {
        std::uint32_t cam = 0;
        std::uint32_t ram = 0;
    };
    /// What an address meets.
    struct Match {
        const Entry* entry = nullptr;
        bool several = false;
    };
    struct Counters {
        std::uint64_t translations = 0, tlb_misses = 0, walks = 0, walk_reads = 0, faults = 0, flushes = 0, loads = 0;
    };

    Match find(std::uint32_t address) const;
    const Entry* victim() const;
    void fill(const Entry& entry);
    void load();
    void flush_all();
    void flush_entry();
    void dropped(const Entry& entry);
    void changed();
    /// The fault is recorded if none is. False: another one is, this access has to wait.
    bool raise(Fault fault, std::uint32_t address);
    void update_line(bool causes_changed);
    template <typename Wanted>
    void resume(Wanted wanted);

    const Parameters parameters_;
    std::vector<Entry> tlb_;
    std::uint32_t status_ = 0, enable_ = 0, cntl_ = 0, fault_address_ = 0, ttb_ = 0, lock_ = 0, cam_ = 0, ram_ = 0,
                  gp_ = 0, sysconfig_ = 0;
    unsigned walking_ = 0;        ///< walks under way
    std::vector<Slot*> waiting_;  ///< stalled, in order of coming
    std::vector<std::uint64_t> resumed_;
    std::size_t resumed_taken_ = 0;
    Counters counters_;
    CacheCounters tlb_counters_;
    bool line_ = false;
    bool pulse_ = false;
};

}  // namespace xlate::iommu::omap
