// Commands and what they wait for: their invalidations on the way to the ports and back, and the drain (a CMD_SYNC, or
// a register with a busy bit), which waits for those and for all older translations.
#include <algorithm>

#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::Invalidation;
using iommu::Step;
using iommu::StepKind;

void IommuDevice::step_commands(CommandQueue& queue) {
    executing_ = &queue;
    const Step& step = unit_->step_machine(queue.number, queue.reply);
    executing_ = nullptr;
    const auto note = [&] {
        if (spec_.command_name != nullptr) ++counts_.commands;  // a register's drain is none
        context_.stream.add(agenda().now(), *this, EventStream::Kind::command, step.opcode | queue.number << 8);
    };
    switch (step.kind) {
        case StepKind::access:
            if (spec_.purpose(step.access.purpose).role == iommu::AccessRole::command) {
                queue.command_start = agenda().now();
                ports_[0]->access(queue, step.access, &on_queue<&IommuDevice::command_fetched>);
            } else {
                ports_[0]->access(queue, step.access, &on_queue<&IommuDevice::step_commands>);
            }
            return;
        case StepKind::executed:
            note();
            if (context_.trace != nullptr && spec_.command_name != nullptr) {
                if (traces_steps()) {
                    trace_command(queue, spec_.command_name(step.opcode), queue.command_start);
                } else {
                    context_.trace->instant(component_name(), spec_.command_name(step.opcode), agenda().now(),
                                            step.opcode);
                }
            }
            queue.command_start = agenda().now();
            finish_command(queue);
            if (!prefetch_.running) start_prefetch();
            after_step();
            return;
        case StepKind::sync:
            note();
            ++counts_.syncs;
            queue.sync_start = agenda().now();
            drains_next_.push_back(&queue);
            check_drain();
            return;
        default:
            queue.running = false;
            queue.busy_fs += agenda().now().fs;
            --commands_running_;
            after_step();
            return;
    }
}

/// That it ends now. Only where a listener asks for it.
void IommuDevice::trace_command(const CommandQueue& queue, std::string_view what, SimTime start) {
    TraceStep step;
    step.kind = TraceStep::Kind::command;
    step.component = component_name();
    step.what = what;
    step.start = start;
    step.end = agenda().now();
    step.address = queue.number;
    step.own = true;
    context_.trace->step(step);
}

/// A cycle, and the decoding of the next one if the last fetch has brought it.
void IommuDevice::finish_command(CommandQueue& queue) {
    const bool prefetched = unit_->command_prefetched(queue.number);
    const Cycles cycles{1 + (prefetched ? params_.tcu.command_decode.count : 0)};
    wait_for(agenda(), *this, queue, clock_ * cycles, &on_queue<&IommuDevice::step_commands>);
}

void IommuDevice::command_fetched(CommandQueue& queue) {
    wait_for(agenda(), *this, queue, clock_ * params_.tcu.command_decode, &on_queue<&IommuDevice::step_commands>);
}

/// What a drain waits for may have come about. Those that find an older one waiting for translations start together
/// when that has what it waits for; a queue's own invalidations hold up its own drain alone.
void IommuDevice::check_drain() {
    for (;;) {
        if (drains_flight_.empty()) {
            if (drains_next_.empty()) break;
            drains_flight_.swap(drains_next_);
            drain_not_before_ = last_planned_;
            generation_ = !generation_;
        }
        if (in_flight_[generation_ ? 0 : 1] != 0) break;
        if (drain_not_before_ > agenda().now()) {
            const bool waits = std::any_of(drains_flight_.begin(), drains_flight_.end(),
                                           [](const CommandQueue* queue) { return queue->quiet(); });
            if (waits && !planned_back_.scheduled()) {
                agenda().schedule(planned_back_, drain_not_before_, Phase::arrive, *this);
            }
            break;
        }
        drains_home_.insert(drains_home_.end(), drains_flight_.begin(), drains_flight_.end());
        drains_flight_.clear();
    }
    const auto done = std::stable_partition(drains_home_.begin(), drains_home_.end(),
                                            [](const CommandQueue* queue) { return !queue->quiet(); });
    const std::vector<CommandQueue*> ended(done, drains_home_.end());
    drains_home_.erase(done, drains_home_.end());
    for (CommandQueue* queue : ended) end_drain(*queue);
}

void IommuDevice::end_drain(CommandQueue& queue) {
    if (watch_ != nullptr) watch_->on_sync(queue.number);
    const SimTime now = agenda().now();
    counts_.sync.add(now - queue.sync_start);
    const char* const what = spec_.command_name != nullptr ? "CMD_SYNC" : "drain";
    if (traces_steps()) {
        trace_command(queue, what, queue.sync_start);
    } else if (context_.trace != nullptr) {
        context_.trace->span(component_name(), what, queue.sync_start, now, 0);
    }
    queue.command_start = now;
    queue.reply.abort = queue.atc_timed_out;
    queue.atc_timed_out = false;
    finish_command(queue);
}

// Invalidations reach a port by its link; its answer comes back the same way.

void IommuDevice::invalidate(const Invalidation& invalidation) {
    CommandQueue& queue = executing_ != nullptr ? *executing_ : commands_.empty() ? immediate_ : commands_.front();
    if (watch_ != nullptr) watch_->on_invalidation(invalidation, unit_->epoch(), queue.number);
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

void IommuDevice::message_step(Message& message) {
    if (!message.applied) {
        message.applied = true;
        message.tbu->invalidate(message.invalidation);
        agenda().schedule_after(message, clock_ * message.tbu->params().link_from_tcu, Phase::arrive, *this);
        return;
    }
    --messages_out_;
    --message.queue->messages_out;
    free_messages_.push_back(&message);
    if (draining()) check_drain();
}

}  // namespace xlate::soc
