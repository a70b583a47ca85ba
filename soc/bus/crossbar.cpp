#include "soc/bus/crossbar.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::soc {

namespace {

/// Who of those that wait goes later. No two are equal: a source counts what it sends.
struct Later {
    bool operator()(const Transaction* a, const Transaction* b) const {
        if (a->priority != b->priority) return a->priority < b->priority;
        if (a->since != b->since) return a->since > b->since;
        if (a->source_rank != b->source_rank) return a->source_rank > b->source_rank;
        return a->number > b->number;
    }
};

}  // namespace

Crossbar::Crossbar(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
                   ClockPeriod clock, const CrossbarParams& params, const std::vector<std::string>& initiators,
                   const std::vector<std::string>& targets)
    : sc_core::sc_module(module_name),
      Component(name),
      agenda_(agenda),
      clock_(clock),
      params_(params),
      request_latency_(clock * params.request_latency),
      response_latency_(clock * params.response_latency) {
    agenda_.add_component(*this);
    for (const std::string& source : initiators) {
        auto way = std::make_unique<Return>(*this);
        const auto number = static_cast<unsigned>(returns_.size());
        way->name = source;
        way->port = std::make_unique<TargetPort>(systemc_name("from_" + source), *this, number);
        returns_.push_back(std::move(way));
    }
    for (const std::string& destination : targets) {
        auto layer = std::make_unique<Layer>();
        layer->owner = this;
        layer->name = destination;
        layer->number = static_cast<unsigned>(layers_.size());
        layer->port = std::make_unique<InitiatorPort>(systemc_name("to_" + destination), *this, layer->number);
        layer->decide.bind(layer.get(), [](void* self, AgendaEntry&) {
            auto& chosen = *static_cast<Layer*>(self);
            chosen.owner->choose(chosen);
        });
        layers_.push_back(std::move(layer));
    }
}

void Crossbar::map(std::uint64_t base, std::uint64_t size, unsigned target) {
    XLATE_CHECK(size > 0 && target < layers_.size(), std::to_string(target));
    map_.map(base, size, target);
}

void Crossbar::map_channels(std::uint64_t base, std::uint64_t size, unsigned target, unsigned channels,
                            std::uint32_t channel_bytes) {
    XLATE_CHECK(size > 0 && target + channels <= layers_.size(), std::to_string(target));
    map_.map_channels(base, size, target, channels, channel_bytes);
}

SimTime Crossbar::occupancy(std::uint32_t size, bool carries_data) const {
    const std::uint64_t beats = carries_data ? (size + params_.width_bytes - 1) / params_.width_bytes : 0;
    return clock_ * Cycles{params_.header.count + beats};
}

bool Crossbar::on_request(unsigned port, Transaction& transaction) {
    transaction.push_route(static_cast<std::uint16_t>(port));
    const Range* range = find(transaction.address(), transaction.size());
    if (range == nullptr) {
        refuse(transaction);
        return true;
    }
    if (planned_memory_ != nullptr && range->target == planned_target_) {
        go_planned(*returns_[port], transaction);
        return true;
    }
    Layer& layer = *layers_[range->target_of(transaction.address())];
    transaction.since = agenda_.now();
    layer.waiting.push_back(&transaction);
    std::push_heap(layer.waiting.begin(), layer.waiting.end(), Later{});
    if (!layer.decide.scheduled()) {
        agenda_.schedule(layer.decide, std::max(agenda_.now(), layer.free), Phase::decide, *this);
    }
    return true;
}

void Crossbar::choose(Layer& layer) {
    if (layer.waiting.size() > 1) std::pop_heap(layer.waiting.begin(), layer.waiting.end(), Later{});
    Transaction& chosen = *layer.waiting.back();
    layer.waiting.pop_back();
    const SimTime length = occupancy(chosen.size(), chosen.write());
    layer.calendar.count_wait(agenda_.now() - chosen.since);
    layer.calendar.count_busy(length);
    layer.free = agenda_.now() + length;
    chosen.step.bind(&layer, &Crossbar::deliver_step);
    agenda_.schedule(chosen.step, agenda_.now() + request_latency_, Phase::arrive, *this);
    if (!layer.waiting.empty()) agenda_.schedule(layer.decide, layer.free, Phase::decide, *this);
}

void Crossbar::deliver_step(void* owner, AgendaEntry& entry) {
    auto& layer = *static_cast<Layer*>(owner);
    layer.owner->deliver(layer, Transaction::of_step(entry));
}

void Crossbar::deliver(Layer& layer, Transaction& transaction) {
    if (layer.port->free()) {
        layer.port->send(transaction);
    } else {
        layer.at_door.push_back(&transaction);
    }
}

void Crossbar::on_accepted(unsigned port) {
    Layer& layer = *layers_[port];
    while (!layer.at_door.empty() && layer.port->free()) {
        Transaction& next = *layer.at_door.front();
        layer.at_door.erase(layer.at_door.begin());
        layer.port->send(next);
    }
}

void Crossbar::on_response(unsigned, Transaction& transaction) {
    transaction.ledger.charge(Part::memory, agenda_.now());
    send_back(transaction);
}

void Crossbar::send_back(Transaction& transaction) {
    const std::uint16_t port = transaction.pop_route();
    Return& way = *returns_[port];
    const SimTime length = occupancy(transaction.size(), !transaction.write() && transaction.ok());
    SimTime start = std::max(agenda_.now(), way.free);
    if (planned_memory_ != nullptr) {
        start = way.calendar.reserve(agenda_.now(), agenda_.now(), length);
    } else {
        way.calendar.count_busy(length);
        if (start != agenda_.now()) way.calendar.count_wait(start - agenda_.now());
        way.free = start + length;
    }
    transaction.step.bind(way.port.get(), &Crossbar::return_step);
    agenda_.schedule(transaction.step, start + response_latency_, Phase::arrive, *this);
}

void Crossbar::add_uses(std::vector<ResourceUse>& all) const {
    for (const auto& layer : layers_) {
        all.push_back(single(ResourceKind::crossbar, component_name(), layer->name, layer->calendar.busy_fs(),
                             layer->calendar.waited_fs()));
    }
    for (const auto& way : returns_) {
        all.push_back(single(ResourceKind::crossbar_back, component_name(), way->name, way->calendar.busy_fs(),
                             way->calendar.waited_fs()));
    }
}

void Crossbar::plan_ahead(Memory& memory, unsigned target) {
    planned_memory_ = &memory;
    planned_target_ = target;
}

bool Crossbar::Return::leads_to_memory(std::uint64_t address, std::uint64_t size) const {
    const Range* range = owner.find(address, size);
    return range != nullptr && owner.planned_memory_ != nullptr && range->target == owner.planned_target_;
}

bool Crossbar::Return::plan(PlannedAccess& access) {
    if (!leads_to_memory(access.address, access.size)) return false;
    access.accepted = access.at;
    owner.reserve(*this, access);
    return true;
}

/// Layer, memory, and the way back, as a transaction passes them in `exact` if it meets nobody of a higher priority.
void Crossbar::reserve(Return& way, PlannedAccess& access) {
    const SimTime now = access.now;
    Layer& layer = *layers_[planned_target_];
    const SimTime passed = layer.calendar.reserve(now, access.at, occupancy(access.size, access.write));
    access.served = planned_memory_->reserve(passed + request_latency_, access.address, access.size);
    access.answered = access.served + planned_memory_->latency();
    access.charge(Part::memory, access.answered);
    access.at = way.calendar.reserve(now, access.answered, occupancy(access.size, !access.write)) + response_latency_;
    access.charge(Part::response, access.at);
}

/// A transaction that its initiator sent step by step: reserved from here on; bytes move when memory begins with it.
void Crossbar::go_planned(Return& way, Transaction& transaction) {
    PlannedAccess access;
    access.now = agenda_.now();
    access.at = access.now;
    access.address = transaction.address();
    access.size = transaction.size();
    access.write = transaction.write();
    reserve(way, access);
    transaction.since = access.at;
    if (transaction.moves_data()) {
        transaction.step.bind(this, &Crossbar::planned_memory_step);
        agenda_.schedule(transaction.step, access.served, Phase::arrive, *this);
        return;
    }
    transaction.pop_route();
    planned_memory_->access(transaction);
    transaction.ledger.charge(Part::memory, access.answered);
    transaction.step.bind(way.port.get(), &Crossbar::return_step);
    agenda_.schedule(transaction.step, access.at, Phase::arrive, *this);
}

void Crossbar::planned_memory_step(void* owner, AgendaEntry& entry) {
    auto& crossbar = *static_cast<Crossbar*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    Return& way = *crossbar.returns_[transaction.pop_route()];
    crossbar.planned_memory_->access(transaction);
    transaction.ledger.charge(Part::memory, crossbar.agenda_.now() + crossbar.planned_memory_->latency());
    transaction.step.bind(way.port.get(), &Crossbar::return_step);
    crossbar.agenda_.schedule(transaction.step, transaction.since, Phase::arrive, crossbar);
}

void Crossbar::return_step(void* owner, AgendaEntry& entry) {
    static_cast<TargetPort*>(owner)->respond(Transaction::of_step(entry));
}

void Crossbar::refuse(Transaction& transaction) {
    transaction.set_response(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    transaction.step.bind(this, &Crossbar::refuse_step);
    agenda_.schedule(transaction.step, agenda_.now() + request_latency_, Phase::arrive, *this);
}

void Crossbar::refuse_step(void* owner, AgendaEntry& entry) {
    auto& crossbar = *static_cast<Crossbar*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    transaction.ledger.charge(Part::memory, crossbar.agenda_.now());
    crossbar.send_back(transaction);
}

unsigned Crossbar::on_debug(unsigned, tlm::tlm_generic_payload& payload) {
    const Range* range = find(payload.get_address(), payload.get_data_length());
    return range == nullptr ? 0
                            : layers_[range->target_of(payload.get_address())]->port->socket->transport_dbg(payload);
}

}  // namespace xlate::soc
