// What shared resources count of themselves, against what transactions and walks say of the same time.
#include <catch2/catch.hpp>

#include "soc/time/calendar.hpp"
#include "soc/time/station.hpp"
#include "tests/soc/plain_bench.hpp"

namespace xlate::tests {

namespace {

using soc::ResourceKind;

/// All of a kind together.
soc::ResourceUse sum_of(const soc::Soc& soc, ResourceKind kind) {
    soc::ResourceUse sum;
    for (const soc::ResourceUse& one : soc.uses()) {
        if (one.kind != kind) continue;
        sum.busy_fs += one.busy_fs;
        sum.full_fs += one.full_fs;
        sum.waited_fs += one.waited_fs;
        sum.places = one.places;
    }
    return sum;
}

/// 64 bytes keep the channel for 10 ns; with 8 under way it is the bottleneck of a way that takes 35 ns otherwise.
soc::SocConfig slow_memory(soc::Fidelity fidelity) {
    soc::SocConfig config = one_master();
    config.fidelity = fidelity;
    config.memory.bandwidth_bytes_per_s = 6'400'000'000;
    config.masters[0].traffic.outstanding = 8;
    config.masters[0].traffic.transfers = 500;
    config.masters[0].traffic.interval = ns(0);
    return config;
}

std::string uses_of_slow_memory(soc::Fidelity fidelity) {
    return in_child([&] {
        const firmware::Description board = untranslated({"a"});
        soc::Soc soc(board, slow_memory(fidelity));
        soc.start_master("a", Iova{SmmuBench::kPages}, 4096);
        soc.run();
        const soc::MasterStats master = soc.stats().masters[0];
        const soc::ResourceUse memory = sum_of(soc, ResourceKind::memory);
        const soc::ResourceUse to = sum_of(soc, ResourceKind::crossbar);
        const soc::ResourceUse back = sum_of(soc, ResourceKind::crossbar_back);
        const std::uint64_t waited = memory.waited_fs + to.waited_fs + back.waited_fs;
        const std::uint64_t alone = 500 * ns(33).fs;  // 2 forth, 30 in memory, 1 back
        return fmt::format("memory {} forth {} back {} waits {}", memory.busy_fs / kFsPerNs, to.busy_fs / kFsPerNs,
                           back.busy_fs / kFsPerNs, master.latency.sum_fs() - alone == waited);
    });
}

std::string uses_of_walks(soc::Fidelity fidelity) {
    return in_child([&] {
        const firmware::Description board = SmmuBench::board({"a"});
        soc::SocConfig config = SmmuBench::gem5_machine();
        config.fidelity = fidelity;
        config.masters.push_back(SmmuBench::master("a", 2));
        soc::TrafficParams& traffic = config.masters[0].traffic;
        traffic.pattern = soc::Pattern::random;
        traffic.outstanding = 16;
        traffic.transfers = 400;
        config.iommu.tcu.walk_slots = 2;
        config.iommu.tbu.xlate_slots = 8;
        config.iommu.tbu.main_tlb.shape.entries = 16;
        soc::Soc soc(board, config);
        SmmuBench::install(soc, 256);
        SmmuBench::enable(soc);
        soc.start_master("a", Iova{SmmuBench::kIova}, std::uint64_t{256} * 4096);
        soc.run();
        const soc::IommuStats iommu = soc.stats().iommus[0];
        const soc::ResourceUse walks = sum_of(soc, ResourceKind::walk_slots);
        const soc::ResourceUse slots = sum_of(soc, ResourceKind::port_slots);
        const soc::ResourceUse port = sum_of(soc, ResourceKind::port);
        const std::uint64_t end = soc.stats().masters[0].last_completion.fs;
        return fmt::format(
            "walks {} full {} waits {} slots {}", walks.busy_fs == iommu.walk.sum_fs(),
            walks.full_fs > end / 2 && walks.full_fs <= end && 2 * walks.full_fs <= walks.busy_fs,
            walks.waited_fs > walks.busy_fs,
            slots.busy_fs == iommu.translation.sum_fs() + port.busy_fs + port.waited_fs && slots.busy_fs / 8 > end / 2);
    });
}

}  // namespace

TEST_CASE("calendar: counts what it was reserved for, and the time until then", "[soc][fast]") {
    soc::Calendar calendar;
    REQUIRE(calendar.reserve(ns(0), ns(10), ns(5)) == ns(10));
    CHECK(calendar.waited_fs() == 0);
    REQUIRE(calendar.reserve(ns(0), ns(12), ns(5)) == ns(15));
    REQUIRE(calendar.first_free(ns(0), ns(12)) == ns(20));  // only asks
    REQUIRE(calendar.reserve(ns(0), ns(40), ns(7)) == ns(40));
    REQUIRE(calendar.reserve(ns(0), ns(30), ns(2)) == ns(30));  // in the gap
    CHECK(calendar.busy_fs() == ns(5 + 5 + 7 + 2).fs);
    CHECK(calendar.waited_fs() == ns(3).fs);
}

TEST_CASE("usage: memory is busy for its transfers, and what is waited for is what latencies are longer by") {
    // A read's request is a header of 1 ns, its response a header and a beat.
    const char* const expected = "memory 5000 forth 500 back 1000 waits true";
    CHECK(uses_of_slow_memory(soc::Fidelity::exact) == expected);
    CHECK(uses_of_slow_memory(soc::Fidelity::fast) == expected);
}

TEST_CASE("usage: walk slots are held for as long as walks take, port slots for as long as translations do") {
    const char* const expected = "walks true full true waits true slots true";
    CHECK(uses_of_walks(soc::Fidelity::exact) == expected);
    CHECK(uses_of_walks(soc::Fidelity::fast) == expected);
}

}  // namespace xlate::tests
