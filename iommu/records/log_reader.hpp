// Drivers that tell of one fault in several lines: who reads them keeps what the lines before have said.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "iommu/records/record.hpp"

namespace xlate::iommu::records {

/// A record of a text.
struct LogRecord {
    const RecordKind* kind = nullptr;
    Words words;
    unsigned line = 0;              ///< of the text, from 1
    std::vector<std::string> said;  ///< what the line says beyond the words
};

/// The records of a text so far.
class LogRecords {
public:
    /// `kind`: with its family, "smmuv3.event".
    void add(std::string_view kind, Words words, unsigned line, std::vector<std::string> said = {});
    void add(const RecordKind& kind, Words words, unsigned line, std::vector<std::string> said = {});
    /// The words of a record follow in lines of their own.
    void announce(std::string_view kind) { announced_ = find_record_kind(kind); }
    /// What was announced since this was last asked; nullptr: nothing.
    const RecordKind* take_announced();

    std::size_t size() const { return records_.size(); }
    /// Precondition: there is one.
    LogRecord& last() { return records_.back(); }
    std::vector<LogRecord>& all() { return records_; }

private:
    std::vector<LogRecord> records_;
    const RecordKind* announced_ = nullptr;
};

/// What reads a family's lines of one text, first to last.
class LogReader {
public:
    LogReader() = default;
    virtual ~LogReader() = default;
    LogReader(const LogReader&) = delete;
    LogReader& operator=(const LogReader&) = delete;

    /// Whether `line` (the `number`th, from 1) is one of this family's; what it tells is in `log` then.
    virtual bool take(std::string_view line, unsigned number, LogRecords& log) = 0;
};

}  // namespace xlate::iommu::records
