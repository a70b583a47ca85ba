#include "iommu/smmuv3/log_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/smmuv3/event_lines.hpp"
#include "iommu/smmuv3/layout.hpp"

namespace xlate::iommu::smmuv3 {
namespace {

using records::has;
using records::LogRecords;
using records::number_after;

/// "sid 0x00000100.0x00001: [1L] unprivileged RW access at iova 0x0000000080000000": SSID 0 is also printed where the
/// request has none.
std::optional<PageRequestWords> page_request_of(std::string_view line) {
    namespace request = page_request;
    constexpr std::string_view kGroup = ": [", kAt = " at iova ", kPrivilege = "privileged ";
    const std::size_t at = line.find("sid 0x");
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view text = line.substr(at);
    const auto sid = number_after(text, "sid "), ssid = number_after(text, "."), iova = number_after(text, kAt);
    const auto group = records::decimal_after(text, kGroup);
    const std::size_t privilege = text.find(kPrivilege), end = text.find(kAt);
    if (!sid || !ssid || !iova || !group || privilege == std::string_view::npos || end < privilege) return std::nullopt;
    const std::size_t start = privilege + kPrivilege.size();
    const std::string_view letters = text.substr(start, std::min(text.find(' ', start), end) - start);
    const auto flag = [](bool on) { return std::uint64_t{on}; };
    PageRequestWords words{};
    request::SID.set(words, *sid);
    request::SSID.set(words, *ssid);
    request::SSV.set(words, flag(*ssid != 0));
    request::PRGINDEX.set(words, *group);
    request::LAST.set(words, flag(has(text.substr(0, text.find(']')), "L")));
    request::PRIV.set(words, flag(!has(text, "unprivileged")));
    request::READ.set(words, flag(has(letters, "R")));
    request::WRITE.set(words, flag(has(letters, "W")));
    request::EXEC.set(words, flag(has(letters, "X")));
    request::ADDR.set_address(words, *iova);
    return words;
}

/// "vintf_map: 0000000000000001, vcmdq_map 00000000:00000000:00000000:00000001": the highest 32 bits first.
std::optional<records::Words> queue_errors_of(std::string_view line) {
    constexpr std::string_view kQueues = "vcmdq_map ";
    constexpr std::size_t kDigits = 8, kParts = 4;
    const auto interfaces = number_after(line, "vintf_map: ");
    const std::size_t at = line.find(kQueues);
    if (!interfaces || at == std::string_view::npos) return std::nullopt;
    records::Words words{*interfaces, 0, 0};
    for (std::size_t part = 0; part < kParts; ++part) {
        const std::size_t start = at + kQueues.size() + part * (kDigits + 1);
        if (start > line.size()) return std::nullopt;
        const auto value = parse_hex(line.substr(start, kDigits), 0xFFFFFFFF);
        if (!value) return std::nullopt;
        const std::size_t place = kParts - 1 - part;
        words[1 + place / 2] |= *value << (place % 2 * 32);
    }
    return words;
}

class Reader : public records::LogReader {
public:
    bool take(std::string_view line, unsigned number, LogRecords& log) override {
        if (has(line, "event 0x") && has(line, "received")) {
            log.announce("smmuv3.event");
        } else if (has(line, "command in error state")) {
            log.announce("smmuv3.command");
        } else if (const auto active = number_after(line, "global error reported (")) {
            log.add("smmuv3.gerror", {*active}, number);
        } else if (const auto cons = number_after(line, "CMDQ error (cons ")) {
            log.add("smmuv3.cmdq-cons", {*cons}, number);
        } else if (const auto sync = number_after(line, "CMD_SYNC timeout at ")) {
            return take_timeout(line, *sync, number, log);
        } else if (has(line, "vintf_map: ")) {
            const auto words = queue_errors_of(line);
            if (!words) return false;
            log.add("smmuv3.cmdqv-error", *words, number);
        } else if (has(line, "PRI request received") || (has(line, "privileged ") && has(line, " at iova "))) {
            return take_page_request(line, number, log);
        } else {
            return events_.take(line, number, log);
        }
        return true;
    }

private:
    /// "CMD_SYNC timeout at 0x00000005 [hwprod 0x00000006, hwcons 0x01000005]"; kernels before 5.4 print no numbers.
    static bool take_timeout(std::string_view line, std::uint64_t sync, unsigned number, LogRecords& log) {
        const auto prod = number_after(line, "hwprod "), cons = number_after(line, "hwcons ");
        if (!prod || !cons) return false;
        log.add(
            "smmuv3.cmdq-cons", {*cons}, number,
            {fmt::format("the CMD_SYNC at position {:#x} did not complete in time; CMDQ_PROD is {:#x}", sync, *prod)});
        return true;
    }
    /// A line that says that one came, and one of what it is: the first alone holds no record, and the reader's caller
    /// gives both as one line once it has the second.
    bool take_page_request(std::string_view line, unsigned number, LogRecords& log) {
        const bool first = has(line, "PRI request received");
        const auto words = page_request_of(line);
        if (!words) {
            if (first) page_request_line_ = number;
            if (first) page_request_speaker_ = records::speaker_of(line);
            return false;
        }
        const bool second = !first && page_request_line_ != 0 && page_request_line_ + 1 == number;
        if (second && records::speaker_of(line) == page_request_speaker_) return false;
        log.add("smmuv3.page-request", {words->begin(), words->end()}, number,
                {"Linux's driver takes no page requests: it denies the last one of a group"});
        return true;
    }

    EventLines events_;
    unsigned page_request_line_ = 0;    ///< the last line that only says that one came
    std::string page_request_speaker_;  ///< of that line
};

}  // namespace

std::unique_ptr<records::LogReader> make_log_reader() { return std::make_unique<Reader>(); }

bool in_two_lines(std::string_view line, std::string_view next) {
    return has(line, "PRI request received") && has(next, " at iova ") && !has(next, "PRI request received") &&
           records::speaker_of(line) == records::speaker_of(next);
}

// Linux arm-smmu-v3.c: arm_smmu_gerror_handler(), arm_smmu_evtq_thread(), arm_smmu_priq_thread(),
// arm_smmu_cmdq_issue_cmdlist(), __arm_smmu_cmdq_skip_err().
std::string_view line_meaning(std::string_view line) {
    if (!has(line, "smmu") && !has(line, "SMMU")) return {};
    constexpr records::LineMeaning kMeanings[] = {
        {"EVTQ overflow detected",
         "the event queue was full: faults came faster than the kernel read them, and there were more than the log "
         "shows; the first ones tell the cause"},
        {"PRIQ overflow detected",
         "the page request queue was full: requests of endpoints (PRI) are lost, and the SMMU has answered those "
         "itself: what they asked for is not mapped"},
        {"EVTQ write aborted",
         "the bus refused the SMMU's write of an event: events may be lost, as the memory of the queue is not there or "
         "not for the SMMU"},
        {"PRIQ write aborted",
         "the bus refused the SMMU's write of a page request: requests may be lost, as the memory of the queue is not "
         "there or not for the SMMU"},
        {"Service Failure Mode",
         "the SMMU has met an error that it cannot go on from: it takes no commands and translates nothing any more; "
         "Linux switches it off"},
        {"CMDQ MSI write aborted",
         "the bus refused the message that a CMD_SYNC is done: who waits for it runs into a time-out"},
        {"EVTQ MSI write aborted",
         "the bus refused the message (MSI) that there are events: the kernel may read them late, or never"},
        {"PRIQ MSI write aborted",
         "the bus refused the message (MSI) that there are page requests: the kernel may read them late, or never"},
        {"GERROR MSI write aborted",
         "the bus refused the message (MSI) of a global error: errors before this one may not be in the log"},
        {"CMDQ timeout",
         "the command queue stayed full: the SMMU does not take commands (it has stopped at one, or waits for an "
         "endpoint), and what was unmapped may still be in its caches"},
        {"CMD_SYNC timeout",
         "a CMD_SYNC did not complete in time: the SMMU does not take commands, or waits for an endpoint, and what was "
         "unmapped may still be in its caches"},
        {"retrying command fetch",
         "the SMMU could not read a command (CERROR_ABT), and reads it again: the memory of the queue is not there or "
         "not for the SMMU"}};
    return records::meaning_in(kMeanings, line);
}

}  // namespace xlate::iommu::smmuv3
