// A DART against a walker that is written from docs/spec/iommu-hardware.md section 5 alone: random tables, registers
// and accesses, caches on and off, invalidations in between.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "tests/iommu/dart_world.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::dart;

namespace {

struct Outcome {
    FaultCode fault = FaultCode::none;
    std::uint64_t pa = 0;
};

/// What the pages say, with numbers in place of the layout's names.
struct Oracle {
    bool t8110 = false, dart2 = false, four_level = false;
    unsigned page = 14;

    std::uint64_t address(std::uint64_t word) const { return dart2 ? (word & 0x3FFFFFFC00) << 4 : word & 0xFFFFFF000; }
    Outcome walk(WordMemory& memory, std::uint32_t tcr, const std::uint32_t* ttbr, std::uint64_t iova, bool write,
                 unsigned length) const {
        const unsigned bypass = t8110 ? 1 : 8, translate = t8110 ? 0 : 7;
        if (tcr >> bypass & 1) return {FaultCode::none, iova};
        if (!(tcr >> translate & 1)) return {FaultCode::blocked};
        const bool four = t8110 && (tcr >> 3 & 1);
        const unsigned bits = page - 3, levels = four ? 3 : 2;
        const std::uint64_t base = iova >> (page + levels * bits);
        if (base >= (t8110 ? 1U : 4U)) return {FaultCode::no_ttbr};
        const std::uint32_t root = ttbr[base];
        if (!(t8110 ? root & 1 : root >> 31)) return {FaultCode::no_ttbr};
        std::uint64_t table =
            t8110 ? std::uint64_t{root >> 2 & 0x0FFFFFFF} << 14 : std::uint64_t{root & 0x0FFFFFFF} << 12;
        const FaultCode missing[] = {FaultCode::no_pte, FaultCode::no_pmd, FaultCode::no_pgd};
        for (unsigned above = levels - 1;; --above) {
            const std::uint64_t index = iova >> (page + above * bits) & ((std::uint64_t{1} << bits) - 1);
            const auto at = memory.words.find(table + index * 8);
            const std::uint64_t word = at == memory.words.end() ? 0 : at->second;
            if (!(word & 1)) return {missing[above]};
            if (above > 0) {
                table = address(word);
                continue;
            }
            const unsigned no_write = dart2 ? 2 : 7, no_read = dart2 ? 3 : 8;
            const FaultCode denied = write ? FaultCode::write : FaultCode::read;
            if (word >> (write ? no_write : no_read) & 1) return {denied};
            const std::uint64_t unit = (std::uint64_t{1} << page) / 4096;
            const std::uint64_t offset = iova & ((std::uint64_t{1} << page) - 1);
            const std::uint64_t start = (word >> 52) * unit, end = ((word >> 40 & 0xFFF) + 1) * unit;
            const bool checked = dart2 || !(word >> 1 & 1);
            if (checked && (offset < start || offset + length > end)) return {denied};
            return {FaultCode::none, address(word) + offset};
        }
    }
};

struct Shape {
    bool t8110;
    unsigned page;
    bool caches;
};

std::uint64_t random_leaf(Rng& rng, bool dart2) {
    std::uint64_t word = dart2 ? rng.below(1U << 20) << 10 : rng.below(1U << 20) << 14;
    if (rng.below(8) != 0) word |= 1;
    if (rng.below(4) == 0) word |= std::uint64_t{1} << (dart2 ? 2 : 7);
    if (rng.below(4) == 0) word |= std::uint64_t{1} << (dart2 ? 3 : 8);
    if (rng.below(2) == 0) word |= 2;
    const bool part = rng.below(4) == 0;
    word |= (part ? rng.below(0x800) : 0) << 52 | (part ? 0x800 + rng.below(0x800) : 0xFFF) << 40;
    return word;
}

}  // namespace

TEST_CASE("dart: a million accesses go as a walker from the specification says", "[iommu][dart]") {
    const Shape shape = GENERATE(Shape{false, 14, true}, Shape{false, 14, false}, Shape{false, 12, true},
                                 Shape{true, 14, true}, Shape{true, 14, false});
    DartParams params = shape.t8110 ? t8110_dart() : t8103_dart();
    params.page_log2 = static_cast<std::uint8_t>(shape.page);
    params.tlb = {shape.caches, 16, 4};
    params.walk = {shape.caches, 8, 4};
    World world(params);
    const bool dart2 = params.words == dart_table::Words::dart2;
    const Oracle oracle{shape.t8110, dart2, false, shape.page};
    Rng rng{7, "dart differential"};

    // A few tables, so that walks meet.
    const unsigned bits = shape.page - 3;
    constexpr std::uint64_t kTables = 12, kStreams = 4;
    const auto table_at = [](std::uint64_t i) { return 0x800000000 + i * 0x4000; };
    const auto field = [&](std::uint64_t at) { return dart2 ? at >> 4 : at; };
    std::uint32_t tcr[kStreams] = {}, ttbr[kStreams][4] = {};
    const auto change = [&] {
        const std::uint64_t at = table_at(rng.below(kTables)) + rng.below(8) * 8;
        world.memory.words[at] = rng.below(2) == 0 ? field(table_at(rng.below(kTables))) | (rng.below(8) != 0 ? 1 : 0)
                                                   : random_leaf(rng, dart2);
        const auto stream = static_cast<unsigned>(rng.below(kStreams));
        const std::uint32_t choices[] = {0, shape.t8110 ? 2U : 0x1100U, shape.t8110 ? 1U : 0x80U,
                                         shape.t8110 ? 9U : 0x80U};
        tcr[stream] = choices[rng.below(16) == 0 ? rng.below(2) : 2 + rng.below(2)];
        const auto base = static_cast<unsigned>(rng.below(shape.t8110 ? 1 : 4));
        const std::uint64_t root = table_at(rng.below(kTables));
        const bool valid = rng.below(16) != 0;
        ttbr[stream][base] = static_cast<std::uint32_t>(shape.t8110 ? root >> 14 << 2 | (valid ? 1 : 0)
                                                                    : root >> 12 | (valid ? 0x80000000 : 0));
        world.set_tcr(stream, tcr[stream]);
        world.write(shape.t8110 ? t8110::ttbr_offset(stream) : t8020::ttbr_offset(stream, base), ttbr[stream][base]);
        if (shape.t8110) {
            world.write(t8110::TLB_CMD, 0);
        } else {
            world.write(t8020::STREAM_SELECT, 0xFFFF);
            world.write(t8020::STREAM_COMMAND, 0x100000);
        }
    };
    for (int i = 0; i < 400; ++i) change();

#ifdef NDEBUG
    constexpr int kAccesses = 200'000;
#else
    constexpr int kAccesses = 20'000;
#endif
    std::uint64_t done = 0, faults = 0;
    for (int i = 0; i < kAccesses; ++i) {
        if (rng.below(16) == 0) change();
        const auto stream = static_cast<unsigned>(rng.below(kStreams));
        std::uint64_t iova = rng.below(64) << (shape.page - 6);
        for (unsigned above = 0; above < 3; ++above) iova |= rng.below(8) << (shape.page + above * bits);
        if (shape.t8110 ? rng.below(4) != 0 : true) iova &= (std::uint64_t{1} << (shape.page + 2 * bits + 2)) - 1;
        if (rng.below(32) == 0) iova |= std::uint64_t{1} << (shape.page + 3 * bits + rng.below(3));
        const bool write = rng.below(2) == 0;
        const Outcome expected = oracle.walk(world.memory, tcr[stream], ttbr[stream], iova, write, 64);
        const Step step = world.access(stream, iova, write);
        const FaultCode fault =
            step.kind == StepKind::fault ? static_cast<FaultCode>(step.result.fault) : FaultCode::none;
        if (fault != expected.fault || (fault == FaultCode::none && step.result.pa.value != expected.pa)) {
            INFO("access " << i << " stream " << stream << " iova " << std::hex << iova << " write " << write << " tcr "
                           << tcr[stream]);
            CHECK(name(fault) == name(expected.fault));
            CHECK(step.result.pa.value == expected.pa);
            return;
        }
        ++(fault == FaultCode::none ? done : faults);
    }
    CHECK(done > kAccesses / 20);
    CHECK(faults > kAccesses / 10);
}
