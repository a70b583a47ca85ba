// One translation of the M4U: TLB, walk cache, first-level word, second-level word.
#pragma once

#include "iommu/mediatek/m4u.hpp"

namespace xlate::iommu::mediatek {

struct Purpose {
    static constexpr AccessPurpose level1{0}, level2{1};
};

class Slot final : public TranslationSlot {
public:
    explicit Slot(M4u& mmu) : mmu_(mmu) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, directory_cache, level1, level2, finished };
    const Step& begin();
    const Step& lookup(Structure structure, State next);
    const Step& read(std::uint64_t address, AccessPurpose purpose, State next);
    const Step& read_level2(std::uint64_t table);
    const Step& level1(std::uint32_t word);
    const Step& leaf(std::uint64_t pa, unsigned log2_bytes);
    const Step& translated(const CachedTranslation& entry);
    const Step& pass();
    const Step& fault(Fault fault, std::uint64_t pa = 0);

    M4u& mmu_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint32_t epoch_ = 0;
    M4u::Port port_;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::mediatek
