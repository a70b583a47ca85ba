#include "soc/measure/ledger_check.hpp"

#include "soc/measure/ledger.hpp"

namespace xlate::soc {

LedgerCheckStats LedgerCheck::stats() const {
    LedgerCheckStats all = stats_;
    for (const auto& [device, times] : open_) all.open += times.size();
    return all;
}

void LedgerCheck::issued(std::string_view device, std::uint64_t number, SimTime at) {
    auto times = open_.find(device);
    if (times == open_.end()) times = open_.emplace(std::string(device), decltype(open_)::mapped_type{}).first;
    times->second[number] = at;
    ForwardingTrace::issued(device, number, at);
}

void LedgerCheck::ended(std::string_view device, std::uint64_t number, const Ledger& ledger, SimTime at) {
    ++stats_.transactions;
    bool right = false;
    const auto times = open_.find(device);
    if (times != open_.end()) {
        const auto begun = times->second.find(number);
        if (begun != times->second.end()) {
            right = begun->second <= at && ledger.sum_fs() == (at - begun->second).fs;
            times->second.erase(begun);
        }
    }
    stats_.differing += right ? 0 : 1;
    ForwardingTrace::ended(device, number, ledger, at);
}

}  // namespace xlate::soc
