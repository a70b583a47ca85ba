#include "soc/time/agenda.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "base/random.hpp"

using namespace xlate;
using soc::Agenda;
using soc::AgendaEntry;
using soc::Component;
using soc::Phase;

namespace {

/// Writes down when it was called.
struct Note : AgendaEntry {
    Note() = default;
    Note(std::string what_is_it, std::vector<std::string>& to, Agenda& agenda) {
        set(std::move(what_is_it), to, agenda);
    }
    void set(std::string what_is_it, std::vector<std::string>& to, Agenda& agenda) {
        what = std::move(what_is_it);
        log = &to;
        on = &agenda;
        bind(this, [](void* self, AgendaEntry&) {
            auto& note = *static_cast<Note*>(self);
            note.log->push_back(std::to_string(note.on->now().fs) + " " + note.what);
        });
    }
    std::string what;
    std::vector<std::string>* log = nullptr;
    Agenda* on = nullptr;
};

/// Somebody else's module, which acts once, 25 ns after the start.
class Foreigner : public sc_core::sc_module {
public:
    Foreigner(const sc_core::sc_module_name& name, std::function<void()> act)
        : sc_core::sc_module(name), act_(std::move(act)) {
        SC_HAS_PROCESS(Foreigner);
        SC_METHOD(wake);
        sensitive << event_;
        dont_initialize();
        event_.notify(sc_core::sc_time(25, sc_core::SC_NS));
    }

private:
    void wake() { act_(); }
    std::function<void()> act_;
    sc_core::sc_event event_;
};

void resolution() { sc_core::sc_set_time_resolution(1, sc_core::SC_FS); }

}  // namespace

TEST_CASE("agenda: one instant goes by phase, then by name, then by the order of scheduling", "[soc]") {
    resolution();
    Agenda agenda("agenda");
    Component b{"b"};
    Component a{"a"};
    agenda.add_component(b);
    agenda.add_component(a);
    agenda.rank_components();
    std::vector<std::string> log;
    Note notes[6];
    const char* names[6] = {"b act", "b arrive 1", "b arrive 2", "a decide", "a arrive", "a act"};
    for (int i = 0; i < 6; ++i) notes[i].set(names[i], log, agenda);
    agenda.schedule(notes[0], ns(1), Phase::act, b);
    agenda.schedule(notes[1], ns(1), Phase::arrive, b);
    agenda.schedule(notes[2], ns(1), Phase::arrive, b);
    agenda.schedule(notes[3], ns(1), Phase::decide, a);
    agenda.schedule(notes[4], ns(1), Phase::arrive, a);
    agenda.schedule(notes[5], ns(1), Phase::act, a);
    sc_core::sc_start();
    CHECK(log == std::vector<std::string>{"1000000 a arrive", "1000000 b arrive 1", "1000000 b arrive 2",
                                          "1000000 a decide", "1000000 a act", "1000000 b act"});
    CHECK(agenda.empty());
}

TEST_CASE("agenda: near and far, dense and sparse, everything fires in order and at its time", "[soc]") {
    resolution();
    Agenda agenda("agenda");
    Component component{"component"};
    agenda.add_component(component);
    agenda.rank_components();
    Rng rng{3, "agenda"};
    struct Entry : AgendaEntry {
        std::uint64_t due = 0;
        unsigned again = 0;
    };
    struct State {
        Agenda& agenda;
        Component& component;
        Rng& rng;
        std::uint64_t last = 0;
        std::uint64_t fired = 0;
        bool good = true;
    } state{agenda, component, rng};
    std::vector<std::unique_ptr<Entry>> entries;
    const auto delay = [](Rng& random) {
        switch (random.below(5)) {
            case 0:
                return random.below(3);  // the same slot, often the same instant
            case 1:
                return random.below(ns(5).fs);
            case 2:
                return random.below(us(2).fs);  // around the wheel's end
            case 3:
                return random.below(ms(1).fs);
            default:
                return random.below(ms(100).fs);
        }
    };
    static State* shared = nullptr;
    static std::uint64_t (*draw)(Rng&) = nullptr;
    shared = &state;
    draw = delay;
    for (int i = 0; i < 2000; ++i) {
        entries.push_back(std::make_unique<Entry>());
        Entry& entry = *entries.back();
        entry.again = 5;
        entry.due = delay(rng);
        entry.bind(&entry, [](void* self, AgendaEntry&) {
            auto& fired = *static_cast<Entry*>(self);
            const std::uint64_t now = shared->agenda.now().fs;
            shared->good =
                shared->good && now == fired.due && now >= shared->last && now == sc_core::sc_time_stamp().value();
            shared->last = now;
            ++shared->fired;
            if (fired.again-- == 0) return;
            fired.due = now + draw(shared->rng);
            shared->agenda.schedule(fired, SimTime{fired.due}, Phase::arrive, shared->component);
        });
        agenda.schedule(entry, SimTime{entry.due}, Phase::arrive, component);
    }
    // Every fifth is taken back: from the wheel, from beyond it, from the present slot.
    std::uint64_t cancelled = 0;
    for (std::size_t i = 0; i < entries.size(); i += 5) {
        agenda.cancel(*entries[i]);
        ++cancelled;
    }
    sc_core::sc_start();
    CHECK(state.good);
    CHECK(state.fired == (2000 - cancelled) * 6);
    CHECK(agenda.empty());
}

TEST_CASE("agenda: a limit of entries and a limit of time end the run where they say", "[soc]") {
    resolution();
    Agenda agenda("agenda");
    Component component{"component"};
    agenda.add_component(component);
    agenda.rank_components();
    agenda.limit(ns(25), 100);
    std::vector<std::string> log;
    std::vector<std::unique_ptr<Note>> notes;
    for (std::uint64_t i = 1; i <= 5; ++i) {
        notes.push_back(std::make_unique<Note>("x", log, agenda));
        agenda.schedule(*notes.back(), ns(10 * i), Phase::act, component);
    }
    sc_core::sc_start();
    CHECK(log.size() == 2);
    CHECK(agenda.stopped() == Agenda::Stop::time);
}

TEST_CASE("agenda: running ahead, it still gives way to a SystemC process that comes before its next instant",
          "[soc]") {
    resolution();
    Agenda agenda("agenda");
    Component component{"component"};
    agenda.add_component(component);
    agenda.rank_components();
    agenda.run_ahead();
    std::vector<std::string> log;
    std::vector<std::unique_ptr<Note>> notes;
    for (std::uint64_t i = 1; i <= 5; ++i) {
        notes.push_back(std::make_unique<Note>("ours", log, agenda));
        agenda.schedule(*notes.back(), ns(10 * i), Phase::arrive, component);
    }
    Note from_outside("scheduled from outside", log, agenda);
    Foreigner foreigner("foreigner", [&] {
        log.push_back(std::to_string(sc_core::sc_time_stamp().value()) + " foreign");
        agenda.schedule(from_outside, ns(27), Phase::arrive, component);
    });
    sc_core::sc_start();
    CHECK(log == std::vector<std::string>{"10000000 ours", "20000000 ours", "25000000 foreign",
                                          "27000000 scheduled from outside", "30000000 ours", "40000000 ours",
                                          "50000000 ours"});
    CHECK(agenda.empty());
}
