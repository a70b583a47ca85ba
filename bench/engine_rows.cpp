// Rows for the SMMUv3 engine alone: no clock, no bus, memory served at once. What a translation costs before time.
#include <stdexcept>
#include <string>

#include "base/random.hpp"
#include "bench/plain_memory.hpp"
#include "bench/row.hpp"
#include "bench/smmu_tables.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/runner.hpp"

namespace xlate::bench {
namespace {

namespace smmuv3 = iommu::smmuv3;

constexpr std::uint64_t kPageBytes = 4096;
constexpr StreamId kStream{3};
constexpr std::uint64_t kMemoryBytes = std::uint64_t{4} << 20;  // holds every table; payload is not touched
constexpr std::uint64_t kPayload = std::uint64_t{1} << 30;      // where the pages lie

/// An SMMU with one stream whose `pages` pages from IOVA 0 are mapped, in stage 1 or in both stages.
struct Setup {
    PlainMemory memory{kMemoryBytes};
    smmuv3::Smmu smmu;
    smmuv3::Translation translation;

    Setup(std::uint64_t pages, bool nested, bool walk_cache) : smmu(params(walk_cache)) {
        using namespace smmuv3;
        const SmmuTables tables =
            write_smmu_tables(memory, kPageBytes, kMemoryBytes, {{kStream, 0, kPayload, pages}}, nested);
        smmu.write_register(reg::STRTAB_BASE, 8, tables.strtab_base);
        smmu.write_register(reg::STRTAB_BASE_CFG, 4, tables.strtab_base_cfg);
        smmu.write_register(reg::CR0, 4, cr0::SMMUEN.of(1));
        settle(smmu, memory);
    }

    std::uint64_t translate(std::uint64_t address, bool write) {
        iommu::Request request;
        request.sid = kStream;
        request.address = address;
        request.write = write;
        const iommu::Result& result = smmuv3::translate(translation, smmu, memory, request);
        if (result.response != iommu::Response::ok || result.pa.value != kPayload + address)
            throw std::runtime_error("a translation went wrong: fault " + std::to_string(result.fault));
        return result.pa.value;
    }

private:
    static smmuv3::SmmuParams params(bool walk_cache) {
        smmuv3::SmmuParams params;
        params.features = smmuv3::full_features();
        params.caches.walk_enabled = walk_cache;
        params.caches.ipa = {true, 128, 4, iommu::Replacement::lru};
        for (unsigned level = 0; level < 3; ++level) {
            params.caches.walk_s1[level] = {true, 256, 4, iommu::Replacement::lru};
            params.caches.walk_s2[level] = {true, 256, 4, iommu::Replacement::lru};
        }
        return params;
    }
};

struct Shape {
    std::uint64_t pages = 16;
    bool nested = false;
    bool walk_cache = true;
};

Measured run_engine(const Shape& shape, std::uint64_t count) {
    Setup setup{shape.pages, shape.nested, shape.walk_cache};
    Rng rng{1, "bench.engine"};
    for (std::uint64_t page = 0; page < 16; ++page) setup.translate(page * kPageBytes, false);
    const std::uint64_t lines = shape.pages * kPageBytes / 64;
    const std::uint64_t reads_before = setup.smmu.counters.walk_reads;
    Measured measured;
    const double start = cpu_seconds();
    for (std::uint64_t i = 0; i < count; ++i) measured.checksum += setup.translate(64 * rng.below(lines), i % 10 >= 7);
    measured.seconds = cpu_seconds() - start;
    measured.units = count;
    const auto reads = static_cast<double>(setup.smmu.counters.walk_reads - reads_before);
    measured.add("walk_reads", reads / static_cast<double>(count));
    return measured;
}

}  // namespace

void add_engine_rows(std::vector<Row>& rows) {
    const auto add = [&rows](const char* name, const char* what, const Shape& shape, std::uint64_t count) {
        rows.push_back({name, "translation", what, count,
                        [shape](std::uint64_t translations) { return run_engine(shape, translations); }});
    };
    const std::uint64_t many = kRandomBytes / kPageBytes;
    add("engine/hits", "SMMUv3 engine alone, no time: 16 pages, TLB hits.", {16, false, true}, 3'000'000);
    add("engine/random", "256 MiB, random pages: misses with walks, walk cache on.", {many, false, true}, 1'000'000);
    add("engine/random/no_walk_cache", "The same, every walk reads four levels.", {many, false, false}, 500'000);
    add("engine/nested/hits", "Both stages, 16 pages, TLB hits.", {16, true, true}, 3'000'000);
    add("engine/nested/random", "Both stages, random pages, walk and IPA caches on.", {many, true, true}, 500'000);
    add("engine/nested/random/no_walk_cache", "Both stages, random pages, no walk cache.", {many, true, false},
        200'000);
}

}  // namespace xlate::bench
