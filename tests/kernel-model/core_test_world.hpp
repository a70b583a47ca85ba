// A kernel on the immediate machine, and an object with shared fields to play with.
#pragma once

#include <string>

#include "kernel-model/core/kernel.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

namespace xlate::kernel::tests {

struct Node : HeapObject {
    explicit Node(Kernel& kernel)
        : HeapObject(kernel, "node"), next(*this, "node->next"), value(*this, "node->value") {}
    Shared<Ptr<Node>> next;
    Shared<int> value;
    int plain = 0;
};

struct World {
    explicit World(std::string variant_name = "base") : variant(find_variant(variant_name)), k(machine, variant) {}
    Variant variant;
    ImmediateMachine machine;
    Kernel k;
    void run() {
        machine.run(k.sched);
        k.finish();
    }
    /// Lets the running task go to the end of the queue.
    void yield() {
        Task& task = k.sched.current();
        machine.task_ready(task);
        k.sched.suspend();
    }
    /// The kinds reported, in order.
    std::vector<ReportKind> kinds() const {
        std::vector<ReportKind> all;
        for (const Report& report : k.reports.all()) all.push_back(report.kind);
        return all;
    }
};

}  // namespace xlate::kernel::tests
