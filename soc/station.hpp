// Shared resources of hardware: how many at once, and how long each. Contention comes from nowhere else.
#pragma once

#include "base/error.hpp"
#include "soc/agenda.hpp"

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
    Visitor* behind = nullptr;  ///< in the queue in which it waits
    SimTime stay;
    Station* station = nullptr;  ///< where it stays now
    bool passing = false;        ///< see Station::pass

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
    if (delay.fs == 0) {
        next(visitor);
        return;
    }
    visitor.next = next;
    visitor.station = nullptr;
    agenda.schedule_after(visitor.entry, delay, Phase::arrive, component);
}

/// `slots` visitors at once; each stays for as long as it says; then its `next` is called.
class Station {
public:
    Station(Agenda& agenda, const Component& component, unsigned slots)
        : agenda_(agenda), component_(component), free_(slots) {}

    void enter(Visitor& visitor, SimTime stay, Visitor::Next next) {
        if (stay.fs == 0) {
            next(visitor);
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

    Agenda& agenda_;
    const Component& component_;
    unsigned free_;
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
        queue_.push(visitor);
    }
    void give() {
        if (queue_.empty()) {
            ++free_;
            return;
        }
        agenda_.schedule(queue_.pop().entry, agenda_.now(), Phase::arrive, component_);
    }

private:
    Agenda& agenda_;
    const Component& component_;
    unsigned free_;
    VisitorQueue queue_;
};

}  // namespace xlate::soc
