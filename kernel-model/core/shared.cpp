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

SharedBase::SharedBase(HeapObject& owner, const char* field)
    : owner_(&owner), field_(field), next_(owner.first_field_) {
    if (owner.fields_ < kLastField)
        ++owner.fields_;  // very large objects share the last number: more conflicts, never fewer
    resource_ = owner.resource_ + owner.fields_;
    owner.first_field_ = this;
}

SharedBase::~SharedBase() {
    SharedBase** link = &owner_->first_field_;
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

/// The race, if it is news.
const SharedBase::Race* SharedBase::noticed(const Access& other, bool other_writes, const char* step,
                                            const Task& task) const {
    Kernel& kernel = owner_->kernel();
    if (!kernel.reports.first_race(field_, step, other.step)) return nullptr;
    if (kernel.reports.race_filter != nullptr &&
        kernel.reports.race_filter->known(
            {field_, step, task.stack, task.id, other.step, other.stack, other.task->id})) {
        return nullptr;
    }
    race_ = std::make_unique<Race>(Race{other, other_writes});
    return race_.get();
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
    const Access mine{task, task->stack, step, task->clock.at(task->slot), marked};
    const auto by_other = [task](const Access& one) { return one.task != nullptr && one.task != task; };
    if (!by_other(last_write_) && !by_other(last_read_) && (!other_reads_ || other_reads_->empty())) {
        if (writes) {
            last_write_ = mine;
            last_read_.task = nullptr;
        } else {
            last_read_ = mine;
        }
        return nullptr;
    }
    return after_others(mine, writes, *task);
}

/// Somebody else is known to have touched it.
[[gnu::noinline]] const SharedBase::Race* SharedBase::after_others(const Access& mine, bool writes,
                                                                   const Task& task) const {
    const auto races = [&](const Access& other) {
        return other.task != nullptr && !(mine.marked && other.marked) && unordered(task, *other.task, other.time);
    };
    const Race* race = nullptr;
    if (races(last_write_)) {
        race = noticed(last_write_, true, mine.step, task);
    } else if (writes) {
        if (races(last_read_)) {
            race = noticed(last_read_, false, mine.step, task);
        } else if (other_reads_) {
            for (const Access& read : *other_reads_) {
                if (!races(read)) continue;
                race = noticed(read, false, mine.step, task);
                break;
            }
        }
    }

    if (writes) {
        last_write_ = mine;
        last_read_.task = nullptr;
        if (other_reads_) other_reads_->clear();
        return race;
    }
    // Keep the earlier readers only where this read does not come after them.
    if (last_read_.task != nullptr && unordered(task, *last_read_.task, last_read_.time)) {
        if (!other_reads_) {
            other_reads_ = std::make_unique<std::vector<Access>>();
            other_reads_->reserve(4);
        }
        std::size_t kept = 0;
        for (const Access& read : *other_reads_) {
            if (read.task != last_read_.task) (*other_reads_)[kept++] = read;
        }
        other_reads_->resize(kept);
        other_reads_->push_back(last_read_);
    }
    last_read_ = mine;
    return race;
}

void SharedBase::report_race(const Race& race, const char* step, bool is_write, const std::string& change) const {
    Kernel& kernel = owner_->kernel();
    Report report;
    report.kind = ReportKind::data_race;
    report.what = std::string(is_write ? "write of " : "read of ") + field_;
    report.detail = "value changed: " + change;
    report.place = place_of(kernel.sched.current_or_null(), step);
    report.other = place_of(race.other.task, race.other.step, race.other.stack);
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
