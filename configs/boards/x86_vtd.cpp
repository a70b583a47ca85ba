// The ACPI tables of a small Intel server, for configs/x86-vtd.yaml: written at build time, as dtc makes the other
// boards. Usage: DIRECTORY; writes x86_vtd_{dmar,mcfg,apic}.dat there.
// Three units: the first has the graphics of the platform alone, the second a root port and what is plugged in behind
// it, the third everything else, as client and server chips have it; two CPUs; a reserved range that firmware goes on
// using for its USB controller.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "firmware/acpi/table_writer.hpp"

using xlate::firmware::acpi::TableWriter;

namespace {

constexpr std::uint64_t kGraphicsUnit = 0xFED90000;
constexpr std::uint64_t kSlotUnit = 0xFED91000;
constexpr std::uint64_t kMainUnit = 0xFED92000;
constexpr std::uint64_t kEcam = 0xE0000000;
constexpr std::uint64_t kReservedBase = 0x3F000000, kReservedEnd = 0x3F0FFFFF;
constexpr unsigned kProcessors = 2;
constexpr std::uint8_t kIoapicId = 2;

/// Of bus 0. Type 1: an endpoint; 2: a bridge.
void scope(TableWriter& table, unsigned type, unsigned device, unsigned function) {
    table.u8(type).u8(8).u8(0).u8(0).u8(0).u8(0).u8(device).u8(function);
}

TableWriter dmar() {
    TableWriter table("DMAR", 1);
    table.u8(45).u8(1).zeros(10);  // addresses of 46 bits, interrupt remapping
    table.u16(0).u16(24).u8(0).u8(0).u16(0).u64(kGraphicsUnit);
    scope(table, 1, 2, 0);
    table.u16(0).u16(24).u8(0).u8(0).u16(0).u64(kSlotUnit);
    scope(table, 2, 0x1C, 0);
    table.u16(0).u16(24).u8(1).u8(0).u16(0).u64(kMainUnit);
    table.u8(3).u8(8).u8(0).u8(0).u8(kIoapicId).u8(0xF0).u8(0x1F).u8(0);  // the I/O APIC, at f0:1f.0
    table.u16(1).u16(32).u16(0).u16(0).u64(kReservedBase).u64(kReservedEnd);
    scope(table, 1, 0x14, 0);
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
    for (std::uint32_t cpu = 0; cpu < kProcessors; ++cpu) table.u8(0).u8(8).u8(cpu).u8(cpu).u32(1);
    table.u8(1).u8(12).u8(kIoapicId).u8(0).u32(0xFEC00000).u32(0);
    return table;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const auto write = [&](const std::string& name, const TableWriter& table) {
        const std::vector<std::uint8_t> bytes = table.finish();
        std::ofstream file(std::string(argv[1]) + "/x86_vtd_" + name + ".dat", std::ios::binary);
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return static_cast<bool>(file.flush());
    };
    return write("dmar", dmar()) && write("mcfg", mcfg()) && write("apic", madt()) ? 0 : 1;
}
