// The lines in which Linux's and Xen's drivers of VT-d tell of faults and of errors of the invalidation queue, and what
// kernels with DMAR_DEBUG print of the tables.
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "iommu/intel/vtd.hpp"
#include "iommu/intel/vtd_records.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/tables/layout_vtd.hpp"

namespace xlate::iommu::records {
namespace {

namespace vtd = iommu::vtd;
namespace fsts = iommu::vtd::fsts;

/// "DMAR: [DMA Read NO_PASID] Request device [00:1f.0] fault addr 0xdeadb000 [fault reason 0x06] PTE Read access is not
/// set"; with "[INTR-REMAP]" "fault index 0x12". Before 5.13 "PASID ffffffff fault addr deadb000 [fault reason 06]",
/// the reason in decimal; before 4.6 in two lines, "DMAR:[DMA Read] Request device ..." and "DMAR:[fault reason 06]
/// ...".
std::optional<Words> read_fault_line(std::string_view line) {
    namespace frcd = vtd::frcd;
    const bool hexadecimal = has(line, "[fault reason 0x");
    auto reason = hexadecimal ? number_after(line, "[fault reason ") : decimal_after(line, "[fault reason ");
    if (!reason) reason = number_after(line, "DMAR: reason ");  // Xen, on a line of its own
    if (!reason) reason = number_after(line, "INTR-REMAP: reason ");
    const std::size_t device = line.find("Request device [");
    if (!reason || device == std::string_view::npos) return std::nullopt;
    constexpr std::uint64_t kNoPasid = 0xFFFFFFFF;
    const std::size_t close = line.find(']', device);
    std::uint64_t high =
        frcd::F.of(1) | frcd::FR.of(*reason) |
        frcd::SID.of(pci_id(line.substr(device, close == std::string_view::npos ? close : close - device)));
    if (const auto index = number_after(line, "fault index "); has(line, "INTR-REMAP") && index)
        return Words{frcd::INDEX.of(*index), high};
    high |= frcd::T1.of(has(line, "DMA Read") ? 1 : 0);
    // "NO_PASID" has no number behind it that "PASID " would find.
    const auto pasid = number_after(line, " PASID ");
    if (pasid && *pasid != kNoPasid) high |= frcd::PP.of(1) | frcd::PV.of(*pasid);
    return Words{frcd::page(number_after(line, "fault addr ").value_or(0)), high};
}

/// Whether it has the half of a fault that says why.
bool has_reason(std::string_view line) {
    return has(line, "[fault reason ") || has(line, "DMAR: reason ") || has(line, "INTR-REMAP: reason ");
}

/// What IQERCD says of an error that FSTS names: its reason, or the device.
std::string reason_text(std::uint64_t reason) {
    constexpr const char* kReasons[] = {"this unit does not say why",
                                        "the tail pointer is wrong",
                                        "a descriptor could not be read",
                                        "a descriptor of a type that does not exist",
                                        "a descriptor with a reserved bit set",
                                        "the width of descriptors in IQA (DW) is wrong",
                                        "the tail pointer is not aligned to the width of descriptors"};
    constexpr std::uint64_t kAllOnes = 0xF;
    if (reason == kAllOnes) return "reason 0xf: all ones, as of a unit that does not answer";
    return fmt::format("reason {:#x}: {}", reason,
                       reason < std::size(kReasons) ? kReasons[reason] : "not one of specification 4.1");
}
std::string source_text(std::uint64_t sid) {
    constexpr std::uint64_t kAllOnes = 0xFFFF;
    if (sid == kAllOnes) return "SID 0xffff: all ones, as of a unit that does not answer";
    if (sid == 0) return "SID 0x0: device 00:00.0, or a unit that does not say which; the descriptor names its device";
    return fmt::format("device {} ({:#x})", requester_text(sid), sid);
}

class Reader : public LogReader {
public:
    bool take(std::string_view line, unsigned number, LogRecords& log) override {
        if (!has(line, "DMAR") && !has(line, "dmar") && !has(line, "INTR-REMAP:")) return false;
        if (std::optional<Words> fault = read_fault_line(line)) {
            std::vector<std::string> said = take_plain_status(log);
            log.add("vt-d.fault", std::move(*fault), number, std::move(said));
            return true;
        }
        return take_status(line, number, log) || take_error(line, number, log) || take_descriptor(line, number, log) ||
               take_table(line, number, log);
    }

private:
    static constexpr unsigned kMostBetween = 16;  ///< lines between the first and the last that tell of one status
    static constexpr std::uint64_t kRegister = std::uint64_t{1} << 32;

    /// The record of FSTS that a line adds `part` to: the one before, if no line has told it that yet.
    LogRecord& status_with(std::uint64_t part, unsigned number, LogRecords& log) {
        if (!status_is_open(number, log) || (status_parts_ & part) != 0) {
            status_ = log.size();
            status_parts_ = 0;
            log.add("vt-d.fsts", {0}, number);
        }
        status_parts_ |= part;
        status_line_ = number;
        return log.all()[status_];
    }
    bool status_is_open(unsigned number, LogRecords& log) const {
        return status_line_ != 0 && number <= status_line_ + kMostBetween && status_ < log.size() &&
               log.all()[status_].kind == find_record_kind("vt-d.fsts");
    }
    /// "DRHD: handling fault status reg 40".
    bool take_status(std::string_view line, unsigned number, LogRecords& log) {
        const auto value = number_after(line, "handling fault status reg ");
        if (!value) return false;
        status_with(kRegister, number, log).words[0] |= *value & low_mask(32);
        return true;
    }
    /// A status of pending faults alone says nothing beside the fault that the next line tells of, but for lost ones.
    std::vector<std::string> take_plain_status(LogRecords& log) {
        constexpr std::uint64_t kPlain = fsts::PFO.mask() | fsts::PPF.mask() | fsts::FRI.mask();
        if (status_line_ == 0 || status_ + 1 != log.size() || status_parts_ != kRegister) return {};
        const std::uint64_t word = log.last().words[0];
        if ((word & ~kPlain) != 0) return {};
        log.all().pop_back();
        status_line_ = 0;
        if (!fsts::PFO.test(word)) return {};
        return {"FSTS had PFO set: more faults than fault records, some are lost"};
    }
    /// "VT-d detected Invalidation Time-out Error: SID 0", "Invalidation Time-out Error (ITE) cleared".
    bool take_error(std::string_view line, unsigned number, LogRecords& log) {
        struct Error {
            std::string_view words, name;
            Field bit;
            std::string_view key;
        };
        static constexpr Error kErrors[] = {{"Invalidation Queue Error", "IQE", fsts::IQE, "Reason "},
                                            {"Invalidation Time-out Error", "ITE", fsts::ITE, "SID "},
                                            {"Invalidation Completion Error", "ICE", fsts::ICE, "SID "}};
        for (const Error& error : kErrors) {
            if (!has(line, error.words)) continue;
            if (const auto value = number_after(line, fmt::format("{}: {}", error.words, error.key))) {
                LogRecord& record = status_with(error.bit.mask(), number, log);
                record.words[0] |= error.bit.mask();
                record.said.push_back(error.name == "IQE" ? reason_text(*value) : source_text(*value));
                return true;
            }
            if (!has(line, fmt::format("({})", error.name))) continue;
            const bool cleared = has(line, "cleared");
            if (cleared && status_is_open(number, log) && error.bit.test(log.all()[status_].words[0])) {
                log.all()[status_].said.push_back(fmt::format("the driver has cleared {}", error.name));
                return true;
            }
            LogRecord& record = status_with(error.bit.mask(), number, log);
            record.words[0] |= error.bit.mask();
            if (cleared) record.said.push_back(fmt::format("the driver has cleared {}", error.name));
            return true;
        }
        return false;
    }
    /// "QI HEAD: Device-TLB Invalidation qw0 = 0xaf0300100003, qw1 = 0x7ffffffffffff001"; before 5.14 "VT-d detected
    /// invalid descriptor: qw0 = ...", before 5.0 "low=..., high=...".
    static bool take_descriptor(std::string_view line, unsigned number, LogRecords& log) {
        const bool head = has(line, "QI HEAD: "), prior = has(line, "QI PRIOR: ");
        if (!head && !prior && !has(line, "detected invalid descriptor: ")) return false;
        auto low = number_after(line, "qw0 = "), high = number_after(line, "qw1 = ");
        if (!low) low = number_after(line, "low=");
        if (!high) high = number_after(line, "high=");
        if (!low || !high) return false;
        log.add("vt-d.descriptor", {*low, *high}, number,
                {head    ? "at the head of the queue"
                 : prior ? "the one before the head of the queue"
                         : "the queue stopped at it (IQE)"});
        return true;
    }
    bool take_table(std::string_view line, unsigned number, LogRecords& log) {
        if (const auto iova = number_after(line, "table entries for IOVA ")) {
            iova_ = iova;
            present_ = true;
            scalable_ = first_level_ = false;
            return false;
        }
        const auto high = number_after(line, "entry: hi "), low = number_after(line, ", low ");
        if (has(line, "scalable mode root entry: ") && high && low) {
            scalable_ = true;
            log.add("vt-d.scalable-root", {*low, *high}, number);
            return true;
        }
        if (const auto root = number_after(line, "root entry: ")) {
            scalable_ = false;
            log.add("vt-d.root", {*root}, number);
            return true;
        }
        if (has(line, "context entry: ") && high && low) {
            present_ = vtd::context::P.test(*low);
            if (scalable_) {
                log.add("vt-d.scalable-context", {*low, *high, 0, 0}, number,
                        {"the line has two of its four words; the others read as 0"});
            } else {
                log.add("vt-d.context", {*low, *high}, number);
            }
            return true;
        }
        if (const auto directory = number_after(line, "pasid dir entry: ")) {
            log.add("vt-d.pasid-directory", {*directory}, number);
            return true;
        }
        if (pasid_.take(line, number, log)) {
            if (const LogRecord* const entry = pasid_.whole(log)) {
                first_level_ = vtd::pasid::PGTT.get(entry->words[0]) == vtd::pasid::FIRST_LEVEL;
                present_ = vtd::pasid::P.test(entry->words[0]);
            }
            return true;
        }
        const auto level = decimal_after(line, "pte level: ");
        const auto word = number_after(line, "pte value: ");
        if (!level || !word) return false;
        log.add(scalable_ && first_level_ ? "vt-d.pte-first" : "vt-d.pte", {*word}, number, table_word(*level, *word));
        return true;
    }
    /// What the place of a table's word says of it.
    std::vector<std::string> table_word(std::uint64_t level, std::uint64_t word) const {
        namespace first = iommu::vtd_table::first;
        namespace second = iommu::vtd_table::second;
        const bool is_first = scalable_ && first_level_;
        std::string text = fmt::format("level {}", level);
        if (iova_) text += fmt::format(" of the walk for {:#x}", *iova_);
        const bool there = is_first ? first::P.test(word) : second::R.test(word) || second::W.test(word);
        // PS is bit 7 of both.
        const bool large = second::PS.test(word) && level <= iommu::vtd_table::kLeafLevels;
        if (there)
            text += level <= 1   ? ": a page of 4 KiB"
                    : !large     ? ": a table"
                    : level == 2 ? ": a page of 2 MiB"
                                 : ": a page of 1 GiB";
        std::vector<std::string> said{std::move(text)};
        if (!present_)
            said.emplace_back(
                "the entry before it is not present: the kernel followed it all the same, and this is no "
                "word of a table");
        return said;
    }

    std::size_t status_ = 0;          ///< the last record of FSTS
    std::uint64_t status_parts_ = 0;  ///< what lines have told of it: error bits, kRegister
    unsigned status_line_ = 0;        ///< the last of these lines; 0: none
    std::optional<std::uint64_t> iova_;
    bool scalable_ = false, first_level_ = false;
    bool present_ = true;  ///< the context or PASID entry of this walk
    WordLines pasid_{"pasid table entry[", "vt-d.pasid", 8, 64};
};

}  // namespace

std::unique_ptr<LogReader> make_vtd_log_reader() { return std::make_unique<Reader>(); }

bool is_vtd_fault_in_two_lines(std::string_view line, std::string_view next) {
    constexpr std::string_view kDevice = "Request device [";
    return has(line, kDevice) && !has_reason(line) && has_reason(next) && !has(next, kDevice) &&
           has(line, "INTR-REMAP") == has(next, "INTR-REMAP");
}

// Linux: __domain_mapping(), IOMMU_WAIT_OP, warn_invalid_dmar(), prq_event_thread(), dmar_fault_dump_ptes() and
// pgtable_walk().
std::string_view vtd_line_meaning(std::string_view line) {
    if (has(line, "DMA PTE for vPFN"))
        return "the kernel maps an address of a device that is mapped already: two owners use the same address (a "
               "reserved region that another device of the group has, or a driver outside the DMA API); the second "
               "mapping stands";
    if (!has(line, "DMAR") && !has(line, "dmar")) return {};
    constexpr LineMeaning kMeanings[] = {
        {"DMAR hardware is malfunctioning",
         "the unit did not do what a register asked for within ten seconds, and the kernel stopped: often a unit "
         "without power or that firmware describes wrongly; intel_iommu=off boots without it"},
        {"returns all ones!",
         "firmware's DMAR table names a unit where there is none, or one that is switched off: Linux does not use it"},
        {"DMAR reported at address 0", "firmware's DMAR table names a unit without an address: Linux does not use it"},
        {"PRQ overflow detected",
         "the page request queue was full: requests of devices (PRI) are lost, and the unit has answered those itself"},
        {"PRQ overflow cleared", "the page request queue takes requests again"},
        {"Page request without PASID", "a device asked for a page without a PASID, and the kernel has refused it"},
        {"Address is not canonical",
         "a device asked for a page at an address that cannot be one, and the kernel has refused it"},
        {"Page request in Privilege Mode",
         "a device asked for a page with supervisor's rights, and the kernel has refused it"},
        {"root table is not present", "the walk of this fault ends here: the unit has no root table"},
        {"not present at level",
         "the walk of this fault ends here: the table has no entry for the address, as it was never mapped or is "
         "unmapped already"},
        {"is not present", "the walk of this fault ends here: the kernel has no such table for the device"}};
    return meaning_in(kMeanings, line);
}

}  // namespace xlate::iommu::records
