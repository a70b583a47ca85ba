// The edge at which our traffic leaves to a foreign target: our ports inside, the base protocol outside.
//   sends      nb_transport_fw(BEGIN_REQ) without annotated delay, one request at a time; END_RESP where a response
//   began
//              by return
//   takes      every legal answer: TLM_ACCEPTED; END_REQ by return or by call, or skipped; BEGIN_RESP by return or by
//              call; TLM_COMPLETED; each with any annotated delay. A response by call is answered with TLM_COMPLETED:
//              it never has to wait.
//   who        if asked, each payload says it in the DmaAttributes extension
//   debug      transport_dbg passes through. DMI is never asked for.
// Errors: what breaks the protocol ends in a report of severity error, id "xlate/protocol".
#pragma once

#include <tlm>

#include <deque>
#include <string>
#include <vector>

#include "soc/bus/ports.hpp"
#include "soc/modules/attributes.hpp"
#include "soc/modules/world.hpp"

namespace xlate::soc {

class Outlet final : public Component, public Target, public tlm::tlm_bw_transport_if<> {
public:
    /// `port_name`: of the SystemC objects, in the module that is being made.
    Outlet(World& world, const std::string& name, const std::string& port_name, bool says_who = false);
    /// The way out: of the socket that stands outside.
    void connect(sc_core::sc_port_b<tlm::tlm_fw_transport_if<>>& forward) { forward_ = &forward; }

    TargetPort port;  ///< inwards

    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void invalidate_direct_mem_ptr(sc_dt::uint64 start, sc_dt::uint64 end) override;

private:
    bool on_request(unsigned, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;

    void request_over();
    static void responded(void* owner, AgendaEntry& entry);
    void respond(Transaction& transaction, bool owes_end);
    SimTime later(const sc_core::sc_time& delay) const;
    [[noreturn]] void violated(const std::string& what) const;

    void introduce(Transaction& transaction);
    void take_back(Transaction& transaction);

    struct Open {
        Transaction* transaction = nullptr;
        bool responds = false;  ///< its response has begun
        bool owes_end = false;  ///< END_RESP is ours to send
    };
    World& world_;
    sc_core::sc_port_b<tlm::tlm_fw_transport_if<>>* forward_ = nullptr;
    const bool says_who_;
    std::deque<DmaAttributes> attributes_;
    std::vector<DmaAttributes*> free_attributes_;
    std::uint64_t introduced_ = 0;
    std::vector<Open> open_;          ///< sent, and not back yet
    Transaction* request_ = nullptr;  ///< BEGIN_REQ went, END_REQ has not come
    bool at_door_ = false;            ///< it was not taken at once
    bool request_ends_ = false;       ///< it is known when
    AgendaEntry request_over_;
};

}  // namespace xlate::soc
