// The registers of a RISC-V IOMMU: rows for what there is, their contents, and writes that have no further effect.
// Effects are the Iommu's (iommu.cpp). Source: docs/spec/iommu-hardware.md section 9; specification chapter 6.
#pragma once

#include <array>
#include <cstdint>

#include "base/registers.hpp"
#include "base/span.hpp"
#include "iommu/riscv/layout.hpp"
#include "iommu/riscv/parameters.hpp"

namespace xlate::iommu::riscv {

/// A register, or an array of equal ones `stride` bytes apart.
struct RegRow {
    RegSpec first;
    std::uint16_t count = 1;
    std::uint16_t stride = 8;
};
/// In order of offset; those of the MSI table, whose arrays interleave, stand last.
Span<RegRow> register_rows();
/// The row with a register at `offset`, or nullptr.
const RegRow* find_row(std::uint32_t offset);

/// One in-memory queue. The command queue's tail and the others' heads are software's.
struct Queue {
    std::uint64_t base = 0;
    std::uint32_t head = 0, tail = 0;
    bool enabled = false;      ///< en
    bool on = false;           ///< on; differs from `enabled` while busy
    bool interrupts = false;   ///< ie
    std::uint32_t errors = 0;  ///< mf, of / to, ill, fence_w_ip: bits of the csr in place

    std::uint32_t mask() const {
        return static_cast<std::uint32_t>(low_mask(static_cast<unsigned>(queue_base::LOG2SZ.get(base)) + 1));
    }
    bool busy() const { return enabled != on; }
    bool active() const { return enabled && on; }
    bool error(Field bit) const { return bit.test(errors); }
    void raise(Field bit) { errors |= static_cast<std::uint32_t>(bit.mask()); }
    bool empty() const { return head == tail; }
    std::uint32_t next(std::uint32_t index) const { return (index + 1) & mask(); }
    std::uint64_t address(std::uint32_t index, std::uint32_t bytes) const {
        return (queue_base::PPN.get(base) << kPageBits) | std::uint64_t{index} * bytes;
    }
    std::uint32_t csr() const;
};

struct MsiVector {
    std::uint64_t address = 0;
    std::uint32_t data = 0;
    bool masked = false;
};

class Registers {
public:
    explicit Registers(const RiscvParams& params) : params_(params) { reset(); }
    void reset();
    /// The whole register that holds `offset`, which is its first byte.
    std::uint64_t read(std::uint32_t offset) const;
    /// False: not a register that is plain storage.
    bool write_plain(std::uint32_t offset, std::uint64_t value);

    std::uint64_t ddtp_mode() const { return ddtp::MODE.get(ddtp); }
    bool wired() const { return fctl::WSI.test(fctl); }
    bool big_endian() const { return fctl::BE.test(fctl); }
    bool gxl() const { return fctl::GXL.test(fctl); }

    std::uint32_t fctl = 0;
    std::uint64_t ddtp = 0;       ///< without BUSY: what is in effect
    std::uint64_t ddtp_next = 0;  ///< written, not in effect yet
    bool ddtp_busy = false;
    Queue cq, fq, pq;
    std::uint32_t ipsr = 0;
    std::uint32_t iocntinh = 0;
    std::uint64_t iohpmcycles = 0;
    std::array<std::uint64_t, kHpmCounters> iohpmctr{}, iohpmevt{};
    std::uint64_t tr_req_iova = 0, tr_req_ctl = 0, tr_response = 0;
    std::uint32_t qosid = 0;
    std::uint64_t icvec = 0;
    std::array<MsiVector, kVectors> msi{};

private:
    Registers() = default;
    std::uint32_t iocntovf() const;
    bool write_hpm(std::uint32_t offset, std::uint64_t value);
    bool write_msi(std::uint32_t offset, std::uint64_t value);

    RiscvParams params_;
};

}  // namespace xlate::iommu::riscv
