// What an SoC's memory controller has: clients (ports of memory traffic, each with an id), swgroups (sets of clients
// that share an address space and one ASID register), and the numbers in which the SoCs differ. soc_of():
// layout_socs.hpp. Source: docs/spec/iommu-hardware.md section 7; tables: layout_t30.hpp, layout_t114.hpp,
// layout_t124.hpp, layout_t210.hpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/span.hpp"

namespace xlate::iommu::tegra {

struct Client {
    std::uint8_t id = 0;
    std::string_view name;
    std::uint16_t swgroup = 0;
    bool smmu = false;                ///< has a translation enable; without one its accesses pass
    bool writes = false;              ///< else it reads
    std::uint16_t allowance_reg = 0;  ///< latency allowance: register, shift and reset value of its 8 bits
    std::uint8_t allowance_shift = 0;
    std::uint8_t allowance = 0;
};

struct Swgroup {
    std::string_view name;
    std::uint16_t swgroup = 0;  ///< as `iommus` has it
    std::uint32_t reg = 0;      ///< its ASID register
};

/// Swgroups that Linux puts into one group.
struct GroupSoc {
    std::string_view name;
    Span<std::uint16_t> swgroups;
};

struct Soc {
    std::string_view name;
    Span<Client> clients;  ///< in the order of Linux's table: allowances and enables are written in it
    Span<Swgroup> swgroups;
    Span<GroupSoc> groups;
    unsigned address_bits = 32;
    unsigned atom_bytes = 16;  ///< what one PTC_FLUSH by address drops, and one fetch of the PTC reads
    std::uint32_t client_id_mask = 0x7F;
    unsigned asids = 4;
    unsigned tlb_lines = 16;
    bool request_limit = false;  ///< PTC_CONFIG.REQ_LIMIT
    bool round_robin = false;    ///< TLB_CONFIG.ROUND_ROBIN
    std::uint32_t intmask = 0;   ///< what Linux lets interrupt
};

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

}  // namespace xlate::iommu::tegra
