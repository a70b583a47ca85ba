// Stream map entries: who matches which ids, what they lead to, and how ids of several devices share them.
// Source: docs/spec/kernel-probe.md 5.1 (arm-smmu), linux-findings.md 6, 24, 25, 29, 30a and Qualcomm 10.
#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_domain.hpp"

namespace xlate::kernel::arm_smmu {

namespace smmu = iommu::smmuv2;
namespace gr0 = iommu::smmuv2::gr0;

S2cr ArmSmmuDevice::s2cr_init() const {
    S2cr entry;
    entry.type = params.disable_bypass ? smmu::s2cr::TYPE_FAULT : smmu::s2cr::TYPE_BYPASS;
    return entry;
}

void ArmSmmuDevice::write_smr(unsigned index) {
    const Smr& entry = smrs[index];
    std::uint64_t value = smmu::smr::EXID.of(entry.id) | smmu::smr::EXMASK.of(entry.mask);
    // With extended ids the mask fills the word, and S2CR says whether the entry is valid.
    if (!has(feature::kExids) && entry.valid) value |= smmu::smr::VALID.mask();
    gr0_write(gr0::SMR(index), static_cast<std::uint32_t>(value));
}

void ArmSmmuDevice::write_s2cr(unsigned index) { impl->write_s2cr(*this, index); }

void ArmSmmuDevice::write_sme(unsigned index) {
    write_s2cr(index);
    if (!smrs.empty()) write_smr(index);
}

int ArmSmmuDevice::find_sme(std::uint16_t id, std::uint16_t mask) const {
    if (smrs.empty()) return id;
    int free = -kENOSPC;
    for (unsigned i = 0; i < num_mapping_groups; ++i) {
        const Smr& entry = smrs[i];
        if (!entry.valid) {
            if (free < 0) free = static_cast<int>(i);
            continue;
        }
        const auto differs = static_cast<std::uint16_t>(id ^ entry.id);
        // All ids of the new one match the entry: it is shared, and no other entry can be in the way.
        if ((mask & entry.mask) == mask && (differs & ~entry.mask) == 0) return static_cast<int>(i);
        // Some id would match both: the hardware would call it a conflict.
        if ((differs & ~(entry.mask | mask) & 0xFFFF) == 0) return -kEINVAL;
    }
    return free;
}

bool ArmSmmuDevice::free_sme(unsigned index) {
    if (--s2crs[index].count != 0) return false;
    s2crs[index] = s2cr_init();
    if (!smrs.empty()) smrs[index].valid = false;  // id and mask stay, in the register too
    return true;
}

int ArmSmmuMasterCfg::alloc_smes(const std::vector<std::uint32_t>& ids) {
    Frame frame{kernel(), "arm_smmu_master_alloc_smes"};
    ArmSmmuDevice& device = *smmu;
    smendx.assign(ids.size(), kInvalidEntry);
    device.stream_map_mutex.lock("SME1");
    int err = 0;
    std::size_t taken = 0;
    // All or none: the hardware is touched only when every id has its entry.
    for (; taken < ids.size(); ++taken) {
        const auto id = static_cast<std::uint16_t>(smmu::smr::EXID.get(ids[taken]));
        const auto mask = static_cast<std::uint16_t>(smmu::smr::EXMASK.get(ids[taken]));
        const int found = device.find_sme(id, mask);
        if (found < 0) {
            err = found;
            break;
        }
        const auto index = static_cast<unsigned>(found);
        // An entry without users was free, or the boot loader's: the newcomer's id and mask replace its own.
        if (!device.smrs.empty() && device.s2crs[index].count == 0) device.smrs[index] = {mask, id, true};
        ++device.s2crs[index].count;
        smendx[taken] = found;
    }
    if (err == 0) {
        for (const int index : smendx) device.write_sme(static_cast<unsigned>(index));
    } else {
        while (taken-- > 0) {
            device.free_sme(static_cast<unsigned>(smendx[taken]));
            smendx[taken] = kInvalidEntry;
        }
    }
    device.stream_map_mutex.unlock("SME2");
    return err;
}

void ArmSmmuMasterCfg::free_smes() {
    Frame frame{kernel(), "arm_smmu_master_free_smes"};
    ArmSmmuDevice& device = *smmu;
    device.stream_map_mutex.lock("SME3");
    for (int& index : smendx) {
        if (index == kInvalidEntry) continue;
        if (device.free_sme(static_cast<unsigned>(index))) device.write_sme(static_cast<unsigned>(index));
        index = kInvalidEntry;
    }
    device.stream_map_mutex.unlock("SME4");
}

void ArmSmmuMasterCfg::install_s2crs(std::uint64_t type, unsigned cbndx) {
    ArmSmmuDevice& device = *smmu;
    for (const int index : smendx) {
        if (index == kInvalidEntry) continue;
        S2cr& entry = device.s2crs[static_cast<unsigned>(index)];
        if (entry.type == type && entry.cbndx == cbndx) continue;
        entry.type = type;
        entry.privcfg = smmu::s2cr::PRIVCFG_DEFAULT;
        entry.cbndx = cbndx;
        device.write_s2cr(static_cast<unsigned>(index));
    }
}

}  // namespace xlate::kernel::arm_smmu
