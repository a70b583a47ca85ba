#include "kernel-model/drivers/freed_tables.hpp"

#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

void followed_freed_tables(Kernel& kernel, const char* what) {
    Report report;
    report.kind = ReportKind::use_after_free;
    report.what = std::string("use of ") + what;
    const Task* task = kernel.sched.current_or_null();
    report.place = place_of(task, task != nullptr ? task->pending.step : "");
    kernel.reports.oops(std::move(report));
}

}  // namespace xlate::kernel
