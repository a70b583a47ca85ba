// What generation and lanes of a PCIe link come to.
#pragma once

#include <cstdint>

namespace xlate::study {

/// Of a link, one way, in bytes/s: what the line code leaves of each lane's transfer rate. `generation`: 1 to 6.
/// Source: PCI Express Base Specification, physical layer: 8b/10b to 2.x, 128b/130b to 5.0, then flits of 256 bytes, of
/// which 236 are packets.
std::uint64_t pcie_link_bandwidth(std::uint32_t generation, std::uint32_t lanes);

}  // namespace xlate::study
