// A Translation together with its Smmu: a translation slot as any owner sees it.
#pragma once

#include "iommu/smmuv2/smmu.hpp"

namespace xlate::iommu::smmuv2 {

class Slot final : public TranslationSlot {
public:
    explicit Slot(Smmu& smmu) : smmu_(smmu) {}
    void start(const Request& request) override { engine_.start(smmu_, request); }
    const Step& step(const Reply& reply) override { return engine_.step(smmu_, reply); }
    void again() override { engine_.again(); }
    std::optional<std::uint64_t> walked_space() const override { return engine_.walked_space(); }
    std::uint32_t epoch() const override { return engine_.epoch(); }

private:
    Smmu& smmu_;
    Translation engine_;
};

}  // namespace xlate::iommu::smmuv2
