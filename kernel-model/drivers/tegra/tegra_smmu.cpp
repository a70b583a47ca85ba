#include "kernel-model/drivers/tegra/tegra_smmu.hpp"

#include <algorithm>

#include "iommu/tegra/layout.hpp"
#include "iommu/tegra/layout_socs.hpp"

namespace xlate::kernel {

namespace tegra = iommu::tegra;
namespace reg = iommu::tegra::reg;

namespace {

constexpr std::uint32_t kIndexMap = 0x3F, kRequests = 8;

constexpr std::uint32_t word(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

TegraSmmu::TegraSmmu(Kernel& the_kernel, Device& the_dev, const tegra::Soc& the_soc, PhysAddr the_regs,
                     const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "tegra_smmu"),
      dev(the_dev),
      soc(the_soc),
      regs(the_regs),
      mistakes(the_mistakes),
      lock(the_kernel, "smmu->lock"),
      asids_(the_soc.asids, false) {}

std::uint32_t TegraSmmu::read(std::uint32_t offset) { return word(kernel().machine.mmio_read(regs + offset, 4)); }
void TegraSmmu::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(regs + offset, 4, value);
}

void TegraSmmu::hw_init() {
    Frame frame{kernel(), "tegra_smmu_probe"};
    std::uint64_t value = tegra::ptc_config::ENABLE.of(1) | tegra::ptc_config::INDEX_MAP.of(kIndexMap);
    if (soc.request_limit) value |= tegra::ptc_config::REQ_LIMIT.of(kRequests);
    write(reg::SMMU_PTC_CONFIG, word(value));
    value = tegra::tlb_config::HIT_UNDER_MISS.of(1) | tegra::tlb_config::ACTIVE_LINES.of(soc.tlb_lines);
    if (soc.round_robin) value |= tegra::tlb_config::ROUND_ROBIN.of(1);
    write(reg::SMMU_TLB_CONFIG, word(value));
    write(reg::SMMU_PTC_FLUSH, tegra::ptc_flush::kAll);
    write(reg::SMMU_TLB_FLUSH, tegra::tlb_flush::kAll);
    write(reg::SMMU_CONFIG, word(tegra::config::ENABLE.of(1)));
    smmu_flush();
}

// The atom that the word is in. Where memory is beyond 4 GiB, the bits above come first.
void TegraSmmu::smmu_flush_ptc(PhysAddr table, std::uint32_t offset) {
    const std::uint64_t at = table.value + align_down(offset, soc.atom_bytes);
    if (soc.address_bits > 32) write(reg::SMMU_PTC_FLUSH_HI, word(tegra::ptc_flush::HI.of(table.value >> 32)));
    write(reg::SMMU_PTC_FLUSH, word(at) | tegra::ptc_flush::kAddress);
}
void TegraSmmu::smmu_flush_tlb_asid(unsigned asid) {
    write(reg::SMMU_TLB_FLUSH, tegra::tlb_flush::asid(asid, soc.asids) | tegra::tlb_flush::kAll);
}
void TegraSmmu::smmu_flush_tlb_section(unsigned asid, std::uint64_t iova) {
    write(reg::SMMU_TLB_FLUSH, tegra::tlb_flush::asid(asid, soc.asids) | tegra::tlb_flush::section(iova));
}
void TegraSmmu::smmu_flush_tlb_group(unsigned asid, std::uint64_t iova) {
    write(reg::SMMU_TLB_FLUSH, tegra::tlb_flush::asid(asid, soc.asids) | tegra::tlb_flush::group(iova));
}
void TegraSmmu::smmu_flush() { read(reg::SMMU_PTB_ASID); }

int TegraSmmu::tegra_smmu_alloc_asid(unsigned& id) {
    const auto free = std::find(asids_.begin(), asids_.end(), false);
    if (free == asids_.end()) return -kENOSPC;
    *free = true;
    id = static_cast<unsigned>(free - asids_.begin());
    return 0;
}

// Only here is it said that the SoC has no such swgroup: all else goes on as if it had.
void TegraSmmu::tegra_smmu_enable(std::uint32_t swgroup, unsigned asid) {
    Frame frame{kernel(), "tegra_smmu_enable"};
    const tegra::Swgroup* const group = tegra::find_swgroup(soc, swgroup);
    if (group == nullptr) {
        kernel().console.warn("", "tegra_smmu_enable group from swgroup {} not found", swgroup);
        return;
    }
    const std::uint64_t value = tegra::swgroup::ASID.set(read(group->reg), asid);
    write(group->reg, word(tegra::swgroup::ENABLE.set(value, 1)));
    write_client_enables(swgroup, true);
}

void TegraSmmu::tegra_smmu_disable(std::uint32_t swgroup, unsigned asid) {
    Frame frame{kernel(), "tegra_smmu_disable"};
    if (const tegra::Swgroup* const group = tegra::find_swgroup(soc, swgroup)) {
        const std::uint64_t value = tegra::swgroup::ASID.set(read(group->reg), asid);
        write(group->reg, word(tegra::swgroup::ENABLE.set(value, 0)));
    }
    write_client_enables(swgroup, false);
}

void TegraSmmu::write_client_enables(std::uint32_t swgroup, bool on) {
    for (const tegra::Client& client : soc.clients) {
        if (client.swgroup != swgroup) continue;
        // A client without an enable has register 0, bit 0 in Linux's table.
        const std::uint32_t at = client.smmu ? reg::client_enable(client.id) : 0;
        const std::uint32_t bit = 1U << (client.smmu ? reg::client_bit(client.id) : 0);
        const std::uint32_t value = read(at);
        write(at, on ? value | bit : value & ~bit);
    }
}

const tegra::GroupSoc* TegraSmmu::tegra_smmu_find_group(std::uint32_t swgroup) const {
    for (const tegra::GroupSoc& group : soc.groups) {
        if (std::find(group.swgroups.begin(), group.swgroups.end(), swgroup) != group.swgroups.end()) return &group;
    }
    return nullptr;
}

void TegraSmmu::visit_pointers(PointerVisitor& visitor) const {
    visitor.visit(iommu.get());
    for (const TegraSmmuGroup& group : groups) visitor.visit(group.group.get());
}

}  // namespace xlate::kernel
