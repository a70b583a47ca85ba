// Events, commands, device table entries, v1 table words and interrupt entries of AMD-Vi.
// Source: docs/spec/iommu-hardware.md section 4.
#include <fmt/format.h>

#include "iommu/amd/iommu.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
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

Reading read_event(const Words& words) {
    namespace event = amd::event;
    const std::uint64_t word = words[0];
    const auto code = static_cast<std::uint16_t>(event::CODE.get(word));
    const std::uint64_t device = event::DEVICE.get(word);
    Reading reading;
    reading.headline = amd::event_name(code);
    const auto of_device = [&](const char* address) {
        reading.headline += fmt::format(", device {} ({:#x})", requester_text(device), device);
        if (words.size() > 1) reading.headline += fmt::format(", {} {:#x}", address, words[1]);
    };
    const bool write = event::RW.test(word), present = event::PR.test(word);
    switch (static_cast<amd::Event>(code)) {
        case amd::Event::io_page_fault:
            of_device(event::I.test(word) ? "message" : write ? "write to" : "read of");
            reading.headline +=
                event::GN.test(word)
                    ? fmt::format(", PASID {:#x}", event::DOMAIN_ID.get(word) | event::PASID_19_16.get(word) << 16)
                    : fmt::format(", domain {:#x}", event::DOMAIN_ID.get(word));
            if (event::I.test(word)) {
                reading.notes.emplace_back(
                    "an interrupt that the interrupt table does not let through: its entry is off, or beyond the "
                    "table");
            } else if (!present) {
                reading.notes.emplace_back(
                    "nothing is mapped there: never mapped, unmapped already, or the device uses an address that is "
                    "not "
                    "its own; also what a device without a domain meets");
            } else if (event::PE.test(word)) {
                reading.notes.push_back(
                    fmt::format("it is mapped, but not for a {}: the table's words or the device's "
                                "entry (IR, IW) forbid it",
                                write ? "write" : "read"));
            } else {
                reading.notes.emplace_back(event::RZ.test(word) ? "a table word has a reserved bit set"
                                                                : "a table word names a level that cannot be below it");
            }
            break;
        case amd::Event::illegal_dev_table_entry:
            of_device("address");
            reading.notes.emplace_back(event::RZ.test(word)
                                           ? "a reserved bit is set in the device's entry"
                                           : "the entry's Mode does not exist, or the device is beyond the table");
            break;
        case amd::Event::dev_tab_hw_error:
        case amd::Event::page_tab_hw_error:
            of_device("entry at");
            reading.notes.emplace_back("what stands there could not be read: no memory, or an error of it");
            break;
        case amd::Event::illegal_command:
        case amd::Event::command_hw_error:
            if (words.size() > 1) reading.headline += fmt::format(", command at {:#x}", words[1]);
            reading.notes.emplace_back(
                "the command buffer stands still until software turns it off and on: what waits behind it waits for "
                "ever");
            break;
        case amd::Event::iotlb_inv_timeout:
            of_device("command at");
            reading.notes.emplace_back("the endpoint did not answer an invalidation of its ATC");
            break;
        case amd::Event::invalid_device_request:
            of_device("address");
            reading.notes.emplace_back(event::REQUEST_TYPE.get(word) == 0
                                           ? "a read of the interrupt range, 0xfee00000 to 0xfeefffff"
                                           : "ATS, though the device's entry does not allow it (I)");
            break;
        default:
            break;
    }
    return reading;
}

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

/// Xen's "AMD-Vi: IO_PAGE_FAULT: 0000:00:14.0 d0 addr 000000fdf8010140 flags 0x8 I".
std::optional<LineRecord> read_xen_line(std::string_view line) {
    namespace event = amd::event;
    constexpr Field kFlags{48, 12};
    const auto address = has(line, "AMD-Vi: ") ? number_after(line, " addr ") : std::nullopt;
    const auto flags = number_after(line, " flags ");
    if (!address || !flags) return std::nullopt;
    for (std::uint16_t code = 1; code < 16; ++code) {
        const std::string start = fmt::format("AMD-Vi: {}: ", amd::event_name(code));
        const std::size_t at = line.find(start);
        if (at == std::string_view::npos) continue;
        const std::string_view rest = line.substr(at + start.size());
        return LineRecord{"event",
                          {event::CODE.of(code) | event::DEVICE.of(pci_id(rest.substr(0, rest.find(' ')))) |
                               event::DOMAIN_ID.of(decimal_after(rest, " d").value_or(0)) | kFlags.of(*flags),
                           *address}};
    }
    return std::nullopt;
}

/// "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:1f.0 domain=0x0009 address=0xdeadb000 flags=0x0020]"; with a
/// device in front of it the line itself names none. Old kernels break the line behind the bracket.
std::optional<LineRecord> read_line(std::string_view line) {
    namespace event = amd::event;
    constexpr std::string_view kStart = "Event logged [";
    constexpr Field kFlags{48, 12};
    std::uint64_t code = 0;
    if (const std::size_t start = line.find(kStart); start != std::string_view::npos) {
        const std::size_t at = start + kStart.size();
        const std::string_view name = line.substr(at, line.find_first_of(" ]", at) - at);
        for (std::uint16_t i = 1; i < 16; ++i) {
            if (name == amd::event_name(i)) code = i;
        }
    } else {
        for (std::uint16_t i = 1; i < 16; ++i) {
            if (has(line, fmt::format("{} device=", amd::event_name(i))) && has(line, " flags=")) code = i;
        }
    }
    if (code == 0) return read_xen_line(line);
    const std::size_t device = line.find("device=");
    constexpr std::size_t kKey = 7;
    const std::string_view name = device != std::string_view::npos
                                      ? line.substr(device + kKey, line.find(' ', device) - device - kKey)
                                      : line.substr(0, line.find("AMD-Vi:"));
    const std::uint64_t id = pci_id(name);
    std::vector<std::string> said;
    if (device == std::string_view::npos && id == 0 && !has(name, "00:00.0") && has(line, "domain="))
        said.emplace_back("the line does not say which device it was: the kernel prints it in front of 'AMD-Vi:'");
    const std::uint64_t pasid = number_after(line, "pasid=").value_or(0);
    return LineRecord{"event",
                      {event::CODE.of(code) | event::DEVICE.of(id) |
                           event::DOMAIN_ID.of(number_after(line, "domain=").value_or(pasid)) |
                           event::PASID_19_16.of(pasid >> 16) | kFlags.of(number_after(line, "flags=").value_or(0)),
                       number_after(line, "address=").value_or(0)},
                      std::move(said)};
}

}  // namespace

std::vector<RecordFamily> amd_records() {
    RecordFamily family{"amd-vi", {}};
    family.place = 6;
    family.line = read_line;
    namespace event = amd::event;
    namespace dte = amd::dte;
    family.kinds.push_back({"event",
                            "AMD-Vi event",
                            2,
                            64,
                            {row("Code", 0, event::CODE), row("DeviceID", 0, event::DEVICE, Show::hex),
                             row("DomainID/PASID", 0, event::DOMAIN_ID, Show::hex), row("GN", 0, event::GN),
                             row("NX", 0, event::NX), row("US", 0, event::US), row("I", 0, event::I),
                             row("PR", 0, event::PR), row("RW", 0, event::RW), row("PE", 0, event::PE),
                             row("RZ", 0, event::RZ), row("TR", 0, event::TR), row("Address", 1, {0, 64}, Show::hex)},
                            read_event});
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
         {row("V", 0, dte::V), row("TV", 0, dte::TV), row("Mode", 0, dte::MODE, Show::number), row("GV", 0, dte::GV),
          row("GIOV", 0, dte::GIOV), row("IR", 0, dte::IR), row("IW", 0, dte::IW),
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
    return {family};
}

}  // namespace xlate::iommu::records
