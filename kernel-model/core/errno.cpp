#include "kernel-model/core/errno.hpp"

#include <array>
#include <utility>

namespace xlate::kernel {

std::string_view errno_name(int error) {
    static constexpr std::array<std::pair<int, std::string_view>, 19> kNames{{
        {0, "0"},
        {kEPERM, "EPERM"},
        {kENOENT, "ENOENT"},
        {kEIO, "EIO"},
        {kENXIO, "ENXIO"},
        {kEAGAIN, "EAGAIN"},
        {kENOMEM, "ENOMEM"},
        {kEFAULT, "EFAULT"},
        {kEBUSY, "EBUSY"},
        {kEEXIST, "EEXIST"},
        {kENODEV, "ENODEV"},
        {kEINVAL, "EINVAL"},
        {kENOSPC, "ENOSPC"},
        {kERANGE, "ERANGE"},
        {kENOSYS, "ENOSYS"},
        {kEOPNOTSUPP, "EOPNOTSUPP"},
        {kEADDRINUSE, "EADDRINUSE"},
        {kETIMEDOUT, "ETIMEDOUT"},
        {kEPROBE_DEFER, "EPROBE_DEFER"},
    }};
    const int positive = error < 0 ? -error : error;
    for (const auto& [number, text] : kNames) {
        if (number == positive) return text;
    }
    return "E?";
}

}  // namespace xlate::kernel
