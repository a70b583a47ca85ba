#include "study/why/slowest.hpp"

#include <algorithm>
#include <utility>

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
    if (ended_ == number) note_page(one, iova, latency, ledger_);
    std::vector<One>& all = one.slowest;
    if (all.size() == kept_ && latency <= all.back().latency) return;
    if (all.size() == kept_) all.pop_back();
    One made{number, iova, write, start, latency, ended_ == number ? ledger_ : soc::Ledger{}};
    const auto place = std::find_if(all.begin(), all.end(), [&](const One& other) { return other.latency < latency; });
    all.insert(place, made);
}

void Slowest::note_page(Master& one, std::uint64_t iova, SimTime latency, const soc::Ledger& ledger) const {
    const std::uint64_t first = iova & ~(page_bytes_ - 1);
    if (one.pages.size() >= kMostPages && one.pages.count(first) == 0) return;
    std::uint64_t walk = 0;
    for (std::size_t i = 0; i < soc::kParts; ++i) {
        const auto part = static_cast<soc::Part>(i);
        if (soc::group_of(part) == soc::Group::walk) walk += ledger.fs(part);
    }
    Page& page = one.pages[first];
    ++page.transactions;
    page.walked += walk != 0 ? 1 : 0;
    page.walk_fs += walk;
    page.latency_fs += latency.fs;
}

nlohmann::ordered_json Slowest::pages_of(const std::string& device) const {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    const auto found = masters_.find(device);
    if (found == masters_.end()) return list;
    std::vector<std::pair<std::uint64_t, Page>> pages;
    for (const auto& [first, page] : found->second.pages) {
        if (page.walked != 0) pages.emplace_back(first, page);
    }
    const std::size_t shown = std::min(kept_, pages.size());
    std::partial_sort(pages.begin(), pages.begin() + static_cast<std::ptrdiff_t>(shown), pages.end(),
                      [](const auto& a, const auto& b) {
                          return a.second.walk_fs != b.second.walk_fs ? a.second.walk_fs > b.second.walk_fs
                                                                      : a.first < b.first;
                      });
    pages.resize(shown);
    for (const auto& [first, page] : pages) {
        list.push_back({{"iova", first},
                        {"transactions", page.transactions},
                        {"walked", page.walked},
                        {"walk_ns", ns_json(SimTime{page.walk_fs})},
                        {"latency_mean_ns", ns_json(SimTime{page.latency_fs / page.transactions})}});
    }
    return list;
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
