// A threaded interrupt: the host side says that it came, a task of its own handles it.
// Source: Linux kernel/irq/manage.c, threaded handlers: one run at a time, a pulse during a run leads to another.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

class IrqThread {
public:
    /// `name`: the task's: "irq/34-arm-smmu-v3-evtq".
    IrqThread(Kernel& kernel, std::string name, unsigned cpu)
        : state_(std::make_shared<State>(State{kernel, std::move(name), cpu, {}, false, false, 0})) {}

    /// What the machine is to call, host side.
    std::function<void()> entry(std::function<void()> handler) {
        state_->handler = std::move(handler);
        return [state = state_] { raise(state); };
    }
    std::uint64_t count() const { return state_->count; }

private:
    struct State {
        Kernel& kernel;
        std::string name;
        unsigned cpu;
        std::function<void()> handler;
        bool running;
        bool again;
        std::uint64_t count;
    };
    static void raise(const std::shared_ptr<State>& state) {
        ++state->count;
        state->again = true;
        if (state->running) return;
        state->running = true;
        state->kernel.spawn(state->name, state->cpu, [state] {
            while (state->again) {
                state->again = false;
                state->handler();
            }
            state->running = false;
        });
    }
    std::shared_ptr<State> state_;
};

}  // namespace xlate::kernel
