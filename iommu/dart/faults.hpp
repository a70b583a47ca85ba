// What a DART says of an access that it refuses, in both generations' coding.
// Source: docs/spec/iommu-hardware.md section 5.
#pragma once

#include <cstdint>
#include <string>

#include "iommu/dart/parameters.hpp"

namespace xlate::iommu::dart {

/// Result::fault. blocked: TCR of the stream is 0, or the stream is disabled or not there; that leaves no record.
enum class FaultCode : std::uint16_t { none, no_ttbr, no_pgd, no_pmd, no_pte, write, read, blocked };

/// "NO_PTE".
std::string name(FaultCode code);
/// The CODE bit of ERROR; 0 for blocked.
std::uint32_t error_code(FaultCode code, Generation generation);

/// The record: the first fault since software cleared it.
struct ErrorRecord {
    bool flag = false;
    std::uint32_t code = 0;
    std::uint32_t stream = 0;
    std::uint64_t address = 0;
};

}  // namespace xlate::iommu::dart
