// The edge at which a foreign initiator enters: the base protocol outside, our ports inside.
//   nb_transport   BEGIN_REQ with any annotated delay; END_REQ when the last piece has been taken (it may come much
//                  later: back-pressure); BEGIN_RESP; END_RESP by return or by call, with any delay. One request and
//                  one response at a time, as the base protocol's exclusion rules say.
//   b_transport    from a process that can wait; takes the simulated time that the access takes, from the annotated
//                  delay on, and leaves a delay of zero. Both interfaces may be used side by side.
//   transport_dbg  passes through, without time or side effects. DMI is refused, since it would pass by translation.
// An access is cut where pages of the smallest size end; it is answered when all its pieces are, with the error of the
// first one that failed. Extensions of the payload travel with each piece.
// Errors: what breaks the protocol ends in a report of severity error, id "xlate/protocol".
#pragma once

#include <tlm>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "soc/bus/ports.hpp"
#include "soc/modules/world.hpp"

namespace xlate::soc {

class Inlet final : public Component, public Initiator, public tlm::tlm_fw_transport_if<> {
public:
    struct Shape {
        unsigned log2_piece = 12;             ///< where accesses are cut
        std::uint64_t base = 0;               ///< added to each address
        bool plain = false;                   ///< what is behind it knows no byte enables and no streaming
        std::optional<std::uint32_t> stream;  ///< of accesses that do not say theirs
        /// The same by access, if there is one: from an address, an ID extension of the platform's own.
        std::function<std::uint32_t(const tlm::tlm_generic_payload&)> stream_of;
        /// What an Outlet of ours sent comes in here: each access says who it is (DmaAttributes), and, if `in_order`,
        /// none of an outlet's passes another one of its.
        bool introduced = false, in_order = false;
    };
    /// `port_name`: of the SystemC objects, in the module that is being made.
    Inlet(World& world, const std::string& name, const std::string& port_name, Shape shape);
    /// The way back: of the socket that stands outside.
    void connect(sc_core::sc_port_b<tlm::tlm_bw_transport_if<>>& back) { back_ = &back; }

    InitiatorPort port;  ///< inwards

    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override;
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) override;
    unsigned transport_dbg(tlm::tlm_generic_payload& payload) override;

private:
    struct Access {
        Inlet* inlet = nullptr;
        tlm::tlm_generic_payload* payload = nullptr;
        bool blocking = false;
        std::uint32_t issued = 0;      ///< bytes
        std::uint32_t unfinished = 0;  ///< pieces
        std::uint32_t failed_at = 0;   ///< offset of the first piece that failed
        tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;
        std::uint16_t fault = 0;
        std::vector<std::uint8_t> enables;  ///< byte enables of a piece that is cut out of a pattern
        AgendaEntry arrival;
        sc_core::sc_event finished;
    };

    void on_accepted(unsigned) override;
    void on_response(unsigned, Transaction& transaction) override;

    Access& take(tlm::tlm_generic_payload& payload, bool blocking);
    void check_introduction(const tlm::tlm_generic_payload& payload);
    void arrived(Access& access);
    void issue();
    Transaction& cut(Access& access);
    void fill_in(const tlm::tlm_generic_payload& payload, Transaction& transaction);
    void drop(Transaction& transaction);
    std::uint32_t piece(std::uint64_t address, std::uint32_t left) const;
    void accepted(Access& access);
    void finish(Access& access);
    void answer();
    void answer_over();
    void give_back(Access& access);
    [[noreturn]] void violated(const std::string& what) const;

    World& world_;
    const Shape shape_;
    sc_core::sc_port_b<tlm::tlm_bw_transport_if<>>* back_ = nullptr;
    std::deque<Access> accesses_;
    std::vector<Access*> free_;
    std::deque<Access*> to_issue_;  ///< arrived, not all pieces of it sent
    Access* at_door_ = nullptr;     ///< whose last piece waits to be taken
    std::deque<Access*> to_answer_;
    const tlm::tlm_generic_payload* request_ = nullptr;  ///< BEGIN_REQ came, END_REQ not yet
    Access* answering_ = nullptr;                        ///< BEGIN_RESP went, END_RESP not yet
    bool answer_ends_ = false;                           ///< it is known when
    AgendaEntry answer_over_;
    std::uint64_t count_ = 0;
    std::map<std::uint32_t, std::uint64_t> last_of_;  ///< in_order: the last access of each outlet
};

}  // namespace xlate::soc
