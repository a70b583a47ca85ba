#include "bench/floor.hpp"
#include "bench/row.hpp"

namespace xlate::bench {
namespace {

Measured run_floor(const FloorParams& params, std::uint64_t transactions) {
    Floor floor{params};
    const double start = cpu_seconds();
    floor.run(transactions);
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = floor.completed();
    measured.checksum = floor.checksum();
    measured.add("tlb_hit_share", static_cast<double>(floor.hits()) / static_cast<double>(floor.completed()));
    return measured;
}

}  // namespace

void add_floor_rows(std::vector<Row>& rows) {
    const auto add = [&rows](const char* name, const char* what, const FloorParams& params, std::uint64_t count) {
        rows.push_back({name, "transaction", what, count,
                        [params](std::uint64_t transactions) { return run_floor(params, transactions); }});
    };
    FloorParams hits;
    add("floor/hits", "64 KiB, linear: the TLB always hits.", hits, 5'000'000);
    FloorParams random;
    random.random = true;
    random.working_set_bytes = kRandomBytes;
    add("floor/random", "256 MiB, random pages: nearly every look-up walks four levels; payload copied.", random,
        1'000'000);
    random.host_huge_pages = true;
    add("floor/random/huge_pages", "The same with the host's huge pages behind simulated memory.", random, 1'000'000);
    random.host_huge_pages = false;
    random.copy_payload = false;
    add("floor/random/timing_only", "The same without touching payload memory.", random, 1'000'000);
}

}  // namespace xlate::bench
