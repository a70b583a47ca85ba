// Where the parts of a generated board lie (firmware/generate_board.hpp), and which ids its masters have: what a device
// tree and ACPI tables of one board have in common. Private to firmware/.
//   Arm   SMMU or virtio-iommu n at 0x9050000 + n * 0x20000, interrupts 74 + 4 n of the shared ones
//   x86   VT-d unit n at 0xfed90000 + n * 0x1000, AMD-Vi unit n at 0xfeb80000 + n * 0x80000
//   RISC-V  IOMMU n at 0x3010000 + n * 0x1000, interrupts 74 + 4 n of the PLIC
//   all   master n at 0xa000000 + n * 0x10000, 32-bit PCI memory from 0x10000000 to 0x3eff0000, shared by all hosts,
//         ECAM of host n at 0x4010000000 + n * 0x10000000
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firmware/generate_board.hpp"

namespace xlate::firmware {

inline constexpr std::uint64_t kGicBase = 0x800'0000, kGicBytes = 0x1'0000;
inline constexpr std::uint64_t kItsBase = 0x808'0000, kItsBytes = 0x2'0000;
inline constexpr std::uint64_t kRedistributorBase = 0x80A'0000, kRedistributorBytes = 0x2'0000;  ///< one a CPU
inline constexpr std::uint32_t kFirstSharedInterrupt = 32;                                       ///< GSI of SPI 0
inline constexpr std::uint64_t kPlicBase = 0x800'0000, kPlicBytes = 0x60'0000;
inline constexpr std::uint32_t kPlicInterrupts = 1023;
inline constexpr std::uint32_t kTimebaseHertz = 10'000'000;  ///< of RISC-V harts
inline constexpr const char* kRiscvIsa = "rv64imafdch_svnapot_svpbmt";
inline constexpr std::uint32_t kRiscvIommuWires = 4;  ///< commands, faults, counters, page requests

struct BoardLayout {
    struct Iommu {
        std::string name;
        IommuOfBoard kind = IommuOfBoard::smmuv3;
        std::uint64_t base = 0;
        std::uint64_t bytes = 0;
        std::uint32_t spi = 0;  ///< the first of its shared interrupts (Arm), of its lines at the PLIC (RISC-V)
        std::vector<std::size_t> hosts;  ///< behind it
    };
    /// One device; those of one entry of BoardSpec::masters stand together.
    struct Master {
        std::string name;
        std::size_t entry = 0;     ///< of BoardSpec::masters
        std::uint32_t number = 0;  ///< of those of the entry
        std::uint64_t base = 0;
        std::optional<std::size_t> iommu;
        std::uint32_t first_id = 0;
        std::uint32_t ids = 0;
        bool coherent = true;
    };
    struct Host {
        std::uint64_t ecam = 0;
        std::uint32_t buses = 0;
        std::uint64_t window = 0;
        std::uint64_t window_bytes = 0;
        std::optional<std::size_t> iommu;
        std::uint32_t first_id = 0;
        std::uint32_t ids = 0;
    };
    std::vector<Iommu> iommus;
    std::vector<Master> masters;
    std::vector<Host> hosts;
};

inline constexpr std::uint64_t kMasterBytes = 0x1000;

BoardMachine machine_of(const BoardSpec& board);

/// Errors: as generate_board() and generate_tables(). `acpi`: for tables.
BoardLayout lay_out(const BoardSpec& board, bool acpi);

}  // namespace xlate::firmware
