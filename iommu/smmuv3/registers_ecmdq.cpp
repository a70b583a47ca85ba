// Registers of enhanced command queues: control pages as page 0 describes them, and the queues in them.
// Source: IHI 0070 sections 3.5.6, 6.2.5, 6.3.49 to 6.3.51, 6.3.107 to 6.3.109.
#include <algorithm>

#include "iommu/smmuv3/registers.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

constexpr std::uint32_t kPointerBits = 0x000FFFFFU;
constexpr std::uint64_t kBaseBits = queue_base::RA.mask() | low_mask(52);

/// `size` bytes at `offset` of a register that begins at `start`.
std::uint64_t part(std::uint64_t whole, std::uint32_t offset, std::uint32_t start, unsigned size) {
    const std::uint64_t shifted = whole >> (8 * (offset - start));
    return size == 8 ? shifted : shifted & low_mask(32);
}

}  // namespace

bool Registers::any_ecmdq_on() const {
    return std::any_of(ecmdqs.begin(), ecmdqs.end(), [](const EcmdqRegisters& queue) { return !queue.off(); });
}

/// Where the control pages are; every page is always enabled.
std::optional<std::uint64_t> Registers::read_control_page(std::uint32_t offset, unsigned size) const {
    if (ecmdqs.empty() || offset < reg::CMDQ_CONTROL_PAGE_BASE) return std::nullopt;
    const std::uint32_t page = (offset - reg::CMDQ_CONTROL_PAGE_BASE) / reg::kControlPageStride;
    if (page >= std::uint32_t{1} << idr6::CMDQ_CONTROL_PAGE_LOG2NUMP.get(idr6)) return std::nullopt;
    const std::uint32_t within = (offset - reg::CMDQ_CONTROL_PAGE_BASE) % reg::kControlPageStride;
    const RegSpec* row = find_register(kControlPageRegisters, reg::CMDQ_CONTROL_PAGE_BASE + within);
    if (row == nullptr || size > row->size) return std::nullopt;
    if (row->offset != reg::CMDQ_CONTROL_PAGE_BASE) return row->reset;
    namespace base = cmdq_control_page_base;
    const std::uint64_t address = kControlPages + std::uint64_t{page} * kControlPageBytes;
    return part(address | base::CMDQGS.of(base::CMDQGS_64K) | base::PRESET.of(1), within, 0, size);
}

/// ecmdqs.size(): there is none.
std::size_t Registers::ecmdq_index(std::uint32_t offset) const {
    return std::min<std::size_t>((offset - kControlPages) >> ecmdq_shift_, ecmdqs.size());
}

std::uint64_t Registers::read_ecmdq(std::uint32_t offset, unsigned size) const {
    const std::size_t index = ecmdq_index(offset);
    const auto within = (offset - kControlPages) & static_cast<std::uint32_t>(low_mask(ecmdq_shift_));
    const RegSpec* row = find_register(kEcmdqRegisters, within);
    if (index == ecmdqs.size() || row == nullptr || size > row->size) return 0;
    const EcmdqRegisters& queue = ecmdqs[index];
    switch (row->offset) {
        case reg::ECMDQ_BASE:
            return part(queue.base, within, row->offset, size);
        case reg::ECMDQ_PROD:
            return (queue.prod & queue.mask()) | ecmdq_prod::ERRACK.of(queue.errack ? 1 : 0) |
                   ecmdq_prod::EN.of(queue.en ? 1 : 0);
        default:
            return (queue.cons & queue.mask()) | ecmdq_cons::ERR.of(queue.err ? 1 : 0) |
                   ecmdq_cons::ERR_REASON.of(queue.err_reason) | ecmdq_cons::ENACK.of(queue.enack ? 1 : 0);
    }
}

void Registers::write_ecmdq(std::uint32_t offset, unsigned size, std::uint64_t value) {
    const std::size_t index = ecmdq_index(offset);
    const auto within = (offset - kControlPages) & static_cast<std::uint32_t>(low_mask(ecmdq_shift_));
    const RegSpec* row = find_register(kEcmdqRegisters, within);
    if (index == ecmdqs.size() || row == nullptr || size > row->size) {
        ++ignored_writes;
        return;
    }
    EcmdqRegisters& queue = ecmdqs[index];
    // The base and CONS are software's while the queue is off; PROD also while it is on, but not between.
    if (row->offset == reg::ECMDQ_PROD ? queue.en != queue.enack : !queue.off()) {
        ++ignored_writes;
        return;
    }
    switch (row->offset) {
        case reg::ECMDQ_BASE: {
            const Field half{within == row->offset ? 0U : 32U, 32};
            queue.base = (size == 8 ? value : half.set(queue.base, value & low_mask(32))) & kBaseBits;
            return;
        }
        case reg::ECMDQ_PROD:
            queue.prod = static_cast<std::uint32_t>(value) & kPointerBits;
            queue.errack = ecmdq_prod::ERRACK.test(value);
            queue.en = ecmdq_prod::EN.test(value);
            return;
        default:
            queue.cons = static_cast<std::uint32_t>(value) & kPointerBits;
            queue.err = ecmdq_cons::ERR.test(value);
            queue.err_reason = static_cast<std::uint8_t>(ecmdq_cons::ERR_REASON.get(value));
            return;
    }
}

}  // namespace xlate::iommu::smmuv3
