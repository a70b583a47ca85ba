// firmware.generate: acpi: the tables of soc.board. Read by iasl without a warning, by inspect as the board is, and
// booted from; the same board as a device tree has the same groups and the same timing.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/cli/program.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

/// A board of every kind that ACPI describes.
struct Board {
    const char* name;
    const char* text;
    std::vector<std::string> tables;
    const char* variant = "linux-6.12";
};
const std::vector<Board>& boards() {
    static const std::vector<Board> all{
        {"smmu",
         "iommus: [ { name: one }, { name: two } ], masters: [ { name: video, iommu: one, ids: 2 }, "
         "{ name: gpu, count: 3, iommu: two }, { name: dma, iommu: none, coherent: false } ], "
         "pcie: [ { iommu: one }, { iommu: none } ]",
         {"dsdt", "apic", "mcfg", "iort"}},
        {"virtio",
         "iommus: [ { name: one, kind: virtio-iommu } ], masters: [ { name: video, count: 2 } ], pcie: [ { iommu: one "
         "} "
         "]",
         {"dsdt", "apic", "mcfg", "viot"}},
        {"vtd",
         "iommus: [ { name: one, kind: vt-d }, { name: two, kind: vt-d } ], masters: [ { name: uart, count: 2, iommu: "
         "two } ], pcie: [ { iommu: one } ]",
         {"dsdt", "apic", "mcfg", "dmar"}},
        {"amd",
         "iommus: [ { name: one, kind: amd-vi } ], masters: [ { name: emmc, count: 2 } ], pcie: [ { iommu: one } ]",
         {"dsdt", "apic", "mcfg", "ivrs"}},
        {"amd-pci", "iommus: [ { name: one, kind: amd-vi } ], pcie: [ { iommu: one } ]", {"dsdt", "ivrs"}},
        {"riscv",
         "iommus: [ { name: one, kind: riscv }, { name: two, kind: riscv } ], masters: [ { name: video, iommu: one, "
         "ids: 2 }, { name: gpu, count: 2, iommu: two }, { name: dma, iommu: none, coherent: false } ], "
         "pcie: [ { iommu: one }, { iommu: none }, { iommu: one } ]",
         {"dsdt", "apic", "mcfg", "rhct", "rimt"},
         "linux-6.18"},
    };
    return all;
}

std::string config_of(const Board& board, const std::string& generate = "acpi") {
    return "firmware: { generate: " + generate + " }\nsoc:\n  board: { cpus: 2, " + board.text +
           " }\n  memory: { size: 1 GiB }\n  pci: [ { slot: '00:01.0', driver: nvme } ]\nkernel: { variant: " +
           board.variant + " }\n";
}

int shell(const std::string& command) { return std::system(command.c_str()); }

}  // namespace

TEST_CASE("generate acpi: iasl reads the tables and compiles what it has read, without a warning", "[cli][generate]") {
    if (shell("command -v iasl > /dev/null 2>&1") != 0) {
        WARN("skipped: there is no iasl (Debian: acpica-tools)");
        SUCCEED();
        return;
    }
    for (const Board& board : boards()) {
        const Scratch scratch;
        scratch.file("made.yaml", config_of(board));
        const Said said = run_xlate(scratch, "run made.yaml --quiet --out r");
        INFO(board.name << "\n" << said.err);
        REQUIRE(said.status == 0);
        for (const std::string& table : board.tables) {
            const std::string stem = scratch.path("r/generated_" + table);
            const std::string log = scratch.path(table + ".log");
            REQUIRE(shell("iasl -p '" + stem + "' -d '" + stem + ".dat' > '" + log + "' 2>&1") == 0);
            std::string text = read_text(log);
            CAPTURE(table, text);
            // Older ones know no VIOT, nothing of RISC-V, and no units of AMD's newest kind: they say so.
            if (text.find("Unknown ACPI table signature") != std::string::npos ||
                read_text(stem + ".dsl").find("Unknown Subtable Type") != std::string::npos) {
                const bool riscv = std::string_view(board.name) == "riscv" && table != "dsdt" && table != "mcfg";
                CHECK((riscv || table == "viot" || (table == "ivrs" && std::string_view(board.name) == "amd")));
                continue;
            }
            CHECK(text.find("arning") == std::string::npos);
            CHECK(text.find("rror") == std::string::npos);
            REQUIRE(shell("iasl -p '" + stem + "_again' '" + stem + ".dsl' > '" + log + "' 2>&1") == 0);
            text = read_text(log);
            CAPTURE(text);
            CHECK(text.find(" 0 Errors, 0 Warnings, 0 Remarks") != std::string::npos);
            if (table == "dsdt") continue;  // its length fields may be written in more than one way
            // The same table, but for who made it (header: checksum, OEM and compiler ids).
            std::string first = read_text(stem + ".dat"), again = read_text(stem + "_again.aml");
            REQUIRE(first.size() > 36);
            CHECK(first.substr(36) == again.substr(std::min<std::size_t>(36, again.size())));
        }
    }
}

TEST_CASE("generate acpi: inspect says of the tables what the config says of the board", "[cli][generate]") {
    const Scratch scratch;
    const auto inspect = [&](std::size_t which) {
        scratch.file("made.yaml", config_of(boards()[which]));
        const Said said = run_xlate(scratch, "inspect made.yaml --json");
        INFO(said.err);
        REQUIRE(said.status == 0);
        return Json::parse(said.out);
    };
    const auto archs = [](const Json& says) {
        std::vector<std::string> all;
        for (const Json& one : says["iommus"]) all.push_back(one["arch"].get<std::string>());
        return all;
    };
    const auto specifiers = [](const Json& says) {
        std::string all;
        for (const Json& one : says["masters"]) all += one["iommu"].get<std::string>() + one["specifier"].dump() + " ";
        return all;
    };
    const Json smmu = inspect(0);
    CHECK(archs(smmu) == std::vector<std::string>{"smmuv3", "smmuv3"});
    // Hosts first: ids of masters behind the first SMMU follow from 0x8000.
    CHECK(specifiers(smmu) ==
          "/smmuv3@9050000[32768] /smmuv3@9050000[32769] /smmuv3@9070000[0] /smmuv3@9070000[1] /smmuv3@9070000[2] ");
    REQUIRE(smmu["maps"].size() == 1);
    CHECK(smmu["maps"][0]["length"] == 0x8000);
    CHECK(archs(inspect(1)) == std::vector<std::string>{"virtio-iommu"});
    CHECK(specifiers(inspect(1)) == "/virtio-iommu@9050000[32768] /virtio-iommu@9050000[32769] ");
    CHECK(archs(inspect(2)) == std::vector<std::string>{"vt-d", "vt-d"});
    CHECK(specifiers(inspect(2)) == "/dmar@fed91000[32768] /dmar@fed91000[32769] ");
    CHECK(archs(inspect(3)) == std::vector<std::string>{"amd-vi"});
    CHECK(specifiers(inspect(3)) == "/ivhd@feb80000[32768] /ivhd@feb80000[32769] ");
    const Json riscv = inspect(5);
    CHECK(archs(riscv) == std::vector<std::string>{"riscv", "riscv"});
    CHECK(specifiers(riscv) == "/iommu@3010000[32768] /iommu@3010000[32769] /iommu@3011000[0] /iommu@3011000[1] ");
    // Two hosts share the ids below 0x8000; the second root complex of the table is that of segment 2.
    REQUIRE(riscv["maps"].size() == 2);
    CHECK(riscv["maps"][0]["length"] == 0x4000);
    CHECK(riscv["maps"][1]["out_base"] == 0x4000);
    CHECK(riscv["maps"][1]["length"] == 0x4000);
    // What the RIMT itself says: lines of the PLIC, the mapping of the first id of the first master.
    const Json& nodes = riscv["tables"]["RIMT"]["nodes"];
    REQUIRE(nodes.size() == 8);  // two IOMMUs, two root complexes, four masters
    CHECK(nodes[0]["type"] == "iommu");
    CHECK(nodes[0]["hardware_id"] == "RSCV0004");
    CHECK(nodes[0]["base"] == "0x3010000");
    REQUIRE(nodes[1]["wires"].size() == 4);
    CHECK(nodes[1]["wires"][3] == Json({{"irq", 81}, {"flags", "0x3"}}));
    CHECK(nodes[3]["segment"] == 2);
    CHECK(nodes[4]["path"] == "\\_SB_.M000");
    REQUIRE(nodes[4]["mappings"].size() == 2);
    CHECK(nodes[4]["mappings"][1]["dest_base"] == "0x8001");
    CHECK(nodes[7]["mappings"].empty());
    for (std::size_t which = 0; which < boards().size(); ++which) {
        // One master on purpose behind nothing.
        for (const Json& oddity : inspect(which)["oddities"]) {
            const bool known = oddity["what"] == "a named component that no single ID mapping leads to an SMMU" ||
                               oddity["what"] == "a device of the RIMT that no ID mapping leads to an IOMMU";
            CHECK(known);
        }
    }
}

TEST_CASE("generate acpi: boards of each kind boot from their tables, and their masters' DMA is translated",
          "[cli][generate]") {
    for (const std::size_t which : {1, 2, 3, 5}) {
        const Scratch scratch;
        const std::string master = which == 5 ? "XLAT0002:01" : "XLAT0001:01";
        scratch.file("made.yaml", config_of(boards()[which]) + "traffic:\n  - { device: '" + master +
                                      "', size: 64 B, transfers: 200 }\n"
                                      "  - { device: '0000:00:01.0', size: 512 B, transfers: 200 }\n"
                                      "expect: [ kernel.oops == 0, faults == 0 ]\n");
        const Said said = run_xlate(scratch, "run made.yaml --quiet --sanitize --out r");
        INFO(boards()[which].name << "\n" << said.err << said.out);
        REQUIRE(said.status == 0);
        const Json result = Json::parse(read_text(scratch.path("r/result.json")));
        std::uint64_t translations = 0;
        for (const Json& iommu : result["iommus"]) translations += iommu["translations"].get<std::uint64_t>();
        CHECK(translations >= 400);
        for (const Json& device : result["devices"]) {
            if (device["name"] != master && device["name"] != "0000:00:01.0") continue;
            CHECK(device["state"] == "bound");
            CHECK(device["iommu"] != "");
            CHECK(device["group"].is_number());
        }
    }
}

TEST_CASE("generate acpi: the same board as a device tree has the same groups and the same timing", "[cli][generate]") {
    const auto result_of = [](const std::string& generate, const std::string& kind, const std::string& master,
                              const std::string& pattern) {
        const Scratch scratch;
        const std::string ids = kind == "virtio-iommu" ? "1" : "2";
        const std::string variant = kind == "riscv" ? "linux-6.18" : "linux-6.12";
        scratch.file("made.yaml", "firmware: { generate: " + generate +
                                      " }\nsoc:\n  board: { cpus: 2, iommus: [ { name: one, kind: " + kind +
                                      " } ], masters: [ { name: video, ids: " + ids +
                                      " }, { name: gpu, count: 2 } ] }\n  memory: { size: 1 GiB }\n"
                                      "  pci: [ { slot: '00:01.0', driver: nvme } ]\nkernel: { variant: " +
                                      variant +
                                      " }\ntraffic:\n"
                                      "  - { device: '" +
                                      master + "', pattern: " + pattern +
                                      ", start_delay: 1 ms, size: 64 B, working_set: 1 MiB, transfers: 500 }\n");
        const Said said = run_xlate(scratch, "run made.yaml --quiet --out r");
        INFO(said.err);
        REQUIRE(said.status == 0);
        return Json::parse(read_text(scratch.path("r/result.json")));
    };
    for (const auto& [kind, pattern] :
         {std::pair{"smmuv3", "linear"}, std::pair{"virtio-iommu", "linear"}, std::pair{"smmuv3", "strided"},
          std::pair{"smmuv3", "random"}, std::pair{"riscv", "linear"}, std::pair{"riscv", "strided"}}) {
        CAPTURE(kind, pattern);
        const Json tree = result_of("devicetree", kind, "a000000.video", pattern);
        const Json tables = result_of("acpi", kind, "XLAT0001:00", pattern);
        CHECK(tree["groups"].size() == 4);
        REQUIRE(tables["groups"].size() == tree["groups"].size());
        const auto sizes = [](const Json& result) {
            std::vector<std::size_t> all;
            for (const Json& group : result["groups"]) all.push_back(group["devices"].size());
            std::sort(all.begin(), all.end());
            return all;
        };
        CHECK(sizes(tables) == sizes(tree));
        REQUIRE(tree["masters"].size() == 1);
        REQUIRE(tables["masters"].size() == 1);
        const Json &by_tree = tree["masters"][0], &by_tables = tables["masters"][0];
        // When the boot is over, the same accesses take the same time, each of them. A random pattern draws its numbers
        // by the device's name, which differs.
        CHECK(by_tables["reads"] == by_tree["reads"]);
        if (std::string_view(pattern) == "random") {
            const auto mean = [](const Json& master) { return master["latency_ns"]["mean"].get<double>(); };
            CHECK(mean(by_tables) == Approx(mean(by_tree)).epsilon(0.01));
        } else {
            CHECK(by_tables["latency_ns"] == by_tree["latency_ns"]);
            CHECK(by_tables["breakdown_ns"] == by_tree["breakdown_ns"]);
            CHECK(by_tables["parts_ns"] == by_tree["parts_ns"]);
        }
        CHECK(by_tables["latency_ns"]["min"] == by_tree["latency_ns"]["min"]);
    }
}

TEST_CASE("generate acpi: services of PCIe ports are the kernel's where the host bridge has an _OSC",
          "[cli][generate]") {
    // Linux negotiate_os_control(): without the method firmware keeps hot-plug, PME and AER; ports are bound all the
    // same.
    const Scratch scratch;
    const std::string soc =
        "soc: { memory: { size: 1 GiB }, pci: [ { slot: '00:01.0', kind: root-port, below: [ { slot: '00.0', driver: "
        "nvme } ] }, { slot: '00:02.0', kind: pci-bridge, below: [ { slot: '01.0', kind: conventional, driver: e1000 } "
        "] } "
        "]";
    const std::string rest =
        " }\nkernel: { variant: linux-6.12 }\ntraffic: [ { device: '0000:01:00.0', transfers: 10 } ]\n";
    scratch.file("made.yaml", "firmware: { generate: acpi }\n" + soc + ", board: { pcie: [ {} ] }" + rest);
    REQUIRE(run_xlate(scratch, "run made.yaml --quiet --out r").status == 0);
    const auto facts = [&](const std::string& run) {
        const Json result = Json::parse(read_text(scratch.path(run + "/result.json")));
        std::size_t services = 0;
        std::string drivers;
        for (const Json& event : result["kernel"]["timeline"]) {
            const std::string device = event["device"];
            services += event["event"] == "driver_probe" && device.find(":pcie") != std::string::npos ? 1 : 0;
        }
        for (const Json& device : result["devices"]) {
            if (device["name"] == "0000:00:01.0" || device["name"] == "0000:00:02.0")
                drivers += device["driver"].is_null() ? "none " : device["driver"].get<std::string>() + " ";
        }
        return std::pair{services, drivers + std::to_string(result["groups"].size())};
    };
    CHECK(facts("r").first == 3);  // PME, AER, hot-plug of the root port
    CHECK(facts("r").second == "pcieport shpchp 3");
    std::string dsdt = read_text(scratch.path("r/generated_dsdt.dat"));
    const std::size_t at = dsdt.find("_OSC");
    REQUIRE(at != std::string::npos);
    dsdt.replace(at, 4, "XOSC");
    dsdt[9] = static_cast<char>(dsdt[9] + '_' - 'X');  // the checksum
    scratch.file("r/generated_dsdt.dat", dsdt);
    scratch.file("kept.yaml",
                 "firmware: { acpi: [ r/generated_dsdt.dat, r/generated_apic.dat, r/generated_mcfg.dat, "
                 "r/generated_iort.dat ] }\n" +
                     soc + rest);
    const Said said = run_xlate(scratch, "run kept.yaml --quiet --out kept");
    INFO(said.err);
    REQUIRE(said.status == 0);
    CHECK(facts("kept").first == 0);
    CHECK(facts("kept").second == "pcieport none 3");
}

TEST_CASE("generate acpi: what no table can say is named with its place", "[cli][generate]") {
    const Scratch scratch;
    const auto wrong = [&](const std::string& text, const std::string& message) {
        scratch.file("w.yaml", text);
        const Said said = run_xlate(scratch, "run w.yaml --out w");
        INFO(text << said.err);
        CHECK(said.status == 2);
        CHECK(said.err.find(message) != std::string::npos);
    };
    const std::string head = "firmware: { generate: acpi }\nsoc: { board: { ";
    wrong(head + "iommus: [ { kind: vt-d }, { name: b, kind: amd-vi } ] } }\n",
          "soc.board.iommus[1].kind: no machine has both this and what iommus[0] is");
    wrong(head + "iommus: [ { kind: vt-d } ], masters: [ { ids: 2 } ] } }\n",
          "soc.board.masters[0].ids: 2 of them: a table gives a device that is not PCI's one id");
    wrong(head + "iommus: [ { kind: amd-vi } ], masters: [ { iommu: none } ] } }\n",
          "soc.board.masters[0].iommu: no table names a device that is behind no IOMMU");
    wrong(head + "iommus: [ { kind: vt-d } ], pcie: [ {}, {} ] } }\n",
          "soc.board.iommus[0]: a unit of one PCI segment stands before more than one PCIe host");
    wrong(head + "iommus: [ { kind: vt-d } ] }, memory: { size: 4 GiB } }\n",
          "soc.memory: 0x40000000 to 0x140000000 collides with devices");
    wrong("firmware: { generate: devicetree }\nsoc: { board: { iommus: [ { kind: vt-d } ] } }\n",
          "soc.board.iommus[0].kind: no device tree describes an x86 machine's IOMMU");
    wrong(head + "iommus: [ { kind: riscv }, { name: b } ] } }\n",
          "soc.board.iommus[1].kind: no machine has both this and what iommus[0] is");
    wrong(head + "iommus: [ { kind: vtd } ] } }\n", "did you mean 'vt-d'?");
    wrong("firmware: { generate: dsdt }\n", "firmware.generate: 'dsdt' cannot be made; expected devicetree or acpi");
}
