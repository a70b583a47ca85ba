// Registers and table words of Spreadtrum's IOMMU, which has no interrupt. Source: docs/spec/iommu-hardware.md sections
// 16.7 and 17.
#include <fmt/format.h>

#include "iommu/records/record.hpp"
#include "iommu/simple/layout_sprd.hpp"

namespace xlate::iommu::records {
namespace {

namespace sprd = iommu::sprd;

Reading read_word(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    if (word == 0) return {"not mapped: the access goes to the default page", {}};
    return {fmt::format("a page at {:#x}", sprd::page(word)), {}};
}

Reading read_config(const Words& words) {
    Reading reading{sprd::cfg::EN.test(words[0]) ? "translates" : "off: addresses pass untranslated", {}};
    if (sprd::cfg::VAOR_BYPASS.test(words[0]))
        reading.notes.emplace_back("addresses outside the range pass untranslated");
    return reading;
}

Reading read_version(const Words& words) {
    const std::uint64_t number = sprd::version::NUMBER.get(words[0]);
    return {fmt::format("version {} ({})", number,
                        number == static_cast<std::uint64_t>(sprd::Version::ex)    ? "EX"
                        : number == static_cast<std::uint64_t>(sprd::Version::vau) ? "VAU"
                                                                                   : "unknown, Linux refuses it"),
            {}};
}

}  // namespace

std::vector<RecordFamily> sprd_records() {
    RecordFamily family{"sprd"};
    family.place = 16;
    family.kinds = {{"word", "Spreadtrum table word", 1, 32, {}, read_word},
                    {"cfg",
                     "Spreadtrum CFG",
                     1,
                     32,
                     {word_row("EN", sprd::cfg::EN), word_row("GATE", sprd::cfg::GATE),
                      word_row("VAOR_BYPASS", sprd::cfg::VAOR_BYPASS)},
                     read_config},
                    {"version", "Spreadtrum VERSION", 1, 32, {}, read_version}};
    return {family};
}

}  // namespace xlate::iommu::records
