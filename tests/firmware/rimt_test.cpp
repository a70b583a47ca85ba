// The RIMT against the layout of docs/spec/iommu-hardware.md 10.5 and Linux's rules for its mappings: every field, what
// is damaged, and what becomes of it in the description.
#include <string>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "firmware/acpi/describe.hpp"
#include "tests/firmware/acpi_tables.hpp"

using namespace xlate;
using namespace xlate::firmware;
using namespace xlate::firmware::acpi;
using namespace xlate::tests;

namespace {

constexpr std::uint32_t kFirst = 48, kPciIommu = kFirst + 48, kComplex = kPciIommu + 40, kDevice = kComplex + 60;

/// A platform IOMMU with a wire, one on PCI, a root complex with two mappings, a platform device with two.
TableWriter rimt() {
    TableWriter table("RIMT", 1);
    table.u32(4).u32(kFirst).u32(0);
    table.u8(0)
        .u8(1)
        .u16(48)
        .u16(0)
        .u16(7)
        .text("RSCV0004", 8)
        .u64(0x3010000)
        .u32(2)
        .u32(5)
        .u16(0)
        .u16(0)
        .u16(1)
        .u16(40);
    table.u32(36).u32(3);
    table.u8(0).u8(1).u16(40).u16(0).u16(8).text("", 8).u64(0).u32(1).u32(0).u16(1).u16(0x0108).u16(0).u16(0);
    table.u8(1).u8(1).u16(60).u16(0).u16(9).u32(1).u16(0).u16(1).u16(20).u16(2);
    table.u32(0x0000).u32(0xFF).u32(0x1000).u32(kFirst).u32(0);
    table.u32(0x0200).u32(0x10).u32(0x0200).u32(kPciIommu).u32(0);
    table.u8(2).u8(1).u16(64).u16(0).u16(10).u16(24).u16(2).text("\\_SB_.DMA0", 12);
    table.u32(0).u32(1).u32(0x21).u32(kFirst).u32(0);
    table.u32(0).u32(1).u32(0x22).u32(kFirst).u32(0);
    return table;
}

Description described(const Bytes& table) { return read_acpi({{"rimt.dat", table}}); }

}  // namespace

TEST_CASE("rimt: every field", "[firmware][acpi]") {
    const Tables tables = read_tables({{"rimt.dat", rimt().finish()}});
    CHECK(tables.oddities.empty());
    REQUIRE(tables.rimt);
    REQUIRE(tables.rimt->nodes.size() == 4);
    const auto& platform = std::get<RimtIommu>(tables.rimt->nodes[0].body);
    CHECK(tables.rimt->nodes[0].id == 7);
    CHECK(platform.hardware_id == "RSCV0004");
    CHECK(platform.base == 0x3010000);
    CHECK(platform.proximity == 5);
    CHECK_FALSE(platform.is_pci());
    REQUIRE(platform.wires.size() == 1);
    CHECK(platform.wires[0].irq == 36);
    CHECK(platform.wires[0].flags == 3);
    const auto& function = std::get<RimtIommu>(tables.rimt->nodes[1].body);
    CHECK(function.is_pci());
    CHECK(function.segment == 1);
    CHECK(function.bdf == 0x108);
    const auto& complex = std::get<RimtRootComplex>(tables.rimt->nodes[2].body);
    CHECK(complex.ats_supported());
    CHECK(complex.segment == 1);
    REQUIRE(complex.mappings.size() == 2);
    CHECK(complex.mappings[0].dest_base == 0x1000);
    CHECK(complex.mappings[1].target == 1);
    const auto& device = std::get<RimtPlatformDevice>(tables.rimt->nodes[3].body);
    CHECK(device.path == "\\_SB_.DMA0");
    REQUIRE(device.mappings.size() == 2);
    CHECK(device.mappings[1].dest_base == 0x22);
    CHECK(tables.rimt->root_complex(0) == nullptr);
}

TEST_CASE("rimt: IOMMUs, root buses and devices of the description", "[firmware][acpi]") {
    const Description description = described(rimt().finish());
    const auto iommu = description.find_path("/iommu@3010000");
    REQUIRE(iommu);
    CHECK(description.node(*iommu).is_compatible("riscv,iommu"));
    CHECK(description.node(*iommu).linux_name == "RSCV0004:00");
    CHECK(description.node(*iommu).interrupts.size() == 1);
    const auto device = description.find_path("\\_SB_.DMA0");
    REQUIRE(device);
    REQUIRE(description.node(*device).iommus.size() == 2);
    CHECK(description.node(*device).iommus[1].args == std::vector<std::uint32_t>{0x22});
    CHECK(description.node(*device).iommus[1].provider == iommu);
    REQUIRE(description.pci_roots.size() == 1);
    const NodeIndex root = description.pci_roots[0].node;
    CHECK(description.node(root).has("ats-supported"));
    const auto at = [&](std::uint32_t id) {
        const MapLookup found = description.map_id(root, id);
        return found.provider ? fmt::format("{} {:#x}", description.node(*found.provider).linux_name, found.id)
                              : std::string("none");
    };
    CHECK(at(0x08) == "RSCV0004:00 0x1008");
    CHECK(at(0xFF) == "RSCV0004:00 0x10ff");
    CHECK(at(0x101) == "none");
    CHECK(at(0x200) == "0001:01:01.0 0x200");
    CHECK(at(0x210) == "0001:01:01.0 0x210");  // Linux takes the base and the number itself
    CHECK(at(0x211) == "none");
}

TEST_CASE("rimt: what is damaged is refused or named", "[firmware][acpi]") {
    SECTION("a mapping that leads to no IOMMU: nothing translates there") {
        TableWriter table = rimt();
        table.patch(kDevice + 24 + 12, 4, kComplex);
        const Description description = described(table.finish());
        CHECK(description.node(*description.find_path("\\_SB_.DMA0")).iommus.empty());
        bool named = false;
        for (const Oddity& one : description.oddities)
            named = named || one.what.find("no IOMMU's offset") != std::string::npos;
        CHECK(named);
    }
    SECTION("mappings beyond their node") {
        TableWriter table = rimt();
        table.patch(kComplex + 18, 2, 3);
        CHECK_THROWS_AS(described(table.finish()), InputError);
    }
    SECTION("wires beyond their node are left out") {
        TableWriter table = rimt();
        table.patch(kFirst + 36, 2, 9);
        const Description description = described(table.finish());
        CHECK(description.node(*description.find_path("/iommu@3010000")).interrupts.empty());
    }
    SECTION("a node of no length, one beyond the table, nodes inside the header") {
        TableWriter none = rimt(), beyond = rimt(), inside = rimt();
        CHECK_THROWS_AS(described(none.patch(kDevice + 2, 2, 0).finish()), InputError);
        CHECK_THROWS_AS(described(beyond.patch(36, 4, 5).finish()), InputError);
        CHECK_THROWS_AS(described(inside.patch(40, 4, 8).finish()), InputError);
    }
    SECTION("any byte, any value: an answer or InputError") {
        const Bytes whole = rimt().finish();
        Rng random(3, "rimt");
        unsigned read = 0;
        for (unsigned i = 0; i < 3000; ++i) {
            Bytes bytes = whole;
            for (unsigned n = 0; n < 3; ++n)
                bytes[36 + random.below(bytes.size() - 36)] = static_cast<std::uint8_t>(random.below(256));
            fix_checksum(bytes);
            try {
                described(bytes);
                ++read;
            } catch (const InputError&) {
            }
        }
        CHECK(read > 0);
    }
}
