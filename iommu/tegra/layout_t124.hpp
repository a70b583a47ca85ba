// The clients and swgroups of Tegra124 and Tegra132's memory controller: numbers and names of the hardware, as the
// device tree's binding (dt-bindings/memory) and Linux's driver publish them. Held against logs of register writes by
// tests/kernel-model/tegra_corpus_test.cpp.
#pragma once

#include "iommu/tegra/layout_soc.hpp"

namespace xlate::iommu::tegra::t124 {

inline constexpr Client kClients[] = {
    {0x00, "ptcr", 0, false, false, 0x34c, 0, 0x00},        {0x01, "display0a", 1, true, false, 0x2e8, 0, 0xc2},
    {0x02, "display0ab", 2, true, false, 0x2f4, 0, 0xc6},   {0x03, "display0b", 1, true, false, 0x2e8, 16, 0x50},
    {0x04, "display0bb", 2, true, false, 0x2f4, 16, 0x50},  {0x05, "display0c", 1, true, false, 0x2ec, 0, 0x50},
    {0x06, "display0cb", 2, true, false, 0x2f8, 0, 0x50},   {0x0e, "afir", 3, true, false, 0x2e0, 0, 0x13},
    {0x0f, "avpcarm7r", 4, true, false, 0x2e4, 0, 0x04},    {0x10, "displayhc", 1, true, false, 0x2f0, 0, 0x50},
    {0x11, "displayhcb", 2, true, false, 0x2fc, 0, 0x50},   {0x15, "hdar", 5, true, false, 0x318, 0, 0x24},
    {0x16, "host1xdmar", 6, true, false, 0x310, 0, 0x1e},   {0x17, "host1xr", 6, true, false, 0x310, 16, 0x50},
    {0x1c, "msencsrd", 7, true, false, 0x328, 0, 0x23},     {0x1d, "ppcsahbdmar", 8, true, false, 0x344, 0, 0x49},
    {0x1e, "ppcsahbslvr", 8, true, false, 0x344, 16, 0x1a}, {0x1f, "satar", 9, true, false, 0x350, 0, 0x65},
    {0x22, "vdebsevr", 10, true, false, 0x354, 0, 0x4f},    {0x23, "vdember", 10, true, false, 0x354, 16, 0x3d},
    {0x24, "vdemcer", 10, true, false, 0x358, 0, 0x66},     {0x25, "vdetper", 10, true, false, 0x358, 16, 0xa5},
    {0x26, "mpcorelpr", 11, false, false, 0x324, 0, 0x04},  {0x27, "mpcorer", 12, false, false, 0x320, 0, 0x04},
    {0x2b, "msencswr", 7, true, true, 0x328, 16, 0x80},     {0x31, "afiw", 3, true, true, 0x2e0, 16, 0x80},
    {0x32, "avpcarm7w", 4, true, true, 0x2e4, 16, 0x80},    {0x35, "hdaw", 5, true, true, 0x318, 16, 0x80},
    {0x36, "host1xw", 6, true, true, 0x314, 0, 0x80},       {0x38, "mpcorelpw", 11, false, true, 0x324, 16, 0x80},
    {0x39, "mpcorew", 12, false, true, 0x320, 16, 0x80},    {0x3b, "ppcsahbdmaw", 8, true, true, 0x348, 0, 0x80},
    {0x3c, "ppcsahbslvw", 8, true, true, 0x348, 16, 0x80},  {0x3d, "sataw", 9, true, true, 0x350, 16, 0x65},
    {0x3e, "vdebsevw", 10, true, true, 0x35c, 0, 0x80},     {0x3f, "vdedbgw", 10, true, true, 0x35c, 16, 0x80},
    {0x40, "vdembew", 10, true, true, 0x360, 0, 0x80},      {0x41, "vdetpmw", 10, true, true, 0x360, 16, 0x80},
    {0x44, "ispra", 13, true, false, 0x370, 0, 0x18},       {0x46, "ispwa", 13, true, true, 0x374, 0, 0x80},
    {0x47, "ispwb", 13, true, true, 0x374, 16, 0x80},       {0x4a, "xusb_hostr", 14, true, false, 0x37c, 0, 0x39},
    {0x4b, "xusb_hostw", 14, true, true, 0x37c, 16, 0x80},  {0x4c, "xusb_devr", 15, true, false, 0x380, 0, 0x39},
    {0x4d, "xusb_devw", 15, true, true, 0x380, 16, 0x80},   {0x4e, "isprab", 16, true, false, 0x384, 0, 0x18},
    {0x50, "ispwab", 16, true, true, 0x388, 0, 0x80},       {0x51, "ispwbb", 16, true, true, 0x388, 16, 0x80},
    {0x54, "tsecsrd", 17, true, false, 0x390, 0, 0x9b},     {0x55, "tsecswr", 17, true, true, 0x390, 16, 0x80},
    {0x56, "a9avpscr", 18, true, false, 0x3a4, 0, 0x04},    {0x57, "a9avpscw", 18, true, true, 0x3a4, 16, 0x80},
    {0x58, "gpusrd", 19, false, false, 0x3c8, 0, 0x1a},     {0x59, "gpuswr", 19, false, true, 0x3c8, 16, 0x80},
    {0x5a, "displayt", 1, true, false, 0x2f0, 16, 0x50},    {0x60, "sdmmcra", 20, true, false, 0x3b8, 0, 0x49},
    {0x61, "sdmmcraa", 21, true, false, 0x3bc, 0, 0x49},    {0x62, "sdmmcr", 22, true, false, 0x3c0, 0, 0x49},
    {0x63, "sdmmcrab", 23, true, false, 0x3c4, 0, 0x49},    {0x64, "sdmmcwa", 20, true, true, 0x3b8, 16, 0x80},
    {0x65, "sdmmcwaa", 21, true, true, 0x3bc, 16, 0x80},    {0x66, "sdmmcw", 22, true, true, 0x3c0, 16, 0x80},
    {0x67, "sdmmcwab", 23, true, true, 0x3c4, 16, 0x80},    {0x6c, "vicsrd", 24, true, false, 0x394, 0, 0x1a},
    {0x6d, "vicswr", 24, true, true, 0x394, 16, 0x80},      {0x72, "viw", 25, true, true, 0x398, 0, 0x80},
    {0x73, "displayd", 1, true, false, 0x3c8, 0, 0x50},
};

inline constexpr Swgroup kSwgroups[] = {
    {"dc", 1, 0x240},        {"dcb", 2, 0x244},      {"afi", 3, 0x238},      {"avpc", 4, 0x23c},
    {"hda", 5, 0x254},       {"hc", 6, 0x250},       {"msenc", 7, 0x264},    {"ppcs", 8, 0x270},
    {"sata", 9, 0x274},      {"vde", 10, 0x27c},     {"isp2", 13, 0x258},    {"xusb_host", 14, 0x288},
    {"xusb_dev", 15, 0x28c}, {"isp2b", 16, 0xaa4},   {"tsec", 17, 0x294},    {"a9avp", 18, 0x290},
    {"gpu", 19, 0xaac},      {"sdmmc1a", 20, 0xa94}, {"sdmmc2a", 21, 0xa98}, {"sdmmc3a", 22, 0xa9c},
    {"sdmmc4a", 23, 0xaa0},  {"vic", 24, 0x284},     {"vi", 25, 0x280},
};

inline constexpr std::uint16_t kTogether[] = {1, 2, 24};  // dc, dcb, vic
inline constexpr GroupSoc kGroups[] = {{"drm", rows(kTogether)}};

inline constexpr Soc kSoc{"tegra124", rows(kClients), rows(kSwgroups), rows(kGroups), 34, 32, 0x7f, 128, 32,
                          true,       true,           0x13d40};

}  // namespace xlate::iommu::tegra::t124
