// The lines in which Linux's arm-smmu driver, Qualcomm's variants of it and the drivers of GPUs behind it tell of
// context and global faults.
#pragma once

#include <memory>
#include <string_view>

#include "iommu/records/log_reader.hpp"

namespace xlate::iommu::smmuv2 {

/// Context faults:
///   Linux: "Unhandled context fault: fsr=0x402, iova=..., fsynr=..., cbfrsynra=..., cb=3"; from 6.14 on also lines of
///   FSR and FSYNR0
///   Qualcomm's kernels: "Unhandled context fault: iova=..., cb=18, fsr=..., fsynr0=..., fsynr1=..." or "Unhandled
///   arm-smmu context fault from ...!", and a line for FAR, PAR, FSR, FSYNR0, SID, ... each
///   Linux's msm drm driver: "*** gpu fault: ttbr0=... iova=... dir=READ type=TRANSLATION source=... (...)"
/// and global faults: a line about the stream, and one of the registers.
std::unique_ptr<records::LogReader> make_log_reader();

/// What its lines without a record say.
std::string_view line_meaning(std::string_view line);

}  // namespace xlate::iommu::smmuv2
