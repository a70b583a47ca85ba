// Linux error numbers, positive; functions return them negated (`return -kENODEV;`).
// Source: include/uapi/asm-generic/errno*.h (the numbers are ABI), include/linux/errno.h (EPROBE_DEFER).
#pragma once

#include <string_view>

namespace xlate::kernel {

inline constexpr int kEPERM = 1;
inline constexpr int kENOENT = 2;
inline constexpr int kEIO = 5;
inline constexpr int kENXIO = 6;
inline constexpr int kEAGAIN = 11;
inline constexpr int kENOMEM = 12;
inline constexpr int kEFAULT = 14;
inline constexpr int kEBUSY = 16;
inline constexpr int kEEXIST = 17;
inline constexpr int kENODEV = 19;
inline constexpr int kEINVAL = 22;
inline constexpr int kENOSPC = 28;
inline constexpr int kERANGE = 34;
inline constexpr int kENOSYS = 38;
inline constexpr int kEOPNOTSUPP = 95;
inline constexpr int kEADDRINUSE = 98;
inline constexpr int kETIMEDOUT = 110;
inline constexpr int kEPROBE_DEFER = 517;

/// "ENODEV" for 19 or -19; "0" for 0; "E?" for a number that is not in this table.
std::string_view errno_name(int error);

}  // namespace xlate::kernel
