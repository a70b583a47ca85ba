// What `fast` knows of a shared resource: when it is taken, ahead of time.
// Source: design.md section 2, "Two timing fidelities of one model".
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/time.hpp"

namespace xlate::soc {

/// Things with a time at which they are due, earliest first. Cheap where they come nearly in order.
template <typename T>
class DueList {
public:
    bool empty() const { return head_ == items_.size(); }
    std::size_t size() const { return items_.size() - head_; }
    SimTime first_due() const { return items_[head_].due; }
    SimTime last_due() const { return items_.back().due; }
    /// Behind those that are due at the same time.
    void add(SimTime due, T what) {
        if (head_ >= kSpare && head_ * 2 >= items_.size()) {
            items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
            head_ = 0;
        }
        items_.push_back({due, std::move(what)});
        for (std::size_t i = items_.size() - 1; i > head_ && due < items_[i - 1].due; --i) {
            std::swap(items_[i], items_[i - 1]);
        }
    }
    T take_first() {
        T what = std::move(items_[head_].what);
        if (++head_ == items_.size()) {
            items_.clear();
            head_ = 0;
        }
        return what;
    }

private:
    static constexpr std::size_t kSpare = 32;
    struct Item {
        SimTime due;
        T what;
    };
    std::vector<Item> items_;
    std::size_t head_ = 0;
};

/// A resource that serves one at a time, reserved ahead. Who reserves later may still come earlier: it takes the gap in
/// front of what is reserved. If the gap is too short, those behind would have to move, and their times are given out;
/// so the late one waits for as long as it would have held up the first of them, and the resource is busy for longer.
/// Shape: at most kMaxStretches taken stretches; beyond, the gap between the two oldest is given up.
class Calendar {
public:
    /// The first start not before `at`, which is taken for `length`. Nobody asks for anything before `now`.
    SimTime reserve(SimTime now, SimTime at, SimTime length) {
        forget(now);
        if (head_ == taken_.size() || at >= taken_.back().end) {
            append(at, length);
            return at;
        }
        std::size_t next = taken_.size() - 1;  // the first stretch that ends after `at`
        while (next > head_ && taken_[next - 1].end > at) --next;
        SimTime start = at;
        for (; next < taken_.size() && taken_[next].start <= start; ++next) start = taken_[next].end;
        if (next == taken_.size()) {
            append(start, length);
            return start;
        }
        if (length.fs == 0) return start;
        if (start + length <= taken_[next].start) {
            insert(next, start, length);
            return start;
        }
        const SimTime late = start + length - taken_[next].start;
        push_back(next, start, late);
        return start + late;
    }
    /// The first time not before `at` at which it is free; takes nothing.
    SimTime first_free(SimTime now, SimTime at) { return reserve(now, at, SimTime{}); }

private:
    static constexpr std::size_t kMaxStretches = 64;
    struct Stretch {
        SimTime start;
        SimTime end;
    };

    void forget(SimTime now) {
        while (head_ < taken_.size() && taken_[head_].end <= now) ++head_;
        if (head_ == taken_.size()) {
            taken_.clear();
            head_ = 0;
        } else if (head_ >= kMaxStretches) {
            taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(head_));
            head_ = 0;
        }
    }
    void append(SimTime start, SimTime length) {
        if (length.fs == 0) return;
        if (head_ < taken_.size() && taken_.back().end == start) {
            taken_.back().end = start + length;
            return;
        }
        taken_.push_back({start, start + length});
        limit();
    }
    void insert(std::size_t before, SimTime start, SimTime length) {
        const SimTime end = start + length;
        const bool joins_next = taken_[before].start == end;
        if (before > head_ && taken_[before - 1].end == start) {
            taken_[before - 1].end = joins_next ? taken_[before].end : end;
            if (joins_next) taken_.erase(taken_.begin() + static_cast<std::ptrdiff_t>(before));
        } else if (joins_next) {
            taken_[before].start = start;
        } else {
            taken_.insert(taken_.begin() + static_cast<std::ptrdiff_t>(before), {start, end});
            limit();
        }
    }
    /// Takes from `start` on, up to the stretch number `at`, which and those behind end later by `late`.
    void push_back(std::size_t at, SimTime start, SimTime late) {
        taken_[at].start = start;
        taken_[at].end += late;
        std::size_t behind = at + 1;
        for (; behind < taken_.size() && taken_[behind].start <= taken_[at].end; ++behind) {
            taken_[at].end += taken_[behind].end - taken_[behind].start;
        }
        if (at > head_ && taken_[at - 1].end == start) {
            taken_[at].start = taken_[at - 1].start;
            --at;
            taken_[at] = taken_[at + 1];
        }
        const auto first = taken_.begin() + static_cast<std::ptrdiff_t>(at + 1);
        taken_.erase(first, taken_.begin() + static_cast<std::ptrdiff_t>(behind));
    }
    void limit() {
        if (taken_.size() - head_ <= kMaxStretches) return;
        taken_[head_ + 1].start = taken_[head_].start;
        ++head_;
    }

    std::vector<Stretch> taken_;  ///< rising, none touching another; those before head_ are past
    std::size_t head_ = 0;
};

}  // namespace xlate::soc
