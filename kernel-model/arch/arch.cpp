#include "kernel-model/arch/arch.hpp"

#include "base/error.hpp"

namespace xlate::kernel {

namespace {

using Mapped = ArchRow::Mapped;
using Coherency = ArchRow::Coherency;

// Constant data: a static that is made at its first use would lie in the region of an exploration's run.
constexpr std::array<ArchRow, 7> kRows{{
    {Arch::arm, "arm", true, Mapped::own_mapping, Coherency::only_set, true, 0,
     "marks it coherent; unless it has DMA operations already, makes a mapping of its own for a device behind an "
     "IOMMU, attaches it and installs its operations"},
    {Arch::arm_nommu, "arm-nommu", true, Mapped::ignored, Coherency::as_told, false, 0,
     "coherency only (caches and MPU are taken to be on)"},
    {Arch::arm64, "arm64", true, Mapped::generic, Coherency::as_told, false, 601,
     "coherency; hands a device behind an IOMMU to the generic DMA layer, with its window"},
    {Arch::arc, "arc", true, Mapped::ignored, Coherency::only_set, false, 0,
     "marks it coherent (the IO coherency unit is taken to be there)"},
    {Arch::mips, "mips", true, Mapped::ignored, Coherency::as_told, false, 0, "coherency only"},
    {Arch::riscv, "riscv", true, Mapped::ignored, Coherency::as_told, false, 613,
     "coherency only (cache maintenance is taken to be there, so it has nothing to warn of)"},
    {Arch::x86, "x86", false, Mapped::ignored, Coherency::as_told, false, 601,
     "does not exist: the IOMMU drivers install the DMA operations in probe_finalize"},
}};

}  // namespace

const std::array<ArchRow, 7>& arch_rows() { return kRows; }

const ArchRow& arch_row(Arch arch) {
    for (const ArchRow& row : arch_rows()) {
        if (row.arch == arch) return row;
    }
    XLATE_CHECK(false, "an architecture has a row");
    return arch_rows().front();
}

const ArchRow* find_arch(std::string_view name) {
    for (const ArchRow& row : arch_rows()) {
        if (row.name == name) return &row;
    }
    return nullptr;
}

std::vector<std::string> arch_names() {
    std::vector<std::string> names;
    for (const ArchRow& row : arch_rows()) names.emplace_back(row.name);
    return names;
}

}  // namespace xlate::kernel
