// Between a crossbar and the one above it: from one clock to the other, with so many accesses on their way at once.
// A request goes on at the first edge of the upper clock, and `latency` cycles of it later; a response the same by the
// lower clock. One more access than `outstanding` waits at the door, and those behind it in the crossbar below.
#pragma once

#include <systemc>

#include <deque>

#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/measure/usage.hpp"
#include "soc/time/agenda.hpp"

namespace xlate::soc {

class Bridge final : public sc_core::sc_module, public Component, public Target, public Initiator {
public:
    /// `below`, `above`: the clocks of the crossbars.
    Bridge(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda, ClockPeriod below,
           ClockPeriod above, Cycles latency, std::uint32_t outstanding);

    TargetPort lower;
    InitiatorPort upper;
    void add_uses(std::vector<ResourceUse>& all) const;

private:
    bool on_request(unsigned, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;
    void on_accepted(unsigned) override;
    void on_response(unsigned, Transaction& transaction) override;
    void take(Transaction& transaction);
    static void forward_step(void* owner, AgendaEntry& entry);
    static void back_step(void* owner, AgendaEntry& entry);

    Agenda& agenda_;
    const ClockPeriod below_, above_;
    const Cycles latency_;
    std::uint32_t free_;
    const std::uint32_t places_;
    std::uint64_t held_fs_ = 0;  ///< see usage.hpp
    std::uint64_t door_fs_ = 0;
    Transaction* door_ = nullptr;
    std::deque<Transaction*> waiting_;  ///< across, and the crossbar above has not taken the one in front
};

}  // namespace xlate::soc
