// Holds a master, or a port of an interconnect, to so many bytes in each window of time: windows follow one another
// from time 0, and what a window leaves is lost. An access that does not fit waits for the next one at the door, and
// all behind it where they come from; one that is larger than the budget goes first in a window and takes all of it.
// Ledger: what waits here is `regulator`.
#pragma once

#include <systemc>

#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/measure/stats.hpp"
#include "soc/measure/usage.hpp"
#include "soc/time/agenda.hpp"

namespace xlate::soc {

class Regulator final : public sc_core::sc_module, public Component, public Target, public Initiator {
public:
    Regulator(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
              const RegulatorParams& params, std::string place);

    TargetPort from;
    InitiatorPort to;
    const RegulatorStats& stats() const { return stats_; }
    void add_uses(std::vector<ResourceUse>& all) const {
        const std::uint64_t held = stats_.held_fs + (door_ != nullptr ? (agenda_.now() - came_).fs : 0);
        all.push_back(single(ResourceKind::regulator, component_name(), "", held, held));
    }

private:
    bool on_request(unsigned, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;
    void on_accepted(unsigned) override;
    void on_response(unsigned, Transaction& transaction) override;
    void go_on();
    /// Looks at the window of now.
    bool fits(const Transaction& transaction);
    void send(Transaction& transaction);

    Agenda& agenda_;
    const RegulatorParams params_;
    std::uint64_t window_ = 0;  ///< number of the one that used_ is of
    std::uint64_t used_ = 0;    ///< bytes
    Transaction* door_ = nullptr;
    SimTime came_;       ///< of what stands at the door
    bool held_ = false;  ///< by the budget
    AgendaEntry next_window_;
    RegulatorStats stats_;
};

}  // namespace xlate::soc
