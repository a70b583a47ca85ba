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

/// The feature word of an IVHD of type 0x10 that has performance counters: four in one bank.
constexpr std::uint32_t kCounters = 4U << 13 | 1U << 17;

std::string ivrs(const std::vector<std::uint64_t>& bases, std::uint32_t features = 0) {
    TableWriter table("IVRS", 2);
    table.u32(0x203043).zeros(8);
    std::uint16_t function = 2;
    for (const std::uint64_t base : bases) {
        table.u8(0x10).u8(0).u16(32).u16(function++).u16(0x40).u64(base).u16(0).u16(0).u32(features);
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
    std::string why_not(const std::string& name) const {
        for (const Json& one : result["untranslated"]) {
            if (one["device"] == name) return one["why"];
        }
        return "";
    }
    std::string why(const std::string& name) const { return run_xlate(scratch, "inspect c.yaml --why " + name).out; }
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
        const std::string why = "the registers at 0xfed90800 overlap those of the unit at 0xfed90000";
        CHECK(has(board.why_not("0000:00:01.0"), "dmar0 is not in use: " + why));
        CHECK(has(board.why("0000:00:01.0"), "not translated: " + why));
    }
    SECTION("units of AMD-Vi") {
        const Board board("ivrs.dat", ivrs({0xFEB80000, 0xFEB82000}));
        CHECK(has(board.inspect.out, "ivrs.dat+0x50: the registers at 0xfeb82000 are those of the unit at 0x30, too"));
        CHECK(has(board.log, "AMD-Vi: Can not reserve memory region feb82000-4000 for mmio"));
        CHECK(board.result["groups"].empty());
        const std::string why = "the registers at 0xfeb82000 overlap those of the unit at 0xfeb80000";
        CHECK(has(board.why_not("0000:00:01.0"), "ivhd0 is not in use: " + why));
        CHECK(has(run_xlate(board.scratch, "inspect c.yaml --variant linux-6.12").out,
                  "  no group: 0000:00:01.0: bound to nvme: ivhd0 is not in use: " + why));
        CHECK(has(board.why("0000:00:01.0"), "not translated: " + why));
        const Board apart("ivrs.dat", ivrs({0xFEB80000, 0xFEC00000}));
        CHECK(apart.result["groups"].size() == 2);
    }
}

TEST_CASE("x86 tables: units of AMD-Vi with counters claim all of their registers", "[cli][acpi]") {
    const std::vector<std::uint64_t> bases{0xFEB80000, 0xFEB88000};
    const Board plain("ivrs.dat", ivrs(bases));
    CHECK(has(plain.inspect.out, "registers 16 KiB at 0xfeb88000"));
    CHECK(has(plain.inspect.out, "Oddities\n  none"));
    CHECK(plain.result["groups"].size() == 2);
    const Board counting("ivrs.dat", ivrs(bases, kCounters));
    CHECK(has(counting.inspect.out, "registers 512 KiB at 0xfeb88000"));
    CHECK(has(counting.inspect.out, "the registers at 0xfeb88000 are those of the unit at 0x30, too"));
    CHECK(has(counting.log, "AMD-Vi: Can not reserve memory region feb88000-80000 for mmio"));
    CHECK(counting.result["groups"].empty());
}

TEST_CASE("x86 tables: of units that a parameter switches off it is said so", "[cli][acpi]") {
    for (const std::string parameter : {"iommu", "intel_iommu"}) {
        const Board board("dmar.dat", dmar({{0xFED91000, 1}}));
        CHECK(board.why_not("0000:00:01.0").empty());
        const Said off = run_xlate(board.scratch, "run c.yaml --out off --set kernel.parameters." + parameter + "=off");
        INFO(off.err);
        CHECK(has(off.out, "dmar0 is not in use: its driver intel-iommu was switched off"));
    }
}

TEST_CASE("x86 tables: what Linux takes for broken as a whole", "[cli][acpi]") {
    SECTION("a unit at address 0") {
        const Board board("dmar.dat", dmar({{0, 0, 1, 1}, {0xFED91000, 1}}));
        CHECK(has(board.inspect.out, "dmar.dat+0x38: a remapping unit at address 0"));
        CHECK(has(board.log, "Your BIOS is broken; DMAR reported at address 0!"));
        CHECK(board.result["groups"].empty());
        CHECK(has(board.why_not("0000:00:02.0"), "dmar1 is not in use: the DMAR has a unit at address 0"));
    }
    SECTION("a host address width that is less than a page") {
        const Board board("dmar.dat", dmar({{0xFED91000, 1}}, 1, 10));
        CHECK(has(board.inspect.out, "dmar.dat+0x24: a host address width of 11 bits"));
        CHECK(has(board.log, "DMAR: Invalid DMAR haw"));
        CHECK(board.result["groups"].empty());
        CHECK(has(board.why_not("0000:00:01.0"), "dmar0 is not in use: the DMAR has a host address width of 11 bits"));
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

// A scope names a function of its segment: which one that is, the config's host bridges say.
TEST_CASE("x86 tables: scopes of a segment find the functions that soc.pci puts below its host bridge", "[cli][acpi]") {
    const Scratch scratch;
    TableWriter table("DMAR", 1);
    table.u8(45).u8(1).zeros(10);
    table.u16(0).u16(16).u8(1).u8(0).u16(0).u64(0xFED90000);
    table.u16(0).u16(32).u8(0).u8(0).u16(1).u64(0xFED91000);
    table.u8(1).u8(8).u16(0).u8(0).u8(0).u8(3).u8(0);                     // 0001:00:03.0
    table.u8(2).u8(8).u16(0).u8(0).u8(0).u8(1).u8(0);                     // and what is behind 0001:00:01.0
    for (const std::uint8_t slot : {std::uint8_t{3}, std::uint8_t{4}}) {  // RMRRs; there is no 0001:00:04.0
        table.u16(1).u16(32).u16(0).u16(1).u64(0x6B000000 + 0x10000 * slot).u64(0x6B00FFFF + 0x10000 * slot);
        table.u8(1).u8(8).u16(0).u8(0).u8(0).u8(slot).u8(0);
    }
    TableWriter mcfg("MCFG", 1);
    mcfg.zeros(8).u64(0xE0000000).u16(0).u8(0).u8(127).u32(0).u64(0x4000000000).u16(1).u8(0).u8(255).u32(0);
    scratch.file("dmar.dat", text(table.finish()));
    scratch.file("mcfg.dat", text(mcfg.finish()));
    const auto config = [](const std::string& slot, const std::string& host) {
        return "firmware: { acpi: [ dmar.dat, mcfg.dat ] }\nsoc:\n  pci:\n    - { slot: '00:02.0', driver: e1000e }\n"
               "    - { slot: '" +
               slot + ":03.0'" + host + ", driver: nvme }\n    - { slot: '" + slot + ":01.0'" + host +
               ", kind: root-port, below: [ { slot: '00.0', driver: nvme } ] }\n";
    };
    scratch.file("host.yaml", config("00", ", host: /pci0001:00"));
    scratch.file("slot.yaml", config("0001:00", ""));
    const std::string said = run_xlate(scratch, "inspect host.yaml").out;
    CHECK(said == run_xlate(scratch, "inspect slot.yaml").out);
    CHECK(has(said, "0x100-0x1ff -> /dmar@fed91000 0x100-0x1ff"));
    CHECK_FALSE(has(said, "covers nothing"));
    CHECK(has(said, "a scope names 0001:00:04.0, where soc.pci has no function: its reserved region is mapped for"));
    CHECK_FALSE(has(said, "a scope names 0001:00:03.0"));
    CHECK(has(said, "a scope begins at 0001:00:01.0 and goes through a bridge"));
    for (const char* const name : {"0001:00:03.0", "0001:01:00.0"})
        CHECK(has(run_xlate(scratch, std::string("inspect host.yaml --why ") + name).out,
                  "\ntranslated by /dmar@fed91000"));
}

TEST_CASE("x86 tables: a reserved region that is no whole number of pages is reported, and used", "[cli][acpi]") {
    TableWriter table("DMAR", 1);
    table.u8(38).u8(1).zeros(10);
    table.u16(0).u16(16).u8(1).u8(0).u16(0).u64(0xFED91000);
    table.u16(1).u16(32).u16(0).u16(0).u64(0x6C000800).u64(0x6C00FFFF);
    table.u8(1).u8(8).u16(0).u8(0).u8(0).u8(1).u8(0);
    const Board board("dmar.dat", text(table.finish()));
    CHECK(has(board.inspect.out, "dmar.dat+0x48: a reserved region does not begin and end at borders of pages"));
    CHECK(
        has(board.log, "DMAR: [Firmware Bug]: Your BIOS is broken; bad RMRR [0x000000006c000800-0x000000006c00ffff]"));
    CHECK(board.iommu_of("0000:00:01.0") == "dmar0");
    const Board sane("dmar.dat", dmar({{0xFED91000, 1}}));
    CHECK_FALSE(has(sane.log, "Firmware Bug]: Your BIOS"));
}
