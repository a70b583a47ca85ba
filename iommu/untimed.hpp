// An IOMMU without time: a register access reaches the instance, and then everything that the hardware does by itself
// has happened: every machine is stepped with memory served at once. For tests, fuzzing and the untimed machine of
// `explore`, behind whose registers a driver runs.
//   interrupts   on_wire is called at the end of settle(), on the caller's side; it may read and write registers
//   stalls       an access that stalls keeps its slot until software has answered; on_resumed then hears how it ended
// Owns its translation slots; instance and memory outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/memory_port.hpp"

namespace xlate::iommu {

class Untimed {
public:
    Untimed(Instance& instance, MemoryPort& memory);

    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const {
        return instance_.read_register(offset, size, bank);
    }
    /// Settles.
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0);
    /// Until the hardware has nothing left to do.
    void settle();

    /// Translates `request` to its end, and settles. The step is `done`, `fault` or `stalled`; it stays good until the
    /// next call of any function. Requests of which several stall at once need different ids. One that waited for room
    /// inside the hardware, or that a handler answered in on_wire, has ended when this returns; on_resumed heard it
    /// too.
    const Step& translate(const Request& request);
    std::size_t stalled() const { return stalled_.size(); }

    Instance& instance() { return instance_; }

    std::function<void(const WireSpec& wire)> on_wire;
    std::function<void(std::uint64_t id, const Step& step)> on_resumed;
    std::function<void(const MemoryAccess& access)> on_access;  ///< before each access of the hardware

private:
    struct Slot {
        std::uint64_t id = 0;
        std::unique_ptr<TranslationSlot> translation;
    };
    const Step& run_translation(TranslationSlot& translation);
    bool run_machine(unsigned index);
    bool run_outputs();
    bool once();
    bool resume();

    Instance& instance_;
    MemoryPort& memory_;
    std::unique_ptr<TranslationSlot> free_;
    std::vector<Slot> stalled_;
    Step last_;
    bool settling_ = false;
};

}  // namespace xlate::iommu
