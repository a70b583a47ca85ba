// What happens when: the one order of everything in a SoC. A timing wheel with an overflow heap, ordered by
// (time, phase, component, sequence), driven by one SystemC process that tells SystemC only the next instant.
// Source: design.md section 2 "One clock, and an order within the same instant"; SystemC itself does not order events
// of the same instant.
#pragma once

#include <systemc>

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "soc/time/component.hpp"

namespace xlate::soc {

/// Within one instant. Rules: transport calls are made in `arrive` and only enqueue where a choice is to be made;
/// choices among what has arrived fall in `decide`; kernel code runs in `act`.
enum class Phase : std::uint8_t { arrive, decide, act };

/// One thing to happen, embedded in whatever it happens to. Not movable while scheduled. Cost: no allocation.
class AgendaEntry {
public:
    AgendaEntry() = default;
    AgendaEntry(const AgendaEntry&) = delete;
    AgendaEntry& operator=(const AgendaEntry&) = delete;

    using Fire = void (*)(void* owner, AgendaEntry& self);
    void bind(void* owner, Fire fire) {
        owner_ = owner;
        fire_ = fire;
    }
    /// Calls (owner->*method)() when its time has come.
    template <auto Method, typename Owner>
    void bind(Owner* owner) {
        bind(owner, [](void* self, AgendaEntry&) { (static_cast<Owner*>(self)->*Method)(); });
    }
    /// `fetch(owner, steps)` tells the host what will be read when the entry fires, `steps` entries from now: 3, 2,
    /// then 1. For owners with much state of their own, of which there may be many.
    using Fetch = void (*)(void* owner, unsigned steps);
    void fetch_by(Fetch fetch) { fetch_ = fetch; }
    bool scheduled() const { return scheduled_; }
    SimTime time() const { return {time_}; }

private:
    friend class Agenda;
    std::uint64_t time_ = 0;
    std::uint64_t key_ = 0;  ///< phase, component rank, sequence
    AgendaEntry* next_ = nullptr;
    void* owner_ = nullptr;
    Fire fire_ = nullptr;
    Fetch fetch_ = nullptr;
    bool scheduled_ = false;
};

class Agenda : public sc_core::sc_module {
public:
    explicit Agenda(const sc_core::sc_module_name& name);
    ~Agenda() override;

    /// Before the simulation starts: names differ, components outlive the agenda's use.
    void add_component(Component& component);
    void rank_components();

    /// `at` is not in the past; the entry is not scheduled.
    void schedule(AgendaEntry& entry, SimTime at, Phase phase, const Component& component);
    void schedule_after(AgendaEntry& entry, SimTime delay, Phase phase, const Component& component) {
        schedule(entry, now() + delay, phase, component);
    }
    /// No effect if it is not scheduled.
    void cancel(AgendaEntry& entry);

    /// For an entry that would schedule itself as the next thing to happen: true if nothing else happens up to and
    /// including `at`; then it is `at` now, as if the entry had been fired.
    bool go_on_at(SimTime at);

    SimTime now() const { return {now_}; }
    bool empty() const { return pending_ == 0; }
    std::uint64_t fired() const { return fired_; }

    /// From now on it goes on to its next instant without returning to SystemC, if nothing of anybody else is pending
    /// up to then. For a SoC whose modules are all ours: sc_time_stamp() then lags behind now().
    void run_ahead() { runs_ahead_ = true; }

    /// From now on foreign processes act in the same instants: in each, SystemC runs those that wait for it first, so
    /// that what they send is there before anything is chosen. sc_time_stamp() is never behind now().
    void stand_beside_others() { beside_others_ = true; }
    /// What foreign processes of this instant sent is about to be scheduled: there is nothing more to wait for.
    void others_are_here() { waited_at_ = sc_core::sc_time_stamp().value(); }
    /// SystemC's time resolution. Times in between are reached at the next whole one.
    std::uint64_t fs_per_tick() const { return fs_per_tick_; }

    /// The run ends when the next entry lies past `max_time`, or before the entry that would be number `max_entries`+1.
    void limit(SimTime max_time, std::uint64_t max_entries);
    enum class Stop : std::uint8_t { none, time, entries, requested };
    Stop stopped() const { return stop_; }
    /// May be called from a signal handler or another thread.
    void request_stop() { stop_requested_.store(true, std::memory_order_relaxed); }

private:
    static constexpr unsigned kSlotShift = 18;         ///< a slot is 2^18 fs, about a quarter of a nanosecond
    static constexpr std::size_t kSlots = 4096;        ///< the wheel holds about a microsecond
    static constexpr std::uint64_t kMany = 128;        ///< pending entries whose owners no host cache is likely to hold
    static constexpr std::size_t kLookAheadWords = 4;  ///< how far look_ahead() looks: 64 slots each
    static constexpr unsigned kRankBits = 20;
    static constexpr unsigned kSequenceBits = 42;

    static bool before(const AgendaEntry& a, const AgendaEntry& b) {
        return a.time_ != b.time_ ? a.time_ < b.time_ : a.key_ < b.key_;
    }
    /// Of the overflow: its time is here, so that the heap need not look at entries which no host cache holds.
    struct Far {
        std::uint64_t time;
        AgendaEntry* entry;
    };
    /// For the standard heap and sort: the earliest entry comes out first, or stands at the back.
    struct Later {
        bool operator()(const AgendaEntry* a, const AgendaEntry* b) const { return before(*b, *a); }
        bool operator()(const Far& a, const Far& b) const {
            return a.time != b.time ? b.time < a.time : b.entry->key_ < a.entry->key_;
        }
    };
    void look_ahead() const;
    void refuse(const AgendaEntry& entry, SimTime at, const Component& component) const;
    void put(AgendaEntry& entry, SimTime at, Phase phase, const Component& component);
    void put_from_outside(AgendaEntry& entry, SimTime at, Phase phase, const Component& component);
    void insert(AgendaEntry& entry);
    void insert_far(AgendaEntry& entry);
    void insert_current(AgendaEntry& entry);
    void sort_current();
    void fill_current();
    void pull_overflow();
    void run();
    std::uint64_t next_time();
    bool alone_until(std::uint64_t time) const;
    std::uint64_t systemc_now() const { return sc_core::sc_time_stamp().value() * fs_per_tick_; }
    void wake_systemc_at(std::uint64_t time);

    std::uint64_t now_ = 0;
    std::uint64_t sequence_ = 0;
    std::uint64_t pending_ = 0;
    std::uint64_t fired_ = 0;

    std::array<AgendaEntry*, kSlots> slots_{};
    std::array<std::uint64_t, kSlots / 64> occupied_{};
    std::uint64_t base_slot_ = 0;        ///< number of the slot whose entries are in current_
    std::vector<AgendaEntry*> current_;  ///< latest first: the next to fire is at the back
    std::vector<Far> overflow_;          ///< heap, earliest at the front: beyond the wheel

    std::uint64_t max_time_ = kTimeNever.fs;
    std::uint64_t max_entries_ = ~std::uint64_t{0};
    Stop stop_ = Stop::none;
    std::atomic<bool> stop_requested_{false};
    std::vector<Component*> components_;

    void start_of_simulation() override;

    bool running_ = false;
    bool runs_ahead_ = false;
    bool beside_others_ = false;
    std::uint64_t fs_per_tick_ = 1;
    std::uint64_t waited_at_ = ~std::uint64_t{0};  ///< beside others: SystemC's instant in which they have run
    bool only_process_ = false;                    ///< nobody else can be pending in SystemC
    std::uint64_t wake_time_ = kTimeNever.fs;      ///< what SystemC has been told
    sc_core::sc_event wake_;
};

}  // namespace xlate::soc
