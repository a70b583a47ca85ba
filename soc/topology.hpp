// Who is connected to what, decided from firmware and the masters' places alone. No SystemC, no time.
// The hardware's topology, not the kernel's opinion: an IOMMU whose node is disabled is not there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "firmware/description.hpp"
#include "soc/config.hpp"

namespace xlate::soc {

/// Where a master's transactions go, and what they carry.
struct Attachment {
    std::optional<std::size_t> iommu;  ///< index in Topology::iommus; none: straight to the interconnect
    StreamId stream{};
};

/// A register page to which messages are written, to become interrupts.
struct MsiFrame {
    firmware::NodeIndex node{};
    std::uint64_t base = 0;
    std::uint64_t size = 0;
    std::uint64_t doorbell = 0;  ///< offset: MSI_SETSPI_NS of a GICv2m frame, GITS_TRANSLATER of an ITS
};

/// Registers of a performance monitor counter group. Firmware does not say whose it is: an SMMUv3's groups are, in
/// the order of firmware, the TCU's and then those of its TBUs; a node belongs to the SMMUv3 that lies closest below
/// it.
struct CounterSite {
    static constexpr std::uint64_t kPageBytes = 4096;
    firmware::NodeIndex node{};
    std::uint64_t page0 = 0;
    std::optional<std::uint64_t> page1;  ///< where the counters are, if the node has two ranges
    std::size_t group = 0;               ///< 0: the TCU's; n: that of TBU n - 1
};

struct IommuSite {
    firmware::NodeIndex node{};
    std::string path;
    std::string name;
    std::string family;  ///< of firmware/iommu_families
    struct Bank {
        std::uint64_t base = 0;
        std::uint64_t bytes = 0;
    };
    std::vector<Bank> banks;        ///< `reg` ranges that the CPU can reach; not empty
    bool narrow_registers = false;  ///< there are fields of 8 and 16 bits (virtio over PCI); else 32 and 64 alone
    iommu::InstanceFacts facts;
    std::vector<std::string> interrupt_names;  ///< in the order of `interrupts`; "" if firmware does not name it
    /// Interrupts of parts that have nodes of their own, one a part, behind those of `interrupts`.
    struct PartWire {
        firmware::NodeIndex node{};
        std::string name;
    };
    std::vector<PartWire> part_wires;
    std::vector<CounterSite> counters;
    std::optional<std::size_t> main;  ///< index in Topology::iommus: it is a cache before that one
    std::vector<std::string> tbus;    ///< ports: one for each platform master and each PCI host bridge behind it
};

/// A PCI host bridge with masters behind it.
struct PcieSite {
    firmware::NodeIndex node{};
    std::string name;
    struct Exit {
        std::optional<std::size_t> iommu;  ///< none: to the interconnect
        std::size_t tbu = 0;
    };
    std::vector<Exit> exits;           ///< one for each place that its masters' transactions go to
    std::vector<std::size_t> masters;  ///< in the order of the config
    std::vector<std::size_t> exit_of;  ///< of each of those
};

struct Topology {
    std::vector<IommuSite> iommus;                    ///< every one with an engine that firmware enables, in its order
    std::vector<MsiFrame> msi_frames;                 ///< in the order of firmware
    std::vector<PcieSite> pcie;                       ///< in the order of firmware
    std::vector<Attachment> masters;                  ///< in the order of the config
    std::vector<std::optional<std::size_t>> pcie_of;  ///< of each master
    std::vector<std::size_t> tbu_of;                  ///< of each platform master with an IOMMU
    std::vector<std::string> warnings;
};

/// The names by which SocConfig::placement knows a bus port of an IOMMU, the closest first: "IOMMU.tcu" or
/// "IOMMU.PORT", what stands before the port, the IOMMU. `port`: as IommuDevice::bus_port_names has it: 0 is the
/// core's.
std::vector<std::string> places_of(const IommuSite& site, std::size_t port);
/// The subnet of the first of `places` that SocConfig::placement names; empty: none, the SoC's crossbar.
std::string place_of(const SocConfig& config, const std::vector<std::string>& places);
/// Every name that SocConfig::placement may have, in the order of the topology.
std::vector<std::string> all_places(const Topology& topology, const SocConfig& config);

/// Every name that SocConfig::regulators may have: each master; each port of an IOMMU to the interconnect, "IOMMU.tcu"
/// or "IOMMU.PORT"; a PCI host bridge.
std::vector<std::string> regulated_places(const Topology& topology, const SocConfig& config);

/// Every name that NetworkParams::nodes may have: those of all_places(), of crossbars below the network, and of
/// targets.
std::vector<std::string> network_places(const Topology& topology, const SocConfig& config);

/// Of the config, its masters, and the families that have engines.
Topology make_topology(const firmware::Description& description, const SocConfig& config);

}  // namespace xlate::soc
