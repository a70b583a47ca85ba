// A Translation of smmuv3 together with its Smmu: a translation slot as any owner sees it.
#pragma once

#include "iommu/instance.hpp"
#include "iommu/smmuv3/translation.hpp"

namespace xlate::iommu::smmuv3 {

class Slot final : public TranslationSlot {
public:
    explicit Slot(Smmu& smmu) : smmu_(smmu) {}
    void start(const Request& request) override { engine_.start(smmu_, request); }
    void start_prefetch(const Prefetch& prefetch) override {
        engine_.start_prefetch(prefetch.sid, prefetch.ssid, prefetch.address);
    }
    const Step& step(const Reply& reply) override { return engine_.step(smmu_, reply); }
    void again() override { engine_.again(); }
    std::optional<std::uint64_t> walked_space() const override { return engine_.walked_space(); }
    std::uint32_t epoch() const override { return engine_.epoch(); }
    const Translation& engine() const { return engine_; }

private:
    Smmu& smmu_;
    Translation engine_;
};

}  // namespace xlate::iommu::smmuv3
