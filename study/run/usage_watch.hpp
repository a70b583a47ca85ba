// What every shared resource did, sampled as time goes on: so what it did in the time of one master is known
// afterwards. A listener; the model knows nothing of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel-model/core/lock.hpp"
#include "soc/measure/forwarding_trace.hpp"
#include "soc/soc.hpp"

namespace xlate::study {

/// Samples with the transactions that end, in stretches that double when there are too many of them; exactly where a
/// master makes its first transaction and where it has made its last. In between, what a resource did is taken to have
/// come evenly.
class UsageWatch final : public soc::ForwardingTrace {
public:
    /// `soc` must outlive this.
    explicit UsageWatch(const soc::Soc& soc) : soc_(soc) {}
    /// The kernel's locks, too. `lockdep` must outlive finish().
    void watch(const kernel::Lockdep& lockdep) { lockdep_ = &lockdep; }
    /// Some master makes so many transactions.
    void expect(std::uint64_t transactions);
    void issued(std::string_view device, std::uint64_t number, SimTime at) override;
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;
    /// The run is over.
    void finish();

    /// From the first transaction to the last; equal if there was none.
    SimTime first() const { return first_; }
    SimTime last() const { return last_; }
    /// What each resource did from `from` to `to`. After finish().
    std::vector<soc::ResourceUse> between(SimTime from, SimTime to) const;
    /// What each class of locks did meanwhile.
    std::vector<kernel::Lockdep::ClassUse> locks_between(SimTime from, SimTime to) const;

private:
    static constexpr std::size_t kMostSamples = 256;
    static constexpr std::size_t kMostValues = 1'000'000;  ///< of all samples: many masters get fewer
    static constexpr std::size_t kMostExact = 64;

    struct Sample {
        SimTime at;
        bool exact = false;  ///< stays
        /// Busy, full, waited of each resource; then held, waited for, waited of each class of locks that there is.
        std::vector<std::uint64_t> values;
    };
    std::vector<kernel::Lockdep::ClassUse> locks() const;
    void sample(SimTime at, bool exact);
    std::vector<double> at(SimTime time) const;
    /// By how much each value has grown.
    std::vector<std::uint64_t> grown(SimTime from, SimTime to) const;

    const soc::Soc& soc_;
    const kernel::Lockdep* lockdep_ = nullptr;
    std::vector<std::uint64_t> lasts_;
    std::vector<Sample> samples_;
    std::vector<soc::ResourceUse> end_;
    std::vector<kernel::Lockdep::ClassUse> locks_end_;
    std::size_t exact_ = 0;
    SimTime due_;
    SimTime stretch_ = us(1);
    SimTime first_;
    SimTime last_;
    bool began_ = false;
};

}  // namespace xlate::study
