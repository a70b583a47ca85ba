// Shared resources of hardware: how many at once, and how long each. Contention comes from nowhere else.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "soc/measure/usage.hpp"
#include "soc/time/agenda.hpp"
#include "soc/time/calendar.hpp"
#include "soc/time/host_cache.hpp"

namespace xlate::soc {

class Station;

/// Somebody who uses one resource after the other. At one place at a time.
struct Job {
    using Next = void (*)(Job&);
    Job() {
        entry.bind(this, [](void* self, AgendaEntry&) { fire(*static_cast<Job*>(self)); });
    }

    AgendaEntry entry;
    Next next = nullptr;        ///< what comes after the stay or the wait
    std::uint8_t priority = 0;  ///< where credits are waited for: higher goes first
    Job* behind = nullptr;      ///< in the queue in which it waits
    SimTime stay;
    Station* station = nullptr;  ///< where it stays now
    bool passing = false;        ///< see Station::pass
    bool ahead = false;          ///< `fast`: goes on at once, by its own clock
    SimTime at;                  ///< that clock; behind the agenda's: it means nothing

    SimTime time(const Agenda& agenda) const { return std::max(at, agenda.now()); }
    /// Calls `then` at its time: now if it runs ahead, else from the agenda.
    void go_on(Agenda& agenda, const Component& component, Next then) {
        if (ahead) {
            then(*this);
        } else {
            come_back(agenda, component, then);
        }
    }
    /// Calls `then` from the agenda at its time, so that all others have come as far.
    void come_back(Agenda& agenda, const Component& component, Next then) {
        next = then;
        station = nullptr;
        agenda.schedule(entry, time(agenda), Phase::arrive, component);
    }

private:
    static void fire(Job& job);
};

/// First come, first served; the order of what comes in the same instant is the agenda's.
class JobQueue {
public:
    bool empty() const { return first_ == nullptr; }
    void push(Job& job) {
        job.behind = nullptr;
        (first_ == nullptr ? first_ : last_->behind) = &job;
        last_ = &job;
    }
    /// Before everybody of a lower priority.
    void push_by_priority(Job& job) {
        if (empty() || last_->priority >= job.priority) {
            push(job);
            return;
        }
        Job** place = &first_;
        while ((*place)->priority >= job.priority) place = &(*place)->behind;
        job.behind = *place;
        *place = &job;
    }
    Job& pop() {
        Job& job = *first_;
        first_ = job.behind;
        return job;
    }
    std::uint64_t size() const {
        std::uint64_t count = 0;
        for (const Job* job = first_; job != nullptr; job = job == last_ ? nullptr : job->behind) ++count;
        return count;
    }

private:
    Job* first_ = nullptr;
    Job* last_ = nullptr;
};

/// Goes on after `delay`, without a resource.
inline void wait_for(Agenda& agenda, const Component& component, Job& job, SimTime delay, Job::Next next) {
    if (delay.fs == 0 && job.at <= agenda.now()) {
        next(job);
        return;
    }
    job.at = job.time(agenda) + delay;
    job.go_on(agenda, component, next);
}

/// `slots` visitors at once; each stays for as long as it says; then its `next` is called.
/// With calendars (`fast`) a stay is reserved when it is asked for; without, the queue moves on when a stay ends.
/// What a reservation reads fits a line of the host.
class alignas(kHostLine) Station {
public:
    Station(Agenda& agenda, const Component& component, unsigned slots)
        : agenda_(agenda), component_(component), free_(slots), places_(slots) {}

    /// From now on with calendars. Before anybody has entered.
    void keep_calendars() {
        planned_ = true;
        several_ = free_ > 1;
        more_.resize(free_ - 1);
    }
    /// The end of a stay from `at` on, or from when there is a slot. With calendars only.
    SimTime reserve(SimTime at, SimTime stay) {
        if (!several_) return calendar_.reserve(agenda_.now(), at, stay) + stay;
        return reserve_any(at, stay) + stay;
    }

    void enter(Job& job, SimTime stay, Job::Next next) {
        if (stay.fs == 0) {
            next(job);
            return;
        }
        if (planned_) {
            job.at = reserve(job.time(agenda_), stay);
            job.go_on(agenda_, component_, next);
            return;
        }
        job.next = next;
        job.stay = stay;
        job.station = this;
        if (free_ > 0) {
            --free_;
            calendar_.count_busy(stay);
            agenda_.schedule_after(job.entry, stay, Phase::arrive, component_);
        } else {
            calendar_.wait_begins(agenda_.now());
            queue_.push(job);
        }
    }

    /// What it did up to now.
    ResourceUse use(ResourceKind kind, std::string_view component, std::string_view part) const {
        ResourceUse all = single(kind, component, part, calendar_.busy_fs(),
                                 calendar_.waited_fs() + queue_.size() * agenda_.now().fs);
        for (const Calendar& other : more_) {
            all.busy_fs += other.busy_fs();
            all.waited_fs += other.waited_fs();
        }
        all.places = places_;
        all.full_fs = all.busy_fs / places_;
        return all;
    }

    /// Needs a slot, but for no time (a fill). What enters in the same instant goes first.
    void pass(Job& job, Job::Next next) {
        if (planned_) {
            job.at = reserve(job.time(agenda_), SimTime{});
            job.go_on(agenda_, component_, next);
            return;
        }
        job.next = next;
        job.stay = SimTime{};
        job.station = this;
        job.passing = true;
        agenda_.schedule(job.entry, agenda_.now(), Phase::decide, component_);
    }

private:
    friend struct Job;
    void pass_now(Job& job) {
        job.passing = false;
        if (free_ > 0) {
            job.next(job);
        } else {
            calendar_.wait_begins(agenda_.now());
            queue_.push(job);
        }
    }
    void leave() {
        if (queue_.empty()) {
            ++free_;
            return;
        }
        Job& job = queue_.pop();
        calendar_.wait_ends(agenda_.now());
        calendar_.count_busy(job.stay);
        agenda_.schedule_after(job.entry, job.stay, Phase::arrive, component_);
    }

    /// The slot that is free soonest after `at`; the first such.
    SimTime reserve_any(SimTime at, SimTime stay) {
        if (calendar_.free_from() <= at) return calendar_.reserve(agenda_.now(), at, stay);
        SimTime best = calendar_.first_free(agenda_.now(), at);
        Calendar* chosen = &calendar_;
        for (std::size_t i = 0; best != at && i < more_.size(); ++i) {
            const SimTime start = more_[i].first_free(agenda_.now(), at);
            if (start >= best) continue;
            best = start;
            chosen = &more_[i];
        }
        return chosen->reserve(agenda_.now(), at, stay);
    }

    bool planned_ = false;
    bool several_ = false;
    Agenda& agenda_;
    Calendar calendar_;  ///< of the first slot,
    const Component& component_;
    unsigned free_;
    const unsigned places_;
    std::vector<Calendar> more_;  ///< and of the others
    JobQueue queue_;
};

inline void Job::fire(Job& job) {
    if (job.passing) {
        job.station->pass_now(job);
        return;
    }
    if (job.station != nullptr) job.station->leave();
    job.next(job);
}

/// Slots that are held over several stays.
class Credits {
public:
    Credits(Agenda& agenda, const Component& component, unsigned count)
        : agenda_(agenda), component_(component), free_(count), places_(count) {}

    /// Calls `next` at once if there is a credit, else when there is one.
    void take(Job& job, Job::Next next) {
        const SimTime now = job.time(agenda_);
        if (free_ > 0) {
            held_fs_ -= now.fs;
            if (--free_ == 0) full_fs_ -= now.fs;
            next(job);
            return;
        }
        waited_fs_ -= now.fs;
        job.next = next;
        job.station = nullptr;
        queue_.push_by_priority(job);
    }
    void give(SimTime at) {
        if (queue_.empty()) {
            held_fs_ += at.fs;
            if (free_++ == 0) full_fs_ += at.fs;
            return;
        }
        Job& job = queue_.pop();
        job.at = std::max(job.time(agenda_), at);
        waited_fs_ += job.at.fs;
        agenda_.schedule(job.entry, job.at, Phase::arrive, component_);
    }
    void give() { give(agenda_.now()); }

    /// What it did up to now.
    ResourceUse use(ResourceKind kind, std::string_view component, std::string_view part) const {
        const std::uint64_t now = agenda_.now().fs;
        return {kind,
                component,
                part,
                places_,
                held_fs_ + (places_ - free_) * now,
                full_fs_ + (free_ == 0 ? now : 0),
                waited_fs_ + queue_.size() * now};
    }

private:
    Agenda& agenda_;
    const Component& component_;
    unsigned free_;
    const unsigned places_;
    std::uint64_t held_fs_ = 0;  ///< see soc/measure/usage.hpp
    std::uint64_t full_fs_ = 0;
    std::uint64_t waited_fs_ = 0;
    JobQueue queue_;
};

}  // namespace xlate::soc
