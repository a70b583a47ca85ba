// One translation on its way through a DART. Source: docs/spec/iommu-hardware.md section 5.
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/dart/faults.hpp"
#include "iommu/instance.hpp"

namespace xlate::iommu::dart {

class Dart;

class Translation final : public TranslationSlot {
public:
    explicit Translation(Dart& dart) : dart_(dart) {}
    void start(const Request& request) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

private:
    enum class State : std::uint8_t { begin, tlb, tlb_looked_up, cache, cache_looked_up, fetch, fetched, finished };
    // Each returns true if `step_` is to be given to the owner.
    bool advance(const Reply& reply);
    bool begin();
    bool root();
    bool cached();
    bool read_word();
    bool take_word(const Reply& reply);
    bool leaf(std::uint64_t word);
    bool bypass();
    bool fail(FaultCode code);
    bool complete(const CachedTranslation& entry, bool cacheable);
    FaultCode missing_word() const;

    Dart& dart_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint8_t above_ = 0;  ///< levels between this table and the leaves
    std::uint8_t top_ = 0;    ///< of the root
    std::uint8_t probe_ = 0;  ///< walk cache that is asked: levels above of the word
    std::uint32_t stream_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t table_ = 0;
    Request request_;
    Step step_;
};

}  // namespace xlate::iommu::dart
