// Why a RISC-V IOMMU accesses memory: rows of its data sheet, in this order.
#pragma once

#include "iommu/engine.hpp"

namespace xlate::iommu::riscv {

struct Purpose {
    static constexpr AccessPurpose ddt_entry{0}, ddt_context{1}, pdt_entry{2}, pdt_context{3}, msi_entry{14},
        update{15}, command{16}, fault_record{17}, page_request{18}, fence{19}, msi{20};
};
/// A table word of `stage`, `above` levels above the leaves (0..4).
constexpr AccessPurpose walk_purpose(unsigned stage, unsigned above) {
    return static_cast<AccessPurpose>((stage == 1 ? 4 : 9) + above);
}

}  // namespace xlate::iommu::riscv
