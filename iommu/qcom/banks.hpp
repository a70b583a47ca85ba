// Context banks of an SMMUv1 or v2 without what stands before them: what Qualcomm's IOMMUs are made of. Registers, ids
// and interrupts are theirs; translations, look-ups by register, stalls and counters are the SMMU's (iommu/smmuv2).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/smmuv2/smmu.hpp"

namespace xlate::iommu::qcom {

inline constexpr unsigned kSmmuPages = 128;  ///< of the SMMU's global space, and as many for banks

/// Streams are indices; the SMMU's own caches are off.
smmuv2::SmmuParams banks_alone(unsigned address_bits_code, const std::string& name, std::uint64_t seed);
/// The SMMU's data sheet, for who is made of its banks.
InstanceSpec banks_sheet(std::string_view arch, std::string_view title, Span<StructureSpec> structures);

/// Structures of its sheet: the TLB, then a walk cache a level from 1 on.
class ContextBanks : public Instance, private InvalidationSink {
public:
    std::unique_ptr<TranslationSlot> make_translation() final { return smmu_.make_translation(); }
    unsigned machines() const final { return smmu_.machines(); }
    bool machine_pending(unsigned index) const final { return smmu_.machine_pending(index); }
    const Step& step_machine(unsigned index, const Reply& reply) final { return smmu_.step_machine(index, reply); }
    WireSpec wire(unsigned index) const final { return {{}, index}; }
    std::optional<std::uint64_t> take_resumed() final { return smmu_.take_resumed(); }
    std::vector<std::uint64_t> counter_values() const final { return smmu_.counter_values(); }
    CacheCounters structure_counters(std::size_t row) const final {
        return row == 0 ? smmu_.tlb.counters() : smmu_.walk_s1[row].counters();
    }

protected:
    explicit ContextBanks(const smmuv2::SmmuParams& parameters) : smmu_(parameters) { smmu_.add_sink(*this); }

    /// Where a bank's registers are in the SMMU's space.
    static std::uint64_t place(unsigned bank, std::uint64_t bank_bytes) { return (kSmmuPages + bank) * bank_bytes; }
    /// A bank's tables are of stage 1 alone.
    void open_bank(unsigned bank);
    /// none: it passes untranslated.
    void lead(unsigned stream, std::optional<unsigned> bank);
    void set_global(std::uint32_t control);
    /// After writes to its registers.
    void update() { translates_ = smmu_.translates(); }

    smmuv2::Smmu smmu_;

private:
    void invalidate(const Invalidation& invalidation) final;
};

}  // namespace xlate::iommu::qcom
