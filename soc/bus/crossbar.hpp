// The interconnect: full crossbar between initiators (masters, IOMMUs, CPUs) and targets (memory, registers).
// To each target there is one layer; at each instant in which it is free, the waiting request with the highest
// priority goes, then the oldest, then that of the first source by name. Back to each initiator there is one layer,
// first come first served. An address that nobody serves is answered with an address error.
// Queues are bounded by what the initiators have outstanding.
#pragma once

#include <systemc>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "soc/bus/address_map.hpp"
#include "soc/bus/memory.hpp"
#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/measure/usage.hpp"
#include "soc/time/agenda.hpp"
#include "soc/time/calendar.hpp"
#include "soc/time/fast.hpp"
#include "soc/time/host_cache.hpp"

namespace xlate::soc {

class Crossbar final : public sc_core::sc_module, public Component, public Target, public Initiator {
public:
    /// A port for each initiator and for each target, by unique names.
    Crossbar(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda, ClockPeriod clock,
             const CrossbarParams& params, const std::vector<std::string>& initiators,
             const std::vector<std::string>& targets);

    /// By the place of its name in the constructor's lists.
    TargetPort& initiator(std::size_t index) { return *returns_[index]->port; }
    InitiatorPort& target(std::size_t index) { return *layers_[index]->port; }
    /// [base, base + size) leads to target number `target`. Ranges must not overlap. Before the simulation starts.
    void map(std::uint64_t base, std::uint64_t size, unsigned target);
    /// The same, to `channels` targets from `target` on in turn, `channel_bytes` to each; both are powers of two. An
    /// access goes where its first byte goes.
    void map_channels(std::uint64_t base, std::uint64_t size, unsigned target, unsigned channels,
                      std::uint32_t channel_bytes);
    /// What no range covers leads to `target`, instead of being refused.
    void map_rest(unsigned target) { map_.map_rest(target); }
    /// The same for all of a map, in place of what was there.
    void set_map(AddressMap map) { map_ = std::move(map); }

    /// From now on accesses to `memory`, which is target number `target`, are reserved ahead (`fast`).
    void plan_ahead(Memory& memory, unsigned target);
    /// The way from an initiator to that memory. Good for as long as this is there.
    PlannedWay& way_of(std::size_t initiator) { return *returns_[initiator]; }
    void add_uses(std::vector<ResourceUse>& all) const;

private:
    using Range = AddressMap::Range;
    /// Way to one target.
    struct Layer {
        Crossbar* owner = nullptr;
        unsigned number = 0;
        std::unique_ptr<InitiatorPort> port;
        std::vector<Transaction*>
            waiting;  ///< a heap, the next to go at the front: a CPU that clears memory has thousands there
        std::vector<Transaction*> at_door;  ///< passed, and the target is busy; oldest first
        SimTime free;
        Calendar calendar;  ///< `fast`; in `exact` it only counts
        AgendaEntry decide;
        std::string name;
    };
    /// Way back to one initiator.
    struct alignas(kHostLine) Return final : PlannedWay {
        explicit Return(Crossbar& crossbar) : owner(crossbar) {}
        bool plan(PlannedAccess& access) override;
        bool leads_to_memory(std::uint64_t address, std::uint64_t size) const override;

        void fetch(unsigned) const override { fetch_line(this); }

        Crossbar& owner;
        Calendar calendar;
        std::unique_ptr<TargetPort> port;
        SimTime free;
        std::string name;
    };

    bool on_request(unsigned port, Transaction& transaction) override;
    void on_response(unsigned port, Transaction& transaction) override;
    void on_accepted(unsigned port) override;
    unsigned on_debug(unsigned port, tlm::tlm_generic_payload& payload) override;

    const Range* find(std::uint64_t address, std::uint64_t size) const { return map_.find(address, size); }
    SimTime occupancy(std::uint32_t size, bool carries_data) const;
    void reserve(Return& way, PlannedAccess& access);
    void go_planned(Return& way, Transaction& transaction);
    static void planned_memory_step(void* owner, AgendaEntry& entry);
    void choose(Layer& layer);
    void deliver(Layer& layer, Transaction& transaction);
    void refuse(Transaction& transaction);
    void send_back(Transaction& transaction);
    static void deliver_step(void* owner, AgendaEntry& entry);
    static void return_step(void* owner, AgendaEntry& entry);
    static void refuse_step(void* owner, AgendaEntry& entry);

    Agenda& agenda_;
    const ClockPeriod clock_;
    const CrossbarParams params_;
    const SimTime request_latency_;
    const SimTime response_latency_;
    AddressMap map_;
    std::vector<std::unique_ptr<Layer>> layers_;
    std::vector<std::unique_ptr<Return>> returns_;
    Memory* planned_memory_ = nullptr;
    unsigned planned_target_ = 0;
};

}  // namespace xlate::soc
