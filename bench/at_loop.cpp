#include "bench/at_loop.hpp"

#include <cstring>

namespace xlate::bench {
namespace {

constexpr std::uint64_t kMemoryBytes = std::uint64_t{1} << 16;  // fits the host's caches: the loop is what is measured
const char* kBadPhase = "a phase that the base protocol does not have here";

sc_core::sc_time ns(double n) { return sc_core::sc_time(n, sc_core::SC_NS); }

}  // namespace

AtInitiator::AtInitiator(const sc_core::sc_module_name& name, unsigned outstanding, std::uint64_t transactions)
    : sc_core::sc_module(name), queue_(this, &AtInitiator::arrived), to_issue_(transactions) {
    socket.register_nb_transport_bw(this, &AtInitiator::nb_transport_bw);
    for (unsigned i = 0; i < outstanding; ++i) {
        slots_.push_back(std::make_unique<Slot>());
        Slot& slot = *slots_.back();
        slot.payload.set_mm(this);
        slot.payload.set_data_ptr(slot.data.data());
        slot.payload.set_data_length(kTransactionBytes);
        slot.payload.set_streaming_width(kTransactionBytes);
        idle_.push_back(&slot.payload);
    }
    sc_core::sc_spawn_options options;
    options.spawn_method();
    options.set_sensitivity(&issue_event_);
    sc_core::sc_spawn([this] { issue(); }, sc_core::sc_gen_unique_name("issue"), &options);
}

void AtInitiator::free(tlm::tlm_generic_payload* payload) {
    idle_.push_back(payload);
    if (idle_.size() == 1 && !request_open_) issue_event_.notify(sc_core::SC_ZERO_TIME);
}

void AtInitiator::issue() {
    if (request_open_ || idle_.empty() || issued_ == to_issue_) return;
    tlm::tlm_generic_payload* payload = idle_.back();
    idle_.pop_back();
    payload->acquire();
    payload->set_command(issued_ % 10 < 7 ? tlm::TLM_READ_COMMAND : tlm::TLM_WRITE_COMMAND);
    payload->set_address(issued_ * kTransactionBytes % kMemoryBytes);
    payload->set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    payload->set_dmi_allowed(false);
    ++issued_;
    request_open_ = true;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    if (socket->nb_transport_fw(*payload, phase, delay) != tlm::TLM_ACCEPTED)
        SC_REPORT_FATAL("at_loop", "the target completes early");
}

tlm::tlm_sync_enum AtInitiator::nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                                sc_core::sc_time& delay) {
    queue_.notify(payload, phase, delay);
    return tlm::TLM_ACCEPTED;
}

void AtInitiator::arrived(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase) {
    if (phase == tlm::END_REQ) {
        request_open_ = false;
        issue_event_.notify(ns(1));
    } else if (phase == tlm::BEGIN_RESP) {
        ++completed_;
        tlm::tlm_phase end = tlm::END_RESP;
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        socket->nb_transport_fw(payload, end, delay);
        payload.release();
    } else {
        SC_REPORT_FATAL("at_loop", kBadPhase);
    }
}

AtRouter::AtRouter(const sc_core::sc_module_name& name, bool queued)
    : sc_core::sc_module(name),
      queued_(queued),
      forward_queue_(this, &AtRouter::send_forward),
      backward_queue_(this, &AtRouter::send_backward) {
    in.register_nb_transport_fw(this, &AtRouter::forward);
    out.register_nb_transport_bw(this, &AtRouter::backward);
}

tlm::tlm_sync_enum AtRouter::forward(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) {
    delay += ns(5);
    if (!queued_) return out->nb_transport_fw(payload, phase, delay);
    forward_queue_.notify(payload, phase, delay);
    return tlm::TLM_ACCEPTED;
}

tlm::tlm_sync_enum AtRouter::backward(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                      sc_core::sc_time& delay) {
    delay += ns(5);
    if (!queued_) return in->nb_transport_bw(payload, phase, delay);
    backward_queue_.notify(payload, phase, delay);
    return tlm::TLM_ACCEPTED;
}

void AtRouter::send_forward(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase) {
    tlm::tlm_phase same = phase;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    out->nb_transport_fw(payload, same, delay);
}

void AtRouter::send_backward(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase) {
    tlm::tlm_phase same = phase;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    in->nb_transport_bw(payload, same, delay);
}

AtTarget::AtTarget(const sc_core::sc_module_name& name)
    : sc_core::sc_module(name), queue_(this, &AtTarget::arrived), memory_(kMemoryBytes) {
    socket.register_nb_transport_fw(this, &AtTarget::nb_transport_fw);
}

tlm::tlm_sync_enum AtTarget::nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                             sc_core::sc_time& delay) {
    // END_RESP comes after the initiator may have given up its reference, if the router queues.
    if (phase == tlm::BEGIN_REQ) payload.acquire();
    queue_.notify(payload, phase, delay);
    return tlm::TLM_ACCEPTED;
}

void AtTarget::arrived(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase) {
    if (phase == tlm::BEGIN_REQ) {
        if (payload.is_read()) {
            std::memcpy(payload.get_data_ptr(), &memory_[payload.get_address()], kTransactionBytes);
        } else {
            std::memcpy(&memory_[payload.get_address()], payload.get_data_ptr(), kTransactionBytes);
        }
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
        tlm::tlm_phase end = tlm::END_REQ;
        sc_core::sc_time delay = ns(2);
        socket->nb_transport_bw(payload, end, delay);
        tlm::tlm_phase response = tlm::BEGIN_RESP;
        delay = ns(60);
        socket->nb_transport_bw(payload, response, delay);
    } else if (phase == tlm::END_RESP) {
        payload.release();
    } else {
        SC_REPORT_FATAL("at_loop", kBadPhase);
    }
}

AtLoop::AtLoop(const sc_core::sc_module_name& name, unsigned outstanding, bool queued_router,
               std::uint64_t transactions)
    : sc_core::sc_module(name), initiator_("initiator", outstanding, transactions), router_("router", queued_router) {
    initiator_.socket.bind(router_.in);
    router_.out.bind(target_.socket);
}

}  // namespace xlate::bench
