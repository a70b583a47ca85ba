// A scenario's firmware: one node for each IOMMU, device and bus controller, as the kernel model's parsers read them.
#pragma once

#include <memory>
#include <string>

#include "explore/scenario/scenario.hpp"
#include "firmware/description.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::explore {

/// The IOMMU of this name, which the scenario has.
const IommuSpec& iommu_named(const Scenario& scenario, const std::string& name);
/// DMAR, IVRS: no fwspec, the driver knows which unit covers the device.
bool found_by_table(const Scenario& scenario, const EntrySpec& entry);

class ScenarioProgram : public Program {
public:
    ScenarioProgram(Scenario scenario, kernel::Variant variant);
    std::string name() const override { return scenario_.name; }
    const kernel::Variant& variant() const override { return variant_; }
    std::unique_ptr<World> make(kernel::Kernel& kernel) const override;
    bool can_be_copied() const override { return true; }
    bool reports_unsequential_outcomes() const override { return true; }
    std::string limits() const override;
    bool schedules_mmio() const override { return scenario_.schedules_mmio; }
    bool late_stores() const override { return scenario_.stores_late; }

    const Scenario& scenario() const { return scenario_; }
    const firmware::Description& description() const { return description_; }
    firmware::NodeIndex node_of(const std::string& name) const;
    /// An IOMMU at least has its real driver: there are registers and memory.
    bool real() const { return real_; }
    /// What the kernel is told beside its firmware: architecture, drivers that it lacks.
    kernel::IommuParameters parameters() const;

private:
    firmware::Node& add(const std::string& name);
    void read_tables();
    void describe_iommus();
    void describe_device(const DeviceSpec& device);
    void map_behind_controller(const DeviceSpec& device);

    Scenario scenario_;
    kernel::Variant variant_;
    firmware::Description description_;
    bool real_ = false;
};

}  // namespace xlate::explore
