// Registers and table words of the Rockchip IOMMU. Source: docs/spec/iommu-hardware.md section 16.1.
#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
#include "iommu/simple/layout_rockchip.hpp"

namespace xlate::iommu::records {
namespace {

namespace rk = iommu::rockchip;
using Show = RecordField::Show;

Reading read_status(const Words& words) {
    namespace status = rk::status;
    Reading reading;
    reading.headline = status::PAGING.test(words[0]) ? "paging on" : "paging off";
    if (status::FAULT_ACTIVE.test(words[0]))
        reading.headline +=
            status::FAULT_IS_WRITE.test(words[0]) ? ", page fault of a write" : ", page fault of a read";
    if (status::STALL_ACTIVE.test(words[0])) reading.headline += ", stalled";
    if (status::IDLE.test(words[0])) reading.headline += ", idle";
    return reading;
}

Reading read_interrupts(const Words& words) {
    Reading reading;
    if (rk::interrupt::PAGE_FAULT.test(words[0])) reading.headline = "page fault";
    if (rk::interrupt::BUS_ERROR.test(words[0]))
        reading.headline += reading.headline.empty() ? "bus error" : ", bus error";
    if (reading.headline.empty()) reading.headline = "no interrupt";
    if (rk::interrupt::PAGE_FAULT.test(words[0]))
        reading.notes.emplace_back(
            "the address is in PAGE_FAULT_ADDR, the direction in STATUS; the access waits for command 5");
    if (rk::interrupt::BUS_ERROR.test(words[0]))
        reading.notes.emplace_back("a table's address is wrong, or no memory is there");
    return reading;
}

Reading read_word(const Words& words, bool leaf) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    Reading reading;
    if (!rk::dte::VALID.test(word)) {
        reading.headline = "invalid: a page fault";
        return reading;
    }
    reading.headline = fmt::format("{} at {:#x} (version 1) or {:#x} (version 2)", leaf ? "a page" : "a table",
                                   rk::address(word, rk::Version::v1), rk::address(word, rk::Version::v2));
    if (!leaf) return reading;
    reading.headline += rk::pte::READABLE.test(word) ? ", readable" : ", not readable";
    reading.headline += rk::pte::WRITABLE.test(word) ? ", writable" : ", not writable";
    return reading;
}

/// "Page fault at 0x12345678 of type write".
std::optional<LineRecord> read_line(std::string_view line) {
    namespace status = rk::status;
    const auto address = has(line, " of type ") ? number_after(line, "Page fault at ") : std::nullopt;
    if (!address) return std::nullopt;
    const std::uint64_t stalled = status::PAGING.mask() | status::FAULT_ACTIVE.mask() | status::STALL_ACTIVE.mask();
    return LineRecord{"status",
                      {stalled | status::FAULT_IS_WRITE.of(has(line, " of type write") ? 1 : 0)},
                      {fmt::format("at iova {:#x}", *address)}};
}

}  // namespace

std::vector<RecordFamily> rockchip_records() {
    namespace status = rk::status;
    RecordFamily family{"rockchip", {}};
    family.place = 2;
    family.line = read_line;
    family.kinds.push_back(
        {"int-status",
         "Rockchip INT_STATUS (and INT_RAWSTAT)",
         1,
         32,
         {word_row("PAGE_FAULT", rk::interrupt::PAGE_FAULT), word_row("BUS_ERROR", rk::interrupt::BUS_ERROR)},
         read_interrupts});
    family.kinds.push_back({"status",
                            "Rockchip STATUS",
                            1,
                            32,
                            {word_row("PAGING", status::PAGING), word_row("FAULT_ACTIVE", status::FAULT_ACTIVE),
                             word_row("STALL_ACTIVE", status::STALL_ACTIVE), word_row("IDLE", status::IDLE),
                             word_row("REPLAY_EMPTY", status::REPLAY_EMPTY),
                             word_row("FAULT_IS_WRITE", status::FAULT_IS_WRITE, Show::flag, "0 read|1 write"),
                             word_row("STALL_NOT_ACTIVE", status::STALL_NOT_ACTIVE)},
                            read_status});
    family.kinds.push_back(
        {"dte", "Rockchip directory entry", 1, 32, {word_row("VALID", rk::dte::VALID)}, [](const Words& words) {
             return read_word(words, false);
         }});
    family.kinds.push_back({"pte",
                            "Rockchip page table entry",
                            1,
                            32,
                            {word_row("VALID", rk::pte::VALID), word_row("READABLE", rk::pte::READABLE),
                             word_row("WRITABLE", rk::pte::WRITABLE)},
                            [](const Words& words) { return read_word(words, true); }});
    return {family};
}

}  // namespace xlate::iommu::records
