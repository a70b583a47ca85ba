// What an SMMUv3 event record says: in words, and which of the fields its event has.
// Source: IHI 0070 section 7.3; docs/spec/iommu-hardware.md 1.8.
#pragma once

#include <vector>

#include "iommu/records/record.hpp"

namespace xlate::iommu::smmuv3 {

records::Reading read_event(const records::Words& words);
/// One row a field, which stands in the records whose event has it. Of F_BAD_ATS_TREQ what is asked for (DW1) is not
/// taken apart.
std::vector<records::RecordField> event_fields();
/// Whether words that nothing announces may be a record: a known event, and no bits that no record has.
bool plausible_event(const records::Words& words);

}  // namespace xlate::iommu::smmuv3
