#include "study/run/kernel_parts.hpp"

#include <utility>

#include "kernel-model/dma/dma_iommu.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3.hpp"
#include "kernel-model/drivers/client_dma.hpp"

namespace xlate::study {
namespace {

kernel::DmaParams dma_params(const kernel::BootConfig& boot) {
    kernel::DmaParams params;
    params.cpus = boot.cpus;
    return params;
}

kernel::ArmSmmuParams smmu_params(const kernel::BootConfig& boot) {
    kernel::ArmSmmuParams params;
    params.disable_bypass = boot.parameters.smmu_v3_disable_bypass;
    params.mistakes = boot.mistakes;
    return params;
}

}  // namespace

struct KernelParts::Parts {
    Parts(kernel::Kernel& kernel, const firmware::Description& description, const kernel::BootConfig& boot)
        : pages(kernel, description),
          dma(kernel, pages, description, dma_params(boot)),
          client(kernel, dma, boot.mistakes) {}

    kernel::PageAllocator pages;
    kernel::DmaIommu dma;
    kernel::ClientDma client;
};

KernelParts::KernelParts(kernel::Kernel& kernel, const firmware::Description& description, kernel::BootConfig boot)
    : parts_(std::make_unique<Parts>(kernel, description, boot)), boot_(std::move(boot)) {
    boot_.dma = &parts_->dma;
    boot_.client = &parts_->client;
    kernel::ArmSmmuParams smmu = smmu_params(boot_);
    smmu.on_page_request = [&client = parts_->client](kernel::Device& dev, Iova address, bool write) {
        return client.page_request(dev, address, write);
    };
    boot_.drivers.push_back(kernel::arm_smmu_v3_driver(parts_->pages, smmu));
}

KernelParts::~KernelParts() = default;

kernel::Variant find_variant_at(const Config& config) {
    try {
        return kernel::find_variant(config.kernel.variant);
    } catch (const InputError& error) {
        std::vector<Diagnostic> findings = error.findings();
        for (Diagnostic& finding : findings) {
            finding.where = config.where("kernel.variant");
            finding.path = "kernel.variant";
        }
        throw InputError(std::move(findings), error.status());
    }
}

}  // namespace xlate::study
