// What Linux's arm-smmu-v3 driver prints of the hardware that it finds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::study {

/// Of one SMMUv3. Its lines:
///   "ias 44-bit, oas 44-bit (features 0x00008305)", before 6.8 without ias: ARM_SMMU_FEAT_* of Linux's arm-smmu-v3.h
///   "option mask 0x0", "IDR0.COHACC overridden by FW configuration (true)", "allocated 65536 entries for cmdq"
class LogSmmuV3 {
public:
    /// Whether `text`, what the driver says without its own name, is one of them.
    bool take(std::string_view text);
    std::string entry() const;
    std::vector<std::string> notes() const;

private:
    std::optional<std::uint64_t> ias_, oas_, features_, options_;
    bool not_coherent_ = false;                    ///< IDR0.COHACC is 0 and firmware says otherwise
    std::map<std::string, std::uint64_t> queues_;  ///< entries, by name
};

}  // namespace xlate::study
