// An IOMMU all of whose latencies are zero, and that hits, is not there: transactions have the times of the same SoC
// without it.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

namespace xlate::tests {

namespace {

constexpr std::uint64_t kPagesUsed = 16;

/// Start and end of each transaction that is issued after every page has been met.
struct Times final : soc::TraceSink {
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t, bool write, SimTime start,
                     SimTime end, bool fault) override {
        if (start < from) return;
        text += fmt::format("{} {} {} {} {}{}\n", device, number, write, start.fs, end.fs, fault ? " fault" : "");
    }
    void span(std::string_view, std::string_view, SimTime, SimTime, std::uint64_t) override {}
    void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}
    SimTime from = us(10);
    std::string text;
};

soc::IommuParams free_of_charge() {
    soc::IommuParams params;
    const auto nothing = [](soc::CacheTiming& cache) { cache.latency = Cycles{0}; };
    params.tbu.port_width_bytes = 0;
    params.tcu.port_width_bytes = 0;
    nothing(params.tbu.micro_tlb);
    nothing(params.tbu.main_tlb);
    params.tbu.xlate_slots = 1024;
    params.tbu.write_buffer_beats = 1024;
    params.tbu.micro_tlb.shape.entries = 64;
    return params;
}

std::string times_of(bool translated, soc::Fidelity fidelity, std::uint32_t outstanding, bool ideal = false) {
    return in_child([&] {
        firmware::Description board = SmmuBench::board({"a", "b"});
        if (!translated) {
            for (std::size_t i = 2; i < board.nodes.size(); ++i) {
                board.nodes[i].has_iommus = false;
                board.nodes[i].iommus.clear();
            }
        }
        soc::SocConfig config;
        config.fidelity = fidelity;
        config.cpu.count = 1;
        config.memory.bank_busy = {};
        config.iommu = free_of_charge();
        if (ideal) config.iommu = *soc::iommu_preset("tiny");
        config.iommu.tbu.ideal = ideal;
        for (unsigned i = 0; i < 2; ++i) {
            config.masters.push_back(SmmuBench::master(i == 0 ? "a" : "b", 2 + i));
            soc::TrafficParams& traffic = config.masters[i].traffic;
            traffic.size_bytes = i == 0 ? 64 : 256;
            traffic.read_share = {1, 2};
            traffic.outstanding = outstanding;
            traffic.interval = ns(1 + i);
            traffic.transfers = 40 * kPagesUsed;
            // Meets every page, and then pauses until the walks are long over. A burst is never held up by its answers:
            // else the walks of the first would move all others.
            traffic.pattern = soc::Pattern::strided;
            traffic.burst = kPagesUsed;
            traffic.burst_gap = us(20);
        }
        Times times;
        if (ideal) times.from = {};
        soc::Soc soc(board, config);
        soc.set_trace(&times);
        SmmuBench::install(soc, kPagesUsed, 2);
        if (translated) SmmuBench::enable(soc);
        const std::uint64_t base = translated ? SmmuBench::kIova : SmmuBench::kPages;
        for (const char* name : {"a", "b"}) soc.start_master(name, Iova{base}, kPagesUsed * 4096);
        soc.run();
        return times.text;
    });
}

}  // namespace

TEST_CASE("an IOMMU of zero latency that hits has the times of the SoC without it") {
    for (const soc::Fidelity fidelity : {soc::Fidelity::exact, soc::Fidelity::fast}) {
        for (const std::uint32_t outstanding : {16U, 64U}) {
            CAPTURE(static_cast<int>(fidelity), outstanding);
            const std::string without = times_of(false, fidelity, outstanding);
            REQUIRE(std::count(without.begin(), without.end(), '\n') == 39 * 2 * kPagesUsed);
            CHECK(times_of(true, fidelity, outstanding) == without);
        }
    }
}

TEST_CASE("an ideal IOMMU has the times of the SoC without it, from the first transaction on, whatever its shape") {
    for (const std::uint32_t outstanding : {1U, 16U, 64U}) {
        CAPTURE(outstanding);
        const std::string without = times_of(false, soc::Fidelity::exact, outstanding, true);
        REQUIRE(std::count(without.begin(), without.end(), '\n') == 40 * 2 * kPagesUsed);
        CHECK(times_of(true, soc::Fidelity::exact, outstanding, true) == without);
    }
}

}  // namespace xlate::tests
