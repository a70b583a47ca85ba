#include "iommu/smmuv2/log_reader.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/smmuv2/fault_block.hpp"
#include "iommu/smmuv2/layout.hpp"

namespace xlate::iommu::smmuv2 {
namespace {

using records::has;
using records::LogRecords;
using records::number_after;

/// "arm-smmu 15000000.apps-smmu"; empty if the line does not tell.
std::string_view speaker_of(std::string_view line) {
    const std::size_t start = line.find("arm-smmu ");
    if (start == std::string_view::npos) return {};
    const std::size_t end = line.find(':', start);
    return end == std::string_view::npos ? std::string_view{} : line.substr(start, end - start);
}

/// What is said, with single spaces.
std::string text_behind(std::string_view line, std::string_view speaker) {
    const std::size_t at = speaker.empty() ? 0 : line.find(speaker) + speaker.size() + 1;
    std::string text;
    for (const char c : line.substr(std::min(at, line.size()))) {
        const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
        if (space && (text.empty() || text.back() == ' ')) continue;
        text += space ? ' ' : c;
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}

/// The value of "FSR    = 0x402" or "SID=0x19c3", a name that stands by itself.
std::optional<std::uint64_t> register_in(std::string_view line, std::string_view name) {
    for (std::size_t at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1)) {
        const bool begins = at == 0 || std::isalnum(static_cast<unsigned char>(line[at - 1])) == 0;
        std::size_t end = at + name.size();
        while (end < line.size() && line[end] == ' ') ++end;
        if (begins && end < line.size() && line[end] == '=') return number_after(line.substr(end), "=");
    }
    return std::nullopt;
}

/// Lines of a context fault that tell no more of it than they say, by their beginnings.
bool accompanies(std::string_view text) {
    constexpr std::array kBeginnings = {"PAR =",
                                        "FSYNR1 =",
                                        "context bank# =",
                                        "TTBR0 =",
                                        "TTBR1 =",
                                        "SCTLR =",
                                        "CBAR =",
                                        "MAIR0 =",
                                        "CONTEXTIDR =",
                                        "Client info: BID=",
                                        "soft iova-to-phys",
                                        "hard iova-to-phys",
                                        "SOFTWARE TABLE WALK FAILED",
                                        "PTE = "};
    return std::any_of(kBeginnings.begin(), kBeginnings.end(),
                       [&](std::string_view one) { return text.substr(0, one.size()) == one; });
}

/// "*** gpu fault: ttbr0=00000001e4a50000 iova=0000000000000000 dir=READ type=TRANSLATION source=UCHE (0,0,0,1)", and,
/// without the SMMU's registers, "*** gpu fault: iova=... flags=1 (...)" and "*** fault: iova=..., flags=1".
bool take_gpu_fault(std::string_view line, unsigned number, LogRecords& log) {
    const auto iova = number_after(line, "iova=");
    if (!iova) return false;
    const auto flags = records::decimal_after(line, "flags=");
    const bool write = has(line, " dir=WRITE") || (flags.value_or(0) & 1) != 0;  // IOMMU_FAULT_WRITE
    // The driver knows no tables but AArch64's.
    constexpr std::uint64_t kAarch64 = 2;
    records::Words words{fsr::FORMAT.of(kAarch64), fsynr0::WNR.of(write ? 1 : 0), *iova};
    std::vector<std::string> said;
    if (has(line, " type=TRANSLATION")) {
        words[0] |= fsr::TF.of(1);
    } else if (has(line, " type=PERMISSION")) {
        words[0] |= fsr::PF.of(1);
    } else if (has(line, " type=EXTERNAL")) {
        words[0] |= fsr::EF.of(1);
    } else {
        said.emplace_back("the line does not say what fault it is");
    }
    const std::size_t start = line.find("*** ");
    said.push_back("of the GPU or display: " + std::string(line.substr(start + 4)));
    said.emplace_back("of privilege, data or instruction, and level the line says nothing: they read as 0");
    log.add("smmuv2.context-fault", std::move(words), number, std::move(said));
    return true;
}

class Reader : public records::LogReader {
public:
    bool take(std::string_view line, unsigned number, LogRecords& log) override {
        if (has(line, "*** gpu fault: ") || has(line, "*** fault: iova=")) return take_gpu_fault(line, number, log);
        if (has(line, "context fault") && has(line, "fsr=")) return take_context_fault(line, number, log);
        if (has(line, "Unhandled arm-smmu context fault")) {
            FaultLine fault;
            constexpr std::string_view kFrom = " from ";
            if (const std::size_t from = line.find(kFrom); from != std::string_view::npos) {
                const std::size_t start = from + kFrom.size();
                fault.said.push_back("of " + std::string(line.substr(start, line.find('!', start) - start)));
                fault.starts = fault.names = true;
            }
            return block_.add(fault, speaker_of(line), number, log);
        }
        if (const auto sid = number_after(line, "Blocked unknown Stream ID 0x")) {
            // The line before GFSR's; alone it says who was refused.
            log.add("smmuv2.gfsr", {gfsr::USF.of(1)}, number,
                    {fmt::format("sid {:#x}; the line of the registers is missing", *sid)});
            blocked_ = log.size();
            return true;
        }
        if (const auto gfsr = number_after(line, "GFSR 0x")) {
            records::Words words{*gfsr, number_after(line, "GFSYNR0 0x").value_or(0),
                                 number_after(line, "GFSYNR1 0x").value_or(0)};
            if (blocked_ != 0 && blocked_ == log.size() && log.last().line + 1 == number) log.all().pop_back();
            log.add("smmuv2.global-fault", std::move(words), number);
            return true;
        }
        return take_register(line, number, log);
    }

private:
    bool take_context_fault(std::string_view line, unsigned number, LogRecords& log) {
        FaultLine fault;
        fault.names = true;
        fault.fsr = number_after(line, "fsr=");
        fault.fsynr0 = number_after(line, has(line, "fsynr0=") ? "fsynr0=" : "fsynr=");
        fault.far = number_after(line, "iova=");
        if (!fault.fsynr0 || !fault.far) return false;  // the rest is on the next line, or was cut off
        fault.sid = number_after(line, "cbfrsynra=");
        // In decimal digits, which stay as they are.
        if (const auto bank = number_after(line, " cb=")) fault.said.push_back(fmt::format("context bank {:x}", *bank));
        if (const auto more = number_after(line, "fsynr1="))
            fault.said.push_back(fmt::format("FSYNR1 {:#x} (implementation defined)", *more));
        return block_.add(fault, speaker_of(line), number, log);
    }
    /// A register by its name.
    bool take_register(std::string_view line, unsigned number, LogRecords& log) {
        if (has(line, "msm_iommu: ")) return false;  // Qualcomm's first generation
        FaultLine fault;
        fault.fsr = register_in(line, "FSR");
        const std::string_view speaker = speaker_of(line);
        if (!speaker.empty()) {
            fault.fsynr0 = register_in(line, "FSYNR0");
            fault.far = register_in(line, "FAR");
            fault.sid = register_in(line, "SID");
            fault.belongs = !fault.fsr && !fault.fsynr0 && !fault.far;
            const std::string text = text_behind(line, speaker);
            if (fault.belongs && !fault.sid && !accompanies(text)) return false;
            if (fault.belongs && (!fault.sid || register_in(line, "SSD").value_or(0) != 0)) fault.said.push_back(text);
        } else if (!fault.fsr) {
            return false;
        }
        return block_.add(fault, speaker, number, log);
    }

    FaultBlock block_;
    std::size_t blocked_ = 0;  ///< the record of a stream whose registers may be on the next line, counted from 1
};

}  // namespace

std::unique_ptr<records::LogReader> make_log_reader() { return std::make_unique<Reader>(); }

// Linux arm-smmu.c: __arm_smmu_tlb_sync(), arm_smmu_iova_to_phys_hard().
std::string_view line_meaning(std::string_view line) {
    if (!has(line, "smmu")) return {};
    constexpr records::LineMeaning kMeanings[] = {
        {"TLB sync timed out",
         "an invalidation did not complete in time: the SMMU waits for an access that does not come back (a stalled "
         "one, or of a device without clock or power), and what was unmapped may still be in its TLBs"},
        {"iova to phys timed out",
         "the SMMU did not answer what an address translates to (ATS1PR) in time: the kernel has looked in its own "
         "tables; no access of a device has failed"}};
    return records::meaning_in(kMeanings, line);
}

}  // namespace xlate::iommu::smmuv2
