#include "iommu/records/log_reader.hpp"

#include <utility>

namespace xlate::iommu::records {

void LogRecords::add(std::string_view kind, Words words, unsigned line, std::vector<std::string> said) {
    add(*find_record_kind(kind), std::move(words), line, std::move(said));
}

void LogRecords::add(const RecordKind& kind, Words words, unsigned line, std::vector<std::string> said) {
    records_.push_back({&kind, std::move(words), line, std::move(said)});
}

const RecordKind* LogRecords::take_announced() { return std::exchange(announced_, nullptr); }

}  // namespace xlate::iommu::records
