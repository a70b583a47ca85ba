// Device trees for measuring, made by libfdt's sequential writer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace xlate::bench {

/// An SMMUv3 and buses of 64 platform masters each, every master with reg, interrupts and iommus: about `nodes` nodes.
/// Throws std::runtime_error if libfdt does not like it.
std::vector<std::uint8_t> big_tree(std::uint32_t nodes);

/// Memory, `smmus` SMMUv3s and `masters` platform masters: master m is behind SMMU m % smmus with stream m / smmus.
inline constexpr std::uint64_t kBoardMemory = 0x100000000, kBoardMemoryBytes = std::uint64_t{16} << 30;
std::vector<std::uint8_t> board_tree(std::uint32_t masters, std::uint32_t smmus);
/// Base addresses of their registers.
std::uint64_t board_smmu_address(std::uint32_t smmu);
std::uint64_t board_master_address(std::uint32_t master);

/// Memory and `hosts` PCI host bridges, each behind an SMMUv3 of its own, in PCI domain 0, 1, and so on.
std::vector<std::uint8_t> pci_tree(std::uint32_t hosts);
/// Path of such a host bridge.
std::string pci_host_path(std::uint32_t host);

}  // namespace xlate::bench
