// The M4Us of MediaTek's SoCs, by compatible: what differs in hardware, for driver and model alike. Which input of the
// SMI common a larb is behind is what an INT_ID says of a fault.
// Source: docs/spec/iommu-hardware.md section 16.3; Linux drivers/iommu/mtk_iommu.c (data of each compatible).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "iommu/mediatek/layout.hpp"

namespace xlate::iommu::mediatek {

/// How a larb's ports are switched to the M4U.
enum class LarbKind : std::uint8_t { mask_mt8167, mask_mt8173, per_port };
/// INT_ID of a fault: port [6:2] ([7:2]) and the larb, or a common and a sub-common's input.
enum class IntId : std::uint8_t { larb, larb_port6, sub_2bits, sub_3bits };

inline constexpr std::uint8_t kNoLarb = 32;
using LarbMap = std::array<std::array<std::uint8_t, 8>, 8>;  ///< [input of the common][input of the sub-common] -> larb

struct Soc {
    std::string_view compatible;
    bool infra = false;            ///< for USB and PCIe, without larbs
    unsigned banks = 1;            ///< register files, not all of them in use
    std::uint32_t banks_used = 1;  ///< one bit a bank
    unsigned input_bits = 32;      ///< of an IOVA
    std::uint32_t inv_sel = reg::INV_SEL_GEN2;
    LarbKind larb_kind = LarbKind::per_port;
    IntId int_id = IntId::larb;
    bool table_high_bits = false;  ///< table words have PA[34:32] as well
    bool has_4gb_mode = false;
    bool legacy_ivrp = false;  ///< IVRP_PADDR holds PA >> 1
    bool ctrl_mt8173 = false;
    LarbMap larbs{};  ///< kNoLarb: no larb

    /// The input of common and sub-common that a larb is behind; common 8: none.
    struct Place {
        unsigned common = 8, sub = 0;
    };
    constexpr Place place_of(unsigned larb) const {
        for (unsigned common = 0; common < 8; ++common) {
            for (unsigned sub = 0; sub < 8; ++sub) {
                if (larbs[common][sub] == larb) return {common, sub};
            }
        }
        return {};
    }
    /// Ports of the infrastructure that bank `bank` serves; 0: any.
    constexpr std::uint32_t bank_ports(unsigned bank) const {
        if (banks == 1) return 0;
        return bank == 0 ? 0x000F0000 : bank == 4 ? 0xFFF00000 : 0;  // PCIe 16..19, USB 20..31
    }
    constexpr unsigned bank_of_ports(std::uint32_t mask) const {
        for (unsigned bank = 0; bank < banks; ++bank) {
            if ((banks_used >> bank & 1) != 0 && (bank_ports(bank) & mask) != 0) return bank;
        }
        return 0;
    }
};

namespace detail {
struct Row {
    std::uint8_t common, sub, larb;
};
template <std::size_t N>
constexpr LarbMap larb_map(const Row (&rows)[N]) {
    LarbMap map{};
    for (auto& common : map) {
        for (auto& larb : common) larb = kNoLarb;
    }
    for (const Row& row : rows) map[row.common][row.sub] = row.larb;
    return map;
}
inline constexpr Row kLinear[] = {{0, 0, 0}, {1, 0, 1}, {2, 0, 2}, {3, 0, 3},
                                  {4, 0, 4}, {5, 0, 5}, {6, 0, 6}, {7, 0, 7}};
inline constexpr Row kMt6779[] = {{0, 0, 0}, {1, 0, 1}, {2, 0, 2},  {3, 0, 3}, {4, 0, 5},
                                  {5, 0, 7}, {5, 1, 8}, {6, 0, 10}, {7, 0, 9}};
inline constexpr Row kMt8183[] = {{0, 0, 0}, {1, 0, 4}, {2, 0, 5}, {3, 0, 6},
                                  {4, 0, 7}, {5, 0, 2}, {6, 0, 3}, {7, 0, 1}};
inline constexpr Row kMt8186[] = {{0, 0, 0},  {1, 0, 1},  {1, 2, 8},  {2, 0, 4},  {3, 0, 7},  {4, 0, 2},  {5, 0, 9},
                                  {5, 1, 11}, {5, 2, 19}, {5, 3, 20}, {6, 1, 14}, {6, 2, 16}, {7, 1, 13}, {7, 3, 17}};
inline constexpr Row kMt8192[] = {{0, 0, 0},  {1, 0, 1},  {2, 0, 4},  {2, 1, 5},  {3, 0, 7},
                                  {4, 0, 2},  {5, 0, 9},  {5, 1, 11}, {5, 2, 19}, {5, 3, 20},
                                  {6, 1, 14}, {6, 2, 16}, {7, 1, 13}, {7, 2, 18}, {7, 3, 17}};
inline constexpr Row kMt8188Vdo[] = {{0, 0, 2},  {1, 0, 0},  {2, 0, 21}, {4, 0, 19}, {5, 0, 9},  {5, 1, 10},
                                     {5, 2, 11}, {5, 3, 25}, {6, 0, 13}, {6, 2, 29}, {6, 3, 30}, {7, 0, 5}};
inline constexpr Row kMt8188Vpp[] = {{0, 0, 1},  {1, 0, 3},  {2, 0, 23}, {3, 0, 7},  {5, 0, 12}, {5, 1, 15}, {5, 2, 24},
                                     {6, 0, 14}, {6, 2, 16}, {6, 3, 17}, {6, 5, 27}, {6, 6, 28}, {7, 0, 4},  {7, 1, 6}};
inline constexpr Row kMt8195Vdo[] = {{0, 0, 2},  {0, 1, 0},  {1, 0, 21}, {2, 0, 24}, {3, 0, 7},  {4, 0, 19}, {5, 0, 9},
                                     {5, 1, 10}, {5, 2, 11}, {6, 0, 13}, {6, 1, 17}, {6, 2, 15}, {6, 3, 25}, {7, 0, 5}};
inline constexpr Row kMt8195Vpp[] = {{0, 0, 1},  {1, 0, 3},  {2, 0, 22}, {2, 4, 23}, {3, 0, 8},  {4, 0, 20},
                                     {5, 0, 12}, {6, 0, 14}, {6, 1, 16}, {6, 2, 29}, {6, 3, 26}, {6, 4, 30},
                                     {6, 5, 31}, {6, 6, 18}, {7, 0, 4},  {7, 4, 6}};

constexpr Soc soc(std::string_view compatible, const LarbMap& larbs) {
    Soc one;
    one.compatible = compatible;
    one.larbs = larbs;
    return one;
}
/// The first ones: one number a larb.
constexpr Soc first(std::string_view compatible, LarbKind kind) {
    Soc one = soc(compatible, larb_map(kLinear));
    one.inv_sel = reg::INV_SEL_GEN1;
    one.larb_kind = kind;
    return one;
}
constexpr Soc mt2712() {
    Soc one = first("mediatek,mt2712-m4u", LarbKind::per_port);
    one.has_4gb_mode = true;
    return one;
}
constexpr Soc mt6779() {
    Soc one = soc("mediatek,mt6779-m4u", larb_map(kMt6779));
    one.int_id = IntId::sub_2bits;
    one.table_high_bits = true;
    return one;
}
constexpr Soc mt8173(std::string_view compatible) {
    Soc one = first(compatible, LarbKind::mask_mt8173);
    one.has_4gb_mode = one.legacy_ivrp = one.ctrl_mt8173 = true;
    return one;
}
constexpr Soc mt8167() {
    Soc one = first("mediatek,mt8167-m4u", LarbKind::mask_mt8167);
    one.legacy_ivrp = true;
    return one;
}
constexpr Soc mt8183() {
    Soc one = soc("mediatek,mt8183-m4u", larb_map(kMt8183));
    one.inv_sel = reg::INV_SEL_GEN1;
    return one;
}
constexpr Soc mt8365() {
    Soc one = first("mediatek,mt8365-m4u", LarbKind::per_port);
    one.int_id = IntId::larb_port6;
    return one;
}
constexpr Soc wide(std::string_view compatible, const LarbMap& larbs, IntId int_id, bool table_high_bits) {
    Soc one = soc(compatible, larbs);
    one.input_bits = 34;
    one.int_id = int_id;
    one.table_high_bits = table_high_bits;
    return one;
}
constexpr Soc infra(std::string_view compatible, unsigned banks, std::uint32_t used, bool table_high_bits) {
    Soc one;
    one.compatible = compatible;
    one.infra = true;
    one.banks = banks;
    one.banks_used = used;
    one.table_high_bits = table_high_bits;
    return one;
}
}  // namespace detail

/// In the order of Linux's match table.
inline constexpr Soc kSocs[] = {
    detail::mt2712(),
    detail::mt6779(),
    detail::mt8173("mediatek,mt6795-m4u"),
    detail::wide("mediatek,mt6893-iommu-mm", detail::larb_map(detail::kMt8192), IntId::sub_2bits, false),
    detail::mt8167(),
    detail::mt8173("mediatek,mt8173-m4u"),
    detail::mt8183(),
    detail::wide("mediatek,mt8186-iommu-mm", detail::larb_map(detail::kMt8186), IntId::sub_2bits, true),
    detail::infra("mediatek,mt8188-iommu-infra", 1, 1, true),
    detail::wide("mediatek,mt8188-iommu-vdo", detail::larb_map(detail::kMt8188Vdo), IntId::sub_3bits, true),
    detail::wide("mediatek,mt8188-iommu-vpp", detail::larb_map(detail::kMt8188Vpp), IntId::sub_3bits, true),
    detail::wide("mediatek,mt8192-m4u", detail::larb_map(detail::kMt8192), IntId::sub_2bits, false),
    detail::infra("mediatek,mt8195-iommu-infra", 5, 0x11, false),
    detail::wide("mediatek,mt8195-iommu-vdo", detail::larb_map(detail::kMt8195Vdo), IntId::sub_2bits, false),
    detail::wide("mediatek,mt8195-iommu-vpp", detail::larb_map(detail::kMt8195Vpp), IntId::sub_3bits, false),
    detail::mt8365(),
};

/// nullptr: none of this name.
constexpr const Soc* find_soc(std::string_view compatible) {
    for (const Soc& one : kSocs) {
        if (one.compatible == compatible) return &one;
    }
    return nullptr;
}

}  // namespace xlate::iommu::mediatek
