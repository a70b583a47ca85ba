// Adds up every transaction's ledger and compares it with the times at which the transaction was seen to come and go.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "soc/measure/forwarding_trace.hpp"

namespace xlate::soc {

/// Conservation: `transactions` of a finished run is the sum of MasterStats::issued.
struct LedgerCheckStats {
    std::uint64_t transactions = 0;  ///< ended
    std::uint64_t differing = 0;     ///< whose parts do not add up to end minus issue, to the femtosecond
    std::uint64_t open = 0;          ///< issued and not ended
};

class LedgerCheck final : public ForwardingTrace {
public:
    LedgerCheckStats stats() const;

    void issued(std::string_view device, std::uint64_t number, SimTime at) override;
    void ended(std::string_view device, std::uint64_t number, const Ledger& ledger, SimTime at) override;

private:
    std::map<std::string, std::unordered_map<std::uint64_t, SimTime>, std::less<>> open_;  ///< issue times
    LedgerCheckStats stats_;
};

}  // namespace xlate::soc
