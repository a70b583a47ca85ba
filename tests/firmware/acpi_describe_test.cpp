// From tables to the neutral description: names, ids, order of the PCI roots.
#include <string>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "firmware/acpi/describe.hpp"
#include "firmware/id_path.hpp"
#include "tests/firmware/acpi_tables.hpp"

using namespace xlate;
using namespace xlate::firmware;
using namespace xlate::firmware::acpi;
using namespace xlate::tests;

namespace {

const Node& at(const Description& description, const std::string& path) {
    const auto found = description.find_path(path);
    INFO(path);
    REQUIRE(found);
    return description.node(*found);
}

/// "/smmuv3@9050000 0x100"; "bypass".
std::string through(const Description& description, const std::string& host, std::uint32_t id) {
    const MapLookup found = description.map_id(description.find_path(host).value(), id);
    if (!found.provider) return std::string(name(found.result));
    return fmt::format("{} {:#x}", description.node(*found.provider).path, found.id);
}

std::string roots(const Description& description) {
    std::string text;
    for (const PciRootNode& root : description.pci_roots) {
        CHECK(description.node(root.node).name == pci_root_name(root.segment, root.bus));
        text += fmt::format("{}{}:{:x}", text.empty() ? "" : " ", root.segment, root.bus);
    }
    return text;
}

}  // namespace

TEST_CASE("acpi: an IORT becomes IOMMUs and masters with Linux's names", "[firmware][acpi]") {
    const Description d = read_acpi({{"iort", sample_iort()}, {"mcfg", sample_mcfg()}});
    CHECK(d.origin == Description::Origin::acpi);
    CHECK(d.acs_early);
    const Node& v3 = at(d, "/smmuv3@9050000");
    CHECK(v3.linux_name == "arm-smmu-v3.0.auto");
    CHECK(v3.is_compatible("arm,smmu-v3"));
    CHECK(v3.iommu_cells == 1U);
    CHECK(v3.dma_coherent);
    REQUIRE(v3.interrupts.size() == 4);
    CHECK(v3.interrupts[3].name == "cmdq-sync");
    const Node& v2 = at(d, "/smmu@a000000");
    CHECK(v2.linux_name == "arm-smmu.1.auto");
    CHECK(v2.is_compatible("arm,mmu-500"));
    CHECK(at(d, "/pmcg@9062000").linux_name == "arm-smmu-v3-pmcg.2.auto");
    CHECK(at(d, "/pmcg@9062000").regs.size() == 2);
    const Node& master = at(d, "\\_SB_.DMA0");
    REQUIRE(master.iommus.size() == 2);
    CHECK(master.iommus[1].args == std::vector<std::uint32_t>{0x41});
    CHECK(&d.node(*master.iommus[0].provider) == &v2);
    CHECK(master.u32("pasid-num-bits") == 10U);
    CHECK(master.has("dma-can-stall"));
    CHECK(d.reservations.size() == 1);
    CHECK(roots(d) == "0:0 1:10");
    CHECK(at(d, "/pci0000:00").has("ats-supported"));
    CHECK_FALSE(at(d, "/pci0001:10").has("ats-supported"));
    CHECK(at(d, "/pci0001:10").u32("bus-range") == 0x10U);
    CHECK(at(d, "/pci0001:10").regs[0].address == 0x5001000000);
    CHECK(through(d, "/pci0000:00", 8) == "/smmuv3@9050000 0x108");
    CHECK(through(d, "/pci0000:00", 0x900) == "bypass");
    CHECK(through(d, "/pci0001:10", 0x1008) == "/smmuv3@9050000 0x11008");
}

TEST_CASE("acpi: reserved memory ranges belong to the ids of their mappings, from revision 5 of the table on",
          "[firmware][acpi]") {
    for (const std::uint8_t revision : {std::uint8_t{3}, std::uint8_t{6}}) {
        IortWriter iort(revision);
        const std::uint32_t smmu = iort.smmu_v3(0x9050000);
        iort.root_complex(0, {{0, 0xFFFF, 0, smmu, 0}});
        iort.rmr(0x80000000, 0x20000, {{0, 3, 0x40, smmu, 0}, {0, 0, 0x50, smmu, 1}});
        const Description d = read_acpi({{"iort", iort.finish()}});
        if (revision < 5) {
            CHECK(d.device_reservations.empty());
            continue;
        }
        REQUIRE(d.device_reservations.size() == 2);
        const DeviceReservation& first = d.device_reservations[0];
        CHECK(first.base == 0x80000000);
        CHECK(first.size == 0x20000);
        CHECK(first.memory->base == 0x80000000);
        CHECK_FALSE(first.relaxable);
        CHECK(d.node(*first.provider).path == "/smmuv3@9050000");
        CHECK(first.first_id == 0x40);
        CHECK(first.last_id == 0x43);
        CHECK(d.device_reservations[1].first_id == 0x50);
        CHECK(d.device_reservations[1].last_id == 0x50);
    }
}

// Linux iort_rmr_desc_check_overlap(): a firmware bug to it, and it goes on.
TEST_CASE("acpi: reserved memory ranges of one node that overlap are named, as is one without bytes",
          "[firmware][acpi]") {
    IortWriter iort(6);
    const std::uint32_t smmu = iort.smmu_v3(0x9050000);
    iort.root_complex(0, {{0, 0xFFFF, 0, smmu, 0}});
    iort.rmr({{0x80000000, 0x20000}, {0x80010000, 0x20000}, {0x80030000, 0x10000}, {0x90000000, 0}},
             {{0, 0, 0x40, smmu, 1}});
    iort.rmr(0x80000000, 0x10000, {{0, 0, 0x41, smmu, 1}});  // another node's may
    const Description d = read_acpi({{"iort", iort.finish()}});
    std::vector<std::string> found;
    for (const Oddity& one : d.oddities) {
        const std::size_t at = one.what.find("reserved memory ");
        if (at != std::string::npos) found.push_back(one.what.substr(at));
    }
    CHECK(found == std::vector<std::string>{"reserved memory 0x80000000 to 0x8001ffff overlaps 0x80010000 to "
                                            "0x8002ffff of the same node",
                                            "reserved memory 0x90000000 has length 0"});
}

TEST_CASE("acpi: a root bus that only a configuration knows is behind the IOMMUs of its segment", "[firmware][acpi]") {
    Description d = read_acpi({{"iort", sample_iort()}, {"mcfg", sample_mcfg()}});
    const NodeIndex first = ensure_pci_root(d, 0, 0x40);
    CHECK(ensure_pci_root(d, 0, 0x40) == first);
    ensure_pci_root(d, 0, 0x80);
    ensure_pci_root(d, 2, 0);
    CHECK(roots(d) == "0:80 0:40 0:0 1:10 2:0");
    CHECK(through(d, "/pci0000:40", 8) == "/smmuv3@9050000 0x108");
    CHECK(at(d, "/pci0000:40").has("ats-supported"));
    CHECK(at(d, "/pci0000:40").regs[0].address == 0x4014000000);
    CHECK(at(d, "\\_SB_.DMA0").u32("pasid-num-bits") == 10U);  // older properties stay
    CHECK_FALSE(at(d, "/pci0002:00").iommu_map);
    const Description copy = d;
    CHECK(at(copy, "/pci0000:80").u32("bus-range") == 0x80U);
}

TEST_CASE("acpi: look-ups in a description are those in the IORT itself", "[firmware][acpi]") {
    Rng rng{1, "tests.firmware.describe"};
    for (int round = 0; round < 200; ++round) {
        IortWriter writer;
        const std::uint32_t its = writer.its({0});
        const std::uint32_t a = writer.smmu_v3(0x9050000);
        const std::uint32_t b = writer.smmu_v3(0xA050000);
        std::vector<IortWriter::Map> maps;
        for (std::uint64_t i = 0; i < 1 + rng.below(6); ++i) {
            const std::uint32_t targets[] = {its, a, b};
            maps.push_back({static_cast<std::uint32_t>(rng.below(16)), static_cast<std::uint32_t>(rng.below(16)),
                            static_cast<std::uint32_t>(rng.below(1000)), targets[rng.below(3)],
                            rng.chance(1, 12) ? 1U : 0U});
        }
        writer.root_complex(0, maps);
        const Description d = read_acpi({{"iort", writer.finish()}});
        for (std::uint32_t id = 0; id < 40; ++id) {
            const auto found = map_to_smmu(*d.tables->iort, 3, id);
            const std::string wanted =
                found ? fmt::format("{} {:#x}", found->node == 1 ? "/smmuv3@9050000" : "/smmuv3@a050000", found->id)
                      : "bypass";
            CAPTURE(round, id);
            CHECK(through(d, "/pci0000:00", id) == wanted);
        }
    }
}

TEST_CASE("acpi: a VIOT's ranges stand at the host bridges that they name", "[firmware][acpi]") {
    const Description d = read_acpi({{"viot", sample_viot()}, {"mcfg", sample_mcfg()}});
    CHECK(d.acs_early);
    CHECK(at(d, "/pci0000:00/virtio-iommu@b,0").linux_name == "0000:00:0b.0");
    REQUIRE(at(d, "/pci0000:00").viot_map);
    const IommuMap& map = *at(d, "/pci0000:00").viot_map;
    REQUIRE(map.rows.size() == 2);
    CHECK(map.find(0x57) == &map.rows[0]);
    CHECK(map.find(0x58) == nullptr);  // the IOMMU itself
    CHECK(map.rows[1].out == 0x59);
    const IommuMap& second = *at(d, "/pci0001:10").viot_map;
    REQUIRE(second.rows.size() == 1);
    CHECK(second.rows[0].out == 0x10000);  // a segment further
    const Node& endpoint = at(d, "/device@a003c00");
    REQUIRE(endpoint.viot);
    CHECK(endpoint.viot->args == std::vector<std::uint32_t>{0x20000});
    CHECK(d.effective_iommus(d.find_path("/device@a003c00").value()).translated);
}

// Linux iort_nc_iommu_map() asks for single mappings alone.
TEST_CASE("acpi: a named component without a single mapping has no IOMMU, and that is why", "[firmware][acpi]") {
    IortWriter iort;
    const std::uint32_t v3 = iort.smmu_v3(0x9050000);
    iort.component("\\_SB_.DMA0", 0, {{0, 0xFF, 0x100, v3, 0}});
    iort.component("\\_SB_.DMA1", 0, {{0, 0, 0x40, v3, 1}});
    const Description d = read_acpi({{"iort", iort.finish()}, {"mcfg", sample_mcfg()}});
    const auto way = [&](const char* path) { return id_path(d, d.find_path(path).value()); };
    CHECK(way("\\_SB_.DMA0").end == PathEnd::no_iommu);
    CHECK(way("\\_SB_.DMA0").why.find("has no single ID mapping that leads to an SMMU") != std::string::npos);
    CHECK(way("\\_SB_.DMA1").end == PathEnd::behind);
}

TEST_CASE("acpi: units of VT-d take the devices of their scopes, and one the rest", "[firmware][acpi]") {
    const Description d = read_acpi({{"dmar", sample_dmar()}});
    CHECK(through(d, "/pci0000:00", 0x10) == "/dmar@fed90000 0x10");
    CHECK(through(d, "/pci0000:00", 0x18) == "/dmar@fed91000 0x18");
    CHECK(at(d, "/dmar@fed91000").linux_name == "dmar1");
    CHECK(d.reservations.size() == 1);
}

TEST_CASE("acpi: of AMD's entries for one device the later one counts, and an alias is its id", "[firmware][acpi]") {
    const Description d = read_acpi({{"ivrs", sample_ivrs()}});
    CHECK(d.providers().size() == 1);  // of three blocks for one unit only those of the newest type count
    CHECK(through(d, "/pci0000:00", 0x18) == "/ivhd@feb80000 0x18");
    CHECK(through(d, "/pci0000:00", 0x234) == "/ivhd@feb80000 0xa5");
    CHECK(through(d, "/pci0000:00", 0) == "bypass");
    CHECK(at(d, "\\_SB.SDI0").iommus[0].args == std::vector<std::uint32_t>{0x5005});
}

TEST_CASE("acpi: processors and MSI frames of a MADT become nodes", "[firmware][acpi]") {
    TableWriter madt("APIC", 5);
    madt.u32(0).u32(0);
    const auto gicc = [&](std::uint32_t uid, std::uint32_t flags) {
        madt.u8(11).u8(80).u16(0).u32(uid).u32(uid).u32(flags).zeros(64);
    };
    gicc(0, 1);
    gicc(1, 1);
    gicc(2, 0);
    madt.u8(15).u8(20).u16(0).u32(0).u64(0x8080000).u32(0);
    madt.u8(13).u8(24).u16(0).u32(0).u64(0x8020000).u32(1).u16(64).u16(80);
    madt.u8(0).u8(8).u8(3).u8(3).u32(1);
    const Description d = read_acpi({{"apic", madt.finish()}});
    CHECK(at(d, "/cpu@0").has("device_type"));
    CHECK(d.find_path("/cpu@1"));
    CHECK_FALSE(d.find_path("/cpu@2"));
    CHECK(d.find_path("/cpu@3"));
    CHECK(at(d, "/its@8080000").is_compatible("arm,gic-v3-its"));
    CHECK(at(d, "/v2m@8020000").u32("arm,msi-base-spi") == 80U);
    REQUIRE_FALSE(d.oddities.empty());
    CHECK(d.oddities.back().what.find("no table names an IOMMU") == 0);
}

TEST_CASE("acpi: whatever the tables hold, a description comes of it", "[firmware][acpi]") {
    const std::vector<Bytes> samples{sample_iort(), sample_viot(), sample_dmar(), sample_ivrs(), sample_mcfg()};
    Rng rng{1, "tests.firmware.describe.fuzz"};
    std::size_t described = 0;
    for (int round = 0; round < 5'000; ++round) {
        std::vector<NamedBytes> files;
        for (const Bytes& sample : samples) {
            if (!rng.chance(1, 2)) continue;
            Bytes table = sample;
            for (std::uint64_t i = rng.below(3); i > 0; --i)
                table[36 + rng.below(table.size() - 36)] = static_cast<std::uint8_t>(rng.next());
            files.emplace_back("fuzz", table);
        }
        CAPTURE(round);
        try {
            const Description d = read_acpi(files);
            for (std::uint32_t i = 0; i < d.nodes.size(); ++i) {
                d.effective_iommus(NodeIndex{i});
                if (d.nodes[i].iommu_map) d.map_id(NodeIndex{i}, static_cast<std::uint32_t>(rng.next()));
            }
            ++described;
        } catch (const InputError& error) {
            REQUIRE(error.findings().size() == 1);
        }
    }
    CHECK(described > 1000);
}
