// The Exynos driver against real boots: every dt-exynos-* folder of the corpus. Registers are RAM there, so that what
// the driver wrote is all that there is to see; in the cases that say so, STATUS answers a block.
#include <catch2/catch.hpp>

#include <algorithm>
#include <regex>
#include <set>

#include "iommu/exynos/layout.hpp"
#include "kernel-model/pgtable/exynos_format.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace ex = xlate::iommu::exynos;

namespace {

constexpr char kDriver[] = "exynos-sysmmu";

/// The register spaces of the tree's SysMMUs.
std::set<std::uint64_t> spaces_of(const firmware::Description& description) {
    std::set<std::uint64_t> spaces;
    for (const firmware::Node& node : description.nodes) {
        const IommuDriver* driver = iommu_driver_of(node);
        if (driver == nullptr || driver->name != kDriver) continue;
        for (const firmware::Reg& window : node.regs) spaces.insert(window.address);
    }
    return spaces;
}

/// "the accessors also emulate the block acknowledge (STATUS bit 0)": it follows CTRL = 7.
void emulate_block(RegisterMachine& machine, const std::set<std::uint64_t>& spaces) {
    machine.on_write = [&machine, spaces](std::uint64_t address, std::uint64_t value) {
        if (spaces.count(address - ex::reg::CTRL) == 0) return;
        machine.set_word(address - ex::reg::CTRL + ex::reg::STATUS, value == ex::ctrl::kBlock ? 1 : 0);
    };
}

struct Case {
    explicit Case(const std::filesystem::path& folder)
        : spaces(
              spaces_of(firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb"))),
          run(folder, [this](RegisterMachine& machine) { emulate_block(machine, spaces); }) {}
    std::set<std::uint64_t> spaces;
    FamilyBoot run;

    /// The SysMMU that has a register there; none: another device's.
    std::optional<std::uint64_t> space_of(std::uint64_t address) const {
        auto next = spaces.upper_bound(address);
        if (next == spaces.begin()) return std::nullopt;
        return *std::prev(next);
    }
    ex::Version version_of(std::uint64_t space) {
        return ex::version_of(static_cast<std::uint32_t>(run.machine.word(space + ex::reg::VERSION)));
    }
    bool has_vm(std::uint64_t space) {
        return version_of(space).major() >= 7 &&
               ex::capa::CAPA1_EXISTS.test(run.machine.word(space + ex::reg::CAPA0)) &&
               ex::capa::VM_REGISTERS.test(run.machine.word(space + ex::reg::CAPA1));
    }
    /// PT_BASE names a table wherever it lies; everything else is compared to the bit.
    std::string register_text(std::uint64_t address, std::uint64_t value) {
        const auto space = space_of(address);
        const bool table =
            space && value != 0 && address - *space == ex::registers_of(version_of(*space), has_vm(*space)).pt_base;
        return table ? fmt::format("{:#x} = table", address) : fmt::format("{:#x} = {:#x}", address, value);
    }
};

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-exynos"})) {
        INFO(folder.filename().string());
        Case one(folder);
        check(one);
    }
}

}  // namespace

TEST_CASE("exynos: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][exynos][corpus]") {
    for_each_case([](Case& one) {
        check_events(one.run, kDriver);
        check_groups(one.run, kDriver);
    });
}

TEST_CASE("exynos: the same addresses are mapped and unmapped, in the same order", "[kernel-model][exynos][corpus]") {
    for_each_case([](Case& one) { check_mappings(one.run); });
}

TEST_CASE("exynos: registers are read and written in the same order, and end with the same words",
          "[kernel-model][exynos][corpus]") {
    for_each_case([](Case& one) {
        check_registers(one.run,
                        [&](std::uint64_t address, std::uint64_t value) { return one.register_text(address, value); });
        if (!one.run.truth.contains("mmio_trace")) return;
        std::vector<std::string> expected, found;
        for (const Json& access : one.run.truth["mmio_trace"]) {
            expected.push_back(access["op"].get<std::string>().front() +
                               one.register_text(hex_of(access["addr"]), hex_of(access["value"])));
        }
        for (const RegisterLogEntry& access : one.run.machine.log) {
            found.push_back((access.write ? 'W' : 'R') + one.register_text(access.address, access.value));
        }
        const bool same = found == expected;  // thousands, in the cases without an answer
        CHECK(same);
    });
}

TEST_CASE("exynos: the same mappings make the same words", "[kernel-model][exynos][corpus]") {
    for_each_case([](Case& one) {
        if (!std::filesystem::exists(one.run.folder / "tables.json") || !one.run.truth.contains("dma_trace")) return;
        // What was mapped where, from the trace alone. Linux cuts the addresses; the rights of a page that a device
        // only writes to are the client's to say.
        const Json tables = read_json(one.run.folder / "tables.json");
        for (const auto& [base, state] : tables.items()) {
            if (!state.contains("l1") || state["l1"].is_null()) continue;
            INFO(base);
            const std::uint64_t space = std::stoull(base, nullptr, 0);
            const ex::Words shape = ex::words_of(one.version_of(space));
            const std::uint64_t zero_table =
                ex::address(static_cast<std::uint32_t>(hex_of(state["filler"]["word"])), ex::Kind::table, shape);
            const ExynosFormat format(shape, zero_table);
            std::map<std::uint64_t, std::set<std::uint64_t>> words;
            for (const Json& event : one.run.truth["dma_trace"]) {
                if (event["event"] != "map") continue;
                const std::uint64_t size = event["size"];
                for (std::uint64_t at = 0; at < size; at += 4096) {
                    for (const bool reads : {true, false}) {
                        PageProt prot;
                        prot.read = reads;
                        words[(hex_of(event["iova"]) + at) & 0xFFFFFFFF].insert(
                            format.leaf(PhysAddr{hex_of(event["paddr"]) + at}, prot, 1, 4096));
                    }
                }
            }
            const std::uint64_t low_bits = shape == ex::Words::v1 ? 0xFFF : 0xFF;  // no address
            CHECK(format.pt_base(hex_of(state["l1"]["root"])) == hex_of(state["PT_BASE"]));
            CHECK(format.unused(0) == hex_of(state["filler"]["word"]));
            const std::uint32_t ours = static_cast<std::uint32_t>(
                one.run.machine.word(space + ex::registers_of(one.version_of(space), one.has_vm(space)).pt_base));
            std::map<std::uint64_t, std::uint64_t> fillers;  // of our first level: how many of each word
            for (std::uint32_t index = 0; index < ex::kSectionEntries; ++index) {
                ++fillers[one.run.machine.word(ex::root_of(ours, shape) + 4ULL * index)];
            }
            std::uint64_t most = 0;
            for (const auto& [word, count] : fillers) most = std::max(most, count);
            CHECK(most == state["filler"]["count"].get<std::uint64_t>());
            for (const auto& [l1, table] : state["l1"]["l1"].items()) {
                CHECK(format.table(PhysAddr{hex_of(table["table"])}, 0) == hex_of(table["desc"]));
                const auto link =
                    static_cast<std::uint32_t>(one.run.machine.word(ex::root_of(ours, shape) + 4 * std::stoull(l1)));
                std::map<std::string, std::uint64_t> rights, found;
                for (const auto& [l2, word] : table["entries"].items()) {
                    const std::uint64_t iova = std::stoull(l1) << 20 | std::stoull(l2) << 12;
                    INFO(std::hex << iova);
                    CHECK(words[iova].count(hex_of(word)) == 1);
                    rights[l2] = hex_of(word) & low_bits;
                }
                for (unsigned index = 0; index < ex::kTableEntries; ++index) {
                    const std::uint64_t word =
                        one.run.machine.word(ex::address(link, ex::Kind::table, shape) + 4ULL * index);
                    if (word != 0) found[std::to_string(index)] = word & low_bits;
                }
                CHECK(found == rights);
            }
        }
    });
}

TEST_CASE("exynos: the boots that ended in a hang end in one", "[kernel-model][exynos][corpus]") {
    if (xlate::tests::skip_without("linux-boot-crashed")) return;
    const auto root = *xlate::tests::corpus() / "linux-boot-crashed";
    if (!std::filesystem::is_directory(root)) {
        WARN("no boots that crashed");
        return;
    }
    std::set<std::filesystem::path> folders;
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
        const bool ours = entry.path().filename().string().rfind("dt-exynos", 0) == 0;
        if (ours && std::filesystem::exists(entry.path() / "truth.json")) folders.insert(entry.path());
    }
    for (const auto& folder : folders) {
        INFO(folder.filename().string());
        Case one(folder);
        CHECK(one.run.k.reports.crashed());
        const bool endless =
            std::any_of(one.run.k.reports.all().begin(), one.run.k.reports.all().end(), [](const Report& report) {
                return report.what.find("hard LOCKUP") != std::string::npos && !report.after_crash;
            });
        CHECK(endless);
        // What came before it: the groups, by the lines that the kernel printed.
        std::map<std::string, std::string> expected, found;
        const std::regex adding("virtio-mmio ([^:]+): Adding to iommu group ([0-9]+)");
        for (const auto& [line, time] : one.run.truth["probe_times"].items()) {
            std::smatch match;
            if (std::regex_search(line, match, adding)) expected[match[1]] = match[2];
        }
        for (const GroupResult& group : one.run.boot->groups()) {
            for (const std::string& device : group.devices) found[device] = std::to_string(group.id);
        }
        CHECK(found == expected);
    }
}
