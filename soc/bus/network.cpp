#include "soc/bus/network.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::soc {

Network::Network(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda, ClockPeriod clock,
                 const CrossbarParams& packets, const NetworkParams& params, const std::vector<Site>& initiators,
                 const std::vector<Site>& targets, AddressMap map)
    : sc_core::sc_module(module_name),
      Component(name),
      agenda_(agenda),
      clock_(clock),
      packets_(packets),
      params_(params),
      plan_(params),
      map_(std::move(map)) {
    agenda_.add_component(*this);
    for (const Site& site : initiators) {
        auto way = std::make_unique<Return>();
        way->node = site.node;
        way->port = std::make_unique<TargetPort>(systemc_name("from_" + site.name), *this,
                                                 static_cast<unsigned>(returns_.size()));
        returns_.push_back(std::move(way));
    }
    for (const Site& site : targets) {
        auto layer = std::make_unique<Layer>();
        layer->owner = this;
        layer->node = site.node;
        layer->port = std::make_unique<InitiatorPort>(systemc_name("to_" + site.name), *this,
                                                      static_cast<unsigned>(layers_.size()));
        layer->decide.bind(layer.get(), [](void* self, AgendaEntry&) {
            auto& chosen = *static_cast<Layer*>(self);
            chosen.owner->choose(chosen);
        });
        layers_.push_back(std::move(layer));
    }
    for (std::size_t from = 0; from < plan_.nodes(); ++from) {
        for (std::size_t to = 0; to < plan_.nodes(); ++to) {
            if (from == to || !plan_.neighbours(from, to)) continue;
            for (const bool response : {false, true}) {
                auto made = std::make_unique<Link>();
                made->owner = this;
                made->credits.assign(params.virtual_channels, params.credits);
                made->stats.name = plan_.name(from) + " -> " + plan_.name(to) + (response ? " responses" : " requests");
                made->decide.bind(made.get(), [](void* self, AgendaEntry&) {
                    auto& chosen = *static_cast<Link*>(self);
                    chosen.owner->choose(chosen);
                });
                links_[{response, {from, to}}] = std::move(made);
            }
        }
    }
}

Network::Packet& Network::make(Transaction& transaction, bool response, std::size_t from, std::size_t to,
                               std::size_t port, bool carries_data) {
    if (free_packets_.empty()) {
        Packet& made = all_packets_.emplace_back();
        made.network = this;
        made.entry.bind(&made, [](void* self, AgendaEntry&) {
            auto& packet = *static_cast<Packet*>(self);
            packet.network->come_back(packet);
        });
        free_packets_.push_back(&made);
    }
    Packet& packet = *free_packets_.back();
    free_packets_.pop_back();
    packet.transaction = &transaction;
    packet.response = response;
    packet.crossed = false;
    packet.port = port;
    packet.way = plan_.way(from, to);
    packet.step = 0;
    packet.at = from;
    packet.held = nullptr;
    const std::uint64_t beats =
        carries_data ? (transaction.size() + packets_.width_bytes - 1) / packets_.width_bytes : 0;
    packet.length = clock_ * Cycles{packets_.header.count + beats};
    return packet;
}

bool Network::on_request(unsigned port, Transaction& transaction) {
    transaction.push_route(static_cast<std::uint16_t>(port));
    const std::size_t from = returns_[port]->node;
    const AddressMap::Range* range = map_.find(transaction.address(), transaction.size());
    if (range == nullptr) {
        transaction.pop_route();
        transaction.set_response(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        at_router(make(transaction, true, from, from, port, false));
        return true;
    }
    const std::size_t target = range->target_of(transaction.address());
    at_router(make(transaction, false, from, layers_[target]->node, target, transaction.write()));
    return true;
}

void Network::on_response(unsigned port, Transaction& transaction) {
    transaction.ledger.charge(Part::memory, agenda_.now());
    const std::size_t to = transaction.pop_route();
    at_router(
        make(transaction, true, layers_[port]->node, returns_[to]->node, to, !transaction.write() && transaction.ok()));
}

/// A packet has come to a router, or begins at one.
void Network::at_router(Packet& packet) {
    packet.since = agenda_.now();
    if (packet.step < packet.way.size()) {
        Link& next = link(packet.response, packet.at, packet.way[packet.step]);
        next.waited_fs -= packet.since.fs;
        next.waiting.push_back(&packet);
        if (!next.decide.scheduled())
            agenda_.schedule(next.decide, std::max(agenda_.now(), next.free), Phase::decide, *this);
        return;
    }
    if (packet.response) {
        Return& way = *returns_[packet.port];
        const SimTime start = std::max(agenda_.now(), way.free);
        way.free = start + packet.length;
        let_go(packet);
        agenda_.schedule(packet.entry, start + clock_ * params_.router, Phase::arrive, *this);
        return;
    }
    Layer& layer = *layers_[packet.port];
    layer.waiting.push_back(&packet);
    if (!layer.decide.scheduled())
        agenda_.schedule(layer.decide, std::max(agenda_.now(), layer.free), Phase::decide, *this);
}

/// It is over the link that it won, or through the last router.
void Network::come_back(Packet& packet) {
    if (packet.step < packet.way.size()) {
        packet.at = packet.way[packet.step++];
        at_router(packet);
    } else {
        deliver(packet);
    }
}

void Network::deliver(Packet& packet) {
    if (packet.response) {
        Transaction& transaction = *packet.transaction;
        TargetPort& port = *returns_[packet.port]->port;
        give_back(packet);
        port.respond(transaction);
        return;
    }
    Layer& layer = *layers_[packet.port];
    if (layer.at_door.empty() && layer.port->free()) {
        into_target(layer, packet);
    } else {
        layer.at_door.push_back(&packet);
    }
}

void Network::into_target(Layer& layer, Packet& packet) {
    Transaction& transaction = *packet.transaction;
    let_go(packet);
    give_back(packet);
    layer.port->send(transaction);
}

void Network::on_accepted(unsigned port) {
    Layer& layer = *layers_[port];
    while (!layer.at_door.empty() && layer.port->free()) {
        Packet& next = *layer.at_door.front();
        layer.at_door.pop_front();
        into_target(layer, next);
    }
}

/// The channel that it was in has room for another one.
void Network::let_go(Packet& packet) {
    if (packet.held == nullptr) return;
    Link& from = *packet.held;
    packet.held = nullptr;
    ++from.credits[packet.channel];
    if (!from.waiting.empty() && !from.decide.scheduled())
        agenda_.schedule(from.decide, std::max(agenda_.now(), from.free), Phase::decide, *this);
}

bool Network::goes_before(const Packet* a, const Packet* b) {
    const Transaction &one = *a->transaction, &other = *b->transaction;
    if (one.priority != other.priority) return one.priority > other.priority;
    if (a->since != b->since) return a->since < b->since;
    if (one.source_rank != other.source_rank) return one.source_rank < other.source_rank;
    return one.number < other.number;
}

/// The channels of the next link that it may use: first and behind the last.
std::pair<std::size_t, std::size_t> Network::channels_of(const Packet& packet, std::size_t next) const {
    const std::size_t all = params_.virtual_channels;
    if (!plan_.ring()) return {0, all};
    const bool upper = packet.crossed || plan_.crosses(packet.at, next);
    return upper ? std::pair(all / 2, all) : std::pair(std::size_t{0}, all / 2);
}

void Network::choose(Link& link) {
    auto first = link.waiting.end();
    std::size_t channel = 0;
    for (auto one = link.waiting.begin(); one != link.waiting.end(); ++one) {
        if (first != link.waiting.end() && !goes_before(*one, *first)) continue;
        const auto [from, to] = channels_of(**one, (*one)->way[(*one)->step]);
        const auto most = std::max_element(link.credits.begin() + static_cast<std::ptrdiff_t>(from),
                                           link.credits.begin() + static_cast<std::ptrdiff_t>(to));
        if (*most == 0) continue;
        first = one;
        channel = static_cast<std::size_t>(most - link.credits.begin());
    }
    if (first == link.waiting.end()) {
        ++link.stats.no_credit;
        return;  // until one comes back
    }
    Packet& packet = **first;
    link.waiting.erase(first);
    link.waited_fs += agenda_.now().fs;
    let_go(packet);
    packet.crossed = packet.crossed || plan_.crosses(packet.at, packet.way[packet.step]);
    packet.held = &link;
    packet.channel = channel;
    --link.credits[channel];
    ++link.stats.packets;
    link.stats.busy_fs += packet.length.fs;
    link.free = agenda_.now() + packet.length;
    agenda_.schedule(packet.entry, agenda_.now() + clock_ * params_.router + clock_ * params_.link, Phase::arrive,
                     *this);
    if (!link.waiting.empty() && !link.decide.scheduled())
        agenda_.schedule(link.decide, link.free, Phase::decide, *this);
}

void Network::choose(Layer& layer) {
    const auto first = std::min_element(layer.waiting.begin(), layer.waiting.end(), &Network::goes_before);
    Packet& packet = **first;
    layer.waiting.erase(first);
    layer.free = agenda_.now() + packet.length;
    agenda_.schedule(packet.entry, agenda_.now() + clock_ * params_.router, Phase::arrive, *this);
    if (!layer.waiting.empty()) agenda_.schedule(layer.decide, layer.free, Phase::decide, *this);
}

std::vector<LinkStats> Network::links() const {
    std::vector<LinkStats> all;
    for (const auto& [place, link] : links_) {
        if (link->stats.packets != 0) all.push_back(link->stats);
    }
    return all;
}

void Network::add_uses(std::vector<ResourceUse>& all) const {
    for (const auto& [place, link] : links_) {
        all.push_back(single(ResourceKind::network_link, component_name(), link->stats.name, link->stats.busy_fs,
                             link->waited_fs + link->waiting.size() * agenda_.now().fs));
    }
}

unsigned Network::on_debug(unsigned, tlm::tlm_generic_payload& payload) {
    const AddressMap::Range* range = map_.find(payload.get_address(), payload.get_data_length());
    return range == nullptr ? 0
                            : layers_[range->target_of(payload.get_address())]->port->socket->transport_dbg(payload);
}

}  // namespace xlate::soc
