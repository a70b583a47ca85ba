// MediaTek's driver against real boots: every dt-mtk-* folder of the corpus, over registers in RAM whose range flush is
// done at once, as the recording's accessors had it.
#include <catch2/catch.hpp>

#include <set>

#include "iommu/mediatek/layout_soc.hpp"
#include "kernel-model/pgtable/mediatek_format.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace mtk = xlate::iommu::mediatek;
namespace reg = xlate::iommu::mediatek::reg;

namespace {

/// Register windows of the M4Us of a tree.
std::vector<std::uint64_t> m4us(const firmware::Description& description) {
    std::vector<std::uint64_t> bases;
    for (const firmware::Node& node : description.nodes) {
        for (const std::string& compatible : node.compatible) {
            const mtk::Soc* const soc = mtk::find_soc(compatible);
            if (soc == nullptr || node.regs.empty()) continue;
            for (unsigned bank = 0; bank < soc->banks; ++bank) {
                bases.push_back(node.regs.front().address + bank * mtk::kBankBytes);
            }
        }
    }
    return bases;
}

void flushes_at_once(RegisterMachine& machine) {
    machine.on_write = [&machine](std::uint64_t address, std::uint64_t value) {
        if (address % mtk::kBankBytes == reg::INVALIDATE && value == mtk::invalidate::kRange) {
            machine.set_word(address - reg::INVALIDATE + reg::CPE_DONE, 1);
        }
    };
}

/// PT_BASE and IVRP_PADDR name memory wherever it lies; INVLD_START and INVLD_END come with addresses that
/// check_mappings() compares. Everything else of an M4U is compared to the bit.
class Text {
public:
    explicit Text(const firmware::Description& description) : bases_(m4us(description)) {}
    std::string operator()(std::uint64_t address, std::uint64_t value) const {
        for (const std::uint64_t base : bases_) {
            if (address < base || address >= base + mtk::kBankBytes) continue;
            const bool memory = address - base == reg::PT_BASE || address - base == reg::IVRP_PADDR;
            if (memory && value != 0) return fmt::format("{:#x} = memory", address);
            return fmt::format("{:#x} = {:#x}", address, value);
        }
        return {};
    }

private:
    std::vector<std::uint64_t> bases_;
};

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-mtk"})) {
        INFO(folder.filename().string());
        FamilyBoot run(folder, flushes_at_once, true);
        check(run);
    }
}

}  // namespace

TEST_CASE("mediatek: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][mediatek][corpus]") {
    for_each_case([](FamilyBoot& run) {
        check_events(run, "mtk-iommu");
        check_groups(run, "mtk-iommu");
    });
}

TEST_CASE("mediatek: the same addresses are mapped and unmapped, in the same order",
          "[kernel-model][mediatek][corpus]") {
    for_each_case([](FamilyBoot& run) { check_mappings(run); });
}

TEST_CASE("mediatek: registers are written in the same order, and end with the same words",
          "[kernel-model][mediatek][corpus]") {
    for_each_case([](FamilyBoot& run) {
        check_registers(run, Text(run.description));
        // What larbs were told.
        const Text own(run.description);
        if (!run.truth.contains("registers_after_boot")) return;
        for (const auto& [key, value] : run.truth["registers_after_boot"].items()) {
            const std::uint64_t address = std::stoull(key, nullptr, 0);
            if (!own(address, 0).empty()) continue;
            INFO(key);
            CHECK(run.machine.word(address) == hex_of(value));
        }
    });
}

TEST_CASE("mediatek: the same mappings make the same words", "[kernel-model][mediatek][corpus]") {
    for_each_case([](FamilyBoot& run) {
        if (!std::filesystem::exists(run.folder / "tables.json") || !run.truth.contains("dma_trace")) return;
        const MediatekFormat format(34, 35, false);
        std::map<std::uint64_t, std::set<std::uint64_t>> words;
        for (const Json& one : run.truth["dma_trace"]) {
            if (one["event"] != "map") continue;
            const std::uint64_t size = one["size"];
            for (std::uint64_t at = 0; at < size; at += 4096) {
                words[hex_of(one["iova"]) + at].insert(
                    format.leaf(PhysAddr{hex_of(one["paddr"]) + at}, PageProt{}, 2, 4096));
            }
        }
        const Json tables = read_json(run.folder / "tables.json");
        if (!tables.contains("l1") || tables["l1"].is_null()) return;
        for (const auto& [l1, table] : tables["l1"]["l1"].items()) {
            CHECK(format.table(PhysAddr{hex_of(table["table"])}, 1) == hex_of(table["desc"]));
            for (const auto& [l2, word] : table["entries"].items()) {
                const std::uint64_t iova = std::stoull(l1) << 20 | std::stoull(l2) << 12;
                INFO(std::hex << iova);
                CHECK(words[iova].count(hex_of(word)) == 1);
            }
        }
    });
}
