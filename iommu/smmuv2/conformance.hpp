// What this SMMUv2 does with each register, field and fault: the page docs/smmuv2.md, made from the code's tables.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "iommu/smmuv2/layout.hpp"

namespace xlate::iommu::smmuv2 {

enum class Support : std::uint8_t {
    functional,  ///< acts as the architecture says
    stored,      ///< kept and read back (or accepted), without effect
    absent,      ///< reads zero, is ignored, or never happens
};
constexpr const char* name(Support support) {
    constexpr const char* kNames[] = {"functional", "stored", "absent"};
    return kNames[static_cast<unsigned>(support)];
}

struct NamedSupport {
    Support support = Support::functional;
    std::string_view note;
};
/// Of the table in which `row` stands (offsets repeat between tables).
NamedSupport global_support(const RegSpec& row);
NamedSupport bank_support(const RegSpec& row);
NamedSupport attribute_support(const RegSpec& row);

struct FieldSupport {
    std::string_view reg;
    std::string_view name;
    Field field;
    NamedSupport what;
};
/// The fields of sCR0, SMR, S2CR, CBAR, CBA2R, SCTLR, TCR, TCR2, TTBR and of the fault registers.
const FieldSupport* field_support(std::size_t& count);

/// The whole page, Markdown.
std::string smmuv2_conformance_page();

}  // namespace xlate::iommu::smmuv2
