// What this SMMUv3 does with each register, field, command and event: the page docs/smmuv3.md, made from the code's
// tables.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "iommu/smmuv3/layout.hpp"

namespace xlate::iommu::smmuv3 {

enum class Support : std::uint8_t {
    functional,  ///< acts as the architecture says
    stored,      ///< kept and read back (or accepted), without effect
    absent,      ///< reads zero, is ignored, or is an error, as the architecture says for hardware without it
};
constexpr const char* name(Support support) {
    constexpr const char* kNames[] = {"functional", "stored", "absent"};
    return kNames[static_cast<unsigned>(support)];
}

struct FieldSupport {
    std::string_view name;
    EntryField field;
    Support support = Support::functional;
    std::string_view note;
};
const FieldSupport* ste_field_support(std::size_t& count);
const FieldSupport* cd_field_support(std::size_t& count);

struct NamedSupport {
    Support support = Support::functional;
    std::string_view note;
};
NamedSupport register_support(const RegSpec& row);
NamedSupport pmcg_support(const RegSpec& row);
NamedSupport command_support(Opcode opcode);
NamedSupport event_support(EventCode code);

/// The whole page, Markdown.
std::string smmuv3_conformance_page();

}  // namespace xlate::iommu::smmuv3
