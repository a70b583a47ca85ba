// The Rockchip driver against real boots: every dt-rockchip-*, dt-rk* and dt-two-families* folder of the corpus.
// Registers are RAM there (or answer a command, in the cases that say so), so that what the driver wrote is all that
// there is to see.
#include <algorithm>
#include <map>
#include <memory>
#include <regex>
#include <set>

#include <catch2/catch.hpp>

#include "iommu/simple/layout_rockchip.hpp"
#include "kernel-model/pgtable/rockchip_format.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace rk = xlate::iommu::rockchip;

namespace {

std::uint64_t hex(const Json& text) { return std::stoull(text.get<std::string>(), nullptr, 0); }

/// The register files of the tree's Rockchip IOMMUs.
std::set<std::uint64_t> files_of(const firmware::Description& description) {
    std::set<std::uint64_t> files;
    for (const firmware::Node& node : description.nodes) {
        const IommuDriver* driver = iommu_driver_of(node);
        if (driver == nullptr || driver->name != "rockchip-iommu") continue;
        for (const firmware::Reg& window : node.regs) files.insert(window.address);
    }
    return files;
}
rk::Version version_of(const firmware::Description& description) {
    for (const firmware::Node& node : description.nodes) {
        if (node.is_compatible("rockchip,rk3568-iommu")) return rk::Version::v2;
    }
    return rk::Version::v1;
}

/// "the accessors also emulate the command register (paging, stall, reset)".
void emulate_commands(RegisterMachine& machine, const std::set<std::uint64_t>& files) {
    machine.on_write = [&machine, files](std::uint64_t address, std::uint64_t value) {
        const std::uint64_t file = address - rk::reg::COMMAND;
        if (files.count(file) == 0) return;
        std::uint64_t status = machine.word(file + rk::reg::STATUS);
        switch (static_cast<rk::Command>(value)) {
            case rk::Command::enable_paging:
                status = rk::status::PAGING.set(status, 1);
                break;
            case rk::Command::disable_paging:
                status = rk::status::PAGING.set(status, 0);
                break;
            case rk::Command::enable_stall:
                status = rk::status::STALL_ACTIVE.set(status, 1);
                break;
            case rk::Command::disable_stall:
                status = rk::status::STALL_ACTIVE.set(status, 0);
                break;
            case rk::Command::force_reset:
                machine.set_word(file + rk::reg::DTE_ADDR, 0);
                break;
            default:
                break;
        }
        machine.set_word(file + rk::reg::STATUS, status);
    };
}

/// A case's boot. The boots of linux-boot have an SMMUv3 in real registers beside; these are not its subject.
std::unique_ptr<FamilyBoot> boot_of(const std::filesystem::path& folder) {
    const auto files =
        files_of(firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb"));
    return std::make_unique<FamilyBoot>(folder,
                                        [files](RegisterMachine& machine) { emulate_commands(machine, files); });
}

bool has_dma(const Json& truth) { return truth.contains("dma_trace") && !truth["dma_trace"].empty(); }

/// DTE_ADDR names a table wherever it lies; everything else is compared to the bit.
std::string register_text(const std::set<std::uint64_t>& files, std::uint64_t address, std::uint64_t value) {
    const bool table = files.count(address - rk::reg::DTE_ADDR) != 0 && rk::dte::VALID.test(value);
    return table ? fmt::format("{:#x} = table | 1", address) : fmt::format("{:#x} = {:#x}", address, value);
}

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-rockchip", "dt-rk", "dt-two-families"})) {
        INFO(folder.filename().string());
        const auto run = boot_of(folder);
        check(*run);
    }
}

}  // namespace

TEST_CASE("rockchip: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][rockchip][corpus]") {
    for_each_case([](FamilyBoot& run) {
        check_events(run, "rk_iommu");
        check_groups(run, "rk_iommu");
    });
}

TEST_CASE("rockchip: the same addresses are mapped and unmapped, in the same order",
          "[kernel-model][rockchip][corpus]") {
    for_each_case([](FamilyBoot& run) { check_mappings(run); });
}

TEST_CASE("rockchip: registers are written in the same order, and end with the same words",
          "[kernel-model][rockchip][corpus]") {
    for_each_case([](FamilyBoot& run) {
        const auto files = files_of(run.description);
        if (run.truth.contains("mmio_trace")) {
            const bool all = run.machine.on_write != nullptr;  // nothing is polled in vain: reads are the same too
            std::vector<std::string> expected, found;
            for (const Json& access : run.truth["mmio_trace"]) {
                const bool write = access["op"].get<std::string>().front() == 'W';
                if (!write && !all) continue;
                expected.push_back((write ? "W " : "R ") +
                                   register_text(files, hex(access["addr"]), hex(access["value"])));
            }
            for (const RegisterLogEntry& access : run.machine.log) {
                if (!access.write && !all) continue;
                found.push_back((access.write ? "W " : "R ") + register_text(files, access.address, access.value));
            }
            CHECK(found == expected);
        }
        if (!run.truth.contains("registers_after_boot")) return;
        for (const auto& [key, value] : run.truth["registers_after_boot"].items()) {
            const std::uint64_t address = std::stoull(key, nullptr, 0);
            const bool ours = std::any_of(files.begin(), files.end(),
                                          [&](std::uint64_t file) { return address >= file && address < file + 0x40; });
            if (!ours) continue;  // another family's
            CHECK(register_text(files, address, run.machine.word(address)) ==
                  register_text(files, address, hex(value)));
        }
    });
}

TEST_CASE("rockchip: the same mappings make the same words", "[kernel-model][rockchip][corpus]") {
    for_each_case([](FamilyBoot& run) {
        if (!has_dma(run.truth) || !std::filesystem::exists(run.folder / "tables.json")) return;
        const Json tables = read_json(run.folder / "tables.json");
        const rk::Version version = version_of(run.description);
        const RockchipFormat format(version);
        // What was mapped where, from the trace alone; the rights of a page that a device only writes to are the
        // client's to say: the buffer is the one mapping of a single page.
        std::map<std::uint64_t, std::set<std::uint64_t>> words;
        for (const Json& one : run.truth["dma_trace"]) {
            if (one["event"] != "map") continue;
            const std::uint64_t size = one["size"];
            PageProt prot;
            prot.read = size != 4096;
            for (std::uint64_t at = 0; at < size; at += 4096) {
                words[hex(one["iova"]) + at].insert(format.leaf(PhysAddr{hex(one["paddr"]) + at}, prot, 1, 4096));
            }
        }
        const auto files = files_of(run.description);
        for (const auto& [base, root] : tables.items()) {
            if (files.count(std::stoull(base, nullptr, 0)) == 0 || !root.contains("dt") || root["dt"].is_null())
                continue;
            INFO(base);
            const auto dte_addr = static_cast<std::uint32_t>(run.machine.word(std::stoull(base, nullptr, 0)));
            if (!rk::dte::VALID.test(hex(root["DTE_ADDR"]))) continue;  // a reset that never ended
            CHECK(format.dte_addr(hex(root["dt"]["root"])) == hex(root["DTE_ADDR"]));
            for (const auto& [directory, table] : root["dt"]["l1"].items()) {
                CHECK(format.table(PhysAddr{hex(table["table"])}, 0) == hex(table["desc"]));
                const std::uint64_t dte_at = rk::address(dte_addr, version) + 4 * std::stoull(directory);
                const auto dte = static_cast<std::uint32_t>(run.machine.word(dte_at));
                CHECK(rk::dte::VALID.test(dte));
                std::map<std::string, std::uint64_t> rights, ours;
                for (const auto& [index, word] : table["entries"].items()) {
                    const std::uint64_t iova = std::stoull(directory) << 22 | std::stoull(index) << 12;
                    INFO(fmt::format("{:#x}", iova));
                    CHECK(words[iova].count(hex(word)) == 1);
                    rights[index] = hex(word) & 7;
                }
                for (unsigned index = 0; index < rk::kEntries; ++index) {
                    const std::uint64_t word = run.machine.word(rk::address(dte, version) + 4ull * index);
                    if (word != 0) ours[std::to_string(index)] = word & 7;
                }
                CHECK(ours == rights);
            }
        }
    });
}

TEST_CASE("rockchip: what goes wrong is said as the real driver says it", "[kernel-model][rockchip][corpus]") {
    const std::regex told("(rk_iommu [0-9a-f]+\\.iommu: .*(timed out|Page fault|BUS_ERROR|raw reset).*)");
    const auto lines_of = [&](const std::vector<std::string>& log) {
        std::vector<std::string> lines;
        for (const std::string& line : log) {
            std::smatch match;
            if (std::regex_search(line, match, told)) lines.push_back(match[1]);
        }
        return lines;
    };
    for_each_case([&](FamilyBoot& run) {
        std::vector<std::string> console;
        for (const ConsoleLine& line : run.k.console.lines()) console.push_back(line.print());
        CHECK(lines_of(console) == lines_of(run.truth["dmesg_iommu"].get<std::vector<std::string>>()));
    });
}
