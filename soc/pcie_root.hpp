// A PCIe link and its root complex: many endpoints, one way up and one way back, each with a bandwidth and a latency.
// Hardware turns requester IDs into stream IDs here; the translation is fixed (wiring.hpp).
// Upwards, what waits goes by priority, then age, then name. Not modelled: lanes of switches, flow control credits,
// splitting at the maximum payload size.
#pragma once

#include <systemc>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "soc/agenda.hpp"
#include "soc/config.hpp"
#include "soc/ports.hpp"

namespace xlate::soc {

class PcieRoot final : public sc_core::sc_module, public Component, public Target, public Initiator {
public:
    /// `endpoints`: names; `exit_of`: for each the exit that its transactions take; `exits`: how many there are.
    PcieRoot(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
             const PcieParams& params, const std::vector<std::string>& endpoints,
             const std::vector<std::size_t>& exit_of, std::size_t exits);

    TargetPort& endpoint(std::size_t index) { return *endpoints_[index]; }
    InitiatorPort& exit(std::size_t index) { return exits_[index]->port; }

private:
    struct Exit {
        Exit(const std::string& name, PcieRoot& owner, unsigned number) : port(name, owner, number) {}
        InitiatorPort port;
        std::deque<Transaction*> at_door;
    };

    bool on_request(unsigned port, Transaction& transaction) override;
    unsigned on_debug(unsigned port, tlm::tlm_generic_payload& payload) override;
    void on_response(unsigned port, Transaction& transaction) override;
    void on_accepted(unsigned port) override;

    SimTime on_wire(const Transaction& transaction, bool data) const;
    void choose();
    static void arrived_up(void* owner, AgendaEntry& entry);
    static void arrived_down(void* owner, AgendaEntry& entry);

    Agenda& agenda_;
    const PcieParams params_;
    std::vector<std::unique_ptr<TargetPort>> endpoints_;
    std::vector<std::unique_ptr<Exit>> exits_;
    std::vector<std::size_t> exit_of_;
    std::vector<Transaction*> waiting_;
    SimTime up_free_;
    SimTime down_free_;
    AgendaEntry choose_;
};

}  // namespace xlate::soc
