// DMAR and IVRS that are wrong: refused with signature and byte, or taken as Linux takes them, with its words.
// Source: Linux drivers/iommu/intel/dmar.c and drivers/iommu/amd/init.c, what they print and where they give up.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/firmware/acpi_tables.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

struct Unit {
    std::uint64_t base = 0;
    std::uint8_t flags = 0;  ///< 1: all that no other unit names
    std::uint8_t scope_type = 1;
    std::uint8_t slot = 1;
};

std::string text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

std::string dmar(const std::vector<Unit>& units, std::uint8_t revision = 1, std::uint8_t width = 38) {
    TableWriter table("DMAR", revision);
    table.u8(width).u8(1).zeros(10);
    for (const Unit& unit : units) {
        const bool all = (unit.flags & 1) != 0;
        table.u16(0).u16(all ? 16 : 24).u8(unit.flags).u8(0).u16(0).u64(unit.base);
        if (!all) table.u8(unit.scope_type).u8(8).u16(0).u8(0).u8(0).u8(unit.slot).u8(0);
    }
    return text(table.finish());
}

std::string ivrs(const std::vector<std::uint64_t>& bases) {
    TableWriter table("IVRS", 2);
    table.u32(0x203043).zeros(8);
    std::uint16_t function = 2;
    for (const std::uint64_t base : bases) {
        table.u8(0x10).u8(0).u16(32).u16(function++).u16(0x40).u64(base).u16(0).u16(0).u32(0);
        table.u8(3).u16(function == 3 ? 0x08 : 0x100).u8(0).u8(4).u16(function == 3 ? 0xFF : 0xFFFF).u8(0);
    }
    return text(table.finish());
}

/// A board of these tables with an NVMe drive at 00:01.0 and a NIC at 00:02.0.
struct Board {
    explicit Board(const std::string& name, const std::string& table, const std::string& more = "") {
        scratch.file(name, table);
        scratch.file("mcfg.dat", text(sample_mcfg()));
        scratch.file("c.yaml",
                     "firmware: { acpi: [ " + name + ", mcfg.dat ] }\nsoc:\n" + more +
                         "  pci: [ { slot: '00:01.0', driver: nvme }, { slot: '00:02.0', driver: e1000e } ]\n"
                         "kernel: { variant: linux-6.12 }\ntraffic: [ { device: '0000:00:01.0', transfers: 20 "
                         "} ]\n");
        inspect = run_xlate(scratch, "inspect " + name);
        run = run_xlate(scratch, "run c.yaml --out r");
        INFO(run.err);
        CHECK(run.status == 0);
        result = Json::parse(read_text(scratch.path("r/result.json")));
        log = read_text(scratch.path("r/console.log"));
    }
    std::string iommu_of(const std::string& name) const {
        for (const Json& device : result["devices"]) {
            if (device["name"] == name) return device["iommu"].is_null() ? "" : device["iommu"].get<std::string>();
        }
        return "no such device";
    }
    Scratch scratch;
    Said inspect, run;
    Json result;
    std::string log;
};

bool has(const std::string& all, const std::string& part) { return all.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("x86 tables: a DMAR as it should be has a unit for each device", "[cli][acpi]") {
    const Board board("dmar.dat", dmar({{0xFED90000, 0, 1, 1}, {0xFED91000, 1}}));
    CHECK(has(board.inspect.out, "Oddities\n  none"));
    CHECK(board.iommu_of("0000:00:01.0") == "dmar0");
    CHECK(board.iommu_of("0000:00:02.0") == "dmar1");
}

// What a run makes the groups' reserved regions of (result.json), inspect names beforehand.
TEST_CASE("x86 tables: memory that firmware goes on using is shown with whom it belongs to", "[cli][acpi]") {
    const Scratch scratch;
    const auto said = [&](const char* config) {
        return run_xlate(scratch, "inspect " + quoted(std::string(source_dir()) + "/configs/" + config)).out;
    };
    CHECK(said("x86-vtd.yaml")
              .find("Reserved for devices\n  0000:00:14.0: 0x3f000000-0x3f0fffff: memory since firmware") !=
          std::string::npos);
    CHECK(said("x86-amd.yaml").find("Reserved for devices\n  id 0x90: 0x7fe00000-0x7fe00fff: memory since firmware") !=
          std::string::npos);
}

TEST_CASE("x86 tables: registers that two units share", "[cli][acpi]") {
    SECTION("of two units of VT-d at one address Linux makes the first alone") {
        const Board board("dmar.dat", dmar({{0xFED90000, 0, 1, 1}, {0xFED90000, 1}, {0xFED91000, 1}}));
        CHECK(has(board.inspect.out,
                  "dmar.dat+0x48: the registers at 0xfed90000 are those of the unit at 0x30, too: "
                  "Linux ignores this one"));
        CHECK(board.result["iommus"].size() == 2);
        CHECK(board.iommu_of("0000:00:01.0") == "dmar0");
        CHECK(board.iommu_of("0000:00:02.0") == "dmar1");
    }
    SECTION("units of VT-d that overlap end the look at the table") {
        const Board board("dmar.dat", dmar({{0xFED90000, 0, 1, 1}, {0xFED90800, 1}}));
        CHECK(has(board.inspect.out,
                  "dmar.dat+0x48: the registers at 0xfed90800 overlap those of the unit at 0x30 "
                  "(0xfed90000)"));
        CHECK(has(board.log, "DMAR: Can't reserve memory"));
        CHECK(has(board.log, "DMAR: Parse DMAR table failure."));
        CHECK(board.result["groups"].empty());
    }
    SECTION("units of AMD-Vi") {
        const Board board("ivrs.dat", ivrs({0xFEB80000, 0xFEB82000}));
        CHECK(has(board.inspect.out, "ivrs.dat+0x50: the registers at 0xfeb82000 are those of the unit at 0x30, too"));
        CHECK(has(board.log, "AMD-Vi: Can not reserve memory region feb82000-feb86000 for mmio"));
        CHECK(board.result["groups"].empty());
        const Board apart("ivrs.dat", ivrs({0xFEB80000, 0xFEC00000}));
        CHECK(apart.result["groups"].size() == 2);
    }
}

TEST_CASE("x86 tables: what Linux takes for broken as a whole", "[cli][acpi]") {
    SECTION("a unit at address 0") {
        const Board board("dmar.dat", dmar({{0, 0, 1, 1}, {0xFED91000, 1}}));
        CHECK(has(board.inspect.out, "dmar.dat+0x38: a remapping unit at address 0"));
        CHECK(has(board.log, "Your BIOS is broken; DMAR reported at address 0!"));
        CHECK(board.result["groups"].empty());
    }
    SECTION("a host address width that is less than a page") {
        const Board board("dmar.dat", dmar({{0xFED91000, 1}}, 1, 10));
        CHECK(has(board.inspect.out, "dmar.dat+0x24: a host address width of 11 bits"));
        CHECK(has(board.log, "DMAR: Invalid DMAR haw"));
        CHECK(board.result["groups"].empty());
    }
}

TEST_CASE("x86 tables: revisions and scopes that are not known are named, and Linux goes on", "[cli][acpi]") {
    const Board later("dmar.dat", dmar({{0xFED91000, 1}}, 99));
    CHECK(has(later.inspect.out, "dmar.dat+0x8: revision 99 of the DMAR is not known: read as revision 2"));
    CHECK(later.iommu_of("0000:00:01.0") == "dmar0");
    const Board scope("dmar.dat", dmar({{0xFED90000, 0, 9, 1}, {0xFED91000, 1}}));
    CHECK(has(scope.inspect.out, "dmar.dat+0x40: a device scope of type 9: Linux warns of it and ignores it"));
    CHECK(scope.iommu_of("0000:00:01.0") == "dmar1");
    const Board absent("dmar.dat", dmar({{0xFED90000, 0, 1, 0x1D}, {0xFED91000, 1}}));
    CHECK(has(absent.run.out + absent.run.err, "dmar.dat+0x40: a scope names 00:1d.0, where soc.pci has no function"));
    CHECK(absent.iommu_of("0000:00:01.0") == "dmar1");
}

TEST_CASE("x86 tables: a config that shapes another kind of IOMMU than the tables name", "[cli][acpi]") {
    const Board board("dmar.dat", dmar({{0xFED91000, 1}}), "  iommu: { amd_vi: { like: full } }\n");
    CHECK(has(board.run.out + board.run.err, "soc.iommu.amd_vi.like changes nothing"));
    const Board own("dmar.dat", dmar({{0xFED91000, 1}}), "  iommu: { vt-d: { like: qemu } }\n");
    CHECK_FALSE(has(own.run.out + own.run.err, "changes nothing"));
}

TEST_CASE("x86 tables: a structure that does not fit is refused with signature and byte", "[cli][acpi]") {
    struct Row {
        const char* name;
        std::string table;
        std::size_t offset;
        const char* says;
    };
    const Row rows[] = {
        {"dmar.dat", dmar({{0xFED91000, 1}}), 0x32, "dmar.dat+0x32: DMAR: a structure is 0 bytes long"},
        {"ivrs.dat", ivrs({0xFEB80000}), 0x32, "ivrs.dat+0x32: IVRS: a block is 0 bytes long"},
    };
    for (const Row& row : rows) {
        std::vector<std::uint8_t> bytes(row.table.begin(), row.table.end());
        bytes[row.offset] = bytes[row.offset + 1] = 0;
        xlate::firmware::acpi::fix_checksum(bytes);
        const Scratch scratch;
        scratch.file(row.name, text(bytes));
        const Said said = run_xlate(scratch, std::string("inspect ") + row.name);
        CHECK(said.status == 3);
        CHECK(has(said.err, row.says));
        CHECK(std::count(said.err.begin(), said.err.end(), '\n') == 1);
    }
}

TEST_CASE("x86 tables: each PCI segment has its own unit", "[cli][acpi]") {
    const Scratch scratch;
    TableWriter table("DMAR", 1);
    table.u8(45).u8(1).zeros(10);
    for (const unsigned segment : {0U, 1U})
        table.u16(0).u16(16).u8(1).u8(0).u16(segment).u64(0xFED90000 + 0x1000 * segment);
    TableWriter mcfg("MCFG", 1);
    mcfg.zeros(8).u64(0xE0000000).u16(0).u8(0).u8(127).u32(0).u64(0x4000000000).u16(1).u8(0).u8(255).u32(0);
    scratch.file("dmar.dat", text(table.finish()));
    scratch.file("mcfg.dat", text(mcfg.finish()));
    scratch.file(
        "c.yaml",
        "firmware: { acpi: [ dmar.dat, mcfg.dat ] }\nsoc:\n  pci: [ { slot: '00:01.0', driver: nvme }, { slot: "
        "'00:01.0', host: /pci0001:00, driver: e1000e } ]\nkernel: { variant: linux-6.12, cpus: 2 }\ntraffic:\n"
        "  - { device: '0000:00:01.0', transfers: 50 }\n  - { device: '0001:00:01.0', transfers: 50 }\n");
    const Said said = run_xlate(scratch, "run c.yaml --quiet --out r");
    INFO(said.err);
    REQUIRE(said.status == 0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    REQUIRE(result["iommus"].size() == 2);
    for (const Json& iommu : result["iommus"]) CHECK(iommu["translations"] == 50);
    for (const Json& device : result["devices"]) {
        if (device["name"] == "0000:00:01.0") CHECK(device["iommu"] == "dmar0");
        if (device["name"] == "0001:00:01.0") CHECK(device["iommu"] == "dmar1");
    }
    CHECK(result["groups"].size() == 2);
}
