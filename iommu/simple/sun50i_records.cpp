// Registers and table words of Allwinner's IOMMU. Source: docs/spec/iommu-hardware.md sections 16.6 and 17.
#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
#include "iommu/simple/layout_sun50i.hpp"

namespace xlate::iommu::records {
namespace {

namespace sun = iommu::sun50i;
using Show = RecordField::Show;

Reading read_status(const Words& words) {
    namespace interrupt = sun::interrupt;
    Reading reading;
    for (unsigned master = 0; master < sun::kMasters; ++master) {
        if ((interrupt::PERMISSION.get(words[0]) >> master & 1) == 0) continue;
        reading.headline += fmt::format("{}master {} may not do that", reading.headline.empty() ? "" : ", ", master);
        reading.notes.push_back(
            fmt::format("address and page word of master {} are in INT_ERR_ADDR at {:#x} and "
                        "INT_ERR_DATA at {:#x}",
                        master, sun::reg::err_addr(master), sun::reg::err_data(master)));
    }
    const auto add = [&](const Field& bit, const char* what, const char* where) {
        if (!bit.test(words[0])) return;
        reading.headline += fmt::format("{}{}", reading.headline.empty() ? "" : ", ", what);
        reading.notes.emplace_back(where);
    };
    add(interrupt::L1_INVALID, "no table", "which master, says L1PG_INT; where, INT_ERR_ADDR_L1");
    add(interrupt::L2_INVALID, "no page", "which master, says L2PG_INT; where, INT_ERR_ADDR_L2");
    if (reading.headline.empty()) reading.headline = "no fault";
    return reading;
}

Reading read_dte(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    if (sun::dte::TYPE.get(word) != sun::dte::TYPE_TABLE) return {"nothing: a fault", {}};
    return {fmt::format("a table at {:#x}", sun::dte::table(word)), {}};
}

Reading read_pte(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    if (!sun::pte::VALID.test(word)) return {"nothing: a fault", {}};
    const std::uint64_t domain = sun::pte::ACI.get(word);
    Reading reading{fmt::format("a page at {:#x} of domain {}", sun::pte::page(word), domain), {}};
    reading.notes.push_back(
        fmt::format("what a master may do in domain {}, says DM_AUT at {:#x}; as Linux sets them: 1 "
                    "nothing, 2 read, 3 write, 4 both (and by a mistake of Linux's 2 allows writes)",
                    domain, sun::reg::dm_aut(static_cast<unsigned>(domain))));
    return reading;
}

/// "Page fault for 0x12345000 (master 3, dir wr)". Linux says "wr" of a permission fault alone, and "rd" of all others.
std::optional<LineRecord> read_line(std::string_view line) {
    const auto address = has(line, "(master ") ? number_after(line, "Page fault for 0x") : std::nullopt;
    if (!address) return std::nullopt;
    const std::uint64_t master = decimal_after(line, "(master ").value_or(0);
    if (has(line, "dir wr") && master < sun::kMasters)
        return LineRecord{"int-sta",
                          {sun::interrupt::PERMISSION.of(std::uint64_t{1} << master)},
                          {fmt::format("write at iova {:#x}, master {}", *address, master)}};
    std::vector<std::string> said{fmt::format("at iova {:#x}, master {}", *address, master)};
    said.emplace_back(
        "the line does not say which fault it was: no page, as the word has it, no table, or a page that the master "
        "may not read; nor whether it was a read");
    return LineRecord{"int-sta", {sun::interrupt::L2_INVALID.mask()}, std::move(said)};
}

}  // namespace

std::vector<RecordFamily> sun50i_records() {
    RecordFamily family{"sun50i"};
    family.place = 15;
    family.line = read_line;
    family.kinds = {
        {"int-sta",
         "Allwinner INT_STA (and INT_ENABLE)",
         1,
         32,
         {word_row("PERMISSION", sun::interrupt::PERMISSION, Show::hex),
          word_row("L1_INVALID", sun::interrupt::L1_INVALID), word_row("L2_INVALID", sun::interrupt::L2_INVALID)},
         read_status},
        {"dte", "Allwinner directory word", 1, 32, {word_row("TYPE", sun::dte::TYPE, Show::number)}, read_dte},
        {"pte",
         "Allwinner table word",
         1,
         32,
         {word_row("VALID", sun::pte::VALID), word_row("ACI", sun::pte::ACI, Show::number)},
         read_pte}};
    return {family};
}

}  // namespace xlate::iommu::records
