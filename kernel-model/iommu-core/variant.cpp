#include "kernel-model/iommu-core/variant.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>

#include "base/error.hpp"
#include "kernel-model/iommu-core/kernel_release.hpp"

namespace xlate::kernel {

namespace {

struct CapRow {
    Cap cap;
    std::string_view name;
    std::string_view sentence;
};

constexpr std::array kCaps{
    CapRow{Cap::arch_setup_uses_group, "arch_setup_uses_group", "arch_setup_dma_ops asks for a group, not for ops"},
    CapRow{Cap::of_configure_int, "of_configure_int", "of_iommu_configure returns an error number"},
    CapRow{Cap::of_errors_surface, "of_errors_surface",
           "no IOMMU is -ENODEV; other errors reach the caller; the bus test is gone"},
    CapRow{Cap::acpi_configure_int, "acpi_configure_int", "acpi_iommu_configure_id returns an error number"},
    CapRow{Cap::ids_separate, "ids_separate", "the ids of a fwspec are an allocation of their own"},
    CapRow{Cap::fwspec_alloc, "fwspec_alloc",
           "fwspecs are allocated and freed alone; no marker remains after a deferral"},
    CapRow{Cap::probe_takes_fwspec, "probe_takes_fwspec", "the probe function takes a fwspec and owns it"},
    CapRow{Cap::of_private_fwspec, "of_private_fwspec", "the OF parser fills a private fwspec"},
    CapRow{Cap::append_ids, "append_ids", "ids are appended to a given fwspec"},
    CapRow{Cap::acpi_private_fwspec, "acpi_private_fwspec", "the ACPI parser fills a private fwspec"},
    CapRow{Cap::xlate_locked, "xlate_locked", "of_xlate runs under the probe lock"},
    CapRow{Cap::ops_lookup_static, "ops_lookup_static", "the ops lookup is private to the core"},
    CapRow{Cap::no_fwspec_set, "no_fwspec_set", "only the core stores dev->iommu->fwspec"},
    CapRow{Cap::no_driver_fwspec_free, "no_driver_fwspec_free", "drivers no longer free the fwspec on errors"},
    CapRow{Cap::xlate_fwspec_op, "xlate_fwspec_op", "SMMU, SMMUv3 and virtio parse into the fwspec without dev->iommu"},
    CapRow{Cap::assert_get, "assert_get", "dev_iommu_get asserts the probe lock"},
    CapRow{Cap::assert_priv, "assert_priv", "dev_iommu_priv_set asserts the probe lock"},
    CapRow{Cap::probe_lock, "probe_lock", "one lock serialises probes"},
    CapRow{Cap::l2_covers_parse, "l2_covers_parse", "the probe lock covers the firmware parse"},
    CapRow{Cap::no_bus_ops, "no_bus_ops", "ops come from the fwspec, not from the bus"},
    CapRow{Cap::fwspec_resolves_ops, "fwspec_resolves_ops", "fwspec_init looks its ops up first; no markers"},
    CapRow{Cap::ud_requires_default, "ud_requires_default",
           "the ownership step defers until the group has a default domain"},
    CapRow{Cap::core_sets_dma_ops, "core_sets_dma_ops", "the core sets up a device's DMA ops"},
    CapRow{Cap::parse_error_cleans_up, "parse_error_cleans_up", "a failed OF parse frees what it made"},
    CapRow{Cap::group_test_outside_probe, "group_test_outside_probe", "the group test is outside the lock"},
    CapRow{Cap::domain_after_probe, "domain_after_probe",
           "default domain and attach come after the probe, without the probe lock"},
    CapRow{Cap::walk_skips_failed_group, "walk_skips_failed_group",
           "a group without a default domain does not end the walk"},
    CapRow{Cap::parse_in_probe, "parse_in_probe", "firmware is parsed in the probe path"},
    CapRow{Cap::consistent_container, "consistent_container", "a device keeps one container through a parse"},
    CapRow{Cap::ops_in_init, "ops_in_init", "the probe finds its ops in the init step"},
    CapRow{Cap::recheck_after_parse, "recheck_after_parse",
           "after a parse in probe the container and the group are tested again"},
    CapRow{Cap::instance_ready, "instance_ready", "an instance is used only when its registration is complete"},
    CapRow{Cap::late_warning_after_filter, "late_warning_after_filter",
           "the warning of a late probe comes after the IOMMU driver has taken the device"},
    CapRow{Cap::driver_read_once, "driver_read_once", "dma_configure of the platform bus reads dev->driver once"},
    CapRow{Cap::bus_driver_read_once, "bus_driver_read_once",
           "dma_configure of PCI, fsl-mc and cdx reads dev->driver once"},
    CapRow{Cap::amba_driver_read_once, "amba_driver_read_once", "dma_configure of AMBA reads dev->driver once"},
    CapRow{Cap::deferral_in_fwspec_init, "deferral_in_fwspec_init",
           "fwspec_init gives up an absent IOMMU after the timeout; what still registers is waited for"},
    CapRow{Cap::alias_is_enodev, "alias_is_enodev", "SMMUv3 refuses another device's stream id with -ENODEV"},
    CapRow{Cap::acs_in_dma_configure, "acs_in_dma_configure", "PCI access control is enabled where DMA is configured"},
    CapRow{Cap::drivers_before_walk, "drivers_before_walk",
           "rockchip, ipmmu and mtk-iommu are ready before the walk of their own registration"},
    CapRow{Cap::virtio_before_walk, "virtio_before_walk",
           "virtio-iommu is ready before the walk of its own registration"},
    CapRow{Cap::cache_tags, "cache_tags", "VT-d flushes a domain under its cache_lock"},
    CapRow{Cap::generic_page_table, "generic_page_table", "VT-d and AMD-Vi share one implementation of their tables"},
    CapRow{Cap::flush_hint, "flush_hint", "VT-d's flushes of a second level tell that leaves alone have changed"},
    CapRow{Cap::ste_barrier, "ste_barrier", "SMMUv3 has a write barrier before hitless STE writes"},
    CapRow{Cap::l2_before_l1, "l2_before_l1", "SMMUv3's level 2 stream table is visible before its level 1 pointer"},
    CapRow{Cap::walk_skips_device, "walk_skips_device", "a registration's walk goes on after a device's error"},
    CapRow{Cap::all_instances_ready, "all_instances_ready",
           "a firmware parse waits for every IOMMU instance that the device names"},
    CapRow{Cap::m4u_forgets_group, "m4u_forgets_group", "mtk-iommu forgets a region's group when the group ends"},
    CapRow{Cap::sysmmu_one_master, "sysmmu_one_master", "exynos-iommu refuses a second master of a SysMMU"},
    CapRow{Cap::link_ends_with_client, "link_ends_with_client",
           "arm-smmu takes its device link back when a client is released"},
    CapRow{Cap::attempt_nullcheck, "attempt_nullcheck", "foil: dev->iommu is tested before each use"},
    CapRow{Cap::attempt_lock_free_only, "attempt_lock_free_only", "foil: the probe lock around dev_iommu_free"},
    CapRow{Cap::attempt_device_lock, "attempt_device_lock", "foil: the device's own lock around configure and probe"},
    CapRow{Cap::aer_on_every_port, "aer_on_every_port", "an AER service device for each PCIe port"},
    CapRow{Cap::virtio_pci_built_in, "virtio_pci_built_in", "virtio_pci is built in"},
    CapRow{Cap::async_nvme, "async_nvme", "nvme is probed asynchronously"},
    CapRow{Cap::iommu_map_by_cells, "iommu_map_by_cells", "rows of iommu-map have as many cells as the IOMMU takes"},
};
static_assert(kCaps.size() == static_cast<std::size_t>(Cap::kCount));

constexpr std::array<std::string_view, static_cast<std::size_t>(Defect::kCount)> kDefectNames{
    "D-5a", "D-5b", "D-6", "D-8a", "D-8b", "D-8c", "D-10a", "D-10b", "D-10c", "D-11", "D-11b", "D-13", "X6"};

constexpr std::array<std::string_view, 18> kPatchSentences{
    "v6.7-rc0: one lock, inside the probe function only",
    "after patch 1: arch_setup_dma_ops loses its ops argument",
    "after patch 2: of_iommu_configure returns int",
    "after patch 3: errors surface, no bus test",
    "after patch 4: acpi_iommu_configure_id returns int",
    "after patch 5: the ids array is its own allocation",
    "after patch 6: fwspec alloc and dealloc, no marker",
    "after patch 7: the probe function takes a fwspec",
    "after patch 8: OF builds a private fwspec",
    "after patch 9: append_ids",
    "after patch 10: ACPI builds a private fwspec",
    "after patch 11: the probe lock around of_xlate, the fix for OF",
    "after patch 12: ops lookup is private",
    "after patch 13: the fwspec setter is gone",
    "after patch 14: drivers no longer free the fwspec",
    "after patch 15: of_xlate_fwspec for SMMU, SMMUv3, virtio",
    "after patch 16: dev_iommu_get asserts the lock",
    "after patch 17: the priv setter asserts the lock",
};

void add(Variant& variant, std::initializer_list<Cap> caps) {
    for (const Cap cap : caps) variant.capabilities.set(static_cast<std::size_t>(cap));
}

Variant make(std::string name, std::string what, unsigned release, std::initializer_list<Cap> caps) {
    Variant variant;
    variant.name = std::move(name);
    variant.what = std::move(what);
    variant.release = release;
    add(variant, caps);
    return variant;
}

Variant at_patch(std::string name, std::string what, unsigned patches) {
    Variant variant = make(std::move(name), std::move(what), 607, {Cap::probe_lock});
    for (unsigned patch = 0; patch < patches; ++patch) variant.capabilities.set(patch);
    return variant;
}

/// Releases after 6.15, as probe-reports.md section 3 saw them boot.
struct Newer {
    const char* name;
    const char* what;
    unsigned release;
    bool acs_in_dma_configure;
};
constexpr std::array kNewer{
    Newer{"linux-6.16", "Debian 6.16.12", 616, false}, Newer{"linux-6.17", "Debian 6.17.13", 617, false},
    Newer{"linux-6.18", "Debian 6.18.15", 618, false}, Newer{"linux-6.19", "Debian 6.19.14", 619, true},
    Newer{"linux-7.0", "Debian 7.0.13", 700, true},    Newer{"linux-7.1", "Debian 7.1.13", 701, true},
    Newer{"linux-7.2", "Debian 7.2.12", 702, true},    Newer{"linux-7.3", "Debian 7.3.4", 703, true},
};

std::vector<Variant> make_variants() {
    std::vector<Variant> all;
    all.push_back(make("pre-6.2", "base without any probe lock", 607, {}));
    all.push_back(at_patch("base", "v6.7-rc0: one lock, inside the probe function only (series-v1@0)", 0));
    for (unsigned n = 0; n < kPatchSentences.size(); ++n)
        all.push_back(at_patch("series-v1@" + std::to_string(n), "RFC v1 " + std::string(kPatchSentences[n]), n));
    for (unsigned n = 0; n < kPatchSentences.size(); ++n) {
        Variant fixed = at_patch("series-v1-fixed@" + std::to_string(n),
                                 "as series-v1@" + std::to_string(n) + " with every defect of the series repaired", n);
        fixed.repaired.set();
        all.push_back(std::move(fixed));
    }
    for (unsigned n = 0; n < kPatchSentences.size(); ++n)
        all.push_back(at_patch("series-v2@" + std::to_string(n), "RFC v2 " + std::string(kPatchSentences[n]), n));
    all.push_back(make("murphy-6.7", "the one-lock fix of v6.7 and 6.6.5: the probe lock covers the whole parse", 607,
                       {Cap::probe_lock, Cap::l2_covers_parse}));
    all.push_back(
        make("mainline-6.8", "murphy-6.7 plus seven patches of the series, and no ops on the bus", 608,
             {Cap::probe_lock, Cap::l2_covers_parse, Cap::arch_setup_uses_group, Cap::of_configure_int,
              Cap::of_errors_surface, Cap::acpi_configure_int, Cap::assert_get, Cap::assert_priv, Cap::no_bus_ops}));
    const std::initializer_list<Cap> caps_6_11 = {
        Cap::probe_lock,          Cap::l2_covers_parse,       Cap::arch_setup_uses_group,
        Cap::of_configure_int,    Cap::of_errors_surface,     Cap::acpi_configure_int,
        Cap::assert_get,          Cap::assert_priv,           Cap::no_bus_ops,
        Cap::fwspec_resolves_ops, Cap::parse_error_cleans_up, Cap::cache_tags};
    all.push_back(make("mainline-6.11", "ops are resolved from the firmware node; bus ops are gone", 611, caps_6_11));
    all.push_back(make("linux-6.1", "Debian 6.1.176 as shipped: one-lock fix, attach after the probe", 601,
                       {Cap::probe_lock, Cap::l2_covers_parse, Cap::group_test_outside_probe, Cap::domain_after_probe,
                        Cap::walk_skips_failed_group, Cap::aer_on_every_port}));
    Variant v612 = make("linux-6.12", "Debian 6.12.107 as shipped", 612, caps_6_11);
    add(v612,
        {Cap::ud_requires_default, Cap::core_sets_dma_ops, Cap::virtio_pci_built_in, Cap::async_nvme, Cap::flush_hint});
    all.push_back(v612);
    Variant moved =
        make("bcb81ac6ae3c", "no release: the commit that moved the parse into the probe path, alone", 615, caps_6_11);
    add(moved, {Cap::ud_requires_default, Cap::core_sets_dma_ops, Cap::parse_in_probe, Cap::consistent_container,
                Cap::ops_in_init, Cap::deferral_in_fwspec_init, Cap::async_nvme});
    // 95deee37a123 is in the release, too; this variant stands for -rc3 to -rc5 in that.
    Variant v615 = moved;
    v615.name = "mainline-6.15";
    v615.what = "firmware is parsed in the probe path, before any driver binds; dev->driver is read twice";
    add(v615, {Cap::alias_is_enodev, Cap::drivers_before_walk, Cap::late_warning_after_filter});
    all.push_back(v615);
    Variant v6151 = v615;
    v6151.name = "mainline-6.15.1";
    v6151.what = "mainline-6.15 with two repairs of its walks, and one read of dev->driver on the platform bus";
    add(v6151, {Cap::recheck_after_parse, Cap::instance_ready, Cap::driver_read_once});
    all.push_back(v6151);
    for (const Newer& newer : kNewer) {
        Variant variant = v6151;
        variant.name = newer.name;
        variant.what = newer.what;
        variant.release = newer.release;
        add(variant, {Cap::virtio_pci_built_in, Cap::bus_driver_read_once, Cap::virtio_before_walk});
        if (newer.acs_in_dma_configure) add(variant, {Cap::acs_in_dma_configure});
        if (newer.release >= 618) add(variant, {Cap::flush_hint});
        if (newer.release >= 619) add(variant, {Cap::generic_page_table});
        if (newer.release >= 701) add(variant, {Cap::ste_barrier});
        if (newer.release >= 702) add(variant, {Cap::iommu_map_by_cells});
        all.push_back(variant);
    }
    for (const bool later : {false, true}) {
        Variant stable = v612;
        stable.name = later ? "linux-6.12.75" : "linux-6.12.74";
        stable.what = later ? "6.12.75: ACS enabled where DMA is configured, taken back in 6.12.78" : "6.12.74";
        if (later) add(stable, {Cap::acs_in_dma_configure});
        all.push_back(stable);
    }
    all.push_back(moved);
    Variant foil = at_patch("attempt-nullcheck", "foil: base with a test of dev->iommu before each use", 0);
    add(foil, {Cap::attempt_nullcheck});
    all.push_back(foil);
    foil = at_patch("attempt-lock-free-only", "foil: base with the probe lock around dev_iommu_free only", 0);
    add(foil, {Cap::attempt_lock_free_only});
    all.push_back(foil);
    foil = at_patch("attempt-device-lock", "foil: base with the device's own lock around configure and probe", 0);
    add(foil, {Cap::attempt_device_lock});
    all.push_back(foil);
    return all;
}

std::optional<Defect> find_defect(std::string_view text) {
    for (std::size_t i = 0; i < kDefectNames.size(); ++i)
        if (kDefectNames[i] == text) return static_cast<Defect>(i);
    return std::nullopt;
}

InputError unknown(std::string_view kind, std::string_view text, const std::vector<std::string>& candidates,
                   std::string nearest = {}) {
    Diagnostic finding;
    finding.path = "variant";
    finding.what = "'" + printable(text) + "' is no " + std::string(kind);
    finding.expected = "`xlate run --variant help` lists them";
    finding.nearest = nearest.empty() ? nearest_name(text, candidates).value_or("") : std::move(nearest);
    return InputError(finding);
}

/// Of a release that has no variant the nearest is the one that stands for it, not the one whose name looks alike.
InputError unknown_variant(std::string_view stem) {
    std::vector<std::string> names;
    for (const Variant& variant : variants()) names.push_back(variant.name);
    const std::optional<KernelRelease> release = release_of_name(stem);
    return unknown("variant", stem, names, release ? variant_of_release(*release).variant : std::string{});
}

}  // namespace

std::string_view name(Cap cap) { return kCaps[static_cast<std::size_t>(cap)].name; }
std::string_view sentence(Cap cap) { return kCaps[static_cast<std::size_t>(cap)].sentence; }
std::string_view name(Defect defect) { return kDefectNames[static_cast<std::size_t>(defect)]; }

const std::vector<Variant>& variants() {
    static const std::vector<Variant> all = make_variants();
    return all;
}

Variant find_variant(std::string_view text) {
    const std::string_view stem = text.substr(0, text.find_first_of("~+"));
    const Variant* found = nullptr;
    for (const Variant& variant : variants()) {
        if (variant.name == stem) found = &variant;
    }
    if (found == nullptr) throw unknown_variant(stem);
    Variant result = *found;
    std::string_view rest = text.substr(stem.size());
    while (!rest.empty()) {
        const bool adds = rest.front() == '+';
        rest.remove_prefix(1);
        const std::string_view part = rest.substr(0, rest.find_first_of("~+"));
        if (adds) {
            const auto* const cap =
                std::find_if(kCaps.begin(), kCaps.end(), [&](const CapRow& row) { return row.name == part; });
            std::vector<std::string> known;
            for (const CapRow& row : kCaps) known.emplace_back(row.name);
            if (cap == kCaps.end()) throw unknown("capability", part, known);
            result.capabilities.set(static_cast<std::size_t>(cap->cap));
            rest.remove_prefix(part.size());
            continue;
        }
        const auto defect = find_defect(part);
        if (!defect)
            throw unknown("defect that can be repaired by itself", part, {kDefectNames.begin(), kDefectNames.end()});
        result.repaired.set(static_cast<std::size_t>(*defect));
        rest.remove_prefix(part.size());
    }
    result.name = std::string(text);
    if (!result.runnable) {
        Diagnostic finding;
        finding.path = "variant";
        finding.what = result.name + " cannot run yet: " + result.why_not;
        throw InputError(finding);
    }
    return result;
}

std::string variant_help() {
    std::string text;
    for (const Variant& variant : variants()) {
        text += variant.name + ": " + variant.what + "\n";
        if (!variant.runnable) text += "    (not runnable: " + variant.why_not + ")\n";
        std::string caps;
        for (const CapRow& row : kCaps)
            if (variant.has(row.cap)) caps += (caps.empty() ? "" : ", ") + std::string(row.name);
        if (!caps.empty()) text += "    " + caps + "\n";
    }
    return text;
}

}  // namespace xlate::kernel
