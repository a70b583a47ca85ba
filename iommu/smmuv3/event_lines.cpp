#include "iommu/smmuv3/event_lines.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/smmuv3/layout.hpp"

namespace xlate::iommu::smmuv3 {
namespace {

using records::has;
using records::LogRecord;
using records::LogRecords;
using records::number_after;

constexpr std::string_view kAccessMissing =
    "the line with the access is missing: of read or write, privilege and stage nothing is known";

EventWords words_of(const LogRecord& record) {
    EventWords words{};
    std::copy(record.words.begin(), record.words.end(), words.begin());
    return words;
}

/// The code of an event's name; 0, which no event has, if it is none.
unsigned code_of(std::string_view name) {
    for (unsigned code = 1; code < 256; ++code) {
        if (name == smmuv3::name(static_cast<EventCode>(code))) return code;
    }
    return 0;
}

bool is_translation_fault(std::uint64_t code) {
    return code >= static_cast<std::uint64_t>(EventCode::F_TRANSLATION) &&
           code <= static_cast<std::uint64_t>(EventCode::F_PERMISSION);
}

/// Whether the records of an event hold no more than who it was.
bool has_ids_only(std::uint64_t code) {
    switch (static_cast<EventCode>(code)) {
        case EventCode::C_BAD_STREAMID:
        case EventCode::C_BAD_STE:
        case EventCode::F_STREAM_DISABLED:
        case EventCode::C_BAD_SUBSTREAMID:
        case EventCode::C_BAD_CD:
            return true;
        default:
            return false;
    }
}

/// Whether `record` came from the words of the event whose fields are `words`.
bool same_event(const LogRecord& record, const EventWords& words) {
    if (record.kind != records::find_record_kind("smmuv3.event")) return false;
    const EventWords raw = words_of(record);
    // Linux gives no name for types that it does not know.
    const bool named = event::TYPE.get(words) != 0;
    return (!named || event::TYPE.get(raw) == event::TYPE.get(words)) && event::SID.get(raw) == event::SID.get(words);
}

/// "smmuv3-iommu-memory-region-8-0 translation failed for iova=0xfffff000 (SMMU_EVT_F_TRANSLATION)"
bool take_qemu(std::string_view line, unsigned number, LogRecords& log) {
    constexpr std::string_view kRegion = "smmuv3-iommu-memory-region-", kPrefix = "SMMU_EVT_";
    const auto iova = number_after(line, " translation failed for iova=");
    const auto devfn = records::decimal_after(line, kRegion);
    if (!iova || !devfn) return false;
    std::vector<std::string> said;
    EventWords words{};
    if (const std::size_t at = line.find(kPrefix); at != std::string_view::npos) {
        const std::size_t start = at + kPrefix.size();
        const std::string_view name = line.substr(start, line.find(')', start) - start);
        // QEMU's own spelling
        event::TYPE.set(words, code_of(name == "F_TRANS_FORBIDDEN" ? "F_TRANSL_FORBIDDEN" : name));
        if (event::TYPE.get(words) == 0) said.push_back("QEMU calls it " + std::string(name));
    } else {
        said.emplace_back("the line does not name the event");
    }
    event::SID.set(words, *devfn);
    event::InputAddr.set(words, *iova);
    said.push_back(
        fmt::format("of function {:02x}.{} of a bus that the line does not name; of the access it gives the "
                    "address alone",
                    (*devfn >> 3) & 0x1F, *devfn & 7));
    log.add("smmuv3.event", {words.begin(), words.end()}, number, std::move(said));
    return true;
}

}  // namespace

bool EventLines::take(std::string_view line, unsigned number, LogRecords& log) {
    if (has(line, "event: ") && has(line, " sid: ")) return take_name(line, number, log);
    if (has(line, "priv ") && has(line, " stag: ")) {
        take_access(line, log);
        return true;
    }
    return has(line, " translation failed for iova=") && take_qemu(line, number, log);
}

bool EventLines::take_name(std::string_view line, unsigned number, LogRecords& log) {
    const std::size_t start = line.find("event: ") + 7;
    const std::string_view name = line.substr(start, line.find(' ', start) - start);
    EventWords words{};
    event::TYPE.set(words, code_of(name));
    const std::uint64_t code = event::TYPE.get(words);
    if (code == 0 && name != "UNKNOWN") return false;
    event::SID.set(words, number_after(line, " sid: ").value_or(0));
    const std::uint64_t ssid = number_after(line, " ssid: ").value_or(0);
    event::SSID.set(words, ssid);
    event::SSV.set(words, ssid != 0 && code != static_cast<std::uint64_t>(EventCode::C_BAD_SUBSTREAMID) ? 1 : 0);
    const auto iova = number_after(line, " iova: "), fetched = number_after(line, " fetch_addr: ");
    event::InputAddr.set(words, iova.value_or(0));
    event::IPA.set_address(words, number_after(line, " ipa: ").value_or(0));
    if (fetched) event::FetchAddr.set_address(words, *fetched);
    std::vector<std::string> said;
    if (const std::size_t client = line.find(" client: "); client != std::string_view::npos) {
        const std::size_t at = client + 9;
        const std::string_view who = line.substr(at, std::min(line.find(" sid: ", at), line.size()) - at);
        said.push_back(who == "(unassigned sid)" ? "the driver knows no device with this sid"
                                                 : "of " + std::string(who));
    }
    if (log.size() != 0 && log.last().said.empty() && same_event(log.last(), words)) {
        log.last().said = std::move(said);
        return true;
    }
    if (is_translation_fault(code)) {
        said.emplace_back(kAccessMissing);
    } else if (code == 0) {
        said.emplace_back("the driver does not know this type of event, and its words are missing");
    } else if (!iova && !fetched && !has_ids_only(code)) {
        said.emplace_back("the line gives sid and ssid alone: the other fields of this event read as 0");
    }
    log.add("smmuv3.event", {words.begin(), words.end()}, number, std::move(said));
    pending_ = log.size();
    return true;
}

void EventLines::take_access(std::string_view line, LogRecords& log) {
    if (pending_ == 0 || pending_ != log.size()) return;  // its words were there: they say all of this
    LogRecord& record = log.last();
    EventWords words = words_of(record);
    event::PnU.set(words, has(line, "unpriv ") ? 0 : 1);
    event::InD.set(words, has(line, "inst ") ? 1 : 0);
    event::RnW.set(words, has(line, " read ") ? 1 : 0);
    event::S2.set(words, has(line, " s2 ") ? 1 : 0);
    event::STALL.set(words, has(line, " stall ") ? 1 : 0);
    constexpr std::uint64_t kReservedClass = 3;
    event::CLASS.set(words, has(line, "\"CD fetch")      ? event::CLASS_CD
                            : has(line, "table fetch\"") ? event::CLASS_TT
                            : has(line, "\"Reserved\"")  ? kReservedClass
                                                         : event::CLASS_IN);
    event::TTRnW.set(words, has(line, " ttd_read") ? 1 : 0);
    event::STAG.set(words, number_after(line, " stag: ").value_or(0));
    record.said.erase(std::remove(record.said.begin(), record.said.end(), kAccessMissing), record.said.end());
    record.words.assign(words.begin(), words.end());
    pending_ = 0;
}

}  // namespace xlate::iommu::smmuv3
