// The firmware of a run or an inspection: a device tree, or ACPI tables, told apart by content.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firmware/description.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Paths and what stood there when they were read.
using PlannedFiles = std::vector<std::pair<std::string, std::vector<std::uint8_t>>>;

struct FirmwareInput {
    PlannedFiles files;
    firmware::Description description;
};

/// Under this name stands what firmware.generate made, in messages and among a run's results.
inline constexpr const char* kGeneratedTree = "generated.dtb";
/// "generated_iort.dat": of a table that it made.
std::string generated_table(std::string_view name);

/// The files that a config's `firmware:` means; none if it is generated. InputError where one is not found.
std::vector<std::string> find_firmware(const Config& config);
/// Reads them. One device tree and overlays for it, or any number of tables. Errors: those of the readers; InputError
/// (usage) for a mixture.
FirmwareInput read_firmware(const std::vector<std::string>& paths);
/// The same of files that were read already.
FirmwareInput read_firmware(PlannedFiles files);

/// The firmware of a config: its files, or what firmware.generate makes. `planned`: its files, read before (a sweep);
/// nullptr: they are found and read. Errors: of these.
FirmwareInput load_firmware(const Config& config, const PlannedFiles* planned = nullptr);

}  // namespace xlate::study
