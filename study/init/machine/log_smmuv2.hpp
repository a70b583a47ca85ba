// What Linux's arm-smmu driver prints of the hardware that it finds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::study {

/// Of one SMMUv1 or v2. Its lines, as arm_smmu_device_cfg_probe() prints them: "SMMUv2 with:", "stage 1 translation",
/// "stage 2 translation", "nested translation", "address translation ops", "coherent table walk", "(IDR0.CTTW
/// overridden by FW configuration)", "stream matching with 16 register groups", "8 context banks (0 stage-2 only)",
/// "Supported page sizes: 0x61311000", "Stage-1: 48-bit VA -> 48-bit IPA", "Stage-2: 48-bit IPA -> 48-bit PA",
/// "preserved 0 boot mappings". Counts are keys of their own; the rest are fields of the registers IDR0 and IDR2,
/// which are put together if all that decides them is there.
class LogSmmuV2 {
public:
    /// Whether `text`, what the driver says without its own name, is one of them.
    bool take(std::string_view text);
    std::string entry() const;
    std::vector<std::string> notes() const;

private:
    bool take_count(std::string_view text);
    /// Why the registers cannot be put together; empty: they can.
    std::string missing() const;
    std::uint32_t idr0() const;
    std::uint32_t idr2() const;

    unsigned version_ = 0;  ///< 0: not said
    bool stage1_ = false, stage2_ = false, nested_ = false, ops_ = false;
    bool coherent_ = false, overridden_ = false;
    std::optional<std::uint64_t> groups_, banks_, stage2_banks_, page_sizes_, preserved_;
    std::optional<std::uint64_t> va_bits_, ipa_bits_, pa_bits_;
};

}  // namespace xlate::study
