// MediaTek's M4U of the first generation: one table for all masters, no rights, pages of 4 KiB.
//   port not switched on   passes untranslated; the switches are in the SMI common (SECUR_CON)
//   fault                  latched until INT_CONTROL.CLR; the access goes to the protect buffer, so the master sees no
//                          error: here reads give zero, writes go nowhere
//   INVALIDATE             what it covers is gone with the write; of a range, CPE_DONE is set when older translations
//                          are done (machine `invalidation`); nothing while INV_SEL is 0
// Register banks in the sense of Instance: 0 is the M4U; then the windows of larbs and of the SMI common (Satellite).
// Stored, without effect: CTRL, DCM, STANDARD_AXI_MODE, IVRP_PADDR, domain and security of a port, what of larbs and
// SMI common is not named in layout_v1.hpp. Not modelled: causes other than translation and table walk. Ours: TLB size;
// a word that memory refuses is a table walk fault. Source: iommu/mediatek/layout_v1.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/mediatek/layout_v1.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/tlb.hpp"

namespace xlate::iommu::mediatek_v1 {

/// A register window of another node that belongs to the M4U.
struct Satellite {
    bool smi_common = false;
    std::uint64_t bytes = kRegisterBytes;
};

struct Parameters {
    std::vector<Satellite> satellites;
    CacheParams tlb{true, 64, 0, Replacement::lru};  ///< estimate
    std::uint64_t seed = 1;
};

enum class Fault : std::uint16_t {
    none,
    translation,   ///< no page
    table_walk,    ///< memory refused the table
    out_of_range,  ///< beyond 32 bits
    unsupported,   ///< ATS
};

extern const InstanceSpec kSpec;

class M4uV1 final : public Instance, public TableWords {
public:
    explicit M4uV1(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    unsigned register_banks() const override { return static_cast<unsigned>(1 + parameters_.satellites.size()); }
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
    bool decode(AccessPurpose purpose, std::uint64_t bits, TableWord& out) const override;
    std::uint64_t table_bytes(std::uint64_t) const override { return kTableBytes; }
    std::uint64_t space_of(std::uint32_t) const override { return 0; }

private:
    friend class M4uV1Slot;
    struct Counters {
        std::uint64_t translations = 0, tlb_misses = 0, walk_reads = 0, faults = 0, lost_faults = 0, flushes = 0,
                      range_flushes = 0;
    };

    std::uint32_t get(std::uint32_t offset) const { return files_[0][offset / 4]; }
    void set(std::uint32_t offset, std::uint32_t value) { files_[0][offset / 4] = value; }
    bool switched_on(StreamId id) const;
    void write_own(std::uint32_t offset, std::uint32_t value);
    void invalidate(std::uint32_t what);
    void ports_changed();
    void raise(Fault fault, StreamId id, std::uint64_t iova);
    void update_line(bool causes_changed);

    const Parameters parameters_;
    std::vector<std::vector<std::uint32_t>> files_;  ///< words of each register bank
    std::vector<std::uint32_t> secure_con_;          ///< of the SMI common
    Tlb tlb_;
    Counters counters_;
    bool busy_ = false;  ///< a range flush waits
    bool draining_ = false;
    bool line_ = false;
    bool pulse_ = false;
    Step machine_step_;
};

/// TLB, then the table's word.
class M4uV1Slot final : public TranslationSlot {
public:
    explicit M4uV1Slot(M4uV1& mmu) : mmu_(mmu) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, word, finished };
    const Step& begin();
    const Step& read();
    const Step& mapped(const CachedTranslation& entry);
    const Step& done(std::uint64_t pa);
    const Step& fault(Fault fault);

    M4uV1& mmu_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint32_t epoch_ = 0;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::mediatek_v1
