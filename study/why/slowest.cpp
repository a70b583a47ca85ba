#include "study/why/slowest.hpp"

#include <algorithm>

#include "study/results/result.hpp"

namespace xlate::study {

Slowest::Master& Slowest::master(std::string_view device) {
    const auto known = masters_.find(device);
    return known != masters_.end() ? known->second : masters_[std::string(device)];
}

void Slowest::issued(std::string_view device, std::uint64_t, SimTime at) {
    Master& one = master(device);
    if (!one.issued) one.first_issue = at;
    one.issued = true;
}

void Slowest::ended(std::string_view, std::uint64_t number, const soc::Ledger& ledger, SimTime) {
    ended_ = number;
    ledger_ = ledger;
}

void Slowest::transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                          SimTime end, bool fault) {
    Master& one = master(device);
    const bool warm = number >= one.warmup.transactions && end - one.first_issue >= one.warmup.time;
    if (fault || !warm) return;
    const SimTime latency = end - start;
    std::vector<One>& all = one.slowest;
    if (all.size() == kept_ && latency <= all.back().latency) return;
    if (all.size() == kept_) all.pop_back();
    One made{number, iova, write, start, latency, ended_ == number ? ledger_ : soc::Ledger{}};
    const auto place = std::find_if(all.begin(), all.end(), [&](const One& other) { return other.latency < latency; });
    all.insert(place, made);
}

nlohmann::ordered_json Slowest::of(const std::string& device) const {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    const auto found = masters_.find(device);
    if (found == masters_.end()) return list;
    for (const One& one : found->second.slowest) {
        nlohmann::ordered_json parts = nlohmann::ordered_json::object();
        for (std::size_t i = 0; i < soc::kParts; ++i) {
            const auto part = static_cast<soc::Part>(i);
            if (one.ledger.fs(part) != 0) parts[soc::name(part)] = ns_json(SimTime{one.ledger.fs(part)});
        }
        list.push_back({{"number", one.number},
                        {"iova", one.iova},
                        {"write", one.write},
                        {"start_ns", ns_json(one.start)},
                        {"latency_ns", ns_json(one.latency)},
                        {"parts_ns", std::move(parts)}});
    }
    return list;
}

}  // namespace xlate::study
