// The lines in which Linux's arm-smmu-v3 driver tells of events and errors.
#pragma once

#include <memory>
#include <string_view>

#include "iommu/records/log_reader.hpp"

namespace xlate::iommu::smmuv3 {

/// "event 0x10 received:" with words in the lines below; events by their names (event_lines.hpp); page requests that no
/// one has asked for, in two lines; global errors, the command in error, a CMD_SYNC that timed out; errors of
/// Tegra241's command queues (tegra241-cmdqv).
std::unique_ptr<records::LogReader> make_log_reader();

/// What its lines without a record say: lost events, aborted writes, queues that stand still.
std::string_view line_meaning(std::string_view line);

/// "unexpected PRI request received:" and, of the same SMMU, the line of what it is.
bool in_two_lines(std::string_view line, std::string_view next);

}  // namespace xlate::iommu::smmuv3
