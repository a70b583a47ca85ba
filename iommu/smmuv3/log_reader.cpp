#include "iommu/smmuv3/log_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

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
        } else if (has(line, "event: ") && has(line, " sid: ")) {
            return take_named_event(line, number, log);
        } else if (has(line, "priv ") && has(line, " stag: ")) {
            if (named_event_ != 0 && named_event_ == log.size()) complete_named_event(line, log.last());
        } else {
            return false;
        }
        return true;
    }

private:
    /// Kernels from 6.14 on print the fields behind the words; without those they are put together again.
    bool take_named_event(std::string_view line, unsigned number, LogRecords& log) {
        const std::size_t start = line.find("event: ") + 7;
        const std::string_view name = line.substr(start, line.find(' ', start) - start);
        EventWords words{};
        for (unsigned code = 1; code < 256; ++code) {
            if (name == smmuv3::name(static_cast<EventCode>(code))) event::TYPE.set(words, code);
        }
        if (event::TYPE.get(words) == 0) return false;
        event::SID.set(words, number_after(line, " sid: ").value_or(0));
        const std::uint64_t ssid = number_after(line, " ssid: ").value_or(0);
        event::SSID.set(words, ssid);
        event::SSV.set(words, ssid != 0 ? 1 : 0);
        event::InputAddr.set(words, number_after(line, " iova: ").value_or(0));
        event::IPA.set_address(words, number_after(line, " ipa: ").value_or(0));
        std::vector<std::string> said;
        if (const std::size_t client = line.find(" client: "); client != std::string_view::npos) {
            const std::size_t at = client + 9;
            said.push_back("of " + std::string(line.substr(at, std::min(line.find(" sid: ", at), line.size()) - at)));
        }
        if (log.size() != 0 && log.last().said.empty() && same_event(log.last(), words)) {
            log.last().said = std::move(said);
            return true;
        }
        const std::uint64_t code = event::TYPE.get(words);
        if (code >= static_cast<std::uint64_t>(EventCode::F_TRANSLATION) &&
            code <= static_cast<std::uint64_t>(EventCode::F_PERMISSION)) {
            said.emplace_back(kAccessMissing);
        }
        log.add("smmuv3.event", {words.begin(), words.end()}, number, std::move(said));
        named_event_ = log.size();
        return true;
    }
    /// Whether `record` came from the words of the event whose fields are `words`.
    static bool same_event(const LogRecord& record, const EventWords& words) {
        if (record.kind != records::find_record_kind("smmuv3.event")) return false;
        const EventWords raw = words_of(record);
        return event::TYPE.get(raw) == event::TYPE.get(words) && event::SID.get(raw) == event::SID.get(words);
    }
    void complete_named_event(std::string_view line, LogRecord& record) {
        EventWords words = words_of(record);
        event::PnU.set(words, has(line, "unpriv ") ? 0 : 1);
        event::InD.set(words, has(line, "inst ") ? 1 : 0);
        event::RnW.set(words, has(line, " read ") ? 1 : 0);
        event::S2.set(words, has(line, " s2 ") ? 1 : 0);
        event::STALL.set(words, has(line, " stall ") ? 1 : 0);
        event::CLASS.set(words, has(line, "\"CD fetch") ? 0 : has(line, "table fetch") ? 1 : event::CLASS_IN);
        event::STAG.set(words, number_after(line, " stag: ").value_or(0));
        record.said.erase(std::remove(record.said.begin(), record.said.end(), kAccessMissing), record.said.end());
        record.words.assign(words.begin(), words.end());
        named_event_ = 0;
    }

    std::size_t named_event_ = 0;  ///< the record whose second line is to come, counted from 1
};

}  // namespace

std::unique_ptr<records::LogReader> make_log_reader() { return std::make_unique<Reader>(); }

}  // namespace xlate::iommu::smmuv3
