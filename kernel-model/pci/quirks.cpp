#include "kernel-model/pci/quirks.hpp"

#include <algorithm>
#include <array>

namespace xlate::kernel {
namespace {

enum class Quirk : std::uint8_t {
    no_alias,            ///< PCI_DEV_FLAGS_PCI_BRIDGE_NO_ALIASES
    alias_root,          ///< PCI_DEV_FLAGS_BRIDGE_XLATE_ROOT
    pcie_bridge_alias,   ///< PCI_DEV_FLAG_PCIE_BRIDGE_ALIAS
    function_0_alias,    ///< quirk_dma_func0_alias
    function_1_alias,    ///< quirk_dma_func1_alias
    no_ats,              ///< quirk_no_ats
    isolated_port,       ///< a root port without the capability that isolates all the same
    isolated_functions,  ///< pci_quirk_mf_endpoint_acs: functions that do not talk to each other
};

struct Row {
    Quirk quirk;
    std::uint16_t vendor;
    std::uint16_t first;  ///< of a row of device ids
    std::uint16_t last;
    unsigned since = 0;  ///< release
};

constexpr std::uint16_t kIntel = 0x8086;

constexpr std::array kRows{
    Row{Quirk::no_alias, 0x1a03, 0x1150, 0x1150, 700},  // ASPEED AST1150
    Row{Quirk::alias_root, 0x14e4, 0x9000, 0x9000},     // ThunderX2
    Row{Quirk::alias_root, 0x14e4, 0x9084, 0x9084},
    Row{Quirk::pcie_bridge_alias, 0x1b21, 0x1080, 0x1080},  // ASMedia
    Row{Quirk::pcie_bridge_alias, 0x10e3, 0x8113, 0x8113},  // Tundra
    Row{Quirk::pcie_bridge_alias, 0x1283, 0x8892, 0x8892},  // ITE
    Row{Quirk::pcie_bridge_alias, 0x8086, 0x244e, 0x244e},  // Intel 82801
    Row{Quirk::function_0_alias, 0x1180, 0xe832, 0xe832},   // Ricoh
    Row{Quirk::function_0_alias, 0x1180, 0xe476, 0xe476},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9120, 0x9120},  // Marvell SATA
    Row{Quirk::function_1_alias, 0x1b4b, 0x9123, 0x9123},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9128, 0x9128},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9130, 0x9130},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9170, 0x9172},
    Row{Quirk::function_1_alias, 0x1b4b, 0x917a, 0x917a},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9182, 0x9183},
    Row{Quirk::function_1_alias, 0x1b4b, 0x91a0, 0x91a0},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9215, 0x9215},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9220, 0x9220},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9230, 0x9230},
    Row{Quirk::function_1_alias, 0x1b4b, 0x9235, 0x9235},
    Row{Quirk::function_1_alias, 0x1103, 0x0642, 0x0642},  // HighPoint
    Row{Quirk::function_1_alias, 0x1103, 0x0645, 0x0645},
    Row{Quirk::no_ats, 0x1002, 0x98e4, 0x98e4},  // AMD Stoney
    Row{Quirk::no_ats, 0x1002, 0x6900, 0x6900},  // AMD Iceland
    Row{Quirk::no_ats, 0x8086, 0x1451, 0x1455},  // Intel E2000 before stepping C
    Row{Quirk::no_ats, 0x8086, 0x1457, 0x1457},
    Row{Quirk::no_ats, 0x8086, 0x1459, 0x145a},
    Row{Quirk::no_ats, 0x8086, 0x145c, 0x145c},
    Row{Quirk::isolated_port, 0x10e8, 0xe004, 0xe004},  // APM X-Gene
    Row{Quirk::isolated_port, 0x1def, 0xe005, 0xe00c},  // Ampere
    Row{Quirk::isolated_port, 0x17cb, 0x0400, 0x0401},  // Qualcomm
    Row{Quirk::isolated_port, 0x1dbf, 0x0401, 0x0401},  // HXT
    Row{Quirk::isolated_port, 0x1c36, 0x0031, 0x0031},  // Annapurna
    Row{Quirk::isolated_port, 0x177d, 0xa000, 0xaf84},  // Cavium
    Row{Quirk::isolated_port, 0x8086, 0x1c10, 0x1c1f},  // Intel PCH, 5 to 9 series, which Linux switches to it
    Row{Quirk::isolated_port, 0x8086, 0x1d10, 0x1d1e},
    Row{Quirk::isolated_port, 0x8086, 0x1e10, 0x1e1f},
    Row{Quirk::isolated_port, 0x8086, 0x3b42, 0x3b51},
    Row{Quirk::isolated_port, 0x8086, 0x8c10, 0x8c1f},
    Row{Quirk::isolated_port, 0x8086, 0x8c90, 0x8c9e},
    Row{Quirk::isolated_port, 0x8086, 0x8d10, 0x8d1e},
    Row{Quirk::isolated_port, 0x8086, 0x9c10, 0x9c1b},
    Row{Quirk::isolated_port, 0x8086, 0x9c90, 0x9c9b},
    Row{Quirk::isolated_functions, 0x1924, 0x0903, 0x0903},  // Solarflare
    Row{Quirk::isolated_functions, 0x1924, 0x0923, 0x0923},
    Row{Quirk::isolated_functions, 0x1924, 0x0a03, 0x0a03},
    Row{Quirk::isolated_functions, 0x8086, 0x105e, 0x1060},  // Intel 82571
    Row{Quirk::isolated_functions, 0x8086, 0x10c9, 0x10c9},  // 82576
    Row{Quirk::isolated_functions, 0x8086, 0x10e6, 0x10e8},
    Row{Quirk::isolated_functions, 0x8086, 0x1526, 0x1526},
    Row{Quirk::isolated_functions, 0x8086, 0x10f7, 0x10fc},  // 82599
    Row{Quirk::isolated_functions, 0x8086, 0x1528, 0x1528},
    Row{Quirk::isolated_functions, 0x8086, 0x150e, 0x1511},  // 82580
    Row{Quirk::isolated_functions, 0x8086, 0x1521, 0x1524},  // I350
    Row{Quirk::isolated_functions, 0x19a2, 0x0710, 0x0710},  // Emulex
    Row{Quirk::isolated_functions, 0x19a2, 0x0720, 0x0720},
    Row{Quirk::isolated_functions, 0x14e4, 0x16d7, 0x16d7},  // Broadcom
    Row{Quirk::isolated_functions, 0x14e4, 0x1750, 0x1752},
};

constexpr unsigned kAnyRelease = ~0U;

bool has(const PciFunction& function, Quirk quirk, unsigned release) {
    return std::any_of(kRows.begin(), kRows.end(), [&](const Row& row) {
        return row.quirk == quirk && row.vendor == function.vendor && function.product >= row.first &&
               function.product <= row.last && release >= row.since;
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
        const bool port = function.kind == PciKind::root_port && known(Quirk::isolated_port);
        const bool functions =
            function.kind == PciKind::endpoint && place.multifunction && known(Quirk::isolated_functions);
        // pci_quirk_rciep_acs(): Intel's integrated endpoints reach each other through the IOMMU alone.
        const bool integrated = function.kind == PciKind::endpoint && place.on_root_bus && function.vendor == kIntel;
        if (port || functions || integrated) function.acs_quirk = true;
    }
    return function;
}

}  // namespace xlate::kernel
