#include "iommu/exynos/page.hpp"

#include <fmt/format.h>

#include "iommu/exynos/sysmmu.hpp"

namespace xlate::iommu::exynos {
namespace {

/// Offsets by version: 1 to 3, 5 and 6, 7, 7 with the registers of virtual machines.
struct RegisterRow {
    const char* name;
    std::uint32_t at[4];
    const char* support;
    const char* note;
};
constexpr std::uint32_t kNone = 0xFFFF;  ///< it has no such register

constexpr RegisterRow of(const char* name, std::uint32_t RegisterMap::*field, const char* support, const char* note) {
    const auto at = [](std::uint32_t offset) { return offset == 0 ? kNone : offset; };
    return {name,
            {at(kV1Registers.*field), at(kV5Registers.*field), at(kV7Registers.*field), at(kV7VmRegisters.*field)},
            support,
            note};
}
constexpr RegisterRow all(const char* name, std::uint32_t at, const char* support, const char* note) {
    return {name, {at, at, at, at}, support, note};
}

constexpr RegisterRow kRegisters[] = {
    all("CTRL", reg::CTRL, "functional", "ENABLE 0, BLOCK 1, INTERRUPT 2; the other bits read 0"),
    all("CFG", reg::CFG, "EAP and FLPDCACHE functional, the others stored",
        "EAP 2: rights are looked at; FLPDCACHE 20: first-level words are cached (3.2 and later)"),
    all("STATUS", reg::STATUS, "functional", "BLOCKED 0: asked for and older translations are done, or by a fault"),
    of("PT_BASE", &RegisterMap::pt_base, "functional",
       "an address, from version 5 on a page number; 16 KiB alignment is taken for granted"),
    of("FLUSH_ALL", &RegisterMap::flush_all, "functional", "bit 0"),
    of("FLUSH_ENTRY", &RegisterMap::flush_entry, "functional",
       "a page and bit 0: the leaf that covers it; before version 5 the cached first-level word too"),
    of("FLUSH_RANGE", &RegisterMap::flush_range, "functional", "bit 0: pages from FLUSH_START to FLUSH_END"),
    of("FLUSH_START", &RegisterMap::flush_start, "functional", ""),
    of("FLUSH_END", &RegisterMap::flush_end, "functional", "the last page"),
    of("INT_STATUS", &RegisterMap::int_status, "functional", "read only"),
    of("INT_CLEAR", &RegisterMap::int_clear, "functional", "write 1 to clear"),
    {"PAGE_FAULT_ADDR", {reg::PAGE_FAULT_ADDR, kNone, kNone, kNone}, "functional", ""},
    {"AW_FAULT_ADDR", {reg::AW_FAULT_ADDR, reg::FAULT_AW_VA, kNone, kNone}, "functional", "writes"},
    {"AR_FAULT_ADDR", {reg::AR_FAULT_ADDR, reg::FAULT_AR_VA, kNone, kNone}, "functional", "reads"},
    {"DEFAULT_SLAVE_ADDR", {reg::DEFAULT_SLAVE_ADDR, kNone, kNone, kNone}, "functional", "bus errors"},
    of("FAULT_VA", &RegisterMap::fault_va, "functional", "of the first fault since INT_STATUS was 0"),
    of("FAULT_INFO", &RegisterMap::fault_info, "functional", "bit 20: a write"),
    all("VERSION", reg::VERSION, "functional", "major number [31:28], minor number [27:21]"),
    {"CAPA0", {kNone, kNone, reg::CAPA0, reg::CAPA0}, "functional", "bit 11: CAPA1 is there"},
    {"CAPA1",
     {kNone, kNone, reg::CAPA1, reg::CAPA1},
     "functional",
     "bit 14: the registers of virtual machines are there"},
    {"CTRL_VM",
     {kNone, kNone, kNone, reg::CTRL_VM},
     "functional",
     "ENABLE 0, FAULT_STALLS 3: a fault blocks; the other bits are stored"},
};

struct FaultRow {
    const char* name;
    int bit[3];  ///< of a read, by version: 1 to 3, 5, 7
    int write_bit[3];
    const char* support;
};
constexpr FaultRow kFaults[] = {
    {"page fault",
     {interrupt::V1_PAGE, interrupt::V5_PAGE, interrupt::V7_PAGE},
     {interrupt::V1_PAGE, interrupt::V5_WRITE + interrupt::V5_PAGE, interrupt::V7_PAGE},
     "functional"},
    {"access protection",
     {interrupt::V1_AR_ACCESS, interrupt::V5_ACCESS, interrupt::V7_ACCESS},
     {interrupt::V1_AW_ACCESS, interrupt::V5_WRITE + interrupt::V5_ACCESS, interrupt::V7_ACCESS},
     "functional"},
    {"bus error, table walk",
     {interrupt::V1_BUS, interrupt::V5_WALK, interrupt::V7_WALK},
     {interrupt::V1_BUS, interrupt::V5_WRITE + interrupt::V5_WALK, interrupt::V7_WALK},
     "functional"},
    {"multi-hit",
     {interrupt::V1_AR_MULTIHIT, interrupt::V5_MULTIHIT, -1},
     {interrupt::V1_AW_MULTIHIT, interrupt::V5_WRITE + interrupt::V5_MULTIHIT, -1},
     "absent: its TLB never holds two entries for an address"},
    {"security protection",
     {interrupt::V1_AR_SECURITY, interrupt::V5_SECURITY, -1},
     {interrupt::V1_AW_SECURITY, interrupt::V5_WRITE + interrupt::V5_SECURITY, -1},
     "absent: no secure world"},
};

std::string offset_text(std::uint32_t at) { return at == kNone ? "" : fmt::format("0x{:02x}", at); }
std::string bit_text(int read, int write) {
    if (read < 0) return "";
    return read == write ? fmt::format("{}", read) : fmt::format("{}, write {}", read, write);
}

}  // namespace

std::string exynos_page() {
    std::string page = R"(# Exynos SysMMU: what the model does

Made by `exynos_page()` from the tables in `iommu/exynos/`; a test fails when the two disagree.
Run the tests of `iommu` with `XLATE_UPDATE_DOCS=1` to write it anew.

- *functional*: acts as the specification (`docs/spec/iommu-hardware.md` 16.2) says.
- *stored*: kept and read back, without effect.

`samsung,exynos-sysmmu`: which version it is, the VERSION register says, not firmware; `soc.iommu.exynos.version` chooses it. A SysMMU serves
one master; a master may have several, which Linux gives one table.

Decided here, since no source says it:
- An access that has faulted is tried again when CTRL is written without BLOCK; if it faults again it reads zero and writes nothing.
  Hardware would raise the fault for ever. Under Linux it does not come to that: the driver ends in a panic.
- An access keeps the low 32 bits of its address: Linux hands out addresses of 64 bits and indexes its tables with the low half.
- FLUSH_ENTRY drops a whole section or large page (version 2 keeps them in several sets of its TLB, which Linux asks one by one), and
  before version 5 the cached first-level word; from version 5 on only FLUSH_ALL drops that. So Linux's driver has it.
- A first-level word that leads to no page is cached from version 3.3 on.
- With the registers of virtual machines, everything passes while CTRL_VM is not enabled.
- A port keeps no translations, whatever a config gives it: it would serve accesses while the SysMMU is blocked.

Not modelled: security, QoS, replacement by CFG.LRU, prefetching and its buffers, clock gating, virtual machines beyond the first, and the
faults that versions 3.x cache (for which Linux's comments ask for holes between mappings, that its DMA API does not leave).

## Registers

| Register | 1 to 3 | 5, 6 | 7 | 7 with VM | Support | Note |
|---|---|---|---|---|---|---|
)";
    for (const RegisterRow& row : kRegisters) {
        page +=
            fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", row.name, offset_text(row.at[0]),
                        offset_text(row.at[1]), offset_text(row.at[2]), offset_text(row.at[3]), row.support, row.note);
    }
    page += "\n## Faults\n\n| Fault | Bit in 1 to 3 | 5, 6 | 7 | Support |\n|---|---|---|---|---|\n";
    for (const FaultRow& row : kFaults) {
        page +=
            fmt::format("| {} | {} | {} | {} | {} |\n", row.name, bit_text(row.bit[0], row.write_bit[0]),
                        bit_text(row.bit[1], row.write_bit[1]), bit_text(row.bit[2], row.write_bit[2]), row.support);
    }
    page += "\n| Code | Name in results |\n|---|---|\n";
    for (std::uint16_t code = 1; code <= static_cast<std::uint16_t>(Fault::unsupported); ++code) {
        page += fmt::format("| {} | {} |\n", code, kSpec.fault_name(code));
    }
    page += R"(
## Words of the tables

| Word | 1 to 3 | 5 and later |
|---|---|---|
| first level, type 1 | table at [31:10] | table of PA [35:10] at [31:6] |
| first level, type 2 | section at [31:20], access 10, read only 15 | section of PA [35:20] at [31:16], read 4, write 5 |
| second level, bit 1 | small page at [31:12], access 4, read only 9 | small page of PA [35:12] at [31:8], read 2, write 3 |
| second level, type 1 | large page at [31:16], sixteen equal words | large page of PA [35:16] at [31:12] |
| others | page fault | page fault |

## Structures

| Key | Entries |
|---|---|
)";
    const Parameters parameters;
    for (const StructureSpec& structure : kSpec.structures) {
        const CacheParams& cache = structure.kind == Structure::tlb ? parameters.tlb : parameters.flpd;
        page += fmt::format("| {} | {}, {} (estimate) |\n", structure.name, cache.entries,
                            cache.ways == 0 ? std::string("fully associative") : fmt::format("{} ways", cache.ways));
    }
    page += "\n## Counters\n\n| Key | What it counts |\n|---|---|\n";
    for (const CounterSpec& counter : kSpec.counters) {
        page += fmt::format("| {} | {} |\n", counter.name, counter.sentence);
    }
    return page;
}

}  // namespace xlate::iommu::exynos
