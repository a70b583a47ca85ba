// The lines in which Linux's arm-smmu driver tells of context and global faults.
#pragma once

#include <memory>

#include "iommu/records/log_reader.hpp"

namespace xlate::iommu::smmuv2 {

/// Context faults in one line (kernels from 6.14 on add lines of fields, which say nothing more), and global faults: a
/// line about the stream, and one of the registers.
std::unique_ptr<records::LogReader> make_log_reader();

}  // namespace xlate::iommu::smmuv2
