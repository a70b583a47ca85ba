// Allwinner's IOMMU (H6, H616): one table for six masters, whose rights a register gives by domain.
//   off, or BYPASS of the master   passes untranslated
//   RESET of the master            its channel is in reset: refused
//   fault                          reads give zero, writes go nowhere; recorded, the interrupt is level-sensitive
//   TLB_FLUSH, IVLD, PC_IVLD       take effect with the write; their registers read as written until older
//                                  translations are done (machine `invalidation`)
// Its micro-TLBs are what ports keep; the macro-TLB is `tlb`, tagged by master.
// Not modelled: prefetching, write buffer, out-of-order control, clock gating, TLB_ENABLE, DM_AUT_OVWT: storage.
// Source: docs/spec/iommu-hardware.md section 16.6, docs/spec/linux-findings.md 30.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/simple/layout_sun50i.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::sun50i {

struct Parameters {
    CacheParams tlb{true, 64, 4, Replacement::lru};        ///< macro-TLB; estimate
    CacheParams directory{true, 16, 4, Replacement::lru};  ///< walk cache: directory words; estimate
    std::uint64_t seed = 1;
};

enum class Fault : std::uint16_t {
    none,
    l1_invalid,
    l2_invalid,
    read_denied,
    write_denied,
    out_of_range,   ///< beyond 32 bits, or a master that is not there
    channel_reset,  ///< RESET holds the master's channel
};
std::string name(Fault fault);

extern const InstanceSpec kSpec;

class Sun50i final : public Instance, public TableWords {
public:
    explicit Sun50i(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return 1; }
    bool machine_pending(unsigned index) const override { return index == 0 && busy_; }
    const Step& step_machine(unsigned index, const Reply& reply) override;
    std::optional<unsigned> take_wire() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    unsigned word_bytes() const override { return kWordBytes; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;

private:
    friend class Slot;
    struct Counters {
        std::uint64_t translations = 0, tlb_misses = 0, walks = 0, walk_reads = 0, faults = 0, flushes = 0,
                      line_invalidations = 0;
    };
    std::uint32_t get(std::uint32_t offset) const { return words_[offset / 4]; }
    void set(std::uint32_t offset, std::uint32_t value) { words_[offset / 4] = value; }
    bool allowed(unsigned master, unsigned domain, bool write) const;
    void flush(std::uint32_t which);
    void invalidate_lines(std::uint32_t address, std::uint32_t mask);
    void invalidate_directory(std::uint32_t address);
    void changed();
    void raise(Fault fault, unsigned master, std::uint64_t address, std::uint32_t word);
    void update_line(bool causes_changed);

    std::vector<std::uint32_t> words_;
    Tlb tlb_;
    WalkCache directory_;
    Counters counters_;
    bool busy_ = false;
    bool draining_ = false;
    bool line_ = false;
    bool pulse_ = false;
    Step machine_step_;
};

}  // namespace xlate::iommu::sun50i
