// What modules that stand in a foreign SystemC platform share: one agenda, one pool of payloads. Make one World, before
// the modules, and give it to each; SystemC's time resolution is fixed from then on.
//   resolution   any that can express the modules' clocks and times: 1 fs always can, 1 ps can up to 1 GHz and its
//                whole fractions. What cannot be expressed is refused at the end of elaboration.
//   order        calls of foreign processes are gathered while SystemC evaluates, and come in an order of their own
//                (component, address): the order in which SystemC runs ready processes changes nothing.
// Errors: one report of severity error, id "xlate", at the end of elaboration, with a line for each finding: sockets
// that are not bound, times that the resolution cannot express, what the modules themselves found.
#pragma once

#include <systemc>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "soc/bus/transaction.hpp"
#include "soc/measure/event_stream.hpp"
#include "soc/time/agenda.hpp"

namespace xlate::soc {

class World final : public sc_core::sc_module {
public:
    explicit World(const sc_core::sc_module_name& module_name);
    /// Around the agenda, pool and event stream of a SoC that has foreign parts; they outlive it.
    World(const sc_core::sc_module_name& module_name, Agenda& agenda, TransactionPool& pool, EventStream& stream);
    ~World() override;

    Agenda& agenda() { return agenda_; }
    TransactionPool& pool() { return pool_; }
    EventStream& stream() { return stream_; }
    /// Of all modules of this world: two runs did the same exactly if their digests are the same.
    std::uint64_t digest() const { return stream_.value(); }

    /// `entry` fires `delay` from now, in phase `arrive`, after all processes that run now have run. `tie` orders what
    /// one component gets at the same time. From a foreign process.
    void arrive(AgendaEntry& entry, const sc_core::sc_time& delay, const Component& component, std::uint64_t tie);

    /// Looked at at the end of elaboration: true if it is fine.
    void expect(std::function<bool()> fine, std::string otherwise);
    /// `what` of `component` takes `time`: the resolution has to express it.
    void uses_time(const std::string& component, const std::string& what, SimTime time);
    /// Says it once.
    void note(const std::string& text);

private:
    class Gate;
    struct Arrival {
        SimTime at;
        const Component* component;
        std::uint64_t tie;
        AgendaEntry* entry;
    };
    struct Expectation {
        std::function<bool()> fine;
        std::string otherwise;
    };
    void end_of_elaboration() override;
    void let_in();

    struct Own {
        Agenda agenda{"agenda"};
        TransactionPool pool;
        EventStream stream;
    };
    std::unique_ptr<Own> own_;
    Agenda& agenda_;
    TransactionPool& pool_;
    EventStream& stream_;
    std::unique_ptr<Gate> gate_;
    std::vector<Arrival> arrivals_;
    std::vector<Expectation> expectations_;
    std::vector<std::string> noted_;
};

}  // namespace xlate::soc
