// Registers and table words of Verisilicon's IOMMU. Source: docs/verisilicon.md.
#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
#include "iommu/simple/layout_verisilicon.hpp"

namespace xlate::iommu::records {
namespace {

namespace vsi = iommu::verisilicon;
using Show = RecordField::Show;

constexpr std::string_view kStatuses =
    "0 no fault|1 no table|2 no page|3 a write that the page does not allow|4 an address out of bound|7 memory refused";

Reading read_status(const Words& words) {
    Reading reading;
    switch (static_cast<vsi::Status>(words[0] & vsi::kStatusMask)) {
        case vsi::Status::none:
            reading.headline = "no fault";
            break;
        case vsi::Status::no_table:
            reading.headline = "no table";
            break;
        case vsi::Status::no_page:
            reading.headline = "no page";
            break;
        case vsi::Status::write_violation:
            reading.headline = "a write that the page does not allow";
            break;
        case vsi::Status::out_of_bound:
            reading.headline = "an address out of bound";
            break;
        case vsi::Status::bus:
            reading.headline = "memory refused";
            break;
        default:
            reading.headline = fmt::format("a fault of a code that is not known ({})", words[0] & vsi::kStatusMask);
            break;
    }
    reading.notes.emplace_back(
        "a guess: no public text names the codes; these are those of Vivante's MMU, of the same origin");
    return reading;
}

Reading read_dte(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    if (!vsi::dte::VALID.test(word)) return {"nothing: a fault", {}};
    return {fmt::format("a table at {:#x}", vsi::dte::table(word)), {}};
}

Reading read_pte(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    if (!vsi::pte::VALID.test(word)) return {"nothing: a fault", {}};
    return {fmt::format("a page at {:#x}, {}", vsi::pte::page(word),
                        vsi::pte::WRITABLE.test(word) ? "read and write" : "read only"),
            {}};
}

/// "unexpected int_status=00000002".
std::optional<LineRecord> read_line(std::string_view line) {
    const auto status = number_after(line, "unexpected int_status=");
    if (!status) return std::nullopt;
    return LineRecord{"status", {*status}};
}

}  // namespace

std::vector<RecordFamily> verisilicon_records() {
    RecordFamily family{"verisilicon"};
    family.place = 17;
    family.line = read_line;
    family.kinds = {
        {"status", "Verisilicon STATUS", 1, 32, {word_row("CODE", Field{0, 3}, Show::number, kStatuses)}, read_status},
        {"dte", "Verisilicon directory word", 1, 32, {word_row("VALID", vsi::dte::VALID)}, read_dte},
        {"pte",
         "Verisilicon table word",
         1,
         32,
         {word_row("VALID", vsi::pte::VALID), word_row("WRITABLE", vsi::pte::WRITABLE)},
         read_pte}};
    return {family};
}

}  // namespace xlate::iommu::records
