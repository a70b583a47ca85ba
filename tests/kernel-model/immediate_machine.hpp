// The simplest machine: tasks run first in, first out, each until it blocks or ends; time stands still but for
// what tasks spend; registers read as what was written, or have an engine behind; memory is a map.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "tests/kernel-model/engines.hpp"

namespace xlate::kernel::tests {

class ImmediateMachine : public Machine {
public:
    /// Runs everything that can run; then timers, earliest first, until nothing is left.
    void run(Scheduler& scheduler) {
        for (;;) {
            while (!ready_.empty()) {
                Task& task = *ready_.front();
                ready_.pop_front();
                scheduler.resume(task);
            }
            if (!fire_timers || timers_.empty()) return;
            const auto next = timers_.begin();
            if (time_ < next->first.first) time_ = next->first.first;
            auto fire = std::move(next->second);
            timers_.erase(next);
            fire();
        }
    }
    bool fire_timers = true;

    void task_ready(Task& task) override { ready_.push_back(&task); }
    void at_point(Task& task, const Point& point) override {
        if (on_point) on_point(task, point);
    }
    /// For tests that interleave by hand; may call Scheduler::suspend (then task_ready puts it back).
    std::function<void(Task&, const Point&)> on_point;

    SimTime now() const override { return time_; }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        std::uint64_t value = 0;
        return engines.read(address, size, value) ? value : registers[address.value];
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        if (!engines.write(address, size, value)) registers[address.value] = value;
    }
    void memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) override {
        for (std::size_t i = 0; i < size; ++i) bytes[i] = memory[address.value + i];
    }
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override {
        for (std::size_t i = 0; i < size; ++i) memory[address.value + i] = bytes[i];
    }
    void pass(SimTime time) override { time_ += time; }
    void sleep(SimTime time) override { time_ += time; }
    TimerId set_timer(SimTime delay, std::function<void()> fire) override {
        const std::uint64_t id = ++timer_count_;
        timers_[{time_ + delay, id}] = std::move(fire);
        return TimerId{id};
    }
    void cancel_timer(TimerId timer) override {
        for (auto it = timers_.begin(); it != timers_.end(); ++it) {
            if (TimerId{it->first.second} == timer) {
                timers_.erase(it);
                return;
            }
        }
    }
    void connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler) override {
        interrupts[{device, std::move(name)}] = std::move(handler);
    }
    void start_master(const std::string& device, const DmaPlan& plan) override { masters.emplace_back(device, plan); }
    void submit_dma(const std::string&, Iova, std::uint64_t, bool, std::function<void(bool)> done) override {
        set_timer(us(1), [done = std::move(done)] { done(true); });
    }

    std::map<std::uint64_t, std::uint64_t> registers;
    std::map<std::uint64_t, std::uint8_t> memory;
    std::map<std::pair<firmware::NodeIndex, std::string>, std::function<void()>> interrupts;
    std::vector<std::pair<std::string, DmaPlan>> masters;
    Engines engines{memory, interrupts};  ///< none at first

private:
    std::deque<Task*> ready_;
    SimTime time_{};
    std::uint64_t timer_count_ = 0;
    std::map<std::pair<SimTime, std::uint64_t>, std::function<void()>> timers_;
};

}  // namespace xlate::kernel::tests
