// A SoC whose times can be added up by hand: masters, a crossbar of 2 + 1 ns, a memory of 30 ns.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

namespace xlate::tests {

/// Latencies, in the order of completion, in ns.
struct Taken final : soc::TraceSink {
    void transaction(std::string_view, std::uint64_t, std::uint64_t, bool, SimTime start, SimTime end,
                     bool fault) override {
        text += fmt::format("{}{} ", (end - start).fs / kFsPerNs, fault ? "!" : "");
        last = end;
    }
    void span(std::string_view, std::string_view, SimTime, SimTime, std::uint64_t) override {}
    void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}
    std::string text;
    SimTime last;
};

inline firmware::Description untranslated(const std::vector<std::string>& masters) {
    firmware::Description board = SmmuBench::board(masters);
    for (std::size_t i = 2; i < board.nodes.size(); ++i) {
        board.nodes[i].has_iommus = false;
        board.nodes[i].iommus.clear();
    }
    return board;
}

inline soc::SocConfig one_master() {
    soc::SocConfig config = SmmuBench::gem5_machine();
    config.masters.push_back(SmmuBench::master("a", 2));
    config.masters[0].traffic.outstanding = 1;
    config.masters[0].traffic.transfers = 3;
    config.masters[0].traffic.interval = ns(2);
    return config;
}

inline std::string latencies(const soc::SocConfig& config, bool translated = false) {
    return in_child([&] {
        const firmware::Description board = translated ? SmmuBench::board({"a"}) : untranslated({"a"});
        Taken taken;
        soc::Soc soc(board, config);
        soc.set_trace(&taken);
        if (translated) {
            SmmuBench::install(soc, 4);
            SmmuBench::enable(soc);
        }
        soc.start_master("a", Iova{translated ? SmmuBench::kIova : SmmuBench::kPages}, 4096);
        soc.run();
        return taken.text;
    });
}

inline std::string finding(const soc::SocConfig& config) {
    const firmware::Description board = SmmuBench::board({"a"});
    const std::vector<Diagnostic> findings = soc::check(config, board);
    return findings.empty() ? "fine" : findings.front().text();
}

}  // namespace xlate::tests
