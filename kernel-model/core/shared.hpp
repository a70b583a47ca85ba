// A field that several tasks may touch: each access is a point, then checked for use after free and data races.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernel-model/core/heap.hpp"
#include "kernel-model/core/point.hpp"
#include "kernel-model/core/vector_clock.hpp"

namespace xlate::kernel {

/// How a value prints in reports and timelines. Overload beside a type of your own to improve on it.
template <class T>
std::string value_text(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (std::is_enum_v<T>) {
        return std::to_string(static_cast<long long>(value));
    } else if constexpr (std::is_integral_v<T>) {
        return std::to_string(value);
    } else if constexpr (std::is_pointer_v<T>) {
        return value != nullptr ? "set" : "NULL";
    } else {
        return "(value)";
    }
}
template <class T>
std::string value_text(const Ptr<T>& value) {
    return value ? value.get()->object_name() : "NULL";
}
template <class T>
std::string value_text(const std::optional<T>& value) {
    return value ? value_text(*value) : "none";
}

/// Identity and history of a shared location, without its value.
class SharedBase {
public:
    /// `points`: target() may answer something.
    SharedBase(HeapObject& owner, const char* field, bool points = false);
    virtual ~SharedBase();
    SharedBase(const SharedBase&) = delete;
    SharedBase& operator=(const SharedBase&) = delete;

    const char* field() const { return field_; }
    Resource resource() const { return resource_; }
    HeapObject& owner() const { return *owner_; }
    SharedBase* next_pointer() const { return next_; }
    /// What it points to, if it is a Ptr: for the leak check.
    virtual const HeapObject* target() const { return nullptr; }

protected:
    struct Access {
        const CallNode* stack = nullptr;
        const char* step = "";
        std::uint32_t time = 0;  ///< of the task's own clock
        std::uint32_t who = 0;   ///< TaskId + 1, and in bit 0 whether it was marked; 0: nobody

        bool there() const { return who != 0; }
        bool marked() const { return (who & 1U) != 0; }
        TaskId task() const { return (who >> 1) - 1; }
        bool by_other(TaskId me) const { return who != 0 && (who >> 1) != me + 1; }
        /// One by one: a copy of a temporary would wait for its parts.
        void set(const Task& by, const char* at_step, bool is_marked);
    };
    /// The other side of a race, if this access is one.
    struct Race {
        Access other;
        bool other_is_write = false;
    };
    /// Point, use-after-free check, race check, history. Marked accesses (READ_ONCE, atomics) race only with plain
    /// ones. Returns the race, to be reported before the next access of this field, or null.
    const Race* before_access(const char* step, PointKind kind, bool marked) const;
    [[gnu::cold]] void report_race(const Race& race, const char* step, bool is_write, const std::string& change) const;
    /// The change's observer (a timeline), if there is one: values become text only then.
    inline bool observed() const;  // kernel.hpp
    [[gnu::cold]] void observe(const std::string& from, const std::string& to, const char* step) const;

private:
    struct More {
        std::vector<Access> reads;  ///< concurrent ones
        Race race;                  ///< the last one that is to be reported
    };
    [[noreturn]] void use_after_free(const char* step, bool writes) const;
    const Task& task_of(const Access& access) const;
    More& more() const;
    const Race* after_others(const Task& task, const char* step, bool writes, bool marked) const;
    const Race* noticed(const Access& other, bool other_writes, const char* step, const Task& task) const;
    HeapObject* owner_;
    const char* field_;
    Resource resource_;
    SharedBase* next_ = nullptr;  ///< the owner's next pointer
    mutable Access last_write_;
    mutable Access last_read_;  ///< the latest reader
    mutable std::unique_ptr<More> more_;
};

/// T: copyable. Accesses outside of a task (host side, boot of the machine) are neither points nor checked for races.
template <class T>
class Shared : public SharedBase {
public:
    Shared(HeapObject& owner, const char* field, T initial = T{})
        : SharedBase(owner, field, is_ptr), value_(std::move(initial)), previous_(value_) {}

    T read(const char* step) const { return do_read(step, false); }
    void write(T value, const char* step) { do_write(std::move(value), step, PointKind::write, false); }
    /// READ_ONCE / WRITE_ONCE: no data race with each other.
    T read_once(const char* step) const { return do_read(step, true); }
    void write_once(T value, const char* step) { do_write(std::move(value), step, PointKind::write, true); }
    /// Atomic read-modify-write: `change` maps the old value to the new one. Returns the new one.
    template <class F>
    T update(F change, const char* step) {
        const auto race = before_access(step, PointKind::update, true);
        T next = change(value_);
        store(next, step, race);
        return next;
    }
    /// For oracles and printing: no point, no check.
    T peek() const { return value_; }
    /// For set-up before anybody else can see it, and for oracles' worlds.
    void poke(T value) { value_ = previous_ = std::move(value); }

    const HeapObject* target() const override {
        if constexpr (is_ptr) return value_.get();
        return nullptr;
    }

private:
    template <class U>
    struct IsPtr : std::false_type {};
    template <class U>
    struct IsPtr<Ptr<U>> : std::is_base_of<HeapObject, U> {};
    static constexpr bool is_ptr = IsPtr<T>::value;

    T do_read(const char* step, bool marked) const {
        const auto race = before_access(step, PointKind::read, marked);
        if (race) report_race(*race, step, false, value_text(previous_) + " -> " + value_text(value_));
        return value_;
    }
    void do_write(T value, const char* step, PointKind kind, bool marked) {
        const auto race = before_access(step, kind, marked);
        store(std::move(value), step, race);
    }
    void store(T value, const char* step, const Race* race) {
        if (race) report_race(*race, step, true, value_text(value_) + " -> " + value_text(value));
        if (observed()) observe(value_text(value_), value_text(value), step);
        previous_ = std::move(value_);
        value_ = std::move(value);
    }

    T value_;
    T previous_;  ///< for the report of a race seen by a later reader
};

/// A reference count (kref, refcount_t): atomic, checked for underflow and resurrection.
class RefCount : public SharedBase {
public:
    RefCount(HeapObject& owner, const char* field, int initial = 1) : SharedBase(owner, field), count_(initial) {}
    void get(const char* step);
    /// True if this was the last one: the caller releases the object.
    bool put(const char* step);
    int peek() const { return count_; }

private:
    int count_;
    VectorClock released_;  ///< the last put happens after all others
};

}  // namespace xlate::kernel
