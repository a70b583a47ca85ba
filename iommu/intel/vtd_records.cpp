// Fault records, root, context and PASID entries, table words and interrupt entries of VT-d; its queue has a file of
// its own, and so have the lines of its drivers. Source: docs/spec/iommu-hardware.md section 3.
#include <fmt/format.h>

#include "iommu/intel/layout_faults.hpp"
#include "iommu/intel/vtd.hpp"
#include "iommu/intel/vtd_records.hpp"
#include "iommu/tables/layout_vtd.hpp"

namespace xlate::iommu::records {
namespace {

namespace vtd = iommu::vtd;
namespace first = iommu::vtd_table::first;
namespace second = iommu::vtd_table::second;
using Show = RecordField::Show;

RecordField row(std::string_view name, unsigned word, const Field& field, Show show = Show::flag,
                std::string_view values = {}) {
    return {name, word, field.lsb, field.width, show, values};
}

bool is_interrupt(std::uint64_t reason) {
    return reason >= static_cast<std::uint64_t>(vtd::Reason::ir_request_reserved) &&
           reason <= static_cast<std::uint64_t>(vtd::Reason::ir_source);
}

/// What to look at; empty: the name says it.
const char* advice(vtd::Reason reason) {
    using Reason = vtd::Reason;
    switch (reason) {
        case Reason::root_not_present:
        case Reason::context_not_present:
        case Reason::sm_root_not_present:
        case Reason::sm_context_not_present:
            return "no driver has given this device a domain: it is not probed, its group is blocked, or its requests "
                   "carry another id (an alias, a bridge's)";
        case Reason::no_write:
        case Reason::no_read:
        case Reason::sm_no_write:
        case Reason::sm_no_read:
        case Reason::sm_first_not_present:
        case Reason::sm_second_not_present:
            return "nothing is mapped there for this direction: never mapped, unmapped already, mapped the other way, "
                   "or "
                   "the device uses an address that is not its own";
        case Reason::address_beyond_width:
        case Reason::sm_beyond_width:
        case Reason::sm_second_beyond_width:
        case Reason::sm_not_canonical:
            return "the address is wider than the domain's tables";
        case Reason::entry_access:
        case Reason::root_access:
        case Reason::context_access:
        case Reason::sm_first_access:
        case Reason::sm_second_access:
        case Reason::sm_pasid_access:
        case Reason::sm_context_access:
            return "what stands there could not be read: no memory, or a table that has been freed";
        case Reason::root_reserved:
        case Reason::context_reserved:
        case Reason::entry_reserved:
        case Reason::sm_context_reserved:
        case Reason::sm_pasid_reserved:
        case Reason::sm_first_reserved:
        case Reason::sm_second_reserved:
        case Reason::ir_reserved:
            return "a reserved bit is set, or one that this unit does not have (snoop control, large pages)";
        case Reason::ir_not_present:
        case Reason::ir_index:
            return "the message names an entry that no driver has made: a stale message address in the device";
        case Reason::ir_source:
            return "another device's entry: the message carries an id that the entry does not allow";
        case Reason::ir_compatibility:
            return "the message has the old format, which is blocked while interrupts are remapped (CFI)";
        default:
            return "";
    }
}

Reading read_fault(const Words& words) {
    namespace frcd = vtd::frcd;
    const std::uint64_t low = words[0], high = words[1];
    const std::uint64_t reason = frcd::FR.get(high), source = frcd::SID.get(high);
    Reading reading;
    reading.headline =
        fmt::format("{} ({:#04x}), device {} ({:#x})", vtd::fault_name(static_cast<std::uint16_t>(reason)), reason,
                    requester_text(source), source);
    if (is_interrupt(reason)) {
        reading.headline += fmt::format(", interrupt index {:#x}", frcd::INDEX.get(low));
    } else {
        reading.headline += fmt::format(", {} {:#x}", frcd::T1.test(high) ? "read of" : "write to", frcd::page(low));
        if (frcd::PP.test(high)) reading.headline += fmt::format(", PASID {:#x}", frcd::PV.get(high));
    }
    if (!frcd::F.test(high)) reading.notes.emplace_back("F is clear: software has taken it, or nothing was recorded");
    if (const char* const note = advice(static_cast<vtd::Reason>(reason)); *note != 0) reading.notes.emplace_back(note);
    return reading;
}

Reading read_root(const Words& words) {
    Reading reading;
    reading.headline = vtd::root::P.test(words[0]) ? fmt::format("context table at {:#x}", vtd::root::table(words[0]))
                                                   : "not present: all devices of this bus are refused";
    if (vtd::root::P.test(words[0]) && (words[0] & vtd::root::kReserved) != 0)
        reading.notes.emplace_back("a reserved bit is set");
    return reading;
}

/// Two words: devices 00.0 to 0f.7 of a bus, and 10.0 to 1f.7.
Reading read_scalable_root(const Words& words) {
    Reading reading;
    const auto half = [&](std::uint64_t word, const char* devices) {
        reading.headline += reading.headline.empty() ? "" : ", ";
        reading.headline += vtd::root::P.test(word)
                                ? fmt::format("devices {}: context table at {:#x}", devices, vtd::root::table(word))
                                : fmt::format("devices {}: not present, refused", devices);
        if (vtd::root::P.test(word) && (word & vtd::root::kReserved) != 0)
            reading.notes.push_back(fmt::format("a reserved bit is set for devices {}", devices));
    };
    half(words[0], "00 to 0f");
    half(words[1], "10 to 1f");
    return reading;
}

Reading read_context(const Words& words) {
    namespace context = vtd::context;
    const std::uint64_t low = words[0], high = words[1];
    Reading reading;
    if (!context::P.test(low)) {
        reading.headline = "not present: the device is refused";
        return reading;
    }
    if (context::TT.get(low) == context::PASS_THROUGH) {
        reading.headline = "addresses pass";
    } else {
        const unsigned levels = context::levels(context::AW.get(high));
        reading.headline = fmt::format("second level of {} levels at {:#x}", levels, context::table(low));
        if (context::TT.get(low) == context::DEVICE_TLB) reading.headline += ", device TLB";
        if (levels < 3 || levels > 5) reading.notes.emplace_back("no unit walks so many levels");
    }
    reading.headline += fmt::format(", DID {}", context::DID.get(high));
    if (context::FPD.test(low)) reading.notes.emplace_back("FPD: most faults of the device are not recorded");
    if (context::TT.get(low) == 3 || (low & context::kReserved0) != 0 || (high & context::kReserved1) != 0)
        reading.notes.emplace_back("a reserved bit or value is set");
    return reading;
}

Reading read_scalable_context(const Words& words) {
    namespace context = vtd::scalable_context;
    Reading reading;
    if (!context::P.test(words[0])) {
        reading.headline = "not present: the device is refused";
        return reading;
    }
    reading.headline =
        fmt::format("PASID directory of {} entries at {:#x}, requests without one have PASID {:#x}",
                    context::entries(words[0]), context::directory(words[0]), context::RID_PASID.get(words[1]));
    if ((words[0] & context::kReserved0) != 0 || (words[1] & context::kReserved1) != 0)
        reading.notes.emplace_back("a reserved bit is set");
    return reading;
}

Reading read_pasid_directory(const Words& words) {
    namespace directory = vtd::pasid_directory;
    Reading reading;
    reading.headline = directory::P.test(words[0]) ? fmt::format("PASID table at {:#x}", directory::table(words[0]))
                                                   : "not present: requests with one of its 64 PASIDs are refused";
    if (directory::P.test(words[0]) && (words[0] & directory::kReserved) != 0)
        reading.notes.emplace_back("a reserved bit is set");
    return reading;
}

Reading read_pasid(const Words& words) {
    namespace pasid = vtd::pasid;
    Reading reading;
    if (!pasid::P.test(words[0])) {
        reading.headline = "not present";
        return reading;
    }
    const unsigned levels = vtd::context::levels(pasid::AW.get(words[0]));
    const unsigned first = pasid::FLPM.get(words[2]) == 1 ? 5 : 4;
    const std::string first_text = fmt::format("first level of {} levels at {:#x}", first, pasid::table(words[2]));
    const std::string second_text = fmt::format("second level of {} levels at {:#x}", levels, pasid::table(words[0]));
    switch (pasid::PGTT.get(words[0])) {
        case pasid::FIRST_LEVEL:
            reading.headline = first_text;
            break;
        case pasid::SECOND_LEVEL:
            reading.headline = second_text;
            break;
        case pasid::NESTED:
            reading.headline = first_text + " through " + second_text;
            break;
        case pasid::PASS_THROUGH:
            reading.headline = "addresses pass";
            break;
        default:
            reading.headline = fmt::format("PGTT {}, which does not exist", pasid::PGTT.get(words[0]));
    }
    reading.headline += fmt::format(", DID {}", pasid::DID.get(words[1]));
    return reading;
}

Reading read_pte(const Words& words) {
    Reading reading;
    const std::uint64_t word = words[0];
    if (!second::R.test(word) && !second::W.test(word)) {
        reading.headline = "not present";
        return reading;
    }
    reading.headline = fmt::format(
        "{} at {:#x}, {}{}", second::PS.test(word) ? "a page of its level's size" : "a table, or a page of 4 KiB",
        iommu::vtd_table::address(word), second::R.test(word) ? "r" : "-", second::W.test(word) ? "w" : "-");
    if (second::SNP.test(word)) reading.headline += ", snooped";
    return reading;
}

Reading read_first_pte(const Words& words) {
    Reading reading;
    const std::uint64_t word = words[0];
    if (!first::P.test(word)) {
        reading.headline = "not present";
        return reading;
    }
    // Bit 12 of a large page is a memory type's.
    const std::uint64_t address = iommu::vtd_table::address(word);
    reading.headline = fmt::format(
        "{} at {:#x}, {}, {}", first::PS.test(word) ? "a page of its level's size" : "a table, or a page of 4 KiB",
        first::PS.test(word) ? address & ~first::PAT_LARGE.mask() : address, first::RW.test(word) ? "rw" : "r-",
        first::US.test(word) ? "user and supervisor" : "supervisor alone");
    if (first::XD.test(word)) reading.headline += ", no execution";
    return reading;
}

Reading read_irte(const Words& words) {
    namespace irte = vtd::irte;
    const std::uint64_t low = words[0], high = words[1];
    Reading reading;
    if (!irte::P.test(low)) {
        reading.headline = "not present: its messages are blocked";
        return reading;
    }
    reading.headline = irte::IM.test(low) ? "posted to a descriptor of a virtual CPU"
                                          : fmt::format("vector {:#x} to CPU {:#x} (xAPIC) or {:#x} (x2APIC)",
                                                        irte::V.get(low), irte::XAPIC_DST.get(low), irte::DST.get(low));
    const std::uint64_t source = irte::SID.get(high);
    switch (irte::SVT.get(high)) {
        case irte::NO_CHECK:
            reading.headline += ", of any device";
            break;
        case irte::CHECK_SID:
            reading.headline += fmt::format(", of device {} ({:#x})", requester_text(source), source);
            break;
        case irte::CHECK_BUS:
            reading.headline +=
                fmt::format(", of buses {:#x} to {:#x}", irte::FIRST_BUS.get(source), irte::LAST_BUS.get(source));
            break;
        default:
            reading.notes.emplace_back("SVT 3 does not exist");
    }
    return reading;
}

}  // namespace

std::vector<RecordFamily> vtd_records() {
    namespace frcd = vtd::frcd;
    RecordFamily family{"vt-d", {}};
    family.place = 9;
    family.reader = make_vtd_log_reader;
    family.meaning = vtd_line_meaning;
    family.two_lines = is_vtd_fault_in_two_lines;
    const auto add = [&](std::string_view name, std::string_view title, unsigned words, std::vector<RecordField> fields,
                         Reading (*read)(const Words&), unsigned bits = 64) {
        family.kinds.push_back({name, title, words, bits, std::move(fields), read});
    };
    add("fault", "VT-d fault record", 2,
        {row("FI", 0, {0, 64}, Show::hex), row("SID", 1, frcd::SID, Show::hex), row("PRIV", 1, frcd::PRIV),
         row("EXE", 1, frcd::EXE), row("PP", 1, frcd::PP), row("FR", 1, frcd::FR, Show::hex),
         row("PV", 1, frcd::PV, Show::hex), row("AT", 1, frcd::AT, Show::number), row("T1", 1, frcd::T1),
         row("F", 1, frcd::F)},
        read_fault);
    add("descriptor", "VT-d descriptor", 2, vtd_queue::descriptor_fields(), vtd_queue::read_descriptor);
    add("fsts", "VT-d fault status register", 1, vtd_queue::fsts_fields(), vtd_queue::read_fsts, 32);
    add("root", "VT-d root entry", 1, {row("P", 0, vtd::root::P)}, read_root);
    add("scalable-root", "VT-d root entry of scalable mode", 2,
        {row("LP", 0, vtd::root::P), row("UP", 1, vtd::root::P)}, read_scalable_root);
    add("context", "VT-d context entry", 2,
        {row("P", 0, vtd::context::P), row("FPD", 0, vtd::context::FPD),
         row("TT", 0, vtd::context::TT, Show::number, "0 translate|1 with device TLB|2 pass through|3 reserved"),
         row("AW", 1, vtd::context::AW, Show::number), row("DID", 1, vtd::context::DID, Show::number)},
        read_context);
    add("scalable-context", "VT-d context entry of scalable mode", 4,
        {row("P", 0, vtd::scalable_context::P), row("FPD", 0, vtd::scalable_context::FPD),
         row("DTE", 0, vtd::scalable_context::DTE), row("PASIDE", 0, vtd::scalable_context::PASIDE),
         row("PRE", 0, vtd::scalable_context::PRE), row("PDTS", 0, vtd::scalable_context::PDTS, Show::number),
         row("RID_PASID", 1, vtd::scalable_context::RID_PASID, Show::hex)},
        read_scalable_context);
    add("pasid-directory", "VT-d PASID directory entry", 1,
        {row("P", 0, vtd::pasid_directory::P), row("FPD", 0, vtd::pasid_directory::FPD)}, read_pasid_directory);
    add("pasid", "VT-d PASID entry", 8,
        {row("P", 0, vtd::pasid::P), row("FPD", 0, vtd::pasid::FPD), row("AW", 0, vtd::pasid::AW, Show::number),
         row("PGTT", 0, vtd::pasid::PGTT, Show::number, "1 first level|2 second level|3 nested|4 pass through"),
         row("DID", 1, vtd::pasid::DID, Show::number), row("PWSNP", 1, vtd::pasid::PWSNP),
         row("PGSNP", 1, vtd::pasid::PGSNP), row("SRE", 2, vtd::pasid::SRE), row("WPE", 2, vtd::pasid::WPE),
         row("NXE", 2, vtd::pasid::NXE), row("FLPM", 2, vtd::pasid::FLPM, Show::number)},
        read_pasid);
    add("pte", "VT-d second-level word", 1,
        {row("R", 0, second::R), row("W", 0, second::W), row("PS", 0, second::PS), row("A", 0, second::A),
         row("D", 0, second::D), row("SNP", 0, second::SNP)},
        read_pte);
    add("pte-first", "VT-d first-level word", 1,
        {row("P", 0, first::P), row("RW", 0, first::RW), row("US", 0, first::US), row("A", 0, first::A),
         row("D", 0, first::D), row("PS", 0, first::PS), row("G", 0, first::G), row("EA", 0, first::EA),
         row("XD", 0, first::XD)},
        read_first_pte);
    add("irte", "VT-d interrupt entry", 2,
        {row("P", 0, vtd::irte::P), row("FPD", 0, vtd::irte::FPD), row("DM", 0, vtd::irte::DM),
         row("DLM", 0, vtd::irte::DLM, Show::number), row("V", 0, vtd::irte::V, Show::hex),
         row("DST", 0, vtd::irte::DST, Show::hex), row("SID", 1, vtd::irte::SID, Show::hex),
         row("SVT", 1, vtd::irte::SVT, Show::number)},
        read_irte);
    return {family};
}

}  // namespace xlate::iommu::records
