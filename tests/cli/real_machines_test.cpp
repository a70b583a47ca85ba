// What a real kernel grouped on real x86 machines, against what our kernel groups from the PCI lines of their logs. The
// machines are of public bug reports: an Intel 500 series board (Linux 6.5) and an AMD X470 board (Linux 5.18); a row
// is a function: slot, id, header type, class, buses behind it, group.
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

const char* const kIntel500 = R"(
00:00.0 8086:4c43 00 060000 - 1
00:01.0 8086:4c01 01 060400 01-04 2
00:02.0 8086:4c8a 00 030000 - 0
00:04.0 8086:4c03 00 118000 - 3
00:06.0 8086:4c09 01 060400 05 4
00:14.0 8086:43ed 00 0c0330 - 5
00:14.2 8086:43ef 00 050000 - 5
00:16.0 8086:43e0 00 078000 - 6
00:17.0 8086:43d2 00 010601 - 7
00:1c.0 8086:43bf 01 060400 06-09 8
00:1f.0 8086:438f 00 060100 - 9
00:1f.4 8086:43a3 00 0c0500 - 9
00:1f.5 8086:43a4 00 0c8000 - 9
00:1f.6 8086:15f9 00 020000 - 9
01:00.0 1b21:1182 01 060400 02-04 10
02:03.0 1b21:1182 01 060400 03 11
02:07.0 1b21:1182 01 060400 04 12
03:00.0 10ec:8125 00 020000 - 11
04:00.0 10ec:8125 00 020000 - 12
05:00.0 1e0f:0009 00 010802 - 13
06:00.0 1b21:1182 01 060400 07-09 14
07:03.0 1b21:1182 01 060400 08 15
07:07.0 1b21:1182 01 060400 09 16
08:00.0 10ec:8125 00 020000 - 15
09:00.0 10ec:8125 00 020000 - 16
)";

const char* const kAmdX470 = R"(
00:00.0 1022:1450 00 060000 - -
00:00.2 1022:1451 00 080600 - -
00:01.0 1022:1452 00 060000 - 0
00:01.1 1022:1453 01 060400 01 1
00:01.3 1022:1453 01 060400 02-09 2
00:02.0 1022:1452 00 060000 - 3
00:03.0 1022:1452 00 060000 - 4
00:03.1 1022:1453 01 060400 0a 5
00:04.0 1022:1452 00 060000 - 6
00:07.0 1022:1452 00 060000 - 7
00:07.1 1022:1454 01 060400 0b 8
00:08.0 1022:1452 00 060000 - 9
00:08.1 1022:1454 01 060400 0c 10
00:14.0 1022:790b 00 0c0500 - 11
00:14.3 1022:790e 00 060100 - 11
00:18.0 1022:1460 00 060000 - 12
00:18.1 1022:1461 00 060000 - 12
00:18.2 1022:1462 00 060000 - 12
00:18.3 1022:1463 00 060000 - 12
00:18.4 1022:1464 00 060000 - 12
00:18.5 1022:1465 00 060000 - 12
00:18.6 1022:1466 00 060000 - 12
00:18.7 1022:1467 00 060000 - 12
01:00.0 144d:a808 00 010802 - 13
02:00.0 1022:43d0 00 0c0330 - 14
02:00.1 1022:43c8 00 010601 - 14
02:00.2 1022:43c6 01 060400 03-09 14
03:00.0 1022:43c7 01 060400 04 14
03:04.0 1022:43c7 01 060400 05 14
03:06.0 1022:43c7 01 060400 06-07 14
03:07.0 1022:43c7 01 060400 08 14
03:09.0 1022:43c7 01 060400 09 14
04:00.0 19a2:0710 00 020000 - 14
04:00.1 19a2:0710 00 020000 - 14
05:00.0 1b21:1242 00 0c0330 - 14
06:00.0 10b5:8112 01 060400 07 14
07:04.0 13f6:8788 00 040100 - 14
08:00.0 8086:1539 00 020000 - 14
0a:00.0 1002:6995 00 030000 - 15
0a:00.1 1002:aae0 00 040300 - 15
0b:00.0 1022:145a 00 130000 - 16
0b:00.2 1022:1456 00 108000 - 17
0b:00.3 1022:145f 00 0c0330 - 18
0c:00.0 1022:1455 00 130000 - 19
0c:00.2 1022:7901 00 010601 - 20
0c:00.3 1022:1457 00 040300 - 21
)";

struct Machine {
    std::string functions, groups;             ///< lines of its log
    std::set<std::set<std::string>> together;  ///< names of functions
};

Machine machine_of(const char* rows) {
    Machine machine;
    std::string bridges;
    std::map<std::string, std::set<std::string>> groups;
    std::istringstream stream(rows);
    for (std::string slot, id, type, code, buses, group; stream >> slot >> id >> type >> code >> buses >> group;) {
        machine.functions += fmt::format("pci 0000:{}: [{}] type {} class 0x{}\n", slot, id, type, code);
        if (buses != "-") bridges += fmt::format("pci 0000:{}: PCI bridge to [bus {}]\n", slot, buses);
        if (group == "-") continue;
        machine.groups += fmt::format("pci 0000:{}: Adding to iommu group {}\n", slot, group);
        groups[group].insert("0000:" + slot);
    }
    machine.functions += bridges;
    for (const auto& [number, names] : groups) machine.together.insert(names);
    return machine;
}

/// What our kernel groups, without functions that the real table does not have.
std::set<std::set<std::string>> groups_of(const std::string& log, const std::string& tables,
                                          const std::string& without = {}) {
    const Scratch scratch;
    scratch.file("dmesg.txt", "Linux version 6.1.0 (gcc)\n" + log);
    std::string files;
    for (const char* const table : {"ivrs", "dmar"}) {
        const std::string path = std::string(binary_dir()) + "/boards/" + tables + "_" + table + ".dat";
        if (std::filesystem::exists(path)) files += " " + quoted(path);
    }
    const Said made = run_xlate(scratch, "init x.yaml --kernel-log dmesg.txt --firmware" + files);
    INFO(made.err);
    REQUIRE(made.status == 0);
    REQUIRE(run_xlate(scratch, "run x.yaml --quiet --out r --set 'traffic=[]'").status == 0);
    std::set<std::set<std::string>> all;
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    for (const Json& group : result["groups"]) {
        std::set<std::string> names = group["devices"];
        names.erase(without);
        if (!names.empty()) all.insert(std::move(names));
    }
    return all;
}

}  // namespace

TEST_CASE("real machines: groups of an Intel board, from the functions of its log alone", "[cli][real]") {
    const Machine machine = machine_of(kIntel500);
    CHECK(machine.together.size() == 17);
    CHECK(groups_of(machine.functions, "x86_vtd") == machine.together);
}

TEST_CASE("real machines: groups of an AMD board", "[cli][real]") {
    const Machine machine = machine_of(kAmdX470);
    CHECK(machine.together.size() == 22);
    // Its IVRS begins with 00:01.0, ours with 00:00.0. That its last functions have ACS no line says but those of
    // groups.
    const auto ours = groups_of(machine.functions, "x86_amd", "0000:00:00.0");
    std::set<std::set<std::string>> expected = machine.together;
    for (const char* const bus : {"0000:0b:00.", "0000:0c:00."}) {
        std::set<std::string> one;
        for (const auto& group : machine.together) {
            if (group.begin()->rfind(bus, 0) == 0) {
                one.insert(group.begin(), group.end());
                expected.erase(group);
            }
        }
        expected.insert(one);
    }
    CHECK(ours == expected);
    CHECK(groups_of("AMD-Vi: x\n" + machine.functions + machine.groups, "x86_amd", "0000:00:00.0") == machine.together);
}
