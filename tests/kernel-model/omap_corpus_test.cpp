// OMAP's driver against real boots: every dt-omap* folder of the corpus, over registers in RAM.
#include <catch2/catch.hpp>

#include "iommu/omap/layout.hpp"
#include "kernel-model/drivers/omap/iopgtable.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace om = xlate::iommu::omap;

namespace {

constexpr std::uint64_t kBytes = om::kRegisterBytes;

/// TTB names a table wherever it lies; everything else is compared to the bit.
std::string register_text(std::uint64_t address, std::uint64_t value) {
    if (address % kBytes == om::reg::TTB && value != 0) return fmt::format("{:#x} = table", address);
    return fmt::format("{:#x} = {:#x}", address, value);
}

/// Runs of a trace that continue each other: one buffer each, in pieces.
std::vector<std::vector<Json>> buffers_of(const Json& trace) {
    std::vector<std::vector<Json>> buffers;
    std::uint64_t next = 0;
    for (const Json& one : trace) {
        if (one["event"] != "map") continue;
        if (buffers.empty() || hex_of(one["iova"]) != next) buffers.emplace_back();
        buffers.back().push_back(one);
        next = hex_of(one["iova"]) + one["size"].get<std::uint64_t>();
    }
    return buffers;
}

/// What user space asked of the one client that is translated: the buffers of the trace, of the same pieces of memory.
void allocate_buffers(FamilyBoot& run) {
    if (!run.truth.contains("dma_trace") || !rng_slots(run.folder).empty()) return;
    const std::vector<std::vector<Json>> buffers = buffers_of(run.truth["dma_trace"]);
    if (buffers.empty()) return;
    Device* const dev = run.boot->find_device(run.truth["groups"][0]["devices"][0].get<std::string>());
    REQUIRE(dev != nullptr);
    run.k.spawn("v4l2", 0, [&] {
        for (const std::vector<Json>& buffer : buffers) {
            std::vector<DmaSegment> pieces;
            for (const Json& one : buffer) pieces.push_back({PhysAddr{hex_of(one["paddr"])}, one["size"]});
            const auto mapped = run.system.dma.dma_map_sg(*dev, pieces, DmaDirection::from_device);
            CHECK((mapped.empty() ? 0 : mapped.front().iova.value) == hex_of(buffer.front()["iova"]));
        }
    });
    run.machine.run(run.k.sched);
}

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-omap"})) {
        INFO(folder.filename().string());
        FamilyBoot run(folder);
        check(run);
    }
}

}  // namespace

TEST_CASE("omap: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][omap][corpus]") {
    for_each_case([](FamilyBoot& run) {
        check_events(run, "omap-iommu");
        check_groups(run, "omap-iommu");
    });
}

TEST_CASE("omap: the same buffers get the same addresses, and leave the same registers and table words",
          "[kernel-model][omap][corpus]") {
    for_each_case([](FamilyBoot& run) {
        allocate_buffers(run);
        check_registers(run, register_text);
        const Json words = read_json(run.folder / "tables.json");
        for (const auto& [base, state] : words.items()) {
            if (!state.contains("pgd") || state["pgd"].is_null()) continue;
            const std::uint64_t root = run.machine.word(std::stoull(base, nullptr, 0) + om::reg::TTB);
            const Json& l1_words = state["pgd"]["l1"];
            unsigned present = 0;
            for (const auto& [l1, entry] : l1_words.items()) {
                INFO(base << " " << l1);
                const std::uint64_t wanted = hex_of(entry.is_string() ? entry : entry["desc"]);
                const std::uint64_t word = run.machine.word(root + 4 * std::stoull(l1));
                if (om::l1::TYPE.get(wanted) != om::l1::TYPE_TABLE) {
                    CHECK(word == wanted);
                    continue;
                }
                REQUIRE(om::l1::TYPE.get(word) == om::l1::TYPE_TABLE);
                const Json& l2_words = entry["entries"];
                for (std::uint64_t i = 0; i < om::kTableEntries; ++i) {
                    const std::string l2 = std::to_string(i);
                    const std::uint64_t second =
                        run.machine.word(om::l1::table(static_cast<std::uint32_t>(word)) + 4 * i);
                    INFO(l2);
                    CHECK(second == (l2_words.contains(l2) ? hex_of(l2_words[l2]) : 0));
                }
            }
            for (std::uint64_t i = 0; i < om::kDirectoryEntries; ++i) present += run.machine.word(root + 4 * i) != 0;
            CHECK(present == l1_words.size());
        }
    });
}

TEST_CASE("omap: an unmap takes the whole entry, an empty table goes at once", "[kernel-model][omap]") {
    struct Pages : TableMemory {
        std::optional<PhysAddr> alloc_table(std::uint64_t bytes) override {
            next = (next + bytes - 1) / bytes * bytes;
            next += bytes;
            ++tables;
            return PhysAddr{next - bytes};
        }
        void free_table(PhysAddr, std::uint64_t) override { --tables; }
        void store(PhysAddr at, const std::uint64_t* words, std::size_t count, unsigned bytes) override {
            for (std::size_t i = 0; i < count; ++i) memory[at.value + i * bytes] = words[i];
        }
        std::map<std::uint64_t, std::uint64_t> memory;
        std::uint64_t next = 0x42000000;
        int tables = 0;
    } pages;
    Iopgtable tables(pages);
    REQUIRE(tables.init() == 0);
    // Section 17's words, and a group of each size.
    CHECK(tables.iopgtable_store_entry_core(0x123AB000, 0x9ABCD000, 0x1000) == 0);
    CHECK(tables.pte(0x123AB000) == 0x9ABCD002U);
    CHECK(tables.iopgtable_store_entry_core(0x12300000, 0x9AB50000, 0x10000) == 0);
    CHECK(tables.iopgtable_store_entry_core(0x20000000, 0x80100000, 0x100000) == 0);
    CHECK(tables.pgd(0x20000000) == 0x80100002U);
    CHECK(tables.iopgtable_store_entry_core(0x30000000, 0x81000000, 0x1000000) == 0);
    CHECK(tables.pgd(0x30F00000) == 0x81040002U);
    CHECK(tables.iopgtable_store_entry_core(0x30000000, 0x81000000, 0x4000) == -kEINVAL);
    CHECK(tables.iopgtable_store_entry_core(0x12301000, 0x9AB50000, 0x10000) == -kEINVAL);
    CHECK(tables.iova_to_phys(0x1230FFFC)->value == 0x9AB5FFFC);
    CHECK(tables.iova_to_phys(0x30ABCDEC)->value == 0x81ABCDEC);
    CHECK_FALSE(tables.iova_to_phys(0x12311000));
    CHECK(pages.tables == 2);
    // One page of a large one: all of it goes. What is not mapped below a table counts as a page.
    CHECK(tables.iopgtable_clear_entry_core(0x12305000) == 0x10000);
    CHECK(tables.pte(0x12300000) == 0U);
    CHECK(tables.iopgtable_clear_entry_core(0x12305000) == 0x1000);
    CHECK(tables.iopgtable_clear_entry_core(0x123AB000) == 0x1000);
    CHECK(pages.tables == 1);
    CHECK(tables.pgd(0x12300000) == 0);
    CHECK(tables.iopgtable_clear_entry_core(0x12300000) == 0);
    CHECK(tables.iopgtable_clear_entry_core(0x30500000) == 0x1000000);
    CHECK(tables.pgd(0x30000000) == 0);
    CHECK(pages.memory[tables.iopgd_offset(0x30F00000)] == 0);
    CHECK(tables.iopgtable_clear_entry_core(0x20000000) == 0x100000);
    tables.free_tables();
    CHECK(pages.tables == 0);
}
