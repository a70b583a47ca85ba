// The page docs/riscv.md: what this RISC-V IOMMU does with each register, command, cause and structure, made from the
// tables here, the registers' rows and the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::riscv {

/// Markdown.
std::string riscv_page();

}  // namespace xlate::iommu::riscv
