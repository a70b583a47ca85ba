// Shared resources of hardware: how many at once, and how long each. Contention comes from nowhere else.
#pragma once

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "soc/time/agenda.hpp"
#include "soc/time/calendar.hpp"
#include "soc/time/host_cache.hpp"

namespace xlate::soc {

class Station;

/// Somebody who uses one resource after the other. At one place at a time.
struct Visitor {
    using Next = void (*)(Visitor&);
    Visitor() {
        entry.bind(this, [](void* self, AgendaEntry&) { fire(*static_cast<Visitor*>(self)); });
    }

    AgendaEntry entry;
    Next next = nullptr;        ///< what comes after the stay or the wait
    std::uint8_t priority = 0;  ///< where credits are waited for: higher goes first
    Visitor* behind = nullptr;  ///< in the queue in which it waits
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
    static void fire(Visitor& visitor);
};

/// First come, first served; the order of what comes in the same instant is the agenda's.
class VisitorQueue {
public:
    bool empty() const { return first_ == nullptr; }
    void push(Visitor& visitor) {
        visitor.behind = nullptr;
        (first_ == nullptr ? first_ : last_->behind) = &visitor;
        last_ = &visitor;
    }
    /// Before everybody of a lower priority.
    void push_by_priority(Visitor& visitor) {
        if (empty() || last_->priority >= visitor.priority) {
            push(visitor);
            return;
        }
        Visitor** place = &first_;
        while ((*place)->priority >= visitor.priority) place = &(*place)->behind;
        visitor.behind = *place;
        *place = &visitor;
    }
    Visitor& pop() {
        Visitor& visitor = *first_;
        first_ = visitor.behind;
        return visitor;
    }

private:
    Visitor* first_ = nullptr;
    Visitor* last_ = nullptr;
};

/// Goes on after `delay`, without a resource.
inline void wait_for(Agenda& agenda, const Component& component, Visitor& visitor, SimTime delay, Visitor::Next next) {
    if (delay.fs == 0 && visitor.at <= agenda.now()) {
        next(visitor);
        return;
    }
    visitor.at = visitor.time(agenda) + delay;
    visitor.go_on(agenda, component, next);
}

/// `slots` visitors at once; each stays for as long as it says; then its `next` is called.
/// With calendars (`fast`) a stay is reserved when it is asked for; without, the queue moves on when a stay ends.
/// What a reservation reads fits a line of the host.
class alignas(kHostLine) Station {
public:
    Station(Agenda& agenda, const Component& component, unsigned slots)
        : agenda_(agenda), component_(component), free_(slots) {}

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

    void enter(Visitor& visitor, SimTime stay, Visitor::Next next) {
        if (stay.fs == 0) {
            next(visitor);
            return;
        }
        if (planned_) {
            visitor.at = reserve(visitor.time(agenda_), stay);
            visitor.go_on(agenda_, component_, next);
            return;
        }
        visitor.next = next;
        visitor.stay = stay;
        visitor.station = this;
        if (free_ > 0) {
            --free_;
            agenda_.schedule_after(visitor.entry, stay, Phase::arrive, component_);
        } else {
            queue_.push(visitor);
        }
    }

    /// Needs a slot, but for no time (a fill). What enters in the same instant goes first.
    void pass(Visitor& visitor, Visitor::Next next) {
        if (planned_) {
            visitor.at = reserve(visitor.time(agenda_), SimTime{});
            visitor.go_on(agenda_, component_, next);
            return;
        }
        visitor.next = next;
        visitor.stay = SimTime{};
        visitor.station = this;
        visitor.passing = true;
        agenda_.schedule(visitor.entry, agenda_.now(), Phase::decide, component_);
    }

private:
    friend struct Visitor;
    void pass_now(Visitor& visitor) {
        visitor.passing = false;
        if (free_ > 0) {
            visitor.next(visitor);
        } else {
            queue_.push(visitor);
        }
    }
    void leave() {
        if (queue_.empty()) {
            ++free_;
            return;
        }
        Visitor& visitor = queue_.pop();
        agenda_.schedule_after(visitor.entry, visitor.stay, Phase::arrive, component_);
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

    Agenda& agenda_;
    const Component& component_;
    Calendar calendar_;  ///< of the first slot,
    unsigned free_;
    bool planned_ = false;
    bool several_ = false;
    std::vector<Calendar> more_;  ///< and of the others
    VisitorQueue queue_;
};

inline void Visitor::fire(Visitor& visitor) {
    if (visitor.passing) {
        visitor.station->pass_now(visitor);
        return;
    }
    if (visitor.station != nullptr) visitor.station->leave();
    visitor.next(visitor);
}

/// Slots that are held over several stays.
class Credits {
public:
    Credits(Agenda& agenda, const Component& component, unsigned count)
        : agenda_(agenda), component_(component), free_(count) {}

    /// Calls `next` at once if there is a credit, else when there is one.
    void take(Visitor& visitor, Visitor::Next next) {
        if (free_ > 0) {
            --free_;
            next(visitor);
            return;
        }
        visitor.next = next;
        visitor.station = nullptr;
        queue_.push_by_priority(visitor);
    }
    void give(SimTime at) {
        if (queue_.empty()) {
            ++free_;
            return;
        }
        Visitor& visitor = queue_.pop();
        visitor.at = std::max(visitor.time(agenda_), at);
        agenda_.schedule(visitor.entry, visitor.at, Phase::arrive, component_);
    }
    void give() { give(agenda_.now()); }

private:
    Agenda& agenda_;
    const Component& component_;
    unsigned free_;
    VisitorQueue queue_;
};

}  // namespace xlate::soc
