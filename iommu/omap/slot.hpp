// One translation of OMAP's IOMMU: the TLB, then a first-level and a second-level word.
#pragma once

#include "iommu/omap/omap.hpp"

namespace xlate::iommu::omap {

class Slot final : public TranslationSlot {
public:
    explicit Slot(Omap& mmu) : mmu_(mmu) {}
    ~Slot() override { enter(State::idle); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override;
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    friend class Omap;
    enum class State : std::uint8_t { idle, begin, tlb, directory, table, waiting, finished };
    void enter(State state);
    std::uint32_t address() const { return static_cast<std::uint32_t>(request_.address); }
    /// Called by the MMU, which takes it off its list itself.
    void go_on() { state_ = State::begin; }
    /// Whether it waits for an entry of its own to be loaded.
    bool waits_for_entry() const { return missed_; }
    std::uint64_t id() const { return request_.id; }

    const Step& begin();
    const Step& lookup();
    const Step& read(std::uint32_t from, AccessPurpose purpose, State next);
    const Step& walked(std::uint32_t page, unsigned log2_bytes, std::uint32_t attributes);
    const Step& done(const Omap::Entry& entry);
    const Step& pass();
    const Step& fault(Fault fault);
    const Step& refuse(Fault fault, bool recorded);
    const Step& wait(Fault fault, bool recorded);

    Omap& mmu_;
    State state_ = State::idle;
    bool counted_ = false;
    bool missed_ = false;
    bool walking_ = false;
    std::uint32_t epoch_ = 0;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::omap
