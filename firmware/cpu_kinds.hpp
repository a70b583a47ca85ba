// Whose CPUs firmware describes, and how many: by the names of their nodes, or by tables that only such machines have.
#pragma once

#include <cstdint>
#include <string_view>

#include "firmware/description.hpp"

namespace xlate::firmware {

struct CpuKinds {
    bool arm = false;    ///< of either width
    bool arm32 = false;  ///< one that runs no 64-bit kernel
    bool riscv = false;
    bool x86 = false;
    std::string_view by_tables;  ///< what says so if no CPU's name does: "DMAR, IVRS"
};
CpuKinds cpu_kinds(const Description& description);

/// Nodes of CPUs that are not disabled.
std::uint32_t count_cpus(const Description& description);

}  // namespace xlate::firmware
