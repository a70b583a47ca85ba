// The namespace of a generated board. Private to firmware/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firmware/board_layout.hpp"

namespace xlate::firmware::acpi {

std::vector<std::uint8_t> generate_dsdt(const BoardSpec& board, const BoardLayout& layout);

/// ACPI's hardware id of a RISC-V IOMMU of the platform.
inline constexpr const char* kRiscvIommuHid = "RSCV0004";

/// "\_SB_.M002": of the master with this number in the layout.
std::string master_path(std::size_t master);
/// "XLAT0001": of the devices of this entry of BoardSpec::masters.
std::string master_hid(std::size_t entry);

}  // namespace xlate::firmware::acpi
