// The clients and swgroups of Tegra210's memory controller: numbers and names of the hardware, as the device tree's
// binding (dt-bindings/memory) and Linux's driver publish them. Held against logs of register writes by
// tests/kernel-model/tegra_corpus_test.cpp.
#pragma once

#include "iommu/tegra/layout_soc.hpp"

namespace xlate::iommu::tegra::t210 {

inline constexpr Client kClients[] = {
    {0x00, "ptcr", 0, false, false, 0x0, 0, 0x00},          {0x01, "display0a", 1, true, false, 0x2e8, 0, 0x1e},
    {0x02, "display0ab", 2, true, false, 0x2f4, 0, 0x1e},   {0x03, "display0b", 1, true, false, 0x2e8, 16, 0x1e},
    {0x04, "display0bb", 2, true, false, 0x2f4, 16, 0x1e},  {0x05, "display0c", 1, true, false, 0x2ec, 0, 0x1e},
    {0x06, "display0cb", 2, true, false, 0x2f8, 0, 0x1e},   {0x0e, "afir", 3, true, false, 0x2e0, 0, 0x2e},
    {0x0f, "avpcarm7r", 4, true, false, 0x2e4, 0, 0x04},    {0x10, "displayhc", 1, true, false, 0x2f0, 0, 0x1e},
    {0x11, "displayhcb", 2, true, false, 0x2fc, 0, 0x1e},   {0x15, "hdar", 5, true, false, 0x318, 0, 0x24},
    {0x16, "host1xdmar", 6, true, false, 0x310, 0, 0x1e},   {0x17, "host1xr", 6, true, false, 0x310, 16, 0x50},
    {0x1c, "nvencsrd", 7, true, false, 0x328, 0, 0x23},     {0x1d, "ppcsahbdmar", 8, true, false, 0x344, 0, 0x49},
    {0x1e, "ppcsahbslvr", 8, true, false, 0x344, 16, 0x1a}, {0x1f, "satar", 9, true, false, 0x350, 0, 0x65},
    {0x27, "mpcorer", 10, false, false, 0x320, 0, 0x04},    {0x2b, "nvencswr", 7, true, true, 0x328, 16, 0x80},
    {0x31, "afiw", 3, true, true, 0x2e0, 16, 0x80},         {0x32, "avpcarm7w", 4, true, true, 0x2e4, 16, 0x80},
    {0x35, "hdaw", 5, true, true, 0x318, 16, 0x80},         {0x36, "host1xw", 6, true, true, 0x314, 0, 0x80},
    {0x39, "mpcorew", 10, false, true, 0x320, 16, 0x80},    {0x3b, "ppcsahbdmaw", 8, true, true, 0x348, 0, 0x80},
    {0x3c, "ppcsahbslvw", 8, true, true, 0x348, 16, 0x80},  {0x3d, "sataw", 9, true, true, 0x350, 16, 0x80},
    {0x44, "ispra", 11, true, false, 0x370, 0, 0x18},       {0x46, "ispwa", 11, true, true, 0x374, 0, 0x80},
    {0x47, "ispwb", 11, true, true, 0x374, 16, 0x80},       {0x4a, "xusb_hostr", 12, true, false, 0x37c, 0, 0x7a},
    {0x4b, "xusb_hostw", 12, true, true, 0x37c, 16, 0x80},  {0x4c, "xusb_devr", 13, true, false, 0x380, 0, 0x39},
    {0x4d, "xusb_devw", 13, true, true, 0x380, 16, 0x80},   {0x4e, "isprab", 14, true, false, 0x384, 0, 0x18},
    {0x50, "ispwab", 14, true, true, 0x388, 0, 0x80},       {0x51, "ispwbb", 14, true, true, 0x388, 16, 0x80},
    {0x54, "tsecsrd", 15, true, false, 0x390, 0, 0x9b},     {0x55, "tsecswr", 15, true, true, 0x390, 16, 0x80},
    {0x56, "a9avpscr", 16, true, false, 0x3a4, 0, 0x04},    {0x57, "a9avpscw", 16, true, true, 0x3a4, 16, 0x80},
    {0x58, "gpusrd", 17, false, false, 0x3c8, 0, 0x1a},     {0x59, "gpuswr", 17, false, true, 0x3c8, 16, 0x80},
    {0x5a, "displayt", 1, true, false, 0x2f0, 16, 0x1e},    {0x60, "sdmmcra", 18, true, false, 0x3b8, 0, 0x49},
    {0x61, "sdmmcraa", 19, true, false, 0x3bc, 0, 0x5a},    {0x62, "sdmmcr", 20, true, false, 0x3c0, 0, 0x49},
    {0x63, "sdmmcrab", 21, true, false, 0x3c4, 0, 0x5a},    {0x64, "sdmmcwa", 18, true, true, 0x3b8, 16, 0x80},
    {0x65, "sdmmcwaa", 19, true, true, 0x3bc, 16, 0x80},    {0x66, "sdmmcw", 20, true, true, 0x3c0, 16, 0x80},
    {0x67, "sdmmcwab", 21, true, true, 0x3c4, 16, 0x80},    {0x6c, "vicsrd", 22, true, false, 0x394, 0, 0x1a},
    {0x6d, "vicswr", 22, true, true, 0x394, 16, 0x80},      {0x72, "viw", 23, true, true, 0x398, 0, 0x80},
    {0x73, "displayd", 1, true, false, 0x3c8, 0, 0x50},     {0x78, "nvdecsrd", 24, true, false, 0x3d8, 0, 0x23},
    {0x79, "nvdecswr", 24, true, true, 0x3d8, 16, 0x80},    {0x7a, "aper", 25, true, false, 0x3dc, 0, 0xff},
    {0x7b, "apew", 25, true, true, 0x3dc, 16, 0x80},        {0x7e, "nvjpgsrd", 26, true, false, 0x3e4, 0, 0x23},
    {0x7f, "nvjpgswr", 26, true, true, 0x3e4, 16, 0x80},    {0x80, "sesrd", 27, true, false, 0x3e0, 0, 0x2e},
    {0x81, "seswr", 27, true, true, 0x3e0, 16, 0x80},       {0x82, "axiapr", 28, true, false, 0x3a0, 0, 0xff},
    {0x83, "axiapw", 28, true, true, 0x3a0, 16, 0x80},      {0x84, "etrr", 29, true, false, 0x3ec, 0, 0xff},
    {0x85, "etrw", 29, true, true, 0x3ec, 16, 0x80},        {0x86, "tsecsrdb", 30, true, false, 0x3f0, 0, 0x9b},
    {0x87, "tsecswrb", 30, true, true, 0x3f0, 16, 0x80},    {0x88, "gpusrd2", 17, false, false, 0x3e8, 0, 0x1a},
    {0x89, "gpuswr2", 17, false, true, 0x3e8, 16, 0x80},
};

inline constexpr Swgroup kSwgroups[] = {
    {"afi", 3, 0x238},      {"avpc", 4, 0x23c},     {"dc", 1, 0x240},         {"dcb", 2, 0x244},
    {"hc", 6, 0x250},       {"hda", 5, 0x254},      {"isp2", 11, 0x258},      {"nvenc", 7, 0x264},
    {"nv", 31, 0x268},      {"nv2", 32, 0x26c},     {"ppcs", 8, 0x270},       {"sata", 9, 0x274},
    {"vi", 23, 0x280},      {"vic", 22, 0x284},     {"xusb_host", 12, 0x288}, {"xusb_dev", 13, 0x28c},
    {"a9avp", 16, 0x290},   {"tsec", 15, 0x294},    {"ppcs1", 33, 0x298},     {"dc1", 34, 0xa88},
    {"sdmmc1a", 18, 0xa94}, {"sdmmc2a", 19, 0xa98}, {"sdmmc3a", 20, 0xa9c},   {"sdmmc4a", 21, 0xaa0},
    {"isp2b", 14, 0xaa4},   {"gpu", 17, 0xaac},     {"ppcs2", 35, 0xab0},     {"nvdec", 24, 0xab4},
    {"ape", 25, 0xab8},     {"se", 27, 0xabc},      {"nvjpg", 26, 0xac0},     {"hc1", 36, 0xac4},
    {"se1", 37, 0xac8},     {"axiap", 28, 0xacc},   {"etr", 29, 0xad0},       {"tsecb", 30, 0xad4},
    {"tsec1", 38, 0xad8},   {"tsecb1", 39, 0xadc},  {"nvdec1", 40, 0xae0},
};

inline constexpr std::uint16_t kTogether[] = {1, 2};  // dc, dcb
inline constexpr GroupSoc kGroups[] = {{"display", rows(kTogether)}};

inline constexpr Soc kSoc{"tegra210", rows(kClients), rows(kSwgroups), rows(kGroups), 34, 64, 0xff, 128, 48,
                          true,       true,           0x13d40};

}  // namespace xlate::iommu::tegra::t210
