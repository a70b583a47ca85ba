// Everything that a Soc owns, wired up from firmware and config.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "soc/bus/bridge.hpp"
#include "soc/bus/crossbar.hpp"
#include "soc/bus/dram.hpp"
#include "soc/bus/joints.hpp"
#include "soc/bus/memory.hpp"
#include "soc/bus/msi_target.hpp"
#include "soc/bus/network.hpp"
#include "soc/bus/physical_memory.hpp"
#include "soc/bus/regulator.hpp"
#include "soc/bus/system_cache.hpp"
#include "soc/cpu/timed_machine.hpp"
#include "soc/foreign/foreign_parts.hpp"
#include "soc/iommu/device.hpp"
#include "soc/iommu/sanitizer.hpp"
#include "soc/masters/dma_master.hpp"
#include "soc/measure/event_stream.hpp"
#include "soc/pcie/pcie_root.hpp"
#include "soc/pcie/pcie_tree.hpp"
#include "soc/soc.hpp"
#include "soc/time/agenda.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

struct Soc::Parts : FaultListener {
    Parts(const firmware::Description& from, const SocConfig& with);
    ~Parts() override;

    Outcome run();
    SocStats stats() const;
    std::vector<ResourceUse> uses() const;
    /// Its first port, or port number `port` of several; null: it has none.
    DmaMaster* find_master(const std::string& device, unsigned port = 0);
    /// False if the device has no ATC.
    bool enable_ats(const std::string& device, bool enable);
    /// The IOMMU whose registers hold `address`.
    IommuDevice* find_iommu(PhysAddr address);
    void on_fault(const std::string& device, const Transaction& transaction) override;

    const firmware::Description& description;
    const SocConfig config;
    const Topology topology;
    std::vector<std::string> warnings;
    TraceSink* trace = nullptr;
    std::vector<FaultRecord> faults;
    std::uint64_t faults_total = 0;
    bool ran = false;

    TransactionPool pool;
    PhysicalMemory bytes;
    EventStream stream;
    Agenda agenda;
    Joints joints;
    std::unique_ptr<ForeignParts> foreign;  ///< nullptr: none
    std::unique_ptr<Sanitizer> sanitizer;   ///< nullptr: off
    std::unique_ptr<TimedMachine> machine;
    std::vector<std::unique_ptr<IommuDevice>> iommus;             ///< as Topology::iommus
    std::vector<std::unique_ptr<PcieRoot>> pcie;                  ///< as Topology::pcie
    std::map<std::size_t, std::unique_ptr<PcieRoot>> pcie_links;  ///< of SocConfig::pcie_links those with traffic
    std::map<std::size_t, Atc*> atcs;                             ///< of each master that has one
    std::vector<std::unique_ptr<DmaMaster>> masters;              ///< in the order of the config
    std::vector<std::unique_ptr<Regulator>> regulators;
    std::unique_ptr<MsiTarget> msi;                 ///< if firmware has a controller
    std::vector<std::unique_ptr<Memory>> memories;  ///< a channel each; or
    std::vector<std::unique_ptr<Dram>> drams;
    std::vector<std::unique_ptr<SystemCache>> caches;  ///< before each of those, or none
    std::unique_ptr<Crossbar> crossbar;                ///< or
    std::unique_ptr<Network> network;                  ///< or one of `foreign`
    std::vector<std::unique_ptr<Crossbar>> subnets;    ///< below it, in the order of their names,
    std::vector<std::unique_ptr<Bridge>> bridges;      ///< each with one

private:
    mutable std::size_t uses_before_ = 0;
    class Connections;
    void build();
    struct Destinations;
    /// `port`, or what stands behind it if `place` is regulated.
    InitiatorPort& regulated(const std::string& place, InitiatorPort& port);
    void partition_caches();
    void build_masters(Connections& initiators);
    void build_pcie(Connections& initiators);
    void hang_on(PcieRoot& root, const PcieTree::Link& link, const std::string& name);
    void build_memory(Destinations& targets);
    void build_targets(Destinations& targets);
    void build_interconnects(const Connections& initiators, const Destinations& targets);
    void plan_ahead(const std::vector<InitiatorPort*>& initiators);
    bool in_registers(std::uint64_t address) const;  ///< of some IOMMU
    void watch();
    std::string fault_name(const std::string& iommu, std::uint16_t code) const;
    const IommuParams& params_of(const IommuSite& site) const;
};

}  // namespace xlate::soc
