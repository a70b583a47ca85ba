// Registers and table words of the Rockchip IOMMU. Source: docs/spec/iommu-hardware.md section 16.1.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/records/log_reader.hpp"
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
    constexpr std::uint64_t kNamed = status::PAGING.mask() | status::FAULT_ACTIVE.mask() | status::STALL_ACTIVE.mask() |
                                     status::IDLE.mask() | status::REPLAY_EMPTY.mask() | status::FAULT_IS_WRITE.mask() |
                                     status::STALL_NOT_ACTIVE.mask();
    if (const std::uint64_t rest = words[0] & 0xFFFFFFFF & ~kNamed; rest != 0)
        reading.notes.push_back(fmt::format(
            "bits {:#x} have no name in Linux; Mali-400's MMU, whose registers these are, has a bus's number in 10:6",
            rest));
    return reading;
}

Reading read_interrupts(const Words& words) {
    Reading reading;
    if (rk::interrupt::PAGE_FAULT.test(words[0])) reading.headline = "page fault";
    if (rk::interrupt::BUS_ERROR.test(words[0]))
        reading.headline += reading.headline.empty() ? "bus error" : ", bus error";
    if (const std::uint64_t rest = words[0] & ~std::uint64_t{rk::interrupt::kAll}; rest != 0)
        reading.headline +=
            fmt::format("{}an interrupt without a name (bits {:#x})", reading.headline.empty() ? "" : ", ", rest);
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

/// "Page fault at 0x12345678 of type write", "BUS_ERROR occurred at 0x12345678", "Enable stall request timed out,
/// status: 0x00004b", "unexpected int_status: 0x000004".
std::optional<LineRecord> read_line(std::string_view line) {
    namespace interrupt = rk::interrupt;
    if (const auto address = has(line, " of type ") ? number_after(line, "Page fault at ") : std::nullopt)
        return LineRecord{"int-status",
                          {interrupt::PAGE_FAULT.mask()},
                          {fmt::format("{} at iova {:#x}", has(line, " of type write") ? "write" : "read", *address)}};
    if (const auto address = number_after(line, "BUS_ERROR occurred at "))
        return LineRecord{"int-status",
                          {interrupt::BUS_ERROR.mask()},
                          {fmt::format("PAGE_FAULT_ADDR, of this or an earlier fault: {:#x}", *address)}};
    if (const auto causes = number_after(line, "unexpected int_status: ")) return LineRecord{"int-status", {*causes}};
    constexpr std::string_view kTimedOut = " request timed out, status: ";
    if (const auto word = number_after(line, kTimedOut)) {
        for (const std::string_view request : {"Enable stall", "Disable stall", "Enable paging", "Disable paging"}) {
            if (has(line, std::string(request) + std::string(kTimedOut)))
                return LineRecord{"status", {*word}, {fmt::format("{}: not done after 1 ms", request)}};
        }
    }
    return std::nullopt;
}

/// What Linux prints below a page fault: how the address is divided, and the words that it finds in the tables.
class Reader : public LogReader {
public:
    bool take(std::string_view line, unsigned number, LogRecords& log) override {
        const auto index = number_after(line, " dte_index: "), page = number_after(line, " pte_index: ");
        if (index && page && has(line, "iova = ")) {
            const std::string text = fmt::format("directory index {:#x}, table index {:#x}", *index, *page);
            if (log.size() != 0 && log.last().kind == find_record_kind("rockchip.int-status"))
                log.last().said.push_back(text);
            return true;
        }
        if (!has(line, "mmu_dte_addr: ")) return false;
        const auto directory = word_at(line, " dte@"), table = word_at(line, " pte@");
        if (!directory) return false;
        log.add("rockchip.dte", {directory->second}, number, {fmt::format("at {:#x}", directory->first)});
        // Without a table there is no entry: the line has zeros then.
        if (table && rk::dte::VALID.test(directory->second))
            log.add("rockchip.pte", {table->second}, number, {fmt::format("at {:#x}", table->first)});
        return true;
    }

private:
    /// "dte@0x781d1fe0: 0x781ce001": where, and the word.
    static std::optional<std::pair<std::uint64_t, std::uint64_t>> word_at(std::string_view line, std::string_view key) {
        const std::size_t start = line.find(key);
        if (start == std::string_view::npos) return std::nullopt;
        const std::string_view rest = line.substr(start);
        const auto where = number_after(rest, key), word = number_after(rest, ": ");
        if (!where || !word) return std::nullopt;
        return std::pair(*where, *word);
    }
};

std::unique_ptr<LogReader> make_reader() { return std::make_unique<Reader>(); }

}  // namespace

std::vector<RecordFamily> rockchip_records() {
    namespace status = rk::status;
    RecordFamily family{"rockchip", {}};
    family.place = 2;
    family.line = read_line;
    family.reader = make_reader;
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
