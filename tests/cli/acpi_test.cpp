// ACPI tables on the command line: inspect, init, run; what is refused, and with which status.
#include <initializer_list>
#include <map>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "firmware/acpi/table_writer.hpp"
#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using xlate::firmware::acpi::TableWriter;

namespace {

std::string bytes(const TableWriter& table) {
    const std::vector<std::uint8_t> all = table.finish();
    return {all.begin(), all.end()};
}

/// An SMMUv3 at 0x9050000 in front of both segments' PCI; segment 1's root complex with a limit of its addresses.
std::string iort(unsigned limit_of_1 = 64) {
    TableWriter table("IORT", 3);
    table.u32(3).u32(48).u32(0);
    table.u8(4).u16(68).u8(4).u32(1).u32(0).u32(0);
    table.u64(0x9050000).u32(1).u32(0).u64(0).u32(0).u32(106).u32(107).u32(109).u32(108).u32(0).u32(0);
    for (const unsigned segment : {0U, 1U}) {
        table.u8(2).u16(56).u8(3).u32(2).u32(1).u32(36);
        table.u32(1).u32(0x3000000).u32(0).u32(segment).u32(segment == 1 ? limit_of_1 : 64);
        table.u32(0).u32(0x7FFF).u32(segment << 15).u32(0x30).u32(0);
    }
    return bytes(table);
}

std::string mcfg() {
    TableWriter table("MCFG", 1);
    table.u64(0).u64(0x4010000000).u16(0).u8(0).u8(255).u32(0).u64(0x5010000000).u16(1).u8(0).u8(255).u32(0);
    return bytes(table);
}

}  // namespace

TEST_CASE("acpi: tables boot and run, each segment with its own stream ids", "[cli][acpi]") {
    const Scratch scratch;
    scratch.file("a.bin", iort());
    scratch.file("b.bin", mcfg());
    scratch.file("x.yaml",
                 "firmware: {acpi: [b.bin, a.bin]}\n"
                 "soc:\n"
                 "  iommus: {\"/smmuv3@9050000\": {tcu: {tlb: {entries: 64, ways: 4}}}}\n"
                 "  pci:\n"
                 "    - {slot: \"00:01.0\", driver: nvme}\n"
                 "    - {slot: \"0001:00:01.0\", driver: nvme}\n"
                 "    - {slot: \"0001:20:02.0\", driver: e1000e}\n"
                 "expect: [kernel.oops == 0]\n");
    const Said said = run_xlate(scratch, "run x.yaml --out r");
    CAPTURE(said.out, said.err);
    CHECK(said.status == 0);
    CHECK(said.out.find("the firmware names no memory: 1 GiB at 0x40000000") != std::string::npos);
    const auto result = nlohmann::json::parse(read_text(scratch.path("r/result.json")));
    std::string ids;
    for (const auto& device : result["devices"]) {
        if (device["bus"] == "pci") ids += device["name"].get<std::string>() + " " + device["ids"].dump() + "; ";
    }
    CHECK(ids == "0000:00:01.0 [8]; 0001:20:02.0 [40976]; 0001:00:01.0 [32776]; ");
    REQUIRE(result["iommus"].size() == 1);
    CHECK(result["iommus"][0]["name"] == "arm-smmu-v3.0.auto");
    CHECK(result["iommus"][0]["path"] == "/smmuv3@9050000");
    CHECK(result["iommus"][0]["translations"] >= 3000);
    for (const auto& master : result["masters"]) CHECK(master["faults"] == 0);
    CHECK(read_text(scratch.path("r/console.log")).find("arm-smmu-v3 arm-smmu-v3.0.auto") != std::string::npos);

    // What the run resolved its config to gives the same boot, with the root bus that only soc.pci knows of.
    const Said again =
        run_xlate(scratch, "run r/config.resolved.yaml --out again --set 'firmware.acpi[0]=" + scratch.path("b.bin") +
                               "' --set 'firmware.acpi[1]=" + scratch.path("a.bin") + "'");
    CAPTURE(again.err);
    CHECK(again.status == 0);
    CHECK(nlohmann::json::parse(read_text(scratch.path("again/result.json")))["groups"] == result["groups"]);
}

TEST_CASE("acpi: tables name no memory, so the config may", "[cli][acpi]") {
    const Scratch scratch;
    scratch.file("a.bin", iort());
    scratch.file("x.yaml", "firmware: {acpi: [a.bin]}\nsoc: {memory: {size: 4 GiB, base: 0x8000000000}}\n");
    const Said said = run_xlate(scratch, "run x.yaml --out r");
    CAPTURE(said.err);
    CHECK(said.status == 0);
    CHECK(said.out.find("the firmware names no memory: 4 GiB at 0x8000000000") != std::string::npos);
    scratch.file("dt.yaml", "firmware: {devicetree: quickstart.dtb}\nsoc: {memory: {size: 4 GiB}}\n");
    const Said named = run_xlate(scratch, "run dt.yaml");
    CHECK(named.status == 2);
    CHECK(named.err.find("dt.yaml:2:22: soc.memory.size: the firmware says what memory there is") == 0);
}

TEST_CASE("acpi: the server of configs/ boots from its tables, and its expectations hold", "[cli][acpi]") {
    const Scratch scratch;
    const std::string config = quoted(std::string(source_dir()) + "/configs/acpi_server.yaml");
    const Said said = run_xlate(scratch, "run " + config + " --out r");
    CAPTURE(said.out, said.err);
    CHECK(said.status == 0);
    const std::string log = read_text(scratch.path("r/console.log"));
    CHECK(log.find("bus 0000:40") < log.find("bus 0000:00"));  // higher root buses are scanned first
    CHECK(log.find("bus 0000:00") < log.find("arm-smmu-v3"));  // PCI before any driver
    const Said inspected = run_xlate(scratch, "inspect " + config);
    CHECK(inspected.status == 0);
    CHECK(inspected.out.find(", addresses of 48 bits\n") != std::string::npos);
}

// Linux: acpi_arch_dma_setup() and rc_dma_get_range() make it the device's bus_dma_limit.
TEST_CASE("acpi: IORT's limit of a root complex narrows what its functions reach", "[cli][acpi]") {
    const Scratch scratch;
    scratch.file("b.bin", mcfg());
    for (const unsigned bits : {32U, 40U}) {
        scratch.file("a.bin", iort(bits));
        scratch.file("x.yaml",
                     "firmware: {acpi: [b.bin, a.bin]}\n"
                     "soc:\n"
                     "  memory: {base: 0x100000000, size: 1 GiB}\n"
                     "  pci:\n"
                     "    - {slot: \"00:01.0\", driver: nvme}\n"
                     "    - {slot: \"0001:00:01.0\", driver: nvme}\n"
                     "kernel: {parameters: {iommu.passthrough: 1}}\n");
        const Said said = run_xlate(scratch, fmt::format("run x.yaml --out {}", bits));
        CAPTURE(said.out, said.err);
        CHECK(said.status == 0);
        std::map<std::string, std::string> states;
        const auto result = nlohmann::json::parse(read_text(scratch.path(fmt::format("{}/result.json", bits))));
        for (const auto& device : result["devices"]) states[device["name"]] = device["state"];
        CHECK(states["0000:00:01.0"] == "bound");
        // No memory is below 4 GiB: nothing can be mapped, and no pool is there to bounce through.
        CHECK(states["0001:00:01.0"] == (bits == 32 ? "failed" : "bound"));
        CHECK(run_xlate(scratch, "inspect a.bin b.bin").out.find(fmt::format("addresses of {} bits", bits)) !=
              std::string::npos);
    }
}

TEST_CASE("acpi: inspect takes any number of tables, or the config that names them", "[cli][acpi]") {
    const Scratch scratch;
    scratch.file("a.bin", iort());
    scratch.file("b.bin", mcfg());
    scratch.file("x.yaml", "firmware: {acpi: [a.bin, b.bin]}\n");
    const Said tables = run_xlate(scratch, "inspect a.bin b.bin --json");
    CHECK(tables.status == 0);
    const auto json = nlohmann::json::parse(tables.out);
    CHECK(json["maps"].size() == 2);
    CHECK(json["tables"]["MCFG"]["segments"].size() == 2);
    CHECK(json["iommus"][0]["device"] == "arm-smmu-v3.0.auto");
    const Said config = run_xlate(scratch, "inspect x.yaml");
    CHECK(config.status == 0);
    CHECK(config.out.find("/pci0001:00\n    0x0-0x7fff -> /smmuv3@9050000 0x8000-0xffff") != std::string::npos);
}

TEST_CASE("acpi: init writes the tables' names into the config", "[cli][acpi]") {
    const Scratch scratch;
    scratch.file("a.bin", iort());
    scratch.file("b.bin", mcfg());
    scratch.file("q.txt", "qemu-system-aarch64 -nodefaults -M virt -smp 2 -device nvme,addr=4\n");
    const Said said = run_xlate(scratch, "init x.yaml --firmware a.bin b.bin --qemu-command q.txt");
    CAPTURE(said.err);
    CHECK(said.status == 0);
    CHECK(read_text(scratch.path("x.yaml")).find("acpi: [\"a.bin\", \"b.bin\"]") != std::string::npos);
    CHECK(run_xlate(scratch, "run x.yaml --quiet").status == 0);
}

TEST_CASE("acpi: a damaged table is status 3 with its place, a mixture is status 2", "[cli][acpi]") {
    const Scratch scratch;
    const std::string table = iort();
    scratch.file("cut.bin", table.substr(0, 96));
    scratch.file("good.bin", table);
    scratch.file("text", "hello");
    const Said cut = run_xlate(scratch, "inspect cut.bin");
    CHECK(cut.status == 3);
    CHECK(cut.err == "cut.bin+0x4: the table says that it is 228 bytes long, but the file has only 96\n");
    const Said mixed = run_xlate(scratch, "inspect good.bin text");
    CHECK(mixed.status == 2);
    CHECK(mixed.err.find("text: is no ACPI table") == 0);
    CHECK(run_xlate(scratch, "inspect good.bin nowhere").status == 2);
}

TEST_CASE("acpi: units of VT-d and AMD-Vi are inspected, and run", "[cli][acpi]") {
    const Scratch scratch;
    TableWriter dmar("DMAR", 1);
    dmar.u8(38).u8(0).zeros(10).u16(0).u16(16).u8(1).u8(0).u16(0).u64(0xFED90000);
    scratch.file("dmar", bytes(dmar));
    TableWriter ivrs("IVRS", 2);
    ivrs.u32(0).zeros(8).u8(0x10).u8(0).u16(28).u16(2).u16(0x40).u64(0xFEB80000).u32(0).u32(0).u32(1);
    scratch.file("ivrs", bytes(ivrs));
    CHECK(run_xlate(scratch, "inspect dmar").out.find("/dmar@fed90000  vt-d") != std::string::npos);
    CHECK(run_xlate(scratch, "inspect ivrs").out.find("/ivhd@feb80000  amd-vi") != std::string::npos);
    for (const std::string table : {"dmar", "ivrs"}) {
        const std::string unit = table == "dmar" ? "dmar0" : "ivhd0";
        scratch.file("x.yaml", "firmware: {acpi: [" + table + "]}\nexpect: [ 'devices[\"0000:00:01.0\"].iommu == \"" +
                                   unit + "\"' ]\n");
        const Said ran = run_xlate(scratch, "run x.yaml");
        INFO(ran.out << ran.err);
        CHECK(ran.status == 0);
    }
}

// A root bus that firmware starts at 01, and the bus behind a port of the same segment.
TEST_CASE("acpi: two functions of one address are refused by their entries of soc.pci", "[cli][acpi]") {
    const Scratch scratch;
    scratch.file("iort.bin", iort());
    scratch.file("mcfg.bin", mcfg());
    const auto config = [&](const std::string& bus) {
        scratch.file("x.yaml", "firmware: {acpi: [iort.bin, mcfg.bin]}\nsoc:\n  pci:\n    - {slot: '" + bus +
                                   ":00.0', host: '/pci0001:00', driver: nvme}\n    - {slot: '00:03.0', host: "
                                   "'/pci0001:00', kind: root-port, below: [{slot: '00.0', driver: e1000e}]}\n");
    };
    config("01");
    for (const char* const command : {"run x.yaml", "inspect x.yaml", "inspect x.yaml --why 0001:01:00.0"}) {
        const Said said = run_xlate(scratch, command);
        CAPTURE(command, said.err);
        CHECK(said.status == 2);
        CHECK(said.err.find("soc.pci[1].below[0].slot: the function is 0001:01:00.0, and soc.pci[0] (x.yaml:4:") !=
              std::string::npos);
        CHECK(said.err.find("traffic") == std::string::npos);
    }
    config("02");
    CHECK(run_xlate(scratch, "run x.yaml").status == 0);
}
