// The registers of an AMD IOMMU: rows for what there is, their contents, and writes that have no further effect.
// Effects are the Iommu's (iommu.cpp). Source: docs/spec/iommu-hardware.md section 4.
#pragma once

#include <cstdint>

#include "base/registers.hpp"
#include "base/span.hpp"
#include "iommu/amd/layout.hpp"
#include "iommu/amd/parameters.hpp"

namespace xlate::iommu::amd {

/// In order of offset.
Span<RegSpec> register_rows();

/// A ring in memory, of entries of 16 bytes. The command buffer's tail and the logs' heads are software's.
struct Ring {
    std::uint64_t base = 0;
    std::uint64_t head = 0, tail = 0;  ///< byte offsets
    bool stopped = false;              ///< by an error or an overflow, until software turns it off and on

    std::uint64_t bytes() const { return std::uint64_t{kEntryBytes} << ring::LENGTH.get(base); }
    std::uint64_t next(std::uint64_t pointer) const { return (pointer + kEntryBytes) & (bytes() - 1); }
    std::uint64_t address(std::uint64_t pointer) const {
        return (base & ring::BASE.mask()) + (pointer & (bytes() - 1));
    }
    bool empty() const { return ((head ^ tail) & (bytes() - 1)) == 0; }
    /// No more than `more` entries fit beside those that are in it.
    bool full(std::uint64_t more = 1) const {
        const std::uint64_t used = (tail - head) & (bytes() - 1);
        return used + more * kEntryBytes >= bytes();
    }
};

class Registers {
public:
    explicit Registers(const AmdParams& params) : params_(params) { reset(); }
    void reset();
    /// Of the whole register at `offset`, STATUS apart.
    std::uint64_t read(std::uint32_t offset) const;
    /// CONTROL and STATUS apart.
    void write(std::uint32_t offset, std::uint64_t value);

    bool on(Field bit) const { return bit.test(control); }
    std::uint64_t device_table() const { return devtab & devtab::BASE.mask(); }
    std::uint64_t device_table_bytes() const { return (devtab::SIZE.get(devtab) + 1) << 12; }
    /// The exclusion range is on, and `address` in it.
    bool excluded(std::uint64_t address) const;
    bool guest_translation() const { return params_.has(feat::GT) && on(control::GT); }
    bool wide_irtes() const { return params_.has(feat::GA) && on(control::GA); }

    std::uint64_t devtab = 0, control = 0, excl_base = 0, excl_limit = 0, galog = 0, galog_tail = 0, ga_head = 0,
                  ga_tail = 0;
    std::uint64_t status = 0;  ///< what can be cleared; whether rings run follows from them
    Ring commands, events, pprs;
    std::uint32_t msi_cap = 0, msi_addr_lo = 0, msi_addr_hi = 0, msi_data = 0;
    std::uint64_t xt_evt = 0, xt_ppr = 0, xt_ga = 0;

private:
    Registers() = default;
    AmdParams params_;
};

}  // namespace xlate::iommu::amd
