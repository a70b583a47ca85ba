// Variants of the kernel model: which patches a simulated kernel has, as data.
// The code asks `variant.has(Cap::x)` at the one place where the patch matters.
// Source: docs/spec/kernel-probe.md sections 0, 3.7, 4, 6, 10 (`cap:` and `defect:` names).
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::kernel {

/// One capability. Spelled as the specification's `cap:` names; those from `probe_lock` on without a name there are
/// ours.
enum class Cap : std::uint8_t {
    // The RFC series, patches 1..17 in order.
    arch_setup_uses_group,
    of_configure_int,
    of_errors_surface,
    acpi_configure_int,
    ids_separate,
    fwspec_alloc,
    probe_takes_fwspec,
    of_private_fwspec,
    append_ids,
    acpi_private_fwspec,
    xlate_locked,
    ops_lookup_static,
    no_fwspec_set,
    no_driver_fwspec_free,
    xlate_fwspec_op,
    assert_get,
    assert_priv,
    // Base and other kernels.
    probe_lock,                 ///< L2 exists (all but pre-6.2)
    l2_covers_parse,            ///< murphy-6.7: L2 around the whole firmware parse
    no_bus_ops,                 ///< 6.8: ops from the fwspec, or an instance without fwnode
    fwspec_resolves_ops,        ///< 6.11: fwspec_init looks the ops up itself
    ud_requires_default,        ///< ownership step defers while the group has no default domain
    core_sets_dma_ops,          ///< 6.12: the core writes dma_ops; arch setup does coherency only
    parse_error_cleans_up,      ///< 6.11: a failed OF parse frees what it made
    group_test_outside_probe,   ///< 6.1: walk and replay test dev->iommu_group before L2; PD does not
    domain_after_probe,         ///< 6.1: default domain and attach after PD, with L3 only
    walk_skips_failed_group,    ///< 6.1: a group whose default domain fails does not end the walk
    parse_in_probe,             ///< 6.15
    consistent_container,       ///< 6.15
    ops_in_init,                ///< 6.15
    recheck_after_parse,        ///< 6.15.1
    instance_ready,             ///< 6.15.1
    late_warning_after_filter,  ///< 6.15 (73d2f10957f5): a device that its driver refuses is no late probe (X3)
    driver_read_once,           ///< dma_configure of the platform bus reads dev->driver once (95deee37a123)
    bus_driver_read_once,       ///< 6.16.1: the same of PCI (78447d4545b2), fsl-mc (152f33ee30ee) and cdx
    amba_driver_read_once,      ///< not merged yet: the same for AMBA
    deferral_in_fwspec_init,    ///< 6.14: iommu_fwspec_init itself gives up an IOMMU that does not come (46b3df8eb9bd)
    alias_is_enodev,            ///< 6.15-rc3: a stream id of another device is -ENODEV to SMMUv3's driver, not -EINVAL
    acs_in_dma_configure,       ///< 7.0, 6.18.16: pci_enable_acs is called by pci_dma_configure
    // Of drivers after 6.15 (probe-reports.md section 2).
    drivers_before_walk,  ///< 6.15: rockchip, ipmmu (X1, X2) and mtk-iommu are ready before their own walk
    virtio_before_walk,   ///< 6.16.4 (72b6f7cd89ce): virtio-iommu is, too (X7)
    cache_tags,           ///< 6.11: VT-d flushes a domain under its cache_lock, after maps as after unmaps
    generic_page_table,   ///< 6.19: VT-d and AMD-Vi share one implementation of their tables
    flush_hint,   ///< 6.19, 6.18.2, 6.12.63: IH of VT-d's flushes of a second level is what it should be; before, 0
    ste_barrier,  ///< 7.1: SMMUv3 has a write barrier before hitless STE writes (X15)
    // Not merged: what would close a report that is open.
    l2_before_l1,           ///< queued for 7.4: SMMUv3's level 2 table is visible before its level 1 pointer (X15)
    walk_skips_device,      ///< a walk goes on after a device's error (X17)
    all_instances_ready,    ///< a parse asks of each instance that firmware names whether it is ready (X10)
    m4u_forgets_group,      ///< mtk-iommu forgets a region's group when that ends (F16)
    sysmmu_one_master,      ///< exynos-iommu refuses a second master of a SysMMU (F23)
    link_ends_with_client,  ///< arm-smmu takes its device link back when a client is released (X18)
    // Foils (section 3.7).
    attempt_nullcheck,
    attempt_lock_free_only,
    attempt_device_lock,
    // Facts of the distribution kernels of the corpus.
    aer_on_every_port,    ///< 6.1: an AER service device for each port
    virtio_pci_built_in,  ///< Debian 6.12
    async_nvme,           ///< 6.12: nvme asks for asynchronous probing
    iommu_map_by_cells,   ///< 7.2 (ccb2fd725d41): rows of iommu-map have 3 + #iommu-cells cells
    kCount
};
std::string_view name(Cap cap);
std::string_view sentence(Cap cap);

/// A defect that can be repaired by itself: of the series (section 4.4); X6 of later kernels (probe-reports.md).
enum class Defect : std::uint8_t { d5a, d5b, d6, d8a, d8b, d8c, d10a, d10b, d10c, d11, d11b, d13, x6, kCount };
std::string_view name(Defect defect);  ///< "D-5a"

struct Variant {
    std::string name;
    std::string what;        ///< one sentence
    unsigned release = 607;  ///< of the drivers and of everything that has no capability: 601, 607, 608, 611, 612, 615
    bool runnable = true;
    std::string why_not;  ///< if not runnable: what is missing
    std::bitset<static_cast<std::size_t>(Cap::kCount)> capabilities;
    std::bitset<static_cast<std::size_t>(Defect::kCount)> repaired;

    bool has(Cap cap) const { return capabilities.test(static_cast<std::size_t>(cap)); }
    /// True if the defect shows (its code is in this variant because of the patches it has).
    bool defect(Defect which) const { return !repaired.test(static_cast<std::size_t>(which)); }
};

/// All variants, in the order of section 0.
const std::vector<Variant>& variants();

/// The variant of this name. "base", "series-v1@17", "series-v1-fixed@11", "linux-6.12", ...; a suffix "~D-5a~D-8a"
/// repairs single defects, "+iommu_map_by_cells" adds a capability that the variant does not have. Errors: InputError
/// (status usage) that names the nearest variant, or says why it cannot run.
Variant find_variant(std::string_view name);

/// `xlate run --variant help`: a line each, with one sentence and the capabilities.
std::string variant_help();

}  // namespace xlate::kernel
