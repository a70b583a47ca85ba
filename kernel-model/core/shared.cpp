#include "kernel-model/core/shared.hpp"

#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

namespace {

constexpr unsigned kLastField = (1U << kFieldBits) - 1;

/// True if `task` has not seen what the other task did at `time` of its own clock.
bool unordered(const Task& task, const Task& other, std::uint32_t time) {
    return &task != &other && task.clock.at(other.slot) < time;
}

}  // namespace

inline void SharedBase::Access::set(const Task& by, const char* at_step, bool is_marked) {
    stack = by.stack;
    step = at_step;
    time = by.clock.at(by.slot);
    who = ((by.id + 1) << 1) | (is_marked ? 1U : 0U);
}

SharedBase::SharedBase(HeapObject& owner, const char* field, bool points) : owner_(&owner), field_(field) {
    if (owner.fields_ < kLastField)
        ++owner.fields_;  // very large objects share the last number: more conflicts, never fewer
    resource_ = owner.resource_ + owner.fields_;
    if (!points) return;
    next_ = owner.first_pointer_;
    owner.first_pointer_ = this;
}

SharedBase::~SharedBase() {
    SharedBase** link = &owner_->first_pointer_;
    while (*link != nullptr && *link != this) link = &(*link)->next_;
    if (*link == this) *link = next_;
}

void SharedBase::use_after_free(const char* step, bool writes) const {
    Kernel& kernel = owner_->kernel();
    Report report;
    report.kind = ReportKind::use_after_free;
    report.what = std::string(writes ? "write of " : "read of ") + field_;
    report.place = place_of(kernel.sched.current_or_null(), step);
    kernel.heap.describe(*owner_, report);
    kernel.reports.oops(std::move(report));
}

const Task& SharedBase::task_of(const Access& access) const { return *owner_->kernel().sched.tasks()[access.task()]; }

SharedBase::More& SharedBase::more() const {
    if (!more_) more_ = std::make_unique<More>();
    return *more_;
}

/// The race, if it is news.
const SharedBase::Race* SharedBase::noticed(const Access& other, bool other_writes, const char* step,
                                            const Task& task) const {
    Kernel& kernel = owner_->kernel();
    if (!kernel.reports.first_race(field_, step, other.step)) return nullptr;
    if (kernel.reports.race_filter != nullptr &&
        kernel.reports.race_filter->known({field_, step, task.stack, task.id, other.step, other.stack, other.task()})) {
        return nullptr;
    }
    Race& race = more().race;
    race = {other, other_writes};
    return &race;
}

const SharedBase::Race* SharedBase::before_access(const char* step, PointKind kind, bool marked) const {
    Kernel& kernel = owner_->kernel();
    kernel.sched.point({kind, step, resource_, field_});
    kernel.spend(kernel.costs.shared_access);
    const bool writes = kind != PointKind::read;
    if (owner_->freed_) use_after_free(step, writes);
    Task* const task = kernel.sched.current_or_null();
    if (task == nullptr || !kernel.check_data_races) return nullptr;

    // Most often nobody else is known to have touched it.
    if (!last_write_.by_other(task->id) && !last_read_.by_other(task->id) && (!more_ || more_->reads.empty())) {
        if (writes) {
            last_write_.set(*task, step, marked);
            last_read_.who = 0;
        } else {
            last_read_.set(*task, step, marked);
        }
        return nullptr;
    }
    return after_others(*task, step, writes, marked);
}

/// Somebody else is known to have touched it.
[[gnu::noinline]] const SharedBase::Race* SharedBase::after_others(const Task& task, const char* step, bool writes,
                                                                   bool marked) const {
    const auto races = [&](const Access& other) {
        return other.there() && !(marked && other.marked()) && unordered(task, task_of(other), other.time);
    };
    const Race* race = nullptr;
    if (races(last_write_)) {
        race = noticed(last_write_, true, step, task);
    } else if (writes) {
        if (races(last_read_)) {
            race = noticed(last_read_, false, step, task);
        } else if (more_) {
            for (const Access& read : more_->reads) {
                if (!races(read)) continue;
                race = noticed(read, false, step, task);
                break;
            }
        }
    }

    if (writes) {
        last_write_.set(task, step, marked);
        last_read_.who = 0;
        if (more_) more_->reads.clear();
        return race;
    }
    // Keep the earlier readers only where this read does not come after them.
    if (last_read_.there() && unordered(task, task_of(last_read_), last_read_.time)) {
        std::vector<Access>& reads = more().reads;
        if (reads.capacity() == 0) reads.reserve(4);
        std::size_t kept = 0;
        for (const Access& read : reads) {
            if (read.task() != last_read_.task()) reads[kept++] = read;
        }
        reads.resize(kept);
        reads.push_back(last_read_);
    }
    last_read_.set(task, step, marked);
    return race;
}

void SharedBase::report_race(const Race& race, const char* step, bool is_write, const std::string& change) const {
    Kernel& kernel = owner_->kernel();
    Report report;
    report.kind = ReportKind::data_race;
    report.what = std::string(is_write ? "write of " : "read of ") + field_;
    report.detail = "value changed: " + change;
    report.place = place_of(kernel.sched.current_or_null(), step);
    report.other = place_of(&task_of(race.other), race.other.step, race.other.stack);
    report.other->access = race.other_is_write ? "write" : "read";
    kernel.reports.add(std::move(report));
}

void SharedBase::observe(const std::string& from, const std::string& to, const char* step) const {
    Kernel& kernel = owner_->kernel();
    kernel.observer->changed(kernel.sched.current_or_null(), *this, from, to, step);
}

void RefCount::get(const char* step) {
    before_access(step, PointKind::update, true);
    if (count_ == 0) {
        Report report;
        report.kind = ReportKind::refcount_underflow;
        report.what = std::string("addition on 0 of ") + field();
        owner().kernel().heap.describe(owner(), report);
        report.place = place_of(owner().kernel().sched.current_or_null(), step);
        owner().kernel().reports.add(std::move(report));
    }
    ++count_;
}

bool RefCount::put(const char* step) {
    before_access(step, PointKind::update, true);
    Kernel& kernel = owner().kernel();
    Task* const task = kernel.sched.current_or_null();
    if (count_ <= 0) {
        Report report;
        report.kind = ReportKind::refcount_underflow;
        report.what = std::string("underflow of ") + field();
        kernel.heap.describe(owner(), report);
        report.place = place_of(task, step);
        kernel.reports.add(std::move(report));
        return false;
    }
    --count_;
    if (task != nullptr) {
        if (count_ == 0) task->clock.join(released_);
        released_.join(task->clock);
        task->clock.tick(task->slot);
    }
    return count_ == 0;
}

}  // namespace xlate::kernel
