// The register file: values, what a write may change and when. Effects that take time are the Smmu's.
// Source: docs/spec/iommu-hardware.md section 1.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/parameters.hpp"

namespace xlate::iommu::smmuv3 {

struct IrqConfig {
    std::uint64_t address = 0;  ///< CFG0; 0: no MSI
    std::uint32_t data = 0;
    std::uint32_t attributes = 0;
};

/// One queue's registers. Index and wrap are compared under LOG2SIZE.
struct QueueRegisters {
    std::uint64_t base = 0;
    std::uint32_t prod = 0;
    std::uint32_t cons = 0;
    std::uint8_t max_log2 = 0;  ///< from IDR1

    unsigned log2_size() const {
        const auto written = static_cast<unsigned>(queue_base::LOG2SIZE.get(base));
        return written < max_log2 ? written : max_log2;
    }
    std::uint32_t mask() const { return static_cast<std::uint32_t>(low_mask(log2_size() + 1)); }
    std::uint32_t index(std::uint32_t pointer) const { return pointer & (mask() >> 1); }
    bool empty() const { return ((prod ^ cons) & mask()) == 0; }
    bool full() const { return ((prod ^ cons) & mask()) == (mask() >> 1) + 1; }
    /// More entries than the queue has: software's error; treated as stopped.
    bool inconsistent() const { return ((prod - cons) & mask()) > (mask() >> 1) + 1; }
    std::uint32_t next(std::uint32_t pointer) const { return (pointer & ~mask()) | ((pointer + 1) & mask()); }
    /// Base address bits below max(32 B, queue bytes) are treated as zero.
    std::uint64_t address(std::uint32_t pointer, std::uint32_t entry_bytes) const {
        const std::uint64_t bytes = std::uint64_t{entry_bytes} << log2_size();
        const std::uint64_t start = align_down(keep(base, 51, 5), bytes < 32 ? 32 : bytes);
        return start + std::uint64_t{index(pointer)} * entry_bytes;
    }
};

/// An enhanced command queue. On: en and enack; off: neither; between: as CR0.CMDQEN.
struct EcmdqRegisters : QueueRegisters {
    bool en = false, enack = false;
    bool errack = false, err = false;
    std::uint8_t err_reason = 0;

    bool error_active() const { return err != errack; }
    bool off() const { return !en && !enack; }
};

class Registers {
public:
    explicit Registers(const SmmuParams& params);
    void reset(const SmmuParams& params);

    std::uint64_t read(std::uint32_t offset, unsigned size) const;
    void write(std::uint32_t offset, unsigned size, std::uint64_t value);

    /// True while software has not acknowledged this error.
    bool error_active(Field error) const { return ((gerror ^ gerrorn) & error.mask()) != 0; }
    /// Makes an error active; false if it was already.
    bool raise(Field error) {
        if (error_active(error)) return false;
        gerror ^= static_cast<std::uint32_t>(error.mask());
        return true;
    }
    bool enabled(Field bit) const { return bit.test(cr0ack); }  ///< a CR0 bit that has taken effect

    std::array<std::uint32_t, 8> id{};  ///< IDR0..IDR5, IIDR, AIDR
    std::uint32_t idr6 = 0;
    std::uint32_t cr0 = 0, cr0ack = 0, cr1 = 0, cr2 = 0, gbpa = 0, gbpa_effective = 0, irq_ctrl = 0, irq_ctrlack = 0,
                  gerror = 0, gerrorn = 0;
    IrqConfig gerror_irq, eventq_irq, priq_irq;
    std::uint64_t strtab_base = 0;
    std::uint32_t strtab_base_cfg = 0;
    QueueRegisters cmdq, eventq, priq;
    std::vector<EcmdqRegisters> ecmdqs;  ///< those of the first control page first
    std::uint32_t gatos_ctrl = 0;
    std::uint64_t gatos_sid = 0, gatos_addr = 0, gatos_par = 0;
    std::array<std::uint64_t, kRegisters.size()> stored{};  ///< registers that are only kept, by row
    std::uint64_t ignored_writes = 0;                       ///< writes that the rules forbid at that time

private:
    Registers() = default;
    void write_whole(const RegSpec& row, std::uint64_t value);
    std::uint64_t read_whole(const RegSpec& row) const;
    std::optional<std::uint64_t> read_control_page(std::uint32_t offset, unsigned size) const;
    std::uint64_t read_ecmdq(std::uint32_t offset, unsigned size) const;
    void write_ecmdq(std::uint32_t offset, unsigned size, std::uint64_t value);
    std::size_t ecmdq_index(std::uint32_t offset) const;
    bool any_ecmdq_on() const;
    std::uint32_t cr0_implemented_ = 0;
    std::uint32_t irq_ctrl_implemented_ = 0;
    std::uint32_t gerror_implemented_ = 0;
    unsigned ecmdq_shift_ = 16;  ///< log2 bytes from one queue's registers to the next one's
    bool hyp_ = false, btm_ = false, atsrecerr_ = false, msi_ = false, pri_ = false, atos_ = false;
};

}  // namespace xlate::iommu::smmuv3
