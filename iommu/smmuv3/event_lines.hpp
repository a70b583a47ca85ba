// Events that a log tells of by their names, not by the words of their records.
#pragma once

#include <cstddef>
#include <string_view>

#include "iommu/records/log_reader.hpp"

namespace xlate::iommu::smmuv3 {

/// Puts records together again from what is printed of them:
///   Linux from 6.14 on, arm_smmu_dump_event(): "event: F_TRANSLATION client: ... sid: ... ssid: ... iova: ... ipa:
///   ..." and, of the faults 0x10 to 0x13, a line of the access; "fetch_addr: ..." of aborted fetches QEMU,
///   hw/arm/smmuv3.c: "smmuv3-iommu-memory-region-8-0 translation failed for iova=... (SMMU_EVT_F_TRANSLATION)"
/// A record says which of its fields the lines do not give; those read as 0.
class EventLines {
public:
    /// Whether `line` (the `number`th, from 1) is one of them.
    bool take(std::string_view line, unsigned number, records::LogRecords& log);

private:
    bool take_name(std::string_view line, unsigned number, records::LogRecords& log);
    void take_access(std::string_view line, records::LogRecords& log);

    std::size_t pending_ = 0;  ///< the record whose line of the access is to come, counted from 1; 0: none
};

}  // namespace xlate::iommu::smmuv3
