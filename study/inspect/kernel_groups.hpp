// The groups that one kernel makes of a board: `xlate inspect --variant`. Read off a boot without time
// (study/diff_kernels/untimed_boot.hpp), so that what depends on the order of binding, on registers and on functions of
// PCI is in them; inspect_groups.hpp says what firmware alone decides.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "study/config/config.hpp"
#include "study/diff_kernels/untimed_boot.hpp"

namespace xlate::study {

struct KernelGroups {
    std::string variant;
    std::vector<std::string> notes;    ///< a release that has no variant, what was assumed of the board
    std::vector<std::string> masters;  ///< devices that firmware puts behind an IOMMU, by Linux's names
    BootFacts facts;
};

/// `files`: a config, or firmware as `inspect` takes it. `variant`: a name or a release (variant_for_diff). Errors:
/// InputError, as `run` has them.
KernelGroups kernel_groups(const std::vector<std::string>& files, const std::string& variant);

/// A section of the page: groups with numbers, types and ids; then who has none, and why. Ends with a line feed.
std::string kernel_groups_text(const KernelGroups& groups);
/// {"variant", "groups": [{"id", "type", "devices": [{"name", "ids"}]}], "without": [{"name", "state", "driver", "why",
/// "errors": []}], "notes"}. Masters that Linux made no device of have the state "absent".
nlohmann::ordered_json kernel_groups_json(const KernelGroups& groups);

}  // namespace xlate::study
