// A bare approximately-timed TLM-2.0 loop in the usual way: initiator, router, target, payload event queues, four
// phases, pooled payloads. No IOMMU. What a SystemC model costs before it models anything.
// Source: IEEE 1666-2011, 15.2 (base protocol), 16.3 (peq_with_cb_and_phase).
#pragma once

#include <tlm.h>
#include <tlm_utils/peq_with_cb_and_phase.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <systemc>
#include <vector>

namespace xlate::bench {

inline constexpr unsigned kTransactionBytes = 64;

class AtInitiator : public sc_core::sc_module, public tlm::tlm_mm_interface {
public:
    tlm_utils::simple_initiator_socket<AtInitiator> socket{"socket"};

    AtInitiator(const sc_core::sc_module_name& name, unsigned outstanding, std::uint64_t transactions);
    std::uint64_t completed() const { return completed_; }
    void free(tlm::tlm_generic_payload* payload) override;

private:
    struct Slot {
        tlm::tlm_generic_payload payload;
        std::array<unsigned char, kTransactionBytes> data{};
    };
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay);
    void arrived(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase);
    void issue();

    std::vector<std::unique_ptr<Slot>> slots_;
    std::vector<tlm::tlm_generic_payload*> idle_;
    tlm_utils::peq_with_cb_and_phase<AtInitiator> queue_;
    sc_core::sc_event issue_event_;
    bool request_open_ = false;  ///< BEGIN_REQ sent, END_REQ not yet seen
    std::uint64_t to_issue_;
    std::uint64_t issued_ = 0;
    std::uint64_t completed_ = 0;
};

/// Passes calls on at once, adding to their delay; or, queued, holds each call until its time, as a crossbar that
/// arbitrates must.
class AtRouter : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<AtRouter> in{"in"};
    tlm_utils::simple_initiator_socket<AtRouter> out{"out"};

    AtRouter(const sc_core::sc_module_name& name, bool queued);

private:
    tlm::tlm_sync_enum forward(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
    tlm::tlm_sync_enum backward(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
    void send_forward(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase);
    void send_backward(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase);

    bool queued_;
    tlm_utils::peq_with_cb_and_phase<AtRouter> forward_queue_;
    tlm_utils::peq_with_cb_and_phase<AtRouter> backward_queue_;
};

class AtTarget : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<AtTarget> socket{"socket"};

    explicit AtTarget(const sc_core::sc_module_name& name);

private:
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay);
    void arrived(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase);

    tlm_utils::peq_with_cb_and_phase<AtTarget> queue_;
    std::vector<unsigned char> memory_;
};

class AtLoop : public sc_core::sc_module {
public:
    AtLoop(const sc_core::sc_module_name& name, unsigned outstanding, bool queued_router, std::uint64_t transactions);
    std::uint64_t completed() const { return initiator_.completed(); }

private:
    AtInitiator initiator_;
    AtRouter router_;
    AtTarget target_{"target"};
};

}  // namespace xlate::bench
