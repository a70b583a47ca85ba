// One translation of Allwinner's IOMMU: macro-TLB, walk cache, directory word, table word.
#pragma once

#include "iommu/simple/sun50i.hpp"

namespace xlate::iommu::sun50i {

struct Purpose {
    static constexpr AccessPurpose directory{0}, table{1};
};

class Slot final : public TranslationSlot {
public:
    explicit Slot(Sun50i& mmu) : mmu_(mmu) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, directory_cache, directory, table, finished };
    const Step& begin();
    const Step& lookup(Structure structure, State next);
    const Step& read(std::uint64_t address, AccessPurpose purpose, State next);
    const Step& translated(const CachedTranslation& entry);
    const Step& page(std::uint32_t word);
    const Step& pass();
    const Step& fault(Fault fault, std::uint32_t word = 0);

    Sun50i& mmu_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint32_t epoch_ = 0;
    unsigned master_ = 0;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::sun50i
