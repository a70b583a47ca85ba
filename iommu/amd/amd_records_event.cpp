// Events of AMD-Vi: which fields each has, and what it tells.
#include <iterator>

#include <fmt/format.h>

#include "iommu/amd/amd_records.hpp"
#include "iommu/amd/iommu.hpp"

namespace xlate::iommu::records::amd_vi {
namespace {

namespace amd = iommu::amd;
namespace event = iommu::amd::event;
using amd::Event;
using Show = RecordField::Show;

std::uint16_t code_of(const Words& words) { return static_cast<std::uint16_t>(event::CODE.get(words[0])); }

template <unsigned... Codes>
bool of_code(const Words& words) {
    return ((code_of(words) == Codes) || ...);
}
constexpr auto code(Event one) { return static_cast<unsigned>(one); }

constexpr unsigned kDte = code(Event::illegal_dev_table_entry), kPageFault = code(Event::io_page_fault),
                   kDevTabHw = code(Event::dev_tab_hw_error), kPageTabHw = code(Event::page_tab_hw_error),
                   kCommandHw = code(Event::command_hw_error), kRequest = code(Event::invalid_device_request),
                   kPpr = code(Event::invalid_ppr);

/// The field of the domain holds a PASID's lower half where GN is set, and where an event knows no domain.
bool has_domain(const Words& words) { return of_code<kPageFault, kPageTabHw>(words) && !event::GN.test(words[0]); }
bool has_pasid(const Words& words) {
    return of_code<kDte, kRequest, kPpr>(words) || (of_code<kPageFault, kPageTabHw>(words) && event::GN.test(words[0]));
}
std::uint64_t pasid(const Words& words) {
    namespace ppr = amd::ppr;
    const std::uint64_t word = words[0];
    return of_code<kPpr>(words) ? ppr::PASID_15_0.get(word) | ppr::PASID_19_16.get(word) << 16
                                : event::DOMAIN_ID.get(word) | event::PASID_19_16.get(word) << 16;
}
constexpr Field kFlags{48, 12};

/// What a device may not ask, by the type that the event has: one table of translation requests, one of the others.
const char* refused_request(bool translation_request, std::uint64_t type) {
    constexpr const char* kOfAccesses[] = {
        "a read, or a write that waits for an answer (not posted), of the interrupt range",
        "an access that the device says is translated already (ATS), though its entry has I=0 or V=0",
        "an access to port I/O, which the device's entry does not let through (IoCtl 00b)",
        "a posted write to the system management range, which the device's entry does not let through (SysMgt 00b, or "
        "10b and the message is no INTx), or to a range that HtAtsResv reserves",
        "a read, or a write that waits for an answer, of the system management range, which the device's entry does "
        "not let through (SysMgt 10b or 0xb), or of a range that HtAtsResv reserves",
        "a posted write to the interrupt/EOI range from a device whose entry has IntCtl=00b: its messages are aborted, "
        "as before a driver sets its interrupts up",
        "a posted write to an interrupt address that is reserved",
        "an access to the system management range with SysMgt=11b, or to port I/O with IoCtl=10b, while the device's "
        "entry has V=1 and TV=0"};
    constexpr const char* kOfTranslationRequests[] = {
        "an ATS translation request of a device whose entry has I=0 or V=0, or V=1 and TV=0",
        "an ATS translation request of an address in the interrupt, port I/O or system management range"};
    if (!translation_request) return kOfAccesses[type];
    return type < std::size(kOfTranslationRequests) ? kOfTranslationRequests[type]
                                                    : "a translation request of a reserved type";
}

const char* page_fault_note(std::uint64_t word) {
    if (event::I.test(word))
        return "an interrupt that the interrupt table does not let through: its entry is off, or beyond the table";
    if (!event::PR.test(word))
        return "nothing is mapped there: never mapped, unmapped already, or the device uses an address that is not its "
               "own; also what a device without a domain meets";
    if (event::PE.test(word)) {
        return event::RW.test(word) ? "it is mapped, but not for a write: the table's words or the device's entry (IW) "
                                      "forbid it"
                                    : "it is mapped, but not for a read: the table's words or the device's entry (IR) "
                                      "forbid it";
    }
    return event::RZ.test(word) ? "a table word has a reserved bit set"
                                : "a table word names a level that cannot be below it";
}

std::string hardware_error(std::uint64_t word) {
    constexpr const char* kTypes[] = {"", ", master abort", ", target abort", ", data error"};
    return kTypes[event::HW_TYPE.get(word)];
}

}  // namespace

std::string event_title(std::uint16_t code) {
    switch (code) {
        case 0:
            return "no event (code 0)";
        case 0xA:
            return "EVENT_COUNTER_ZERO";
        case 0xB:
            return "GUEST_EVENT_FAULT";
        case 0xC:
            return "VIOMMU_HARDWARE_ERROR";
        case kRmpPageFault:
            return "RMP_PAGE_FAULT";
        case kRmpHardwareError:
            return "RMP_HARDWARE_ERROR";
        default:
            return amd::event_name(code);
    }
}

Reading read_event(const Words& words) {
    const std::uint64_t word = words[0], address = words[1];
    const std::uint16_t code = code_of(words);
    const std::uint64_t device = event::DEVICE.get(word);
    Reading reading;
    reading.headline = event_title(code);
    const auto of_device = [&](const char* what) {
        reading.headline += fmt::format(", device {} ({:#x}), {} {:#x}", requester_text(device), device, what, address);
    };
    if (code == 0) {
        reading.notes.emplace_back("the record had not been written yet when the driver read it");
        return reading;
    }
    if (code == kRmpPageFault) {
        of_device(event::RW.test(word) ? "write to guest address" : "read of guest address");
        reading.notes.emplace_back(
            "SEV-SNP: the reverse map table does not let the device at this page: it is private memory of a guest, or "
            "not of the guest that the request is of");
        return reading;
    }
    if (code == kRmpHardwareError) {
        of_device("entry at");
        reading.notes.emplace_back(
            "SEV-SNP: the reverse map table could not be read there: no memory, or an error of it");
        return reading;
    }
    switch (static_cast<Event>(code)) {
        case Event::io_page_fault:
            of_device(event::I.test(word) ? "message" : event::RW.test(word) ? "write to" : "read of");
            reading.headline += event::GN.test(word) ? fmt::format(", PASID {:#x}", pasid(words))
                                                     : fmt::format(", domain {:#x}", event::DOMAIN_ID.get(word));
            reading.notes.emplace_back(page_fault_note(word));
            break;
        case Event::illegal_dev_table_entry:
            of_device("address");
            reading.notes.emplace_back(
                event::RZ.test(word)
                    ? "a reserved bit is set in the device's entry, or a bit whose feature the control register has "
                      "off (PPR while EPHEn is 0)"
                    : "the entry's Mode does not exist, or is 0 with TV set while SNP is on; or the device is beyond "
                      "the table");
            break;
        case Event::dev_tab_hw_error:
        case Event::page_tab_hw_error:
            of_device("entry at");
            reading.headline += hardware_error(word);
            reading.notes.emplace_back("what stands there could not be read: no memory, or an error of it");
            break;
        case Event::illegal_command:
        case Event::command_hw_error:
            reading.headline += fmt::format(", command at {:#x}", address);
            if (code == kCommandHw) reading.headline += hardware_error(word);
            reading.notes.emplace_back(
                "the command buffer stands still until software turns it off and on: what waits behind it waits for "
                "ever");
            break;
        case Event::iotlb_inv_timeout:
            of_device("command at");
            reading.notes.emplace_back("the endpoint did not answer an invalidation of its ATC");
            break;
        case Event::invalid_device_request:
            of_device("address");
            if (event::GN.test(word)) reading.headline += fmt::format(", PASID {:#x}", pasid(words));
            reading.notes.emplace_back(refused_request(event::TR.test(word), event::REQUEST_TYPE.get(word)));
            break;
        case Event::invalid_ppr:
            of_device("page at");
            reading.headline += fmt::format(", PASID {:#x}, tag {:#x}", pasid(words), amd::ppr::TAG.get(word));
            reading.notes.emplace_back(
                "a page request (PRI) that the IOMMU does not take from this device: its entry does not allow it, or "
                "page requests are off");
            break;
        default:
            break;
    }
    return reading;
}

std::vector<RecordField> event_fields() {
    const auto row = [](std::string_view name, const Field& field, Show show, bool (*when)(const Words&),
                        std::string_view values = {}) {
        RecordField one = word_row(name, field, show, values);
        one.when = when;
        return one;
    };
    RecordField process = row("PASID", {}, Show::hex, has_pasid);
    process.pieces = pasid;
    constexpr auto kAll = nullptr;
    constexpr auto kHardware = of_code<kDevTabHw, kPageTabHw, kCommandHw>;
    constexpr auto kRmp = of_code<kRmpPageFault, kRmpHardwareError>;
    constexpr auto kAccess = of_code<kDte, kPageFault, kDevTabHw, kPageTabHw>;
    return {
        row("Code", event::CODE, Show::flag, kAll),
        row("DeviceID", event::DEVICE, Show::hex,
            of_code<kDte, kPageFault, kDevTabHw, kPageTabHw, code(Event::iotlb_inv_timeout), kRequest, kPpr,
                    kRmpPageFault, kRmpHardwareError>),
        row("DomainID", event::DOMAIN_ID, Show::hex, has_domain),
        process,
        row("PPRTag", amd::ppr::TAG, Show::hex, of_code<kPpr>),
        row("VMGTag", rmp::VMG_TAG, Show::hex, kRmp),
        row("RMPFlags", rmp::RMP_FLAGS, Show::hex, of_code<kRmpPageFault>),
        row("GN", event::GN, Show::flag, of_code<kDte, kPageFault, kPageTabHw, kRequest>),
        row("NX", event::NX, Show::flag, of_code<kPageFault>),
        row("US", event::US, Show::flag, of_code<kPageFault>),
        row("I", event::I, Show::flag, kAccess),
        row("PR", event::PR, Show::flag, of_code<kPageFault>),
        row("RW", event::RW, Show::flag, kAccess),
        row("PE", event::PE, Show::flag, of_code<kPageFault>),
        row("RZ", event::RZ, Show::flag, of_code<kDte, kPageFault>),
        row("TR", event::TR, Show::flag, of_code<kDte, kPageFault, kDevTabHw, kPageTabHw, kRequest>),
        row("Type", event::HW_TYPE, Show::number, kHardware, "0 reserved|1 master abort|2 target abort|3 data error"),
        row("Type", event::REQUEST_TYPE, Show::number, of_code<kRequest>),
        row("Flags", kFlags, Show::hex, of_code<kPpr, kRmpPageFault, kRmpHardwareError>),
        {"Address", 1, 0, 64, Show::hex}};
}

}  // namespace xlate::iommu::records::amd_vi
