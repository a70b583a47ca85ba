// Commands, device table entries, v1 table words and the control register of AMD-Vi; its events have a file of their
// own, and so have the lines of its drivers.
// Source: docs/spec/iommu-hardware.md section 4.
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "iommu/amd/amd_records.hpp"
#include "iommu/amd/iommu.hpp"
#include "iommu/tables/layout_amd.hpp"

namespace xlate::iommu::records {
namespace {

namespace amd = iommu::amd;
namespace v1 = iommu::amd_table::v1;
using Show = RecordField::Show;

RecordField row(std::string_view name, unsigned word, const Field& field, Show show = Show::flag,
                std::string_view values = {}) {
    return {name, word, field.lsb, field.width, show, values};
}

amd::EntryWords entry(const Words& words) { return {words[0], words[1]}; }

Reading read_command(const Words& words) {
    Reading reading;
    const amd::EntryWords command = entry(words);
    const auto code = static_cast<std::uint16_t>(amd::cmd::OPCODE.get(command[0]));
    if (const auto invalidation = amd::decode_invalidation(command)) {
        reading.headline = amd::describe(*invalidation);
        if (invalidation->is_tlb() && !invalidation->by_address) reading.headline += ", all of it";
    } else {
        reading.headline = amd::command_name(code);
        if (static_cast<amd::Opcode>(code) == amd::Opcode::completion_wait && amd::cmd::STORE.test(command[0])) {
            reading.headline +=
                fmt::format(", stores {:#x} to {:#x}", command[1], command[0] & amd::cmd::STORE_ADDRESS.mask());
        }
    }
    amd::AmdParams all;
    all.ext_feat = amd::ext_feat_by_name("full");
    if (amd::illegal_command(command, all)) {
        reading.notes.emplace_back("illegal: ILLEGAL_COMMAND_ERROR, and the buffer stops");
    }
    return reading;
}

Reading read_dte(const Words& words) {
    namespace dte = amd::dte;
    Reading reading;
    amd::Dte entry;
    for (std::size_t i = 0; i < words.size() && i < entry.words.size(); ++i) entry.words[i] = words[i];
    if (!entry.valid()) {
        reading.headline = "not valid: all passes untranslated";
        return reading;
    }
    const char* rights = entry.readable()   ? entry.writable() ? "read and write" : "read only"
                         : entry.writable() ? "write only"
                                            : "nothing";
    if (dte::GV.test(entry.words[0])) {
        reading.headline = fmt::format("GCR3 table at {:#x}, {} level{}", dte::gcr3_root(entry.words),
                                       entry.gcr3_levels(), entry.gcr3_levels() == 1 ? "" : "s");
        if (entry.mode() != 0) reading.headline += fmt::format(", through v1 tables at {:#x}", entry.root());
    } else if (entry.mode() == 0) {
        reading.headline = entry.readable() || entry.writable() ? "no tables: addresses pass" : "blocked";
    } else {
        reading.headline = fmt::format("v1 tables of {} levels at {:#x}", entry.mode(), entry.root());
    }
    reading.headline += fmt::format(", domain {:#x}, {}", entry.domain(), rights);
    amd::AmdParams all;
    all.ext_feat = amd::ext_feat_by_name("full");
    switch (amd::check(entry, all)) {
        case amd::DteError::reserved_bit:
            reading.notes.emplace_back("a reserved bit is set: ILLEGAL_DEV_TABLE_ENTRY");
            break;
        case amd::DteError::illegal_level:
            reading.notes.emplace_back("a Mode that does not exist: ILLEGAL_DEV_TABLE_ENTRY");
            break;
        case amd::DteError::none:
            break;
    }
    return reading;
}

Reading read_pte(const Words& words) {
    Reading reading;
    const std::uint64_t word = words[0];
    if (!v1::PR.test(word)) {
        reading.headline = "not present";
        return reading;
    }
    const auto next = static_cast<unsigned>(v1::NEXT_LEVEL.get(word));
    const std::string rights = fmt::format("{}{}", v1::IR.test(word) ? "r" : "-", v1::IW.test(word) ? "w" : "-");
    if (next == v1::kSizedLeaf) {
        const unsigned log2 = v1::sized_log2(word);
        reading.headline =
            fmt::format("a page of 2^{} bytes at {:#x}, {}", log2, v1::address(word) & ~low_mask(log2), rights);
        reading.notes.emplace_back("the same word stands in every place that the page covers");
    } else if (next == v1::kLeaf) {
        reading.headline = fmt::format("a page of its level's size at {:#x}, {}", v1::address(word), rights);
    } else {
        reading.headline = fmt::format("a table of level {} at {:#x}, {}", next, v1::address(word), rights);
    }
    if (v1::RESERVED.test(word)) reading.notes.emplace_back("a reserved bit is set: a page fault with RZ");
    return reading;
}

Reading read_control(const Words& words) {
    namespace control = amd::control;
    constexpr std::pair<std::uint64_t, const char*> kNames[] = {{control::CMDBUF.mask(), "commands"},
                                                                {control::EVTLOG.mask(), "events logged"},
                                                                {control::GT.mask(), "guest tables"},
                                                                {control::PPR.mask(), "page requests"},
                                                                {amd_vi::kControlEph.mask(), "enhanced page requests"},
                                                                {control::GA.mask(), "guest APIC"},
                                                                {control::XT.mask(), "x2APIC"}};
    Reading reading;
    reading.headline = control::EN.test(words[0])
                           ? fmt::format("on: {}", names_of_bits(words[0], kNames, "nothing besides translation"))
                           : "off: all passes untranslated";
    return reading;
}

}  // namespace

std::vector<RecordFamily> amd_records() {
    RecordFamily family{"amd-vi", {}};
    family.place = 6;
    family.reader = amd_vi::make_log_reader;
    family.meaning = amd_vi::line_meaning;
    namespace dte = amd::dte;
    namespace control = amd::control;
    family.kinds.push_back({"event", "AMD-Vi event", 2, 64, amd_vi::event_fields(), amd_vi::read_event});
    family.kinds.push_back({"command",
                            "AMD-Vi command",
                            2,
                            64,
                            {row("opcode", 0, amd::cmd::OPCODE, Show::number), row("S", 1, amd::cmd::S),
                             row("PDE", 1, amd::cmd::PDE), row("GN", 1, amd::cmd::GN)},
                            read_command});
    family.kinds.push_back(
        {"dte",
         "AMD-Vi device table entry",
         4,
         64,
         {row("V", 0, dte::V), row("TV", 0, dte::TV), row("Mode", 0, dte::MODE, Show::number), row("PPR", 0, dte::PPR),
          row("GV", 0, dte::GV), row("GIOV", 0, dte::GIOV), row("IR", 0, dte::IR), row("IW", 0, dte::IW),
          row("DomainID", 1, dte::DOMAIN_ID, Show::hex), row("I", 1, dte::IOTLB), row("SE", 1, dte::SE),
          row("SA", 1, dte::SA), row("EX", 1, dte::EX), row("IV", 2, dte::IV),
          row("IntTabLen", 2, dte::INT_TAB_LEN, Show::number),
          row("IntCtl", 2, dte::INT_CTL, Show::number, "0 abort|1 pass|2 remap|3 reserved")},
         read_dte});
    family.kinds.push_back({"pte",
                            "AMD-Vi v1 table word",
                            1,
                            64,
                            {row("PR", 0, v1::PR), row("NextLevel", 0, v1::NEXT_LEVEL, Show::number),
                             row("FC", 0, v1::FC), row("IR", 0, v1::IR), row("IW", 0, v1::IW)},
                            read_pte});
    family.kinds.push_back(
        {"control",
         "AMD-Vi control register",
         1,
         64,
         {row("IommuEn", 0, control::EN), row("EventLogEn", 0, control::EVTLOG), row("EventIntEn", 0, control::EVTINT),
          row("ComWaitIntEn", 0, control::COMWAIT),
          row("InvTimeOut", 0, control::INVTO, Show::number, "0 none|1 1 ms|2 10 ms|3 100 ms|4 1 s|5 10 s|6 100 s"),
          row("Coherent", 0, control::COH), row("CmdBufEn", 0, control::CMDBUF), row("PPRLogEn", 0, control::PPRLOG),
          row("PPRIntEn", 0, control::PPRINT), row("PPREn", 0, control::PPR), row("GTEn", 0, control::GT),
          row("GAEn", 0, control::GA), row("GALogEn", 0, control::GALOG), row("EPHEn", 0, amd_vi::kControlEph),
          row("XTEn", 0, control::XT), row("IntCapXTEn", 0, control::INTCAPXT)},
         read_control});
    return {family};
}

}  // namespace xlate::iommu::records
