// Device contexts and process contexts as the hardware understands them, and the checks that a valid one must pass.
// Source: RISC-V IOMMU specification, "Device-context configuration checks" and "Process-context configuration checks";
// docs/spec/iommu-hardware.md section 9.
#pragma once

#include <cstdint>

#include "iommu/riscv/layout.hpp"
#include "iommu/riscv/parameters.hpp"
#include "iommu/tables/layout_riscv.hpp"

namespace xlate::iommu::riscv {

using riscv_table::Mode;

/// What of fctl bears on contexts.
struct ContextRules {
    bool big_endian = false;  ///< fctl.BE
    bool gxl = false;         ///< fctl.GXL
};

struct DeviceContext {
    DeviceContextWords words{};
    bool test(Field field) const { return field.test(words[dc::TC]); }  ///< of tc
    std::uint64_t mode(unsigned word) const { return atp::MODE.get(words[word]); }
    std::uint64_t address(unsigned word) const { return atp::PPN.get(words[word]) << kPageBits; }
    std::uint16_t gscid() const { return static_cast<std::uint16_t>(atp::GSCID.get(words[dc::IOHGATP])); }
    std::uint32_t pscid() const { return static_cast<std::uint32_t>(ta::PSCID.get(words[dc::TA])); }
    bool sxl() const { return test(tc::SXL); }
    bool big_endian() const { return test(tc::SBE); }
    bool nested() const { return mode(dc::IOHGATP) != atp::BARE; }
    bool msi_table() const { return mode(dc::MSIPTP) != atp::MSI_OFF; }
    unsigned pdt_levels() const { return static_cast<unsigned>(mode(dc::FSC)); }  ///< with PDTV; 0: bare
    Mode second_stage(bool gxl) const;
    /// The page at `gpa` is one of a virtual interrupt file.
    bool is_interrupt_file(std::uint64_t gpa) const;
    /// Some page of the 2^log2 bytes around `gpa` is one.
    bool near_interrupt_file(std::uint64_t gpa, unsigned log2) const;
    /// Which one: the bits of the page number that the mask picks.
    std::uint64_t interrupt_file(std::uint64_t gpa) const;
};

struct ProcessContext {
    std::uint64_t ta = 0, fsc = 0;
};

/// iosatp.MODE of a device or process context. `sxl`: DC.tc.SXL.
Mode first_stage_mode(std::uint64_t mode, bool sxl);
/// False: a MODE that is reserved, or that the capabilities leave out.
bool first_stage_supported(std::uint64_t mode, bool sxl, const RiscvParams& params);

bool misconfigured(const DeviceContext& context, const RiscvParams& params, const ContextRules& rules);
bool misconfigured(const ProcessContext& context, bool sxl, const RiscvParams& params);

}  // namespace xlate::iommu::riscv
