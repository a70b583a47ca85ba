#include "kernel-model/pgtable/vmsav8_stage1.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace pte = iommu::smmuv3::pte;

namespace {

constexpr unsigned kLastLevel = 3;
// Indices into the MAIR that registers() reports.
constexpr std::uint64_t kAttrNonCacheable = 0, kAttrWriteBack = 1, kAttrDevice = 2;
// 0x44 non-cacheable, 0xff write-back, 0x04 device nGnRE, 0xf4 inner non-cacheable outer write-back.
constexpr std::uint64_t kMair = 0xF404FF44;

/// Among the bits [58:55] that hardware ignores.
constexpr std::uint64_t kSoftwareInMemory = std::uint64_t{1} << 55;

std::uint64_t leaf_type(unsigned level) { return pte::TYPE.of(level == kLastLevel ? pte::TYPE_PAGE : pte::TYPE_BLOCK); }

}  // namespace

std::uint64_t granule_code(smmu::Granule granule) {
    return granule == smmu::Granule::k4    ? smmu::cd::TG0_4K
           : granule == smmu::Granule::k16 ? smmu::cd::TG0_16K
                                           : smmu::cd::TG0_64K;
}

std::uint64_t output_size_code(unsigned bits) {
    for (std::uint64_t code = 0; code < 6; ++code) {
        if (smmu::address_bits(code) >= bits) return code;
    }
    return 6;
}

std::uint64_t table_in_memory(bool coherent_walk) { return coherent_walk ? 0 : kSoftwareInMemory; }

std::uint64_t restrict_pgsizes(std::uint64_t bitmap, std::uint64_t cpu_page_bytes) {
    std::uint64_t granule = 0;
    if ((bitmap & cpu_page_bytes) != 0) {
        granule = cpu_page_bytes;
    } else if (const std::uint64_t smaller = bitmap & (cpu_page_bytes - 1); smaller != 0) {
        granule = std::uint64_t{1} << log2_floor(smaller);
    } else if (const std::uint64_t larger = bitmap & ~(cpu_page_bytes - 1); larger != 0) {
        granule = larger & (~larger + 1);
    }
    constexpr std::uint64_t k1 = 1;
    switch (granule) {
        case 4096:
            return bitmap & (k1 << 12 | k1 << 21 | k1 << 30);
        case 16384:
            return bitmap & (k1 << 14 | k1 << 25);
        case 65536:
            return bitmap & (k1 << 16 | k1 << 29);
        default:
            return 0;
    }
}

Vmsav8Stage1::Vmsav8Stage1(const IoPgtableConfig& config)
    : PgtableFormat({}), coherent_walk_(config.coherent_walk), non_secure_(config.non_secure) {
    row_.last_level = kLastLevel;
    row_.ias = config.ias;
    row_.oas = config.oas;
    if (config.ias > 52 || config.oas > 52) return;
    row_.pgsize_bitmap = restrict_pgsizes(config.pgsize_bitmap, config.cpu_page_bytes);
    if (row_.pgsize_bitmap == 0) return;
    granule_ = static_cast<smmu::Granule>(log2_floor(smallest_page()));
    if (config.ias > 48 && !wide()) row_.ias = 48;
    row_.first_level = smmu::start_level(granule_, row_.ias);
}

std::uint64_t Vmsav8Stage1::entries(unsigned level) const {
    if (level == row_.first_level) return smmu::root_entries(granule_, row_.ias, level);
    return std::uint64_t{1} << smmu::stride(granule_);
}

bool Vmsav8Stage1::is_leaf(std::uint64_t word, unsigned level) const {
    return level == kLastLevel || pte::TYPE.get(word) == pte::TYPE_BLOCK;
}

PhysAddr Vmsav8Stage1::leaf_address(std::uint64_t word, unsigned level) const {
    return PhysAddr{smmu::descriptor_address(word, shift(level), wide())};
}

PhysAddr Vmsav8Stage1::table_address(std::uint64_t word) const {
    return PhysAddr{smmu::descriptor_address(word, smmu::page_bits(granule_), wide())};
}

// 64K granule: address bits [51:48] stand in [15:12].
std::uint64_t Vmsav8Stage1::address_field(std::uint64_t address) const {
    return wide() ? keep(address, 47, 16) | ((address >> 48) & 0xF) << 12 : address;
}

// Access flag set and not global always; unprivileged unless asked otherwise. A cacheable page is inner shareable.
std::uint64_t Vmsav8Stage1::leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t /*pgsize*/) const {
    std::uint64_t word = address_field(page.value) | leaf_type(level);
    word |= pte::nG.of(1) | pte::AF.of(1);
    if (non_secure_) word |= pte::NS.of(1);
    if (!prot.write) word |= pte::AP2.of(1);
    if (!prot.privileged) word |= pte::AP1.of(1);
    if (prot.device_memory) {
        word |= pte::AttrIndx.of(kAttrDevice);
    } else {
        word |= pte::AttrIndx.of(prot.cacheable ? kAttrWriteBack : kAttrNonCacheable);
    }
    word |= pte::SH.of(prot.cacheable ? pte::SH_ISH : pte::SH_OSH);
    if (prot.no_execute) word |= pte::PXN.of(1) | pte::UXN.of(1);
    return word;
}

std::uint64_t Vmsav8Stage1::table(PhysAddr table, unsigned /*level*/) const {
    return address_field(table.value) | pte::TYPE.of(pte::TYPE_TABLE) | table_in_memory(coherent_walk_) |
           pte::NSTable.of(non_secure_ ? 1 : 0);
}

std::uint64_t Vmsav8Stage1::part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const {
    const std::uint64_t attributes = word & ~(keep(~std::uint64_t{0}, 47, 12) | pte::TYPE.mask());
    return address_field(leaf_address(word, level).value + offset) | attributes | leaf_type(part_level);
}

Stage1Registers Vmsav8Stage1::registers(std::uint64_t root) const {
    Stage1Registers regs;
    regs.ttbr = root;
    regs.mair = kMair;
    regs.t0sz = 64 - row_.ias;
    regs.tg0 = granule_code(granule_);
    regs.ips = output_size_code(row_.oas);
    regs.sh0 = coherent_walk_ ? pte::SH_ISH : pte::SH_OSH;
    regs.ir0 = coherent_walk_ ? 1 : 0;
    regs.or0 = coherent_walk_ ? 1 : 0;
    return regs;
}

}  // namespace xlate::kernel
