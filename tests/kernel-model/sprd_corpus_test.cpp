// Spreadtrum's driver against real boots: every dt-sprd* folder of the corpus, over registers in RAM.
#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include "iommu/simple/layout_sprd.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace sp = xlate::iommu::sprd;

namespace {

/// Whose version is 1 has it in its first register, where the others have their CFG.
struct Text {
    explicit Text(FamilyBoot& boot) : run(boot) {}
    std::string operator()(std::uint64_t address, std::uint64_t value) const {
        const std::uint64_t base = address / 0x1000 * 0x1000, offset = address - base;
        const bool vau = sp::version::NUMBER.get(run.machine.word(base)) == 1;
        const sp::Registers& at = sp::registers(vau ? sp::Version::vau : sp::Version::ex);
        // Tables and default pages lie where they lie.
        if (value != 0 && offset == at.FIRST_PPN) return fmt::format("{:#x} = table", address);
        if (value != 0 && (offset == at.DEFAULT_PPN_RD || offset == at.DEFAULT_PPN_WR)) {
            return fmt::format("{:#x} = page", address);
        }
        return fmt::format("{:#x} = {:#x}", address, value);
    }
    FamilyBoot& run;
};

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-sprd"})) {
        INFO(folder.filename().string());
        FamilyBoot run(folder);
        check(run);
    }
}

}  // namespace

TEST_CASE("sprd: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][sprd][corpus]") {
    for_each_case([](FamilyBoot& run) {
        check_events(run, "sprd-iommu");
        check_groups(run, "sprd-iommu");
    });
}

TEST_CASE("sprd: the same addresses are mapped and unmapped, in the same order", "[kernel-model][sprd][corpus]") {
    for_each_case([](FamilyBoot& run) { check_mappings(run); });
}

TEST_CASE("sprd: registers end with the same words, and the attach writes them in the same order",
          "[kernel-model][sprd][corpus]") {
    for_each_case([](FamilyBoot& run) { check_registers(run, Text(run)); });
}

TEST_CASE("sprd: the same mappings make the same words", "[kernel-model][sprd][corpus]") {
    for_each_case([](FamilyBoot& run) {
        if (!run.truth.contains("dma_trace")) return;
        // All of an address that any instance has had; which instance is not in the trace.
        std::map<std::uint64_t, std::set<std::uint64_t>> words;
        for (const Json& one : run.truth["dma_trace"]) {
            if (one["event"] != "map") continue;
            const std::uint64_t size = one["size"];
            for (std::uint64_t at = 0; at < size; at += 4096) {
                words[(hex_of(one["iova"]) + at) >> sp::kPageBits].insert((hex_of(one["paddr"]) + at) >> sp::kPageBits);
            }
        }
        const Json tables = read_json(run.folder / "tables.json");
        unsigned compared = 0;
        for (const auto& [base, state] : tables.items()) {
            if (!state.contains("entries")) continue;
            const Json& entries = state["entries"];
            for (const auto& [index, word] : entries.items()) {
                INFO(base << " " << index);
                CHECK(words[std::stoull(index)].count(hex_of(word)) == 1);
                ++compared;
            }
        }
        CHECK(compared > 0);
    });
}

TEST_CASE("sprd: a passthrough that the driver lacks is told in the real kernel's words",
          "[kernel-model][sprd][corpus]") {
    constexpr std::string_view kFallback =
        "iommu: Failed to allocate default IOMMU domain of type 4 for group (null) - Falling back to IOMMU_DOMAIN_DMA";
    std::size_t told = 0;
    for_each_case([&](FamilyBoot& run) {
        std::ifstream log(run.folder / "boot.log");
        const std::string text((std::istreambuf_iterator<char>(log)), {});
        std::size_t real = 0;
        for (std::size_t at = text.find(kFallback); at != std::string::npos; at = text.find(kFallback, at + 1)) ++real;
        std::size_t ours = 0;
        for (const ConsoleLine& line : run.k.console.lines()) ours += line.text == kFallback ? 1 : 0;
        CHECK(ours == real);
        told += ours;
    });
    if (xlate::tests::corpus()) CHECK(told > 0);
}
