// What the architectures do when a device's DMA is configured, one row each; nothing else of an architecture.
// Source: docs/spec/kernel-probe.md sections 2.7 (SDD1), 2.8, 4.2 (@1), 10.1.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::kernel {

enum class Arch : std::uint8_t { arm, arm_nommu, arm64, arc, mips, riscv, x86 };

struct ArchRow {
    /// What arch_setup_dma_ops does for a device that it takes to be behind an IOMMU.
    enum class Mapped : std::uint8_t {
        ignored,      ///< nothing: the architecture's DMA code knows no IOMMU
        generic,      ///< iommu_setup_dma_ops: the generic DMA layer, until the core does that itself
        own_mapping,  ///< a domain of the architecture's own, attached at once
    };
    /// dev->dma_coherent.
    enum class Coherency : std::uint8_t {
        as_told,   ///< what firmware says
        only_set,  ///< set if firmware says so, never cleared
    };

    Arch arch;
    std::string_view name;  ///< of the scenario key: "arm-nommu"
    bool has_setup;         ///< arch_setup_dma_ops exists
    Mapped mapped;
    Coherency coherency;
    bool tears_down;        ///< arch_teardown_dma_ops undoes an own mapping at unbind
    unsigned generic_dma;   ///< first release with generic IOMMU DMA (601: all modelled ones); 0: none
    std::string_view what;  ///< arch_setup_dma_ops in one sentence
    /// Default domains of DMA type are possible in this release (607: base and the series).
    bool has_generic_dma(unsigned release) const { return generic_dma != 0 && release >= generic_dma; }
};

/// In the order of the cover letter's list.
const std::array<ArchRow, 7>& arch_rows();
const ArchRow& arch_row(Arch arch);
/// nullptr: no such architecture.
const ArchRow* find_arch(std::string_view name);
std::vector<std::string> arch_names();

}  // namespace xlate::kernel
