// The ACPI tables of a small AMD server, for configs/x86-amd.yaml: written at build time. Usage: DIRECTORY; writes
// x86_amd_{ivrs,mcfg,apic}.dat there.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "firmware/acpi/table_writer.hpp"

using xlate::firmware::acpi::TableWriter;

namespace {

constexpr std::uint64_t kIommu = 0xFED80000, kEcam = 0xE0000000, kExtendedFeatures = 0x29D3;
constexpr unsigned kOwnFunction = 0x02;  // 00:00.2
constexpr unsigned kProcessors = 4;

unsigned devid(unsigned bus, unsigned device, unsigned function) { return bus << 8 | device << 3 | function; }

/// One unit for the whole segment. Devices behind a conventional bridge send under the bridge's id. The old USB
/// controller's firmware keeps on using a page of memory.
TableWriter ivrs() {
    TableWriter table("IVRS", 2);
    table.u32(0x203041).zeros(8);
    for (const unsigned type : {0x10U, 0x11U}) {
        const std::size_t start = table.size();
        table.u8(type).u8(0x10).u16(0).u16(kOwnFunction).u16(0x40).u64(kIommu).u16(0).u16(0).u32(0);
        if (type == 0x11) table.u64(kExtendedFeatures).u64(0);
        // Everything; then the bus behind 00:14.4, whose devices all look like the bridge.
        table.u8(1).u16(0).u8(0);
        table.u8(0x43).u16(devid(3, 0, 0)).u8(0).u8(0).u16(devid(0, 0x14, 4)).u8(0);
        table.u8(4).u16(devid(3, 31, 7)).u8(0);
        table.u8(0x48).u16(0).u8(0xD7).u8(kProcessors).u16(devid(0, 0x14, 0)).u8(1);  // I/O APIC of the south bridge
        table.patch(start + 2, 2, table.size() - start);
    }
    table.u8(0x21).u8(0x07).u16(32).u16(devid(0, 0x12, 0)).u16(0).u64(0).u64(0x7FE00000).u64(0x1000);
    return table;
}

TableWriter mcfg() {
    TableWriter table("MCFG", 1);
    table.u64(0).u64(kEcam).u16(0).u8(0).u8(255).u32(0);
    return table;
}

TableWriter madt() {
    TableWriter table("APIC", 4);
    table.u32(0xFEE00000).u32(1);
    for (unsigned cpu = 0; cpu < kProcessors; ++cpu) table.u8(0).u8(8).u8(cpu).u8(cpu).u32(1);
    table.u8(1).u8(12).u8(kProcessors).u8(0).u32(0xFEC00000).u32(0);
    return table;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const auto write = [&](const std::string& name, const TableWriter& table) {
        const std::vector<std::uint8_t> bytes = table.finish();
        std::ofstream file(std::string(argv[1]) + "/x86_amd_" + name + ".dat", std::ios::binary);
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return static_cast<bool>(file.flush());
    };
    return write("ivrs", ivrs()) && write("mcfg", mcfg()) && write("apic", madt()) ? 0 : 1;
}
