// What the hardware can do, from its ID registers. Source: docs/spec/iommu-hardware.md section 2, driver probe; the
// lines that the kernel prints: corpus/linux-boot-families.
#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_device.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_impl.hpp"

namespace xlate::kernel::arm_smmu {

namespace smmu = iommu::smmuv2;
namespace gr0 = iommu::smmuv2::gr0;
namespace idr0 = iommu::smmuv2::idr0;
namespace idr1 = iommu::smmuv2::idr1;
namespace idr2 = iommu::smmuv2::idr2;

namespace {

constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }

}  // namespace

int ArmSmmuDevice::cfg_probe() {
    Frame frame{kernel(), "arm_smmu_device_cfg_probe"};
    Console& console = kernel().console;
    const auto notice = [&](const std::string& text) { console.print(LogLevel::notice, prefix, text); };
    if (const int err = get_global_irqs(); err != 0) return err;
    notice("probing hardware configuration...");
    notice(fmt::format("SMMUv{} with:", version == Version::v2 ? 2 : 1));

    const std::uint32_t id0 = gr0_read(gr0::IDR0);
    // A test of one stage leaves the other one out.
    if (idr0::S1TS.test(id0) && params.force_stage != 2) {
        features |= feature::kTransS1;
        notice("\tstage 1 translation");
    }
    if (idr0::S2TS.test(id0) && params.force_stage != 1) {
        features |= feature::kTransS2;
        notice("\tstage 2 translation");
    }
    if (idr0::NTS.test(id0) && params.force_stage == 0) {
        features |= feature::kTransNested;
        notice("\tnested translation");
    }
    if (!has(feature::kTransS1 | feature::kTransS2)) {
        console.err(prefix, "\tno translation support!");
        return -kENODEV;
    }
    if (has(feature::kTransS1) && (version != Version::v2 || !idr0::ATOSNS.test(id0))) {
        features |= feature::kTransOps;
        notice("\taddress translation ops");
    }
    const bool coherent = idr0::CTTW.test(id0);
    const bool firmware_coherent = has(feature::kCoherentWalk);
    if (coherent || firmware_coherent) {
        notice(firmware_coherent ? "\tcoherent table walk" : "\tnon-coherent table walk");
    }
    if (coherent != firmware_coherent) notice("\t(IDR0.CTTW overridden by FW configuration)");

    probe_stream_mapping(id0);
    if (has(feature::kStreamMatch) && num_mapping_groups == 0) {
        console.err(prefix, "stream-matching supported, but no SMRs present!");
        return -kENODEV;
    }
    if (version != Version::v2 || !idr0::PTFS_NO_AARCH32.test(id0)) {
        features |= feature::kFmtAarch32L;
        if (!idr0::PTFS_NO_AARCH32S.test(id0)) features |= feature::kFmtAarch32S;
    }
    if (const int err = probe_banks(gr0_read(gr0::IDR1)); err != 0) return err;
    probe_sizes(gr0_read(gr0::IDR2));
    if (const int err = impl->cfg_probe(*this); err != 0) return err;
    probe_page_sizes();
    return 0;
}

void ArmSmmuDevice::probe_stream_mapping(std::uint32_t id0) {
    unsigned streams = 1u << idr0::NUMSIDB.get(id0);
    if (version == Version::v2 && idr0::EXIDS.test(id0)) {
        features |= feature::kExids;
        streams = 1u << 16;
    }
    streamid_mask = static_cast<std::uint16_t>(streams - 1);
    num_mapping_groups = streams;  // stream ids are indices
    if (idr0::SMS.test(id0)) {
        features |= feature::kStreamMatch;
        num_mapping_groups = static_cast<unsigned>(idr0::NUMSMRG.get(id0));
        smrs.assign(num_mapping_groups, {});
        if (num_mapping_groups != 0) {
            kernel().console.print(LogLevel::notice, prefix,
                                   fmt::format("\tstream matching with {} register groups", num_mapping_groups));
        }
    }
    s2crs.assign(num_mapping_groups, s2cr_init());
}

int ArmSmmuDevice::probe_banks(std::uint32_t id1) {
    Console& console = kernel().console;
    pgshift = idr1::PAGESIZE.test(id1) ? 16 : 12;
    const smmu::SpaceLayout space = smmu::SpaceLayout::of(id1);
    const std::uint64_t mapped = numpage;
    if (mapped != space.bytes()) {
        console.warn(prefix, "SMMU address space size ({:#x}) differs from mapped region size ({:#x})!", space.bytes(),
                     mapped);
    }
    numpage = space.pages;
    num_s2_context_banks = static_cast<unsigned>(idr1::NUMS2CB.get(id1));
    num_context_banks = static_cast<unsigned>(idr1::NUMCB.get(id1));
    if (num_s2_context_banks > num_context_banks) {
        console.err(prefix, "impossible number of S2 context banks!");
        return -kENODEV;
    }
    console.print(LogLevel::notice, prefix,
                  fmt::format("\t{} context banks ({} stage-2 only)", num_context_banks, num_s2_context_banks));
    cbs.assign(num_context_banks, {});
    context_map.assign(num_context_banks, false);
    return 0;
}

void ArmSmmuDevice::probe_sizes(std::uint32_t id2) {
    ipa_size = smmu::address_bits(idr2::IAS.get(id2));
    pa_size = smmu::address_bits(idr2::OAS.get(id2));
    if (idr2::VMID16S.test(id2)) features |= feature::kVmid16;
    if (version != Version::v2) {
        va_size = ipa_size;
        if (version == Version::v1_64k) features |= feature::kFmtAarch64_64k;
        return;
    }
    va_size = smmu::address_bits(idr2::UBS.get(id2));
    if (idr2::PTFS_4K.test(id2)) features |= feature::kFmtAarch64_4k;
    if (idr2::PTFS_16K.test(id2)) features |= feature::kFmtAarch64_16k;
    if (idr2::PTFS_64K.test(id2)) features |= feature::kFmtAarch64_64k;
}

// All formats' sizes in one: which of them a context uses is decided when it is made (linux-findings.md, facts 1, 2).
void ArmSmmuDevice::probe_page_sizes() {
    const auto notice = [&](const std::string& text) { kernel().console.print(LogLevel::notice, prefix, text); };
    pgsize_bitmap = 0;
    if (has(feature::kFmtAarch32S)) pgsize_bitmap |= bit(12) | bit(16) | bit(20) | bit(24);
    if (has(feature::kFmtAarch32L | feature::kFmtAarch64_4k)) pgsize_bitmap |= bit(12) | bit(21) | bit(30);
    if (has(feature::kFmtAarch64_16k)) pgsize_bitmap |= bit(14) | bit(25);
    if (has(feature::kFmtAarch64_64k)) pgsize_bitmap |= bit(16) | bit(29);
    notice(fmt::format("\tSupported page sizes: {:#010x}", pgsize_bitmap));
    if (has(feature::kTransS1)) notice(fmt::format("\tStage-1: {}-bit VA -> {}-bit IPA", va_size, ipa_size));
    if (has(feature::kTransS2)) notice(fmt::format("\tStage-2: {}-bit IPA -> {}-bit PA", ipa_size, pa_size));
}

}  // namespace xlate::kernel::arm_smmu
