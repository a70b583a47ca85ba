#include "soc/modules/outlet.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::soc {

using tlm::tlm_generic_payload;

Outlet::Outlet(World& world, const std::string& name, const std::string& port_name, bool says_who)
    : Component(name), port(port_name, *this, 0), world_(world), says_who_(says_who) {
    world_.agenda().add_component(*this);
    request_over_.bind<&Outlet::request_over>(this);
}

void Outlet::violated(const std::string& what) const {
    SC_REPORT_ERROR("xlate/protocol", (component_name() + ": " + what).c_str());
    throw InternalError("a report of severity error does not throw");
}

SimTime Outlet::later(const sc_core::sc_time& delay) const {
    return world_.agenda().now() + SimTime{delay.value() * world_.agenda().fs_per_tick()};
}

bool Outlet::on_request(unsigned, Transaction& transaction) {
    request_ = &transaction;
    request_ends_ = false;
    at_door_ = false;
    open_.push_back({&transaction});
    if (says_who_) introduce(transaction);
    Agenda& agenda = world_.agenda();
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    transaction.set_response(tlm::TLM_INCOMPLETE_RESPONSE);
    transaction.step.bind(this, &Outlet::responded);
    const tlm::tlm_sync_enum answer = (*forward_)->nb_transport_fw(transaction.payload(), phase, delay);
    const bool completed = answer == tlm::TLM_COMPLETED;
    if (completed || (answer == tlm::TLM_UPDATED && phase == tlm::BEGIN_RESP)) {
        open_.back().responds = true;
        open_.back().owes_end = !completed;
        agenda.schedule(transaction.step, later(delay), Phase::arrive, *this);
    } else if (answer == tlm::TLM_UPDATED && phase == tlm::END_REQ) {
        request_ends_ = true;
        if (delay != sc_core::SC_ZERO_TIME) {
            agenda.schedule(request_over_, later(delay), Phase::arrive, *this);
        } else {
            request_ = nullptr;
        }
    } else if (answer == tlm::TLM_UPDATED) {
        violated(std::string("BEGIN_REQ was answered with phase ") + phase.get_name());
    }
    at_door_ = request_ != nullptr;
    return !at_door_;
}

tlm::tlm_sync_enum Outlet::nb_transport_bw(tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                           sc_core::sc_time& delay) {
    const auto at = std::find_if(open_.begin(), open_.end(),
                                 [&](const Open& one) { return &one.transaction->payload() == &payload; });
    if (at == open_.end()) violated(std::string(phase.get_name()) + " of a payload that is not under way here");
    if (phase == tlm::END_REQ) {
        if (request_ == nullptr || &request_->payload() != &payload || request_ends_) {
            violated("END_REQ of a payload whose request is over");
        }
        request_ends_ = true;
        world_.arrive(request_over_, delay, *this, 0);
        return tlm::TLM_ACCEPTED;
    }
    if (phase == tlm::BEGIN_RESP) {
        if (at->responds) violated("BEGIN_RESP of a payload whose response has begun");
        at->responds = true;
        world_.arrive(at->transaction->step, delay, *this, 1);
        return tlm::TLM_COMPLETED;
    }
    violated(std::string("phase ") + phase.get_name() + " on the backward path");
}

void Outlet::request_over() {
    if (request_ == nullptr) return;
    Transaction& over = *request_;
    request_ = nullptr;
    port.accept(over);
}

void Outlet::responded(void* owner, AgendaEntry& entry) {
    auto& outlet = *static_cast<Outlet*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    const auto at = std::find_if(outlet.open_.begin(), outlet.open_.end(),
                                 [&](const Open& one) { return one.transaction == &transaction; });
    const bool owes_end = at->owes_end;
    outlet.open_.erase(at);
    outlet.respond(transaction, owes_end);
}

void Outlet::respond(Transaction& transaction, bool owes_end) {
    if (owes_end) {
        tlm::tlm_phase phase = tlm::END_RESP;
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        (*forward_)->nb_transport_fw(transaction.payload(), phase, delay);
    }
    if (transaction.payload().get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE) {
        violated("a response without a status");
    }
    if (request_ == &transaction) {  // a response ends the request too
        request_ = nullptr;
        world_.agenda().cancel(request_over_);
    }
    if (says_who_) take_back(transaction);
    transaction.ledger.charge(Part::memory, world_.agenda().now());
    port.respond(transaction);
}

void Outlet::introduce(Transaction& transaction) {
    if (free_attributes_.empty()) free_attributes_.push_back(&attributes_.emplace_back());
    DmaAttributes& attributes = *free_attributes_.back();
    free_attributes_.pop_back();
    attributes = {};
    attributes.stream = value(transaction.stream);
    if (transaction.substream) attributes.substream = value(*transaction.substream);
    attributes.privileged = transaction.privileged;
    attributes.instruction = transaction.instruction;
    attributes.of_iommu = transaction.of_iommu;
    attributes.priority = transaction.priority;
    attributes.timing_only = !transaction.moves_data();
    attributes.ats = transaction.ats.type;
    attributes.no_write = transaction.ats.no_write;
    attributes.source = rank();
    attributes.number = ++introduced_;
    transaction.payload().set_extension(&attributes);
}

void Outlet::take_back(Transaction& transaction) {
    auto* attributes = transaction.payload().get_extension<DmaAttributes>();
    transaction.fault = attributes->fault;
    if (transaction.ats.type == iommu::AtsType::translation_request && transaction.ats.answer != nullptr)
        *transaction.ats.answer = attributes->answer;
    transaction.payload().clear_extension(attributes);
    free_attributes_.push_back(attributes);
}

void Outlet::invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) {}

unsigned Outlet::on_debug(unsigned, tlm_generic_payload& payload) { return (*forward_)->transport_dbg(payload); }

}  // namespace xlate::soc
