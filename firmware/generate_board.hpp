// A board that exists on paper only, as a flattened device tree or as ACPI tables: CPUs, a GICv3 with an ITS, local
// APICs with an IOAPIC or a PLIC, memory, IOMMUs, platform masters and PCIe hosts behind them. It takes the same way as
// a real one's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace xlate::firmware {

enum class IommuOfBoard : std::uint8_t { smmuv3, virtio, vt_d, amd_vi, riscv };
/// Whose CPUs the board has: its IOMMUs say it. Only ACPI describes an x86 machine.
enum class BoardMachine : std::uint8_t { arm, x86, riscv };
constexpr BoardMachine machine_of(IommuOfBoard kind) {
    return kind == IommuOfBoard::vt_d || kind == IommuOfBoard::amd_vi ? BoardMachine::x86
           : kind == IommuOfBoard::riscv                              ? BoardMachine::riscv
                                                                      : BoardMachine::arm;
}

struct BoardSpec {
    struct Iommu {
        std::string name = "smmu";  ///< that masters and hosts refer to; its node is "iommu@..."
        IommuOfBoard kind = IommuOfBoard::smmuv3;
    };
    struct Master {
        std::string name = "master";  ///< of its node: "gpu@a000000", which Linux calls "a000000.gpu"
        std::uint32_t count = 1;      ///< so many alike
        std::string iommu;            ///< empty: the first one, if there is any
        std::uint32_t ids = 1;        ///< stream IDs of each; 0: not behind an IOMMU
        bool coherent = true;
    };
    struct PcieHost {
        std::string iommu;  ///< as of a master; "none": not behind one
    };
    std::string model = "xlate generated board";
    std::uint32_t cpus = 4;
    std::uint64_t memory_base = 0x4000'0000;
    std::uint64_t memory_bytes = std::uint64_t{1} << 30;
    std::vector<Iommu> iommus{{}};
    std::vector<Master> masters;
    std::vector<PcieHost> pcie{{}};
};

// Bounds: what fits the address map below, and 16 bits of stream ID.
inline constexpr std::size_t kMaxBoardCpus = 64;
inline constexpr std::size_t kMaxBoardIommus = 64;
inline constexpr std::size_t kMaxBoardMasters = 1024;
inline constexpr std::size_t kMaxBoardHosts = 8;

/// Address map: board_layout.hpp; memory where the board says. Ids: the hosts of an IOMMU share [0, 0x8000) evenly,
/// requester IDs from 0 in each share; masters follow from 0x8000 in their order, or from 0 if the IOMMU has no host.
/// Errors: InputError (usage; `path` of each finding is relative: "masters[0].iommu") for names that are not there or
/// twice, names that a node can't have, IOMMUs that a device tree cannot describe, and what exceeds the bounds.
std::vector<std::uint8_t> generate_board(const BoardSpec& board);

}  // namespace xlate::firmware
