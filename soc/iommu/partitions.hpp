// Who fills which ways of an IOMMU's shared caches: from the names in a config to streams.
// Shared are the core's TLB, its cache of stage 2 and its walk caches; and the TLBs of a port that masters of several
// parts come through (a PCI host bridge's). Not partitioned: the configuration cache, slots.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "iommu/cache.hpp"
#include "soc/config.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

/// What is out of range or names nothing.
std::vector<Diagnostic> check_partitions(const SocConfig& config, const Topology& topology);

/// Of the IOMMU at `index` of the topology; nullptr: none of its masters is in any.
std::shared_ptr<const iommu::CachePartitions> partitions_of(const IommuParams& params, const SocConfig& config,
                                                            const Topology& topology, std::size_t index);
/// The same of an IOMMU that stands in a foreign platform, at `path`: what comes by each socket has one stream.
struct StreamOfMaster {
    std::string device;
    std::uint32_t stream = 0;
};
std::vector<Diagnostic> check_partitions(const IommuParams& params, const std::string& path,
                                         const std::vector<StreamOfMaster>& masters);
std::shared_ptr<const iommu::CachePartitions> partitions_of(const IommuParams& params,
                                                            const std::vector<StreamOfMaster>& masters);
/// Its ports that masters of several parts come through, by number.
std::vector<std::size_t> shared_ports(const IommuParams& params, const SocConfig& config, const Topology& topology,
                                      std::size_t index);

}  // namespace xlate::soc
