#include "soc/pcie/pcie_root.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::soc {

PcieRoot::PcieRoot(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
                   const PcieParams& params, const std::vector<std::string>& endpoints,
                   const std::vector<std::size_t>& exit_of, std::size_t exits)
    : sc_core::sc_module(module_name), Component(name), agenda_(agenda), params_(params), exit_of_(exit_of) {
    agenda_.add_component(*this);
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        endpoints_.push_back(
            std::make_unique<TargetPort>(systemc_name("from_" + endpoints[i]), *this, static_cast<unsigned>(i)));
    }
    for (std::size_t i = 0; i < exits; ++i) {
        exits_.push_back(std::make_unique<Exit>("exit_" + std::to_string(i), *this, static_cast<unsigned>(i)));
    }
    choose_.bind<&PcieRoot::choose>(this);
    atcs_.resize(endpoints.size());
    atc_apply_.resize(endpoints.size());
    page_requests_.resize(endpoints.size());
}

void PcieRoot::add_atc(std::size_t endpoint, TransactionPool& pool, const std::string& name, const AtcParams& params,
                       std::uint64_t seed) {
    const auto up = [this, endpoint](Transaction& transaction) {
        // A request of the ATC's own has not come in by the endpoint's port.
        if (transaction.ats.type == iommu::AtsType::translation_request) {
            transaction.push_route(static_cast<std::uint16_t>(endpoint));
        }
        go_up(transaction);
    };
    const auto back = [this](Transaction& transaction) { endpoints_[transaction.pop_route()]->respond(transaction); };
    const auto ask_page = [this, endpoint](const iommu::PageRequest& request) { this->ask_page(endpoint, request); };
    atcs_[endpoint] = std::make_unique<Atc>(agenda_, *this, pool, name, params, seed, up, back, ask_page);
    atc_apply_[endpoint] = params.invalidate;
}

void PcieRoot::hang(std::size_t endpoint, PcieRoot& below) {
    below_.resize(endpoints_.size());
    below_[endpoint] = &below;
    below.above_ = this;
}

SimTime PcieRoot::packet(std::uint64_t bytes) const {
    if (params_.bandwidth_bytes_per_s == 0) return {};
    return {(bytes * kFsPerSecond + params_.bandwidth_bytes_per_s - 1) / params_.bandwidth_bytes_per_s};
}

/// `largest`: what one packet moves or asks for; 0: all of it.
SimTime PcieRoot::on_wire(const Transaction& transaction, bool data, std::uint32_t largest) const {
    const std::uint64_t packets = largest == 0 ? 1 : (transaction.size() + largest - 1) / largest;
    return packet(packets * params_.header_bytes + (data ? transaction.size() : 0));
}

bool PcieRoot::has_credit(bool write) const {
    const std::uint32_t most = write ? params_.posted_credits : params_.nonposted_credits;
    return most == 0 || held_[write ? 1 : 0] < most;
}

void PcieRoot::give_credit(bool write) {
    --held_[write ? 1 : 0];
    if (!waiting_.empty() && !choose_.scheduled())
        agenda_.schedule(choose_, std::max(agenda_.now(), up_free_), Phase::decide, *this);
}

void PcieRoot::sent_on(bool write) {
    if (has_credits()) give_credit(write);
}

bool PcieRoot::on_request(unsigned port, Transaction& transaction) {
    transaction.push_route(static_cast<std::uint16_t>(port));
    // A message is sent untranslated, whatever the function has in its cache.
    if (atcs_[port] != nullptr && atcs_[port]->enabled() && !transaction.message) {
        atcs_[port]->accept(transaction);
    } else {
        go_up(transaction);
    }
    return true;
}

void PcieRoot::go_up(Transaction& transaction) {
    transaction.since = agenda_.now();
    waiting_.push_back(&transaction);
    if (!choose_.scheduled()) agenda_.schedule(choose_, std::max(agenda_.now(), up_free_), Phase::decide, *this);
}

void PcieRoot::choose() {
    const auto goes_before = [](const Transaction* a, const Transaction* b) {
        if (a->priority != b->priority) return a->priority > b->priority;
        if (a->since != b->since) return a->since < b->since;
        if (a->source_rank != b->source_rank) return a->source_rank < b->source_rank;
        return a->number < b->number;
    };
    auto first = std::min_element(waiting_.begin(), waiting_.end(), goes_before);
    if (has_credits()) {
        // waiting_ is in the order of arrival: behind a write without a credit no read goes.
        const auto blocked = std::find_if(waiting_.begin(), waiting_.end(),
                                          [&](const Transaction* one) { return one->write() && !has_credit(true); });
        first = waiting_.end();
        for (auto one = waiting_.begin(); one != waiting_.end(); ++one) {
            const bool may = has_credit((*one)->write()) && (one < blocked || (*one)->write());
            if (may && (first == waiting_.end() || goes_before(*one, *first))) first = one;
        }
        if (first == waiting_.end()) {  // until a credit comes back
            if (stats_) ++stats_->no_credit;
            return;
        }
        ++held_[(*first)->write() ? 1 : 0];
    }
    Transaction& chosen = **first;
    waiting_.erase(first);
    const SimTime start = std::max(agenda_.now(), up_free_);
    const SimTime length =
        on_wire(chosen, chosen.write(), chosen.write() ? params_.max_payload : params_.max_read_request);
    up_waited_fs_ += (start - chosen.since).fs;
    up_busy_fs_ += length.fs;
    up_free_ = start + length;
    if (stats_) {
        ++stats_->packets;
        stats_->busy_fs += length.fs;
    }
    if (!below_.empty()) {
        PcieRoot* const below = below_[chosen.last_route()];
        if (below != nullptr) below->sent_on(chosen.write());
    }
    chosen.step.bind(this, &PcieRoot::arrived_up);
    agenda_.schedule(chosen.step, up_free_ + params_.link_latency, Phase::arrive, *this);
    if (!waiting_.empty()) agenda_.schedule(choose_, up_free_, Phase::decide, *this);
}

void PcieRoot::arrived_up(void* owner, AgendaEntry& entry) {
    auto& root = *static_cast<PcieRoot*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    transaction.ledger.charge(Part::link, root.agenda_.now());
    Exit& exit = *root.exits_[root.exit_of_[transaction.last_route()]];
    if (exit.at_door.empty() && exit.port.free()) {
        root.forward(exit, transaction);
    } else {
        exit.at_door.push_back(&transaction);
    }
}

void PcieRoot::forward(Exit& exit, Transaction& transaction) {
    if (!has_credits()) {
        exit.port.send(transaction);
        return;
    }
    const bool write = transaction.write();  // it may be back before send() is
    exit.port.send(transaction);
    if (above_ != nullptr) return;  // it says so when it has sent it on
    exit.taking = !exit.port.free();
    exit.takes_write = write;
    if (!exit.taking) give_credit(write);
}

void PcieRoot::on_accepted(unsigned port) {
    Exit& exit = *exits_[port];
    if (exit.taking && exit.port.free()) {
        exit.taking = false;
        give_credit(exit.takes_write);
    }
    while (!exit.at_door.empty() && exit.port.free()) {
        Transaction& next = *exit.at_door.front();
        exit.at_door.pop_front();
        forward(exit, next);
    }
}

void PcieRoot::on_response(unsigned, Transaction& transaction) {
    transaction.ledger.charge(Part::response, agenda_.now());
    const SimTime start = std::max(agenda_.now(), down_free_);
    const SimTime length =
        on_wire(transaction, !transaction.write() && transaction.ok(), transaction.write() ? 0 : params_.max_payload);
    down_waited_fs_ += (start - agenda_.now()).fs;
    down_busy_fs_ += length.fs;
    down_free_ = start + length;
    transaction.step.bind(this, &PcieRoot::arrived_down);
    agenda_.schedule(transaction.step, down_free_ + params_.link_latency, Phase::arrive, *this);
}

void PcieRoot::arrived_down(void* owner, AgendaEntry& entry) {
    auto& root = *static_cast<PcieRoot*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    transaction.ledger.charge(Part::link, root.agenda_.now());
    const std::uint16_t endpoint = transaction.last_route();
    Atc* atc = root.atcs_[endpoint].get();
    if (atc != nullptr && atc->returned(transaction)) return;
    root.endpoints_[transaction.pop_route()]->respond(transaction);
}

PcieRoot::Message& PcieRoot::new_message(std::size_t endpoint) {
    if (free_messages_.empty()) {
        Message& made = messages_.emplace_back();
        made.root = this;
        made.bind(&made, [](void* self, AgendaEntry&) {
            auto& message = *static_cast<Message*>(self);
            message.root->message_step(message);
        });
        free_messages_.push_back(&made);
    }
    Message& message = *free_messages_.back();
    free_messages_.pop_back();
    message.endpoint = endpoint;
    return message;
}

void PcieRoot::send(Message& message, SimTime& link_free, std::uint64_t payload_bytes) {
    const SimTime length = packet(params_.header_bytes + payload_bytes);
    (&link_free == &up_free_ ? up_busy_fs_ : down_busy_fs_) += length.fs;
    link_free = std::max(agenda_.now(), link_free) + length;
    agenda_.schedule(message, link_free + params_.link_latency, Phase::arrive, *this);
}

void PcieRoot::start_down(Message& message, std::uint64_t payload_bytes) {
    if (above_ == nullptr) {
        send(message, down_free_, payload_bytes);
        return;
    }
    above_->pass_down(payload_bytes, [this, &message, payload_bytes] { send(message, down_free_, payload_bytes); });
}

void PcieRoot::pass_down(std::uint64_t payload_bytes, std::function<void()> done) {
    Message& message = new_message(0);
    message.at = Message::At::passing_down;
    message.done = std::move(done);
    start_down(message, payload_bytes);
}

void PcieRoot::pass_up(std::uint64_t payload_bytes, std::function<void()> done) {
    Message& message = new_message(0);
    message.at = Message::At::passing_up;
    message.payload_bytes = payload_bytes;
    message.done = std::move(done);
    send(message, up_free_, payload_bytes);
}

/// An invalidation and its completion are packets of a header and 8 bytes, in turn with everything else on the link.
void PcieRoot::invalidate_atc(std::size_t endpoint, const iommu::Invalidation& invalidation,
                              std::function<void()> done) {
    Message& message = new_message(endpoint);
    message.invalidation = invalidation;
    message.done = std::move(done);
    message.at = Message::At::down;
    start_down(message, 8);
}

/// A page request and its answer are packets of a header.
void PcieRoot::ask_page(std::size_t endpoint, const iommu::PageRequest& request) {
    Message& message = new_message(endpoint);
    message.page = request;
    message.at = Message::At::page_up;
    send(message, up_free_, 0);
}

void PcieRoot::answer_page(std::size_t endpoint, const iommu::PageResponse& response) {
    Message& message = new_message(endpoint);
    message.answer = response;
    message.at = Message::At::page_down;
    start_down(message, 0);
}

void PcieRoot::message_step(Message& message) {
    switch (message.at) {
        case Message::At::page_up: {
            const std::size_t endpoint = message.endpoint;
            const auto take = [this, endpoint, request = message.page] {
                if (page_requests_[endpoint]) {
                    page_requests_[endpoint](request);
                    return;
                }
                // No IOMMU: nobody knows the page.
                answer_page(endpoint, {request.sid, std::nullopt, request.prg_index, 0xF});
            };
            free_messages_.push_back(&message);
            if (above_ != nullptr) {
                above_->pass_up(0, take);
            } else {
                take();
            }
            return;
        }
        case Message::At::page_down: {
            const iommu::PageResponse answer = message.answer;
            const std::size_t endpoint = message.endpoint;
            free_messages_.push_back(&message);
            atcs_[endpoint]->answer_page(answer);
            return;
        }
        case Message::At::down:
            message.at = Message::At::apply;
            agenda_.schedule_after(message, atc_apply_[message.endpoint], Phase::arrive, *this);
            return;
        case Message::At::apply:
            atcs_[message.endpoint]->invalidate(message.invalidation, [this, &message] { complete(message); });
            return;
        case Message::At::passing_down:
        case Message::At::up:
        case Message::At::passing_up: {
            const bool goes_on = above_ != nullptr && message.at != Message::At::passing_down;
            const std::uint64_t bytes = message.at == Message::At::up ? 8 : message.payload_bytes;
            std::function<void()> done = std::move(message.done);
            free_messages_.push_back(&message);
            if (goes_on) {
                above_->pass_up(bytes, std::move(done));
            } else {
                done();
            }
            return;
        }
    }
}

void PcieRoot::complete(Message& message) {
    message.at = Message::At::up;
    send(message, up_free_, 8);
}

void PcieRoot::add_uses(std::vector<ResourceUse>& all) const {
    all.push_back(single(ResourceKind::link_up, component_name(), "", up_busy_fs_, up_waited_fs_));
    all.push_back(single(ResourceKind::link_down, component_name(), "", down_busy_fs_, down_waited_fs_));
}

unsigned PcieRoot::on_debug(unsigned port, tlm::tlm_generic_payload& payload) {
    return exits_[exit_of_[port]]->port.socket->transport_dbg(payload);
}

}  // namespace xlate::soc
