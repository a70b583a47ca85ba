// The OF parser of IOMMU bindings: kernel-probe.md 2.3 (OIC, OMAP, OIX), 4.1 (OICs, OIXs), 10.2, 10.3.
#include "kernel-model/of/of_core.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

/// What a parse writes to: a private fwspec (series @8 and later), or the device's own (null).
struct OfCore::Parse {
    Ptr<IommuFwspec> fwspec;
};

int OfCore::of_iommu_configure(Device& dev, std::optional<firmware::NodeIndex> master, std::optional<std::uint32_t> id,
                               IommuOps*& ops) {
    Frame frame{k_, "of_iommu_configure"};
    ops = nullptr;
    if (variant_.has(Cap::fwspec_resolves_ops)) return configure_6_11(dev, master, id);
    if (variant_.has(Cap::of_private_fwspec)) return configure_series(dev, master, id);
    return configure_base(dev, master, id, ops);
}

/// base, series @1..@7, murphy-6.7, 6.8, 6.1.
int OfCore::configure_base(Device& dev, std::optional<firmware::NodeIndex> master, std::optional<std::uint32_t> id,
                           IommuOps*& ops) {
    const bool covers = variant_.has(Cap::l2_covers_parse);
    const bool surface = variant_.has(Cap::of_errors_surface);
    if (covers && !master) return -kENODEV;
    if (covers) iommu_.iommu_probe_device_lock.lock("OIC1");
    const auto leave = [&] {
        if (covers) iommu_.iommu_probe_device_lock.unlock("OIC6");
    };
    const Ptr<IommuFwspec> old = iommu_.dev_iommu_fwspec_get(dev, "OIC1");
    if (!master) return -kENODEV;  // OIC2
    if (old) {
        IommuOps* const known = old.deref("OIC3")->ops.read("OIC3");
        if (known != nullptr) {  // "already done"
            ops = known;
            leave();
            return 0;
        }
        iommu_.iommu_fwspec_free(dev);  // OIC4
    }
    Parse parse;
    int err = parse_master(dev, *master, id, parse);
    if (err == 0 && !surface) {
        const Ptr<IommuFwspec> fwspec = iommu_.dev_iommu_fwspec_get(dev, "OIC6");
        if (variant_.has(Cap::attempt_nullcheck) && !fwspec)
            err = -kENODEV;
        else
            ops = fwspec.deref("OIC6")->ops.read("OIC6");
    }
    leave();
    if (err == 0 && (dev.bus != nullptr || surface)) {
        const bool outside = variant_.has(Cap::group_test_outside_probe);
        if (!outside || !dev.iommu_group.read("OIC7")) err = iommu_.iommu_probe_device(dev, "of_iommu_configure");
    }
    if (err == 0) return 0;
    ops = nullptr;
    if (err == -kEPROBE_DEFER) return err;
    if (surface && err != -kENODEV) {
        k_.console.info(dev.prefix(), "Adding to IOMMU failed: {}", err);
        return err;
    }
    if (err < 0) k_.console.debug(dev.prefix(), "Adding to IOMMU failed: {}", err);
    return -kENODEV;
}

/// series @8 and later: a private fwspec, handed to the probe function.
int OfCore::configure_series(Device& dev, std::optional<firmware::NodeIndex> master, std::optional<std::uint32_t> id) {
    if (!master) return -kENODEV;
    Parse parse;
    parse.fwspec = iommu_.iommu_fwspec_alloc("OIC5");
    if (!parse.fwspec) return -kENOMEM;
    parse.fwspec->parsing = true;
    // D-11 repaired: one critical section from the first of_xlate to the end of the probe.
    const bool whole = variant_.has(Cap::xlate_locked) && !variant_.defect(Defect::d11);
    const bool cleans = !variant_.defect(Defect::d11b);
    if (whole) iommu_.iommu_probe_device_lock.lock("OIC5");
    const bool had_container = cleans && dev.iommu.read("OIC5");
    int err = parse_master(dev, *master, id, parse);
    if (err != 0) {
        if (err != -kENODEV && err != -kEPROBE_DEFER) k_.console.info(dev.prefix(), "Adding to IOMMU failed: {}", err);
        iommu_.iommu_fwspec_dealloc(parse.fwspec, "OIC8");
        // D-11b repaired: a parse that failed leaves no half-filled container behind.
        if (cleans && !had_container && dev.iommu.read("OIC8")) iommu_.dev_iommu_free(dev, "OIC8");
        if (whole) iommu_.iommu_probe_device_lock.unlock("OIC8");
        return err;
    }
    err = iommu_.iommu_probe_device(dev, "of_iommu_configure", parse.fwspec);
    if (whole) iommu_.iommu_probe_device_lock.unlock("OIC8");
    if (err != 0) k_.console.info(dev.prefix(), "Adding to IOMMU failed: {}", err);
    return err;
}

/// 6.11 and later.
int OfCore::configure_6_11(Device& dev, std::optional<firmware::NodeIndex> master, std::optional<std::uint32_t> id) {
    if (!master) return -kENODEV;
    iommu_.iommu_probe_device_lock.lock("OIC1");
    const Ptr<DevIommu> container = dev.iommu.read("OIC1");
    if (container && container->fwspec.read("OIC1")) {
        iommu_.iommu_probe_device_lock.unlock("OIC1");
        return 0;
    }
    Parse parse;
    int err = container || all_instances_ready(*master) ? parse_master(dev, *master, id, parse) : -kEPROBE_DEFER;
    if (err != 0 && container)
        iommu_.iommu_fwspec_free(dev);
    else if (err != 0 && dev.iommu.read("OIC6"))
        iommu_.dev_iommu_free(dev, "OIC6");
    iommu_.iommu_probe_device_lock.unlock("OIC6");
    const bool replay = variant_.has(Cap::parse_in_probe) ? !container : true;
    if (err == 0 && dev.bus != nullptr && replay) err = iommu_.iommu_probe_device(dev, "of_iommu_configure");
    if (err != 0 && err != -kEPROBE_DEFER) k_.console.debug(dev.prefix(), "Adding to IOMMU failed: {}", err);
    return err;
}

/// X10: the parse itself asks of the first entry's instance only. Those that are not registered are its own business.
bool OfCore::all_instances_ready(firmware::NodeIndex master) {
    if (!variant_.has(Cap::all_instances_ready)) return true;
    for (const firmware::IommuEntry& entry : description_.node(master).iommus) {
        if (!entry.provider) continue;
        const Ptr<IommuDevice> iommu = iommu_.iommu_from_fwnode(entry.provider, "OIC1");
        if (iommu && !iommu->ready.read_once("OIC1")) return false;
    }
    return true;
}

/// OIC5.
int OfCore::parse_master(Device& dev, firmware::NodeIndex master, std::optional<std::uint32_t> id, Parse& parse) {
    if (auto* const pdev = dynamic_cast<PciDevice*>(&dev)) {
        pci_->pci_request_acs();
        const int err = pci_for_each_dma_alias(*pdev, [&](PciDevice&, std::uint16_t alias) {
            k_.spend(k_.costs.iommu_map_lookup);
            return parse_map(dev, master, alias, parse);
        });
        if (variant_.has(Cap::fwspec_resolves_ops)) of_pci_check_device_ats(dev, master);
        return err;
    }
    if (id) return parse_map(dev, master, *id, parse);
    return parse_iommus(dev, master, parse);
}

void OfCore::pci_enable_acs(PciDevice& pdev) const { pci_->pci_enable_acs(pdev); }

/// 6.11 and later, whatever the parse came to: the host bridge's node says whether its root complex handles ATS.
void OfCore::of_pci_check_device_ats(Device& dev, firmware::NodeIndex host) {
    if (!description_.node(host).has("ats-supported")) return;
    const Ptr<IommuFwspec> fwspec = iommu_.dev_iommu_fwspec_get(dev, "OIC5");
    if (fwspec) fwspec->flags.write(fwspec->flags.read("OIC5") | kFwspecPciRcAts, "OIC5");
}

int OfCore::parse_iommus(Device& dev, firmware::NodeIndex master, Parse& parse) {
    using firmware::EntryResult;
    int err = no_iommu();
    for (const firmware::IommuEntry& entry : description_.node(master).iommus) {
        // An entry that does not read ends the list silently; what came before it counts.
        if (entry.result != EntryResult::ok && entry.result != EntryResult::provider_disabled) break;
        k_.spend(k_.costs.parse_iommus_entry);
        err = of_iommu_xlate(dev, entry.provider, entry.args, parse);
        if (err != 0) break;
    }
    return err;
}

/// OMAP.
int OfCore::parse_map(Device& dev, firmware::NodeIndex master, std::uint32_t id, Parse& parse) {
    using firmware::MapResult;
    if (!description_.node(master).iommu_map) return no_iommu();
    const bool by_cells = variant_.has(Cap::iommu_map_by_cells);
    const firmware::MapLookup found =
        description_.map_id(master, id, by_cells ? firmware::MapReading::by_cells : firmware::MapReading::four_cells);
    say_of_map(master, by_cells, found.result == MapResult::error_malformed);
    switch (found.result) {
        case MapResult::ok:
        case MapResult::provider_disabled: {
            std::vector<std::uint32_t> args{found.id};
            args.insert(args.end(), found.more.begin(), found.more.end());
            return of_iommu_xlate(dev, found.provider, args, parse);
        }
        case MapResult::bypass:
            k_.console.debug("", "{}: no iommu-map translation for id {:#x}", description_.node(master).path, id);
            return no_iommu();
        case MapResult::missing_node:
            return no_iommu();
        case MapResult::error_base_outside_mask:
            return -kEFAULT;
        case MapResult::error_malformed:
            return -kEINVAL;
    }
    return -kEINVAL;
}

/// What of_map_id() prints of an iommu-map that it tolerates (once a boot) or cannot read (each time).
void OfCore::say_of_map(firmware::NodeIndex master, bool by_cells, bool malformed) {
    const firmware::Node& node = description_.node(master);
    const std::optional<firmware::IommuMap::ByCells>& cells = node.iommu_map->by_cells;
    const std::string where = "OF: " + node.path;
    if (by_cells && cells && cells->tolerated && !said_mismatch_) {
        said_mismatch_ = true;
        k_.console.warn(where, "iommu-map mismatches target #iommu-cells, assuming extra cell of 0");
    }
    if (!malformed) return;
    if (by_cells && cells) {
        for (const firmware::IommuMapRow& row : cells->rows) {
            if (row.more.empty() || row.length <= 1) continue;
            k_.console.err(where, "Unsupported iommu-map - cannot handle {}-ID range with {}-cell output specifier",
                           row.length, row.more.size() + 1);
            return;
        }
    }
    const firmware::Property* const property = node.property("iommu-map");
    k_.console.err(where, "Error: Bad iommu-map length: {}", property != nullptr ? property->bytes.size() : 0);
}

int OfCore::of_iommu_xlate(Device& dev, std::optional<firmware::NodeIndex> np, const std::vector<std::uint32_t>& args,
                           Parse& parse) {
    Frame frame{k_, "of_iommu_xlate"};
    return np ? answered(dev, xlate_entry(dev, *np, args, parse)) : no_iommu();
}

int OfCore::answered(const Device& dev, int err) {
    if (err < 0 && err != -kEPROBE_DEFER)
        refusals_[dev.name] = err;
    else if (!refusals_.empty())
        refusals_.erase(dev.name);
    return err;
}

int OfCore::xlate_entry(Device& dev, firmware::NodeIndex np, const std::vector<std::uint32_t>& args, Parse& parse) {
    const OfPhandleArgs spec{np, args};
    if (parse.fwspec) {
        if (!description_.node(np).available) return -kENODEV;
        return iommu_.iommu_fwspec_of_xlate(parse.fwspec, dev, np, spec);
    }
    return variant_.has(Cap::fwspec_resolves_ops) ? xlate_6_11(dev, np, spec) : xlate_base(dev, np, spec);
}

int OfCore::xlate_base(Device& dev, std::optional<firmware::NodeIndex> np, const OfPhandleArgs& args) {
    IommuOps* ops = iommu_.iommu_ops_from_fwnode(np, "OIX1");
    if ((ops != nullptr && !ops->has_of_xlate()) || !description_.node(*np).available) return no_iommu();  // OIX2
    const int err = iommu_.iommu_fwspec_init(dev, np, ops);                                                // OIX3
    if (err != 0) return err;
    // D-6 repaired: the fwspec's own answer counts, not the one from before.
    if (ops == nullptr && variant_.has(Cap::fwspec_alloc) && !variant_.defect(Defect::d6))
        ops = iommu_.iommu_fwspec_ops(iommu_.dev_iommu_fwspec_get(dev, "OIX4"), "OIX4");
    if (ops == nullptr) return drivers_.driver_deferred_probe_check_state(dev);  // OIX4
    if (!ops->try_module_get("OIX5")) return -kENODEV;
    const int result = ops->of_xlate(dev, args);  // OIX6
    ops->module_put("OIX6");
    return result;
}

int OfCore::xlate_6_11(Device& dev, std::optional<firmware::NodeIndex> np, const OfPhandleArgs& args) {
    if (!description_.node(*np).available) return -kENODEV;
    const int err = iommu_.iommu_fwspec_init(dev, np, nullptr);
    if (err == -kEPROBE_DEFER && !variant_.has(Cap::deferral_in_fwspec_init))
        return drivers_.driver_deferred_probe_check_state(dev);
    if (err != 0) return err;
    IommuOps* const ops = iommu_.iommu_ops_from_fwnode(np, "OIX5");
    if (ops == nullptr || !ops->has_of_xlate() || !ops->try_module_get("OIX5")) return -kENODEV;
    const int result = ops->of_xlate(dev, args);
    ops->module_put("OIX6");
    return result;
}

}  // namespace xlate::kernel
