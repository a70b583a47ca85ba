#include "kernel-model/core/report.hpp"

#include <algorithm>
#include <utility>

#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

std::string_view name(ReportKind kind) {
    switch (kind) {
        case ReportKind::null_dereference:
            return "null-dereference";
        case ReportKind::use_after_free:
            return "use-after-free";
        case ReportKind::double_free:
            return "double-free";
        case ReportKind::leak:
            return "leak";
        case ReportKind::data_race:
            return "data-race";
        case ReportKind::lock_inversion:
            return "lock-inversion";
        case ReportKind::self_deadlock:
            return "self-deadlock";
        case ReportKind::deadlock:
            return "deadlock";
        case ReportKind::lockdep_assert:
            return "lockdep-assert";
        case ReportKind::refcount_underflow:
            return "refcount-underflow";
        case ReportKind::warning:
            return "warning";
        case ReportKind::hung_task:
            return "hung-task";
        case ReportKind::bug:
            return "bug";
        case ReportKind::semantic:
            return "semantic";
    }
    return "?";
}

ReportPlace place_of(const Task* task, const char* step, const CallNode* stack) {
    ReportPlace place;
    if (step != nullptr) place.step = step;
    if (task == nullptr) return place;
    place.task = task->name;
    place.cpu = task->cpu;
    place.functions = call_stack(stack);
    return place;
}

ReportPlace place_of(const Task* task, const char* step) {
    return place_of(task, step, task != nullptr ? task->stack : nullptr);
}

std::string ReportPlace::text() const {
    std::string out = step.empty() ? "?" : step;
    if (!functions.empty()) out += " in " + functions.front();
    if (task.empty()) return out + ", outside of any task";
    return out + ", " + task + " on CPU " + std::to_string(cpu);
}

namespace {

std::string stack_text(const ReportPlace& place) {
    std::string out;
    for (const std::string& function : place.functions) out += " " + function + "\n";
    if (place.functions.empty() && !place.task.empty()) out += " (top of " + place.task + ")\n";
    return out;
}

std::string at_function(const ReportPlace& place) {
    const std::string function = place.function().empty() ? place.task : place.function();
    return function + (place.step.empty() ? "" : " (" + place.step + ")");
}

std::string title(const Report& report) {
    const std::string here = at_function(report.place);
    switch (report.kind) {
        case ReportKind::null_dereference:
            return "BUG: kernel NULL pointer dereference in " + here + ": " + report.what;
        case ReportKind::use_after_free:
            return "BUG: KASAN: use-after-free in " + here + ": " + report.what;
        case ReportKind::double_free:
            return "BUG: KASAN: double-free in " + here + " of " + report.what;
        case ReportKind::leak:
            return "kmemleak: unreferenced object " + report.what + " from " + here;
        case ReportKind::data_race:
            return "BUG: KCSAN: data-race in " + here + " / " + (report.other ? at_function(*report.other) : "?");
        case ReportKind::lock_inversion:
            return "WARNING: possible circular locking dependency detected: " + report.what;
        case ReportKind::self_deadlock:
            return "WARNING: possible recursive locking detected: " + report.what;
        case ReportKind::deadlock:
            return "INFO: deadlock: " + report.what;
        case ReportKind::lockdep_assert:
            return "WARNING: lockdep_assert_held(" + report.what + ") failed in " + here;
        case ReportKind::refcount_underflow:
            return "refcount_t: " + report.what + "; use-after-free. In " + here;
        case ReportKind::warning:
            return "WARNING: " + report.what + " in " + here;
        case ReportKind::hung_task:
            return "INFO: task " + report.place.task + " never finishes: " + report.what;
        case ReportKind::bug:
            return "kernel BUG " + report.what + " in " + here;
        case ReportKind::semantic:
            return "xlate: " + report.what;
    }
    return report.what;
}

}  // namespace

std::string Report::text() const {
    std::string out = title(*this) + "\n";
    if (kind == ReportKind::data_race) {
        out += what + " at " + place.text() + "\n" + stack_text(place);
        if (other) out += other->access + " before at " + other->text() + "\n" + stack_text(*other);
        if (!detail.empty()) out += detail + "\n";
    } else {
        if (!place.task.empty()) out += "at " + place.text() + "\nCall trace:\n" + stack_text(place);
        if (!detail.empty()) out += (allocated_by ? "Object: " : "") + detail + "\n";
        if (other) out += "The other order: " + other->text() + "\n" + stack_text(*other);
    }
    if (allocated_by && kind != ReportKind::leak) {
        out += "Allocated at " + allocated_by->text() + "\n" + stack_text(*allocated_by);
    }
    if (freed_by) out += "Freed at " + freed_by->text() + "\n" + stack_text(*freed_by);
    if (!place.task.empty() && kind != ReportKind::leak) {
        out += std::to_string(locks_held.size()) + " locks held by " + place.task + (locks_held.empty() ? "\n" : ":\n");
        for (const std::string& lock : locks_held) out += " " + lock + "\n";
    }
    return out;
}

std::string Report::headline() const {
    std::string out = std::string(name(kind)) + ": " + what;
    if (kind == ReportKind::semantic) return out;
    if (!place.step.empty()) out += " at " + place.step;
    if (!place.functions.empty()) out += " in " + place.functions.front();
    if (other) out += " / " + other->step + " in " + other->function();
    return out;
}

std::string Report::group_key() const {
    const auto side = [](const ReportPlace& p) { return p.step + "@" + p.function(); };
    const std::string head = std::string(name(kind)) + "|";
    const std::string here = side(place);
    switch (kind) {
        case ReportKind::data_race: {  // the same race, whoever came second
            std::string field = what;
            for (const std::string_view access : {"write of ", "read of "}) {
                if (field.rfind(access, 0) == 0) field.erase(0, access.size());
            }
            std::string a = here + "|" + place.task;
            std::string b = other ? side(*other) + "|" + other->task : "";
            if (b < a) std::swap(a, b);
            return head + field + "|" + a + "|" + b;
        }
        case ReportKind::null_dereference:
        case ReportKind::use_after_free:
        case ReportKind::double_free:
            // Which of an object's fields was touched first is chance: the place is what is wrong.
            return head + here + "|" + place.task + "|" + (freed_by ? freed_by->task : "");
        default:
            return head + what + "|" + here + "|" + place.task;
    }
}

std::size_t Reports::count(ReportKind kind) const {
    return static_cast<std::size_t>(
        std::count_if(all_.begin(), all_.end(), [&](const Report& report) { return report.kind == kind; }));
}

std::size_t Reports::add(Report report) {
    const Task* task = kernel_.sched.current_or_null();
    if (report.place.task.empty() && report.place.step.empty()) {
        report.place = place_of(task, task != nullptr ? task->pending.step : "");
    }
    if (report.kind == ReportKind::warning || report.kind == ReportKind::lock_inversion ||
        report.kind == ReportKind::lockdep_assert || report.kind == ReportKind::semantic) {
        for (std::size_t i = 0; i < all_.size(); ++i) {
            if (all_[i].kind == report.kind && all_[i].what == report.what && all_[i].place.step == report.place.step &&
                all_[i].device == report.device) {
                return i;
            }
        }
    }
    if (task != nullptr && report.kind != ReportKind::leak) {
        for (const HeldLock& held : task->held) {
            report.locks_held.push_back(held.lock->waitable_name() + " (taken at " + held.step + ")");
        }
    }
    report.time = kernel_.now();
    // Not "later in time": two steps that do not depend on each other have no order that matters.
    report.after_crash = crashed_ && report.kind == ReportKind::hung_task;
    all_.push_back(std::move(report));
    const Report& added = all_.back();
    if (kernel_.console.enabled) {
        std::string text = added.text();
        std::size_t begin = 0;
        for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
            kernel_.console.print(LogLevel::err, "", std::string_view(text).substr(begin, end - begin));
            begin = end + 1;
        }
    }
    if (on_report) on_report(added);
    return all_.size() - 1;
}

void Reports::warn(std::string what, const char* step) {
    Report report;
    report.kind = ReportKind::warning;
    report.what = std::move(what);
    report.place = place_of(kernel_.sched.current_or_null(), step);
    add(std::move(report));
}

void Reports::semantic(std::string what, std::string device) {
    Report report;
    report.kind = ReportKind::semantic;
    report.what = std::move(what);
    report.device = std::move(device);
    add(std::move(report));
}

void Reports::oops(Report report) {
    const std::size_t index = add(std::move(report));
    crashed_ = true;
    if (kernel_.sched.drops_crashed && kernel_.sched.in_task()) kernel_.sched.crash_current();
    throw Oops{index};
}

bool Reports::first_race(const char* field, const char* step, const char* other_step) {
    for (const SeenRace& seen : races_) {
        if (seen.field == field && seen.step == step && seen.other_step == other_step) return false;
    }
    races_.push_back({field, step, other_step});
    return true;
}

}  // namespace xlate::kernel
