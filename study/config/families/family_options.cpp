// The config keys that the families' own files declare (iommu::OptionSpec): a block a family.
#include "iommu/families.hpp"
#include "study/config/families/families.hpp"

namespace xlate::study {
namespace {

void visit_option(ParameterVisitor& v, const iommu::OptionSpec& option, iommu::Hardware& hardware) {
    const std::uint64_t before = hardware.option(option);
    std::uint64_t value = before;
    if (option.choices.empty()) {
        v.integer(option.key, option.sentence, value, option.low, option.high);
    } else {
        auto at = static_cast<std::size_t>(value);
        v.choice(option.key, option.sentence, at, {option.choices.begin(), option.choices.end()});
        value = at;
    }
    if (value != before) hardware.options[std::string(option.block) + "." + option.key] = value;
}

}  // namespace

void visit_family_options(ParameterVisitor& v, IommuConfig& iommu) {
    for (const iommu::Family& family : iommu::families()) {
        if (family.options.empty()) continue;
        v.map(family.options[0].block, family.options[0].audience, [&] {
            for (const iommu::OptionSpec& option : family.options) visit_option(v, option, iommu.params.hardware);
        });
    }
}

}  // namespace xlate::study
