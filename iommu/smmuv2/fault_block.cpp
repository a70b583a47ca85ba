#include "iommu/smmuv2/fault_block.hpp"

#include <fmt/format.h>

namespace xlate::iommu::smmuv2 {
namespace {

using records::LogRecord;
using records::LogRecords;

/// Lines of others between two of one fault.
constexpr unsigned kMostBetween = 16;

bool agree(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) { return !a || !b || *a == *b; }

void take(std::optional<std::uint64_t>& into, std::optional<std::uint64_t> from) {
    if (from) into = from;
}

}  // namespace

bool FaultBlock::add(const FaultLine& line, std::string_view speaker, unsigned number, LogRecords& log) {
    if (!fits(line, speaker, number, log)) {
        if (line.belongs) return false;
        all_ = {};
        speaker_ = speaker;
        log.add("smmuv2.context-fault", {0}, number);
        record_ = log.size();
    }
    last_ = number;
    take(all_.fsr, line.fsr);
    take(all_.fsynr0, line.fsynr0);
    take(all_.far, line.far);
    take(all_.sid, line.sid);
    all_.said.insert(all_.said.end(), line.said.begin(), line.said.end());
    all_.names = all_.names || line.names;
    write(log.all()[record_ - 1]);
    return true;
}

bool FaultBlock::fits(const FaultLine& line, std::string_view speaker, unsigned number, const LogRecords& log) const {
    if (record_ == 0 || record_ > log.size() || speaker != speaker_ || line.starts) return false;
    if (number > last_ + 1 + kMostBetween || (line.names && all_.names)) return false;
    return agree(all_.fsr, line.fsr) && agree(all_.fsynr0, line.fsynr0) && agree(all_.far, line.far) &&
           agree(all_.sid, line.sid);
}

void FaultBlock::write(LogRecord& record) const {
    record.said = all_.said;
    record.words = {all_.fsr.value_or(0)};
    // The words of a record end with the last one that is known.
    if (all_.fsynr0 || all_.far) record.words.push_back(all_.fsynr0.value_or(0));
    if (all_.far) record.words.push_back(*all_.far);
    if (all_.far && all_.sid) record.words.push_back(*all_.sid);
    record.kind = records::find_record_kind(record.words.size() == 1 ? "smmuv2.fsr" : "smmuv2.context-fault");
    if (!all_.far && all_.sid) record.said.push_back(fmt::format("sid {:#x}", *all_.sid));
    if (!all_.fsr) record.said.emplace_back("the log does not give FSR: what fault it is, is not known");
    if (all_.far && !all_.fsynr0)
        record.said.emplace_back(
            "the log does not give FSYNR0: of read or write, privilege and level nothing is known");
    if (!all_.far && (all_.names || all_.fsynr0)) record.said.emplace_back("the log does not give FAR, the address");
}

}  // namespace xlate::iommu::smmuv2
