#include "kernel-model/pci/ats.hpp"

namespace xlate::kernel {
namespace {

constexpr unsigned kSmallestUnitLog2 = 12;

void write_control(PciDevice& pdev, bool enable) {
    Kernel& kernel = pdev.kernel();
    kernel.spend(kernel.costs.pci_config_write);
    kernel.machine.control_ats(pdev.name, enable);
}

}  // namespace

bool pci_ats_supported(const PciDevice& pdev) { return pdev.config.ats && !pdev.config.no_ats && !pdev.untrusted; }

int pci_enable_ats(PciDevice& pdev, unsigned page_log2) {
    Frame frame{pdev.kernel(), "pci_enable_ats"};
    if (!pci_ats_supported(pdev) || page_log2 < kSmallestUnitLog2) return -kEINVAL;
    write_control(pdev, true);
    return 0;
}

void pci_disable_ats(PciDevice& pdev) {
    Frame frame{pdev.kernel(), "pci_disable_ats"};
    write_control(pdev, false);
}

}  // namespace xlate::kernel
