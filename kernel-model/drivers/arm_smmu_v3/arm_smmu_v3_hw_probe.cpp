// What the hardware can do, from its ID registers: step 1 of docs/spec/iommu-hardware.md 1.2.
#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_device.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace reg = iommu::smmuv3::reg;
namespace idr0 = iommu::smmuv3::idr0;
namespace idr1 = iommu::smmuv3::idr1;
namespace idr3 = iommu::smmuv3::idr3;
namespace idr5 = iommu::smmuv3::idr5;

namespace {

/// No queue is larger than 2^20 bytes: the largest piece that the page allocator gives.
constexpr unsigned kQueueMaxLog2Bytes = 20;
constexpr unsigned kCommandLog2 = 4, kEventLog2 = 5, kPageRequestLog2 = 4;
/// A batch of 64 commands and a SYNC must fit.
constexpr unsigned kSmallestCmdqLog2 = 6;

}  // namespace

int ArmSmmuDevice::hw_probe(bool firmware_coherent) {
    Frame frame{kernel(), "arm_smmu_device_hw_probe"};
    Console& console = kernel().console;
    namespace f = smmu_feature;
    features = firmware_coherent ? f::kCoherency : 0;

    const std::uint32_t id0 = read(reg::IDR0);
    if (idr0::ST_LEVEL.get(id0) == idr0::ST_LEVEL_2) features |= f::kTwoLevelStrtab;
    if (idr0::CD2L.test(id0)) features |= f::kTwoLevelCdtab;
    switch (idr0::TTENDIAN.get(id0)) {
        case 0:  // mixed
            features |= f::kLittleEndian | f::kBigEndian;
            break;
        case idr0::TTENDIAN_LE:
            features |= f::kLittleEndian;
            break;
        default:  // the CPU is little-endian: a big-endian walker is of no use
            console.err(prefix, "unknown/unsupported TT endianness!");
            return -kENXIO;
    }
    if (idr0::PRI.test(id0)) features |= f::kPri;
    if (idr0::ATS.test(id0)) features |= f::kAts;
    if (idr0::SEV.test(id0)) features |= f::kSev;
    if (idr0::MSI.test(id0)) features |= f::kMsi;
    if (idr0::HYP.test(id0)) features |= f::kHyp;
    const bool coherent = idr0::COHACC.test(id0);
    if (coherent != firmware_coherent) {
        console.warn(prefix, "IDR0.COHACC overridden by FW configuration ({})", firmware_coherent ? "true" : "false");
    }
    cmdq.msi_polling = idr0::MSI.test(id0) && firmware_coherent && !params.disable_msipolling;
    cmdq.wait_for_event = idr0::SEV.test(id0);
    switch (idr0::STALL_MODEL.get(id0)) {
        case idr0::STALL_MODEL_FORCED:
            features |= f::kStallForce | f::kStalls;
            break;
        case idr0::STALL_MODEL_BOTH:
            features |= f::kStalls;
            break;
        default:
            break;
    }
    if (idr0::S1P.test(id0)) features |= f::kStage1;
    if (idr0::S2P.test(id0)) features |= f::kStage2;
    if (!has(f::kStage1) && !has(f::kStage2)) {
        console.err(prefix, "no translation support!");
        return -kENXIO;
    }
    ias = 0;
    if (idr0::TTF.get(id0) == 3) ias = 40;
    if ((idr0::TTF.get(id0) & idr0::TTF_AARCH64) == 0) {
        console.err(prefix, "AArch64 table format not supported!");
        return -kENXIO;
    }
    asid_bits = idr0::ASID16.test(id0) ? 16 : 8;
    vmid_bits = idr0::VMID16.test(id0) ? 16 : 8;

    const std::uint32_t id1 = read(reg::IDR1);
    if (idr1::TABLES_PRESET.test(id1) || idr1::QUEUES_PRESET.test(id1) || idr1::REL.test(id1)) {
        console.err(prefix, "embedded implementation not supported");
        return -kENXIO;
    }
    const auto log2_entries = [id1](Field field, unsigned entry_log2) {
        return std::min(kQueueMaxLog2Bytes - entry_log2, static_cast<unsigned>(field.get(id1)));
    };
    cmdq_max_log2_ = log2_entries(idr1::CMDQS, kCommandLog2);
    if (cmdq_max_log2_ <= kSmallestCmdqLog2) {
        console.err(prefix, "command queue size <= {} entries not supported", 1u << kSmallestCmdqLog2);
        return -kENXIO;
    }
    evtq_max_log2_ = log2_entries(idr1::EVENTQS, kEventLog2);
    priq_max_log2_ = log2_entries(idr1::PRIQS, kPageRequestLog2);
    if (idr1::ECMDQ.test(id1)) probe_ecmdqs();
    ssid_bits = static_cast<unsigned>(idr1::SSIDSIZE.get(id1));
    sid_bits = static_cast<unsigned>(idr1::SIDSIZE.get(id1));
    // One second-level table would hold them all.
    if (sid_bits <= ArmSmmuStreamTable::kSplit) features &= ~f::kTwoLevelStrtab;

    const std::uint32_t id3 = read(reg::IDR3);
    if (idr3::RIL.test(id3)) features |= f::kRangeInv;

    const std::uint32_t id5 = read(reg::IDR5);
    pgsize_bitmap = 0;
    if (idr5::GRAN64K.test(id5)) pgsize_bitmap |= (1ull << 16) | (1ull << 29);
    if (idr5::GRAN16K.test(id5)) pgsize_bitmap |= (1ull << 14) | (1ull << 25);
    if (idr5::GRAN4K.test(id5)) pgsize_bitmap |= (1ull << 12) | (1ull << 21) | (1ull << 30);
    if (idr5::VAX.get(id5) == 1) features |= f::kVax;
    oas = smmu::address_bits(idr5::OAS.get(id5));
    ias = std::max(ias, oas);
    if (kernel().variant.release >= 612) read(reg::IIDR);

    console.info(prefix, "ias {}-bit, oas {}-bit (features {:#010x})", ias, oas, features);
    return 0;
}

}  // namespace xlate::kernel
