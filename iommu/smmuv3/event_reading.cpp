#include "iommu/smmuv3/event_reading.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "iommu/smmuv3/layout.hpp"

namespace xlate::iommu::smmuv3 {
namespace {

using records::Reading;
using records::RecordField;
using records::Words;
using Show = RecordField::Show;

EventWords event_words(const Words& words) {
    EventWords all{};
    std::copy_n(words.begin(), std::min(words.size(), all.size()), all.begin());
    return all;
}
EventCode code_of(const Words& words) { return static_cast<EventCode>(event::TYPE.get(event_words(words))); }

bool is_known(EventCode code) { return std::string_view(name(code)) != "reserved"; }

// Which fields the record of an event has: IHI 0070 section 7.3.2 to 7.3.20.

bool is_translation_fault(EventCode code) {
    return code >= EventCode::F_TRANSLATION && code <= EventCode::F_PERMISSION;
}
bool is_fetch(EventCode code) {
    return code == EventCode::F_STE_FETCH || code == EventCode::F_CD_FETCH || code == EventCode::F_VMS_FETCH;
}
bool has_stage(EventCode code) {
    return code == EventCode::F_WALK_EABT || code == EventCode::F_TLB_CONFLICT || is_translation_fault(code);
}
bool has_class(EventCode code) { return code == EventCode::F_WALK_EABT || is_translation_fault(code); }
bool has_privilege(EventCode code) { return code == EventCode::F_UUT || has_stage(code); }
bool has_direction(EventCode code) { return code == EventCode::F_TRANSL_FORBIDDEN || has_privilege(code); }
bool has_address(EventCode code) {
    return code == EventCode::F_BAD_ATS_TREQ || code == EventCode::E_PAGE_REQUEST || has_direction(code);
}
bool has_fetch_address(EventCode code) { return code == EventCode::F_WALK_EABT || is_fetch(code); }
bool has_reason(EventCode code) { return code == EventCode::F_UUT || has_fetch_address(code); }
bool is_conflict(EventCode code) { return code == EventCode::F_TLB_CONFLICT || code == EventCode::F_CFG_CONFLICT; }
bool is_hint(EventCode code) { return code == EventCode::E_PAGE_REQUEST; }
bool has_ssv(EventCode code) {
    return is_known(code) && code != EventCode::F_STREAM_DISABLED && code != EventCode::C_BAD_SUBSTREAMID;
}

bool is_stage2(const Words& words) { return has_stage(code_of(words)) && event::S2.test(event_words(words)); }
bool has_ssid(const Words& words) {
    const EventCode code = code_of(words);
    // There it counts always.
    return code == EventCode::C_BAD_SUBSTREAMID || (has_ssv(code) && event::SSV.test(event_words(words)));
}
bool has_ipa(const Words& words) { return is_stage2(words) && code_of(words) != EventCode::F_WALK_EABT; }
/// TTRnW is unknown where no table entry was accessed.
bool has_table_access(const Words& words) {
    return code_of(words) == EventCode::F_PERMISSION && event::CLASS.get(event_words(words)) == event::CLASS_TT;
}
bool is_stalled(const Words& words) {
    return is_translation_fault(code_of(words)) && event::STALL.test(event_words(words));
}

RecordField row(std::string_view name, const EntryField& field, Show show, std::string_view values,
                bool (*when)(const Words&)) {
    RecordField one{name, field.word, field.lsb, field.width, show, values};
    one.when = when;
    return one;
}
/// A field of all records whose event is `Has`.
template <bool (*Has)(EventCode)>
bool when(const Words& words) {
    return Has(code_of(words));
}

/// What an event means to its reader.
const char* meaning(EventCode code) {
    switch (code) {
        case EventCode::F_UUT:
            return "the transaction is of a kind that the SMMU does not support";
        case EventCode::C_BAD_STREAMID:
            return "the stream id is past the end of the stream table: which device has this id, and does firmware say "
                   "so?";
        case EventCode::F_STE_FETCH:
            return "reading the stream table entry was aborted by the bus, at the fetch address: the table's address "
                   "is wrong";
        case EventCode::C_BAD_STE:
            return "the stream table entry is invalid or illegal: no driver has set up this stream, or wrongly";
        case EventCode::F_BAD_ATS_TREQ:
            return "an ATS translation request of a stream whose STE does not allow ATS";
        case EventCode::F_STREAM_DISABLED:
            return "the stream is disabled for transactions without (or with) a substream id, by STE.S1DSS";
        case EventCode::F_TRANSL_FORBIDDEN:
            return "a translated (ATS) transaction that this stream may not make";
        case EventCode::C_BAD_SUBSTREAMID:
            return "the substream id is past the end of the context descriptor table";
        case EventCode::F_CD_FETCH:
            return "reading the context descriptor was aborted by the bus, at the fetch address";
        case EventCode::C_BAD_CD:
            return "the context descriptor is invalid or illegal";
        case EventCode::F_WALK_EABT:
            return "reading a page table entry was aborted by the bus, at the fetch address: a table's address is "
                   "wrong";
        case EventCode::F_TRANSLATION:
            return "no mapping: a table entry on the way of this address is invalid, or the address is out of the "
                   "range "
                   "that the tables cover (never mapped, unmapped too early, or an address that is not an IOVA)";
        case EventCode::F_ADDR_SIZE:
            return "an address on the way is larger than the configured size";
        case EventCode::F_ACCESS:
            return "the entry's access flag is 0 and hardware does not set it";
        case EventCode::F_PERMISSION:
            return "it is mapped, but not for this kind of access";
        case EventCode::F_TLB_CONFLICT:
            return "two TLB entries match: a mapping was changed without an invalidation";
        case EventCode::F_CFG_CONFLICT:
            return "two cached configurations match: an STE was changed without an invalidation";
        case EventCode::E_PAGE_REQUEST:
            return "a hint that a page will be needed";
        case EventCode::F_VMS_FETCH:
            return "reading the virtual machine structure was aborted by the bus";
    }
    return "";
}

}  // namespace

Reading read_event(const Words& words) {
    const EventWords w = event_words(words);
    const EventCode code = code_of(words);
    const std::uint64_t sid = event::SID.get(w);
    Reading reading;
    if (!is_known(code)) {
        const bool vendor = event::TYPE.get(w) >= 0xE0 && event::TYPE.get(w) <= 0xEF;
        reading.headline = fmt::format("{} event type {:#04x}, sid {:#x}",
                                       vendor ? "implementation defined" : "reserved", event::TYPE.get(w), sid);
        return reading;
    }
    reading.headline = fmt::format("{}, sid {:#x}", name(code), sid);
    if (has_ssid(words)) reading.headline += fmt::format(", ssid {:#x}", event::SSID.get(w));
    if (has_direction(code)) reading.headline += event::RnW.test(w) ? ", read" : ", write";
    if (has_privilege(code)) {
        reading.headline += event::PnU.test(w) ? ", privileged" : ", unprivileged";
        reading.headline += event::InD.test(w) ? ", instruction" : ", data";
    }
    if (has_stage(code)) reading.headline += event::S2.test(w) ? ", stage 2" : ", stage 1";
    if (has_address(code)) reading.headline += fmt::format(", iova {:#x}", event::InputAddr.get(w));
    reading.notes.emplace_back(meaning(code));
    if (has_ipa(words)) reading.headline += fmt::format(", ipa {:#x}", event::IPA.address(w));
    if (has_ipa(words) && has_class(code)) {
        constexpr const char* kClasses[] = {"of a context descriptor that was fetched",
                                            "of a stage 1 table entry that was fetched", "of the transaction itself",
                                            "of a reserved class"};
        reading.notes.push_back(fmt::format("the ipa is that {}", kClasses[event::CLASS.get(w)]));
    }
    if (has_table_access(words))
        reading.notes.emplace_back(
            event::TTRnW.test(w) ? "what stage 2 refused is the read of that entry (TTRnW 1)"
                                 : "what stage 2 refused is a write of that entry (TTRnW 0): hardware updates its "
                                   "access flag or dirty state");
    if (has_fetch_address(code)) reading.headline += fmt::format(", fetch address {:#x}", event::FetchAddr.address(w));
    if (is_stalled(words)) {
        reading.headline += fmt::format(", stalled (tag {:#x})", event::STAG.get(w));
        reading.notes.emplace_back("the transaction waits for CMD_RESUME with this tag");
    }
    reading.notes.push_back(fmt::format("sid {:#x} is {} as a PCI requester id", sid, records::requester_text(sid)));
    if (sid > 0xFFFF) reading.notes.back() += fmt::format(" of an output base {:#x}", sid & ~0xFFFFULL);
    return reading;
}

std::vector<RecordField> event_fields() {
    // The whole of DW1[31:0] in records of conflicts, half of it in others.
    constexpr EntryField kConflictReason{1, 0, 32}, kSpan{1, 44, 8};
    constexpr std::string_view kYes = "0 no|1 yes";
    return {row("TYPE", event::TYPE, Show::hex, {}, nullptr),
            row("SSV", event::SSV, Show::flag, kYes, when<has_ssv>),
            row("SSID", event::SSID, Show::hex, {}, has_ssid),
            row("SID", event::SID, Show::hex, {}, when<is_known>),
            row("STAG", event::STAG, Show::hex, {}, is_stalled),
            row("REASON", event::REASON, Show::hex, {}, when<has_reason>),
            row("REASON", kConflictReason, Show::hex, {}, when<is_conflict>),
            row("GPCF", event::GPCF, Show::flag, {}, when<has_fetch_address>),
            row("STALL", event::STALL, Show::flag, {}, when<is_translation_fault>),
            row("PnU", event::PnU, Show::flag, "0 unprivileged|1 privileged", when<has_privilege>),
            row("InD", event::InD, Show::flag, "0 data|1 instruction", when<has_privilege>),
            row("RnW", event::RnW, Show::flag, "0 write|1 read", when<has_direction>),
            row("NSIPA", event::NSIPA, Show::flag, {}, is_stage2),
            row("S2", event::S2, Show::flag, "0 stage 1|1 stage 2", when<has_stage>),
            row("CLASS", event::CLASS, Show::number, "0 CD fetch|1 table fetch|2 input address", when<has_class>),
            row("TTRnW", event::TTRnW, Show::flag, "0 write|1 read", has_table_access),
            row("uX", EntryField{1, 34, 1}, Show::flag, {}, when<is_hint>),
            row("uW", EntryField{1, 35, 1}, Show::flag, {}, when<is_hint>),
            row("uR", EntryField{1, 36, 1}, Show::flag, {}, when<is_hint>),
            row("pX", EntryField{1, 37, 1}, Show::flag, {}, when<is_hint>),
            row("pW", EntryField{1, 38, 1}, Show::flag, {}, when<is_hint>),
            row("pR", EntryField{1, 39, 1}, Show::flag, {}, when<is_hint>),
            row("Span", kSpan, Show::number, {}, when<is_hint>),
            row("InputAddr", event::InputAddr, Show::hex, {}, when<has_address>),
            row("IPA", event::IPA, Show::address, {}, has_ipa),
            row("FetchAddr", event::FetchAddr, Show::address, {}, when<has_fetch_address>)};
}

bool plausible_event(const Words& words) {
    const EventWords w = event_words(words);
    // Bits that no record has.
    return is_known(code_of(words)) && (w[0] & 0x700) == 0 && (w[1] >> 52) == 0;
}

}  // namespace xlate::iommu::smmuv3
