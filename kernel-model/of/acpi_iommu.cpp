// The ACPI parser of IOMMU bindings: kernel-probe.md 2.9 (ADC, AIC, IX), 4.1 (AICs), 10.2, 10.3.
// A named component's ID mappings stand in Node::iommus, a root complex' in Node::iommu_map (those of an IORT and of a
// RIMT alike), a VIOT endpoint in Node::viot, a VIOT's PCI ranges in Node::viot_map.
#include <algorithm>

#include "base/bits.hpp"
#include "firmware/acpi/tables.hpp"
#include "kernel-model/of/of_core.hpp"
#include "kernel-model/of/table_releases.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

unsigned first_release_reading(const firmware::Description& description) {
    constexpr unsigned kFirstWithRimt = 618;
    return description.tables && description.tables->rimt && !description.tables->iort ? kFirstWithRimt : 0;
}

int OfCore::acpi_dma_configure_id(Device& dev, std::optional<firmware::NodeIndex> companion) {
    Frame frame{k_, "acpi_dma_configure_id"};
    // acpi_arch_dma_setup(): what the IORT's node of the device, or of its root complex, says of its addresses.
    if (const auto bits = companion ? description_.node(*companion).u32("memory-address-limit") : std::nullopt) {
        const std::uint64_t end = low_mask(*bits);
        dev.coherent_dma_mask &= end;
        dev.dma_mask &= end;
        dev.bus_dma_limit = end;
    }
    IommuOps* ops = nullptr;
    const int err = acpi_iommu_configure_id(dev, companion, ops);
    if (err == -kEPROBE_DEFER) return err;
    const bool coherent = companion && description_.node(*companion).dma_coherent;
    arch_.arch_setup_dma_ops(dev, 0, ~std::uint64_t{0}, ops, coherent);
    return 0;
}

int OfCore::acpi_iommu_configure_id(Device& dev, std::optional<firmware::NodeIndex> companion, IommuOps*& ops) {
    Frame frame{k_, "acpi_iommu_configure_id"};
    ops = nullptr;
    if (variant_.has(Cap::acpi_private_fwspec)) return acpi_configure_series(dev, companion);
    const bool covers = variant_.has(Cap::l2_covers_parse);
    if (covers) iommu_.iommu_probe_device_lock.lock("AIC1");
    const Ptr<IommuFwspec> old = iommu_.dev_iommu_fwspec_get(dev, "AIC1");
    const bool done = old && (variant_.has(Cap::fwspec_resolves_ops) || old.deref("AIC1")->ops.read("AIC1") != nullptr);
    if (done) {
        ops = iommu_.iommu_fwspec_ops(old, "AIC1");
        if (covers) iommu_.iommu_probe_device_lock.unlock("AIC1");
        return 0;
    }
    int err = iort_iommu_configure_id(dev, companion, {});                                  // AIC2
    if (err != 0 && err != -kEPROBE_DEFER) err = viot_iommu_configure(dev, companion, {});  // AIC3
    if (covers) iommu_.iommu_probe_device_lock.unlock("AIC3");
    const bool replay = !variant_.has(Cap::parse_in_probe) && dev.bus != nullptr;
    if (err == 0 && replay) {  // AIC4; the caller as a trace shows it: Linux's compilers inline this function
        const bool outside = variant_.has(Cap::group_test_outside_probe);
        if (!outside || !dev.iommu_group.read("AIC4")) err = iommu_.iommu_probe_device(dev, "acpi_dma_configure_id");
    }
    if (err == -kEPROBE_DEFER) return err;  // AIC5
    if (err != 0) {
        k_.console.debug(dev.prefix(), "Adding to IOMMU failed: {}", err);
        return -kENODEV;
    }
    ops = iommu_.iommu_fwspec_ops(iommu_.dev_iommu_fwspec_get(dev, "AIC6"), "AIC6");
    return ops != nullptr ? 0 : -kENODEV;  // R3: silently no IOMMU
}

/// series @10 and later.
int OfCore::acpi_configure_series(Device& dev, std::optional<firmware::NodeIndex> companion) {
    Ptr<IommuFwspec> fwspec = iommu_.iommu_fwspec_alloc("AIC1");
    if (!fwspec) return -kENOMEM;
    fwspec->parsing = true;
    int err = iort_iommu_configure_id(dev, companion, fwspec);
    if (err == -kENODEV && companion &&
        (description_.node(*companion).viot || description_.node(*companion).viot_map)) {
        // D-10c: what the IORT has put into the fwspec before it gave up stays there. Repaired: VIOT starts afresh.
        if (!variant_.defect(Defect::d10c) && fwspec->iommu_fwnode.read("AIC3")) {
            iommu_.iommu_fwspec_dealloc(fwspec, "AIC3");
            fwspec = iommu_.iommu_fwspec_alloc("AIC3");
            if (!fwspec) return -kENOMEM;
            fwspec->parsing = true;
        }
        err = viot_iommu_configure(dev, companion, fwspec);
    }
    if (err == 0) {
        err = iommu_.iommu_probe_device(dev, "acpi_dma_configure_id", fwspec);
        if (err != 0) return err;
        // D-10a: success falls into the error tail, which frees what the core has just installed.
        if (!variant_.defect(Defect::d10a)) return 0;
    }
    if (err != -kENODEV && err != -kEPROBE_DEFER) k_.console.info(dev.prefix(), "Adding to IOMMU failed: {}", err);
    iommu_.iommu_fwspec_dealloc(fwspec, "AIC6");
    return err == 0 || err == -kEPROBE_DEFER ? err : -kENODEV;
}

int OfCore::iort_iommu_configure_id(Device& dev, std::optional<firmware::NodeIndex> companion,
                                    Ptr<IommuFwspec> fwspec) {
    // A machine has one of the two tables; of the one that it lacks there is nothing to see.
    const bool rimt = description_.tables && description_.tables->rimt && !description_.tables->iort;
    Frame frame{k_, rimt ? "rimt_iommu_configure_id" : "iort_iommu_configure_id"};
    if (!companion) return -kENODEV;
    // What DMAR and IVRS say of a device stands in the same fields; only their drivers look there.
    if (description_.tables && !description_.tables->iort && !rimt) return -kENODEV;
    if (rimt && variant_.release < first_release_reading(description_)) return -kENODEV;
    const char* const step = rimt ? "RX" : "IX";
    const firmware::Node& node = description_.node(*companion);
    if (auto* const pdev = dynamic_cast<PciDevice*>(&dev)) {
        if (!node.iommu_map) return -kENODEV;
        const int err = pci_for_each_dma_alias(*pdev, [&](PciDevice&, std::uint16_t alias) {
            k_.spend(k_.costs.iort_lookup);
            const firmware::MapLookup found = description_.map_id(*companion, alias);
            return found.provider ? acpi_iommu_xlate(dev, *found.provider, found.id, fwspec, step) : -kENODEV;
        });
        if (node.has("ats-supported")) {  // whatever err is
            const Ptr<IommuFwspec> filled = fwspec ? fwspec : iommu_.dev_iommu_fwspec_get(dev, "IX");
            if (filled) filled->flags.write(filled->flags.read("IX") | kFwspecPciRcAts, "IX");
        }
        return err;
    }
    if (node.iommus.empty()) return -kENODEV;
    for (const firmware::IommuEntry& entry : node.iommus) {
        if (!entry.provider || entry.args.empty()) return -kENODEV;
        k_.spend(k_.costs.iort_lookup);
        const int err = acpi_iommu_xlate(dev, *entry.provider, entry.args.front(), fwspec, step);
        if (err != 0) return err;
    }
    return 0;
}

/// A device with an endpoint in the VIOT; the IOMMU's own device is none.
int OfCore::viot_iommu_configure(Device& dev, std::optional<firmware::NodeIndex> companion, Ptr<IommuFwspec> fwspec) {
    Frame frame{k_, "viot_iommu_configure"};
    if (!companion) return -kENODEV;
    if (auto* const pdev = dynamic_cast<PciDevice*>(&dev)) {
        const std::optional<firmware::IommuMap>& ranges = description_.node(*companion).viot_map;
        if (!ranges) return -kENODEV;
        return pci_for_each_dma_alias(*pdev, [&](PciDevice&, std::uint16_t alias) {
            k_.spend(k_.costs.iort_lookup);
            const firmware::IommuMapRow* const row = ranges->find(alias);
            if (row == nullptr || !row->provider) return -kENODEV;
            if (description_.node(*row->provider).linux_name == dev.name) return -kEINVAL;
            return acpi_iommu_xlate(dev, *row->provider, alias - row->base + row->out, fwspec, "VX");
        });
    }
    const std::optional<firmware::IommuEntry>& endpoint = description_.node(*companion).viot;
    if (!endpoint || !endpoint->provider || endpoint->args.empty()) return -kENODEV;
    if (endpoint->provider == companion) return -kEINVAL;
    k_.spend(k_.costs.iort_lookup);
    return acpi_iommu_xlate(dev, *endpoint->provider, endpoint->args.front(), fwspec, "VX");
}

/// IX, and its twin of the VIOT; with a private fwspec acpi_iommu_fwspec_init of the series.
int OfCore::acpi_iommu_xlate(Device& dev, firmware::NodeIndex provider, std::uint32_t id, Ptr<IommuFwspec> fwspec,
                             const char* step) {
    Frame frame{k_, *step == 'I' ? "iort_iommu_xlate" : *step == 'R' ? "rimt_iommu_xlate" : "viot_dev_iommu_init"};
    const auto& lacking = iommu_.parameters.not_built;
    const bool built = std::find(lacking.begin(), lacking.end(), provider) == lacking.end();
    const int absent = built ? -kEPROBE_DEFER : -kENODEV;
    if (fwspec) {
        // D-10b repaired: ACPI waits for its IOMMU without a timeout, as base does.
        if (!variant_.defect(Defect::d10b) && iommu_.iommu_ops_from_fwnode(provider, step) == nullptr) return absent;
        const int err = iommu_.iommu_fwspec_assign_iommu(fwspec, dev, provider);
        if (err == -kEPROBE_DEFER) return absent;
        return err != 0 ? err : iommu_.iommu_fwspec_append_ids(fwspec, {id});
    }
    IommuOps* ops = nullptr;
    if (!variant_.has(Cap::fwspec_resolves_ops)) {
        ops = iommu_.iommu_ops_from_fwnode(provider, step);
        if (ops == nullptr) return absent;
    } else if (!built) {
        return absent;
    }
    const int err = iommu_.iommu_fwspec_init(dev, provider, ops);
    return err != 0 ? err : iommu_.iommu_fwspec_add_ids(dev, {id});
}

}  // namespace xlate::kernel
