// One translation of a Rockchip IOMMU: TLB, directory cache, directory word, table word.
#pragma once

#include "iommu/simple/rockchip.hpp"

namespace xlate::iommu::rockchip {

class Slot final : public TranslationSlot {
public:
    explicit Slot(Rockchip& mmu) : mmu_(mmu) {}
    ~Slot() override;

    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override;
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

    const Request& request() const { return request_; }
    /// Software has answered: the next step begins again.
    void resume();

private:
    enum class State : std::uint8_t { idle, begin, tlb, directory_cache, directory, table, waiting, finished };

    Rockchip::Bank& bank() { return mmu_.banks_[bank_]; }
    void enter(State state);
    const Step& lookup(Structure structure, State next);
    const Step& read(std::uint64_t address, AccessPurpose purpose, State next);
    const Step& done(std::uint64_t page, std::uint32_t word, bool from_tlb);
    const Step& pass();
    const Step& fault(Fault fault);
    const Step& wait();
    const Step& refuse(Fault fault, bool recorded);
    const Step& use_directory(std::uint64_t table);

    Rockchip& mmu_;
    Request request_;
    Step step_;
    State state_ = State::idle;
    unsigned bank_ = 0;
    std::uint32_t epoch_ = 0;
    bool retried_ = false;  ///< it has faulted before
    bool active_ = false;
    bool counted_ = false;
};

}  // namespace xlate::iommu::rockchip
