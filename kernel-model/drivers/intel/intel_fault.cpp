// Faults of one unit, as its interrupt finds them: Linux drivers/iommu/intel/dmar.c, dmar_fault().
#include <fmt/format.h>

#include <iterator>

#include "kernel-model/drivers/intel/intel_iommu_unit.hpp"

namespace xlate::kernel {

namespace vt = iommu::vtd;
namespace reg = iommu::vtd::reg;
namespace fsts = iommu::vtd::fsts;
namespace frcd = iommu::vtd::frcd;

namespace {

// What Linux prints for a reason.
constexpr const char* kRemapping[] = {"Software",
                                      "Present bit in root entry is clear",
                                      "Present bit in context entry is clear",
                                      "Invalid context entry",
                                      "Access beyond MGAW",
                                      "PTE Write access is not set",
                                      "PTE Read access is not set",
                                      "Next page table ptr is invalid",
                                      "Root table address invalid",
                                      "Context table ptr is invalid",
                                      "non-zero reserved fields in RTP",
                                      "non-zero reserved fields in CTP",
                                      "non-zero reserved fields in PTE",
                                      "PCE for translation request specifies blocking"};
constexpr const char* kInterrupts[] = {"Detected reserved fields in the decoded interrupt-remapped request",
                                       "Interrupt index exceeded the interrupt-remapping table size",
                                       "Present field in the IRTE entry is clear",
                                       "Error accessing interrupt-remapping table pointed by IRTA_REG",
                                       "Detected reserved fields in the IRTE entry",
                                       "Blocked a compatibility format interrupt request",
                                       "Blocked an interrupt request due to source-id verification failure"};
constexpr unsigned kFirstInterruptReason = 0x20;

const char* text_of(unsigned reason) {
    if (reason < std::size(kRemapping)) return kRemapping[reason];
    if (reason >= kFirstInterruptReason && reason - kFirstInterruptReason < std::size(kInterrupts)) {
        return kInterrupts[reason - kFirstInterruptReason];
    }
    return "Unknown";
}

constexpr unsigned kBurst = 10;  ///< DEFAULT_RATELIMIT_BURST, in five seconds
constexpr SimTime kInterval = ms(5000);

}  // namespace

void IntelIommu::dmar_fault() {
    Frame frame{kernel(), "dmar_fault"};
    register_lock_.lock("IIF1");
    const std::uint32_t status = read(reg::FSTS);
    const SimTime now = kernel().machine.now();
    if (faults_told_ == 0 || now - faults_since_ > kInterval) {
        faults_since_ = now;
        faults_told_ = 0;
    }
    const bool told = faults_told_ < kBurst;
    if (status != 0 && told) {
        ++faults_told_;
        kernel().console.err("DMAR", "DRHD: handling fault status reg {:x}", status);
    }
    if (fsts::PPF.test(status)) {
        const auto records = static_cast<unsigned>(vt::cap::NFR.get(cap)) + 1;
        const auto base = static_cast<std::uint32_t>(vt::cap::FRO.get(cap)) * 16;
        auto index = static_cast<unsigned>(fsts::FRI.get(status)) % records;
        for (unsigned looked = 0; looked < records; ++looked) {
            const std::uint32_t at = base + index * vt::kFaultRecordBytes;
            const std::uint64_t high = std::uint64_t{read(at + 12)} << 32 | read(at + 8);
            if (!frcd::F.test(high)) break;
            const std::uint64_t low = read64(at);
            write(at + 12, static_cast<std::uint32_t>(frcd::F.mask() >> 32));
            register_lock_.unlock("IIF2");
            if (told) dmar_fault_do_one(static_cast<unsigned>(frcd::FR.get(high)), high, low);
            index = index + 1 < records ? index + 1 : 0;
            register_lock_.lock("IIF2");
        }
    }
    write(reg::FSTS, static_cast<std::uint32_t>(fsts::PFO.mask() | fsts::PPF.mask() | fsts::PRO.mask()));
    register_lock_.unlock("IIF3");
}

void IntelIommu::dmar_fault_do_one(unsigned reason, std::uint64_t high, std::uint64_t low) {
    const std::uint64_t source = frcd::SID.get(high);
    const std::string device = fmt::format("{:02x}:{:02x}.{}", source >> 8, source >> 3 & 31, source & 7);
    if (reason >= kFirstInterruptReason && reason - kFirstInterruptReason < std::size(kInterrupts)) {
        kernel().console.err("DMAR", "[INTR-REMAP] Request device [{}] fault index 0x{:x} [fault reason 0x{:02x}] {}",
                             device, frcd::INDEX.get(low), reason, text_of(reason));
        return;
    }
    const std::string pasid =
        frcd::PP.test(high) ? fmt::format("PASID 0x{:x}", frcd::PV.get(high)) : std::string("NO_PASID");
    kernel().console.err("DMAR", "[DMA {} {}] Request device [{}] fault addr 0x{:x} [fault reason 0x{:02x}] {}",
                         frcd::T1.test(high) ? "Read" : "Write", pasid, device, frcd::page(low), reason,
                         text_of(reason));
}

}  // namespace xlate::kernel
