#include "soc/foreign/foreign_dma.hpp"

#include <utility>

#include "base/error.hpp"

namespace xlate::soc {

ForeignDma::ForeignDma(const sc_core::sc_module_name& module_name, const std::string& name, const Context& context,
                       const MasterConfig& config, std::uint64_t seed, PayloadMode payload)
    : DmaMaster(module_name, name, context, config, seed, payload), entry("entry", *this, 0) {
    start_.bind(this, [](void* self, AgendaEntry&) {
        auto& master = *static_cast<ForeignDma*>(self);
        master.part_->start(master.regions_);
    });
}

/// Where events may be notified: within the simulation.
void ForeignDma::start(std::vector<DmaRegion> regions) {
    stats_.started = true;
    regions_ = std::move(regions);
    if (!start_.scheduled()) context_.agenda.schedule(start_, context_.agenda.now(), Phase::act, *this);
}

bool ForeignDma::idle() const { return in_flight_ == 0 && !start_.scheduled() && part_->idle(); }

bool ForeignDma::on_request(unsigned, Transaction& transaction) {
    const SimTime now = context_.agenda.now();
    XLATE_CHECK(at_port_ == nullptr, stats_.device);
    // Who it is says the hardware; of what the module may say itself, what the config gives is added.
    transaction.stream = stream_;
    if (traffic_.substream && !transaction.substream) transaction.substream = SubstreamId{*traffic_.substream};
    transaction.privileged = transaction.privileged || traffic_.privileged;
    transaction.priority = traffic_.priority;
    transaction.source_rank = rank();
    transaction.number = stats_.issued;
    transaction.ledger.start(now);
    count_issue(now);
    send(transaction);
    return at_port_ == nullptr;
}

void ForeignDma::on_accepted(unsigned) {
    if (at_port_ == nullptr || !port.free()) return;
    Transaction& transaction = *at_port_;
    at_port_ = nullptr;
    transaction.ledger.charge(Part::issue, context_.agenda.now());
    port.send(transaction);
    entry.accept(transaction);
}

void ForeignDma::on_response(unsigned, Transaction& transaction) {
    completed(transaction, context_.agenda.now());
    --in_flight_;
    entry.respond(transaction);
}

unsigned ForeignDma::on_debug(unsigned, tlm::tlm_generic_payload& payload) {
    return port.socket->transport_dbg(payload);
}

}  // namespace xlate::soc
