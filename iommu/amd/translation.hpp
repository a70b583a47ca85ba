// One translation on its way through an AMD IOMMU, a step at a time.
// Source: docs/spec/iommu-hardware.md section 4.
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/amd/interrupts.hpp"
#include "iommu/amd/walk.hpp"
#include "iommu/instance.hpp"

namespace xlate::iommu::amd {

class Translation final : public TranslationSlot {
public:
    explicit Translation(Iommu& iommu) : iommu_(iommu), interrupt_(iommu) {}
    void start(const Request& request) override;
    void start_prefetch(const Prefetch& prefetch) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

    /// An ATS request that was answered: without any right.
    bool no_access() const { return no_access_; }

private:
    enum class State : std::uint8_t { begin, device, interrupt, tlb, tlb_looked_up, guest, host, finished };
    // Each returns true if `step_` is to be given to the owner.
    bool advance(const Reply& reply);
    bool begin();
    bool located();
    bool begin_interrupt();
    bool end_interrupt();
    bool by_tables();
    bool look_up();
    bool walk();
    bool finish_host();
    bool finish();
    bool pass(std::uint8_t permissions, bool cacheable);
    bool complete(CachedTranslation entry, bool cacheable);
    bool fail(const WalkFault& fault);
    bool fail(Event event);
    bool denied();
    std::uint8_t device_rights() const;
    bool is_ats() const { return request_.ats == AtsType::translation_request; }
    bool wants_write() const { return is_ats() ? !request_.no_write : request_.write; }

    Iommu& iommu_;
    State state_ = State::finished;
    bool counted_ = false;
    bool located_ = false;  ///< device_ has this request's entry
    bool guest_tables_ = false, nested_ = false, no_access_ = false;
    std::uint32_t epoch_ = 0;
    std::uint64_t space_ = 0;
    Request request_;
    StageOutput output_;
    DteWalk device_;
    GuestWalk guest_;
    HostWalk host_;
    Interrupt interrupt_;
    Step step_;
};

}  // namespace xlate::iommu::amd
