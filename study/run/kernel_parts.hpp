// What a booting kernel needs besides the boot itself: memory, DMA layer, drivers. Made for one run.
#pragma once

#include <memory>
#include <string>

#include "firmware/description.hpp"
#include "kernel-model/boot.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Owns the parts; outlives the LinuxBoot that is made of boot_config().
class KernelParts {
public:
    KernelParts(kernel::Kernel& kernel, const firmware::Description& description, kernel::BootConfig boot);
    ~KernelParts();
    KernelParts(const KernelParts&) = delete;
    KernelParts& operator=(const KernelParts&) = delete;

    const kernel::BootConfig& boot_config() const { return boot_; }

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
    kernel::BootConfig boot_;
};

/// The config's variant. Errors: InputError with its place.
kernel::Variant find_variant_at(const Config& config);

}  // namespace xlate::study
