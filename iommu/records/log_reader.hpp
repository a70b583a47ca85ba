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

/// A record that a driver prints one word a line: "DTE[0]: 6190000000000003", "CMD[1]: f0000000".
class WordLines {
public:
    /// `key`: what stands in front of the index, "DTE["; `kind`: with its family. The lines' words have `bits` bits, 32
    /// or 64, and make words of 64, the low one first.
    WordLines(std::string_view key, std::string_view kind, unsigned lines, unsigned bits)
        : key_(key), kind_(kind), lines_(lines), bits_(bits) {}

    /// Whether `line` is one of them. The record is in `log` from its first line on, and says what of it is missing.
    bool take(std::string_view line, unsigned number, LogRecords& log);
    /// The record of the last line that was taken, if all its lines are there; nullptr: they are not.
    LogRecord* whole(LogRecords& log) const;

private:
    static constexpr unsigned kMostBetween = 16;  ///< lines of others between two of its own

    std::string_view key_, kind_;
    unsigned lines_, bits_;
    std::size_t at_ = 0;  ///< of the record, in the log
    unsigned last_ = 0;   ///< the last line's number; 0: none yet
    unsigned have_ = 0;   ///< a bit for each of its lines
};

}  // namespace xlate::iommu::records
