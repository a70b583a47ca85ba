// The IPMMU's driver against real boots: every dt-ipmmu-* folder of the corpus, over registers in RAM. Those whose
// recording emulates a FLUSH that clears itself do so here too; the others poll to their end.
#include <catch2/catch.hpp>

#include <set>

#include "iommu/ipmmu/layout.hpp"
#include "kernel-model/pgtable/vmsav8_stage1.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace hw = xlate::iommu::ipmmu;

namespace {

/// Windows of the tree's IPMMUs, and where their registers are.
std::map<std::uint64_t, hw::Shape> windows_of(const firmware::Description& description) {
    std::map<std::uint64_t, hw::Shape> windows;
    for (const firmware::Node& node : description.nodes) {
        const IommuDriver* driver = iommu_driver_of(node);
        if (driver == nullptr || driver->name != "ipmmu-vmsa" || node.regs.empty()) continue;
        windows.emplace(node.regs.front().address, hw::shape(hw::generation_of(firmware::iommu_kind(node).compatible)));
    }
    return windows;
}

/// Which register of a context an address is; none: of another kind.
std::optional<std::uint32_t> context_register_at(const std::map<std::uint64_t, hw::Shape>& windows,
                                                 std::uint64_t address) {
    auto window = windows.upper_bound(address);
    if (window == windows.begin()) return std::nullopt;
    --window;
    for (unsigned i = 0; i < window->second.contexts; ++i) {
        const std::uint64_t start = window->first + hw::context_register(window->second, i, 0);
        if (address >= start && address < start + hw::kContextBytes) return static_cast<std::uint32_t>(address - start);
    }
    return std::nullopt;
}

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-ipmmu"})) {
        INFO(folder.filename().string());
        const auto windows =
            windows_of(firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb"));
        FamilyBoot run(folder, [windows](RegisterMachine& machine) {
            machine.on_write = [&machine, windows](std::uint64_t address, std::uint64_t value) {
                if (context_register_at(windows, address) == hw::reg::IMCTR)
                    machine.set_word(address, value & ~hw::imctr::FLUSH.mask());
            };
        });
        check(run, windows);
    }
}

}  // namespace

TEST_CASE("ipmmu: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][ipmmu][corpus]") {
    for_each_case([](FamilyBoot& run, const auto&) {
        check_events(run, "ipmmu-vmsa");
        check_groups(run, "ipmmu-vmsa", {"WARNING: ipmmu_utlb_enable"});
    });
}

TEST_CASE("ipmmu: the same addresses are mapped and unmapped, in the same order", "[kernel-model][ipmmu][corpus]") {
    for_each_case([](FamilyBoot& run, const auto&) { check_mappings(run); });
}

TEST_CASE("ipmmu: registers are written in the same order, and end with the same words",
          "[kernel-model][ipmmu][corpus]") {
    // IMTTLBR0 names a table wherever it lies; everything else is compared to the bit.
    for_each_case([](FamilyBoot& run, const auto& windows) {
        check_registers(run, [&windows](std::uint64_t address, std::uint64_t value) {
            if (context_register_at(windows, address) == hw::reg::IMTTLBR0 && value != 0)
                return fmt::format("{:#x} = table", address);
            return fmt::format("{:#x} = {:#x}", address, value);
        });
    });
}

TEST_CASE("ipmmu: the same mappings make the same words", "[kernel-model][ipmmu][corpus]") {
    IoPgtableConfig config;
    config.pgsize_bitmap = 0x40201000;
    config.ias = 32;
    config.oas = 40;
    config.coherent_walk = false;
    config.non_secure = true;
    const Vmsav8Stage1 format(config);
    for_each_case([&format](FamilyBoot& run, const auto&) {
        if (!run.truth.contains("dma_trace") || !std::filesystem::exists(run.folder / "tables.json")) return;
        std::map<std::uint64_t, std::set<std::uint64_t>> words;
        for (const Json& one : run.truth["dma_trace"]) {
            if (one["event"] != "map") continue;
            const std::uint64_t size = one["size"];
            for (std::uint64_t at = 0; at < size; at += 4096) {
                words[hex_of(one["iova"]) + at].insert(format.leaf(PhysAddr{hex_of(one["paddr"]) + at}, {}, 3, 4096));
            }
        }
        const Json contexts = read_json(run.folder / "tables.json");
        for (const auto& [name, context] : contexts.items()) {
            if (!context.contains("tables") || context["tables"].is_null()) continue;
            for (const auto& [l1, second] : context["tables"]["entries"].items()) {
                CHECK(format.table(PhysAddr{hex_of(second["table"])}, 1) == hex_of(second["desc"]));
                for (const auto& [l2, third] : second["entries"].items()) {
                    CHECK(format.table(PhysAddr{hex_of(third["table"])}, 2) == hex_of(third["desc"]));
                    for (const auto& [l3, word] : third["entries"].items()) {
                        const std::uint64_t iova =
                            std::stoull(l1) << 30 | std::stoull(l2) << 21 | std::stoull(l3) << 12;
                        INFO(name << " " << std::hex << iova);
                        CHECK(words[iova].count(hex_of(word)) == 1);
                    }
                }
            }
        }
    });
}
