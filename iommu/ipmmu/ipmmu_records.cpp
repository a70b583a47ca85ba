// Registers and table words of Renesas' IPMMU. Source: docs/spec/iommu-hardware.md sections 16.4 and 17.
#include <fmt/format.h>

#include "iommu/ipmmu/layout.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
#include "iommu/tables/layout_vmsa7_long.hpp"

namespace xlate::iommu::records {
namespace {

namespace ip = iommu::ipmmu;
namespace pte = iommu::vmsa7_long::pte;
using Show = RecordField::Show;

Reading read_status(const Words& words) {
    const std::pair<std::uint64_t, std::string_view> kCauses[] = {{ip::imstr::TF.mask(), "no page"},
                                                                  {ip::imstr::PF.mask(), "the page does not allow it"},
                                                                  {ip::imstr::ABORT.mask(), "a table walk was aborted"},
                                                                  {ip::imstr::MHIT.mask(), "two TLB entries match"}};
    Reading reading{names_of_bits(words[0], kCauses, "no fault"), {}};
    if ((words[0] & ip::imstr::kAll) != 0)
        reading.notes.emplace_back("the address is in IMELAR (and IMEUAR); writing 0 here clears both");
    return reading;
}

Reading read_control(const Words& words) {
    const std::pair<std::uint64_t, std::string_view> kNames[] = {{ip::imctr::MMUEN.mask(), "translates"},
                                                                 {ip::imctr::FLUSH.mask(), "a flush is under way"},
                                                                 {ip::imctr::INTEN.mask(), "faults interrupt"}};
    return {names_of_bits(words[0], kNames, "off"), {}};
}

Reading read_table_control(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    const auto level = [&](ip::Generation generation) {
        const auto start = ip::imttbcr::start_level(ip::shape(generation), word);
        return start ? fmt::format("level {}", *start) : std::string("a reserved level");
    };
    Reading reading;
    reading.headline = fmt::format("the root table is of {} (Gen2) or {} (Gen3, Gen4)", level(ip::Generation::gen2),
                                   level(ip::Generation::gen3));
    if (!ip::imttbcr::EAE.test(word))
        reading.notes.emplace_back("EAE is 0: no long descriptors, which Linux always uses");
    return reading;
}

Reading read_utlb(const Words& words) {
    if (!ip::imuctr::MMUEN.test(words[0])) return {"the micro-TLB's port passes untranslated", {}};
    return {fmt::format("the micro-TLB uses context {}", ip::imuctr::TTSEL.get(words[0])), {}};
}

// To a context that is not secure, which all of Linux's are.
Reading read_pte(const Words& words) {
    Reading reading = read_stage1_descriptor(words);
    const bool leaf = (words[0] & 3) == 1;
    if (leaf && !pte::NS.test(words[0])) reading.notes.emplace_back("NS is 0: as a block, that is a fault here");
    return reading;
}

/// "Unhandled fault: status 0x00000001 iova 0x456789ab".
std::optional<LineRecord> read_line(std::string_view line) {
    const auto at = [](std::uint64_t iova) { return std::vector<std::string>{fmt::format("at iova {:#x}", iova)}; };
    if (const auto status = number_after(line, "Unhandled fault: status 0x"); status && has(line, " iova 0x"))
        return LineRecord{"imstr", {*status}, at(number_after(line, " iova 0x").value_or(0))};
    if (const auto hits = number_after(line, "Multiple TLB hits @0x"))
        return LineRecord{"imstr", {ip::imstr::MHIT.mask()}, at(*hits)};
    if (const auto abort = number_after(line, "Page Table Walk Abort @0x"))
        return LineRecord{"imstr", {ip::imstr::ABORT.mask()}, at(*abort)};
    return std::nullopt;
}

}  // namespace

std::vector<RecordFamily> ipmmu_records() {
    RecordFamily family{"ipmmu"};
    family.place = 13;
    family.line = read_line;
    family.kinds = {
        {"imstr",
         "IPMMU IMSTR",
         1,
         32,
         {word_row("TF", ip::imstr::TF), word_row("PF", ip::imstr::PF), word_row("ABORT", ip::imstr::ABORT),
          word_row("MHIT", ip::imstr::MHIT)},
         read_status},
        {"imctr",
         "IPMMU IMCTR",
         1,
         32,
         {word_row("MMUEN", ip::imctr::MMUEN), word_row("FLUSH", ip::imctr::FLUSH),
          word_row("INTEN", ip::imctr::INTEN)},
         read_control},
        {"imttbcr",
         "IPMMU IMTTBCR",
         1,
         32,
         {word_row("EAE", ip::imttbcr::EAE), word_row("SH0", ip::imttbcr::SH0, Show::number),
          word_row("ORGN0", ip::imttbcr::ORGN0, Show::number), word_row("IRGN0", ip::imttbcr::IRGN0, Show::number)},
         read_table_control},
        {"imuctr",
         "IPMMU IMUCTR",
         1,
         32,
         {word_row("MMUEN", ip::imuctr::MMUEN), word_row("FLUSH", ip::imuctr::FLUSH),
          word_row("TTSEL", ip::imuctr::TTSEL, Show::number)},
         read_utlb},
        {"pte", "IPMMU table word (long descriptor)", 1, 64, {}, read_pte}};
    return {family};
}

}  // namespace xlate::iommu::records
