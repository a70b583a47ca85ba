// The ACPI tables of a small Arm server, for configs/acpi_server.yaml: written at build time, as dtc makes the other
// boards. Usage: DIRECTORY; writes acpi_server_{iort,mcfg,apic}.dat there.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "firmware/acpi/table_writer.hpp"

using xlate::firmware::acpi::TableWriter;

namespace {

constexpr std::uint64_t kPcieSmmu = 0x9050000;
constexpr std::uint64_t kSocSmmu = 0xA050000;
constexpr std::uint64_t kEcam = 0x4010000000;
constexpr std::uint32_t kEdge = 1;
constexpr unsigned kProcessors = 4;

/// ITS group at +0x30, the SMMU of PCIe at +0x48, that of the SoC's own masters at +0xa0, then who is behind them.
TableWriter iort() {
    TableWriter table("IORT", 3);
    table.u32(5).u32(48).u32(0);
    const std::uint32_t its = 0x30;
    table.u8(0).u16(24).u8(1).u32(0).u32(0).u32(0).u32(1).u32(0);
    std::uint32_t smmus[2];
    for (unsigned i = 0; i < 2; ++i) {
        smmus[i] = static_cast<std::uint32_t>(table.size());
        const std::uint32_t gsi = 106 + 4 * i;
        table.u8(4).u16(88).u8(4).u32(1 + i).u32(1).u32(68);
        table.u64(i == 0 ? kPcieSmmu : kSocSmmu).u32(kEdge).u32(0).u64(0).u32(0);
        table.u32(gsi).u32(gsi + 1).u32(gsi + 3).u32(gsi + 2).u32(0).u32(0);
        table.u32(0).u32(0xFFFF).u32(0x10000 * i).u32(its).u32(0);
    }
    // PCI segment 0: coherent, with ATS; every requester id is its stream id.
    table.u8(2).u16(56).u8(3).u32(3).u32(1).u32(36);
    table.u32(1).u32(0x3000000).u32(1).u32(0).u32(64);
    table.u32(0).u32(0xFFFF).u32(0).u32(smmus[0]).u32(0);
    // A DMA engine of the SoC with two stream ids, one mapping each.
    table.u8(1).u16(84).u8(4).u32(4).u32(2).u32(44);
    table.u32(0).u32(1).u32(0x3000000).u8(48).text("\\_SB_.DMA0", 15);
    for (const std::uint32_t id : {1U, 2U}) table.u32(0).u32(0).u32(id).u32(smmus[1]).u32(1);
    return table;
}

TableWriter mcfg() {
    TableWriter table("MCFG", 1);
    table.u64(0).u64(kEcam).u16(0).u8(0).u8(255).u32(0);
    return table;
}

TableWriter madt() {
    TableWriter table("APIC", 4);
    table.u32(0).u32(0);
    for (std::uint32_t cpu = 0; cpu < kProcessors; ++cpu) {
        table.u8(11).u8(80).u16(0).u32(cpu).u32(cpu).u32(1).zeros(64);
    }
    table.u8(15).u8(20).u16(0).u32(0).u64(0x8080000).u32(0);
    return table;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const auto write = [&](const std::string& name, const TableWriter& table) {
        const std::vector<std::uint8_t> bytes = table.finish();
        std::ofstream file(std::string(argv[1]) + "/acpi_server_" + name + ".dat", std::ios::binary);
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return static_cast<bool>(file.flush());
    };
    return write("iort", iort()) && write("mcfg", mcfg()) && write("apic", madt()) ? 0 : 1;
}
