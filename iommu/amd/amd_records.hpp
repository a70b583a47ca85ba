// What the files of AMD-Vi's records share. Source: AMD I/O virtualization specification (48882), section 2.5; the
// kernel's printing of events.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iommu/records/log_reader.hpp"
#include "iommu/records/record.hpp"

namespace xlate::iommu::records::amd_vi {

/// Codes of events that the model has none of.
inline constexpr std::uint16_t kRmpPageFault = 0xD, kRmpHardwareError = 0xE, kLastEvent = 0xE;
namespace rmp {
/// Of their first word; flags stand as in other events.
inline constexpr Field RMP_FLAGS{16, 8}, VMG_TAG{32, 16};
}  // namespace rmp
/// Enhanced page requests, of the control register: without it PPR is a reserved bit of device table entries.
inline constexpr Field kControlEph{45, 1};

/// "IO_PAGE_FAULT"; the kernel's lines have these names.
std::string event_title(std::uint16_t code);
Reading read_event(const Words& words);
std::vector<RecordField> event_fields();

/// Events in a line, and the entry, the command and the control register that follow in lines of their own.
std::unique_ptr<LogReader> make_log_reader();
/// Of lines that hold no record.
std::string_view line_meaning(std::string_view line);

}  // namespace xlate::iommu::records::amd_vi
