// The clients and swgroups of Tegra30's memory controller: numbers and names of the hardware, as the device tree's
// binding (dt-bindings/memory) and Linux's driver publish them. Held against logs of register writes by
// tests/kernel-model/tegra_corpus_test.cpp.
#pragma once

#include "iommu/tegra/layout_soc.hpp"

namespace xlate::iommu::tegra::t30 {

inline constexpr Client kClients[] = {
    {0x00, "ptcr", 0, false, false, 0x34c, 0, 0x00},         {0x01, "display0a", 1, true, false, 0x2e8, 0, 0x4e},
    {0x02, "display0ab", 2, true, false, 0x2f4, 0, 0x4e},    {0x03, "display0b", 1, true, false, 0x2e8, 16, 0x4e},
    {0x04, "display0bb", 2, true, false, 0x2f4, 16, 0x4e},   {0x05, "display0c", 1, true, false, 0x2ec, 0, 0x4e},
    {0x06, "display0cb", 2, true, false, 0x2f8, 0, 0x4e},    {0x07, "display1b", 1, true, false, 0x2ec, 16, 0x4e},
    {0x08, "display1bb", 2, true, false, 0x2f8, 16, 0x4e},   {0x09, "eppup", 3, true, false, 0x300, 0, 0x17},
    {0x0a, "g2pr", 4, true, false, 0x308, 0, 0x09},          {0x0b, "g2sr", 4, true, false, 0x308, 16, 0x09},
    {0x0c, "mpeunifbr", 5, true, false, 0x328, 0, 0x50},     {0x0d, "viruv", 6, true, false, 0x364, 0, 0x2c},
    {0x0e, "afir", 7, true, false, 0x2e0, 0, 0x10},          {0x0f, "avpcarm7r", 8, true, false, 0x2e4, 0, 0x04},
    {0x10, "displayhc", 1, true, false, 0x2f0, 0, 0xff},     {0x11, "displayhcb", 2, true, false, 0x2fc, 0, 0xff},
    {0x12, "fdcdrd", 9, true, false, 0x334, 0, 0x0a},        {0x13, "fdcdrd2", 10, true, false, 0x33c, 0, 0x0a},
    {0x14, "g2dr", 4, true, false, 0x30c, 0, 0x0a},          {0x15, "hdar", 11, true, false, 0x318, 0, 0xff},
    {0x16, "host1xdmar", 12, true, false, 0x310, 0, 0x05},   {0x17, "host1xr", 12, true, false, 0x310, 16, 0x50},
    {0x18, "idxsrd", 9, true, false, 0x334, 16, 0x13},       {0x19, "idxsrd2", 10, true, false, 0x33c, 16, 0x13},
    {0x1a, "mpe_ipred", 5, true, false, 0x328, 16, 0x80},    {0x1b, "mpeamemrd", 5, true, false, 0x32c, 0, 0x42},
    {0x1c, "mpecsrd", 5, true, false, 0x32c, 16, 0xff},      {0x1d, "ppcsahbdmar", 13, true, false, 0x344, 0, 0x10},
    {0x1e, "ppcsahbslvr", 13, true, false, 0x344, 16, 0x12}, {0x1f, "satar", 14, true, false, 0x350, 0, 0x33},
    {0x20, "texsrd", 9, true, false, 0x338, 0, 0x13},        {0x21, "texsrd2", 10, true, false, 0x340, 0, 0x13},
    {0x22, "vdebsevr", 15, true, false, 0x354, 0, 0xff},     {0x23, "vdember", 15, true, false, 0x354, 16, 0xd0},
    {0x24, "vdemcer", 15, true, false, 0x358, 0, 0x2a},      {0x25, "vdetper", 15, true, false, 0x358, 16, 0x74},
    {0x26, "mpcorelpr", 16, false, false, 0x324, 0, 0x04},   {0x27, "mpcorer", 17, false, false, 0x320, 0, 0x04},
    {0x28, "eppu", 3, true, true, 0x300, 16, 0x6c},          {0x29, "eppv", 3, true, true, 0x304, 0, 0x6c},
    {0x2a, "eppy", 3, true, true, 0x304, 16, 0x6c},          {0x2b, "mpeunifbw", 5, true, true, 0x330, 0, 0x13},
    {0x2c, "viwsb", 6, true, true, 0x364, 16, 0x12},         {0x2d, "viwu", 6, true, true, 0x368, 0, 0xb2},
    {0x2e, "viwv", 6, true, true, 0x368, 16, 0xb2},          {0x2f, "viwy", 6, true, true, 0x36c, 0, 0x12},
    {0x30, "g2dw", 4, true, true, 0x30c, 16, 0x09},          {0x31, "afiw", 7, true, true, 0x2e0, 16, 0x0c},
    {0x32, "avpcarm7w", 8, true, true, 0x2e4, 16, 0x0e},     {0x33, "fdcdwr", 9, true, true, 0x338, 16, 0x0a},
    {0x34, "fdcdwr2", 10, true, true, 0x340, 16, 0x0a},      {0x35, "hdaw", 11, true, true, 0x318, 16, 0xff},
    {0x36, "host1xw", 12, true, true, 0x314, 0, 0x10},       {0x37, "ispw", 18, true, true, 0x31c, 0, 0xff},
    {0x38, "mpcorelpw", 16, false, true, 0x324, 16, 0x0e},   {0x39, "mpcorew", 17, false, true, 0x320, 16, 0x0e},
    {0x3a, "mpecswr", 5, true, true, 0x330, 16, 0xff},       {0x3b, "ppcsahbdmaw", 13, true, true, 0x348, 0, 0x10},
    {0x3c, "ppcsahbslvw", 13, true, true, 0x348, 16, 0x06},  {0x3d, "sataw", 14, true, true, 0x350, 16, 0x33},
    {0x3e, "vdebsevw", 15, true, true, 0x35c, 0, 0xff},      {0x3f, "vdedbgw", 15, true, true, 0x35c, 16, 0xff},
    {0x40, "vdembew", 15, true, true, 0x360, 0, 0x42},       {0x41, "vdetpmw", 15, true, true, 0x360, 16, 0x2a},
};

inline constexpr Swgroup kSwgroups[] = {
    {"dc", 1, 0x240},    {"dcb", 2, 0x244},   {"epp", 3, 0x248},  {"g2", 4, 0x24c},
    {"mpe", 5, 0x264},   {"vi", 6, 0x280},    {"afi", 7, 0x238},  {"avpc", 8, 0x23c},
    {"nv", 9, 0x268},    {"nv2", 10, 0x26c},  {"hda", 11, 0x254}, {"hc", 12, 0x250},
    {"ppcs", 13, 0x270}, {"sata", 14, 0x278}, {"vde", 15, 0x27c}, {"isp", 18, 0x258},
};

inline constexpr std::uint16_t kTogether[] = {1, 2, 4, 9, 10};  // dc, dcb, g2, nv, nv2
inline constexpr GroupSoc kGroups[] = {{"drm", rows(kTogether)}};

inline constexpr Soc kSoc{"tegra30", rows(kClients), rows(kSwgroups), rows(kGroups), 32, 16, 0x7f, 4,
                          16,        false,          false,           0x540};

}  // namespace xlate::iommu::tegra::t30
