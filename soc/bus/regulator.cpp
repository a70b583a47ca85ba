#include "soc/bus/regulator.hpp"

namespace xlate::soc {

Regulator::Regulator(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
                     const RegulatorParams& params, std::string place)
    : sc_core::sc_module(module_name),
      Component(name),
      from("from", *this, 0),
      to("to", *this, 0),
      agenda_(agenda),
      params_(params) {
    agenda_.add_component(*this);
    next_window_.bind<&Regulator::go_on>(this);
    stats_.place = std::move(place);
}

bool Regulator::fits(const Transaction& transaction) {
    const std::uint64_t window = agenda_.now().fs / params_.window.fs;
    if (window != window_) {
        window_ = window;
        used_ = 0;
    }
    return used_ == 0 || used_ + transaction.size() <= params_.bytes;
}

void Regulator::send(Transaction& transaction) {
    used_ += transaction.size();
    stats_.bytes += transaction.size();
    to.send(transaction);
}

bool Regulator::on_request(unsigned, Transaction& transaction) {
    const bool fit = fits(transaction);
    if (fit && to.free()) {
        send(transaction);
        return true;
    }
    door_ = &transaction;
    came_ = agenda_.now();
    transaction.ledger.charge(Part::issue, came_);
    held_ = false;
    go_on();
    return false;
}

/// A window has begun, or the door behind is open.
void Regulator::go_on() {
    if (door_ == nullptr) return;
    Transaction& transaction = *door_;
    if (!fits(transaction)) {
        if (!held_) ++stats_.held;
        held_ = true;
        if (!next_window_.scheduled()) {
            agenda_.schedule(next_window_, SimTime{(window_ + 1) * params_.window.fs}, Phase::arrive, *this);
        }
        return;
    }
    if (!to.free()) return;
    door_ = nullptr;
    stats_.held_fs += (agenda_.now() - came_).fs;
    transaction.ledger.charge(Part::regulator, agenda_.now());
    send(transaction);
    from.accept(transaction);
}

void Regulator::on_accepted(unsigned) { go_on(); }

void Regulator::on_response(unsigned, Transaction& transaction) { from.respond(transaction); }

unsigned Regulator::on_debug(unsigned, tlm::tlm_generic_payload& payload) { return to.socket->transport_dbg(payload); }

}  // namespace xlate::soc
