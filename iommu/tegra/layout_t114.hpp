// The clients and swgroups of Tegra114's memory controller: numbers and names of the hardware, as the device tree's
// binding (dt-bindings/memory) and Linux's driver publish them. Held against logs of register writes by
// tests/kernel-model/tegra_corpus_test.cpp.
#pragma once

#include "iommu/tegra/layout_soc.hpp"

namespace xlate::iommu::tegra::t114 {

inline constexpr Client kClients[] = {
    {0x00, "ptcr", 0, false, false, 0x34c, 0, 0x00},         {0x01, "display0a", 1, true, false, 0x2e8, 0, 0x4e},
    {0x02, "display0ab", 2, true, false, 0x2f4, 0, 0x4e},    {0x03, "display0b", 1, true, false, 0x2e8, 16, 0x4e},
    {0x04, "display0bb", 2, true, false, 0x2f4, 16, 0x4e},   {0x05, "display0c", 1, true, false, 0x2ec, 0, 0x4e},
    {0x06, "display0cb", 2, true, false, 0x2f8, 0, 0x4e},    {0x09, "eppup", 3, true, false, 0x300, 0, 0x33},
    {0x0a, "g2pr", 4, true, false, 0x308, 0, 0x09},          {0x0b, "g2sr", 4, true, false, 0x308, 16, 0x09},
    {0x0f, "avpcarm7r", 5, true, false, 0x2e4, 0, 0x04},     {0x10, "displayhc", 1, true, false, 0x2f0, 0, 0x68},
    {0x11, "displayhcb", 2, true, false, 0x2fc, 0, 0x68},    {0x12, "fdcdrd", 6, true, false, 0x334, 0, 0x0c},
    {0x13, "fdcdrd2", 6, true, false, 0x33c, 0, 0x0c},       {0x14, "g2dr", 4, true, false, 0x30c, 0, 0x0a},
    {0x15, "hdar", 7, true, false, 0x318, 0, 0xff},          {0x16, "host1xdmar", 8, true, false, 0x310, 0, 0x10},
    {0x17, "host1xr", 8, true, false, 0x310, 16, 0xa5},      {0x18, "idxsrd", 6, true, false, 0x334, 16, 0x0b},
    {0x1c, "msencsrd", 9, true, false, 0x328, 0, 0x80},      {0x1d, "ppcsahbdmar", 10, true, false, 0x344, 0, 0x50},
    {0x1e, "ppcsahbslvr", 10, true, false, 0x344, 16, 0xe8}, {0x20, "texl2srd", 6, true, false, 0x338, 0, 0x0c},
    {0x22, "vdebsevr", 11, true, false, 0x354, 0, 0xff},     {0x23, "vdember", 11, true, false, 0x354, 16, 0xff},
    {0x24, "vdemcer", 11, true, false, 0x358, 0, 0xb8},      {0x25, "vdetper", 11, true, false, 0x358, 16, 0xee},
    {0x26, "mpcorelpr", 12, false, false, 0x324, 0, 0x04},   {0x27, "mpcorer", 13, false, false, 0x320, 0, 0x04},
    {0x28, "eppu", 3, true, true, 0x300, 16, 0x33},          {0x29, "eppv", 3, true, true, 0x304, 0, 0x6c},
    {0x2a, "eppy", 3, true, true, 0x304, 16, 0x6c},          {0x2b, "msencswr", 9, true, true, 0x328, 16, 0x80},
    {0x2c, "viwsb", 14, true, true, 0x364, 0, 0x47},         {0x2d, "viwu", 14, true, true, 0x368, 0, 0xff},
    {0x2e, "viwv", 14, true, true, 0x368, 16, 0xff},         {0x2f, "viwy", 14, true, true, 0x36c, 0, 0x47},
    {0x30, "g2dw", 4, true, true, 0x30c, 16, 0x09},          {0x32, "avpcarm7w", 5, true, true, 0x2e4, 16, 0x0e},
    {0x33, "fdcdwr", 6, true, true, 0x338, 16, 0x10},        {0x34, "fdcdwr2", 6, true, true, 0x340, 0, 0x10},
    {0x35, "hdaw", 7, true, true, 0x318, 16, 0xff},          {0x36, "host1xw", 8, true, true, 0x314, 0, 0x25},
    {0x37, "ispw", 15, true, true, 0x31c, 0, 0xff},          {0x38, "mpcorelpw", 12, false, true, 0x324, 16, 0x80},
    {0x39, "mpcorew", 13, false, true, 0x320, 16, 0x0e},     {0x3b, "ppcsahbdmaw", 10, true, true, 0x348, 0, 0xa5},
    {0x3c, "ppcsahbslvw", 10, true, true, 0x348, 16, 0xe8},  {0x3e, "vdebsevw", 11, true, true, 0x35c, 0, 0xff},
    {0x3f, "vdedbgw", 11, true, true, 0x35c, 16, 0xff},      {0x40, "vdembew", 11, true, true, 0x360, 0, 0x89},
    {0x41, "vdetpmw", 11, true, true, 0x360, 16, 0x59},      {0x4a, "xusb_hostr", 16, true, false, 0x37c, 0, 0xa5},
    {0x4b, "xusb_hostw", 16, true, true, 0x37c, 16, 0xa5},   {0x4c, "xusb_devr", 17, true, false, 0x380, 0, 0xa5},
    {0x4d, "xusb_devw", 17, true, true, 0x380, 16, 0xa5},    {0x4e, "fdcdwr3", 6, true, true, 0x388, 0, 0x10},
    {0x4f, "fdcdrd3", 6, true, false, 0x384, 0, 0x0c},       {0x50, "fdcwr4", 6, true, true, 0x388, 16, 0x10},
    {0x51, "fdcrd4", 6, true, false, 0x384, 16, 0x0c},       {0x52, "emucifr", 18, false, false, 0x38c, 0, 0x04},
    {0x53, "emucifw", 18, false, true, 0x38c, 16, 0x0e},     {0x54, "tsecsrd", 19, true, false, 0x390, 0, 0x50},
    {0x55, "tsecswr", 19, true, true, 0x390, 16, 0x50},
};

inline constexpr Swgroup kSwgroups[] = {
    {"dc", 1, 0x240},    {"dcb", 2, 0x244},        {"epp", 3, 0x248},       {"g2", 4, 0x24c},
    {"avpc", 5, 0x23c},  {"nv", 6, 0x268},         {"hda", 7, 0x254},       {"hc", 8, 0x250},
    {"msenc", 9, 0x264}, {"ppcs", 10, 0x270},      {"vde", 11, 0x27c},      {"vi", 14, 0x280},
    {"isp", 15, 0x258},  {"xusb_host", 16, 0x288}, {"xusb_dev", 17, 0x28c}, {"tsec", 19, 0x294},
};

inline constexpr std::uint16_t kTogether[] = {1, 2, 4, 6};  // dc, dcb, g2, nv
inline constexpr GroupSoc kGroups[] = {{"drm", rows(kTogether)}};

inline constexpr Soc kSoc{"tegra114", rows(kClients), rows(kSwgroups), rows(kGroups), 32, 32, 0x7f, 4,
                          32,         false,          false,           0x540};

}  // namespace xlate::iommu::tegra::t114
