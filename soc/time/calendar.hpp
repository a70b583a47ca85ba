// What `fast` knows of a shared resource: when it is taken, ahead of time.
// Source: design.md section 2, "Two timing fidelities of one model".
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/time.hpp"
#include "soc/time/host_cache.hpp"

namespace xlate::soc {

/// Things with a time at which they are due, earliest first. Cheap where they come nearly in order.
template <typename T>
class DueList {
public:
    bool empty() const { return head_ == items_.size(); }
    std::size_t size() const { return items_.size() - head_; }
    SimTime first_due() const { return items_[head_].due; }
    /// Tells the host that it will be used soon. Changes nothing.
    void fetch() const {
        if (items_.capacity() != 0) fetch_line(items_.data() + head_);
    }
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
        if (at < last_.end) {
            const SimTime start = reserve_among(now, at, length);
            if (length.fs == 0) return start;
            busy_fs_ += length.fs;
            waited_fs_ += (start - at).fs;
            return start;
        }
        if (length.fs == 0) return at;
        busy_fs_ += length.fs;
        if (at == last_.end) {
            last_.end = at + length;
            return at;
        }
        if (last_.end > now) keep_last(now);
        last_ = {at, at + length};
        return at;
    }
    /// Nothing is taken after that.
    SimTime free_from() const { return last_.end; }
    /// The first time not before `at` at which it is free; takes nothing.
    SimTime first_free(SimTime now, SimTime at) { return reserve(now, at, SimTime{}); }

    // What was reserved, and how long for; in `exact`, where nothing is reserved, the owner counts here itself.
    std::uint64_t busy_fs() const { return busy_fs_; }
    std::uint64_t waited_fs() const { return waited_fs_; }
    void count_busy(SimTime length) { busy_fs_ += length.fs; }
    void count_wait(SimTime length) { waited_fs_ += length.fs; }
    void wait_begins(SimTime now) { waited_fs_ -= now.fs; }
    void wait_ends(SimTime now) { waited_fs_ += now.fs; }

private:
    static constexpr std::size_t kMaxStretches = 64;
    struct Stretch {
        SimTime start;
        SimTime end;
    };

    /// There is something taken after `at`.
    SimTime reserve_among(SimTime now, SimTime at, SimTime length) {
        if (last_.start <= at) {
            const SimTime start = last_.end;
            last_.end += length;
            return start;
        }
        return reserve_in_gap(now, at, length);
    }
    /// Out of line: few come late, and those that don't save no registers for it.
    [[gnu::noinline]] SimTime reserve_in_gap(SimTime now, SimTime at, SimTime length) {
        forget(now);
        earlier_.push_back(last_);
        const SimTime start = reserve_earlier(at, length);
        last_ = earlier_.back();
        earlier_.pop_back();
        return start;
    }
    SimTime reserve_earlier(SimTime at, SimTime length) {
        std::size_t next = earlier_.size() - 1;  // the first stretch that ends after `at`
        while (next > 0 && earlier_[next - 1].end > at) --next;
        SimTime start = at;
        for (; next < earlier_.size() && earlier_[next].start <= start; ++next) start = earlier_[next].end;
        if (next == earlier_.size()) {
            earlier_.back().end += length;
            return start;
        }
        if (length.fs == 0) return start;
        if (start + length <= earlier_[next].start) {
            insert(next, start, length);
            return start;
        }
        const SimTime late = start + length - earlier_[next].start;
        push_back(next, start, late);
        return start + late;
    }
    void forget(SimTime now) {
        std::size_t past = 0;
        while (past < earlier_.size() && earlier_[past].end <= now) ++past;
        if (past != 0) earlier_.erase(earlier_.begin(), earlier_.begin() + static_cast<std::ptrdiff_t>(past));
    }
    [[gnu::noinline]] void keep_last(SimTime now) {
        if (earlier_.size() >= kMaxStretches / 2) forget(now);
        if (earlier_.size() >= kMaxStretches) {
            earlier_[1].start = earlier_[0].start;
            earlier_.erase(earlier_.begin());
        }
        earlier_.push_back(last_);
    }
    void insert(std::size_t before, SimTime start, SimTime length) {
        const SimTime end = start + length;
        const bool joins_next = earlier_[before].start == end;
        if (before > 0 && earlier_[before - 1].end == start) {
            earlier_[before - 1].end = joins_next ? earlier_[before].end : end;
            if (joins_next) earlier_.erase(earlier_.begin() + static_cast<std::ptrdiff_t>(before));
        } else if (joins_next) {
            earlier_[before].start = start;
        } else {
            earlier_.insert(earlier_.begin() + static_cast<std::ptrdiff_t>(before), {start, end});
        }
    }
    /// Takes from `start` on, up to the stretch number `at`, which and those behind end later by `late`.
    void push_back(std::size_t at, SimTime start, SimTime late) {
        earlier_[at].start = start;
        earlier_[at].end += late;
        std::size_t behind = at + 1;
        for (; behind < earlier_.size() && earlier_[behind].start <= earlier_[at].end; ++behind) {
            earlier_[at].end += earlier_[behind].end - earlier_[behind].start;
        }
        if (at > 0 && earlier_[at - 1].end == start) {
            earlier_[at].start = earlier_[at - 1].start;
            --at;
            earlier_[at] = earlier_[at + 1];
        }
        const auto first = earlier_.begin() + static_cast<std::ptrdiff_t>(at + 1);
        earlier_.erase(first, earlier_.begin() + static_cast<std::ptrdiff_t>(behind));
    }

    Stretch last_{};                ///< here, since mostly there is no other
    std::uint64_t busy_fs_ = 0;     ///< see soc/measure/usage.hpp
    std::vector<Stretch> earlier_;  ///< rising, none touching another, some of them past
    std::uint64_t waited_fs_ = 0;
};

}  // namespace xlate::soc
