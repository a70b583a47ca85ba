// Interrupt outputs: pulses on wires, and message-signalled writes waiting to go out.
// Every interrupt is a pulse; equal ones that nobody has taken yet merge. Source: sections 1.1, 1.3, 14.
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/smmuv3/registers.hpp"

namespace xlate::iommu::smmuv3 {

enum class Interrupt : std::uint8_t { gerror, eventq, priq, cmdq_sync };
constexpr const char* name(Interrupt interrupt) {
    constexpr const char* kNames[] = {"gerror", "eventq", "priq", "cmdq-sync"};
    return kNames[static_cast<unsigned>(interrupt)];
}

class Interrupts {
public:
    /// An interrupt condition of gerror, eventq or priq has come about. Nothing goes out unless IRQ_CTRL enables it.
    void raise(Interrupt source, const Registers& registers);
    /// SYNC completion: the wire only; IRQ_CTRL has no say.
    void pulse(Interrupt source) { wires_ |= bit(source); }
    std::optional<Interrupt> take();
    bool msi_pending() const { return messages_ != 0; }
    bool msi_pending(Interrupt source) const { return (messages_ & bit(source)) != 0; }
    /// The next message to write; stays pending until sent.
    std::optional<Interrupt> next_msi() const;
    void sent(Interrupt source) { messages_ = static_cast<std::uint8_t>(messages_ & ~bit(source)); }
    void clear() { wires_ = messages_ = 0; }

private:
    static constexpr std::uint8_t bit(Interrupt source) {
        return static_cast<std::uint8_t>(1U << static_cast<unsigned>(source));
    }
    std::uint8_t wires_ = 0;
    std::uint8_t messages_ = 0;
};

}  // namespace xlate::iommu::smmuv3
