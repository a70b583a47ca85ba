#include "kernel-model/pci/quirks.hpp"

#include <algorithm>
#include <array>

namespace xlate::kernel {
namespace {

enum class Quirk : std::uint8_t {
    no_alias,             ///< PCI_DEV_FLAGS_PCI_BRIDGE_NO_ALIASES
    alias_root,           ///< PCI_DEV_FLAGS_BRIDGE_XLATE_ROOT
    pcie_bridge_alias,    ///< PCI_DEV_FLAG_PCIE_BRIDGE_ALIAS
    function_0_alias,     ///< quirk_dma_func0_alias
    function_1_alias,     ///< quirk_dma_func1_alias
    no_ats,               ///< quirk_no_ats
    isolated_port,        ///< a root port without the capability that isolates all the same
    isolated_any_port,    ///< the same, and downstream ports of switches (pci_quirk_zhaoxin_pcie_ports_acs)
    isolated_functions,   ///< pci_quirk_mf_endpoint_acs: functions that do not talk to each other
    isolated_southbridge  ///< pci_quirk_amd_sb_acs
};

/// In which kernels a row is. The variants of 6.1 and 6.12 are late stable releases, which took over younger rows.
struct Releases {
    unsigned first = 0;  ///< as Variant::release
    bool in_6_1 = true;  ///< in 6.1 as well, though `first` is younger
};
constexpr Releases kAlways{};
constexpr Releases kSince6_11{611, true};
constexpr Releases kSince6_12{612, true};
constexpr Releases kSince7_0{700, false};

struct Row {
    Quirk quirk;
    std::uint16_t vendor;
    std::uint16_t first;  ///< of a row of device ids
    std::uint16_t last;
    Releases releases = kAlways;
};

constexpr std::uint16_t kIntel = 0x8086;

constexpr std::array kRows{
    Row{Quirk::no_alias, 0x1a03, 0x1150, 0x1150, kSince7_0},  // ASPEED AST1150
    Row{Quirk::alias_root, 0x14e4, 0x9000, 0x9000},           // ThunderX2
    Row{Quirk::alias_root, 0x14e4, 0x9084, 0x9084},
    Row{Quirk::pcie_bridge_alias, 0x1b21, 0x1080, 0x1080},  // ASMedia ASM1083, ASM1085
    Row{Quirk::pcie_bridge_alias, 0x10e3, 0x8113, 0x8113},  // Tundra
    Row{Quirk::pcie_bridge_alias, 0x1283, 0x8892, 0x8893},  // ITE
    Row{Quirk::pcie_bridge_alias, 0x8086, 0x244e, 0x244e},  // Intel 82801
    Row{Quirk::function_0_alias, 0x1180, 0xe832, 0xe832},   // Ricoh
    Row{Quirk::function_0_alias, 0x1180, 0xe476, 0xe476},
    Row{Quirk::function_0_alias, 0x6766, 0x3d40, 0x3d41, kSince6_12},  // Glenfly
    Row{Quirk::function_1_alias, 0x1b4b, 0x9120, 0x9120},              // Marvell SATA
    Row{Quirk::function_1_alias, 0x1b4b, 0x9123, 0x9123},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9125, 0x9125},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9128, 0x9128},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9130, 0x9130},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9170, 0x9170},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9172, 0x9172},
    Row{Quirk::function_1_alias, 0x1b4b, 0x917a, 0x917a},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9182, 0x9183},
    Row{Quirk::function_1_alias, 0x1b4b, 0x91a0, 0x91a0},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9215, 0x9215},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9220, 0x9220},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9230, 0x9230},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9235, 0x9235},
    Row{Quirk::function_1_alias, 0x1103, 0x0642, 0x0642},  // HighPoint
    Row{Quirk::function_1_alias, 0x1103, 0x0645, 0x0645},
    Row{Quirk::function_1_alias, 0x197b, 0x2392, 0x2392},  // JMicron JMB388
    Row{Quirk::function_1_alias, 0x1c28, 0x0122, 0x0122},  // Plextor M6E
    Row{Quirk::no_ats, 0x1002, 0x98e4, 0x98e4},            // AMD Stoney
    Row{Quirk::no_ats, 0x1002, 0x6900, 0x6900},            // AMD Iceland
    Row{Quirk::no_ats, 0x8086, 0x1451, 0x1455},            // Intel E2000 before stepping C
    Row{Quirk::no_ats, 0x8086, 0x1457, 0x1457},
    Row{Quirk::no_ats, 0x8086, 0x1459, 0x145a},
    Row{Quirk::no_ats, 0x8086, 0x145c, 0x145c},
    Row{Quirk::isolated_port, 0x10e8, 0xe004, 0xe004},  // APM X-Gene
    Row{Quirk::isolated_port, 0x1def, 0xe005, 0xe00c},  // Ampere
    Row{Quirk::isolated_port, 0x17cb, 0x0400, 0x0401},  // Qualcomm
    Row{Quirk::isolated_port, 0x17cb, 0x0115, 0x0115, kSince6_12},
    Row{Quirk::isolated_port, 0x17cb, 0x0111, 0x0111, kSince7_0},
    Row{Quirk::isolated_port, 0x17cb, 0x0120, 0x0120, kSince7_0},
    Row{Quirk::isolated_port, 0x1dbf, 0x0401, 0x0401},  // HXT
    Row{Quirk::isolated_port, 0x1c36, 0x0031, 0x0031},  // Annapurna
    Row{Quirk::isolated_port, 0x14e4, 0xd714, 0xd714},  // Broadcom iProc
    Row{Quirk::isolated_port, 0x177d, 0xa000, 0xa7ff},  // Cavium ThunderX
    Row{Quirk::isolated_port, 0x177d, 0xaf84, 0xaf84},
    Row{Quirk::isolated_port, 0x177d, 0xb884, 0xb884},
    Row{Quirk::isolated_port, 0x1957, 0x8d80, 0x8d83},  // NXP LX2
    Row{Quirk::isolated_port, 0x1957, 0x8d88, 0x8d8b},
    Row{Quirk::isolated_port, 0x1957, 0x8d90, 0x8d93},
    Row{Quirk::isolated_port, 0x1957, 0x8d98, 0x8d9b},
    Row{Quirk::isolated_port, 0x1957, 0x8da0, 0x8da1},
    Row{Quirk::isolated_port, 0x1957, 0x8da8, 0x8da9},
    Row{Quirk::isolated_port, 0x1957, 0x8db0, 0x8db1},
    Row{Quirk::isolated_port, 0x1957, 0x8db8, 0x8db9},
    Row{Quirk::isolated_port, 0x8086, 0x1c10, 0x1c1f},  // Intel PCH, 5 to 9 series, which Linux switches to it
    Row{Quirk::isolated_port, 0x8086, 0x1d10, 0x1d1e},
    Row{Quirk::isolated_port, 0x8086, 0x1e10, 0x1e1f},
    Row{Quirk::isolated_port, 0x8086, 0x3b42, 0x3b51},
    Row{Quirk::isolated_port, 0x8086, 0x8c10, 0x8c1f},
    Row{Quirk::isolated_port, 0x8086, 0x8c90, 0x8c9e},
    Row{Quirk::isolated_port, 0x8086, 0x8d10, 0x8d1e},
    Row{Quirk::isolated_port, 0x8086, 0x9c10, 0x9c1b},
    Row{Quirk::isolated_port, 0x8086, 0x9c90, 0x9c9b},
    Row{Quirk::isolated_any_port, 0x1d17, 0x0710, 0x071e},  // Zhaoxin
    Row{Quirk::isolated_any_port, 0x1d17, 0x0721, 0x0721},
    Row{Quirk::isolated_any_port, 0x1d17, 0x0723, 0x0732},
    Row{Quirk::isolated_any_port, 0x1d17, 0x0733, 0x0752, kSince6_12},
    Row{Quirk::isolated_functions, 0x1924, 0x0903, 0x0903},  // Solarflare
    Row{Quirk::isolated_functions, 0x1924, 0x0923, 0x0923},
    Row{Quirk::isolated_functions, 0x1924, 0x0a03, 0x0a03},
    Row{Quirk::isolated_functions, 0x8086, 0x105e, 0x1060},  // Intel 82571
    Row{Quirk::isolated_functions, 0x8086, 0x10d9, 0x10d9},
    Row{Quirk::isolated_functions, 0x8086, 0x10a7, 0x10a7},  // 82575
    Row{Quirk::isolated_functions, 0x8086, 0x10a9, 0x10a9},
    Row{Quirk::isolated_functions, 0x8086, 0x10d6, 0x10d6},
    Row{Quirk::isolated_functions, 0x8086, 0x10c9, 0x10c9},  // 82576
    Row{Quirk::isolated_functions, 0x8086, 0x10e6, 0x10e8},
    Row{Quirk::isolated_functions, 0x8086, 0x150a, 0x150a},
    Row{Quirk::isolated_functions, 0x8086, 0x150d, 0x150d},
    Row{Quirk::isolated_functions, 0x8086, 0x1518, 0x1518},
    Row{Quirk::isolated_functions, 0x8086, 0x1526, 0x1526},
    Row{Quirk::isolated_functions, 0x8086, 0x1509, 0x1509},  // 82580
    Row{Quirk::isolated_functions, 0x8086, 0x150e, 0x1511},
    Row{Quirk::isolated_functions, 0x8086, 0x1516, 0x1516},
    Row{Quirk::isolated_functions, 0x8086, 0x1527, 0x1527},
    Row{Quirk::isolated_functions, 0x8086, 0x10c6, 0x10c6},  // 82598
    Row{Quirk::isolated_functions, 0x8086, 0x10db, 0x10db},
    Row{Quirk::isolated_functions, 0x8086, 0x10dd, 0x10dd},
    Row{Quirk::isolated_functions, 0x8086, 0x10e1, 0x10e1},
    Row{Quirk::isolated_functions, 0x8086, 0x10f1, 0x10f1},
    Row{Quirk::isolated_functions, 0x8086, 0x10f7, 0x10fc},  // 82599
    Row{Quirk::isolated_functions, 0x8086, 0x1507, 0x1507},
    Row{Quirk::isolated_functions, 0x8086, 0x1514, 0x1514},
    Row{Quirk::isolated_functions, 0x8086, 0x151c, 0x151c},
    Row{Quirk::isolated_functions, 0x8086, 0x1529, 0x152a},
    Row{Quirk::isolated_functions, 0x8086, 0x154d, 0x154d},
    Row{Quirk::isolated_functions, 0x8086, 0x154f, 0x154f},
    Row{Quirk::isolated_functions, 0x8086, 0x1551, 0x1551},
    Row{Quirk::isolated_functions, 0x8086, 0x1558, 0x1558},
    Row{Quirk::isolated_functions, 0x8086, 0x1521, 0x1524},  // I350
    Row{Quirk::isolated_functions, 0x8086, 0x15b7, 0x15b8},  // I219
    Row{Quirk::isolated_functions, 0x19a2, 0x0710, 0x0710},  // Emulex BE3
    Row{Quirk::isolated_functions, 0x10df, 0x0720, 0x0720},  // Emulex Skyhawk
    Row{Quirk::isolated_functions, 0x177d, 0xa026, 0xa026},  // Cavium
    Row{Quirk::isolated_functions, 0x177d, 0xa059, 0xa059},
    Row{Quirk::isolated_functions, 0x177d, 0xa060, 0xa060},
    Row{Quirk::isolated_functions, 0x14e4, 0x16d7, 0x16d7},  // Broadcom
    Row{Quirk::isolated_functions, 0x14e4, 0x1750, 0x1752},
    Row{Quirk::isolated_functions, 0x14e4, 0x1760, 0x1763, kSince6_11},
    Row{Quirk::isolated_functions, 0x1d17, 0x3038, 0x3038},  // Zhaoxin
    Row{Quirk::isolated_functions, 0x1d17, 0x3104, 0x3104},
    Row{Quirk::isolated_functions, 0x1d17, 0x9083, 0x9083},
    Row{Quirk::isolated_functions, 0x8088, 0x0100, 0x010f},  // Wangxun
    Row{Quirk::isolated_functions, 0x8088, 0x1001, 0x1001},
    Row{Quirk::isolated_functions, 0x8088, 0x2001, 0x2001},
    Row{Quirk::isolated_functions, 0x8088, 0x5010, 0x5010, kSince6_12},
    Row{Quirk::isolated_functions, 0x8088, 0x5025, 0x5025, kSince6_12},
    Row{Quirk::isolated_functions, 0x8088, 0x5040, 0x5040, kSince6_12},
    Row{Quirk::isolated_functions, 0x8088, 0x5110, 0x5110, kSince6_12},
    Row{Quirk::isolated_functions, 0x8088, 0x5125, 0x5125, kSince6_12},
    Row{Quirk::isolated_functions, 0x8088, 0x5140, 0x5140, kSince6_12},
    Row{Quirk::isolated_southbridge, 0x1002, 0x4383, 0x4385},  // AMD SB700 to SB900
    Row{Quirk::isolated_southbridge, 0x1002, 0x4399, 0x4399},
    Row{Quirk::isolated_southbridge, 0x1002, 0x439c, 0x439d},
    Row{Quirk::isolated_southbridge, 0x1022, 0x7809, 0x7809},  // AMD FCH
    Row{Quirk::isolated_southbridge, 0x1022, 0x780f, 0x780f},
};

constexpr unsigned kAnyRelease = ~0U;

bool is_in(const Releases& releases, unsigned release) {
    constexpr unsigned k6_1 = 601;
    return release >= releases.first || (release == k6_1 && releases.in_6_1);
}

bool has(const PciFunction& function, Quirk quirk, unsigned release) {
    return std::any_of(kRows.begin(), kRows.end(), [&](const Row& row) {
        return row.quirk == quirk && row.vendor == function.vendor && function.product >= row.first &&
               function.product <= row.last && is_in(row.releases, release);
    });
}

/// Never for what is not PCIe, or has the capability itself.
bool overridden(const PciFunction& function, const PciPlace& place, const AcsOverrides& overrides) {
    const std::uint32_t capability =
        function.acs_capability.value_or(function.kind == PciKind::root_port ? kAcsIsolation : 0);
    if (!is_pcie(function.kind) || capability != 0) return false;
    for (const PciMatch& one : overrides.devices) {
        if (one.id && one.id->first == function.vendor && one.id->second == function.product) return true;
    }
    switch (function.kind) {
        case PciKind::root_port:
        case PciKind::downstream_port:
            return overrides.downstream;
        case PciKind::endpoint:
        case PciKind::upstream_port:
        case PciKind::event_collector:
            return overrides.multifunction && place.multifunction;
        default:
            return false;
    }
}

}  // namespace

PciPlace place_on_bus(const std::vector<PciFunction>& bus, const PciFunction& function, const PciFunction* bridge) {
    PciPlace place;
    place.on_root_bus = bridge == nullptr;
    place.below_pcie = bridge != nullptr && is_pcie(bridge->kind) && bridge->kind != PciKind::pcie_to_pci_bridge;
    place.multifunction = std::count_if(bus.begin(), bus.end(),
                                        [&](const PciFunction& other) { return other.device == function.device; }) > 1;
    return place;
}

PciFunction as_hardware_is(PciFunction function, const PciPlace& place) {
    return with_quirks(std::move(function), place, {}, kAnyRelease);
}

std::optional<std::uint16_t> alias_of_bridge(const PciFunction& bridge, std::uint32_t own_id, unsigned bus_behind) {
    const auto first_behind = static_cast<std::uint16_t>(bus_behind << 8);
    switch (bridge.kind) {
        case PciKind::root_port:
        case PciKind::upstream_port:
        case PciKind::downstream_port:
            return std::nullopt;
        case PciKind::pcie_to_pci_bridge:
            if (bridge.no_alias) return std::nullopt;
            return first_behind;
        default:
            return bridge.pcie_bridge_alias ? first_behind : static_cast<std::uint16_t>(own_id);
    }
}

PciFunction with_quirks(PciFunction function, const PciPlace& place, const AcsOverrides& overrides, unsigned release) {
    if (!function.acs_quirk && overridden(function, place, overrides)) function.acs_quirk = true;
    if (function.vendor == 0) return function;
    const auto known = [&](Quirk quirk) { return has(function, quirk, release); };
    if (known(Quirk::no_alias)) function.no_alias = true;
    if (known(Quirk::alias_root)) function.alias_translation_root = true;
    const bool looks_like_one = function.kind == PciKind::pci_bridge && !place.on_root_bus && place.below_pcie;
    if (looks_like_one && known(Quirk::pcie_bridge_alias)) function.pcie_bridge_alias = true;
    const auto also = [&](unsigned number) {
        if (function.function != number) function.alias_devfns.push_back(function.device << 3 | number);
    };
    if (known(Quirk::function_0_alias)) also(0);
    if (known(Quirk::function_1_alias)) also(1);
    if (known(Quirk::no_ats)) function.no_ats = true;
    if (!function.acs_quirk) {
        const bool root = function.kind == PciKind::root_port, down = function.kind == PciKind::downstream_port;
        const bool port = (root && known(Quirk::isolated_port)) || ((root || down) && known(Quirk::isolated_any_port));
        // Whatever its kind: Linux asks for a device's quirk before it asks whether the device is PCIe. They are of
        // multifunction devices, and a single function is isolated anyway.
        const bool functions = known(Quirk::isolated_functions);
        // It claims to redirect requests and completions, which is all that a function of a slot is asked for.
        const bool southbridge =
            place.on_root_bus && place.multifunction && place.beside_ivrs && known(Quirk::isolated_southbridge);
        // pci_quirk_rciep_acs(): Intel's integrated endpoints reach each other through the IOMMU alone.
        const bool integrated = function.kind == PciKind::endpoint && place.on_root_bus && function.vendor == kIntel;
        if (port || functions || southbridge || integrated) function.acs_quirk = true;
    }
    return function;
}

}  // namespace xlate::kernel
