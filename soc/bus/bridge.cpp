#include "soc/bus/bridge.hpp"

namespace xlate::soc {

Bridge::Bridge(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda, ClockPeriod below,
               ClockPeriod above, Cycles latency, std::uint32_t outstanding)
    : sc_core::sc_module(module_name),
      Component(name),
      lower("lower", *this, 0),
      upper("upper", *this, 0),
      agenda_(agenda),
      below_(below),
      above_(above),
      latency_(latency),
      free_(outstanding),
      places_(outstanding) {
    agenda_.add_component(*this);
}

bool Bridge::on_request(unsigned, Transaction& transaction) {
    if (free_ == 0) {
        door_ = &transaction;
        door_fs_ -= agenda_.now().fs;
        return false;
    }
    take(transaction);
    return true;
}

void Bridge::take(Transaction& transaction) {
    --free_;
    held_fs_ -= agenda_.now().fs;
    transaction.step.bind(this, &Bridge::forward_step);
    agenda_.schedule(transaction.step, above_.next_edge(agenda_.now()) + above_ * latency_, Phase::arrive, *this);
}

void Bridge::forward_step(void* owner, AgendaEntry& entry) {
    auto& bridge = *static_cast<Bridge*>(owner);
    bridge.waiting_.push_back(&Transaction::of_step(entry));
    bridge.on_accepted(0);
}

void Bridge::on_accepted(unsigned) {
    while (!waiting_.empty() && upper.free()) {
        Transaction& next = *waiting_.front();
        waiting_.pop_front();
        upper.send(next);
    }
}

void Bridge::on_response(unsigned, Transaction& transaction) {
    transaction.step.bind(this, &Bridge::back_step);
    agenda_.schedule(transaction.step, below_.next_edge(agenda_.now()) + below_ * latency_, Phase::arrive, *this);
}

void Bridge::back_step(void* owner, AgendaEntry& entry) {
    auto& bridge = *static_cast<Bridge*>(owner);
    ++bridge.free_;
    bridge.held_fs_ += bridge.agenda_.now().fs;
    Transaction* const waiting = bridge.door_;
    bridge.door_ = nullptr;
    bridge.lower.respond(Transaction::of_step(entry));
    if (waiting == nullptr) return;
    bridge.door_fs_ += bridge.agenda_.now().fs;
    bridge.take(*waiting);
    bridge.lower.accept(*waiting);
}

void Bridge::add_uses(std::vector<ResourceUse>& all) const {
    const std::uint64_t now = agenda_.now().fs;
    const std::uint64_t door = door_fs_ + (door_ != nullptr ? now : 0);
    all.push_back(
        {ResourceKind::bridge, component_name(), "", places_, held_fs_ + (places_ - free_) * now, door, door});
}

unsigned Bridge::on_debug(unsigned, tlm::tlm_generic_payload& payload) { return upper.socket->transport_dbg(payload); }

}  // namespace xlate::soc
