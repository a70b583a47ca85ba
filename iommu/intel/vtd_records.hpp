// What the files of VT-d's records share. Source: VT-d specification 4.1, sections 6.5.2 and 11.4; the kernel's
// printing of faults, of the invalidation queue and of tables.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "iommu/intel/layout_registers.hpp"
#include "iommu/records/log_reader.hpp"
#include "iommu/records/record.hpp"

namespace xlate::iommu::records::vtd_queue {

/// Advanced fault logging, of FSTS: the model has none.
inline constexpr Field kAfo{2, 1}, kApf{3, 1};

Reading read_descriptor(const Words& words);
std::vector<RecordField> descriptor_fields();
Reading read_fsts(const Words& words);
std::vector<RecordField> fsts_fields();

}  // namespace xlate::iommu::records::vtd_queue

namespace xlate::iommu::records {

/// Faults, errors of the invalidation queue with its descriptors, and the walk that kernels print with DMAR_DEBUG.
std::unique_ptr<LogReader> make_vtd_log_reader();

/// What its lines without a record say.
std::string_view vtd_line_meaning(std::string_view line);

/// A fault as Linux before 4.6 and Xen print it: the device and the address, then the reason.
bool is_vtd_fault_in_two_lines(std::string_view line, std::string_view next);

}  // namespace xlate::iommu::records
