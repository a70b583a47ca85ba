#include "kernel-model/pgtable/vmsav8_stage2.hpp"

#include "base/bits.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace pte = iommu::smmuv3::pte;

namespace {

constexpr unsigned kLastLevel = 3;
constexpr std::uint64_t kConcatenatedMax = 16;
constexpr std::uint64_t kMemAttrDevice = 0x1, kMemAttrNonCacheable = 0x5, kMemAttrWriteBack = 0xF;

std::uint64_t leaf_type(unsigned level) { return pte::TYPE.of(level == kLastLevel ? pte::TYPE_PAGE : pte::TYPE_BLOCK); }

}  // namespace

Vmsav8Stage2::Vmsav8Stage2(const IoPgtableConfig& config) : PgtableFormat({}), coherent_walk_(config.coherent_walk) {
    row_.last_level = kLastLevel;
    row_.ias = config.ias;
    row_.oas = config.oas;
    if (config.ias > 52 || config.oas > 52) return;
    row_.pgsize_bitmap = restrict_pgsizes(config.pgsize_bitmap, config.cpu_page_bytes);
    if (row_.pgsize_bitmap == 0) return;
    granule_ = static_cast<smmu::Granule>(log2_floor(smallest_page()));
    if (config.ias > 48 && !wide()) row_.ias = 48;
    row_.first_level = smmu::start_level(granule_, row_.ias);
    // A walk shorter by one level, if the next one's tables need not be too many.
    if (row_.first_level == 0 && smmu::root_entries(granule_, row_.ias, 0) <= kConcatenatedMax) row_.first_level = 1;
    row_.root_alignment = std::max<std::uint64_t>(row_.root_alignment, entries(row_.first_level) * 8);
}

std::uint64_t Vmsav8Stage2::entries(unsigned level) const {
    if (level == row_.first_level) return smmu::root_entries(granule_, row_.ias, level);
    return std::uint64_t{1} << smmu::stride(granule_);
}

bool Vmsav8Stage2::is_leaf(std::uint64_t word, unsigned level) const {
    return level == kLastLevel || pte::TYPE.get(word) == pte::TYPE_BLOCK;
}

PhysAddr Vmsav8Stage2::leaf_address(std::uint64_t word, unsigned level) const {
    return PhysAddr{smmu::descriptor_address(word, shift(level), wide())};
}

PhysAddr Vmsav8Stage2::table_address(std::uint64_t word) const {
    return PhysAddr{smmu::descriptor_address(word, smmu::page_bits(granule_), wide())};
}

std::uint64_t Vmsav8Stage2::address_field(std::uint64_t address) const {
    return wide() ? keep(address, 47, 16) | ((address >> 48) & 0xF) << 12 : address;
}

std::uint64_t Vmsav8Stage2::leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t /*pgsize*/) const {
    std::uint64_t word = address_field(page.value) | leaf_type(level) | pte::AF.of(1);
    word |= pte::S2AP.of((prot.read ? pte::S2AP_READ : 0) | (prot.write ? pte::S2AP_WRITE : 0));
    word |= pte::MemAttr.of(prot.device_memory ? kMemAttrDevice
                            : prot.cacheable   ? kMemAttrWriteBack
                                               : kMemAttrNonCacheable);
    word |= pte::SH.of(prot.cacheable ? pte::SH_ISH : pte::SH_OSH);
    if (prot.no_execute) word |= pte::S2XN.of(2);
    return word;
}

std::uint64_t Vmsav8Stage2::table(PhysAddr table, unsigned /*level*/) const {
    return address_field(table.value) | pte::TYPE.of(pte::TYPE_TABLE) | table_in_memory(coherent_walk_);
}

std::uint64_t Vmsav8Stage2::part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const {
    const std::uint64_t attributes = word & ~(keep(~std::uint64_t{0}, 47, 12) | pte::TYPE.mask());
    return address_field(leaf_address(word, level).value + offset) | attributes | leaf_type(part_level);
}

Vmsav8Stage2::Registers Vmsav8Stage2::registers(std::uint64_t root) const {
    Registers regs;
    regs.vttbr = root;
    regs.t0sz = 64 - row_.ias;
    regs.tg0 = granule_code(granule_);
    regs.ps = output_size_code(row_.oas);
    // The code counts levels down from 2 (4K granule) or 3.
    regs.sl0 = (granule_ == smmu::Granule::k4 ? 2u : 3u) - row_.first_level;
    regs.sh0 = coherent_walk_ ? pte::SH_ISH : pte::SH_OSH;
    regs.ir0 = coherent_walk_ ? 1 : 0;
    regs.or0 = coherent_walk_ ? 1 : 0;
    return regs;
}

}  // namespace xlate::kernel
