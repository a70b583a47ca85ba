#include "soc/ports.hpp"

#include "base/error.hpp"

namespace xlate::soc {

TargetPort::TargetPort(const std::string& name, Target& owner, unsigned number)
    : socket(name.c_str()), owner_(owner), number_(number) {
    socket.bind(*this);
}

void TargetPort::respond(Transaction& transaction) {
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
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    waiting_ = &transaction.payload();
    if (socket->nb_transport_fw(transaction.payload(), phase, delay) != tlm::TLM_ACCEPTED) waiting_ = nullptr;
}

tlm::tlm_sync_enum InitiatorPort::nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                                  sc_core::sc_time&) {
    const bool was_waiting = waiting_ == &payload;
    if (was_waiting) waiting_ = nullptr;
    if (phase == tlm::END_REQ) {
        owner_.on_accepted(number_);
        return tlm::TLM_ACCEPTED;
    }
    XLATE_CHECK(phase == tlm::BEGIN_RESP, std::string(phase.get_name()));
    owner_.on_response(number_, Transaction::of(payload));
    if (was_waiting) owner_.on_accepted(number_);  // a response implies END_REQ
    return tlm::TLM_COMPLETED;
}

void InitiatorPort::invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) {}

}  // namespace xlate::soc
