#include "soc/time/agenda.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "soc/time/host_cache.hpp"

namespace xlate::soc {

Agenda::Agenda(const sc_core::sc_module_name& name) : sc_core::sc_module(name) {
    SC_HAS_PROCESS(Agenda);
    SC_METHOD(run);
    sensitive << wake_;
    dont_initialize();
    current_.reserve(64);
    const double resolution = sc_core::sc_get_time_resolution().to_seconds();
    fs_per_tick_ = static_cast<std::uint64_t>(std::llround(resolution * static_cast<double>(kFsPerSecond)));
}

Agenda::~Agenda() = default;

void Agenda::add_component(Component& component) {
    XLATE_CHECK(fired_ == 0 && pending_ == 0, component.component_name());
    components_.push_back(&component);
}

void Agenda::rank_components() {
    std::sort(components_.begin(), components_.end(),
              [](const Component* a, const Component* b) { return a->component_name() < b->component_name(); });
    XLATE_CHECK(components_.size() < (std::size_t{1} << kRankBits), std::to_string(components_.size()));
    for (std::size_t i = 0; i < components_.size(); ++i) {
        XLATE_CHECK(i == 0 || components_[i - 1]->component_name() != components_[i]->component_name(),
                    components_[i]->component_name());
        components_[i]->rank_ = static_cast<std::uint32_t>(i);
    }
}

void Agenda::limit(SimTime max_time, std::uint64_t max_entries) {
    max_time_ = max_time.fs;
    max_entries_ = max_entries;
}

[[gnu::noinline]] void Agenda::insert_far(AgendaEntry& entry) {
    overflow_.push_back({entry.time_, &entry});
    std::push_heap(overflow_.begin(), overflow_.end(), Later{});
}

[[gnu::always_inline]] inline void Agenda::insert(AgendaEntry& entry) {
    const std::uint64_t slot = entry.time_ >> kSlotShift;
    if (slot <= base_slot_) {
        insert_current(entry);
    } else if (slot - base_slot_ < kSlots) {
        const std::size_t at = slot % kSlots;
        entry.next_ = slots_[at];
        slots_[at] = &entry;
        occupied_[at / 64] |= std::uint64_t{1} << (at % 64);
    } else {
        insert_far(entry);
    }
}

[[gnu::cold, gnu::noinline]] void Agenda::refuse(const AgendaEntry& entry, SimTime at,
                                                 const Component& component) const {
    XLATE_CHECK(!entry.scheduled_, component.component_name());
    XLATE_CHECK(at.fs >= now_,
                component.component_name() + ": " + std::to_string(at.fs) + " < " + std::to_string(now_));
}

[[gnu::always_inline]] inline void Agenda::put(AgendaEntry& entry, SimTime at, Phase phase,
                                               const Component& component) {
    if (entry.scheduled_ || at.fs < now_) refuse(entry, at, component);
    entry.time_ = at.fs;
    entry.key_ = (std::uint64_t{static_cast<std::uint8_t>(phase)} << (kRankBits + kSequenceBits)) |
                 (std::uint64_t{component.rank_} << kSequenceBits) | sequence_++;
    entry.scheduled_ = true;
    ++pending_;
    insert(entry);
}

/// From outside (a foreign SystemC process), which may be ahead of the last instant that we handled.
[[gnu::cold, gnu::noinline]] void Agenda::put_from_outside(AgendaEntry& entry, SimTime at, Phase phase,
                                                           const Component& component) {
    now_ = std::max(now_, systemc_now());
    put(entry, at, phase, component);
    if (entry.time_ < wake_time_) wake_systemc_at(entry.time_);
}

void Agenda::schedule(AgendaEntry& entry, SimTime at, Phase phase, const Component& component) {
    if (running_) {
        put(entry, at, phase, component);
    } else {
        put_from_outside(entry, at, phase, component);
    }
}

[[gnu::noinline]] void Agenda::insert_current(AgendaEntry& entry) {
    // Mostly it belongs near the back: what is scheduled for this instant comes soon.
    auto at = current_.end();
    for (int steps = 0; at != current_.begin() && before(**(at - 1), entry); --at) {
        if (++steps > 8) {
            at = std::upper_bound(current_.begin(), at, &entry, Later{});
            break;
        }
    }
    current_.insert(at, &entry);
}

void Agenda::cancel(AgendaEntry& entry) {
    if (!entry.scheduled_) return;
    entry.scheduled_ = false;
    --pending_;
    const auto here = std::find(current_.begin(), current_.end(), &entry);
    if (here != current_.end()) {
        current_.erase(here);
        return;
    }
    const std::size_t at = (entry.time_ >> kSlotShift) % kSlots;
    for (AgendaEntry** link = &slots_[at]; *link != nullptr; link = &(*link)->next_) {
        if (*link != &entry) continue;
        *link = entry.next_;
        if (slots_[at] == nullptr) occupied_[at / 64] &= ~(std::uint64_t{1} << (at % 64));
        return;
    }
    const auto beyond =
        std::find_if(overflow_.begin(), overflow_.end(), [&](const Far& far) { return far.entry == &entry; });
    XLATE_CHECK(beyond != overflow_.end(), "an entry is nowhere");
    overflow_.erase(beyond);
    std::make_heap(overflow_.begin(), overflow_.end(), Later{});
}

void Agenda::pull_overflow() {
    while (!overflow_.empty() && (overflow_.front().time >> kSlotShift) < base_slot_ + kSlots) {
        std::pop_heap(overflow_.begin(), overflow_.end(), Later{});
        AgendaEntry* entry = overflow_.back().entry;
        overflow_.pop_back();
        insert(*entry);
    }
}

/// Few at a time, mostly: sorted where they stand.
void Agenda::sort_current() {
    constexpr std::size_t kFew = 8;
    const std::size_t count = current_.size();
    if (count > kFew) {
        std::sort(current_.begin(), current_.end(), Later{});
        return;
    }
    AgendaEntry** const all = current_.data();
    for (std::size_t i = 1; i < count; ++i) {
        AgendaEntry* const entry = all[i];
        std::size_t at = i;
        for (; at > 0 && before(*all[at - 1], *entry); --at) all[at] = all[at - 1];
        all[at] = entry;
    }
}

/// Moves on to the next slot that holds something; current_ is empty before and not after, unless nothing is left.
void Agenda::fill_current() {
    if (pending_ == 0) return;
    std::uint64_t distance = kSlots;
    const std::size_t start = (base_slot_ + 1) % kSlots;
    for (std::size_t word = 0; word <= kSlots / 64; ++word) {
        const std::size_t index = (start / 64 + word) % (kSlots / 64);
        std::uint64_t bits = occupied_[index];
        if (word == 0) bits &= ~std::uint64_t{0} << (start % 64);
        if (bits == 0) continue;
        const std::size_t at = index * 64 + static_cast<std::size_t>(__builtin_ctzll(bits));
        distance = (at + kSlots - base_slot_ % kSlots) % kSlots;
        if (distance == 0) distance = kSlots;
        break;
    }
    if (distance < kSlots) {
        base_slot_ += distance;
    } else {
        XLATE_CHECK(!overflow_.empty(), "entries are pending but nowhere");
        base_slot_ = overflow_.front().time >> kSlotShift;
    }
    const std::size_t at = base_slot_ % kSlots;
    for (AgendaEntry* entry = slots_[at]; entry != nullptr; entry = entry->next_) current_.push_back(entry);
    slots_[at] = nullptr;
    occupied_[at / 64] &= ~(std::uint64_t{1} << (at % 64));
    sort_current();
    if (!overflow_.empty()) pull_overflow();
}

/// Tells the host what the next entries will read (host_cache.hpp): of the farthest the entry and what lies around it,
/// mostly a transaction or a job; of those before it what their owners name.
void Agenda::look_ahead() const {
    constexpr unsigned kSteps = 4;
    const auto fetch = [](const AgendaEntry* entry, unsigned steps) {
        if (steps == kSteps) {
            const char* at = reinterpret_cast<const char*>(entry);
            fetch_lines(at - 4 * kHostLine, at + 4 * kHostLine);
        } else if (entry->fetch_ != nullptr) {
            entry->fetch_(entry->owner_, steps);
        } else if (steps == 1) {
            fetch_line(entry->owner_);
        }
    };
    unsigned steps = 1;
    for (std::size_t left = current_.size(); left > 0 && steps <= kSteps; --left) fetch(current_[left - 1], steps++);
    std::size_t word = (base_slot_ + 1) % kSlots / 64;
    std::uint64_t bits = occupied_[word] & (~std::uint64_t{0} << ((base_slot_ + 1) % 64));
    for (std::size_t words = 0; steps <= kSteps && words < kLookAheadWords;) {
        if (bits == 0) {
            word = (word + 1) % (kSlots / 64);
            bits = occupied_[word];
            ++words;
            continue;
        }
        const std::size_t at = word * 64 + static_cast<std::size_t>(__builtin_ctzll(bits));
        bits &= bits - 1;
        fetch(slots_[at], steps++);
    }
}

std::uint64_t Agenda::next_time() {
    if (current_.empty()) fill_current();
    return current_.empty() ? kTimeNever.fs : current_.back()->time_;
}

void Agenda::wake_systemc_at(std::uint64_t time) {
    wake_time_ = time;
    const std::uint64_t now = systemc_now();
    const std::uint64_t ahead = time <= now ? 0 : (time - now + fs_per_tick_ - 1) / fs_per_tick_;
    wake_.notify(sc_core::sc_time::from_value(ahead));
}

namespace {

std::size_t count_processes(const std::vector<sc_core::sc_object*>& objects) {
    std::size_t count = 0;
    for (sc_core::sc_object* object : objects) {
        const std::string kind = object->kind();
        if (kind.find("process") != std::string::npos) ++count;
        count += count_processes(object->get_child_objects());
    }
    return count;
}

}  // namespace

void Agenda::start_of_simulation() { only_process_ = count_processes(sc_core::sc_get_top_level_objects()) == 1; }

bool Agenda::alone_until(std::uint64_t time) const {
    if (time == kTimeNever.fs) return false;
    return only_process_ || sc_core::sc_time_to_pending_activity().value() > (time - systemc_now()) / fs_per_tick_;
}

bool Agenda::go_on_at(SimTime at) {
    if (!running_ || !runs_ahead_ || at.fs > max_time_ || fired_ >= max_entries_ || next_time() <= at.fs) return false;
    if (stop_requested_.load(std::memory_order_relaxed) || !alone_until(at.fs)) return false;
    now_ = at.fs;
    ++fired_;
    return true;
}

void Agenda::run() {
    std::uint64_t horizon = systemc_now();
    if (beside_others_) {
        // One phase of an instant at a time, and in between all processes of others: what a phase sent through their
        // hands is there before anything is chosen in the next.
        std::uint64_t next = kTimeNever.fs;
        bool wait = waited_at_ != sc_core::sc_time_stamp().value();
        if (!wait) {
            wake_time_ = kTimeNever.fs;
            running_ = true;
            std::uint64_t phase = ~std::uint64_t{0};
            while (!wait && (next = next_time()) <= horizon) {
                if (fired_ >= max_entries_) stop_ = Stop::entries;
                if ((fired_ & 1023) == 0 && stop_requested_.load(std::memory_order_relaxed)) stop_ = Stop::requested;
                if (stop_ != Stop::none) break;
                AgendaEntry* entry = current_.back();
                const std::uint64_t its = entry->key_ >> (kRankBits + kSequenceBits);
                wait = its > phase;
                if (wait) continue;
                phase = its;
                current_.pop_back();
                entry->scheduled_ = false;
                --pending_;
                ++fired_;
                now_ = entry->time_;
                entry->fire_(entry->owner_, *entry);
            }
            running_ = false;
        }
        if (!wait && stop_ == Stop::none && next != kTimeNever.fs && next > max_time_) stop_ = Stop::time;
        if (stop_ != Stop::none) {
            sc_core::sc_stop();
        } else if (wait) {
            others_are_here();
            wake_time_ = horizon;
            wake_.notify(sc_core::SC_ZERO_TIME);
        } else if (next != kTimeNever.fs) {
            wake_systemc_at(next);
        }
        return;
    }
    wake_time_ = kTimeNever.fs;
    running_ = true;
    for (;;) {
        const std::uint64_t next = next_time();
        if (next > horizon) {
            if (!runs_ahead_ || next > max_time_ || !alone_until(next)) break;
            horizon = next;
        }
        if (fired_ >= max_entries_) stop_ = Stop::entries;
        if ((fired_ & 1023) == 0 && stop_requested_.load(std::memory_order_relaxed)) stop_ = Stop::requested;
        if (stop_ != Stop::none) break;
        AgendaEntry* entry = current_.back();
        current_.pop_back();
        entry->scheduled_ = false;
        --pending_;
        ++fired_;
        now_ = entry->time_;
        if (pending_ >= kMany) look_ahead();
        entry->fire_(entry->owner_, *entry);
    }
    running_ = false;
    if (stop_ == Stop::none) {
        const std::uint64_t next = next_time();
        if (next == kTimeNever.fs) return;
        if (next <= max_time_) {
            wake_systemc_at(next);
            return;
        }
        stop_ = Stop::time;
    }
    sc_core::sc_stop();
}

}  // namespace xlate::soc
