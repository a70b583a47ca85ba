// The driver of Arm SMMUv1 and v2 held against real boots: every case of the corpus whose board has such an SMMU.
#include <algorithm>
#include <fstream>
#include <set>

#include <catch2/catch.hpp>

#include "kernel-model/drivers/arm_smmu/arm_smmu.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

const std::set<std::string> kCompatibles{"arm,smmu-v1", "arm,smmu-v2",    "arm,mmu-400",     "arm,mmu-401",
                                         "arm,mmu-500", "cavium,smmu-v2", "nvidia,smmu-500", "qcom,smmu-v2"};

bool is_arm_smmu(const firmware::Node& node) {
    return std::any_of(node.compatible.begin(), node.compatible.end(),
                       [](const std::string& one) { return kCompatibles.count(one) != 0; });
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

/// Register windows of the family's instances on this board.
std::vector<std::pair<std::uint64_t, std::uint64_t>> windows(const firmware::Description& board) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
    for (const firmware::Node& node : board.nodes) {
        if (!is_arm_smmu(node)) continue;
        for (const firmware::Reg& reg : node.regs) {
            if (reg.cpu_address) all.emplace_back(*reg.cpu_address, *reg.cpu_address + reg.size);
        }
    }
    return all;
}

bool within(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& all, std::uint64_t address) {
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& one) { return address >= one.first && address < one.second; });
}

/// Qualcomm's firmware as `-quirk` has it: no stream faults, and what is to pass is stored as a fault.
void substitute_s2cr(RegisterMachine& machine, std::uint64_t base) {
    machine.on_write = [&machine, base, stored = std::map<std::uint64_t, std::uint64_t>{}](
                           std::uint64_t address, std::uint64_t value) mutable {
        if (address < base + 0xC00 || address >= base + 0xE00) return;
        const std::uint64_t type = (value >> 16) & 3;
        if (type == 1) stored[address] = (value & ~std::uint64_t{0x30000}) | 0x20000;
        if (type == 0) stored[address] = value;
        machine.set_word(address, stored[address]);
    };
}

struct Case : FamilyBoot {
    explicit Case(const std::filesystem::path& path)
        : FamilyBoot(path, [this](RegisterMachine& registers) {
              const std::string package = truth["kernel"]["package"];
              if (package.find("drops S2CR fault writes") != std::string::npos)
                  substitute_s2cr(registers, windows(description).front().first);
          }) {}
};

/// All cases, or those whose truth has something.
std::vector<std::filesystem::path> cases(const char* needs = nullptr) {
    std::vector<std::filesystem::path> chosen;
    for (const std::filesystem::path& path : boots_with(is_arm_smmu)) {
        const Json truth = Json::parse(std::ifstream(path / "truth.json"));
        if (needs != nullptr && (!truth.contains(needs) || truth[needs].is_null() || truth[needs].empty())) continue;
        chosen.push_back(path);
    }
    return chosen;
}

/// TTBR0 of a bank holds an address that is the run's own: what else it holds is compared.
std::uint64_t without_table_address(std::uint64_t value) { return value & 0xFFFF000000000FFF; }
bool is_ttbr0(std::uint64_t address) { return (address & 0xFFF) == 0x20 && (address & 0x10000) != 0; }
bool is_ttbr0_high(std::uint64_t address) { return (address & 0xFFF) == 0x24 && (address & 0x10000) != 0; }

std::string text_of(bool write, unsigned bits, std::uint64_t address, std::uint64_t value) {
    if (write && is_ttbr0(address)) value = without_table_address(value);
    if (write && is_ttbr0_high(address)) value &= 0xFFFF0000;
    return fmt::format("{}{} {:#x} {:#x}", write ? "W" : "R", bits, address, value);
}

/// "arm-smmu 7f000000.iommu: ..." of a boot log, without what is no work of this driver.
std::vector<std::string> driver_lines(const std::filesystem::path& log) {
    std::vector<std::string> lines;
    std::ifstream file(log);
    std::string line;
    while (std::getline(file, line)) {
        const std::size_t bracket = line.find("] ");
        if (line.empty() || line[0] != '[' || bracket == std::string::npos) continue;
        std::string text = line.substr(bracket + 2);
        while (!text.empty() && text.back() == '\r') text.pop_back();
        if (text.rfind("arm-smmu", 0) != 0 || text.rfind("arm-smmu-v3", 0) == 0) continue;
        bool others = false;
        for (const char* const what : {"dma coherent", "Adding to IOMMU failed", "behind an iommu",
                                       "disabling translation", "deferred probe pending"}) {
            others = others || text.find(what) != std::string::npos;
        }
        if (!others) lines.push_back(text);
    }
    return lines;
}

/// The list of devices was taken before a timeout that its attempts, in the timeline, did not wait out in vain.
bool bound_later(const Json& truth, const Json& device) {
    return device["driver"].is_null() &&
           std::any_of(truth["timeline"].begin(), truth["timeline"].end(), [&](const Json& event) {
               return event["event"] == "driver_probe" && event["device"] == device["name"] && event["ret"] == 0;
           });
}

std::uint64_t hex(const Json& text) { return std::stoull(text.get<std::string>(), nullptr, 16); }

/// Our table at `at` has the entries of the truth's, and no others.
void check_table(RegisterMachine& machine, const Frames& frames, const Json& entries, std::uint64_t at,
                 unsigned root_entries) {
    // Words of eight digits are short descriptors.
    unsigned bytes = 8;
    for (const auto& [index, entry] : entries.items()) {
        const std::string word = entry.is_string() ? entry.get<std::string>() : entry["desc"].get<std::string>();
        if (word.size() == 10) bytes = 4;
    }
    std::set<unsigned> wanted;
    for (const auto& [text, entry] : entries.items()) {
        const auto index = static_cast<unsigned>(std::stoul(text));
        wanted.insert(index);
        const std::uint64_t ours = machine.word(at + std::uint64_t{index} * bytes, bytes);
        INFO("entry " << index << " of the table at " << std::hex << at);
        if (entry.is_string()) {
            const std::uint64_t page_mask = bytes == 8 ? 0x0000FFFFFFFFF000 : 0xFFFFF000;
            CHECK(fmt::format("{:#x}", ours & ~page_mask) == fmt::format("{:#x}", hex(entry) & ~page_mask));
            INFO(fmt::format("{:#x} is {:#x} here", hex(entry), ours));
            CHECK(frames.same(hex(entry) & page_mask, ours & page_mask));
            continue;
        }
        const std::uint64_t address_mask = bytes == 8 ? 0x0000FFFFFFFFF000 : 0xFFFFFC00;
        CHECK(fmt::format("{:#x}", ours & ~address_mask) == fmt::format("{:#x}", hex(entry["desc"]) & ~address_mask));
        CHECK((ours & address_mask) != 0);
        if ((ours & address_mask) != 0)
            check_table(machine, frames, entry["entries"], ours & address_mask, bytes == 8 ? 512 : 256);
    }
    for (unsigned i = 0; i < root_entries; ++i) {
        if (wanted.count(i) == 0) {
            INFO("entry " << i);
            CHECK(machine.word(at + std::uint64_t{i} * bytes, bytes) == 0);
        }
    }
}

}  // namespace

TEST_CASE("arm-smmu makes the groups of the real boots, with their numbers, types and ids",
          "[kernel][corpus][smmuv2]") {
    if (xlate::tests::skip_without_corpus()) return;
    for (const std::filesystem::path& path : cases()) {
        INFO(path.filename().string());
        const Case run(path);
        CHECK(run.boot->finished());
        std::map<unsigned, std::pair<std::string, std::set<std::string>>> expected;
        for (const Json& group : run.truth["groups"]) {
            auto& [type, devices] = expected[group["id"]];
            type = group["type"];
            for (const Json& device : group["devices"]) devices.insert(device.get<std::string>());
        }
        std::map<unsigned, std::pair<std::string, std::set<std::string>>> found;
        for (const GroupResult& group : run.boot->groups()) {
            auto& [type, devices] = found[group.id];
            type = kernel::name(group.type);
            devices.insert(group.devices.begin(), group.devices.end());
        }
        CHECK(found == expected);
        std::map<std::string, DeviceResult> results;
        for (const DeviceResult& device : run.boot->devices()) results[device.name] = device;
        for (const Json& device : run.truth["devices"]) {
            if (device["bus"] == "virtio") continue;
            INFO(device["name"].get<std::string>());
            REQUIRE(results.count(device["name"]) == 1);
            const DeviceResult& ours = results[device["name"]];
            if (!bound_later(run.truth, device))
                CHECK(ours.driver == (device["driver"].is_null() ? "" : device["driver"].get<std::string>()));
            CHECK(ours.group.has_value() == !device["group"].is_null());
        }
        for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
    }
}

TEST_CASE("arm-smmu shows the real boots' sequence of events and return codes for each device",
          "[kernel][corpus][smmuv2]") {
    if (xlate::tests::skip_without_corpus()) return;
    for (const std::filesystem::path& path : cases()) {
        INFO(path.filename().string());
        const Case run(path);
        const Sequences expected = sequences_of(run.truth);
        const Sequences found = sequences_of(run.k.events);
        for (const auto& [device, lines] : expected) {
            INFO(device);
            const auto ours = found.find(device);
            CHECK(joined(ours == found.end() ? std::vector<std::string>{} : ours->second) == joined(lines));
        }
        for (const auto& [device, lines] : found) {
            if (expected.count(device) != 0) continue;
            INFO(device);
            for (const std::string& line : lines) CHECK(line.rfind("driver_probe", 0) == 0);
        }
    }
}

TEST_CASE("arm-smmu leaves the registers as the real driver left them", "[kernel][corpus][smmuv2]") {
    if (xlate::tests::skip_without_corpus()) return;
    for (const std::filesystem::path& path : cases("registers_after_boot")) {
        INFO(path.filename().string());
        Case run(path);
        const auto ours = windows(run.description);
        for (const auto& [text, value] : run.truth["registers_after_boot"].items()) {
            const std::uint64_t address = std::stoull(text, nullptr, 16);
            if (!within(ours, address)) continue;
            const std::uint64_t found = run.machine.word(address, 4);
            CHECK(text_of(true, 32, address, found) == text_of(true, 32, address, hex(value)));
            if (is_ttbr0(address)) CHECK((found != 0) == (hex(value) != 0));
        }
    }
}

TEST_CASE("arm-smmu accesses the registers in the real driver's order", "[kernel][corpus][smmuv2]") {
    if (xlate::tests::skip_without_corpus()) return;
    for (const std::filesystem::path& path : cases("mmio_trace")) {
        INFO(path.filename().string());
        const Case run(path);
        const auto ours = windows(run.description);
        std::vector<std::string> expected;
        for (const Json& access : run.truth["mmio_trace"]) {
            const std::string op = access["op"];
            const std::uint64_t address = hex(access["addr"]);
            if (!within(ours, address)) continue;
            expected.push_back(text_of(op[0] == 'W', op.substr(1) == "64" ? 64 : 32, address, hex(access["value"])));
        }
        std::vector<std::string> found;
        for (const RegisterLogEntry& access : run.machine.log) {
            if (!within(ours, access.address)) continue;
            found.push_back(text_of(access.write, access.bits, access.address, access.value));
        }
        CHECK(joined(found) == joined(expected));
    }
}

TEST_CASE("arm-smmu builds the real boots' tables for the same mappings", "[kernel][corpus][smmuv2]") {
    if (xlate::tests::skip_without_corpus()) return;
    for (const std::filesystem::path& path : cases("tables")) {
        INFO(path.filename().string());
        const Json truth = Json::parse(std::ifstream(path / "truth.json"));
        const bool pci = std::any_of(truth["devices"].begin(), truth["devices"].end(), [](const Json& device) {
            return device["bus"] == "pci" && !device["group"].is_null();
        });
        if (pci) {
            WARN("skipped: " << path.filename() << " (PCI functions map MSI doorbells, which is not modelled)");
            continue;
        }
        Case run(path);
        check_mappings(run);
        const Frames frames(run);
        const Json tables = Json::parse(std::ifstream(path / "tables.json"));
        const auto ours = windows(run.description);
        for (const auto& [base, banks] : tables.items()) {
            const std::uint64_t registers = std::stoull(base, nullptr, 16);
            if (!within(ours, registers)) continue;
            for (const auto& [name, bank] : banks.items()) {
                INFO(base << " " << name);
                if (!bank.contains("tables") || bank["tables"].is_null()) continue;
                // Where banks begin, and how large a page is, says IDR1; of several register files the first one's.
                std::uint64_t id1 = run.machine.word(registers + 0x24, 4);
                if (id1 == 0) id1 = run.machine.word(ours.front().first + 0x24, 4);
                const std::uint64_t page = (id1 >> 31) != 0 ? 0x10000 : 0x1000;
                const std::uint64_t number = std::stoull(name.substr(4));
                const std::uint64_t at = registers + ((std::uint64_t{2} << ((id1 >> 28) & 7)) + number) * page;
                const std::uint64_t root = run.machine.word(at + 0x20, 8) & 0x0000FFFFFFFFF000;
                REQUIRE(root != 0);
                check_table(run.machine, frames, bank["tables"]["entries"], root, 4);
            }
        }
    }
}

TEST_CASE("arm-smmu prints what the real driver printed", "[kernel][corpus][smmuv2]") {
    if (xlate::tests::skip_without_corpus()) return;
    for (const std::filesystem::path& path : cases()) {
        INFO(path.filename().string());
        const Case run(path);
        std::vector<std::string> found;
        for (const ConsoleLine& line : run.k.console.lines()) {
            if (line.text.rfind("arm-smmu", 0) == 0 && line.text.rfind("arm-smmu-v3", 0) != 0)
                found.push_back(line.text);
        }
        CHECK(joined(found) == joined(driver_lines(path / "boot.log")));
    }
}
