// A machine in front of another one, that does the same: for those that change or watch a part of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "kernel-model/core/machine.hpp"

namespace xlate::study {

class ForwardingMachine : public kernel::Machine {
public:
    /// `machine` outlives it.
    explicit ForwardingMachine(kernel::Machine& machine) : machine_(machine) {}
    void task_ready(kernel::Task& task) override { machine_.task_ready(task); }
    void at_point(kernel::Task& task, const kernel::Point& point) override { machine_.at_point(task, point); }
    void task_blocked(kernel::Task& task) override { machine_.task_blocked(task); }
    void waitable_changed(const kernel::Waitable& what) override { machine_.waitable_changed(what); }
    void task_finished(kernel::Task& task) override { machine_.task_finished(task); }
    SimTime now() const override { return machine_.now(); }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override { return machine_.mmio_read(address, size); }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        machine_.mmio_write(address, size, value);
    }
    void memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) override {
        machine_.memory_read(address, bytes, size);
    }
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override {
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
    std::uint32_t iommu_capability(firmware::NodeIndex iommu, unsigned offset) override {
        return machine_.iommu_capability(iommu, offset);
    }
    void start_master(const std::string& device, const kernel::DmaPlan& plan) override {
        machine_.start_master(device, plan);
    }
    void submit_dma(const std::string& device, Iova iova, std::uint64_t size, bool write,
                    std::function<void(bool ok)> done) override {
        machine_.submit_dma(device, iova, size, write, std::move(done));
    }
    void send_message(const std::string& device, Iova address, std::function<void(bool ok)> done) override {
        machine_.send_message(device, address, std::move(done));
    }

protected:
    kernel::Machine& machine_;
};

}  // namespace xlate::study
