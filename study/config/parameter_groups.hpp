// The groups of visit_config(), a file each: what an IOMMU, the SoC around it, PCI functions and traffic can be told.
#pragma once

#include <map>
#include <string>

#include "study/config/config.hpp"

namespace xlate::study {

/// Size and replacement of a cache: `entries`, `ways`.
void visit_shape(ParameterVisitor& visitor, iommu::CacheParams& shape);

// soc_parameters.cpp
void visit_subnets(ParameterVisitor& visitor, SocConfig& soc);  ///< `interconnects`, `placement`
void visit_network(ParameterVisitor& visitor, soc::NetworkParams& network);
void visit_channels(ParameterVisitor& visitor, SocConfig& soc);  ///< of memory: channels, DRAM with rows
void visit_system_cache(ParameterVisitor& visitor, soc::SystemCacheParams& cache);
void visit_regulators(ParameterVisitor& visitor, std::map<std::string, soc::RegulatorParams>& regulators);
void visit_board(ParameterVisitor& visitor, firmware::BoardSpec& board);
/// A part of the user's own program in place of ours.
void visit_foreign(ParameterVisitor& visitor, const char* sentence, soc::ForeignPart& part);

// pci_parameters.cpp
void visit_pci(ParameterVisitor& visitor, PciConfig& pci);
/// What makes up the bandwidth of a link, and what limits it.
void visit_pcie_packets(ParameterVisitor& visitor, SocConfig& soc);

void visit_traffic(ParameterVisitor& visitor, TrafficConfig& traffic);  ///< traffic_parameters.cpp

}  // namespace xlate::study
