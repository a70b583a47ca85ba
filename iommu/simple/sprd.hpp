// Spreadtrum's IOMMU: one table, no rights, no interrupt. Of two versions, which differ in their registers.
//   off (CFG.EN)            passes untranslated
//   not mapped, or beyond   the access lands in the default page (VAU: one for reads, one for writes), and nothing
//   tells VPN_RANGE               software; with CFG.VAOR_BYPASS what is beyond passes. Counted as `defaulted` UPDATE
//   drops the TLB with the write
// Not modelled: CFG.GATE (a clock), AUTH: storage. A table that memory refuses counts as not mapped (ours).
// Source: docs/spec/iommu-hardware.md section 16.7.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/simple/layout_sprd.hpp"
#include "iommu/tlb.hpp"

namespace xlate::iommu::sprd {

struct Parameters {
    Version version = Version::ex;
    CacheParams tlb{true, 64, 0, Replacement::lru};  ///< estimate
    std::uint64_t seed = 1;
};

/// Of what the owner cannot ask for: the hardware has no faults.
enum class Fault : std::uint16_t { none, unsupported };

extern const InstanceSpec kSpec;

class Sprd final : public Instance, public TableWords {
public:
    explicit Sprd(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    unsigned word_bytes() const override { return kWordBytes; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t table_bytes(std::uint64_t space) const override;
    std::uint64_t space_of(std::uint32_t) const override { return 0; }

private:
    friend class SprdSlot;
    struct Counters {
        std::uint64_t translations = 0, tlb_misses = 0, walk_reads = 0, defaulted = 0, updates = 0;
    };
    void drop();

    const Parameters parameters_;
    const Registers& at_;
    std::uint32_t cfg_ = 0, first_vpn_ = 0, vpn_range_ = 0, first_ppn_ = 0, default_read_ = 0, default_write_ = 0,
                  auth_ = 0;
    Tlb tlb_;
    Counters counters_;
};

/// TLB, then the table's word.
class SprdSlot final : public TranslationSlot {
public:
    explicit SprdSlot(Sprd& mmu) : mmu_(mmu) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, word, finished };
    const Step& begin();
    const Step& read(std::uint64_t index);
    const Step& mapped(const CachedTranslation& entry);
    const Step& default_page();
    const Step& done(std::uint64_t pa);

    Sprd& mmu_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint32_t epoch_ = 0;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::sprd
