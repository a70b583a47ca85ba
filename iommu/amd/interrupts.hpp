// One interrupt message on its way through the interrupt remapping tables, a step at a time.
//   done   `outcome()`: the message that goes on, remapped or as it was
//   fault  it is blocked; Step::result as of a translation
// Source: docs/spec/iommu-hardware.md section 4.
#pragma once

#include <cstdint>

#include "iommu/amd/device_table.hpp"

namespace xlate::iommu::amd {

/// A message as its device sent it.
struct InterruptRequest {
    std::uint16_t device = 0;
    std::uint64_t address = 0;  ///< kInterruptFirst..kInterruptLast
    std::uint32_t data = 0;
    bool debug = false;
};

struct InterruptOutcome {
    bool remapped = false;  ///< else it is as it was, and nothing below says anything
    std::uint8_t vector = 0;
    std::uint8_t type = 0;  ///< irte::FIXED or ARBITRATED
    bool logical = false;   ///< destination mode
    bool redirection_hint = false;
    std::uint32_t destination = 0;
    /// As x86 codes it: 32 bits of destination, those above 8 in [63:40].
    std::uint64_t address = 0;
    std::uint32_t data = 0;
};

class Interrupt {
public:
    explicit Interrupt(Iommu& iommu) : iommu_(iommu) {}
    void start(const InterruptRequest& request);
    const Step& step(const Reply& reply);
    const InterruptOutcome& outcome() const { return outcome_; }

private:
    enum class State : std::uint8_t { begin, device, cache, cache_looked_up, read, fetched, finished };
    bool advance(const Reply& reply);
    bool located();
    bool take_entry(std::uint64_t low, std::uint64_t high);
    bool pass();
    bool block(bool present, bool silent);
    bool fail(const WalkFault& fault, bool silent = false);

    Iommu& iommu_;
    State state_ = State::finished;
    bool located_ = false;
    std::uint32_t epoch_ = 0;
    InterruptRequest request_;
    InterruptOutcome outcome_;
    DteWalk device_;
    Step step_;
};

}  // namespace xlate::iommu::amd
