// Which of a run's page-table work took no measured time, for want of a word in the config.
#pragma once

#include <optional>
#include <string>

#include "kernel-model/boot.hpp"
#include "soc/measure/stats.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// A sentence for a result's assumptions, where a driver maps around its transfers on an SMMUv3 and
/// kernel.costs.page_tables is x86, its default: VT-d and AMD-Vi then pay what was measured, and it does not, so that a
/// comparison of the two is skewed. By its value, since a resolved config gives all. After the run.
/// Source: docs/validation.md, C.
std::optional<std::string> assume_table_costs(const Config& config, const kernel::LinuxBoot& boot,
                                              const soc::SocStats& stats);

}  // namespace xlate::study
