// Warm-up and steady state: a listener that leaves the first transfers of a master out of its statistics, and says
// whether what is left had settled. The model knows nothing of it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soc/measure/forwarding_trace.hpp"
#include "soc/measure/histogram.hpp"
#include "soc/measure/stats.hpp"

namespace xlate::study {

/// What is left out: transactions that a master makes first, and those that end so soon after its first issue.
struct WarmUp {
    std::uint64_t transactions = 0;
    SimTime time{};
    bool any() const { return transactions != 0 || time.fs != 0; }
};

/// By batch means: latencies of successive transactions in some tens of batches of one size, whose means are nearly
/// independent. Settled: the first half (start) does not move the mean by more than 5 %, nor do the two last quarters
/// differ by more (trend), and the mean of the second half is known to 5 % (two standard errors).
struct Steadiness {
    std::size_t batches = 0;
    std::uint64_t batch_transactions = 0;
    std::optional<bool> settled;  ///< nothing: too few to tell
    double half_width = 0;        ///< share of the mean, of the second half
    double start = 0;             ///< share by which the mean of all differs from that of the second half
    double trend = 0;             ///< share by which the last two quarters differ
    std::uint64_t longer = 1;     ///< times as long a run as should do
    std::uint64_t leave_out = 0;  ///< transactions to leave out instead, if the start alone is in the way; 0: none
};

class SteadyWatch final : public soc::ForwardingTrace {
public:
    void set_warmup(const std::string& device, const WarmUp& warmup) { masters_[device].warmup = warmup; }
    void issued(std::string_view device, std::uint64_t number, SimTime at) override;
    void ended(std::string_view device, std::uint64_t number, const soc::Ledger& ledger, SimTime at) override;
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;
    void message(std::string_view device, std::uint64_t number, std::uint64_t iova, SimTime start, SimTime end,
                 bool fault) override;

    /// Leaves the warm-up out of a master's counts, latencies and parts.
    void apply(soc::MasterStats& stats) const;
    /// Transactions that were left out; 0 without a warm-up.
    std::uint64_t left_out(const std::string& device) const;
    /// From when on a master's bytes count for its bandwidth; nothing: from its first issue.
    std::optional<SimTime> measured_from(const std::string& device) const;
    Steadiness steadiness(const std::string& device) const;

private:
    static constexpr std::size_t kMostBatches = 64;
    struct Batch {
        std::uint64_t count = 0;
        std::uint64_t latency_fs = 0;
    };
    struct Master {
        WarmUp warmup;
        SimTime first_issue;
        std::uint64_t reads = 0;  ///< that ended well, after the warm-up
        std::uint64_t writes = 0;
        std::uint64_t messages_fs = 0;
        std::uint64_t all = 0;  ///< that ended well
        std::uint64_t left_out = 0;
        SimTime measured_from;
        soc::Histogram latency;
        std::array<std::uint64_t, soc::kParts> parts_fs{};
        std::vector<Batch> batches;
        std::uint64_t batch_size = 1;
    };
    using Masters = std::map<std::string, Master, std::less<>>;
    Master& master(std::string_view device);
    const Master* find(const std::string& device) const;
    static bool warm(const Master& master, std::uint64_t number, SimTime end);
    static void add_to_batches(Master& master, SimTime latency);

    Masters masters_;
    Masters::value_type* last_ = nullptr;
    std::optional<soc::Ledger> ended_;  ///< of what is told next
};

}  // namespace xlate::study
