// Registers and table words of Qualcomm's first IOMMU. Source: docs/msm-v0.md; Arm DDI 0406C B3.5 (short descriptors).
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "iommu/qcom/layout_msm.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/records/log_reader.hpp"
#include "iommu/records/record.hpp"
#include "iommu/tables/layout_vmsa7_short.hpp"

namespace xlate::iommu::records {
namespace {

namespace msm = iommu::msm;
namespace l1 = iommu::vmsa7_short::l1;
namespace l2 = iommu::vmsa7_short::l2;
using Show = RecordField::Show;

Reading read_fsr(const Words& words) {
    namespace fsr = msm::fsr;
    const std::pair<std::uint64_t, std::string_view> kCauses[] = {
        {fsr::TF.mask(), "no page"},
        {fsr::AFF.mask(), "the access flag is 0"},
        {fsr::APF.mask(), "the page does not allow it"},
        {fsr::TLBMF.mask(), "TLB miss with walks off"},
        {fsr::HTWDEEF.mask(), "memory refused a table's word"},
        {fsr::HTWSEEF.mask(), "a walk was refused"},
        {fsr::MHF.mask(), "two TLB entries match"}};
    Reading reading{names_of_bits(words[0], kCauses, "no fault"), {}};
    if (fsr::SS.test(words[0])) reading.headline += ", stalled";
    if (fsr::MULTI.test(words[0])) reading.notes.emplace_back("more faults came before this one was cleared");
    return reading;
}

Reading read_syndrome(const Words& words) {
    namespace one = msm::fsynr1;
    return {fmt::format("{}, {}, {}, master {:#x}", one::AWRITE.test(words[1]) ? "write" : "read",
                        one::APRIV.test(words[1]) ? "privileged" : "unprivileged",
                        one::AINST.test(words[1]) ? "instruction" : "data", msm::fsynr0::AMID.get(words[0])),
            {}};
}

Reading read_far(const Words& words) { return {fmt::format("the access that faulted is at {:#x}", words[0]), {}}; }

Reading read_master(const Words& words) {
    namespace m2v = msm::m2vcbr;
    if (m2v::BYPASSD.test(words[0])) return {"the master passes untranslated", {}};
    return {fmt::format("the master uses context bank {}, VMID {}", m2v::CBNDX.get(words[0]), m2v::VMID.get(words[0])),
            {}};
}

Reading read_l1(const Words& words) {
    const std::uint64_t word = words[0];
    switch (l1::TYPE.get(word)) {
        case l1::TYPE_FAULT:
            return {"nothing: a translation fault", {}};
        case l1::TYPE_TABLE:
            return {fmt::format("a table at {:#x}", l1::table_address(word)), {}};
        default:
            break;
    }
    const bool super = l1::SUPER.test(word);
    return {fmt::format("{} at {:#x}{}", super ? "16 MiB" : "1 MiB",
                        super ? l1::supersection_address(word) : l1::section_address(word),
                        l1::AP2.test(word) ? ", read only" : ""),
            {}};
}

Reading read_l2(const Words& words) {
    const std::uint64_t word = words[0];
    if (l2::TYPE.get(word) == l2::TYPE_FAULT) return {"nothing: a translation fault", {}};
    const bool large = l2::TYPE.get(word) == l2::TYPE_LARGE;
    return {
        fmt::format("{} at {:#x}{}", large ? "64 KiB" : "4 KiB",
                    large ? l2::large_address(word) : l2::small_address(word), l2::AP2.test(word) ? ", read only" : ""),
        {}};
}

/// Linux's module prints a register or two a line, behind its own name.
std::optional<LineRecord> read_line(std::string_view line) {
    if (!has(line, "msm_iommu: ")) return std::nullopt;
    if (const auto far = number_after(line, "FAR    = ")) return LineRecord{"far", {*far}};
    if (const auto fsr = number_after(line, "FSR    = ")) return LineRecord{"fsr", {*fsr}};
    const auto zero = number_after(line, "FSYNR0 = "), one = number_after(line, "FSYNR1 = ");
    if (zero && one) return LineRecord{"fsynr", {*zero, *one}};
    return std::nullopt;
}

/// Lines of "msm_iommu_v1", the driver of vendors' kernels for the generation after: an SMMU, whose FSR is read as one.
/// FAR stands before it, FSYNR0 behind.
class Reader : public LogReader {
public:
    bool take(std::string_view line, unsigned number, LogRecords& log) override {
        if (!has(line, "msm_iommu_v1: ")) return false;
        if (const auto far = number_after(line, "FAR    = ")) {
            far_ = far;
            far_line_ = number;
            return true;
        }
        const auto syndrome = number_after(line, "FSYNR0 = ");
        if (!syndrome) return false;
        if (log.size() == 0 || log.last().kind != find_record_kind("smmuv2.fsr") ||
            number > log.last().line + kMostBetween)
            return true;
        LogRecord& record = log.last();
        const bool whole = far_ && far_line_ < record.line && record.line <= far_line_ + kMostBetween;
        record.words.push_back(*syndrome);
        if (whole) record.words.push_back(*far_);
        if (!whole) record.said.emplace_back("the log does not give FAR, the address");
        record.kind = find_record_kind("smmuv2.context-fault");
        far_.reset();
        return true;
    }

private:
    static constexpr unsigned kMostBetween = 8;  ///< lines of others between two of one fault
    std::optional<std::uint64_t> far_;
    unsigned far_line_ = 0;
};

std::unique_ptr<LogReader> make_reader() { return std::make_unique<Reader>(); }

}  // namespace

std::vector<RecordFamily> msm_records() {
    RecordFamily family{"msm"};
    family.place = 14;
    family.line = read_line;
    family.reader = make_reader;
    family.kinds = {{"fsr", "Qualcomm msm FSR", 1, 32, {}, read_fsr},
                    {"far", "Qualcomm msm FAR", 1, 32, {}, read_far},
                    {"fsynr",
                     "Qualcomm msm FSYNR0 and FSYNR1",
                     2,
                     32,
                     {{"AMID", 0, msm::fsynr0::AMID.lsb, msm::fsynr0::AMID.width, Show::hex},
                      {"APRIV", 1, msm::fsynr1::APRIV.lsb, 1, Show::flag},
                      {"AINST", 1, msm::fsynr1::AINST.lsb, 1, Show::flag},
                      {"AWRITE", 1, msm::fsynr1::AWRITE.lsb, 1, Show::flag}},
                     read_syndrome},
                    {"m2vcbr",
                     "Qualcomm msm M2VCBR",
                     1,
                     32,
                     {word_row("VMID", msm::m2vcbr::VMID, Show::number),
                      word_row("CBNDX", msm::m2vcbr::CBNDX, Show::number), word_row("BYPASSD", msm::m2vcbr::BYPASSD)},
                     read_master},
                    {"l1",
                     "Qualcomm msm first-level word (short descriptor)",
                     1,
                     32,
                     {word_row("TYPE", l1::TYPE, Show::number, "0 fault|1 table|2 section|3 section"),
                      word_row("SUPER", l1::SUPER)},
                     read_l1},
                    {"l2",
                     "Qualcomm msm second-level word (short descriptor)",
                     1,
                     32,
                     {word_row("TYPE", l2::TYPE, Show::number, "0 fault|1 large page|2 page|3 page"),
                      word_row("S", l2::S), word_row("nG", l2::nG)},
                     read_l2}};
    return {family};
}

}  // namespace xlate::iommu::records
