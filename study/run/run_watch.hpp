// Looks on at a run, for tests and tools: the CPUs' register accesses and stores as they are made, and the kernel at
// its end. A run does not depend on whether it is watched.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "kernel-model/boot.hpp"
#include "kernel-model/clients/virtio_rng.hpp"
#include "soc/soc.hpp"
#include "study/run/forwarding_machine.hpp"

namespace xlate::study {

class RunWatch {
public:
    virtual ~RunWatch() = default;
    virtual void on_start(const soc::Soc& /*soc*/) {}
    /// A read: with its value, after it.
    virtual void on_register(bool /*write*/, PhysAddr /*address*/, unsigned /*size*/, std::uint64_t /*value*/) {}
    /// A store of the CPUs to memory.
    virtual void on_store(PhysAddr /*address*/, const std::uint8_t* /*bytes*/, std::size_t /*size*/) {}
    /// Everything has ended and nothing is gone yet. `rng`: nullptr if the config has no virtio-mmio devices.
    virtual void on_end(const kernel::Kernel& /*kernel*/, const kernel::LinuxBoot& /*boot*/, const soc::Soc& /*soc*/,
                        const kernel::VirtioRng* /*rng*/) {}
};

/// A machine whose register accesses a watch hears of.
class WatchedMachine final : public ForwardingMachine {
public:
    WatchedMachine(kernel::Machine& machine, RunWatch& watch) : ForwardingMachine(machine), watch_(watch) {}
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        const std::uint64_t value = ForwardingMachine::mmio_read(address, size);
        watch_.on_register(false, address, size, value);
        return value;
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        watch_.on_register(true, address, size, value);
        ForwardingMachine::mmio_write(address, size, value);
    }
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override {
        watch_.on_store(address, bytes, size);
        ForwardingMachine::memory_write(address, bytes, size);
    }

private:
    RunWatch& watch_;
};

}  // namespace xlate::study
