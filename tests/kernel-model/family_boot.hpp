// A boot of corpus/linux-boot-families (or linux-boot): its tree, its command line, its virtio-rng consumers, over
// registers in RAM; and what the real kernel did.
//   initcall_blacklist=   that driver is loaded as a module, before virtio_mmio
//   pmon=                 runtime PM of these IOMMUs is switched on after the maps
//   rebind=               a consumer is unbound and bound again after that
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "firmware/iommu_families.hpp"
#include "kernel-model/clients/virtio_rng.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/corpus_boot.hpp"
#include "tests/kernel-model/register_machine.hpp"

namespace xlate::kernel::tests {

/// Folders of the corpora `parts` that have a tree and a truth.json and that `wanted` takes, sorted.
std::vector<std::filesystem::path> boots_that(const std::vector<std::string>& parts,
                                              const std::function<bool(const std::filesystem::path&)>& wanted);

/// Those of both corpora of 6.1 and 6.12 whose names start with one of `prefixes`.
std::vector<std::filesystem::path> family_cases(const std::vector<std::string>& prefixes);

/// Those of all kernels whose tree has a node that satisfies `wanted`.
std::vector<std::filesystem::path> boots_with(const std::function<bool(const firmware::Node&)>& wanted);

Json read_json(const std::filesystem::path& path);

/// The words behind `key=` of the guest's command line, split at commas.
std::vector<std::string> words_of(const Json& truth, const std::string& key);

/// Slots of virtio-mmio that have a virtio-rng with iommu_platform=on.
std::vector<std::string> rng_slots(const std::filesystem::path& folder);

/// The boot, to its end.
class FamilyBoot {
public:
    /// `emulate`: what a case of the kind "e" answers, or every one (`always`).
    explicit FamilyBoot(const std::filesystem::path& the_folder,
                        const std::function<void(RegisterMachine&)>& emulate = {}, bool always = false);
    /// Of a folder without a truth.json: what configures the boot is given.
    FamilyBoot(const std::filesystem::path& the_folder, const Json& the_truth,
               const std::function<void(RegisterMachine&)>& emulate = {}, bool always = false);
    ~FamilyBoot() { k.sched.kill_all(); }
    FamilyBoot(const FamilyBoot&) = delete;
    FamilyBoot& operator=(const FamilyBoot&) = delete;

    const std::filesystem::path folder;
    const Json truth;
    const firmware::Description description;
    const Variant variant;
    RegisterMachine machine;
    Kernel k;
    KernelSystem system;
    VirtioRng rng;
    std::unique_ptr<LinuxBoot> boot;

private:
    static BootConfig boot_config(const Json& truth);
    void configure();
    void after_boot();
    /// A command of the init script; to its end, timers (a flush queue's) included.
    void step(const std::function<void()>& body);
};

/// truth.json's timeline without markers.
Json events_only(const Json& truth);

/// Pages of a DMA trace: "+ffff8000" mapped, "-ffff8000" unmapped, in order, 4 KiB each.
std::vector<std::string> pages_of(const Json& trace);
std::vector<std::string> pages_of(const std::vector<ClientMapping>& mappings);

}  // namespace xlate::kernel::tests
