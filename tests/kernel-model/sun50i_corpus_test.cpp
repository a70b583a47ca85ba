// Allwinner's driver against real boots: every dt-sun50i-* folder of the corpus, over registers in RAM whose commands
// clear themselves, as the recording's accessors had it.
#include <catch2/catch.hpp>

#include <set>

#include "iommu/simple/layout_sun50i.hpp"
#include "kernel-model/pgtable/sun50i_format.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace reg = xlate::iommu::sun50i::reg;

namespace {

constexpr std::uint64_t kBytes = iommu::sun50i::kRegisterBytes;

void clear_commands(RegisterMachine& machine) {
    machine.on_write = [&machine](std::uint64_t address, std::uint64_t) {
        const std::uint64_t offset = address % kBytes;
        if (offset == reg::TLB_FLUSH || offset == reg::TLB_IVLD_ENABLE || offset == reg::PC_IVLD_ENABLE) {
            machine.set_word(address, 0);
        }
    };
}

/// TTB names a table wherever it lies; everything else is compared to the bit.
std::string register_text(std::uint64_t address, std::uint64_t value) {
    if (address % kBytes == reg::TTB && value != 0) return fmt::format("{:#x} = table", address);
    return fmt::format("{:#x} = {:#x}", address, value);
}

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-sun50i"})) {
        INFO(folder.filename().string());
        FamilyBoot run(folder, clear_commands, true);
        check(run);
    }
}

}  // namespace

TEST_CASE("sun50i: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][sun50i][corpus]") {
    for_each_case([](FamilyBoot& run) {
        check_events(run, "sun50i-iommu");
        check_groups(run, "sun50i-iommu");
    });
}

TEST_CASE("sun50i: the same addresses are mapped and unmapped, in the same order", "[kernel-model][sun50i][corpus]") {
    for_each_case([](FamilyBoot& run) { check_mappings(run); });
}

TEST_CASE("sun50i: registers are written in the same order, and end with the same words",
          "[kernel-model][sun50i][corpus]") {
    for_each_case([](FamilyBoot& run) { check_registers(run, register_text); });
}

TEST_CASE("sun50i: the same mappings make the same words", "[kernel-model][sun50i][corpus]") {
    for_each_case([](FamilyBoot& run) {
        if (!std::filesystem::exists(run.folder / "tables.json") || !run.truth.contains("dma_trace")) return;
        const Sun50iFormat format;
        std::map<std::uint64_t, std::set<std::uint64_t>> words;
        for (const Json& one : run.truth["dma_trace"]) {
            if (one["event"] != "map") continue;
            const std::uint64_t size = one["size"];
            PageProt prot;
            for (std::uint64_t at = 0; at < size; at += 4096) {
                for (const bool reads : {true, false}) {
                    prot.read = reads;
                    words[hex_of(one["iova"]) + at].insert(
                        format.leaf(PhysAddr{hex_of(one["paddr"]) + at}, prot, 1, 4096));
                }
            }
        }
        const Json tables = read_json(run.folder / "tables.json");
        for (const auto& [base, state] : tables.items()) {
            if (!state.contains("dt") || state["dt"].is_null()) continue;
            for (const auto& [l1, table] : state["dt"]["l1"].items()) {
                CHECK(format.table(PhysAddr{hex_of(table["table"])}, 0) == hex_of(table["desc"]));
                for (const auto& [l2, word] : table["entries"].items()) {
                    const std::uint64_t iova = std::stoull(l1) << 20 | std::stoull(l2) << 12;
                    INFO(base << " " << std::hex << iova);
                    CHECK(words[iova].count(hex_of(word)) == 1);
                }
            }
        }
    });
}
