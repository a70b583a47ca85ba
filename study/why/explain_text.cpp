// What `xlate why` prints.
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "study/results/numbers.hpp"
#include "study/why/explain.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMatters = 0.05;

std::string text(const Json& value) { return printable(value.get<std::string>()); }

struct PartWords {
    const char* part;
    const char* words;
};
constexpr PartWords kParts[] = {
    {"issue", "in the master, until its request is taken"},
    {"link", "on wires: the PCIe link, and between a TBU and its TCU"},
    {"iommu_queue", "waiting for a slot or a buffer of the IOMMU, or for another miss on the same page"},
    {"micro_tlb", "in the micro-TLB"},
    {"main_tlb", "in the main TLB"},
    {"tcu_tlb", "in the core's TLB"},
    {"config_cache", "in the configuration cache"},
    {"ste", "fetching a stream table entry"},
    {"cd", "fetching a context descriptor"},
    {"walk_cache", "in the walk cache"},
    {"httu", "writing access flags"},
    {"ats", "in its ATC and the requests of that"},
    {"walk_other", "in the walker"},
    {"stall", "until software answered: stalled, or its page request under way"},
    {"memory", "in the interconnect and memory"},
    {"response", "on the way back"},
};

std::string words_of(const std::string& part) {
    for (const PartWords& one : kParts) {
        if (part == one.part) return one.words;
    }
    return fmt::format("reading the tables: {}", part);  // s1_level3
}

/// The parts of one transaction that matter, the longest first.
std::string chain_of(const Json& transaction) {
    std::vector<std::pair<double, std::string>> parts;
    for (const auto& [name, ns] : transaction.at("parts_ns").items()) parts.emplace_back(ns.get<double>(), name);
    std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    const auto whole = transaction.at("latency_ns").get<double>();
    std::string all;
    for (const auto& [ns, name] : parts) {
        if (ns < whole * kMatters) break;
        all += fmt::format("    {:>9}  {:>3.0f} %  {}\n", span_text(ns), ns / whole * 100, words_of(name));
    }
    return all;
}

/// What was busy or full for a share of its time that is worth a line.
void busy(const Json& master, std::string& all) {
    if (!master.contains("busy")) return;
    std::string lines;
    for (const Json& one : master.at("busy")) {
        if (one.at("share").get<double>() < kMatters) break;
        lines += fmt::format("    {:>3.0f} %  {}", one.at("share").get<double>() * 100, text(one.at("resource")));
        const double places = one.at("places").get<double>(), waiting = one.at("waiting").get<double>();
        if (places > 1) lines += fmt::format("; {:.1f} of {:.0f} in use", one.at("occupancy").get<double>(), places);
        if (waiting >= kMatters) lines += fmt::format("; {:.1f} wait for it", waiting);
        lines += "\n";
    }
    if (!lines.empty()) all += "\n  Busy or full, of its time:\n" + lines;
}

void slowest(const Json& master, std::string& all) {
    const Json& list = master.at("slowest");
    if (list.empty()) return;
    const Json& first = list[0];
    all += fmt::format("\n  Its slowest transaction took {} (mean {}): number {}, a {} at iova {:#x}, from {}\n",
                       span_text(first.at("latency_ns")), span_text(master.at("latency_ns").at("mean")),
                       first.at("number").dump(), first.at("write") == true ? "write" : "read",
                       first.at("iova").get<std::uint64_t>(), span_text(first.at("start_ns")));
    all += first.at("parts_ns").empty() ? "    where its time went is not known with fidelity fast\n" : chain_of(first);
    if (list.size() < 2) return;
    all += "  The next:";
    for (std::size_t i = 1; i < list.size(); ++i)
        all += fmt::format("{} number {} ({})", i == 1 ? "" : ",", list[i].at("number").dump(),
                           span_text(list[i].at("latency_ns")));
    all += "\n";
}

void pages(const Json& master, std::string& all) {
    constexpr std::size_t kMost = 3;
    if (!master.contains("pages") || master.at("pages").empty()) return;
    all += "\n  Pages with the longest walks:\n";
    for (std::size_t i = 0; i < std::min(kMost, master.at("pages").size()); ++i) {
        const Json& one = master.at("pages")[i];
        all += fmt::format("    {:>9}  {:#x}: {} of {} transactions walked (mean latency {})\n",
                           span_text(one.at("walk_ns")), one.at("iova").get<std::uint64_t>(), one.at("walked").dump(),
                           one.at("transactions").dump(), span_text(one.at("latency_mean_ns")));
    }
}

void overhead(const Json& master, std::string& all) {
    if (master.contains("no_overhead"))
        all += fmt::format("\n  What its IOMMU costs is not told: {}\n", text(master.at("no_overhead")));
    if (!master.contains("overhead")) return;
    const Json& cost = master.at("overhead");
    const auto percent = [&](const char* key) { return cost.at(key).get<double>() * 100; };
    all += fmt::format(
        "\n  Its IOMMU costs {:+.1f} % of latency projected (its parts of the transactions' time), {:+.1f} % realised\n"
        "  (against the run without it: mean {}, {}), and {:.1f} % of bandwidth\n",
        percent("projected"), percent("realised"), span_text(cost.at("latency_mean_ns")),
        rate_text(cost.at("bandwidth_bytes_per_s").get<double>()), percent("bandwidth_lost"));
}

void tried(const Json& master, std::string& all) {
    all += "\n  Tried, one at a time, with all else as it is:\n";
    std::size_t idle = 0;
    std::string rest;
    for (const Json& one : master.at("tried")) {
        const std::string what =
            fmt::format("{}: {} -> {}", text(one.at("resource")), text(one.at("from")), text(one.at("to")));
        if (one.contains("error")) {
            rest += fmt::format("    not tried          {} ({})\n", what, text(one.at("error")));
            continue;
        }
        const auto gain = one.at("gain").get<double>();
        if (gain <= kMatters && gain >= -kMatters) {
            ++idle;
            rest += fmt::format("    {:>10}  {:>+5.0f} %  {}\n",
                                rate_text(one.at("bandwidth_bytes_per_s").get<double>()), gain * 100, what);
            continue;
        }
        all += fmt::format("    {:>10}  {:>+5.0f} %  {}{}\n", rate_text(one.at("bandwidth_bytes_per_s").get<double>()),
                           gain * 100, what, one.at("from_others") == true ? " (others get less)" : "");
        if (gain > kMatters && one.at("limited_by").is_string())
            all += fmt::format("                          then limited by: {}\n", text(one.at("limited_by")));
    }
    if (idle != 0) all += "    and without effect on its bandwidth:\n";
    all += rest;
}

}  // namespace

std::string explain_text(const Json& why) {
    std::string all;
    for (const Json& master : why.at("masters")) {
        if (!all.empty()) all += "\n";
        all += fmt::format("{} of {}: {}", text(master.at("device")), text(why.at("name")),
                           rate_text(master.at("bandwidth_bytes_per_s").get<double>()));
        if (master.contains("asked_bytes_per_s"))
            all += fmt::format(" of {} asked", rate_text(master.at("asked_bytes_per_s").get<double>()));
        all += "\n";
        if (master.contains("limited_by")) {
            const Json& limit = master.at("limited_by");
            all += fmt::format("  limited by: {}, {:.0f} % of the time\n", text(limit.at("resource")),
                               limit.at("share").get<double>() * 100);
        }
        busy(master, all);
        slowest(master, all);
        pages(master, all);
        overhead(master, all);
        tried(master, all);
    }
    if (why.at("cut") == true) all += "\nRuns were cut to fewer transfers than the config has (--transfers).\n";
    return all;
}

}  // namespace xlate::study
