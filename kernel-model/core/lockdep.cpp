// Lock classes: order, recursion, cycles of owners.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/core/lock.hpp"

namespace xlate::kernel {

unsigned Lockdep::class_of(const char* lock_class) {
    for (std::size_t i = 0; i < classes_.size(); ++i) {
        if (classes_[i].name == lock_class || std::strcmp(classes_[i].name, lock_class) == 0) {
            return static_cast<unsigned>(i);
        }
    }
    classes_.push_back({lock_class, 0, 0, {}, 0, {}, {}, {}});
    return static_cast<unsigned>(classes_.size() - 1);
}

std::vector<Lockdep::ClassStats> Lockdep::statistics() const {
    std::vector<ClassStats> all;
    for (const LockClass& entry : classes_) {
        if (entry.acquired == 0) continue;
        const SimTime held{kernel_.timed ? entry.held.until(kernel_.now()) : 0};
        all.push_back({entry.name, entry.acquired, entry.contended, entry.wait, held});
    }
    return all;
}

std::vector<Lockdep::ClassUse> Lockdep::uses() const {
    std::vector<ClassUse> all;
    if (!kernel_.timed) return all;
    const SimTime now = kernel_.now();
    all.reserve(classes_.size());
    for (const LockClass& entry : classes_) {
        all.push_back(
            {entry.name, entry.locks, entry.held.until(now), entry.doors.until(now), entry.waiters.until(now)});
    }
    return all;
}

void Lockdep::count_held(unsigned class_index, int change) {
    if (kernel_.timed) classes_[class_index].held.change(change, kernel_.now());
}
void Lockdep::count_door(unsigned class_index, int change) {
    if (kernel_.timed) classes_[class_index].doors.change(change, kernel_.now());
}
void Lockdep::count_waiter(unsigned class_index, int change) {
    if (kernel_.timed) classes_[class_index].waiters.change(change, kernel_.now());
}

void Lockdep::count(unsigned class_index, bool contended, SimTime wait) {
    LockClass& entry = classes_[class_index];
    ++entry.acquired;
    if (contended) ++entry.contended;
    entry.wait += wait;
}

std::string Lockdep::order_name(unsigned order_class) const {
    std::string text = classes_[order_class / kSubclasses].name;
    if (order_class % kSubclasses != 0) text += "/" + std::to_string(order_class % kSubclasses);
    return text;
}

const Lockdep::Edge* Lockdep::path(unsigned from, unsigned to) const {
    // Breadth first; remembers by which first edge each class was reached.
    struct Reached {
        unsigned at;
        const Edge* first;
    };
    std::vector<Reached> reached;
    for (const Edge& edge : edges_) {
        if (edge.from == from) reached.push_back({edge.to, &edge});
    }
    for (std::size_t i = 0; i < reached.size(); ++i) {
        if (reached[i].at == to) return reached[i].first;
        for (const Edge& edge : edges_) {
            const bool known =
                std::any_of(reached.begin(), reached.end(), [&](const Reached& one) { return one.at == edge.to; });
            if (edge.from == reached[i].at && !known) reached.push_back({edge.to, reached[i].first});
        }
    }
    return nullptr;
}

void Lockdep::check_acquire(Task& task, const LockBase& lock, unsigned class_index, unsigned subclass, bool validate,
                            const char* step, bool hopeless) {
    const unsigned wanted = order_class(class_index, subclass);
    if (hopeless) {
        Report report;
        report.kind = ReportKind::self_deadlock;
        report.what = lock.waitable_name();
        report.detail = task.name + " already holds it and waits for itself";
        report.place = place_of(&task, step);
        kernel_.reports.add(std::move(report));
        return;
    }
    if (!validate) return;
    for (const HeldLock& held : task.held) {
        if (!held.validated) continue;
        const unsigned from = held.order_class;
        if (from == wanted) {
            if (held.shared && held.lock == &lock) continue;  // a reader that comes again
            Report report;
            report.kind = ReportKind::lock_inversion;
            report.what = order_name(from) + " -> " + order_name(wanted);
            report.detail = "two locks of one class are taken without an order between them";
            report.place = place_of(&task, step);
            kernel_.reports.add(std::move(report));
            continue;
        }
        const bool known = std::any_of(edges_.begin(), edges_.end(),
                                       [&](const Edge& edge) { return edge.from == from && edge.to == wanted; });
        if (known) continue;
        if (const Edge* back = path(wanted, from)) {
            Report report;
            report.kind = ReportKind::lock_inversion;
            report.what = order_name(from) + " -> " + order_name(wanted);
            report.detail = "but " + order_name(back->from) + " -> " + order_name(back->to) + " was seen before";
            report.place = place_of(&task, step);
            report.other = place_of(back->task, back->step, back->stack);
            kernel_.reports.add(std::move(report));
        }
        edges_.push_back({from, wanted, &task, task.stack, step});
    }
}

void Lockdep::check_may_sleep(const Task& task, const char* step) {
    for (const HeldLock& held : task.held) {
        if (!held.spins) continue;
        kernel_.reports.warn(
            "sleeping function called from invalid context (" + std::string(held.lock_class) + " held)", step);
        return;
    }
}

bool Lockdep::report_deadlock(const Task& task) {
    std::vector<const Task*> chain{&task};
    for (;;) {
        const Waitable* wanted = chain.back()->waits_for;
        const Task* next = wanted != nullptr ? wanted->blocker() : nullptr;
        if (next == nullptr) return false;
        const auto seen = std::find(chain.begin(), chain.end(), next);
        if (seen == chain.end()) {
            chain.push_back(next);
            continue;
        }
        if (seen != chain.begin()) return false;  // a cycle, but not through this task: its members report it
        break;
    }
    if (chain.size() == 1) return true;  // waits for itself: reported when it asked
    // The same cycle for every member: start at the task of the lowest id.
    std::rotate(
        chain.begin(),
        std::min_element(chain.begin(), chain.end(), [](const Task* a, const Task* b) { return a->id < b->id; }),
        chain.end());
    Report report;
    report.kind = ReportKind::deadlock;
    for (const Task* member : chain) {
        report.what += (report.what.empty() ? "" : ", ") + member->name + " waits for " +
                       member->waits_for->waitable_name() + " at " + member->pending.step;
    }
    for (const Report& earlier : kernel_.reports.all()) {
        if (earlier.kind == ReportKind::deadlock && earlier.what == report.what) return true;
    }
    report.place = place_of(chain[0], chain[0]->pending.step);
    report.other = place_of(chain[1], chain[1]->pending.step);
    kernel_.reports.add(std::move(report));
    return true;
}

}  // namespace xlate::kernel
