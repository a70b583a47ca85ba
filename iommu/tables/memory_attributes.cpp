#include "iommu/tables/memory_attributes.hpp"

#include "iommu/tables/layout_vmsa7_short.hpp"
#include "iommu/tables/layout_vmsa8_64.hpp"

namespace xlate::iommu {

namespace {

using vmsa8_64::pte::SH_ISH;
using vmsa8_64::pte::SH_OSH;

/// A nibble of a MAIR byte (one cacheability) from two bits of a stage 2 MemAttr: 1 NC, 2 WT, 3 WB.
unsigned cacheability(unsigned bits) { return bits == 1 ? 0x4U : bits == 2 ? 0xBU : 0xFU; }
/// The same from a region attribute of short descriptors: 0 NC, 1 WB allocate, 2 WT, 3 WB without write allocation.
unsigned region(unsigned bits) {
    constexpr unsigned kNibble[4] = {0x4, 0xF, 0xA, 0xE};
    return kNibble[bits & 3];
}
std::uint8_t byte(unsigned outer, unsigned inner) { return static_cast<std::uint8_t>((outer << 4) | inner); }

}  // namespace

std::uint8_t mair_of_stage2(unsigned mem_attr) {
    if ((mem_attr >> 2) == 0) return static_cast<std::uint8_t>((mem_attr & 3) << 2);
    return byte(cacheability(mem_attr >> 2), cacheability(mem_attr & 3));
}

MemoryAttributes combine(MemoryAttributes stage1, MemoryAttributes stage2) {
    const bool device1 = stage1.mair < 0x10;
    const bool device2 = stage2.mair < 0x10;
    MemoryAttributes out;
    if (device1 || device2) {
        out.mair = device1 && device2 ? (stage1.mair < stage2.mair ? stage1.mair : stage2.mair)
                   : device1          ? stage1.mair
                                      : stage2.mair;
        out.shareability = static_cast<std::uint8_t>(SH_OSH);
        return out;
    }
    // Non-cacheable is weaker than write-through, that than write-back; for each of inner and outer.
    const auto rank = [](unsigned nibble) { return nibble == 4 ? 0 : (nibble & 0xC) == 0x8 || nibble < 4 ? 1 : 2; };
    const auto weaker = [&](unsigned a, unsigned b) { return rank(a) <= rank(b) ? a : b; };
    out.mair = byte(weaker(stage1.mair >> 4U, stage2.mair >> 4U), weaker(stage1.mair & 0xFU, stage2.mair & 0xFU));
    const auto strength = [](unsigned sh) { return sh == SH_OSH ? 2 : sh == SH_ISH ? 1 : 0; };
    out.shareability =
        strength(stage1.shareability) >= strength(stage2.shareability) ? stage1.shareability : stage2.shareability;
    if (out.mair == 0x44) out.shareability = static_cast<std::uint8_t>(SH_OSH);
    return out;
}

MemoryAttributes short_attributes(unsigned tex, bool c, bool b, bool s, bool remap, std::uint64_t prrr_nmrr) {
    using namespace vmsa7_short;
    MemoryAttributes out;
    out.shareability = static_cast<std::uint8_t>(s ? SH_ISH : 0);
    const unsigned cb = (c ? 2U : 0U) | (b ? 1U : 0U);
    const auto device = [&](std::uint8_t mair) {
        out.mair = mair;
        out.shareability = static_cast<std::uint8_t>(SH_OSH);
        return out;
    };
    if (remap) {
        const unsigned index = (tex & 1) << 2 | cb;
        const std::uint64_t type = prrr::TR(index).get(prrr_nmrr);
        if (type == prrr::TR_STRONGLY_ORDERED) return device(0x00);
        if (type == prrr::TR_DEVICE) return device(0x04);
        const std::uint64_t nmrr = prrr_nmrr >> 32;
        out.mair = byte(region(static_cast<unsigned>(nmrr::OR(index).get(nmrr))),
                        region(static_cast<unsigned>(nmrr::IR(index).get(nmrr))));
        // S picks one of two bits that say what it means; not outer shareable is inner.
        const bool shared = (s ? prrr::NS1 : prrr::NS0).test(prrr_nmrr);
        out.shareability = static_cast<std::uint8_t>(!shared ? 0 : prrr::NOS(index).test(prrr_nmrr) ? SH_ISH : SH_OSH);
    } else if ((tex & 4) != 0) {
        out.mair = byte(region(tex & 3), region(cb));
    } else if (tex == 0 && cb == 0) {
        return device(0x00);
    } else if ((tex == 0 && cb == 1) || (tex == 2 && cb == 0)) {
        return device(0x04);
    } else if (tex == 0) {
        out.mair = cb == 2 ? byte(region(2), region(2)) : byte(region(3), region(3));
    } else {
        out.mair = cb == 3 ? byte(region(1), region(1)) : byte(region(0), region(0));
    }
    if (out.mair == 0x44) out.shareability = static_cast<std::uint8_t>(SH_OSH);
    return out;
}

}  // namespace xlate::iommu
