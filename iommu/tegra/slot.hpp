// One translation of the Tegra SMMU: enables, TLB, directory word, table word; each word by the PTC.
#pragma once

#include "iommu/tegra/tegra_smmu.hpp"

namespace xlate::iommu::tegra {

struct Purpose {
    static constexpr AccessPurpose directory{0}, table{1};
};

class Slot final : public TranslationSlot {
public:
    explicit Slot(TegraSmmu& smmu) : smmu_(smmu) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, ptc, read, finished };
    const Step& begin();
    const Step& lookup(Structure structure, State next);
    const Step& want(std::uint64_t address, AccessPurpose purpose);
    const Step& read();
    const Step& take(const std::uint8_t* bytes);
    const Step& directory_word(std::uint32_t word);
    const Step& leaf(std::uint32_t word, unsigned log2_bytes);
    const Step& translated(const CachedTranslation& entry, std::uint32_t rights);
    const Step& pass();
    const Step& fault(Fault fault, std::uint64_t address, std::uint32_t rights = 0);

    TegraSmmu& smmu_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint32_t epoch_ = 0;
    const Client* client_ = nullptr;
    std::uint32_t asid_ = 0;
    std::uint32_t rights_ = 0;   ///< of PTB_DATA and, below it, of the directory word
    std::uint64_t address_ = 0;  ///< of the word that is wanted
    AccessPurpose purpose_{};
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::tegra
