// What an SMMU of version 1 or 2 tells its driver, and what the driver prints.
// Source: docs/spec/iommu-hardware.md section 2 (fault handler); the lines are the kernel's own.
#include <fmt/format.h>

#include <array>

#include "base/bits.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_device.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_impl.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel::arm_smmu {

namespace smmu = iommu::smmuv2;
namespace gr0 = iommu::smmuv2::gr0;
namespace gr1 = iommu::smmuv2::gr1;
namespace cb = iommu::smmuv2::cb;
namespace fsr = iommu::smmuv2::fsr;
namespace fsynr0 = iommu::smmuv2::fsynr0;

namespace {

constexpr unsigned kReleaseWithDecodedFaults = 612;

struct FaultBit {
    Field field;
    const char* text;
};
constexpr std::array<FaultBit, 8> kFsrBits{{{fsr::UUT, " UUT"},
                                            {fsr::ASF, " ASF"},
                                            {fsr::TLBLKF, " TLBLKF"},
                                            {fsr::TLBMCF, " TLBMCF"},
                                            {fsr::EF, " EF"},
                                            {fsr::PF, " PF"},
                                            {fsr::AFF, " AFF"},
                                            {fsr::TF, " TF"}}};
constexpr std::array<FaultBit, 6> kFsynrBits{{{fsynr0::AFR, " AFR"},
                                              {fsynr0::PTWF, " PTWF"},
                                              {fsynr0::NSATTR, " NSATTR"},
                                              {fsynr0::IND, " IND"},
                                              {fsynr0::PNU, " PNU"},
                                              {fsynr0::WNR, " WNR"}}};

template <std::size_t N>
std::string names_of(const std::array<FaultBit, N>& bits, std::uint32_t word) {
    std::string text;
    for (const FaultBit& bit : bits) {
        if (bit.field.test(word)) text += bit.text;
    }
    return text;
}

}  // namespace

void ArmSmmuDevice::global_fault() {
    Frame frame{kernel(), "arm_smmu_global_fault"};
    Console& console = kernel().console;
    const bool many = impl->fault_files(*this) > 1;
    for (unsigned file = 0; file < impl->fault_files(*this); ++file) {
        const auto read = [&](std::uint32_t offset) {
            return many ? static_cast<std::uint32_t>(machine().mmio_read(at(0, offset, file), 4)) : gr0_read(offset);
        };
        const std::uint32_t status = read(gr0::sGFSR);
        const std::uint32_t syndrome0 = read(gr0::sGFSYNR0);
        const std::uint32_t syndrome1 = read(gr0::sGFSYNR1);
        const std::uint32_t syndrome2 = read(gr0::sGFSYNR2);
        if (status == 0) continue;
        ++stats.global_faults;
        if (print_allowed()) {
            if (smmu::gfsr::USF.test(status) && !many) {
                console.err(prefix,
                            "Blocked unknown Stream ID {:#x}; boot with \"arm-smmu.disable_bypass=0\" to allow, but "
                            "this may have security implications",
                            smmu::gfsynr1::STREAMID.get(syndrome1));
            } else {
                console.err(prefix, "Unexpected global fault, this could be serious");
            }
            console.err(prefix, "\tGFSR {:#010x}, GFSYNR0 {:#010x}, GFSYNR1 {:#010x}, GFSYNR2 {:#010x}", status,
                        syndrome0, syndrome1, syndrome2);
        }
        if (many) {
            machine().mmio_write(at(0, gr0::sGFSR, file), 4, status);
        } else {
            gr0_write(gr0::sGFSR, status);
        }
    }
}

void ArmSmmuDevice::context_fault(unsigned bank) {
    Frame frame{kernel(), "arm_smmu_context_fault"};
    const bool many = impl->fault_files(*this) > 1;
    for (unsigned file = 0; file < impl->fault_files(*this); ++file) {
        const std::uint64_t page = numpage + bank;
        const auto read = [&](std::uint32_t offset) {
            return many ? static_cast<std::uint32_t>(machine().mmio_read(at(page, offset, file), 4))
                        : cb_read(bank, offset);
        };
        ContextFaultInfo fault;
        fault.fsr = read(cb::FSR);
        if ((fault.fsr & fsr::kFaults) == 0) continue;
        fault.fsynr0 = read(cb::FSYNR0);
        fault.iova = many ? machine().mmio_read(at(page, cb::FAR, file), 8) : cb_readq(bank, cb::FAR);
        const std::uint32_t who = gr1::CBFRSYNRA(bank);
        fault.cbfrsynra = many ? static_cast<std::uint32_t>(machine().mmio_read(at(1, who, file), 4)) : gr1_read(who);
        ++stats.context_faults;
        if (print_allowed()) print_context_fault(bank, fault);
        if (many) {
            machine().mmio_write(at(page, cb::FSR, file), 4, fault.fsr);
        } else {
            cb_write(bank, cb::FSR, fault.fsr);
        }
    }
}

void ArmSmmuDevice::print_context_fault(unsigned bank, const ContextFaultInfo& fault) {
    Console& console = kernel().console;
    console.err(prefix, "Unhandled context fault: fsr={:#x}, iova={:#010x}, fsynr={:#x}, cbfrsynra={:#x}, cb={}",
                fault.fsr, fault.iova, fault.fsynr0, fault.cbfrsynra, bank);
    // NVIDIA's handler of several register files prints the first line only.
    if (kernel().variant.release < kReleaseWithDecodedFaults || impl->fault_files(*this) > 1) return;
    console.err(prefix, "FSR    = {:08x} [{}{}Format={}{}], SID={:#x}", fault.fsr,
                fsr::MULTI.test(fault.fsr) ? "MULTI " : "", fsr::SS.test(fault.fsr) ? "SS " : "",
                fsr::FORMAT.get(fault.fsr), names_of(kFsrBits, fault.fsr), fault.cbfrsynra);
    console.err(prefix, "FSYNR0 = {:08x} [S1CBNDX={}{} PLVL={}]", fault.fsynr0, fsynr0::S1CBNDX.get(fault.fsynr0),
                names_of(kFsynrBits, fault.fsynr0), fsynr0::PLVL.get(fault.fsynr0));
}

}  // namespace xlate::kernel::arm_smmu
