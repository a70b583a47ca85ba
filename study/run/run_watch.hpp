// Looks on at a run, for tests and tools: the CPUs' register accesses and stores as they are made, and the kernel at
// its end. A run does not depend on whether it is watched.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "kernel-model/boot.hpp"
#include "kernel-model/clients/virtio_rng.hpp"
#include "kernel-model/core/machine.hpp"
#include "soc/soc.hpp"

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
class WatchedMachine final : public kernel::Machine {
public:
    WatchedMachine(kernel::Machine& machine, RunWatch& watch) : machine_(machine), watch_(watch) {}
    void task_ready(kernel::Task& task) override { machine_.task_ready(task); }
    void at_point(kernel::Task& task, const kernel::Point& point) override { machine_.at_point(task, point); }
    void task_blocked(kernel::Task& task) override { machine_.task_blocked(task); }
    void waitable_changed(const kernel::Waitable& what) override { machine_.waitable_changed(what); }
    void task_finished(kernel::Task& task) override { machine_.task_finished(task); }
    SimTime now() const override { return machine_.now(); }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        const std::uint64_t value = machine_.mmio_read(address, size);
        watch_.on_register(false, address, size, value);
        return value;
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        watch_.on_register(true, address, size, value);
        machine_.mmio_write(address, size, value);
    }
    void memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) override {
        machine_.memory_read(address, bytes, size);
    }
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override {
        watch_.on_store(address, bytes, size);
        machine_.memory_write(address, bytes, size);
    }
    void annotate(const kernel::Annotation& annotation) override { machine_.annotate(annotation); }
    void pass(SimTime time) override { machine_.pass(time); }
    void sleep(SimTime time) override { machine_.sleep(time); }
    kernel::TimerId set_timer(SimTime delay, std::function<void()> fire) override {
        return machine_.set_timer(delay, std::move(fire));
    }
    void cancel_timer(kernel::TimerId timer) override { machine_.cancel_timer(timer); }
    void connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler) override {
        machine_.connect_interrupt(device, std::move(name), std::move(handler));
    }
    void control_ats(const std::string& device, bool enable) override { machine_.control_ats(device, enable); }
    void start_master(const std::string& device, const kernel::DmaPlan& plan) override {
        machine_.start_master(device, plan);
    }
    void submit_dma(const std::string& device, Iova iova, std::uint64_t size, bool write,
                    std::function<void(bool ok)> done) override {
        machine_.submit_dma(device, iova, size, write, std::move(done));
    }

private:
    kernel::Machine& machine_;
    RunWatch& watch_;
};

}  // namespace xlate::study
