// The drivers of Tegra's memory controllers and their SMMU against real boots: every dt-tegra* folder of the corpus.
// Registers are RAM there, so that what the drivers wrote is all that there is to see.
#include <catch2/catch.hpp>

#include <set>

#include "iommu/tegra/layout.hpp"
#include "iommu/tegra/layout_socs.hpp"
#include "kernel-model/pgtable/tegra_format.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace tegra = xlate::iommu::tegra;
namespace reg = xlate::iommu::tegra::reg;

namespace {

/// The tree's memory controllers: where their registers lie, and what they are.
std::map<std::uint64_t, const tegra::Soc*> controllers(const firmware::Description& description) {
    std::map<std::uint64_t, const tegra::Soc*> found;
    for (const firmware::Node& node : description.nodes) {
        const IommuDriver* const driver = iommu_driver_of(node);
        if (driver == nullptr || driver->name != "tegra-smmu" || node.regs.empty()) continue;
        for (const std::string& compatible : node.compatible) {
            if (const tegra::Soc* const soc = tegra::soc_of(compatible)) {
                found.emplace(node.regs.front().address, soc);
                break;
            }
        }
    }
    return found;
}

/// Words that name a table, wherever it lies: its place in the page is what counts. All else to the bit.
std::string register_text(const std::map<std::uint64_t, const tegra::Soc*>& files, std::uint64_t address,
                          std::uint64_t value) {
    const std::uint64_t file = address & ~std::uint64_t{tegra::kRegisterBytes - 1}, offset = address - file;
    if (files.count(file) == 0) return {};
    const auto word = static_cast<std::uint32_t>(value);
    if (offset == reg::SMMU_PTB_DATA && value != 0) {
        return fmt::format("{:#x} = table | {:#x}", address, word & tegra::word::kAll);
    }
    if (offset == reg::SMMU_PTC_FLUSH && tegra::ptc_flush::TYPE.test(value)) {
        return fmt::format("{:#x} = table | {:#x}", address, word & 0xFFF);
    }
    return fmt::format("{:#x} = {:#x}", address, value);
}

/// What the real kernel warns of as well when a consumer of a shared group is unbound (docs/spec/linux-findings.md,
/// second part, 3).
const std::vector<std::string> kFaithful = {"WARNING: iommu_detach_device", "WARNING: tegra_smmu_domain_free"};

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-tegra"})) {
        INFO(folder.filename().string());
        FamilyBoot run(folder);
        check(run);
    }
}

}  // namespace

TEST_CASE("tegra: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][tegra][corpus]") {
    for_each_case([](FamilyBoot& run) {
        check_events(run, "tegra-mc");
        check_groups(run, "tegra-mc", kFaithful);
    });
}

TEST_CASE("tegra: the same addresses are mapped and unmapped, in the same order", "[kernel-model][tegra][corpus]") {
    for_each_case([](FamilyBoot& run) { check_mappings(run); });
}

TEST_CASE("tegra: registers are written in the same order, and end with the same words",
          "[kernel-model][tegra][corpus]") {
    for_each_case([](FamilyBoot& run) {
        const auto files = controllers(run.description);
        check_registers(
            run, [&](std::uint64_t address, std::uint64_t value) { return register_text(files, address, value); });
    });
}

TEST_CASE("tegra: the same mappings make the same words", "[kernel-model][tegra][corpus]") {
    for_each_case([](FamilyBoot& run) {
        if (!std::filesystem::exists(run.folder / "tables.json") || !run.truth.contains("dma_trace")) return;
        const Json tables = read_json(run.folder / "tables.json");
        if (!tables.contains("pd")) return;
        const TegraFormat format(controllers(run.description).begin()->second->address_bits);
        CHECK(format.ptb_data(PhysAddr{hex_of(tables["pd"]["root"])}) == hex_of(tables["PTB_DATA"]));
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
        for (const auto& [l1, table] : tables["pd"]["l1"].items()) {
            CHECK(format.table(PhysAddr{hex_of(table["table"])}, 0) == hex_of(table["desc"]));
            for (const auto& [l2, word] : table["entries"].items()) {
                const std::uint64_t iova = std::stoull(l1) << 22 | std::stoull(l2) << 12;
                INFO(std::hex << iova);
                CHECK(words[iova].count(hex_of(word)) == 1);
            }
        }
    });
}
