// Where a pool of bounce buffers is, and how large. Expected: Linux arch/arm64/mm/init.c (mem_init(),
// zone_sizes_init()), kernel/dma/swiotlb.c (setup_io_tlb_npages(), swiotlb_adjust_nareas(),
// round_up_default_nslabs(), swiotlb_adjust_size()).
#include <catch2/catch.hpp>

#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

struct Asked {
    std::optional<std::uint64_t> slots{}, areas{};
    unsigned cpus = 2;
};

/// Of a board with so much memory from 1 GiB on.
DmaIommu& pool_of(std::unique_ptr<BoardKernel>& kept, Board& board, const char* variant, std::uint64_t memory,
                  const Asked& asked = {}) {
    board.description.memory = {{kGiB, memory}};
    BootConfig config;
    config.cpus = asked.cpus;
    config.parameters.swiotlb_slots = asked.slots;
    config.parameters.swiotlb_areas = asked.areas;
    kept = std::make_unique<BoardKernel>(variant, board.description, config);
    return kept->system.dma;
}

std::uint64_t slots(const char* variant, std::uint64_t memory, const Asked& asked = {}) {
    Board board;
    std::unique_ptr<BoardKernel> kept;
    return pool_of(kept, board, variant, memory, asked).params().swiotlb.slots;
}

}  // namespace

TEST_CASE("swiotlb: a bus that reaches a part of memory makes a pool below its limit", "[kernel-model][dma]") {
    Board board;
    const auto bus = board.add("soc@0", 0, {"simple-bus"});
    firmware::DmaRanges ranges;
    ranges.kind = firmware::DmaRanges::Kind::list;
    firmware::DmaWindow window;
    window.bus = 0xC0000000;
    window.cpu = window.size = kGiB;
    ranges.windows.push_back(window);
    board.description.nodes[firmware::index(bus)].dma_ranges = ranges;
    std::unique_ptr<BoardKernel> kept;
    const DmaIommu& reached = pool_of(kept, board, "linux-6.1", kGiB);
    CHECK_FALSE(reached.swiotlb().active());
    const DmaIommu& beyond = pool_of(kept, board, "linux-6.1", 2 * kGiB);
    CHECK(beyond.swiotlb().active());
    CHECK(beyond.params().swiotlb.reach == 2 * kGiB - 1);
    CHECK(beyond.params().swiotlb.slots == 32768);
}

TEST_CASE("swiotlb: from 6.5 on arm64 has a pool in any case, from 6.7 on of a thousandth", "[kernel-model][dma]") {
    Board board;
    std::unique_ptr<BoardKernel> kept;
    CHECK_FALSE(pool_of(kept, board, "linux-6.1", kGiB).swiotlb().active());
    CHECK(pool_of(kept, board, "linux-6.12", kGiB).swiotlb().active());
    CHECK(slots("linux-6.12", kGiB) == 512);           // 1 MiB
    CHECK(slots("linux-6.12", 2 * kGiB) == 1024);      // 2 MiB
    CHECK(slots("linux-6.12", 4 * kGiB) == 32768);     // beyond 4 GiB: 64 MiB
    CHECK(slots("linux-6.12", kGiB, {4096}) == 4096);  // the command line's word
}

TEST_CASE("swiotlb: sizes are powers of two, and each CPU has a segment", "[kernel-model][dma]") {
    CHECK(slots("linux-6.1", kGiB, {3000}) == 4096);
    CHECK(slots("linux-6.1", kGiB, {100, {}, 4}) == 512);
    CHECK(slots("linux-6.1", kGiB, {100, {}, 3}) == 512);
    CHECK(slots("linux-6.1", kGiB, {100, 1, 4}) == 128);
    CHECK(slots("linux-6.1", kGiB, {1, 5}) == 1024);
}
