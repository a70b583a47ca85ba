// Registers and table words of BCM2712's IOMMU, which has no interrupt in Linux. Source: docs/bcm2712.md.
#include <utility>

#include <fmt/format.h>

#include "iommu/records/record.hpp"
#include "iommu/simple/layout_bcm2712.hpp"

namespace xlate::iommu::records {
namespace {

namespace bcm = iommu::bcm2712;
using Show = RecordField::Show;

Reading read_control(const Words& words) {
    namespace ctrl = bcm::ctrl;
    const std::pair<std::uint64_t, std::string_view> kFaults[] = {
        {ctrl::WRITE_VIOLATION.mask(), "a write that a page did not allow"},
        {ctrl::PT_INVALID.mask(), "an access without a page"},
        {ctrl::CAP_EXCEEDED.mask(), "an address above the cap"}};
    Reading reading{!ctrl::ENABLE.test(words[0]) ? "off: addresses pass untranslated" : "translates", {}};
    const std::string faults = names_of_bits(words[0], kFaults, "");
    if (!faults.empty()) {
        reading.headline += "; seen since they were cleared: " + faults;
        reading.notes.emplace_back("the address of the first is in ILLEGAL_ADR; writing 1 to a bit clears it");
    }
    return reading;
}

Reading read_word(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    if (!bcm::word::VALID.test(word)) return {"nothing: a fault", {}};
    Reading reading{fmt::format("a page or a table at {:#x}, {}", bcm::word::page(word),
                                bcm::word::WRITABLE.test(word) ? "read and write" : "read only"),
                    {}};
    if (const unsigned log2 = bcm::word::log2_bytes(word); log2 > bcm::kPageBits)
        reading.notes.push_back(
            fmt::format("of a larger page of {} KiB: its words name 4 KiB each", (std::uint64_t{1} << log2) >> 10));
    return reading;
}

Reading read_illegal(const Words& words) {
    if (!bcm::kEnable.test(words[0])) return {"no illegal address was seen", {}};
    return {fmt::format("the page of the illegal access is number {:#x}", words[0] & low_mask(bcm::kEnable.lsb)), {}};
}

}  // namespace

std::vector<RecordFamily> bcm2712_records() {
    namespace ctrl = bcm::ctrl;
    RecordFamily family{"bcm2712"};
    family.place = 18;
    family.kinds = {{"ctrl",
                     "BCM2712 CTRL",
                     1,
                     32,
                     {word_row("ENABLE", ctrl::ENABLE), word_row("STATS_ENABLE", ctrl::STATS_ENABLE),
                      word_row("BYPASS", ctrl::BYPASS), word_row("WRITE_VIOLATION", ctrl::WRITE_VIOLATION),
                      word_row("PT_INVALID", ctrl::PT_INVALID), word_row("CAP_EXCEEDED", ctrl::CAP_EXCEEDED)},
                     read_control},
                    {"illegal-adr", "BCM2712 ILLEGAL_ADR", 1, 32, {}, read_illegal},
                    {"word",
                     "BCM2712 table word",
                     1,
                     32,
                     {word_row("VALID", bcm::word::VALID), word_row("WRITABLE", bcm::word::WRITABLE),
                      word_row("SIZE", bcm::word::SIZE, Show::number, "0 4 KiB|1 64 KiB|2 1 MiB|3 4 MiB")},
                     read_word}};
    return {family};
}

}  // namespace xlate::iommu::records
