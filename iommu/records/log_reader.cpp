#include "iommu/records/log_reader.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "iommu/records/log_line.hpp"

namespace xlate::iommu::records {

void LogRecords::add(std::string_view kind, Words words, unsigned line, std::vector<std::string> said) {
    add(*find_record_kind(kind), std::move(words), line, std::move(said));
}

void LogRecords::add(const RecordKind& kind, Words words, unsigned line, std::vector<std::string> said) {
    records_.push_back({&kind, std::move(words), line, std::move(said)});
}

const RecordKind* LogRecords::take_announced() { return std::exchange(announced_, nullptr); }

bool WordLines::take(std::string_view line, unsigned number, LogRecords& log) {
    std::optional<std::uint64_t> value;
    unsigned index = 0;
    for (; index < lines_ && !value; ++index) value = number_after(line, fmt::format("{}{}]:", key_, index));
    if (!value) return false;
    --index;
    constexpr unsigned kWordBits = 64;
    const bool goes_on = last_ != 0 && number <= last_ + kMostBetween && (have_ >> index & 1) == 0 &&
                         at_ < log.size() && log.all()[at_].kind == find_record_kind(kind_);
    if (!goes_on) {
        at_ = log.size();
        have_ = 0;
        log.add(kind_, Words(lines_ * bits_ / kWordBits), number);
    }
    LogRecord& record = log.all()[at_];
    record.words[index * bits_ / kWordBits] |= (*value & low_mask(bits_)) << (index * bits_ % kWordBits);
    have_ |= 1U << index;
    last_ = number;
    unsigned there = 0;
    for (unsigned i = 0; i < lines_; ++i) there += have_ >> i & 1;
    record.said.clear();
    if (there < lines_)
        record.said.push_back(fmt::format("the log has {} of its {} words; the others read as 0", there, lines_));
    return true;
}

LogRecord* WordLines::whole(LogRecords& log) const {
    return last_ != 0 && have_ == low_mask(lines_) && at_ < log.size() ? &log.all()[at_] : nullptr;
}

}  // namespace xlate::iommu::records
