#include "kernel-model/pgtable/vmsav7_short.hpp"

#include "base/bits.hpp"
#include "iommu/tables/layout_vmsa7_short.hpp"

namespace xlate::kernel {

namespace v7 = iommu::vmsa7_short;
namespace l1 = iommu::vmsa7_short::l1;
namespace l2 = iommu::vmsa7_short::l2;

namespace {

constexpr unsigned kLastLevel = 2;
constexpr std::uint64_t kSizes = (1ull << 12) | (1ull << 16) | (1ull << 20) | (1ull << 24);
// AP[1:0] by the access flag's meaning (SCTLR.AFE): bit 0 accessed, bit 1 unprivileged; AP[2]: read-only.
constexpr std::uint64_t kApAccessed = 1, kApUnprivileged = 2;
// Indices TEX[0] C B that are used: 1 device, 4 normal and not cached, 7 normal and cached.
constexpr unsigned kDevice = 1, kUncached = 4, kCached = 7;
/// TTBR0: shareable, not outer shareable; write-back, write-allocate inside and outside, or not cached.
constexpr std::uint32_t kTtbrS = 1u << 1, kTtbrNos = 1u << 5, kTtbrInnerWbwa = 1u << 6, kTtbrOuterWbwa = 1u << 3;

}  // namespace

Vmsav7Short::Vmsav7Short(std::uint64_t pgsize_bitmap, bool coherent_walk)
    : PgtableFormat({}), coherent_walk_(coherent_walk) {
    row_.descriptor_bytes = v7::kDescriptorBytes;
    row_.first_level = 1;
    row_.last_level = kLastLevel;
    row_.ias = v7::kInputBits;
    row_.oas = v7::kInputBits;
    row_.pgsize_bitmap = pgsize_bitmap & kSizes;
    row_.root_alignment = 16384;
}

unsigned Vmsav7Short::shift(unsigned level) const { return level == 1 ? v7::kSectionBits : v7::kPageBits; }
std::uint64_t Vmsav7Short::entries(unsigned level) const { return level == 1 ? 4096 : 256; }

bool Vmsav7Short::is_leaf(std::uint64_t word, unsigned level) const {
    return level == kLastLevel || l1::TYPE.get(word) != l1::TYPE_TABLE;
}

std::uint64_t Vmsav7Short::leaf_bytes(std::uint64_t word, unsigned level) const {
    const bool group = level == 1 ? l1::SUPER.test(word) : l2::TYPE.get(word) == l2::TYPE_LARGE;
    return std::uint64_t{group ? 16u : 1u} << shift(level);
}

PhysAddr Vmsav7Short::leaf_address(std::uint64_t word, unsigned level) const {
    return PhysAddr{word & ~(leaf_bytes(word, level) - 1) & low_mask(32)};
}

PhysAddr Vmsav7Short::table_address(std::uint64_t word) const { return PhysAddr{l1::table_address(word)}; }

std::uint64_t Vmsav7Short::leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const {
    const std::uint64_t access = kApAccessed | (prot.privileged ? 0 : kApUnprivileged);
    const std::uint64_t read_only = prot.write ? 0 : 1;
    const std::uint64_t tex = prot.device_memory ? 0 : 1;
    const std::uint64_t bufferable = prot.device_memory || prot.cacheable ? 1 : 0;
    const std::uint64_t cacheable = !prot.device_memory && prot.cacheable ? 1 : 0;
    const std::uint64_t never = prot.no_execute ? 1 : 0;
    std::uint64_t word = page.value;
    if (level == 1) {
        word |= l1::TYPE.of(l1::TYPE_SECTION) | l1::B.of(bufferable) | l1::C.of(cacheable) | l1::XN.of(never);
        word |= l1::AP.of(access) | l1::AP2.of(read_only) | l1::TEX.of(tex) | l1::S.of(1) | l1::nG.of(1);
        if (pgsize > std::uint64_t{1} << shift(1)) word |= l1::SUPER.of(1);
        return word;
    }
    word |= l2::B.of(bufferable) | l2::C.of(cacheable) | l2::AP.of(access) | l2::AP2.of(read_only) | l2::S.of(1) |
            l2::nG.of(1);
    if (pgsize > std::uint64_t{1} << shift(2)) {
        return word | l2::TYPE.of(l2::TYPE_LARGE) | l2::LARGE_TEX.of(tex) | l2::LARGE_XN.of(never);
    }
    return word | l2::TYPE.of(l2::TYPE_SMALL) | l2::SMALL_TEX.of(tex) | l2::SMALL_XN.of(never);
}

std::uint64_t Vmsav7Short::table(PhysAddr table, unsigned /*level*/) const {
    return table.value | l1::TYPE.of(l1::TYPE_TABLE);
}

PageProt Vmsav7Short::prot_of(std::uint64_t word, unsigned level) {
    const bool large = level == kLastLevel && l2::TYPE.get(word) == l2::TYPE_LARGE;
    PageProt prot;
    const std::uint64_t tex = level == 1 ? l1::TEX.get(word)
                              : large    ? l2::LARGE_TEX.get(word)
                                         : l2::SMALL_TEX.get(word);
    prot.write = !(level == 1 ? l1::AP2.test(word) : l2::AP2.test(word));
    prot.privileged = ((level == 1 ? l1::AP.get(word) : l2::AP.get(word)) & kApUnprivileged) == 0;
    prot.device_memory = tex == 0;
    prot.cacheable = level == 1 ? l1::C.test(word) : l2::C.test(word);
    prot.no_execute = level == 1 ? l1::XN.test(word) : large ? l2::LARGE_XN.test(word) : l2::SMALL_XN.test(word);
    return prot;
}

std::uint64_t Vmsav7Short::part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const {
    const PhysAddr page{leaf_address(word, level).value + offset};
    return leaf(page, prot_of(word, level), part_level, std::uint64_t{1} << shift(part_level));
}

Vmsav7Short::Registers Vmsav7Short::registers(std::uint64_t root) const {
    Registers regs;
    regs.ttbr0 = static_cast<std::uint32_t>(root) | kTtbrS;
    if (coherent_walk_) regs.ttbr0 |= kTtbrNos | kTtbrInnerWbwa | kTtbrOuterWbwa;
    namespace prrr = iommu::vmsa7_short::prrr;
    namespace nmrr = iommu::vmsa7_short::nmrr;
    regs.prrr =
        static_cast<std::uint32_t>(prrr::TR(kDevice).of(prrr::TR_DEVICE) | prrr::TR(kUncached).of(prrr::TR_NORMAL) |
                                   prrr::TR(kCached).of(prrr::TR_NORMAL) | prrr::DS0.of(1) | prrr::DS1.of(1) |
                                   prrr::NS1.of(1) | prrr::NOS(kCached).of(1));
    regs.nmrr = static_cast<std::uint32_t>(nmrr::IR(kCached).of(nmrr::WRITE_BACK_ALLOCATE) |
                                           nmrr::OR(kCached).of(nmrr::WRITE_BACK_ALLOCATE));
    return regs;
}

}  // namespace xlate::kernel
