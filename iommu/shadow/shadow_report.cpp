#include "iommu/shadow/shadow_report.hpp"

namespace xlate::iommu {

namespace {

struct RuleText {
    std::string_view name;
    std::string_view sentence;
};
constexpr std::array<RuleText, kShadowRules> kRules{{
    {"missing-tlbi", "an unmap returned, and its translation may still be cached"},
    {"missing-cfgi-ste", "a stream table entry was changed, and the old one may still be cached"},
    {"missing-cfgi-cd", "a context descriptor was changed, and the old one may still be cached"},
    {"missing-sync", "the invalidation was given, but no SYNC has completed since"},
    {"use-after-unmap", "a transaction could be served by an entry that should have gone"},
    {"break-before-make", "a valid descriptor was replaced while the old one may be cached"},
    {"torn-ste", "a stream table entry was written while its first word says valid"},
    {"table-outlived", "a table was freed while entries made of it may be cached"},
    {"page-outlived", "memory was freed while a translation to it may be cached"},
    {"base-not-set", "enabled before its base address was programmed"},
    {"base-changed", "its base address was programmed while it is enabled"},
    {"never-invalidated", "changed, and at the end of the run the old one may still be cached"},
    {"missing-atc-inv", "an unmap returned, and the endpoint may still keep its translation"},
    {"missing-config-inv", "a device's configuration was changed, and the old one may still be cached"},
}};

}  // namespace

std::string_view name(ShadowRule rule) { return kRules[static_cast<std::size_t>(rule)].name; }
std::string_view sentence(ShadowRule rule) { return kRules[static_cast<std::size_t>(rule)].sentence; }

}  // namespace xlate::iommu
