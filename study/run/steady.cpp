#include "study/run/steady.hpp"

#include <algorithm>
#include <cmath>

namespace xlate::study {
namespace {

constexpr std::size_t kFewestBatches = 16;
constexpr double kTolerance = 0.05;

struct Series {
    const std::vector<double>& means;

    double mean(std::size_t from, std::size_t to) const {
        double sum = 0;
        for (std::size_t i = from; i < to; ++i) sum += means[i];
        return sum / static_cast<double>(to - from);
    }
    double deviation(std::size_t from, std::size_t to) const {
        const double middle = mean(from, to);
        double sum = 0;
        for (std::size_t i = from; i < to; ++i) sum += (means[i] - middle) * (means[i] - middle);
        return std::sqrt(sum / static_cast<double>(to - from - 1));
    }
};

}  // namespace

SteadyWatch::Master& SteadyWatch::master(std::string_view device) {
    if (last_ == nullptr || last_->first != device) {
        auto found = masters_.find(device);
        if (found == masters_.end()) found = masters_.emplace(std::string(device), Master{}).first;
        last_ = &*found;
    }
    return last_->second;
}

const SteadyWatch::Master* SteadyWatch::find(const std::string& device) const {
    const auto found = masters_.find(device);
    return found == masters_.end() ? nullptr : &found->second;
}

bool SteadyWatch::warm(const Master& master, std::uint64_t number, SimTime end) {
    return number >= master.warmup.transactions && end >= master.first_issue + master.warmup.time;
}

void SteadyWatch::issued(std::string_view device, std::uint64_t number, SimTime at) {
    if (number == 0) master(device).first_issue = at;
    ForwardingTrace::issued(device, number, at);
}

void SteadyWatch::ended(std::string_view device, std::uint64_t number, const soc::Ledger& ledger, SimTime at) {
    // Whether it was a transfer, what is told next says.
    if (master(device).warmup.any()) ended_ = ledger;
    ForwardingTrace::ended(device, number, ledger, at);
}

void SteadyWatch::transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write,
                              SimTime start, SimTime end, bool fault) {
    Master& one = master(device);
    if (!fault) ++one.all;
    if (warm(one, number, end)) {
        if (one.warmup.any()) {
            one.latency.add(end - start);
            if (!fault) ++(write ? one.writes : one.reads);
            if (ended_) {
                for (std::size_t i = 0; i < soc::kParts; ++i) one.parts_fs[i] += ended_->fs(static_cast<soc::Part>(i));
            }
        }
        if (!fault) add_to_batches(one, end - start);
    } else if (!fault) {
        ++one.left_out;
        one.measured_from = std::max(one.measured_from, end);
    }
    ended_.reset();
    ForwardingTrace::transaction(device, number, iova, write, start, end, fault);
}

void SteadyWatch::message(std::string_view device, std::uint64_t number, std::uint64_t iova, SimTime start, SimTime end,
                          bool fault) {
    ended_.reset();
    Master& one = master(device);
    if (warm(one, number, end)) one.messages_fs += (end - start).fs;
    ForwardingTrace::message(device, number, iova, start, end, fault);
}

void SteadyWatch::add_to_batches(Master& master, SimTime latency) {
    std::vector<Batch>& batches = master.batches;
    if (batches.empty() || batches.back().count == master.batch_size) {
        if (batches.size() == kMostBatches) {
            for (std::size_t i = 0; i < kMostBatches / 2; ++i) {
                batches[i] = {batches[2 * i].count + batches[2 * i + 1].count,
                              batches[2 * i].latency_fs + batches[2 * i + 1].latency_fs};
            }
            batches.resize(kMostBatches / 2);
            master.batch_size *= 2;
        }
        batches.emplace_back();
    }
    ++batches.back().count;
    batches.back().latency_fs += latency.fs;
}

void SteadyWatch::apply(soc::MasterStats& stats) const {
    const Master* const one = find(stats.device);
    if (one == nullptr || !one->warmup.any()) return;
    const std::uint64_t before = stats.latency.count();
    stats.reads = one->reads;
    stats.writes = one->writes;
    stats.messages_fs = one->messages_fs;
    // All transactions of a master have one size, but for the ends of odd buffers.
    if (one->all != 0) {
        const std::uint64_t measured = one->reads + one->writes;
        stats.bytes = stats.bytes / one->all * measured + stats.bytes % one->all * measured / one->all;
    }
    stats.latency = one->latency;
    const bool has_parts =
        std::any_of(one->parts_fs.begin(), one->parts_fs.end(), [](std::uint64_t fs) { return fs != 0; });
    if (has_parts) {
        stats.parts_fs = one->parts_fs;
    } else if (before != 0) {
        // `fast` tells no accounts: the parts are those of the whole run, in proportion.
        for (std::uint64_t& fs : stats.parts_fs) fs = fs / before * stats.latency.count();
    }
}

std::uint64_t SteadyWatch::left_out(const std::string& device) const {
    const Master* const one = find(device);
    return one == nullptr || !one->warmup.any() ? 0 : one->left_out;
}

std::optional<SimTime> SteadyWatch::measured_from(const std::string& device) const {
    const Master* const one = find(device);
    if (one == nullptr || !one->warmup.any() || one->left_out == 0) return std::nullopt;
    return one->measured_from;
}

Steadiness SteadyWatch::steadiness(const std::string& device) const {
    Steadiness result;
    const Master* const one = find(device);
    if (one == nullptr) return result;
    std::vector<double> means;
    for (const Batch& batch : one->batches) {
        if (batch.count == one->batch_size)
            means.push_back(static_cast<double>(batch.latency_fs) / static_cast<double>(batch.count));
    }
    const std::size_t n = means.size();
    result.batches = n;
    result.batch_transactions = one->batch_size;
    if (n < kFewestBatches) return result;
    const Series series{means};
    const std::size_t half = n / 2;
    const double level = series.mean(half, n);
    if (!(level > 0)) return result;
    result.start = std::fabs(series.mean(0, n) - level) / level;
    result.trend = std::fabs(series.mean(half, half + (n - half) / 2) - series.mean(half + (n - half) / 2, n)) / level;
    result.half_width = 2 * series.deviation(half, n) / std::sqrt(static_cast<double>(n - half)) / level;
    const bool late = result.trend <= kTolerance && result.half_width <= kTolerance;
    result.settled = late && result.start <= kTolerance;
    if (*result.settled) return result;
    // The start's share falls as 1/length, the standard error as 1/sqrt(length); a trend may go on.
    double longer = std::max(1.0, result.start / kTolerance);
    if (result.half_width > kTolerance) longer = std::max(longer, std::pow(result.half_width / kTolerance, 2));
    if (result.trend > kTolerance) longer = std::max(longer, 2.0);
    result.longer = static_cast<std::uint64_t>(std::ceil(std::min(longer, 1e6)));
    if (late) {
        std::size_t first = 0;
        while (first < half && std::fabs(series.mean(first, n) - level) / level > kTolerance / 2) ++first;
        result.leave_out = (first == 0 ? 1 : first) * one->batch_size;
    }
    return result;
}

}  // namespace xlate::study
