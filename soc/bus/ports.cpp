#include "soc/bus/ports.hpp"

#include "base/error.hpp"

namespace xlate::soc {

TargetPort::TargetPort(const std::string& name, Target& owner, unsigned number)
    : socket(name.c_str()), owner_(owner), number_(number) {
    socket.bind(*this);
}

/// The port on the other side, if it is one of ours.
InitiatorPort* TargetPort::ours() {
    if (!resolved_) {
        ours_ = dynamic_cast<InitiatorPort*>(socket.operator->());
        resolved_ = true;
    }
    return ours_;
}

TargetPort* InitiatorPort::ours() {
    if (!resolved_) {
        ours_ = dynamic_cast<TargetPort*>(socket.operator->());
        resolved_ = true;
    }
    return ours_;
}

void TargetPort::respond(Transaction& transaction) {
    if (InitiatorPort* peer = ours()) {
        peer->respond(transaction);
        return;
    }
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    // TLM_ACCEPTED: a foreign initiator sends END_RESP later; it may keep the payload, we are done with it.
    socket->nb_transport_bw(transaction.payload(), phase, delay);
}

void TargetPort::accept(Transaction& transaction) {
    tlm::tlm_phase phase = tlm::END_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->nb_transport_bw(transaction.payload(), phase, delay);
}

tlm::tlm_sync_enum TargetPort::nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                               sc_core::sc_time& delay) {
    if (phase == tlm::END_RESP) return tlm::TLM_COMPLETED;
    XLATE_CHECK(phase == tlm::BEGIN_REQ, std::string(phase.get_name()));
    XLATE_CHECK(delay == sc_core::SC_ZERO_TIME, "requests arrive when they are sent: " + delay.to_string());
    if (!owner_.on_request(number_, Transaction::of(payload))) return tlm::TLM_ACCEPTED;
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
}

void TargetPort::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
    // The loosely timed interface is for untimed accesses only: everything with time goes through nb_transport.
    const unsigned done = owner_.on_debug(number_, payload);
    payload.set_response_status(done == payload.get_data_length() ? tlm::TLM_OK_RESPONSE
                                                                  : tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

bool TargetPort::get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi& dmi) {
    dmi.init();
    return false;  // DMI would pass by translation and time
}

unsigned TargetPort::transport_dbg(tlm::tlm_generic_payload& payload) { return owner_.on_debug(number_, payload); }

InitiatorPort::InitiatorPort(const std::string& name, Initiator& owner, unsigned number)
    : socket(name.c_str()), owner_(owner), number_(number) {
    socket.bind(*this);
}

void InitiatorPort::send(Transaction& transaction) {
    XLATE_CHECK(waiting_ == nullptr, std::string(socket.name()));
    if (TargetPort* peer = ours()) {
        waiting_ = &transaction.payload();
        if (peer->owner_.on_request(peer->number_, transaction)) waiting_ = nullptr;
        return;
    }
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    waiting_ = &transaction.payload();
    if (socket->nb_transport_fw(transaction.payload(), phase, delay) != tlm::TLM_ACCEPTED) waiting_ = nullptr;
}

tlm::tlm_sync_enum InitiatorPort::nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                                  sc_core::sc_time&) {
    if (phase == tlm::END_REQ) {
        if (waiting_ == &payload) waiting_ = nullptr;
        owner_.on_accepted(number_);
        return tlm::TLM_ACCEPTED;
    }
    XLATE_CHECK(phase == tlm::BEGIN_RESP, std::string(phase.get_name()));
    respond(Transaction::of(payload));
    return tlm::TLM_COMPLETED;
}

void InitiatorPort::respond(Transaction& transaction) {
    const bool was_waiting = waiting_ == &transaction.payload();
    if (was_waiting) waiting_ = nullptr;
    owner_.on_response(number_, transaction);
    if (was_waiting) owner_.on_accepted(number_);  // a response implies END_REQ
}

void InitiatorPort::invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) {}

}  // namespace xlate::soc
