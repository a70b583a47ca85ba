// The ACPI namespace: devices, their ids and resources, PCI roots in the order in which Linux scans them.
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/random.hpp"
#include "firmware/acpi/describe.hpp"
#include "tests/corpus.hpp"
#include "tests/firmware/acpi_tables.hpp"

using namespace xlate;
using namespace xlate::firmware;
using namespace xlate::firmware::acpi;
using namespace xlate::tests;

namespace {

Bytes join(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

Bytes letters(const std::string& text) { return {text.begin(), text.end()}; }

/// An opcode, the length of what follows, in one or two bytes, and that.
Bytes package(Bytes opcode, const Bytes& content) {
    const std::size_t shortest = content.size() + 1;
    if (shortest < 64) {
        opcode.push_back(static_cast<std::uint8_t>(shortest));
    } else {
        const std::size_t length = content.size() + 2;
        opcode.push_back(static_cast<std::uint8_t>(0x40 | (length & 15)));
        opcode.push_back(static_cast<std::uint8_t>(length >> 4));
    }
    return join({opcode, content});
}

Bytes scope(const std::string& name, const Bytes& content) { return package({0x10}, join({letters(name), content})); }
Bytes device(const std::string& name, const Bytes& content) {
    return package({0x5B, 0x82}, join({letters(name), content}));
}
Bytes named(const std::string& name, const Bytes& value) { return join({{0x08}, letters(name), value}); }
Bytes text(const std::string& value) { return join({{0x0D}, letters(value), {0}}); }
Bytes byte(std::uint8_t value) { return {0x0A, value}; }
Bytes dword(std::uint32_t value) {
    Bytes all(5, 0x0C);
    store_le(all.data() + 1, 4, value);
    return all;
}
Bytes buffer(const Bytes& content) {
    return package({0x11}, join({byte(static_cast<std::uint8_t>(content.size())), content}));
}
/// Memory32Fixed and the end tag.
Bytes fixed_memory(std::uint32_t base, std::uint32_t size) {
    Bytes all{0x86, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x79, 0};
    store_le(all.data() + 4, 4, base);
    store_le(all.data() + 8, 4, size);
    return all;
}
/// A QWord memory window that the bridge hands down.
Bytes window(std::uint64_t first, std::uint64_t size, std::uint64_t translation) {
    Bytes all(46, 0);
    all[0] = 0x8A;
    store_le(all.data() + 1, 2, 43);
    store_le(all.data() + 14, 8, first);
    store_le(all.data() + 22, 8, first + size - 1);
    store_le(all.data() + 30, 8, translation);
    store_le(all.data() + 38, 8, size);
    return join({all, {0x79, 0}});
}

constexpr std::uint32_t kPnp0A08 = 0x080AD041;

Bytes pci_root(const std::string& name, std::uint8_t bus, const Bytes& more = {}) {
    return device(name, join({named("_HID", dword(kPnp0A08)), named("_BBN", byte(bus)), more}));
}

Bytes dsdt(const Bytes& terms) { return TableWriter("DSDT", 2).raw(terms).finish(); }

/// A UART, two DMA engines, three roots; a method, a region, a field and a condition between them.
Bytes sample_dsdt() {
    const Bytes uart =
        device("COM0", join({named("_HID", text("ARMH0011")), named("_CRS", buffer(fixed_memory(0x9000000, 0x1000)))}));
    const auto engine = [](const std::string& name, std::uint32_t base) {
        return device(name, join({named("_HID", text("ACME0001")), named("_UID", byte(1)), named("_CCA", {0x01}),
                                  named("_CRS", buffer(fixed_memory(base, 0x2000)))}));
    };
    const Bytes method = package({0x14}, join({letters("_PRT"), {0x00, 0xA4, 0x00}}));
    const Bytes region = join({{0x5B, 0x80}, letters("REGN"), {0x00}, dword(0x1000), byte(16)});
    const Bytes field = package({0x5B, 0x81}, join({letters("REGN"), {0x01}, letters("FLD0"), {0x08}}));
    const Bytes condition = package({0xA0}, join({{0x01}, pci_root("PCIX", 0xF0)}));
    const Bytes gone = pci_root("PC20", 0x20, named("_STA", {0x00}));
    return dsdt(scope("\\_SB_", join({uart, method, engine("DMA1", 0x9010000), engine("DMA0", 0x9020000), region, field,
                                      condition, pci_root("PC80", 0x80), gone,
                                      pci_root("PCI0", 0, named("_CRS", buffer(window(0x10000000, 0x100000, 0)))),
                                      pci_root("PC40", 0x40, named("_CCA", {0x01}))})));
}

std::string roots(const Description& description) {
    std::string all;
    for (const PciRootNode& root : description.pci_roots) all += fmt::format("{:x} ", root.bus);
    return all;
}

}  // namespace

TEST_CASE("acpi namespace: devices with their ids and resources are found", "[firmware][acpi]") {
    const Tables tables = read_tables({{"dsdt", sample_dsdt()}});
    CHECK(tables.oddities.empty());
    std::string all;
    for (const NamespaceDevice& one : tables.devices) all += one.path + "=" + one.hid + " ";
    CHECK(all ==
          "\\_SB_.COM0=ARMH0011 \\_SB_.DMA1=ACME0001 \\_SB_.DMA0=ACME0001 \\_SB_.PC80=PNP0A08 \\_SB_.PC20=PNP0A08 "
          "\\_SB_.PCI0=PNP0A08 \\_SB_.PC40=PNP0A08 ");
    REQUIRE(tables.devices[0].memory.size() == 1);
    CHECK(tables.devices[0].memory[0].base == 0x9000000);
    CHECK(tables.devices[2].coherent == 1U);
    CHECK_FALSE(tables.devices[4].present());
    REQUIRE(tables.devices[5].memory.size() == 1);
    CHECK(tables.devices[5].memory[0].size == 0x100000);
    CHECK(whole_path("\\_SB.DMA0") == "\\_SB_.DMA0");
    CHECK(whole_path("_SB_.A") == "\\_SB_.A___");
}

TEST_CASE("acpi namespace: PCI roots are scanned in its order, and named components have Linux's names",
          "[firmware][acpi]") {
    const Description d = read_acpi({{"dsdt", sample_dsdt()}, {"iort", sample_iort()}, {"mcfg", sample_mcfg()}});
    CHECK(roots(d) == "80 0 40 10 ");  // the last one: segment 1, of which the namespace says nothing
    CHECK(d.node(d.find_path("/pci0000:00").value()).has("ranges"));
    const Node& engine = d.node(d.find_path("\\_SB_.DMA0").value());
    CHECK(engine.linux_name == "ACME0001:01");
    CHECK(engine.is_compatible("ACME0001"));
    REQUIRE(engine.regs.size() == 1);
    CHECK(engine.regs[0].cpu_address == 0x9020000U);
    CHECK(d.map_id(d.find_path("/pci0000:40").value(), 8).id == 0x108);
}

TEST_CASE("acpi namespace: an MMIO endpoint of a VIOT is the device with its first address", "[firmware][acpi]") {
    TableWriter viot("VIOT", 0);
    viot.u16(2).u16(48).zeros(8);
    viot.u8(4).u8(0).u16(16).u32(0).u64(0x9000000);
    viot.u8(2).u8(0).u16(24).u32(7).u64(0x9010000).u16(48).zeros(6);
    const Description d = read_acpi({{"dsdt", sample_dsdt()}, {"viot", viot.finish()}});
    CHECK(d.node(d.find_path("/device@9010000").value()).linux_name == "ACME0001:00");
    CHECK(d.node(d.find_path("/virtio-iommu@9000000").value()).linux_name == "ARMH0011:00");
}

TEST_CASE("acpi namespace: what it does not hold, or what is not known, is noted and no more", "[firmware][acpi]") {
    const Description d = read_acpi({{"dsdt", dsdt(scope("\\_SB_", {0x77}))}, {"iort", sample_iort()}});
    REQUIRE(d.oddities.size() == 1);
    CHECK(d.oddities[0].path == "dsdt+0x2b");
    CHECK(d.oddities[0].what.find("code 0x77 in \\_SB_") == 0);
    const Description lacking = read_acpi({{"dsdt", dsdt(pci_root("PCI0", 0))}, {"iort", sample_iort()}});
    REQUIRE(lacking.oddities.size() == 1);
    CHECK(lacking.oddities[0].path == "\\_SB_.DMA0");
    CHECK(lacking.oddities[0].what.find("the namespace does not have") != std::string::npos);
    const Description cut = read_acpi({{"dsdt", dsdt({0x10, 0x20, '_', 'S', 'B', '_'})}});
    REQUIRE_FALSE(cut.oddities.empty());
    CHECK(cut.oddities[0].what.find("a package is 32 bytes long; the rest") != std::string::npos);
    Bytes deep;
    for (int i = 0; i < 100; ++i) deep = package({0x10}, join({letters("ABCD"), deep}));
    const Description nested = read_acpi({{"dsdt", dsdt(deep)}});
    CHECK(nested.oddities[0].what.find("nested more than") != std::string::npos);
}

TEST_CASE("acpi namespace: whatever is flipped or cut, it is read or noted", "[firmware][acpi]") {
    const Bytes good = sample_dsdt();
    Rng rng{1, "tests.firmware.namespace"};
    std::size_t noted = 0;
    for (int round = 0; round < 20'000; ++round) {
        Bytes table = good;
        for (std::uint64_t i = rng.below(4); i > 0; --i)
            table[36 + rng.below(table.size() - 36)] = static_cast<std::uint8_t>(rng.next());
        if (rng.chance(1, 8)) {
            table.resize(36 + rng.below(table.size() - 35));
            store_le(table.data() + 4, 4, table.size());
        }
        CAPTURE(round);
        const Description d = read_acpi({{"fuzz", table}});
        noted += d.oddities.size() > 2 ? 1 : 0;
    }
    CHECK(noted > 1000);
}

TEST_CASE("acpi namespace: every recorded boot's PCI roots are those of its DSDT", "[firmware][acpi][corpus]") {
    if (skip_without_corpus()) return;
    std::size_t boots = 0;
    for (const auto& folder : cases_with({"linux-boot", "linux-boot-newer", "linux-boot-families"}, "acpi/DSDT.dat")) {
        INFO(folder.filename().string());
        std::set<std::string> scanned;
        std::ifstream file(folder / "truth.json");
        const nlohmann::json truth = nlohmann::json::parse(file);
        for (const auto& device : truth.at("devices")) {
            const std::string sysfs = device.value("sysfs", "");  // "/sys/devices/pci0000:40/..."
            const auto at = sysfs.find("/pci0000:");
            if (at != std::string::npos) scanned.insert(sysfs.substr(at + 9, sysfs.find('/', at + 1) - at - 9));
        }
        std::set<std::string> described;
        std::istringstream all(roots(read_acpi({{"DSDT", read_file((folder / "acpi" / "DSDT.dat").string())}})));
        for (std::string one; all >> one;) described.insert(one.size() < 2 ? "0" + one : one);
        CHECK(described == scanned);
        ++boots;
    }
    went_over(boots, "boot from ACPI");
}

TEST_CASE("acpi namespace: PCI roots are those that Linux scanned, in its order", "[firmware][acpi][corpus]") {
    if (skip_without("linux-boot/acpi-smmuv3-multiroot-6.12") || skip_without("linux-boot/acpi-smmuv3-6.1")) return;
    const auto folder = *corpus() / "linux-boot";
    const auto of = [&](const std::string& boot) {
        return read_acpi({{"DSDT", read_file((folder / boot / "acpi" / "DSDT.dat").string())}});
    };
    const Description several = of("acpi-smmuv3-multiroot-6.12");
    CHECK(roots(several) == "80 40 0 ");
    CHECK(roots(of("acpi-smmuv3-6.1")) == "0 ");
    CHECK(several.oddities.size() == 1);  // that no table names an IOMMU
    CHECK(several.tables->devices.size() > 40);
    const Node& root = several.node(several.find_path("/pci0000:80").value());
    CHECK(root.dma_coherent);
    const Property* const ranges = root.property("ranges");
    REQUIRE(ranges != nullptr);  // [mem 0x10800000-0x10a00fff], [mem 0x8000300000-0x80003fffff]
    REQUIRE(ranges->bytes.size() == 56);
    CHECK(load_be(ranges->bytes.data() + 4, 8) == 0x10800000);
    CHECK(load_be(ranges->bytes.data() + 20, 8) == 0x201000);
    CHECK(load_be(ranges->bytes.data() + 32, 8) == 0x8000300000);
}
