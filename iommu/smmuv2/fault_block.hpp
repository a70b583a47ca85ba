// One context fault that a driver tells of in several lines, register by register.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iommu/records/log_reader.hpp"

namespace xlate::iommu::smmuv2 {

/// What one line says of a context fault.
struct FaultLine {
    std::optional<std::uint64_t> fsr{}, fsynr0{}, far{}, sid{};
    std::vector<std::string> said{};  ///< beyond these registers
    bool starts = false;              ///< the first line of a fault, as its driver prints it
    bool names = false;               ///< "Unhandled context fault: ...": once a fault
    bool belongs = false;             ///< only to a fault that other lines have begun
};

/// Puts the lines together: one record a fault, which is in the log from its first line on and says which registers are
/// missing; those read as 0. Lines belong to one fault if the same SMMU says them, close to each other, and no register
/// differs.
class FaultBlock {
public:
    /// Whether the line became part of a record; false: it only belongs to one, and there is none.
    bool add(const FaultLine& line, std::string_view speaker, unsigned number, records::LogRecords& log);

private:
    bool fits(const FaultLine& line, std::string_view speaker, unsigned number, const records::LogRecords& log) const;
    void write(records::LogRecord& record) const;

    FaultLine all_;
    std::string speaker_;
    std::size_t record_ = 0;  ///< counted from 1; 0: none yet
    unsigned last_ = 0;       ///< the line that was added last
};

}  // namespace xlate::iommu::smmuv2
