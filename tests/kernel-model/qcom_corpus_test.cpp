// Qualcomm's driver against real boots: every dt-qcom-msm* folder of the corpus, over registers in RAM.
#include <catch2/catch.hpp>

#include <fstream>
#include <set>

#include "iommu/smmuv2/layout.hpp"
#include "kernel-model/drivers/qcom/qcom_iommu_device.hpp"
#include "kernel-model/pgtable/vmsav8_stage1.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace cb = xlate::iommu::smmuv2::cb;

namespace {

/// Windows of the tree's context banks.
std::map<std::uint64_t, std::uint64_t> banks_of(const firmware::Description& description) {
    std::map<std::uint64_t, std::uint64_t> banks;
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        for (const auto part : firmware::iommu_parts(description, static_cast<firmware::NodeIndex>(i))) {
            const firmware::Reg& window = description.node(part).regs.front();
            banks.emplace(window.cpu_address.value_or(window.address), window.size);
        }
    }
    return banks;
}
/// Those and the IOMMUs' own: what is written elsewhere is a fault of the board (a window that is too small), and goes
/// to wherever the kernel had put something else.
std::map<std::uint64_t, std::uint64_t> windows_of(const firmware::Description& description) {
    std::map<std::uint64_t, std::uint64_t> windows = banks_of(description);
    for (const firmware::Node& node : description.nodes) {
        if (!firmware::binds_to("qcom-iommu", node)) continue;
        for (const firmware::Reg& window : node.regs) windows.emplace(window.address, window.size);
    }
    return windows;
}
bool inside(const std::map<std::uint64_t, std::uint64_t>& windows, std::uint64_t address) {
    auto at = windows.upper_bound(address);
    return at != windows.begin() && address - (--at)->first < at->second;
}

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-qcom-msm", "dt-msm"})) {
        INFO(folder.filename().string());
        FamilyBoot run(folder);
        check(run);
    }
}

}  // namespace

TEST_CASE("qcom-iommu: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][qcom][corpus]") {
    for_each_case([](FamilyBoot& run) {
        check_events(run, "qcom-iommu");
        check_groups(run, "qcom-iommu", {"WARNING: qcom_iommu_of_xlate"});
    });
}

TEST_CASE("qcom-iommu: the same addresses are mapped and unmapped, in the same order", "[kernel-model][qcom][corpus]") {
    for_each_case([](FamilyBoot& run) { check_mappings(run); });
}

TEST_CASE("qcom-iommu: registers are written in the same order, and end with the same words",
          "[kernel-model][qcom][corpus]") {
    // TTBR0 names a table wherever it lies: its ASID is compared. Everything else is compared to the bit.
    for_each_case([](FamilyBoot& run) {
        const auto banks = banks_of(run.description), windows = windows_of(run.description);
        check_registers(run, [&](std::uint64_t address, std::uint64_t value) {
            if (!inside(windows, address)) return std::string{};
            if (banks.count(address - cb::TTBR0) != 0 && value != 0)
                return fmt::format("{:#x} = table, ASID {}", address, value >> 48);
            return fmt::format("{:#x} = {:#x}", address, value);
        });
    });
}

TEST_CASE("qcom-iommu: the same mappings make the same words", "[kernel-model][qcom][corpus]") {
    IoPgtableConfig config;
    config.pgsize_bitmap = 0x1111000;
    config.ias = 32;
    config.oas = 40;
    config.coherent_walk = false;
    const Vmsav8Stage1 format(config);
    for_each_case([&format](FamilyBoot& run) {
        if (!run.truth.contains("dma_trace") || !std::filesystem::exists(run.folder / "tables.json")) return;
        std::map<std::uint64_t, std::set<std::uint64_t>> words;
        for (const Json& one : run.truth["dma_trace"]) {
            if (one["event"] != "map") continue;
            const std::uint64_t size = one["size"];
            for (std::uint64_t at = 0; at < size; at += 4096) {
                words[hex_of(one["iova"]) + at].insert(format.leaf(PhysAddr{hex_of(one["paddr"]) + at}, {}, 3, 4096));
            }
        }
        const Json banks = read_json(run.folder / "tables.json");
        for (const auto& [name, bank] : banks.items()) {
            if (!bank.contains("tables") || bank["tables"].is_null()) continue;
            for (const auto& [l1, second] : bank["tables"]["entries"].items()) {
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

TEST_CASE("qcom-iommu: of a device's two banks the second is told of the page behind, F26",
          "[kernel-model][qcom][corpus]") {
    if (xlate::tests::skip_without_corpus()) return;
    // The boot with a rebind, but of the consumer of banks 2 and 5.
    for (const auto& folder : family_cases({"dt-qcom-msm-iommu-rebind"})) {
        const auto copy = std::filesystem::temp_directory_path() / ("xlate-qcom-" + folder.filename().string());
        std::filesystem::remove_all(copy);
        std::filesystem::create_directories(copy);
        for (const char* const name : {"board.dtb", "qemu-command.txt"}) {
            std::filesystem::copy_file(folder / name, copy / name);
        }
        Json truth = read_json(folder / "truth.json");
        std::string line = truth["cmdline_extra"];
        const std::string was = "rebind=a000000.virtio_mmio";
        const auto at = line.find(was);
        REQUIRE(at != std::string::npos);
        truth["cmdline_extra"] = line.replace(at, was.size(), "rebind=a000400.virtio_mmio");
        std::ofstream(copy / "truth.json") << truth;
        FamilyBoot run(copy);
        std::vector<std::uint64_t> first, second;
        for (const RegisterLogEntry& access : run.machine.log) {
            if (!access.write) continue;
            if (access.address == 0x7f002000 + cb::TLBIVAL) first.push_back(access.value);
            if (access.address == 0x7f005000 + cb::TLBIVAL) second.push_back(access.value);
        }
        std::filesystem::remove_all(copy);
        REQUIRE(first.size() == 8);
        REQUIRE(second.size() == 8);
        for (std::size_t i = 0; i < 8; ++i) {
            CHECK(first[i] == 0xffff8002 + i * 0x1000);
            CHECK(second[i] == ((0xffff9005 + i * 0x1000) & 0xffffffff));
        }
    }
}
