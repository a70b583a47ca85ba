// One translation of a virtio-iommu: the backend's TLB, then its mappings.
#pragma once

#include "iommu/virtio/virtio_iommu.hpp"

namespace xlate::iommu::virtio {

class Slot final : public TranslationSlot {
public:
    explicit Slot(VirtioIommu& unit) : unit_(unit) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override { return std::nullopt; }
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, mappings, finished };
    const Step& lookup(Structure structure, State next);
    const Step& find();
    const Step& done(const CachedTranslation& entry);
    const Step& pass();
    const Step& fault(const Domains::Found& found);

    VirtioIommu& unit_;
    Request request_;
    State state_ = State::begin;
    Step step_;
    std::uint32_t epoch_ = 0;
    std::uint32_t domain_ = 0;
    bool counted_ = false;
};

}  // namespace xlate::iommu::virtio
