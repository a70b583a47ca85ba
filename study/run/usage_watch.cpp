#include "study/run/usage_watch.hpp"

#include <algorithm>

namespace xlate::study {

void UsageWatch::expect(std::uint64_t transactions) {
    if (std::find(lasts_.begin(), lasts_.end(), transactions) == lasts_.end()) lasts_.push_back(transactions);
}

void UsageWatch::issued(std::string_view device, std::uint64_t number, SimTime at) {
    if (number == 0) {
        if (!began_) first_ = last_ = at;
        began_ = true;
        sample(at, true);
    }
    ForwardingTrace::issued(device, number, at);
}

void UsageWatch::transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write,
                             SimTime start, SimTime end, bool fault) {
    last_ = std::max(last_, end);
    if (end >= due_) {
        sample(soc_.now(), false);
    } else if (std::find(lasts_.begin(), lasts_.end(), number + 1) != lasts_.end()) {
        sample(soc_.now(), true);
    }
    ForwardingTrace::transaction(device, number, iova, write, start, end, fault);
}

std::vector<kernel::Lockdep::ClassUse> UsageWatch::locks() const {
    return lockdep_ == nullptr ? std::vector<kernel::Lockdep::ClassUse>{} : lockdep_->uses();
}

void UsageWatch::sample(SimTime at, bool exact) {
    exact = exact && exact_ < kMostExact;
    if (exact) ++exact_;
    const std::vector<soc::ResourceUse> uses = soc_.uses();
    const std::vector<kernel::Lockdep::ClassUse> held = locks();
    if (samples_.empty()) samples_.push_back({SimTime{}, true, {}});
    Sample made{at, exact, {}};
    made.values.reserve(3 * (uses.size() + held.size()));
    for (const soc::ResourceUse& use : uses) {
        made.values.push_back(use.busy_fs);
        made.values.push_back(use.full_fs);
        made.values.push_back(use.waited_fs);
    }
    for (const kernel::Lockdep::ClassUse& use : held) {
        made.values.push_back(use.held_fs);
        made.values.push_back(use.door_fs);
        made.values.push_back(use.waited_fs);
    }
    samples_.push_back(std::move(made));
    const std::size_t most = std::max<std::size_t>(
        16, std::min(kMostSamples, kMostValues / std::max<std::size_t>(1, samples_.back().values.size())));
    while (samples_.size() > most + exact_) {
        bool keep = false;
        const auto dropped = [&](const Sample& one) {
            if (one.exact) return false;
            keep = !keep;
            return !keep;
        };
        samples_.erase(std::remove_if(samples_.begin(), samples_.end(), dropped), samples_.end());
        stretch_ = stretch_ * 2;
    }
    due_ = at + stretch_;
}

void UsageWatch::finish() {
    end_ = soc_.uses();
    locks_end_ = locks();
    // What comes after the last transaction is not traffic's.
    if (began_) sample(std::max(last_, samples_.back().at), true);
}

/// Each value at `time`, as if it had grown evenly from one sample to the next.
std::vector<double> UsageWatch::at(SimTime time) const {
    const auto behind = std::find_if(samples_.begin(), samples_.end(), [&](const Sample& s) { return s.at >= time; });
    if (behind == samples_.end()) return {samples_.back().values.begin(), samples_.back().values.end()};
    if (behind == samples_.begin() || behind->at == time) return {behind->values.begin(), behind->values.end()};
    const Sample& before = *std::prev(behind);
    const auto earlier = [&](std::size_t i) { return i < before.values.size() ? before.values[i] : 0; };
    const double part = static_cast<double>((time - before.at).fs) / static_cast<double>((behind->at - before.at).fs);
    std::vector<double> values(behind->values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto from = static_cast<double>(earlier(i));
        values[i] = from + (static_cast<double>(behind->values[i]) - from) * part;
    }
    return values;
}

std::vector<std::uint64_t> UsageWatch::grown(SimTime from, SimTime to) const {
    std::vector<std::uint64_t> all(3 * (end_.size() + locks_end_.size()), 0);
    if (samples_.empty()) return all;
    const std::vector<double> before = at(from);
    const std::vector<double> after = at(to);
    for (std::size_t i = 0; i < std::min(all.size(), after.size()); ++i) {
        const double earlier = i < before.size() ? before[i] : 0;
        if (after[i] > earlier) all[i] = static_cast<std::uint64_t>(after[i] - earlier);
    }
    return all;
}

std::vector<soc::ResourceUse> UsageWatch::between(SimTime from, SimTime to) const {
    std::vector<soc::ResourceUse> all = end_;
    const std::vector<std::uint64_t> values = grown(from, to);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].busy_fs = values[3 * i];
        all[i].full_fs = values[3 * i + 1];
        all[i].waited_fs = values[3 * i + 2];
    }
    return all;
}

std::vector<kernel::Lockdep::ClassUse> UsageWatch::locks_between(SimTime from, SimTime to) const {
    std::vector<kernel::Lockdep::ClassUse> all = locks_end_;
    const std::vector<std::uint64_t> values = grown(from, to);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::size_t at = 3 * (end_.size() + i);
        all[i].held_fs = values[at];
        all[i].door_fs = values[at + 1];
        all[i].waited_fs = values[at + 2];
    }
    return all;
}

}  // namespace xlate::study
