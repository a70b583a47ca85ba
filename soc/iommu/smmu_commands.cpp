// The SMMU's own machines: commands and their invalidations, outputs, address operations, interrupts, acknowledgements.
#include <algorithm>

#include "iommu/smmuv3/purpose.hpp"
#include "soc/iommu/smmu_device.hpp"

namespace xlate::soc {

using iommu::Invalidation;
using iommu::Step;
using iommu::StepKind;
using iommu::smmuv3::Purpose;

void SmmuDevice::start_commands() {
    for (CommandQueue& queue : commands_) {
        if (queue.running || !smmu_.commands_pending(queue.number)) continue;
        queue.running = true;
        ++commands_running_;
        step_commands(queue);
    }
}

/// Something may have come to be done: looks at all machines that stand still.
void SmmuDevice::kick() {
    start_commands();
    if (!prefetch_.running) start_prefetch();
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
    send_page_answers();
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
    if (!smmu_.ack_pending() || ack_.scheduled() || commands_[0].running || outputs_.running) return;
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

void SmmuDevice::step_commands(CommandQueue& queue) {
    executing_ = &queue;
    const Step& step = smmu_.step_commands(queue.reply, queue.number);
    executing_ = nullptr;
    const auto note = [&] {
        ++counts_.commands;
        context_.stream.add(agenda().now(), *this, EventStream::Kind::command, step.opcode | queue.number << 8);
    };
    switch (step.kind) {
        case StepKind::access:
            if (step.access.purpose == Purpose::command) {
                ports_[0]->access(queue, step.access, &on_queue<&SmmuDevice::command_fetched>);
            } else {
                ports_[0]->access(queue, step.access, &on_queue<&SmmuDevice::step_commands>);
            }
            return;
        case StepKind::executed:
            note();
            if (context_.trace != nullptr) {
                context_.trace->instant(component_name(),
                                        iommu::smmuv3::name(static_cast<iommu::smmuv3::Opcode>(step.opcode)),
                                        agenda().now(), step.opcode);
            }
            finish_command(queue);
            if (!prefetch_.running) start_prefetch();
            after_engine();
            return;
        case StepKind::sync:
            note();
            ++counts_.syncs;
            queue.sync_start = agenda().now();
            syncs_next_.push_back(&queue);
            check_sync();
            return;
        default:
            queue.running = false;
            --commands_running_;
            after_engine();
            return;
    }
}

/// A cycle, and the decoding of the next one if the last fetch has brought it.
void SmmuDevice::finish_command(CommandQueue& queue) {
    const bool prefetched = smmu_.command_prefetched(queue.number);
    const Cycles cycles{1 + (prefetched ? params_.tcu.command_decode.count : 0)};
    wait_for(agenda(), *this, queue, clock_ * cycles, &on_queue<&SmmuDevice::step_commands>);
}

void SmmuDevice::command_fetched(CommandQueue& queue) {
    wait_for(agenda(), *this, queue, clock_ * params_.tcu.command_decode, &on_queue<&SmmuDevice::step_commands>);
}

/// What a SYNC waits for may have come about. Those that find an older one waiting for translations start together when
/// that has what it waits for; a queue's own invalidations hold up its own SYNC alone.
void SmmuDevice::check_sync() {
    for (;;) {
        if (syncs_draining_.empty()) {
            if (syncs_next_.empty()) break;
            syncs_draining_.swap(syncs_next_);
            sync_not_before_ = last_planned_;
            generation_ = !generation_;
        }
        if (in_flight_[generation_ ? 0 : 1] != 0) break;
        if (sync_not_before_ > agenda().now()) {
            const bool waits = std::any_of(syncs_draining_.begin(), syncs_draining_.end(),
                                           [](const CommandQueue* queue) { return queue->quiet(); });
            if (waits && !planned_back_.scheduled()) {
                agenda().schedule(planned_back_, sync_not_before_, Phase::arrive, *this);
            }
            break;
        }
        syncs_home_.insert(syncs_home_.end(), syncs_draining_.begin(), syncs_draining_.end());
        syncs_draining_.clear();
    }
    const auto done = std::stable_partition(syncs_home_.begin(), syncs_home_.end(),
                                            [](const CommandQueue* queue) { return !queue->quiet(); });
    const std::vector<CommandQueue*> ended(done, syncs_home_.end());
    syncs_home_.erase(done, syncs_home_.end());
    for (CommandQueue* queue : ended) end_sync(*queue);
}

void SmmuDevice::end_sync(CommandQueue& queue) {
    if (watch_ != nullptr) watch_->on_sync(queue.number);
    const SimTime now = agenda().now();
    counts_.sync.add(now - queue.sync_start);
    if (context_.trace != nullptr) context_.trace->span(component_name(), "CMD_SYNC", queue.sync_start, now, 0);
    queue.reply.abort = queue.atc_timed_out;
    queue.atc_timed_out = false;
    finish_command(queue);
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
    CommandQueue& queue = executing_ != nullptr ? *executing_ : commands_.front();
    if (watch_ != nullptr) watch_->on_invalidation(invalidation, smmu_.epoch(), queue.number);
    if (invalidation.is_endpoint()) {
        send_atc(invalidation, queue);
        return;
    }
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
        message.queue = &queue;
        message.invalidation = invalidation;
        message.applied = false;
        ++messages_out_;
        ++queue.messages_out;
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
    --message.queue->messages_out;
    free_messages_.push_back(&message);
    if (syncing()) check_sync();
}

// ATC_INV goes to the root complex by the TBU's link, and to the endpoint by PCIe. Nobody there: it is never completed.

void SmmuDevice::send_atc(const Invalidation& invalidation, CommandQueue& queue) {
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
            message.queue->atc_timed_out = true;
            ++device.counts_.atc_timeouts;
            device.atc_ended(*message.queue);
        });
        free_atc_messages_.push_back(&made);
    }
    AtcMessage& message = *free_atc_messages_.back();
    free_atc_messages_.pop_back();
    message.invalidation = invalidation;
    message.complete = false;
    message.expired = false;
    message.queue = &queue;
    ++message.queue->atc_out;
    ++counts_.atc_invalidations;
    agenda().schedule_after(message.patience, params_.tcu.atc_timeout, Phase::arrive, *this);
    agenda().schedule_after(message, clock_ * tbu_before(iommu::stream_of(invalidation.stream)).link_from_tcu,
                            Phase::arrive, *this);
}

const TbuParams& SmmuDevice::tbu_before(StreamId stream) const {
    const auto endpoint = atcs_.find(stream);
    return endpoint == atcs_.end() ? params_.tbu : tbus_[endpoint->second.tbu]->params();
}

void SmmuDevice::atc_step(AtcMessage& message) {
    if (!message.complete) {
        const auto endpoint = atcs_.find(iommu::stream_of(message.invalidation.stream));
        if (endpoint == atcs_.end()) return;
        endpoint->second.invalidate(message.invalidation, [this, &message] {
            message.complete = true;
            agenda().schedule_after(message,
                                    clock_ * tbu_before(iommu::stream_of(message.invalidation.stream)).link_to_tcu,
                                    Phase::arrive, *this);
        });
        return;
    }
    free_atc_messages_.push_back(&message);
    if (message.expired) return;  // too late
    agenda().cancel(message.patience);
    atc_ended(*message.queue);
}

void SmmuDevice::atc_ended(CommandQueue& queue) {
    --queue.atc_out;
    if (syncing()) check_sync();
}

// Page requests cross the link to the TCU and become records there; answers, by PRI_RESP or automatic, come back.

SmmuDevice::PageMessage& SmmuDevice::new_page_message() {
    if (free_page_messages_.empty()) {
        PageMessage& made = page_messages_.emplace_back();
        made.device = this;
        made.bind(&made, [](void* self, AgendaEntry&) {
            auto& message = *static_cast<PageMessage*>(self);
            message.device->page_step(message);
        });
        free_page_messages_.push_back(&made);
    }
    PageMessage& message = *free_page_messages_.back();
    free_page_messages_.pop_back();
    return message;
}

void SmmuDevice::page_request(const iommu::PageRequest& request) {
    PageMessage& message = new_page_message();
    message.request = request;
    agenda().schedule_after(message, clock_ * tbu_before(request.sid).link_to_tcu, Phase::arrive, *this);
}

void SmmuDevice::send_page_answers() {
    while (const auto response = smmu_.take_page_response()) {
        if (atcs_.find(response->sid) == atcs_.end()) continue;  // nobody asked
        PageMessage& message = new_page_message();
        message.request.reset();
        message.response = *response;
        agenda().schedule_after(message, clock_ * tbu_before(response->sid).link_from_tcu, Phase::arrive, *this);
    }
}

void SmmuDevice::page_step(PageMessage& message) {
    free_page_messages_.push_back(&message);
    if (!message.request) {
        atcs_.at(message.response.sid).answer(message.response);
        return;
    }
    ++counts_.page_requests;
    if (!smmu_.page_request(*message.request)) ++counts_.page_requests_answered;
    kick();
}

}  // namespace xlate::soc
