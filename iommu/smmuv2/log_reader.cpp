#include "iommu/smmuv2/log_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/smmuv2/layout.hpp"

namespace xlate::iommu::smmuv2 {
namespace {

using records::has;
using records::LogRecords;
using records::number_after;

class Reader : public records::LogReader {
public:
    bool take(std::string_view line, unsigned number, LogRecords& log) override {
        if (has(line, "context fault") && has(line, "fsr=")) return take_context_fault(line, number, log);
        if (const auto fsr = has(line, "msm_iommu: ") ? std::nullopt : number_after(line, "FSR    =")) {
            if (context_fault_ + 1 != number) log.add("smmuv2.fsr", {*fsr}, number);
            return true;
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
        return false;
    }

private:
    bool take_context_fault(std::string_view line, unsigned number, LogRecords& log) {
        const auto syndrome = number_after(line, "fsynr="), iova = number_after(line, "iova=");
        if (!syndrome || !iova) return false;  // the rest is on the next line, or was cut off
        records::Words words{number_after(line, "fsr=").value_or(0), *syndrome, *iova};
        if (const auto sid = number_after(line, "cbfrsynra=")) words.push_back(*sid);
        std::vector<std::string> said;
        if (const auto bank = number_after(line, " cb=")) said.push_back(fmt::format("context bank {:x}", *bank));
        log.add("smmuv2.context-fault", std::move(words), number, std::move(said));
        context_fault_ = number;
        return true;
    }

    unsigned context_fault_ = 0;  ///< the line of the last one
    std::size_t blocked_ = 0;     ///< the record of a stream whose registers may be on the next line, counted from 1
};

}  // namespace

std::unique_ptr<records::LogReader> make_log_reader() { return std::make_unique<Reader>(); }

}  // namespace xlate::iommu::smmuv2
