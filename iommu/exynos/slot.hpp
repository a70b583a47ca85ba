// One translation of an Exynos SysMMU: TLB, FLPD cache, first-level word, second-level word.
#pragma once

#include "iommu/exynos/sysmmu.hpp"

namespace xlate::iommu::exynos {

class Slot final : public TranslationSlot {
public:
    explicit Slot(SysMmu& mmu) : mmu_(mmu) {}
    ~Slot() override;
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override;
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

    const Request& request() const { return request_; }
    /// The SysMMU no longer holds it.
    void resume() { state_ = State::begin; }

private:
    enum class State : std::uint8_t { idle, begin, tlb, flpd, section, page, waiting, finished };
    void leave_waiting();
    const Step& begin();
    const Step& lookup(Structure structure, State next);
    const Step& read(std::uint64_t from, AccessPurpose purpose, State next);
    const Step& section(std::uint32_t word);
    const Step& leaf(std::uint32_t word, Kind kind);
    const Step& translated(const CachedTranslation& entry);
    const Step& pass();
    const Step& wait();
    const Step& refuse(Fault fault, bool recorded);
    const Step& fault(Fault fault);
    void keep_section();

    SysMmu& mmu_;
    State state_ = State::idle;
    bool counted_ = false;
    bool retried_ = false;
    bool read_section_ = false;  ///< table_ was read, not found in the cache
    std::uint32_t epoch_ = 0;
    std::uint64_t input_ = 0;  ///< what the SysMMU sees of the address
    std::uint64_t table_ = 0;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::exynos
