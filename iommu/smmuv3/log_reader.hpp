// The lines in which Linux's arm-smmu-v3 driver tells of events and errors.
#pragma once

#include <memory>

#include "iommu/records/log_reader.hpp"

namespace xlate::iommu::smmuv3 {

/// "event 0x10 received:" with words in the lines below; from 6.14 on the fields of an event in two lines, put together
/// again where the words are missing; global errors, and the command in error.
std::unique_ptr<records::LogReader> make_log_reader();

}  // namespace xlate::iommu::smmuv3
