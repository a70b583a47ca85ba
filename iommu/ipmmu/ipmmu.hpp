// Renesas IPMMU-VMSA of R-Car Gen2, Gen3 and Gen4: micro-TLBs at masters' ports, contexts that name long-descriptor
// tables, faults by context.
//   Gen2              one instance has all of it
//   Gen3, Gen4        a root (IPMMU-MM) has the contexts, the TLB and the walks; each cache before it has micro-TLBs
//                     and an IMCTR a context. connect() says whose cache an instance is
//   micro-TLB off     its master's accesses pass untranslated; so does a context whose MMUEN is 0, in the cache or the
//                     root (ours), and a port without a micro-TLB (ours)
//   FLUSH             takes effect with the register write and reads 1 until older translations are done (machine
//                     `flush`); a root's reaches its caches (ours), and waits for what they still flush
//   fault             reads give zero, writes go nowhere (ours); IMSTR gathers causes, IMELAR and IMEUAR keep the
//                     first address until IMSTR is written. One interrupt, the root's
//   secure bits       the tables' NS and NSTable must be set, or it is a permission fault
// Micro-TLBs are what ports keep; the TLB behind them is `tlb`, tagged by context and ASID.
// Not modelled: short descriptors (IMTTBCR.EAE 0), TTBR1, PMB, secure register banks, the contiguous hint, performance
// counters. Walks of a cache are charged to the cache's core, not to the root's (ours).
// Source: docs/spec/iommu-hardware.md section 16.4, docs/spec/linux-findings.md 33 to 37.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/ipmmu/layout.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::ipmmu {

struct Parameters {
    Generation generation = Generation::gen3;
    std::uint64_t register_bytes = 0x1000;              ///< of the window
    CacheParams tlb{true, 128, 4, Replacement::lru};    ///< of a root; estimate
    CacheParams level1{true, 4, 0, Replacement::lru};   ///< of a root: words of level 1; estimate
    CacheParams level2{true, 32, 4, Replacement::lru};  ///< of a root: words of level 2; estimate
    std::uint64_t seed = 1;
    std::string name;  ///< names its streams of random numbers
};

enum class Fault : std::uint16_t {
    none,
    translation,  ///< IMSTR.TF
    permission,   ///< IMSTR.PF: rights, access flag, or a word that is not non-secure
    walk_abort,   ///< IMSTR.ABORT
    // Not recorded: what this model does not do, or does not know.
    no_context,         ///< the micro-TLB names a context that is not there
    no_root,            ///< a cache of no root
    short_descriptors,  ///< IMTTBCR.EAE is 0
    unsupported,        ///< ATS
};
std::string name(Fault fault);

/// The data sheet.
const InstanceSpec& sheet();

class Ipmmu final : public Instance, public TableWords {
public:
    explicit Ipmmu(const Parameters& parameters);

    /// This instance is a cache of `root`, which is not one itself and outlives it.
    void connect(Ipmmu& root);
    bool is_root() const { return root_ == this; }

    const InstanceSpec& spec() const override { return sheet(); }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return 1; }
    bool machine_pending(unsigned index) const override { return index == 0 && flushing_ != 0; }
    const Step& step_machine(unsigned index, const Reply& reply) override;
    std::optional<unsigned> take_wire() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    unsigned word_bytes() const override;
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::optional<std::uint64_t> space_of_stream(StreamId stream) const override;

private:
    friend class Slot;
    struct Context {
        std::uint32_t imctr = 0, imttbcr = 0, imbuscr = 0, imstr = 0;
        std::uint64_t ttbr0 = 0, ttbr1 = 0, mair = 0;
        std::uint64_t fault_address = 0;
    };
    struct Utlb {
        std::uint32_t imuctr = 0, imuasid = 0;
    };
    struct Counters {
        std::uint64_t translations = 0, passed = 0, tlb_misses = 0, walks = 0, walk_reads = 0, faults = 0, flushes = 0,
                      utlb_flushes = 0, faults_lost = 0;
    };
    /// Which register an offset is.
    struct Place {
        enum class Kind : std::uint8_t { none, context, utlb } kind = Kind::none;
        unsigned index = 0;
        std::uint32_t offset = 0;
    };
    Place place(std::uint64_t offset) const;
    void write_context(unsigned index, std::uint32_t offset, std::uint32_t word);
    void write_utlb(unsigned index, std::uint32_t offset, std::uint32_t word);
    void write_imctr(unsigned index, std::uint32_t word);
    void flush_context(unsigned index);
    void drop(const Invalidation& invalidation);
    void drop_context(unsigned index);
    void changed(unsigned utlb);
    void raise(unsigned context, const Field& cause, std::uint64_t address);
    void update_line(bool causes_changed);

    const Parameters parameters_;
    const Shape shape_;
    std::vector<Context> contexts_;
    std::vector<Utlb> utlbs_;
    Ipmmu* root_ = nullptr;       ///< itself, or whose cache it is
    std::vector<Ipmmu*> caches_;  ///< of a root
    Tlb tlb_;
    WalkCache level1_, level2_;
    Counters counters_;
    std::uint32_t flushing_ = 0;  ///< contexts, one bit each
    std::uint32_t draining_ = 0;  ///< of those: whose drain has begun
    bool line_ = false;
    bool pulse_ = false;
    Step machine_step_;
};

}  // namespace xlate::iommu::ipmmu
