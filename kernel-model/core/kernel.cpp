#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

Kernel::Kernel(Machine& the_machine, const Variant& the_variant, Workspace* the_workspace)
    : own_workspace_(the_workspace == nullptr ? std::make_unique<Workspace>() : nullptr),
      workspace_(the_workspace == nullptr ? *own_workspace_ : *the_workspace),
      machine(the_machine),
      variant(the_variant),
      console(*this),
      reports(*this),
      sched(*this, the_machine, workspace_.stacks, workspace_.calls),
      heap(*this, workspace_.arena),
      lockdep(*this) {}

Kernel::~Kernel() {
    sched.kill_all();
    heap.destroy_all();
    workspace_.arena.reset();
}

void Kernel::finish() {
    for (const auto& task : sched.tasks()) {
        if (!task->alive() || task->may_wait_forever) continue;
        if (lockdep.report_deadlock(*task)) continue;
        Report report;
        report.kind = ReportKind::hung_task;
        report.what = task->waits_for != nullptr ? "waits for " + task->waits_for->waitable_name()
                                                 : "blocked on " + std::string(task->blocked_on);
        // Whoever waits, over any number of others, for a task that is dead, in a deadlock or waits for itself
        // only suffers from that report.
        const Task* other = task.get();
        for (std::size_t i = 0; i < sched.tasks().size() && other != nullptr; ++i) {
            other = other->waits_for != nullptr ? other->waits_for->blocker() : nullptr;
            if (other == nullptr || other->alive()) continue;
            report.detail = "its owner " + other->name + " is gone";
            break;
        }
        const bool explained = other != nullptr;  // a chain that ends with the dead, or never ends: a cycle of others
        report.place = place_of(task.get(), task->pending.step);
        if (explained && !reports.crashed() && reports.count(ReportKind::deadlock) != 0) continue;
        if (explained && !reports.crashed() && reports.count(ReportKind::self_deadlock) != 0) continue;
        reports.add(std::move(report));
    }
    heap.check_leaks();
}

CallNode* called_first_time(Kernel& kernel, Task& task, const char* function) {
    // Linux's stacks on 64-bit machines have 16 KiB: 128 frames of 128 bytes.
    constexpr std::uint32_t kMostCalls = 128;
    if (task.stack->depth >= kMostCalls) {
        Report report;
        report.kind = ReportKind::bug;
        report.what = "kernel stack overflow";
        report.detail = "functions that call each other without end";
        report.place = place_of(&task, task.pending.step);
        kernel.reports.oops(std::move(report));
    }
    return kernel.workspace().calls.add(task.stack, function);
}

}  // namespace xlate::kernel
