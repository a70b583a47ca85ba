// A ring or mesh of routers between initiators and targets: what the crossbar is, with ways of several steps.
//   packets    a header and data beats (writes forth, reads back), as the crossbar's; requests and responses have links
//              and channels of their own, so that no response waits for a request
//   router     what has come to one competes for the link that it needs: priority, then age, then name; the winner is
//              `router` cycles later at the link's beginning and `link` later at the next router
//   link       a packet at a time, for as many cycles as it is long
//   credits    each virtual channel of a link holds so many packets at the router behind it; a packet goes into the
//              channel with the most room, and leaves it when it goes on (cut-through at one width: it drains as fast
//              as the next one comes). At its target it leaves when the target has taken it; initiators take at once
//   clock      the SoC's; a bridge below it has a crossing (soc.interconnects)
// Not modelled: flits of several packets in turn, adaptive ways, links of different widths.
#pragma once

#include <systemc>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "soc/bus/address_map.hpp"
#include "soc/bus/network_plan.hpp"
#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/measure/stats.hpp"
#include "soc/measure/usage.hpp"
#include "soc/time/agenda.hpp"

namespace xlate::soc {

class Network final : public sc_core::sc_module, public Component, public Target, public Initiator {
public:
    struct Site {
        std::string name;
        std::size_t node = 0;
    };
    Network(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda, ClockPeriod clock,
            const CrossbarParams& packets, const NetworkParams& params, const std::vector<Site>& initiators,
            const std::vector<Site>& targets, AddressMap map);

    TargetPort& initiator(std::size_t index) { return *returns_[index]->port; }
    InitiatorPort& target(std::size_t index) { return *layers_[index]->port; }
    std::vector<LinkStats> links() const;
    void add_uses(std::vector<ResourceUse>& all) const;

private:
    struct Link;
    struct Packet {
        AgendaEntry entry;
        Network* network = nullptr;
        Transaction* transaction = nullptr;
        bool response = false;
        bool crossed = false;  ///< it has passed between a ring's last and first node
        std::size_t port = 0;  ///< where it goes: of a request the target's, of a response the initiator's
        std::vector<std::size_t> way;
        std::size_t step = 0;     ///< of the way: next
        std::size_t at = 0;       ///< node
        Link* held = nullptr;     ///< in whose channel it is,
        std::size_t channel = 0;  ///< and which
        SimTime length, since;
    };
    struct Link {
        Network* owner = nullptr;
        std::vector<Packet*> waiting;
        SimTime free;
        AgendaEntry decide;
        std::vector<std::uint32_t> credits;  ///< of each channel
        LinkStats stats;
        std::uint64_t waited_fs = 0;
    };
    struct Layer {
        Network* owner = nullptr;
        std::size_t node = 0;
        std::unique_ptr<InitiatorPort> port;
        std::vector<Packet*> waiting;
        std::deque<Packet*> at_door;
        SimTime free;
        AgendaEntry decide;
    };
    struct Return {
        std::size_t node = 0;
        std::unique_ptr<TargetPort> port;
        SimTime free;
    };

    bool on_request(unsigned port, Transaction& transaction) override;
    void on_response(unsigned port, Transaction& transaction) override;
    void on_accepted(unsigned port) override;
    unsigned on_debug(unsigned port, tlm::tlm_generic_payload& payload) override;

    Packet& make(Transaction& transaction, bool response, std::size_t from, std::size_t to, std::size_t port,
                 bool carries_data);
    void give_back(Packet& packet) { free_packets_.push_back(&packet); }
    void at_router(Packet& packet);
    void come_back(Packet& packet);
    void deliver(Packet& packet);
    void into_target(Layer& layer, Packet& packet);
    void let_go(Packet& packet);
    static bool goes_before(const Packet* a, const Packet* b);
    void choose(Link& link);
    void choose(Layer& layer);
    std::pair<std::size_t, std::size_t> channels_of(const Packet& packet, std::size_t next) const;
    Link& link(bool response, std::size_t from, std::size_t to) { return *links_.at({response, {from, to}}); }

    Agenda& agenda_;
    const ClockPeriod clock_;
    const CrossbarParams packets_;
    const NetworkParams params_;
    const NetworkPlan plan_;
    const AddressMap map_;
    std::map<std::pair<bool, std::pair<std::size_t, std::size_t>>, std::unique_ptr<Link>> links_;
    std::vector<std::unique_ptr<Layer>> layers_;
    std::vector<std::unique_ptr<Return>> returns_;
    std::deque<Packet> all_packets_;
    std::vector<Packet*> free_packets_;
};

}  // namespace xlate::soc
