// Tables of our own: every kind of node, the look-ups, what is noted and what is refused.
#include <algorithm>
#include <functional>
#include <string>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "firmware/acpi/describe.hpp"
#include "firmware/acpi/x86_units.hpp"
#include "firmware/limits.hpp"
#include "tests/firmware/acpi_tables.hpp"

using namespace xlate;
using namespace xlate::firmware;
using namespace xlate::firmware::acpi;
using namespace xlate::tests;

namespace {

Tables read(const Bytes& table) { return read_tables({{"test.dat", table}}); }

/// The place and the text of the error, or "" if there is none.
std::string refusal(const Bytes& table, ExitStatus status = ExitStatus::bad_firmware) {
    try {
        read(table);
    } catch (const InputError& error) {
        CHECK(error.status() == status);
        REQUIRE(error.findings().size() == 1);
        CHECK(error.findings().front().where.file == "test.dat");
        CHECK(error.findings().front().where.offset);
        return error.what();
    }
    return "";
}

bool odd(const Tables& tables, const std::string& place, const std::string& what) {
    for (const Oddity& oddity : tables.oddities) {
        if (oddity.path == place && oddity.what.find(what) != std::string::npos) return true;
    }
    for (const Oddity& oddity : tables.oddities) UNSCOPED_INFO(oddity.path << ": " << oddity.what);
    return false;
}

Bytes changed(Bytes table, std::size_t offset, unsigned bytes, std::uint64_t value) {
    store_le(table.data() + offset, bytes, value);
    fix_checksum(table);
    return table;
}

/// "2:0x100": node 2, id 0x100.
std::string at(const Iort& iort, std::size_t node, std::uint32_t id) {
    const auto found = map_to_smmu(iort, node, id);
    return found ? fmt::format("{}:{:#x}", found->node, found->id) : "none";
}

}  // namespace

TEST_CASE("acpi: an IORT of all node types is read", "[firmware][acpi]") {
    const Tables tables = read(sample_iort());
    CHECK(tables.oddities.empty());
    REQUIRE(tables.iort);
    const Iort& iort = *tables.iort;
    REQUIRE(iort.nodes.size() == 8);
    CHECK(iort.revision == 6);
    CHECK(std::get<ItsGroup>(iort.nodes[0].body).ids == std::vector<std::uint32_t>{0, 7});
    const auto& v3 = std::get<SmmuV3>(iort.nodes[1].body);
    CHECK(v3.base == 0x9050000);
    CHECK(v3.coherent());
    CHECK(v3.event_gsiv == 106);
    CHECK(v3.pri_gsiv == 107);
    CHECK(v3.gerror_gsiv == 109);
    CHECK(v3.sync_gsiv == 108);
    const auto& v2 = std::get<Smmu>(iort.nodes[2].body);
    CHECK(v2.base == 0xA000000);
    CHECK(v2.span == 0x10000);
    CHECK(v2.model == 3);
    CHECK(v2.coherent());
    REQUIRE(v2.global_interrupts.size() == 1);
    CHECK(v2.global_interrupts[0].gsiv == 100);
    REQUIRE(v2.context_interrupts.size() == 2);
    CHECK(v2.context_interrupts[1].gsiv == 201);
    CHECK(v2.context_interrupts[1].flags == 1);
    const auto& group = std::get<Pmcg>(iort.nodes[3].body);
    CHECK(group.page0 == 0x9062000);
    CHECK(group.page1 == 0x9072000U);
    CHECK(group.node == 1U);
    const auto& complex = std::get<RootComplex>(iort.nodes[4].body);
    CHECK(complex.ats_supported());
    CHECK(complex.segment == 0);
    CHECK(complex.address_limit == 64);
    REQUIRE(iort.nodes[4].mappings.size() == 2);
    CHECK(iort.nodes[4].mappings[0].ids() == 0x900);
    CHECK(iort.nodes[4].mappings[0].target == 1U);
    const auto& component = std::get<NamedComponent>(iort.nodes[6].body);
    CHECK(component.path == "\\_SB_.DMA0");
    CHECK(component.can_stall());
    CHECK(component.pasid_bits() == 10);
    const auto& rmr = std::get<Rmr>(iort.nodes[7].body);
    REQUIRE(rmr.ranges.size() == 1);
    CHECK(rmr.ranges[0].base == 0x80000000);
    CHECK(rmr.ranges[0].length == 0x10000);
    CHECK(iort.root_complex(1) == 5U);
    CHECK_FALSE(iort.root_complex(2));
    CHECK(requests_acs(iort));
}

TEST_CASE("acpi: ids go through an IORT as Linux sends them", "[firmware][acpi]") {
    const Tables tables = read(sample_iort());
    const Iort& iort = *tables.iort;
    CHECK(at(iort, 4, 0) == "1:0x100");
    CHECK(at(iort, 4, 0x8FF) == "1:0x9ff");
    CHECK(at(iort, 4, 0x900) == "none");  // to the ITS alone
    CHECK(at(iort, 5, 0xF8) == "1:0x100f8");
    CHECK(component_to_smmu(iort, 6, 0)->id == 0x40);
    CHECK(component_to_smmu(iort, 6, 1)->id == 0x41);
    CHECK(component_to_smmu(iort, 6, 1)->node == 2);
    CHECK_FALSE(component_to_smmu(iort, 6, 2));
}

TEST_CASE("acpi: an id that is the last of one mapping and the first of another takes the other one",
          "[firmware][acpi]") {
    IortWriter writer;
    const std::uint32_t its = writer.its({0});
    const std::uint32_t smmu = writer.smmu_v3(0x9050000);
    // Counts of ids, not of ids minus one, as some firmware has it.
    writer.root_complex(0, {{0, 0x100, 0x1000, smmu, 0}, {0x100, 0x100, 0x2000, smmu, 0}});
    writer.root_complex(1, {{0, 0x4000, 0, its, 0}, {0x4000, 0x200, 0x4000, smmu, 0}});
    writer.root_complex(2, {{0, 0x200, 0, smmu, 0}, {0x200, 0x3E00, 0x200, its, 0}});
    writer.root_complex(3, {{0, 0, 0x77, smmu, 1}});
    writer.root_complex(4, {{0x10, 0x10, 0x10, smmu, 0}, {0x18, 0x10, 0x9000, smmu, 0}});
    const Tables tables = read(writer.finish());
    const Iort& iort = *tables.iort;
    CHECK(at(iort, 2, 0xFF) == "1:0x10ff");
    CHECK(at(iort, 2, 0x100) == "1:0x2000");
    CHECK(at(iort, 2, 0x200) == "1:0x2100");  // nobody else begins there
    CHECK(at(iort, 2, 0x201) == "none");
    CHECK(at(iort, 3, 0x4000) == "1:0x4000");  // the SMMU, though the ITS' mapping stands before
    CHECK(at(iort, 4, 0x1FF) == "1:0x1ff");
    CHECK(at(iort, 4, 0x200) == "none");
    CHECK(at(iort, 5, 0x1234) == "1:0x77");  // a single mapping: whatever came in
    CHECK(at(iort, 6, 0x18) == "1:0x18");    // a real overlap: the first counts
    CHECK(at(iort, 6, 0x20) == "1:0x20");    // also for the last id, since the other does not begin there
    CHECK(odd(tables, fmt::format("test.dat+{:#x}", iort.nodes[2].mappings[1].offset), "one too high"));
    CHECK(
        odd(tables, fmt::format("test.dat+{:#x}", iort.nodes[6].mappings[1].offset), "the first in the table counts"));
}

TEST_CASE("acpi: a mapping whose ids need more than 32 bits is named, and maps nothing", "[firmware][acpi]") {
    IortWriter writer;
    const std::uint32_t smmu = writer.smmu_v3(0x9050000);
    writer.root_complex(0, {{0, 0xFFFF, 0, smmu, 0}, {0xFFFFFF00, 0xFF, 0x1000, smmu, 0}});
    writer.root_complex(1, {{0, 0xFFFF, 0, smmu, 0}, {0xFFFFFF00, 0x100, 0x1000, smmu, 0}});
    const Tables tables = read(writer.finish());
    const Iort& iort = *tables.iort;
    REQUIRE(tables.oddities.size() == 1);
    CHECK(odd(tables, fmt::format("test.dat+{:#x}", iort.nodes[2].mappings[1].offset),
              fmt::format("mapping 1 of the root-complex at {:#x} begins with id 0xffffff00 and has 257 ids, to "
                          "0x100000000: ids have 32 bits; Linux maps none of them",
                          iort.nodes[2].offset)));
    CHECK(at(iort, 1, 0xFFFFFFFF) == "0:0x10ff");
    CHECK(at(iort, 2, 0xFFFFFFFF) == "none");
}

TEST_CASE("acpi: nodes that map to each other do not hang the look-up", "[firmware][acpi]") {
    IortWriter writer;
    const std::uint32_t first = writer.next();
    writer.root_complex(0, {{0, 0xFFFF, 0, first, 0}});
    const Tables tables = read(writer.finish());
    CHECK(at(*tables.iort, 0, 5) == "none");
    CHECK_FALSE(requests_acs(*tables.iort));
}

TEST_CASE("acpi: the mapping that an SMMUv3 keeps for its own MSIs is not its clients'", "[firmware][acpi]") {
    IortWriter writer;
    const std::uint32_t smmu = writer.next();
    writer.smmu_v3(0x9050000, {{0, 0, 0x10, smmu, 1}});
    writer.out().patch(smmu + 16 + 28, 4, 0);  // no event interrupt: by MSI
    writer.component("\\_SB_.A", 0, {{0, 0, 1, smmu, 0}});
    const Tables tables = read(writer.finish());
    CHECK(std::get<SmmuV3>(tables.iort->nodes[0].body).device_id_mapping == 0U);
    CHECK_FALSE(component_to_smmu(*tables.iort, 1, 0));
    CHECK(odd(tables, fmt::format("test.dat+{:#x}", tables.iort->nodes[1].mappings[0].offset + 16), "single"));
}

TEST_CASE("acpi: what is damaged inside of an IORT's node is noted and left out", "[firmware][acpi]") {
    const Bytes good = sample_iort();
    const Iort iort = *read(good).iort;
    const std::size_t complex = iort.nodes[4].offset;
    SECTION("a reference that is no node") {
        const Tables tables = read(changed(good, iort.nodes[4].mappings[0].offset + 12, 4, 0x1000));
        CHECK_FALSE(tables.iort->nodes[4].mappings[0].target);
        CHECK(at(*tables.iort, 4, 0) == "none");
        CHECK(odd(tables, fmt::format("test.dat+{:#x}", iort.nodes[4].mappings[0].offset + 12), "0x1000"));
    }
    SECTION("a mapping array outside of the table") {
        const Tables tables = read(changed(good, complex + 12, 4, 0xFFFFFFF0));
        CHECK(tables.iort->nodes[4].mappings.empty());
        CHECK(odd(tables, fmt::format("test.dat+{:#x}", complex + 12), "ignored"));
    }
    SECTION("a count of mappings that overflows") {
        const Tables tables = read(changed(good, complex + 8, 4, 0xFFFFFFFF));
        CHECK(tables.iort->nodes[4].mappings.empty());
        CHECK(odd(tables, fmt::format("test.dat+{:#x}", complex + 12), "ignored"));
    }
    SECTION("a node type of the future") {
        const Tables tables = read(changed(good, complex, 1, 99));
        CHECK(iort_type_name(tables.iort->nodes[4].type) == "type-99");
        CHECK(odd(tables, fmt::format("test.dat+{:#x}", complex), "not known"));
    }
    SECTION("a list of ITS ids that does not fit") {
        const Tables tables = read(changed(good, 48 + 16, 4, 0x40000000));
        CHECK(std::get<ItsGroup>(tables.iort->nodes[0].body).ids.size() == 2);
        CHECK(odd(tables, "test.dat+0x30", "do not fit"));
    }
    SECTION("a second root complex of a segment") {
        const Tables tables = read(changed(good, iort.nodes[5].offset + 28, 4, 0));
        CHECK(odd(tables, fmt::format("test.dat+{:#x}", iort.nodes[5].offset), "a second root complex"));
    }
    SECTION("reserved memory in an old table") {
        const Tables tables = read(changed(good, 8, 1, 3));
        CHECK(odd(tables, fmt::format("test.dat+{:#x}", iort.nodes[7].offset), "Linux ignores them"));
    }
}

TEST_CASE("acpi: a table whose frame is damaged is refused with its place", "[firmware][acpi]") {
    const Bytes good = sample_iort();
    CHECK(refusal({}).find("test.dat+0x0: the file ends after 0 bytes") == 0);
    CHECK(refusal({'I', 'O', 'R'}).find("test.dat+0x3") == 0);
    CHECK(refusal(Bytes(good.begin(), good.begin() + 20)).find("inside the header") != std::string::npos);
    CHECK(refusal(Bytes(good.begin(), good.begin() + 96)).find("test.dat+0x4: the table says that it is") == 0);
    CHECK(refusal(changed(good, 4, 4, 12)).find("less than its header") != std::string::npos);
    Bytes other = good;
    other[0] = '\x1b';
    CHECK(refusal(other) ==
          "test.dat+0x0: '\\x1bORT' is not the signature of an ACPI table; expected four capital "
          "letters or digits");
    CHECK(refusal(changed(good, 36, 4, 9)).find("IORT: node 9 of 9 begins outside the table") != std::string::npos);
    CHECK(refusal(changed(good, 40, 4, 4)).find("inside the header") != std::string::npos);
    CHECK(refusal(changed(good, 40, 4, 0xFFFFFFFF)).find("outside the table") != std::string::npos);
    CHECK(refusal(changed(good, 49, 2, 4)).find("less than its header") != std::string::npos);
    CHECK(refusal(changed(good, 49, 2, 0xFFFF)).find("past the end of the table") != std::string::npos);
    CHECK(refusal(Bytes(kMaxTableBytes + 1, 'A'), ExitStatus::limit).find("larger than") != std::string::npos);
}

TEST_CASE("acpi: a wrong checksum and bytes behind a table are noted, and the table is used", "[firmware][acpi]") {
    Bytes table = sample_mcfg();
    table[9] = static_cast<std::uint8_t>(table[9] + 1);
    table.push_back(0);
    const Tables tables = read(table);
    CHECK_FALSE(tables.tables[0].checksum_ok);
    CHECK(tables.mcfg.size() == 2);
    CHECK(odd(tables, "test.dat+0x9", "checksum"));
    CHECK(odd(tables, "test.dat+0x4c", "1 bytes follow the table"));
}

TEST_CASE("acpi: the segments of an MCFG are read", "[firmware][acpi]") {
    const Tables tables = read(sample_mcfg());
    CHECK(tables.oddities.empty());
    REQUIRE(tables.mcfg.size() == 2);
    CHECK(tables.mcfg[1].base == 0x5000000000);
    CHECK(tables.mcfg[1].segment == 1);
    CHECK(tables.mcfg[1].bus_start == 0x10);
    CHECK(tables.mcfg[1].bus_end == 0x1F);
    Bytes cut = sample_mcfg();
    cut.resize(cut.size() - 3);
    const Tables rest = read(changed(cut, 4, 4, cut.size()));
    CHECK(rest.mcfg.size() == 1);
    CHECK(odd(rest, "test.dat+0x3c", "cut short"));
    CHECK(refusal(changed(Bytes(cut.begin(), cut.begin() + 40), 4, 4, 40)).find("reserved field") != std::string::npos);
}

TEST_CASE("acpi: a VIOT is read, and its ranges find their IOMMU", "[firmware][acpi]") {
    const Tables tables = read(sample_viot());
    CHECK(tables.oddities.empty());
    const Viot& viot = *tables.viot;
    REQUIRE(viot.nodes.size() == 5);
    CHECK(std::get<ViotVirtioPci>(viot.nodes[0].body).bdf == 0x58);
    CHECK(std::get<ViotVirtioMmio>(viot.nodes[1].body).base == 0xA003E00);
    const auto& range = std::get<ViotPciRange>(viot.nodes[3].body);
    CHECK(range.endpoint_start == 0x59);
    CHECK(range.bdf_start == 0x59);
    CHECK(range.bdf_end == 0xFFFF);
    CHECK(range.target == 0U);
    CHECK(std::get<ViotPciRange>(viot.nodes[2].body).segment_end == 1);
    const auto& endpoint = std::get<ViotMmioEndpoint>(viot.nodes[4].body);
    CHECK(endpoint.endpoint == 0x20000);
    CHECK(endpoint.base == 0xA003C00);
    CHECK(endpoint.target == 1U);

    const Bytes good = sample_viot();
    const std::size_t range_at = viot.nodes[2].offset;
    CHECK(odd(read(changed(good, range_at + 16, 2, 49)), fmt::format("test.dat+{:#x}", range_at + 16), "no IOMMU's"));
    CHECK(odd(read(changed(good, range_at + 14, 2, 0x58)), fmt::format("test.dat+{:#x}", range_at), "its own"));
    CHECK(odd(read(changed(good, range_at, 1, 9)), fmt::format("test.dat+{:#x}", range_at), "not known"));
    CHECK(refusal(changed(good, 36, 2, 6)).find("node 6 of 6 begins outside") != std::string::npos);
    CHECK(refusal(changed(good, range_at + 2, 2, 0)).find("0 bytes long") != std::string::npos);
}

TEST_CASE("acpi: a DMAR of all structures is read", "[firmware][acpi]") {
    const Tables tables = read(sample_dmar());
    CHECK(tables.oddities.empty());
    const Dmar& dmar = *tables.dmar;
    CHECK(dmar.host_address_width == 39);
    CHECK(dmar.flags == 1);
    REQUIRE(dmar.structures.size() == 7);
    const auto& graphics = std::get<Drhd>(dmar.structures[0].body);
    CHECK(graphics.base == 0xFED90000);
    CHECK_FALSE(graphics.include_all());
    REQUIRE(graphics.scopes.size() == 1);
    CHECK(graphics.scopes[0].path == std::vector<std::pair<std::uint8_t, std::uint8_t>>{{2, 0}});
    const auto& rest = std::get<Drhd>(dmar.structures[1].body);
    CHECK(rest.include_all());
    REQUIRE(rest.scopes.size() == 3);
    CHECK(scope_type_name(rest.scopes[0].type) == "ioapic");
    CHECK(rest.scopes[0].enumeration_id == 2);
    CHECK(rest.scopes[0].start_bus == 0xF0);
    CHECK(rest.scopes[2].path.size() == 2);
    const auto& reserved = std::get<Rmrr>(dmar.structures[2].body);
    CHECK(reserved.base == 0x7B800000);
    CHECK(reserved.end == 0x7BFFFFFF);
    CHECK(reserved.scopes.size() == 1);
    CHECK(std::get<Atsr>(dmar.structures[3].body).scopes.size() == 1);
    CHECK(std::get<Rhsa>(dmar.structures[4].body).proximity_domain == 1);
    CHECK(std::get<Andd>(dmar.structures[5].body).name == "\\_SB_.I2C0");
    CHECK(std::get<Satc>(dmar.structures[6].body).flags == 1);
    REQUIRE(dmar.structures[6].scopes() != nullptr);
    CHECK(dmar.structures[6].scopes()->size() == 1);
    CHECK(dmar.structures[5].scopes() == nullptr);

    const Bytes good = sample_dmar();
    CHECK(refusal(changed(good, 50, 2, 0)).find("0 bytes long") != std::string::npos);
    CHECK(refusal(changed(good, 50, 2, 0x4000)).find("16384 bytes long") != std::string::npos);
    CHECK(odd(read(changed(good, 65, 1, 200)), "test.dat+0x40", "does not fit"));
    CHECK(odd(read(changed(good, 52, 1, 1)), fmt::format("test.dat+{:#x}", dmar.structures[1].offset),
              "must be the last"));
    CHECK(odd(read(changed(good, 48, 2, 77)), "test.dat+0x30", "not known"));
}

// Linux drivers/iommu/intel/iommu.c, rmrr_sanity_check().
TEST_CASE("acpi: a reserved region of a DMAR that is no whole number of pages is named, and kept", "[firmware][acpi]") {
    const Bytes good = sample_dmar();
    const std::uint64_t region = read(good).dmar->structures[2].offset;
    CHECK(read(good).oddities.empty());
    struct Row {
        std::uint64_t base, end, field;
        const char* says;
    };
    const Row rows[] = {
        {0x7B800800, 0x7BFFFFFF, 8, "does not begin and end at borders of pages (0x7b800800-0x7bffffff)"},
        {0x7B800000, 0x7BFFFFFE, 16, "does not begin and end at borders of pages"},
        {0x7B800000, 0x7B800000, 16, "is one byte long"},
        {0x7B800000, 0x7B7FFFFF, 16, "ends before it begins (0x7b800000-0x7b7fffff): Linux reports it as broken"},
    };
    for (const Row& row : rows) {
        const Tables tables = read(changed(changed(good, region + 8, 8, row.base), region + 16, 8, row.end));
        CHECK(odd(tables, fmt::format("test.dat+{:#x}", region + row.field), row.says));
        CHECK(tables.oddities.size() == 1);
        const auto& kept = std::get<Rmrr>(tables.dmar->structures[2].body);
        CHECK(kept.base == row.base);
        CHECK_FALSE(is_sane(kept));
    }
}

// Linux drivers/iommu/amd/init.c, init_iommu_one(): MMIO_CNTR_CONF_OFFSET, or MMIO_REG_END_OFFSET.
TEST_CASE("acpi: what is claimed of an AMD unit ends before the counters, unless it has some", "[firmware][acpi]") {
    Ivhd unit;
    const auto bytes = [&](std::uint8_t type, std::uint32_t features, std::uint64_t extended) {
        unit.type = type;
        unit.features = features;
        unit.extended_features = extended;
        return register_bytes(unit);
    };
    CHECK(bytes(0x10, 0, 0x200) == 0x4000);
    CHECK(bytes(0x10, 1U << 13, 0) == 0x4000);  // counters without a bank
    CHECK(bytes(0x10, 1U << 17, 0) == 0x4000);
    CHECK(bytes(0x10, 1U << 16 | 1U << 22, 0) == 0x80000);
    for (const std::uint8_t type : {std::uint8_t{0x11}, std::uint8_t{0x40}}) {
        CHECK(bytes(type, ~0U, 0x100) == 0x4000);
        CHECK(bytes(type, 0, 0x200) == 0x80000);
    }
    const Description machine = read_acpi({{"test.dat", sample_ivrs()}});
    CHECK(machine.node(machine.providers().front()).regs.front().size == 0x80000);
    Ivhd other = unit;
    unit.base = 0xFEB80000;
    other.base = 0xFEBFF000;
    CHECK(share_registers(unit, other));
    unit.extended_features = 0;
    CHECK_FALSE(share_registers(unit, other));
    CHECK_FALSE(share_registers(other, unit));
}

TEST_CASE("acpi: an IVRS of all blocks and entries is read", "[firmware][acpi]") {
    const Tables tables = read(sample_ivrs());
    CHECK(tables.oddities.empty());
    const Ivrs& ivrs = *tables.ivrs;
    REQUIRE(ivrs.blocks.size() == 4);
    CHECK(ivrs.used_type() == 0x40);
    const auto& old = std::get<Ivhd>(ivrs.blocks[0].body);
    CHECK(old.base == 0xFEB80000);
    CHECK(old.devid == 2);
    CHECK(old.features == 0x80048F6F);
    REQUIRE(old.entries.size() == 4);
    CHECK(old.entries[0].kind == IvhdEntry::Kind::range);
    CHECK(old.entries[0].devid == 8);
    CHECK(old.entries[0].last == 0xFFFE);
    CHECK(old.entries[1].kind == IvhdEntry::Kind::alias_range);
    CHECK(old.entries[1].alias == 0xA5);
    CHECK(old.entries[1].last == 0x2FF);
    CHECK(old.entries[2].variety == 1);
    CHECK(old.entries[2].handle == 0x21);
    CHECK(old.entries[2].devid == 0xA0);
    CHECK(old.entries[2].settings == 0xD7);
    const auto& newest = std::get<Ivhd>(ivrs.blocks[2].body);
    CHECK(newest.extended_features == 0x246577EFA2254AFA);
    REQUIRE(newest.entries.size() == 5);
    CHECK(newest.entries[4].kind == IvhdEntry::Kind::acpi_hid);
    CHECK(newest.entries[4].devid == 0x5005);
    CHECK(newest.entries[4].hid == "AMDI0040");
    CHECK(newest.entries[4].uid == "\\_SB.SDI0");
    const auto& memory = std::get<Ivmd>(ivrs.blocks[3].body);
    CHECK(memory.devid == 0x10);
    CHECK(memory.last == 0x17);
    CHECK(memory.base == 0x7B000000);
    CHECK(memory.length == 0x100000);

    const Bytes good = sample_ivrs();
    CHECK(refusal(changed(good, 50, 2, 3)).find("3 bytes long") != std::string::npos);
    CHECK(odd(read(changed(good, 76, 1, 0)), "test.dat+0x50", "begins inside of another one"));
    CHECK(odd(read(changed(good, 88, 1, 0)), "test.dat+0x50", "never closed"));
    CHECK(odd(read(changed(good, 72, 1, 0)), "test.dat+0x4c", "never began"));
    CHECK(odd(read(changed(good, 48, 1, 0x33)), "test.dat+0x30", "not known"));
    // Two units of segment 2 with one device.
    TableWriter twice("IVRS", 2);
    twice.u32(0x203043).zeros(8);
    for (const std::uint64_t base : {std::uint64_t{0xFEB80000}, std::uint64_t{0xFEC80000}})
        twice.u8(0x10).u8(0).u16(28).u16(2).u16(0x40).u64(base).u16(2).u16(0).u32(0).u8(2).u16(0x10).u8(0);
    CHECK(odd(read(twice.finish()), "test.dat+0x64", "device 0002:00:02.0 is behind the unit at 0x30, too"));
    // Without a name an entry makes no device.
    const auto masters = [](const Bytes& table) {
        const Description machine = read_acpi({{"test.dat", table}});
        return std::count_if(machine.nodes.begin(), machine.nodes.end(),
                             [](const Node& node) { return node.path.find("SDI0") != std::string::npos; });
    };
    const std::uint64_t hid = newest.entries[4].offset + 4;
    CHECK(masters(good) == 1);
    CHECK(masters(changed(good, hid, 8, 0)) == 0);
    CHECK(odd(read(changed(good, hid, 8, 0)), fmt::format("test.dat+{:#x}", hid - 4), "without a hardware id"));
    const Bytes nameless = changed(changed(good, hid, 8, 0), hid + 16, 1, 0);
    CHECK(masters(nameless) == 0);
}

TEST_CASE("acpi: tables are told apart by content, of two with one signature the first counts", "[firmware][acpi]") {
    const Bytes fadt = TableWriter("FACP", 6).zeros(240).finish();
    const Tables tables = read_tables({{"a", sample_mcfg()},
                                       {"b", fadt},
                                       {"c", TableWriter("MCFG", 1).zeros(8).finish()},
                                       {"d", TableWriter("SSDT", 2).finish()},
                                       {"e", TableWriter("SSDT", 2).finish()},
                                       {"f", {'F', 'A', 'C', 'S', 8, 0, 0, 0}}});
    CHECK(tables.tables.size() == 6);
    CHECK(tables.mcfg.size() == 2);
    CHECK(tables.find("FACP") != nullptr);
    CHECK(table_title("FACP") == "fixed hardware (FADT)");
    CHECK(table_title("ZZZZ").empty());
}

TEST_CASE("acpi: whatever is flipped or cut, the answer is an error or tables", "[firmware][acpi]") {
    const std::vector<Bytes> samples{sample_iort(), sample_viot(), sample_dmar(), sample_ivrs(), sample_mcfg()};
    Rng rng{1, "tests.firmware.acpi"};
    std::size_t accepted = 0;
    std::size_t refusals = 0;
    for (int round = 0; round < 20'000; ++round) {
        Bytes table = samples[rng.below(samples.size())];
        const std::uint64_t flips = rng.below(4);
        for (std::uint64_t i = 0; i < flips; ++i)
            table[rng.below(table.size())] = static_cast<std::uint8_t>(rng.next());
        if (rng.chance(1, 4))
            store_le(table.data() + 4 * rng.below(table.size() / 4), 4, rng.chance(1, 2) ? 0xFFFFFFFF : rng.below(64));
        if (rng.chance(1, 8)) table.resize(rng.below(table.size() + 1));
        CAPTURE(round);
        try {
            const Tables tables = read(table);
            if (tables.iort) {
                for (std::size_t i = 0; i < tables.iort->nodes.size(); ++i) {
                    map_to_smmu(*tables.iort, i, static_cast<std::uint32_t>(rng.next()));
                    component_to_smmu(*tables.iort, i, rng.below(3));
                }
            }
            ++accepted;
        } catch (const InputError& error) {
            REQUIRE(error.findings().size() == 1);
            ++refusals;
        }
    }
    CHECK(accepted > 1000);
    CHECK(refusals > 1000);
}
