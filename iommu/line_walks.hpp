// Optional face of an Instance: its walks read lines of last-level words, not single ones, and so answer for
// neighbouring pages too. Asked for once, by dynamic_cast.
#pragma once

#include "base/span.hpp"
#include "iommu/instance.hpp"

namespace xlate::iommu {

class LineWalks {
public:
    virtual ~LineWalks() = default;
    /// log2 of the bytes of input addresses that one walk may answer: those who miss in them wait for it. 12: of a
    /// page.
    virtual unsigned log2_answered() const = 0;
    /// After `slot`, one of this instance, is done: translations of neighbouring pages that its walk has read on the
    /// way. Good until its next step.
    virtual Span<CachedTranslation> beside(const TranslationSlot& slot) const = 0;
};

/// log2_answered() of any instance.
inline unsigned log2_answered(const Instance& instance) {
    const auto* lines = dynamic_cast<const LineWalks*>(&instance);
    return lines != nullptr ? lines->log2_answered() : 12;
}

}  // namespace xlate::iommu
