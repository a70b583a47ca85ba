// The slowest transactions of each master, with where their time went, and the pages whose walks took longest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "soc/measure/trace.hpp"
#include "study/run/steady.hpp"

namespace xlate::study {

/// Keeps the `kept` slowest of each master after its warm-up; of equals the first. In `fast` there are no parts.
class Slowest final : public soc::TraceSink {
public:
    /// `page_bytes`: a power of two.
    Slowest(std::size_t kept, std::uint64_t page_bytes) : kept_(kept), page_bytes_(page_bytes) {}
    void set_warmup(const std::string& device, const WarmUp& warmup) { masters_[device].warmup = warmup; }

    void issued(std::string_view device, std::uint64_t number, SimTime at) override;
    void ended(std::string_view device, std::uint64_t number, const soc::Ledger& ledger, SimTime at) override;
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;
    /// It waits for none of its own transfers: of no interest here.
    void message(std::string_view, std::uint64_t, std::uint64_t, SimTime, SimTime, bool) override {}
    void span(std::string_view, std::string_view, SimTime, SimTime, std::uint64_t) override {}
    void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}

    /// [{number, iova, write, start_ns, latency_ns, parts_ns: {...}}], slowest first.
    nlohmann::ordered_json of(const std::string& device) const;
    /// [{iova, transactions, walked, walk_ns, latency_mean_ns}] of those pages in whose walks most time went, of the
    /// first kMostPages that it touched; none that were walked: an empty list.
    nlohmann::ordered_json pages_of(const std::string& device) const;

private:
    static constexpr std::size_t kMostPages = std::size_t{1} << 20;
    struct Page {
        std::uint64_t transactions = 0;
        std::uint64_t walked = 0;
        std::uint64_t walk_fs = 0;
        std::uint64_t latency_fs = 0;
    };
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
        std::unordered_map<std::uint64_t, Page> pages;  ///< by first address
    };
    Master& master(std::string_view device);
    void note_page(Master& one, std::uint64_t iova, SimTime latency, const soc::Ledger& ledger) const;

    std::size_t kept_;
    std::uint64_t page_bytes_;
    std::map<std::string, Master, std::less<>> masters_;
    std::uint64_t ended_ = ~std::uint64_t{0};  ///< whose ledger `ledger_` is
    soc::Ledger ledger_;
};

}  // namespace xlate::study
