// The cache before memory: times and counts by hand. A miss is 2 + 5 + 30 + 1 ns, a hit 2 + 5 + 1.
#include <catch2/catch.hpp>

#include "tests/soc/plain_bench.hpp"

namespace xlate::tests {

namespace {

/// One master over `bytes`, one access at a time; 16 lines of 64 bytes in sets of 2, 5 ns a look-up.
soc::SocConfig cached(std::uint64_t bytes, std::uint64_t transfers) {
    soc::SocConfig config = one_master();
    config.masters[0].traffic.working_set_bytes = bytes;
    config.masters[0].traffic.transfers = transfers;
    config.system_cache.bytes = 1024;
    config.system_cache.ways = 2;
    config.system_cache.latency = Cycles{5};
    return config;
}

std::string counts(const soc::SocStats& stats) {
    const soc::SystemCacheStats& cache = *stats.system_cache;
    return fmt::format("{}/{} {}/{} {} {} {}", cache.traffic.hits, cache.traffic.lookups, cache.walks.hits,
                       cache.walks.lookups, cache.fetches, cache.written_back, cache.bypassed);
}

/// Latencies, then hits and look-ups of traffic and walks, fetches, lines written back, accesses that passed.
std::string run(const soc::SocConfig& config, const std::vector<std::string>& masters = {"a"}) {
    return in_child([&] {
        const firmware::Description board = untranslated(masters);
        Taken taken;
        soc::Soc soc(board, config);
        soc.set_trace(&taken);
        for (const std::string& master : masters) soc.start_master(master, Iova{SmmuBench::kPages}, 4096);
        soc.run();
        return taken.text + counts(soc.stats());
    });
}

}  // namespace

TEST_CASE("a line is fetched once and then there") {
    CHECK(run(cached(128, 4)) == "38 38 8 8 2/4 0/0 2 0 0");
    soc::SocConfig halves = cached(128, 4);  // two accesses to each line
    halves.masters[0].traffic.size_bytes = 32;
    CHECK(run(halves) == "38 8 38 8 2/4 0/0 2 0 0");
    soc::SocConfig wide = cached(256, 2);  // each access is four lines, which are fetched side by side
    wide.masters[0].traffic.size_bytes = 256;
    CHECK(run(wide) == "38 8 4/8 0/0 4 0 0");
}

TEST_CASE("the time of a look-up has a part of its own, and the parts add up") {
    const std::string text = in_child([&] {
        const firmware::Description board = untranslated({"a"});
        soc::Soc soc(board, cached(128, 4));
        soc.start_master("a", Iova{SmmuBench::kPages}, 4096);
        soc.run();
        const soc::MasterStats master = soc.stats().masters[0];
        std::uint64_t sum = 0;
        for (const std::uint64_t part : master.parts_fs) sum += part;
        const auto of = [&](soc::Part part) { return master.parts_fs[static_cast<std::size_t>(part)] / kFsPerNs; };
        return fmt::format("{} {} {} {}", of(soc::Part::system_cache), of(soc::Part::memory), of(soc::Part::response),
                           sum == master.latency.sum_fs());
    });
    CHECK(text == "20 68 4 true");  // 4 x 5; 4 x 2 and 2 x 30; 4 x 1
}

TEST_CASE("a write of a whole line fetches nothing, of a part of one, the line") {
    soc::SocConfig config = cached(128, 4);
    config.masters[0].traffic.read_share = {0, 1};
    CHECK(run(config) == "8 8 8 8 2/4 0/0 0 0 0");
    config.masters[0].traffic.size_bytes = 32;
    CHECK(run(config) == "38 8 38 8 2/4 0/0 2 0 0");
}

TEST_CASE("the least recently used line goes, and to memory if it was written") {
    soc::SocConfig config = cached(4096, 48);  // 64 lines through 16
    config.masters[0].traffic.read_share = {0, 1};
    const std::string text = run(config);
    CHECK(text.find(" 0/48 0/0 0 32 0") != std::string::npos);  // all but the last 16
    // Sets of 2: lines 0, 8 and 16 meet in one. 0 8 0 16: 8 is the older one and goes; then 0 is still there.
    const auto in_order = [&](std::vector<std::uint64_t> lines) {
        return in_child([&] {
            const firmware::Description board = untranslated({"a"});
            soc::SocConfig one = cached(4096, lines.size());
            Taken taken;
            soc::Soc soc(board, one);
            soc.set_trace(&taken);
            for (std::uint64_t& line : lines) line *= 64;
            soc.start_master("a", Iova{SmmuBench::kPages}, 4096, lines);
            soc.run();
            return taken.text;
        });
    };
    CHECK(in_order({0, 8, 0, 16, 0, 8}) == "38 38 8 38 8 38 ");
}

TEST_CASE("who may allocate is a policy") {
    soc::SocConfig config = cached(128, 4);
    config.system_cache.allocate = soc::CacheAllocation::none;
    CHECK(run(config) == "38 38 38 38 0/4 0/0 0 0 4");
    config.system_cache.allocate = soc::CacheAllocation::walks;
    CHECK(run(config) == "38 38 38 38 0/4 0/0 0 0 4");
    config.system_cache.allocate = soc::CacheAllocation::reads;
    CHECK(run(config) == "38 38 8 8 2/4 0/0 2 0 0");
    config.masters[0].traffic.read_share = {0, 1};
    CHECK(run(config) == "38 38 38 38 0/4 0/0 0 0 4");
}

TEST_CASE("walks and traffic share it, and are counted each") {
    const auto translated = [](soc::CacheAllocation allocate) {
        return in_child([&] {
            const firmware::Description board = SmmuBench::board({"a"});
            soc::SocConfig config = cached(0, 4);
            config.system_cache.bytes = 1 << 16;
            config.system_cache.allocate = allocate;
            soc::Soc soc(board, config);
            SmmuBench::install(soc, 4);
            SmmuBench::enable(soc);
            soc.start_master("a", Iova{SmmuBench::kIova}, 4096);
            soc.run();
            const soc::SocStats stats = soc.stats();
            return fmt::format("{}, {} faults", counts(stats), stats.faults_total);
        });
    };
    // STE, CD, and the three levels: five lines, each looked for once; the traffic's four lines once each.
    CHECK(translated(soc::CacheAllocation::all) == "0/4 0/5 9 0 0, 0 faults");
    CHECK(translated(soc::CacheAllocation::walks) == "0/4 0/5 5 0 4, 0 faults");
}

TEST_CASE("two that miss the same line fetch it once, no more lines are fetched at once than may be") {
    soc::SocConfig config = cached(64, 1);
    config.masters.push_back(SmmuBench::master("b", 3));
    config.masters[1].traffic = config.masters[0].traffic;
    // The second passes the crossbar a cycle later (its header), and gets its line with the first one.
    CHECK(run(config, {"a", "b"}) == "38 38 0/2 0/0 1 0 0");
    soc::SocConfig narrow = cached(4096, 4);
    narrow.masters[0].traffic.outstanding = 4;
    narrow.masters[0].traffic.interval = ns(1);
    CHECK(run(narrow) == "38 39 40 41 0/4 0/0 4 0 0");  // a response takes two cycles of the way back
    narrow.system_cache.misses = 1;
    CHECK(run(narrow) == "38 67 96 125 0/4 0/0 4 0 0");  // 30 each, a ns of issue apart
}

TEST_CASE("each channel has a slice, all of whose sets are used") {
    soc::SocConfig config = cached(1024, 32);
    config.memory.channels = 2;
    config.system_cache.ways = 1;
    const std::string text = run(config);
    CHECK(text.find(" 8 16/32 0/0 16 0 0") != std::string::npos);
}

TEST_CASE("what a cache before memory may not be is said by name, none is as before") {
    soc::SocConfig config = cached(128, 4);
    CHECK(finding(config) == "fine");
    config.system_cache.bytes = 1000;
    CHECK(finding(config) ==
          "soc.system_cache.size: it is no whole number of sets in each channel's slice; expected a multiple of ways x "
          "line x channels, 128 B");
    config.system_cache.bytes = 4096;
    config.system_cache.line = 512;
    config.memory.channels = 2;
    CHECK(finding(config).find("soc.system_cache.line: a line would lie in several channels") != std::string::npos);
    config = cached(128, 4);
    config.fidelity = soc::Fidelity::fast;
    CHECK(finding(config).find("soc.system_cache: fidelity: fast") == 0);
    config = one_master();
    CHECK(latencies(config) == "33 33 33 ");
}

}  // namespace xlate::tests
