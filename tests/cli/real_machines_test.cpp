// What a real kernel grouped on real x86 machines, against what our kernel groups from the PCI lines of their logs. The
// machines are of public bug reports. A row is a function: slot, id, header type, class, buses behind it, group, and
// what the kernel printed of its kind: c conventional, r integrated endpoint, p root port, e endpoint, l legacy
// endpoint, u and d ports of a switch, - nothing (before Linux 6.10).
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

// An Intel 500 series board, Linux 6.5.
const char* const kIntel500 = R"(
00:00.0 8086:4c43 00 060000 - 1 -
00:01.0 8086:4c01 01 060400 01-04 2 -
00:02.0 8086:4c8a 00 030000 - 0 -
00:04.0 8086:4c03 00 118000 - 3 -
00:06.0 8086:4c09 01 060400 05 4 -
00:14.0 8086:43ed 00 0c0330 - 5 -
00:14.2 8086:43ef 00 050000 - 5 -
00:16.0 8086:43e0 00 078000 - 6 -
00:17.0 8086:43d2 00 010601 - 7 -
00:1c.0 8086:43bf 01 060400 06-09 8 -
00:1f.0 8086:438f 00 060100 - 9 -
00:1f.4 8086:43a3 00 0c0500 - 9 -
00:1f.5 8086:43a4 00 0c8000 - 9 -
00:1f.6 8086:15f9 00 020000 - 9 -
01:00.0 1b21:1182 01 060400 02-04 10 -
02:03.0 1b21:1182 01 060400 03 11 -
02:07.0 1b21:1182 01 060400 04 12 -
03:00.0 10ec:8125 00 020000 - 11 -
04:00.0 10ec:8125 00 020000 - 12 -
05:00.0 1e0f:0009 00 010802 - 13 -
06:00.0 1b21:1182 01 060400 07-09 14 -
07:03.0 1b21:1182 01 060400 08 15 -
07:07.0 1b21:1182 01 060400 09 16 -
08:00.0 10ec:8125 00 020000 - 15 -
09:00.0 10ec:8125 00 020000 - 16 -
)";

// An AMD X470 board, Linux 5.18.
const char* const kAmdX470 = R"(
00:00.0 1022:1450 00 060000 - - -
00:00.2 1022:1451 00 080600 - - -
00:01.0 1022:1452 00 060000 - 0 -
00:01.1 1022:1453 01 060400 01 1 -
00:01.3 1022:1453 01 060400 02-09 2 -
00:02.0 1022:1452 00 060000 - 3 -
00:03.0 1022:1452 00 060000 - 4 -
00:03.1 1022:1453 01 060400 0a 5 -
00:04.0 1022:1452 00 060000 - 6 -
00:07.0 1022:1452 00 060000 - 7 -
00:07.1 1022:1454 01 060400 0b 8 -
00:08.0 1022:1452 00 060000 - 9 -
00:08.1 1022:1454 01 060400 0c 10 -
00:14.0 1022:790b 00 0c0500 - 11 -
00:14.3 1022:790e 00 060100 - 11 -
00:18.0 1022:1460 00 060000 - 12 -
00:18.1 1022:1461 00 060000 - 12 -
00:18.2 1022:1462 00 060000 - 12 -
00:18.3 1022:1463 00 060000 - 12 -
00:18.4 1022:1464 00 060000 - 12 -
00:18.5 1022:1465 00 060000 - 12 -
00:18.6 1022:1466 00 060000 - 12 -
00:18.7 1022:1467 00 060000 - 12 -
01:00.0 144d:a808 00 010802 - 13 -
02:00.0 1022:43d0 00 0c0330 - 14 -
02:00.1 1022:43c8 00 010601 - 14 -
02:00.2 1022:43c6 01 060400 03-09 14 -
03:00.0 1022:43c7 01 060400 04 14 -
03:04.0 1022:43c7 01 060400 05 14 -
03:06.0 1022:43c7 01 060400 06-07 14 -
03:07.0 1022:43c7 01 060400 08 14 -
03:09.0 1022:43c7 01 060400 09 14 -
04:00.0 19a2:0710 00 020000 - 14 -
04:00.1 19a2:0710 00 020000 - 14 -
05:00.0 1b21:1242 00 0c0330 - 14 -
06:00.0 10b5:8112 01 060400 07 14 -
07:04.0 13f6:8788 00 040100 - 14 -
08:00.0 8086:1539 00 020000 - 14 -
0a:00.0 1002:6995 00 030000 - 15 -
0a:00.1 1002:aae0 00 040300 - 15 -
0b:00.0 1022:145a 00 130000 - 16 -
0b:00.2 1022:1456 00 108000 - 17 -
0b:00.3 1022:145f 00 0c0330 - 18 -
0c:00.0 1022:1455 00 130000 - 19 -
0c:00.2 1022:7901 00 010601 - 20 -
0c:00.3 1022:1457 00 040300 - 21 -
)";

// An Intel X99 board, Linux 6.14.
const char* const kIntelX99 = R"(
ff:0b.0 8086:6f81 00 088000 - 1 c
ff:0b.1 8086:6f36 00 110100 - 1 c
ff:0b.2 8086:6f37 00 110100 - 1 c
ff:0b.3 8086:6f76 00 088000 - 1 c
ff:0c.0 8086:6fe0 00 088000 - 2 c
ff:0c.1 8086:6fe1 00 088000 - 2 c
ff:0c.2 8086:6fe2 00 088000 - 2 c
ff:0c.3 8086:6fe3 00 088000 - 2 c
ff:0c.4 8086:6fe4 00 088000 - 2 c
ff:0c.5 8086:6fe5 00 088000 - 2 c
ff:0f.0 8086:6ff8 00 088000 - 3 c
ff:0f.1 8086:6ff9 00 088000 - 3 c
ff:0f.4 8086:6ffc 00 088000 - 3 c
ff:0f.5 8086:6ffd 00 088000 - 3 c
ff:0f.6 8086:6ffe 00 088000 - 3 c
ff:10.0 8086:6f1d 00 088000 - 4 c
ff:10.1 8086:6f34 00 110100 - 4 c
ff:10.5 8086:6f1e 00 088000 - 4 c
ff:10.6 8086:6f7d 00 110100 - 4 c
ff:10.7 8086:6f1f 00 088000 - 4 c
ff:12.0 8086:6fa0 00 088000 - 5 c
ff:12.1 8086:6f30 00 110100 - 5 c
ff:13.0 8086:6fa8 00 088000 - 6 r
ff:13.1 8086:6f71 00 088000 - 7 r
ff:13.2 8086:6faa 00 088000 - 8 r
ff:13.3 8086:6fab 00 088000 - 9 r
ff:13.4 8086:6fac 00 088000 - 10 r
ff:13.5 8086:6fad 00 088000 - 11 r
ff:13.6 8086:6fae 00 088000 - 12 c
ff:13.7 8086:6faf 00 088000 - 12 c
ff:14.0 8086:6fb0 00 088000 - 13 r
ff:14.1 8086:6fb1 00 088000 - 14 r
ff:14.2 8086:6fb2 00 088000 - 15 r
ff:14.3 8086:6fb3 00 088000 - 16 r
ff:14.4 8086:6fbc 00 088000 - 17 c
ff:14.5 8086:6fbd 00 088000 - 17 c
ff:14.6 8086:6fbe 00 088000 - 17 c
ff:14.7 8086:6fbf 00 088000 - 17 c
ff:15.0 8086:6fb4 00 088000 - 18 r
ff:15.1 8086:6fb5 00 088000 - 19 r
ff:15.2 8086:6fb6 00 088000 - 20 r
ff:15.3 8086:6fb7 00 088000 - 21 r
ff:16.0 8086:6f68 00 088000 - 22 c
ff:16.6 8086:6f6e 00 088000 - 22 c
ff:16.7 8086:6f6f 00 088000 - 22 c
ff:17.0 8086:6fd0 00 088000 - 23 c
ff:17.4 8086:6fb8 00 088000 - 23 c
ff:17.5 8086:6fb9 00 088000 - 23 c
ff:17.6 8086:6fba 00 088000 - 23 c
ff:17.7 8086:6fbb 00 088000 - 23 c
ff:1e.0 8086:6f98 00 088000 - 24 c
ff:1e.1 8086:6f99 00 088000 - 24 c
ff:1e.2 8086:6f9a 00 088000 - 24 c
ff:1e.3 8086:6fc0 00 088000 - 24 c
ff:1e.4 8086:6f9c 00 088000 - 24 c
ff:1f.0 8086:6f88 00 088000 - 25 c
ff:1f.2 8086:6f8a 00 088000 - 25 c
00:00.0 8086:6f00 00 060000 - 26 p
00:01.0 8086:6f02 01 060400 01 27 p
00:03.0 8086:6f08 01 060400 02 28 p
00:05.0 8086:6f28 00 088000 - 29 r
00:05.1 8086:6f29 00 088000 - 30 r
00:05.2 8086:6f2a 00 088000 - 31 r
00:05.4 8086:6f2c 00 080020 - 32 r
00:11.0 8086:8d7c 00 ff0000 - 33 r
00:11.4 8086:8d62 00 010601 - 34 c
00:14.0 8086:8d31 00 0c0330 - 35 c
00:16.0 8086:8d3a 00 078000 - 36 c
00:1a.0 8086:8d2d 00 0c0320 - 37 c
00:1b.0 8086:8d20 00 040300 - 0 r
00:1c.0 8086:8d10 01 060400 03 38 p
00:1c.2 8086:8d14 01 060400 04 39 p
00:1c.3 8086:8d16 01 060400 05 40 p
00:1c.4 8086:8d18 01 060400 06 41 p
00:1d.0 8086:8d26 00 0c0320 - 42 c
00:1f.0 8086:8d47 00 060100 - 43 c
00:1f.3 8086:8d22 00 0c0500 - 43 c
02:00.0 10de:1b80 00 030000 - 44 l
02:00.1 10de:10f0 00 040300 - 44 e
04:00.0 1969:e091 00 020000 - 45 e
05:00.0 1106:3483 00 0c0330 - 46 e
06:00.0 1b21:1242 00 0c0330 - 47 e
)";

// A laptop of Intel's 13th generation, Linux 6.11.
const char* const kIntel700 = R"(
00:00.0 8086:a702 00 060000 - 0 c
00:01.0 8086:a70d 01 060400 01 1 p
00:01.1 8086:a72d 01 060400 02 2 p
00:04.0 8086:a71d 00 118000 - 3 c
00:08.0 8086:a74f 00 088000 - 4 c
00:0a.0 8086:a77d 00 118000 - 5 r
00:0e.0 8086:a77f 00 010400 - 6 r
00:14.0 8086:7a60 00 0c0330 - 7 c
00:14.2 8086:7a27 00 050000 - 7 c
00:14.3 8086:7a70 00 028000 - 8 r
00:15.0 8086:7a4c 00 0c8000 - 9 c
00:15.1 8086:7a4d 00 0c8000 - 9 c
00:16.0 8086:7a68 00 078000 - 10 c
00:1c.0 8086:7a3e 01 060400 03 11 p
00:1d.0 8086:7a30 01 060400 04-54 12 p
00:1f.0 8086:7a0c 00 060100 - 13 c
00:1f.3 8086:7a50 00 040300 - 13 c
00:1f.4 8086:7a23 00 0c0500 - 13 c
00:1f.5 8086:7a24 00 0c8000 - 13 c
02:00.0 10de:27e0 00 030000 - 14 l
02:00.1 10de:22bc 00 040300 - 14 e
03:00.0 8086:3102 00 020000 - 15 e
04:00.0 8086:5780 01 060400 05-54 16 u
05:00.0 8086:5780 01 060400 06 17 d
05:01.0 8086:5780 01 060400 07-2c 18 d
05:02.0 8086:5780 01 060400 2d 19 d
05:03.0 8086:5780 01 060400 2e-54 20 d
06:00.0 8086:5781 00 0c0340 - 21 e
2d:00.0 8086:5782 00 0c0330 - 22 e
)";

// An AMD Zen 4 machine, Linux 6.17.
const char* const kAmdZen4 = R"(
00:00.0 1022:14d8 00 060000 - - c
00:00.2 1022:14d9 00 080600 - - c
00:01.0 1022:14da 00 060000 - 0 c
00:01.1 1022:14db 01 060400 01-03 1 p
00:01.2 1022:14db 01 060400 04 2 p
00:01.3 1022:14db 01 060400 05 3 p
00:02.0 1022:14da 00 060000 - 4 c
00:02.1 1022:14db 01 060400 06 5 p
00:03.0 1022:14da 00 060000 - 6 c
00:03.1 1022:14db 01 060400 07 7 p
00:04.0 1022:14da 00 060000 - 8 c
00:08.0 1022:14da 00 060000 - 9 c
00:08.1 1022:14dd 01 060400 08 10 p
00:08.3 1022:14dd 01 060400 09 11 p
00:14.0 1022:790b 00 0c0500 - 12 c
00:14.3 1022:790e 00 060100 - 12 c
00:18.0 1022:14e0 00 060000 - 13 c
00:18.1 1022:14e1 00 060000 - 13 c
00:18.2 1022:14e2 00 060000 - 13 c
00:18.3 1022:14e3 00 060000 - 13 c
00:18.4 1022:14e4 00 060000 - 13 c
00:18.5 1022:14e5 00 060000 - 13 c
00:18.6 1022:14e6 00 060000 - 13 c
00:18.7 1022:14e7 00 060000 - 13 c
01:00.0 1002:1478 01 060400 02-03 14 u
02:00.0 1002:1479 01 060400 03 15 d
03:00.0 1002:7480 00 030000 - 16 l
03:00.1 1002:ab30 00 040300 - 17 l
04:00.0 144d:a80a 00 010802 - 18 e
05:00.0 144d:a80c 00 010802 - 19 e
06:00.0 14c3:7925 00 028000 - 20 e
07:00.0 8086:125c 00 020000 - 21 e
08:00.0 1022:14de 00 130000 - 22 l
08:00.2 1022:1649 00 108000 - 23 e
08:00.3 1022:15b6 00 0c0330 - 24 e
08:00.4 1022:15b7 00 0c0330 - 25 e
08:00.5 1022:15e2 00 048000 - 26 e
08:00.6 1022:15e3 00 040300 - 27 e
09:00.0 1022:15b8 00 0c0330 - 28 e
)";

// A laptop of Intel's 11th generation, Linux 6.18.
const char* const kIntelLaptop = R"(
00:00.0 8086:9a14 00 060000 - 2 c
00:02.0 8086:9a49 00 030000 - 1 r
00:04.0 8086:9a03 00 118000 - 3 c
00:07.0 8086:9a23 01 060400 01-38 0 p
00:08.0 8086:9a11 00 088000 - 4 c
00:0a.0 8086:9a0d 00 118000 - 5 r
00:0d.0 8086:9a13 00 0c0330 - 6 c
00:0d.2 8086:9a1b 00 0c0340 - 6 c
00:0e.0 8086:9a0b 00 010400 - 7 r
00:12.0 8086:a0fc 00 070000 - 8 c
00:14.0 8086:a0ed 00 0c0330 - 9 c
00:14.2 8086:a0ef 00 050000 - 9 c
00:14.3 8086:a0f0 00 028000 - 10 r
00:15.0 8086:a0e8 00 0c8000 - 11 c
00:15.1 8086:a0e9 00 0c8000 - 11 c
00:16.0 8086:a0e0 00 078000 - 12 c
00:1f.0 8086:a082 00 060100 - 13 c
00:1f.3 8086:a0c8 00 040100 - 13 c
00:1f.4 8086:a0a3 00 0c0500 - 13 c
00:1f.5 8086:a0a4 00 0c8000 - 13 c
)";

// An AMD 890FX board, Linux 5.10, without its functions 00:18.x, which its IVRS does not name.
const char* const kAmd890Fx = R"(
00:00.0 1002:5a11 00 060000 - 0 -
00:00.2 1002:5a23 00 080600 - - -
00:02.0 1002:5a16 01 060400 01 1 -
00:05.0 1002:5a19 01 060400 02 2 -
00:06.0 1002:5a1a 01 060400 03 3 -
00:07.0 1002:5a1b 01 060400 04 4 -
00:0d.0 1002:5a1e 01 060400 05 5 -
00:11.0 1002:4391 00 010601 - 6 -
00:12.0 1002:4397 00 0c0310 - 7 -
00:12.2 1002:4396 00 0c0320 - 7 -
00:13.0 1002:4397 00 0c0310 - 8 -
00:13.2 1002:4396 00 0c0320 - 8 -
00:14.0 1002:4385 00 0c0500 - 9 -
00:14.3 1002:439d 00 060100 - 10 -
00:14.4 1002:4384 01 060401 06 11 -
00:14.5 1002:4399 00 0c0310 - 12 -
00:16.0 1002:4397 00 0c0310 - 13 -
00:16.2 1002:4396 00 0c0320 - 13 -
01:00.0 1002:68f9 00 030000 - 14 -
01:00.1 1002:aa68 00 040300 - 14 -
04:00.0 10ec:8168 00 020000 - 15 -
05:00.0 8086:150e 00 020000 - 16 -
05:00.1 8086:150e 00 020000 - 17 -
05:00.2 8086:150e 00 020000 - 18 -
05:00.3 8086:150e 00 020000 - 19 -
06:06.0 1102:0004 00 040100 - 11 -
06:06.1 1102:7003 00 098000 - 11 -
06:06.2 1102:4001 00 0c0010 - 11 -
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
    const std::map<std::string, std::string> kinds{{"-", ""},
                                                   {"c", " conventional PCI endpoint"},
                                                   {"r", " PCIe Root Complex Integrated Endpoint"},
                                                   {"p", " PCIe Root Port"},
                                                   {"e", " PCIe Endpoint"},
                                                   {"l", " PCIe Legacy Endpoint"},
                                                   {"u", " PCIe Switch Upstream Port"},
                                                   {"d", " PCIe Switch Downstream Port"}};
    for (std::string slot, id, type, code, buses, group, kind;
         stream >> slot >> id >> type >> code >> buses >> group >> kind;) {
        machine.functions +=
            fmt::format("pci 0000:{}: [{}] type {} class 0x{}{}\n", slot, id, type, code, kinds.at(kind));
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
                                          const std::string& without = {}, const std::string& release = "6.1.0") {
    const Scratch scratch;
    scratch.file("dmesg.txt", "Linux version " + release + " (gcc)\n" + log);
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

// With a second root bus, Intel's integrated endpoints (pci_quirk_rciep_acs) and its PCH's ports
// (pci_quirk_intel_pch_acs).
TEST_CASE("real machines: groups of an Intel board whose kernel prints kinds", "[cli][real]") {
    const Machine machine = machine_of(kIntelX99);
    CHECK(machine.together.size() == 48);
    CHECK(groups_of(machine.functions, "x86_vtd") == machine.together);
}

TEST_CASE("real machines: groups of a laptop with Linux 6.18", "[cli][real]") {
    const Machine machine = machine_of(kIntelLaptop);
    CHECK(machine.together.size() == 14);
    CHECK(groups_of(machine.functions, "x86_vtd", "", "6.18.12+kali-amd64") == machine.together);
}

// Its hot-plug ports have buses in reserve: what is behind the next one keeps the number that firmware gave it.
TEST_CASE("real machines: groups of a laptop with a Thunderbolt switch", "[cli][real]") {
    const Machine machine = machine_of(kIntel700);
    CHECK(machine.together.size() == 23);
    CHECK(groups_of("DMAR: x\n" + machine.functions + machine.groups, "x86_vtd", "", "6.11.5") == machine.together);
}

TEST_CASE("real machines: groups of an AMD machine with Linux 6.17", "[cli][real]") {
    const Machine machine = machine_of(kAmdZen4);
    CHECK(machine.together.size() == 29);
    const std::string log = "AMD-Vi: x\n" + machine.functions + machine.groups;
    CHECK(groups_of(log, "x86_amd", "0000:00:00.0", "6.17.13+deb14-amd64") == machine.together);
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

// Its south bridge (pci_quirk_amd_sb_acs), a network controller (pci_quirk_mf_endpoint_acs), and a bridge to PCI.
TEST_CASE("real machines: groups of an AMD board with a south bridge", "[cli][real]") {
    const Machine machine = machine_of(kAmd890Fx);
    CHECK(machine.together.size() == 20);
    CHECK(groups_of(machine.functions, "x86_amd") == machine.together);
}

// ASM1083 sends as a bridge from PCIe does, though it does not say that it is one; 88SE9230 sends as its function 1;
// AST1150 lets ids pass, which Linux knows from 7.0 on (drivers/pci/quirks.c).
TEST_CASE("real machines: --why knows what a kernel's quirks make of requester ids", "[cli][real]") {
    const Scratch scratch;
    const auto ids = [&](const std::string& variant, const std::string& device) {
        scratch.file(
            "x.yaml",
            "firmware: { acpi: [ \"" + std::string(binary_dir()) +
                "/boards/x86_vtd_dmar.dat\" ] }\nsoc:\n  pci:\n"
                "    - slot: \"00:1c.0\"\n      kind: root-port\n      below:\n"
                "        - { slot: \"00.0\", kind: pci-bridge, id: \"1b21:1080\", below: [ { slot: \"01.0\" } ] }\n"
                "    - { slot: \"00:1c.1\", kind: root-port, below: [ { slot: \"00.0\", id: \"1b4b:9230\" } ] }\n"
                "    - slot: \"00:1c.2\"\n      kind: root-port\n      below:\n"
                "        - { slot: \"00.0\", kind: pcie-pci-bridge, id: \"1a03:1150\", below: [ { slot: \"02.0\" } ] "
                "}\n"
                "kernel: { variant: " +
                variant + " }\n");
        const Said said = run_xlate(scratch, "inspect x.yaml --why " + device + " --json");
        INFO(said.err);
        REQUIRE(said.status == 0);
        return Json::parse(said.out)["ids"].dump();
    };
    CHECK(ids("linux-6.12", "0000:02:01.0") == "[520,512]");  // 0x208, 0x200
    CHECK(ids("linux-6.12", "0000:03:00.0") == "[768,769]");
    CHECK(ids("linux-6.12", "0000:05:02.0") == "[1296,1280]");
    CHECK(ids("linux-7.0", "0000:05:02.0") == "[1296]");
}
