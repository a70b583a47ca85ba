// The lines in which Linux's and Xen's drivers of AMD-Vi tell of events, and the dumps that follow some of them.
#include <utility>

#include <fmt/format.h>

#include "iommu/amd/amd_records.hpp"
#include "iommu/amd/iommu.hpp"
#include "iommu/records/log_line.hpp"

namespace xlate::iommu::records::amd_vi {
namespace {

namespace amd = iommu::amd;
namespace event = iommu::amd::event;
constexpr Field kFlags{48, 12};
constexpr auto kPpr = static_cast<std::uint16_t>(amd::Event::invalid_ppr);

/// Three formats of Xen: "AMD-Vi: IO_PAGE_FAULT: 0000:00:14.0 d0 addr 000000fdf8010140 flags 0x8 I",
/// "... domain = 0, device id = 0xa0, fault address = 0xfdf8020200, flags = 0x8" and
/// "... domain:0, device 0000:06:00.0, fault address 0x8c9f0000, flags 0x10".
std::optional<LineRecord> read_xen_line(std::string_view line) {
    const std::size_t start = line.find("AMD-Vi: ");
    if (start == std::string_view::npos) return std::nullopt;
    for (std::uint16_t code = 1; code <= kLastEvent; ++code) {
        const std::string name = fmt::format("AMD-Vi: {}: ", event_title(code));
        if (line.substr(start, name.size()) != name) continue;
        const std::string_view rest = line.substr(start + name.size());
        const auto either = [&](std::string_view one, std::string_view other) {
            const auto value = number_after(rest, one);
            return value ? value : number_after(rest, other);
        };
        auto address = either(" addr ", " address = ");
        if (!address) address = number_after(rest, " address ");
        const auto flags = either(" flags ", " flags = ");
        if (!address || !flags) return std::nullopt;
        const auto id = number_after(rest, "device id = ");
        auto domain = decimal_after(rest, "domain = ");
        if (!domain) domain = decimal_after(rest, "domain:");
        if (!domain) domain = decimal_after(rest, " d");
        return LineRecord{"event",
                          {event::CODE.of(code) | event::DEVICE.of(id ? *id : pci_id(rest)) |
                               event::DOMAIN_ID.of(domain.value_or(0)) | kFlags.of(*flags),
                           *address}};
    }
    return std::nullopt;
}

/// The code that a line of Linux names; 0: none. Kernels up to 4.20 broke the line behind the bracket.
std::uint16_t code_in(std::string_view line) {
    constexpr std::string_view kStart = "Event logged [";
    const std::size_t start = line.find(kStart);
    std::string_view name;
    if (start != std::string_view::npos) {
        const std::size_t at = start + kStart.size();
        name = line.substr(at, line.find_first_of(" ]", at) - at);
        if (name == "RMP_HW_ERROR") return kRmpHardwareError;
    }
    for (std::uint16_t code = 1; code <= kLastEvent; ++code) {
        const std::string title = event_title(code);
        if (name == title) return code;
        if (start == std::string_view::npos &&
            (has(line, title + " device=") || has(line, title + " address=") || has(line, title + " domain=")))
            return code;
    }
    return 0;
}

/// "AMD-Vi: Event logged [UNKNOWN event[0]=0x00000300 event[1]=0xa0000000 event[2]=0x00000000 event[3]=0x00000000".
std::optional<LineRecord> read_unknown(std::string_view line) {
    if (!has(line, "Event logged [UNKNOWN")) return std::nullopt;
    Words words(2);
    for (unsigned i = 0; i < 4; ++i) {
        const auto word = number_after(line, fmt::format("event[{}]=", i));
        if (!word) return std::nullopt;
        words[i / 2] |= (*word & low_mask(32)) << (i % 2 * 32);
    }
    return LineRecord{"event", std::move(words)};
}

/// "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:1f.0 domain=0x0009 address=0xdeadb000 flags=0x0020]"; with a
/// device in front of it the line itself names none.
std::optional<LineRecord> read_line(std::string_view line) {
    const std::uint16_t code = code_in(line);
    if (code == 0) {
        auto unknown = read_unknown(line);
        return unknown ? unknown : read_xen_line(line);
    }
    const std::size_t device = line.find("device=");
    constexpr std::size_t kKey = 7;
    const std::string_view name = device != std::string_view::npos
                                      ? line.substr(device + kKey, line.find(' ', device) - device - kKey)
                                      : line.substr(0, line.find("AMD-Vi:"));
    const std::uint64_t id = pci_id(name);
    const bool rmp = code == kRmpPageFault || code == kRmpHardwareError;
    std::vector<std::string> said;
    if (device == std::string_view::npos && id == 0 && !has(name, "00:00.0") && (rmp || has(line, "domain=")))
        said.emplace_back("the line does not say which device it was: the kernel prints it in front of 'AMD-Vi:'");
    const auto number = [&](std::string_view key) { return number_after(line, key).value_or(0); };
    std::uint64_t word = event::CODE.of(code) | event::DEVICE.of(id) | kFlags.of(number(" flags="));
    std::uint64_t address = number(" address=");
    if (rmp) {
        word |= rmp::VMG_TAG.of(number("vmg_tag=")) | rmp::RMP_FLAGS.of(number("flags_rmp="));
        address = number(has(line, "spa=") ? "spa=" : "gpa=");
    } else if (code == kPpr) {
        const std::uint64_t pasid = number("pasid=");
        word |=
            amd::ppr::PASID_15_0.of(pasid) | amd::ppr::PASID_19_16.of(pasid >> 16) | amd::ppr::TAG.of(number(" tag="));
    } else {
        const std::uint64_t space = has(line, "domain=") ? number("domain=") : number("pasid=");
        word |= event::DOMAIN_ID.of(space) | event::PASID_19_16.of(space >> 16);
    }
    return LineRecord{"event", {word, address}, std::move(said)};
}

class Reader : public LogReader {
public:
    bool take(std::string_view line, unsigned number, LogRecords& log) override {
        if (entry_.take(line, number, log)) {
            if (LogRecord* const entry = entry_.whole(log)) explain(*entry, number);
            return true;
        }
        if (command_.take(line, number, log)) return true;
        if (const auto control = has(line, "AMD-Vi") ? number_after(line, "Control Reg :") : std::nullopt) {
            log.add("amd-vi.control", {*control}, number);
            control_ = *control;
            return true;
        }
        std::optional<LineRecord> record = read_line(line);
        if (!record) return false;
        event_ = record->words[0];
        event_line_ = number;
        control_.reset();
        log.add("amd-vi.event", std::move(record->words), number, std::move(record->said));
        return true;
    }

private:
    /// Which bits of an entry the event just before it tells of.
    void explain(LogRecord& entry, unsigned number) const {
        namespace dte = amd::dte;
        constexpr unsigned kMostBetween = 16;
        if (event_line_ == 0 || number > event_line_ + kMostBetween ||
            event::CODE.get(event_) != static_cast<std::uint64_t>(amd::Event::illegal_dev_table_entry))
            return;
        amd::Dte words;
        for (std::size_t i = 0; i < words.words.size(); ++i) words.words[i] = entry.words[i];
        amd::AmdParams all;
        all.ext_feat = amd::ext_feat_by_name("full");
        if (!words.valid() || amd::check(words, all) != amd::DteError::none) return;
        if (!event::RZ.test(event_)) {
            if (words.translation_valid() && words.mode() == 0)
                entry.said.emplace_back("TV is set with a Mode of 0, which is illegal while SNP is on");
        } else if (dte::PPR.test(words.words[0]) && (!control_ || !kControlEph.test(*control_))) {
            entry.said.emplace_back(control_ ? "PPR is set, and the control register has EPHEn off: a reserved bit then"
                                             : "PPR is set: a reserved bit if the control register has EPHEn (bit 45) "
                                               "off");
        }
    }

    WordLines entry_{"DTE[", "amd-vi.dte", 4, 64};
    WordLines command_{"CMD[", "amd-vi.command", 4, 32};
    std::uint64_t event_ = 0;  ///< the first word of the last event
    unsigned event_line_ = 0;
    std::optional<std::uint64_t> control_;  ///< the register, as printed behind that event
};

}  // namespace

std::unique_ptr<LogReader> make_log_reader() { return std::make_unique<Reader>(); }

std::string_view line_meaning(std::string_view line) {
    if (has(line, "Completion-Wait loop timed out"))
        return "a COMPLETION_WAIT did not come back: the IOMMU does not take commands (its buffer stands still, or an "
               "endpoint does not answer an invalidation), and what was unmapped may still be in its caches";
    if (!has(line, "AMD-Vi")) return {};
    constexpr std::string_view kEventsLost = "events came faster than the driver took them: some are lost";
    constexpr std::string_view kRequestsLost = "page requests came faster than the driver took them: some are lost";
    constexpr std::string_view kInterruptsLost =
        "interrupts for guests came faster than the driver took them: guests may have to wait for the next one";
    constexpr std::string_view kNoIoApic =
        "firmware's IVRS table leaves out an IO-APIC: Linux does not remap interrupts then, unless ivrs_ioapic on the "
        "command line names its device";
    // Linux amd/iommu.c and amd/init.c: the "overflow" lines of older kernels, amd_iommu_restart_log(),
    // __iommu_queue_command_sync(), init_iommu_perf_ctr(), check_ioapic_information().
    constexpr LineMeaning kMeanings[] = {
        {"vent log overflow", kEventsLost},
        {"IOMMU Event log restarting", kEventsLost},
        {"PPR log overflow", kRequestsLost},
        {"IOMMU PPR log restarting", kRequestsLost},
        {"GA Log overflow", kInterruptsLost},
        {"IOMMU GA log restarting", kInterruptsLost},
        {"Command buffer timeout",
         "the command buffer stayed full: the IOMMU does not take commands, and what was unmapped may still be in its "
         "caches"},
        {"Unable to read/write to IOMMU perf counter",
         "the IOMMU's performance counters do not count, and Linux leaves them alone: translation is not touched by "
         "it"},
        {"not in IVRS table", kNoIoApic},
        {"No southbridge IOAPIC found", kNoIoApic}};
    return meaning_in(kMeanings, line);
}

}  // namespace xlate::iommu::records::amd_vi
