// What the IVRS says, as Linux's AMD driver keeps it: tables by device id, one set a PCI segment; ranges that a device
// must reach untranslated.
// Source: docs/spec/iommu-hardware.md 10.3; Linux drivers/iommu/amd/init.c (6.1), init_iommu_from_acpi() and
// init_memory_definitions().
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "firmware/acpi/ivrs.hpp"
#include "firmware/description.hpp"

namespace xlate::kernel {

/// One IVHD of the type in use, with the node that stands for it.
struct IvrsUnit {
    const firmware::acpi::Ivhd* ivhd = nullptr;
    firmware::NodeIndex node{};
    std::string name;  ///< "ivhd0"
};

/// Linux struct amd_iommu_pci_seg.
struct IvrsSegment {
    std::uint16_t last_bdf = 0;
    std::map<std::uint16_t, std::size_t> rlookup;    ///< device to unit
    std::map<std::uint16_t, std::uint16_t> alias;    ///< the id that its requests carry, if another
    std::map<std::uint16_t, std::uint8_t> settings;  ///< data byte of its entry: INIT, EInt, NMI, SYSMGT, LINT
    std::uint16_t alias_of(std::uint16_t devid) const {
        const auto found = alias.find(devid);
        return found == alias.end() ? devid : found->second;
    }
};

/// Linux struct unity_map_entry.
struct UnityMap {
    std::uint16_t first = 0, last = 0;
    std::uint64_t start = 0, end = 0;  ///< end: exclusive
    bool read = false, write = false;
};

struct IvrsTables {
    std::vector<IvrsUnit> units;
    std::map<std::uint16_t, IvrsSegment> segments;
    std::vector<UnityMap> unity_maps;
    std::map<std::string, std::pair<std::uint16_t, std::size_t>> acpi_devices;  ///< by hardware id: device id, unit
    std::map<std::uint8_t, std::uint16_t> io_apics;                             ///< by id: device id of its messages
};

/// Of two entries for one device the later one counts. An exclusion range is mapped one to one, as a unity range is:
/// what Linux does since 5.4.
IvrsTables read_ivrs_tables(const firmware::Description& description);

}  // namespace xlate::kernel
