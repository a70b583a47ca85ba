#include "iommu/smmuv3/interrupts.hpp"

namespace xlate::iommu::smmuv3 {

void Interrupts::raise(Interrupt source, const Registers& registers) {
    Field enable = irq_ctrl::GERROR_IRQEN;
    const IrqConfig* config = &registers.gerror_irq;
    if (source == Interrupt::eventq) {
        enable = irq_ctrl::EVENTQ_IRQEN;
        config = &registers.eventq_irq;
    } else if (source == Interrupt::priq) {
        enable = irq_ctrl::PRIQ_IRQEN;
        config = &registers.priq_irq;
    }
    if (!enable.test(registers.irq_ctrlack)) return;
    pulse(source);
    if (config->address != 0) messages_ = static_cast<std::uint8_t>(messages_ | bit(source));
}

std::optional<Interrupt> Interrupts::take() {
    for (unsigned i = 0; i < 4; ++i) {
        const auto source = static_cast<Interrupt>(i);
        if ((wires_ & bit(source)) == 0) continue;
        wires_ = static_cast<std::uint8_t>(wires_ & ~bit(source));
        return source;
    }
    return std::nullopt;
}

std::optional<Interrupt> Interrupts::next_msi() const {
    for (unsigned i = 0; i < 3; ++i) {
        const auto source = static_cast<Interrupt>(i);
        if ((messages_ & bit(source)) != 0) return source;
    }
    return std::nullopt;
}

}  // namespace xlate::iommu::smmuv3
