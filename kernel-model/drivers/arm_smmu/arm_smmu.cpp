#include "kernel-model/drivers/arm_smmu/arm_smmu.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel::arm_smmu {
namespace {

struct MatchRow {
    const char* compatible;
    Version version;
    Model model;
};
constexpr std::array kMatches{
    MatchRow{"arm,smmu-v1", Version::v1, Model::generic},    MatchRow{"arm,smmu-v2", Version::v2, Model::generic},
    MatchRow{"arm,mmu-400", Version::v1, Model::generic},    MatchRow{"arm,mmu-401", Version::v1_64k, Model::generic},
    MatchRow{"arm,mmu-500", Version::v2, Model::mmu500},     MatchRow{"cavium,smmu-v2", Version::v2, Model::cavium},
    MatchRow{"nvidia,smmu-500", Version::v2, Model::mmu500}, MatchRow{"qcom,smmu-v2", Version::v2, Model::qcom},
};

/// The node's first compatible that the driver has.
const MatchRow* find_match(const firmware::Node& node) {
    for (const std::string& compatible : node.compatible) {
        const auto row = std::find_if(kMatches.begin(), kMatches.end(),
                                      [&](const MatchRow& one) { return compatible == one.compatible; });
        if (row != kMatches.end()) return row;
    }
    return nullptr;
}

}  // namespace

ArmSmmuDriver::ArmSmmuDriver(IommuCore& core, BusType& platform, PageAllocator& pages, const ArmSmmuParams& params,
                             PciGroup pci_device_group)
    : Driver("arm-smmu", platform),
      core_(core),
      pages_(pages),
      params_(params),
      pci_device_group_(std::move(pci_device_group)),
      ops_(core, *this) {}

bool ArmSmmuDriver::match(const Device& device) const {
    return device.of_node && find_match(core_.description.node(*device.of_node)) != nullptr;
}

int ArmSmmuDriver::probe(Device& dev) {
    Frame frame{core_.k, "arm_smmu_device_probe"};
    const Ptr<ArmSmmuDevice> smmu = core_.k.heap.make<ArmSmmuDevice>("SI1", dev, pages_, core_.description, params_);
    if (!smmu) return -kENOMEM;
    core_.k.heap.set_immortal(*smmu);  // the device's memory (devres); interrupts keep it
    return probe_steps(dev, *smmu);
}

// Old and new binding do not go together: the first SMMU decides.
int ArmSmmuDriver::check_binding(const ArmSmmuDevice& smmu) {
    const bool legacy = smmu.node.has("mmu-masters");
    if (legacy && !using_generic_binding_) {
        if (!using_legacy_binding_) {
            core_.k.console.print(LogLevel::notice, "arm-smmu",
                                  fmt::format("deprecated \"mmu-masters\" DT property in use; {} support unavailable",
                                              params_.legacy_bindings ? "DMA API" : "SMMU"));
        }
        using_legacy_binding_ = true;
    } else if (!legacy && !using_legacy_binding_) {
        using_generic_binding_ = true;
    } else {
        core_.k.console.err(smmu.prefix, "not probing due to mismatched DT properties");
        return -kENODEV;
    }
    return 0;
}

int ArmSmmuDriver::probe_steps(Device& dev, ArmSmmuDevice& smmu) {
    const MatchRow& match = *find_match(smmu.node);
    smmu.version = match.version;
    smmu.model = match.model;
    smmu.cavium_contexts = &cavium_contexts_;
    if (const int err = smmu.firmware_probe(); err != 0) return err;
    if (core_.description.origin == firmware::Description::Origin::device_tree) {
        if (const int err = check_binding(smmu); err != 0) return err;
    }
    if (const int err = arm_smmu_impl_init(smmu, core_.driver_core); err != 0) return err;
    if (const int err = smmu.cfg_probe(); err != 0) return err;
    if (const int err = smmu.check_context_irqs(); err != 0) return err;
    smmu.request_global_irqs();
    smmu.install_boot_mappings();
    smmu.reset();
    smmu.test_smr_masks();

    smmu.iommu = core_.k.heap.make<IommuDevice>("SI2", fmt::format("smmu.{:#018x}", smmu.base().value));
    if (!smmu.iommu) return -kENOMEM;
    // Masters of the old binding name no node: they find the SMMU by themselves.
    const Ptr<Device> hardware = using_legacy_binding_ ? Ptr<Device>{} : Ptr<Device>(&dev);
    // From 6.15 on the registration's walk asks for it, which finds devices that are not bound yet.
    const bool found_by_walk = core_.variant.has(Cap::parse_in_probe);
    if (found_by_walk) dev.driver_data = &smmu;
    if (const int err = core_.iommu_device_register(smmu.iommu, &ops_, hardware); err != 0) {
        if (found_by_walk) {
            dev.driver_data = nullptr;
            core_.k.console.err(smmu.prefix, "error -{}: Failed to register iommu", kernel::errno_name(err));
        } else {
            core_.k.console.err(smmu.prefix, "Failed to register iommu");
        }
        core_.k.heap.release(smmu.iommu, "SI3");
        smmu.iommu = {};
        return err;
    }
    if (using_legacy_binding_) smmu.iommu->dev = Ptr<Device>(&dev);  // for reports
    dev.driver_data = &smmu;                                         // only now do masters find it
    instances_.push_back(Ptr<ArmSmmuDevice>(&smmu));
    return 0;
}

void ArmSmmuDriver::remove(Device& dev) {
    Frame frame{core_.k, "arm_smmu_device_remove"};
    auto* smmu = static_cast<ArmSmmuDevice*>(dev.driver_data);
    if (smmu == nullptr) return;
    if (smmu->iommu) {
        core_.iommu_device_unregister(smmu->iommu);
        core_.k.heap.release(smmu->iommu, "SI4");
        smmu->iommu = {};
    }
    smmu->disable();
    instances_.erase(std::remove(instances_.begin(), instances_.end(), Ptr<ArmSmmuDevice>(smmu)), instances_.end());
}

ArmSmmuParams arm_smmu_params(const BootConfig& boot) {
    ArmSmmuParams params;
    params.disable_bypass = boot.parameters.arm_smmu_disable_bypass;
    params.force_stage = boot.parameters.arm_smmu_force_stage;
    params.legacy_bindings = boot.parameters.arm_smmu_legacy_bindings;
    params.cpu_64bit = boot.arch != Arch::arm && boot.arch != Arch::arm_nommu;
    params.cpu_lpae = boot.parameters.arm_lpae;
    return params;
}

std::unique_ptr<Driver> make_arm_smmu(LinuxBoot& boot, const IommuDriverParts& parts) {
    PciCore& pci = boot.pci();
    ArmSmmuParams params = arm_smmu_params(boot.config());
    params.mistakes = parts.mistakes;
    return std::make_unique<ArmSmmuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts.pages, params,
                                           [&pci](Device& dev) { return pci.pci_device_group(dev); });
}

}  // namespace xlate::kernel::arm_smmu
