#include "firmware/acpi/generate_riscv_tables.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "base/bits.hpp"
#include "firmware/acpi/generate_dsdt.hpp"
#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint32_t kEnabled = 1;

}  // namespace

/// Source: ACPI specification 6.6, sections 5.2.12.24 (RINTC) and 5.2.12.27 (PLIC).
TableWriter riscv_madt(const BoardSpec& board) {
    constexpr std::uint8_t kHart = 24, kPlic = 27, kBytes = 36, kVersion = 1;
    constexpr std::uint32_t kHighestPriority = 7;
    TableWriter table("APIC", 6);
    table.u32(0).u32(0);
    for (std::uint32_t cpu = 0; cpu < board.cpus; ++cpu) {
        const std::uint32_t context = 2 * cpu + 1;  // of supervisor mode; each hart's machine mode comes before it
        table.u8(kHart).u8(kBytes).u8(kVersion).u8(0).u32(kEnabled).u64(cpu).u32(cpu).u32(context);
        table.u64(0).u32(0);  // no IMSIC
    }
    table.u8(kPlic).u8(kBytes).u8(kVersion).u8(0).zeros(8).u16(kPlicInterrupts).u16(kHighestPriority);
    table.u32(0).u32(kPlicBytes).u64(kPlicBase).u32(0);
    return table;
}

/// Source: ACPI specification 6.6, section 5.2.37.
TableWriter rhct(const BoardSpec& board) {
    constexpr std::uint32_t kHead = 56;
    constexpr std::uint16_t kIsa = 0, kHart = 0xFFFF, kRevision = 1;
    constexpr std::string_view isa = kRiscvIsa;
    TableWriter table("RHCT", 1);
    table.u32(0).u64(kTimebaseHertz).u32(1 + board.cpus).u32(kHead);
    const std::size_t bytes = align_up(8 + isa.size() + 1, 2);
    table.u16(kIsa).u16(bytes).u16(kRevision).u16(isa.size() + 1).text(isa, bytes - 8);
    for (std::uint32_t cpu = 0; cpu < board.cpus; ++cpu)
        table.u16(kHart).u16(16).u16(kRevision).u16(1).u32(cpu).u32(kHead);
    return table;
}

TableWriter rimt(const BoardLayout& layout) {
    constexpr std::uint8_t kIommu = 0, kRootComplex = 1, kPlatformDevice = 2, kRevision = 1;
    constexpr std::uint32_t kHead = 48, kLevelActiveHigh = 3, kAts = 1, kMappingBytes = 20;
    TableWriter table("RIMT", 1);
    table.u32(0).u32(kHead).u32(0);
    std::uint16_t nodes = 0;
    std::vector<std::size_t> offsets;
    const auto map = [&](std::uint32_t first, std::uint32_t more, std::uint32_t out, std::size_t iommu) {
        table.u32(first).u32(more).u32(out).u32(offsets[iommu]).u32(0);
    };
    for (const BoardLayout::Iommu& one : layout.iommus) {
        constexpr std::uint32_t kFields = 40;
        offsets.push_back(table.size());
        table.u8(kIommu).u8(kRevision).u16(kFields + 8 * kRiscvIommuWires).u16(0).u16(++nodes);
        table.text(kRiscvIommuHid, 8).u64(one.base).u32(0).u32(0).u16(0).u16(0).u16(kRiscvIommuWires).u16(kFields);
        for (std::uint32_t wire = 0; wire < kRiscvIommuWires; ++wire) table.u32(one.spi + wire).u32(kLevelActiveHigh);
    }
    for (std::size_t i = 0; i < layout.hosts.size(); ++i) {
        const BoardLayout::Host& one = layout.hosts[i];
        constexpr std::uint32_t kFields = 20;
        if (!one.iommu) continue;
        table.u8(kRootComplex).u8(kRevision).u16(kFields + kMappingBytes).u16(0).u16(++nodes);
        table.u32(kAts).u16(0).u16(i).u16(kFields).u16(1);
        map(0, one.ids - 1, one.first_id, *one.iommu);
    }
    for (std::size_t i = 0; i < layout.masters.size(); ++i) {
        const BoardLayout::Master& one = layout.masters[i];
        const std::string path = master_path(i);
        const std::uint32_t maps = one.iommu ? one.ids : 0;
        const std::size_t fields = 12 + align_up(path.size() + 1, 4);
        table.u8(kPlatformDevice).u8(kRevision).u16(fields + kMappingBytes * maps).u16(0).u16(++nodes);
        table.u16(maps == 0 ? 0 : fields).u16(maps).text(path, fields - 12);
        for (std::uint32_t id = 0; id < maps; ++id) map(0, 1, one.first_id + id, *one.iommu);
    }
    table.patch(kHeaderBytes, 4, nodes);
    return table;
}

}  // namespace xlate::firmware::acpi
