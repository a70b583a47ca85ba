// One translation of an IPMMU: micro-TLB's context, TLB, walk caches, three levels of words.
#pragma once

#include "iommu/ipmmu/ipmmu.hpp"
#include "iommu/tables/layout_vmsa7_long.hpp"

namespace xlate::iommu::ipmmu {

/// Rows of the data sheet, by the level of the word that is read.
constexpr AccessPurpose word_purpose(unsigned level) { return static_cast<AccessPurpose>(level - 1); }

/// Of TLB entries: context, and from bit 8 on the ASID. Walk caches: the context alone.
inline constexpr Field kContextOfSpace{0, 8}, kAsidOfSpace{8, 8};

class Slot final : public TranslationSlot {
public:
    explicit Slot(Ipmmu& mmu) : mmu_(mmu) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, cache, cache_looked_up, fetch, fetched, finished };
    bool advance(const Reply& reply);
    bool begin();
    bool tlb_looked_up();
    bool first_table();
    bool cache_looked_up();
    bool fetch();
    bool take_word(const Reply& reply);
    bool leaf(std::uint64_t word);
    bool next_table(std::uint64_t word);
    bool pass();
    bool complete(const CachedTranslation& entry);
    bool fail(Fault fault);
    WalkCache& walk_cache(unsigned level) { return level == 1 ? mmu_.root_->level1_ : mmu_.root_->level2_; }
    const Ipmmu::Context& context() const { return mmu_.root_->contexts_[context_]; }

    Ipmmu& mmu_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint32_t epoch_ = 0;
    unsigned context_ = 0;
    std::uint64_t space_ = 0;
    std::uint8_t input_bits_ = 32;
    std::uint8_t start_level_ = 1;
    std::uint8_t level_ = 1;  ///< of the word that is read, or of the walk cache that is asked
    std::uint64_t table_ = 0;
    TableLimits limits_;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::ipmmu
