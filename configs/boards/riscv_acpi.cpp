// The ACPI tables of a small RISC-V server, for configs/riscv-acpi.yaml: written at build time, as dtc makes the other
// boards. Usage: DIRECTORY; writes riscv_acpi_{rimt,dsdt,mcfg,apic}.dat there.
// One IOMMU of the platform, with four wires: before it PCI segment 0, whose requester ids are its device ids, and a
// DMA engine with two device ids beyond those.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "firmware/acpi/aml_writer.hpp"
#include "firmware/acpi/table_writer.hpp"

using xlate::firmware::acpi::TableWriter;
namespace aml = xlate::firmware::acpi::aml;

namespace {

constexpr std::uint32_t kIommu = 0x3010000, kDma = 0x4010000, kFirstWire = 36;
constexpr std::uint64_t kEcam = 0x30000000;
constexpr unsigned kProcessors = 2, kWires = 4;
constexpr std::uint32_t kDmaIds[] = {0x10000, 0x10001};
constexpr const char kDmaPath[] = "\\_SB_.DMA0";

/// The IOMMU at +0x30, then who is behind it.
TableWriter rimt() {
    TableWriter table("RIMT", 1);
    table.u32(3).u32(48).u32(0);
    const auto iommu = static_cast<std::uint32_t>(table.size());
    table.u8(0).u8(1).u16(40 + 8 * kWires).u16(0).u16(1).text("RSCV0004", 8);
    table.u64(kIommu).u32(0).u32(0).u16(0).u16(0).u16(kWires).u16(40);
    for (std::uint32_t wire = 0; wire < kWires; ++wire) table.u32(kFirstWire + wire).u32(3);  // level, active high
    table.u8(1).u8(1).u16(20 + 20).u16(0).u16(2).u32(1).u16(0).u16(0).u16(20).u16(1);         // with ATS
    table.u32(0).u32(0xFFFF).u32(0).u32(iommu).u32(0);
    constexpr std::size_t kName = (sizeof kDmaPath + 3) / 4 * 4;
    table.u8(2).u8(1).u16(12 + kName + 2 * 20).u16(0).u16(3).u16(12 + kName).u16(2).text(kDmaPath, kName);
    for (const std::uint32_t id : kDmaIds) table.u32(0).u32(1).u32(id).u32(iommu).u32(0);
    return table;
}

TableWriter dsdt() {
    aml::Resources iommu, dma;
    iommu.fixed_memory(kIommu, 0x1000);
    for (std::uint32_t wire = 0; wire < kWires; ++wire) iommu.interrupt(kFirstWire + wire);
    dma.fixed_memory(kDma, 0x1000);
    const aml::Bytes devices = aml::join(
        {aml::device("IMU0", aml::join({aml::name("_HID", aml::string("RSCV0004")), aml::name("_UID", aml::integer(0)),
                                        aml::name("_CRS", iommu.finish())})),
         aml::device("DMA0", aml::join({aml::name("_HID", aml::string("XLAT0001")), aml::name("_UID", aml::integer(0)),
                                        aml::name("_CCA", aml::integer(1)), aml::name("_CRS", dma.finish())}))});
    TableWriter table("DSDT", 2);
    table.raw(aml::scope("_SB_", devices));
    return table;
}

TableWriter mcfg() {
    TableWriter table("MCFG", 1);
    table.u64(0).u64(kEcam).u16(0).u8(0).u8(255).u32(0);
    return table;
}

TableWriter madt() {
    TableWriter table("APIC", 6);
    table.u32(0).u32(0);
    for (std::uint32_t cpu = 0; cpu < kProcessors; ++cpu)
        table.u8(24).u8(36).u8(1).u8(0).u32(1).u64(cpu).u32(cpu).u32(0).u64(0).u32(0);
    return table;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const auto write = [&](const std::string& name, const TableWriter& table) {
        const std::vector<std::uint8_t> bytes = table.finish();
        std::ofstream file(std::string(argv[1]) + "/riscv_acpi_" + name + ".dat", std::ios::binary);
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return static_cast<bool>(file.flush());
    };
    return write("rimt", rimt()) && write("dsdt", dsdt()) && write("mcfg", mcfg()) && write("apic", madt()) ? 0 : 1;
}
