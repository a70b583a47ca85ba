// A machine whose CPUs do not take the same time for a step of the kernel each time: kernel.cost_spread.
#pragma once

#include <array>
#include <set>

#include "base/quantity.hpp"
#include "base/random.hpp"
#include "kernel-model/core/cost.hpp"
#include "study/run/forwarding_machine.hpp"

namespace xlate::study {

/// Each cost of a step is drawn anew: its mean is what the table says, its standard deviation the share `spread` of
/// that, its distribution an exponential one behind what a step takes at least, 1 - spread (real steps are skewed like
/// that: interrupts and cold caches only add). Drawn from the stream "kernel.costs". What a driver waits on purpose
/// (udelay) is left alone, if no cost is as long.
class VariedMachine final : public ForwardingMachine {
public:
    VariedMachine(kernel::Machine& machine, const kernel::CostTable& costs, const Ratio& spread, std::uint64_t seed);
    void pass(SimTime time) override;

private:
    std::set<std::uint64_t> costs_fs_;
    Ratio spread_;
    Rng rng_;
};

}  // namespace xlate::study
