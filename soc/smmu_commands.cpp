// The SMMU's own machines: commands and their invalidations, outputs, address operations, interrupts, acknowledgements.
#include <algorithm>

#include "soc/smmu_device.hpp"

namespace xlate::soc {

using iommu::AccessPurpose;
using iommu::Step;
using iommu::StepKind;
using iommu::smmuv3::Invalidation;

/// Something may have come to be done: looks at all machines that stand still.
void SmmuDevice::kick() {
    if (!commands_.running && smmu_.commands_pending()) {
        commands_.running = true;
        step_commands();
    }
    if (!gatos_.running && smmu_.gatos_pending()) {
        gatos_.running = true;
        step_gatos();
    }
    after_engine();
}

void SmmuDevice::after_engine() {
    if (!outputs_.running && smmu_.outputs_pending()) {
        outputs_.running = true;
        step_outputs();
    }
    while (const auto interrupt = smmu_.take_interrupt()) {
        Wire& wire = wires_[static_cast<std::size_t>(*interrupt)];
        // A pulse that follows within the wire's delay joins the one under way: the handler will see both causes.
        if (wire.scheduled()) continue;
        agenda().schedule_after(wire, params_.tcu.interrupt_wire, Phase::act, *this);
    }
    while (const auto id = smmu_.take_resumed()) {
        const auto at = std::find_if(stalled_.begin(), stalled_.end(), [&](const TranslationJob* job) {
            return ((std::uint64_t{job->tbu->number()} << 32) | job->number) == *id;
        });
        if (at == stalled_.end()) continue;
        TranslationJob& job = **at;
        stalled_.erase(at);
        charge(job, Part::stall);
        job.ahead = runs_ahead();
        enter_flight(job);
        run(job);
    }
    schedule_ack();
}

void SmmuDevice::schedule_ack() {
    if (!smmu_.ack_pending() || ack_.scheduled() || commands_.running || outputs_.running) return;
    // The change goes to every TBU and back; the farthest is the last.
    Cycles round{params_.tbu.link_to_tcu.count + params_.tbu.link_from_tcu.count};
    for (std::size_t i = 0; i < tbus_.size(); ++i) {
        const TbuParams& tbu = tbus_[i]->params();
        const std::uint64_t its = tbu.link_to_tcu.count + tbu.link_from_tcu.count;
        round.count = i == 0 ? its : std::max(round.count, its);
    }
    agenda().schedule_after(ack_, clock_ * round, Phase::arrive, *this);
}

void SmmuDevice::ack() {
    smmu_.apply_acks();
    kick();
}

void SmmuDevice::step_commands() {
    const Step& step = smmu_.step_commands(commands_.reply);
    switch (step.kind) {
        case StepKind::access:
            if (step.access.purpose == AccessPurpose::command) {
                ports_[0]->access(commands_, step.access, &on<&SmmuDevice::command_fetched>);
            } else {
                ports_[0]->access(commands_, step.access, &on<&SmmuDevice::step_commands>);
            }
            return;
        case StepKind::executed:
            ++counts_.commands;
            context_.stream.add(agenda().now(), *this, EventStream::Kind::command, step.opcode);
            if (context_.trace != nullptr) {
                context_.trace->instant(component_name(),
                                        iommu::smmuv3::name(static_cast<iommu::smmuv3::Opcode>(step.opcode)),
                                        agenda().now(), step.opcode);
            }
            finish_command();
            after_engine();
            return;
        case StepKind::sync:
            ++counts_.commands;
            ++counts_.syncs;
            context_.stream.add(agenda().now(), *this, EventStream::Kind::command, step.opcode);
            syncing_ = true;
            sync_start_ = agenda().now();
            sync_not_before_ = last_planned_;
            generation_ = !generation_;
            check_sync();
            return;
        default:
            commands_.running = false;
            after_engine();
            return;
    }
}

/// A cycle, and the decoding of the next one if the last fetch has brought it.
void SmmuDevice::finish_command() {
    const Cycles cycles{1 + (smmu_.command_prefetched() ? params_.tcu.command_decode.count : 0)};
    wait_for(agenda(), *this, commands_, clock_ * cycles, &on<&SmmuDevice::step_commands>);
}

void SmmuDevice::command_fetched() {
    wait_for(agenda(), *this, commands_, clock_ * params_.tcu.command_decode, &on<&SmmuDevice::step_commands>);
}

void SmmuDevice::check_sync() {
    if (messages_out_ != 0 || atc_out_ != 0 || in_flight_[generation_ ? 0 : 1] != 0) return;
    if (sync_not_before_ > agenda().now()) {
        if (!planned_back_.scheduled()) agenda().schedule(planned_back_, sync_not_before_, Phase::arrive, *this);
        return;
    }
    syncing_ = false;
    if (watch_ != nullptr) watch_->on_sync();
    const SimTime now = agenda().now();
    counts_.sync.add(now - sync_start_);
    if (context_.trace != nullptr) context_.trace->span(component_name(), "CMD_SYNC", sync_start_, now, 0);
    commands_.reply.abort = atc_timed_out_;
    atc_timed_out_ = false;
    finish_command();
}

void SmmuDevice::step_outputs() {
    const Step& step = smmu_.step_outputs(outputs_.reply);
    if (step.kind == StepKind::access) {
        ports_[0]->access(outputs_, step.access, &on<&SmmuDevice::step_outputs>);
        return;
    }
    outputs_.running = false;
    after_engine();
}

void SmmuDevice::step_gatos() {
    const Step& step = smmu_.step_gatos(gatos_.reply);
    switch (step.kind) {
        case StepKind::access:
            ports_[0]->access(gatos_, step.access, &on<&SmmuDevice::step_gatos>);
            return;
        case StepKind::lookup:
            wait_for(agenda(), *this, gatos_, clock_ * Cycles{1}, &on<&SmmuDevice::step_gatos>);
            return;
        default:
            gatos_.running = false;
            return;
    }
}

// Invalidations reach a TBU by its link; its answer comes back the same way.

void SmmuDevice::invalidate(const Invalidation& invalidation) {
    if (invalidation.kind == Invalidation::Kind::atc) {
        send_atc(invalidation);
        return;
    }
    if (watch_ != nullptr) watch_->on_invalidation(invalidation, smmu_.epoch());
    for (const auto& tbu : tbus_) {
        if (free_messages_.empty()) {
            Message& made = messages_.emplace_back();
            made.device = this;
            made.bind(&made, [](void* self, AgendaEntry&) {
                auto& message = *static_cast<Message*>(self);
                message.device->message_step(message);
            });
            free_messages_.push_back(&made);
        }
        Message& message = *free_messages_.back();
        free_messages_.pop_back();
        message.tbu = tbu.get();
        message.invalidation = invalidation;
        message.applied = false;
        ++messages_out_;
        const Cycles way{tbu->params().link_to_tcu.count + params_.tcu.invalidate_apply.count};
        agenda().schedule_after(message, clock_ * way, Phase::arrive, *this);
    }
}

void SmmuDevice::message_step(Message& message) {
    if (!message.applied) {
        message.applied = true;
        message.tbu->invalidate(message.invalidation);
        agenda().schedule_after(message, clock_ * message.tbu->params().link_from_tcu, Phase::arrive, *this);
        return;
    }
    --messages_out_;
    free_messages_.push_back(&message);
    if (syncing_) check_sync();
}

// ATC_INV goes to the root complex by the TBU's link, and to the endpoint by PCIe. Nobody there: it is never completed.

void SmmuDevice::send_atc(const Invalidation& invalidation) {
    if (free_atc_messages_.empty()) {
        AtcMessage& made = atc_messages_.emplace_back();
        made.device = this;
        made.bind(&made, [](void* self, AgendaEntry&) {
            auto& message = *static_cast<AtcMessage*>(self);
            message.device->atc_step(message);
        });
        made.patience.bind(&made, [](void* self, AgendaEntry&) {
            auto& message = *static_cast<AtcMessage*>(self);
            SmmuDevice& device = *message.device;
            message.expired = true;
            device.atc_timed_out_ = true;
            ++device.counts_.atc_timeouts;
            device.atc_ended();
        });
        free_atc_messages_.push_back(&made);
    }
    AtcMessage& message = *free_atc_messages_.back();
    free_atc_messages_.pop_back();
    message.invalidation = invalidation;
    message.complete = false;
    message.expired = false;
    ++atc_out_;
    ++counts_.atc_invalidations;
    agenda().schedule_after(message.patience, params_.tcu.atc_timeout, Phase::arrive, *this);
    agenda().schedule_after(message, clock_ * tbu_before(invalidation.sid).link_from_tcu, Phase::arrive, *this);
}

const TbuParams& SmmuDevice::tbu_before(StreamId stream) const {
    const auto endpoint = atcs_.find(stream);
    return endpoint == atcs_.end() ? params_.tbu : tbus_[endpoint->second.tbu]->params();
}

void SmmuDevice::atc_step(AtcMessage& message) {
    if (!message.complete) {
        const auto endpoint = atcs_.find(message.invalidation.sid);
        if (endpoint == atcs_.end()) return;
        endpoint->second.invalidate(message.invalidation, [this, &message] {
            message.complete = true;
            agenda().schedule_after(message, clock_ * tbu_before(message.invalidation.sid).link_to_tcu, Phase::arrive,
                                    *this);
        });
        return;
    }
    free_atc_messages_.push_back(&message);
    if (message.expired) return;  // too late
    agenda().cancel(message.patience);
    atc_ended();
}

void SmmuDevice::atc_ended() {
    --atc_out_;
    if (syncing_) check_sync();
}

}  // namespace xlate::soc
