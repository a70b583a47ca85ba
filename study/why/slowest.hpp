// The slowest transactions of each master, with where their time went.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "soc/measure/trace.hpp"
#include "study/run/steady.hpp"

namespace xlate::study {

/// Keeps the `kept` slowest of each master after its warm-up; of equals the first. In `fast` there are no parts.
class Slowest final : public soc::TraceSink {
public:
    explicit Slowest(std::size_t kept) : kept_(kept) {}
    void set_warmup(const std::string& device, const WarmUp& warmup) { masters_[device].warmup = warmup; }

    void issued(std::string_view device, std::uint64_t number, SimTime at) override;
    void ended(std::string_view device, std::uint64_t number, const soc::Ledger& ledger, SimTime at) override;
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;
    void span(std::string_view, std::string_view, SimTime, SimTime, std::uint64_t) override {}
    void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}

    /// [{number, iova, write, start_ns, latency_ns, parts_ns: {...}}], slowest first.
    nlohmann::ordered_json of(const std::string& device) const;

private:
    struct One {
        std::uint64_t number = 0;
        std::uint64_t iova = 0;
        bool write = false;
        SimTime start;
        SimTime latency;
        soc::Ledger ledger;
    };
    struct Master {
        WarmUp warmup;
        SimTime first_issue;
        bool issued = false;
        std::vector<One> slowest;
    };
    Master& master(std::string_view device);

    std::size_t kept_;
    std::map<std::string, Master, std::less<>> masters_;
    std::uint64_t ended_ = ~std::uint64_t{0};  ///< whose ledger `ledger_` is
    soc::Ledger ledger_;
};

}  // namespace xlate::study
