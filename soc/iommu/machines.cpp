// An IOMMU's machines beside translations: what wakes them, outputs, address operations, interrupts, registers that
// take effect later.
#include <algorithm>

#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::Step;
using iommu::StepKind;

void IommuDevice::start_commands() {
    for (CommandQueue& queue : commands_) {
        if (queue.running || !unit_->machine_pending(queue.number)) continue;
        queue.running = true;
        queue.busy_fs -= agenda().now().fs;
        ++commands_running_;
        step_commands(queue);
    }
}

/// Something may have come to be done: looks at all machines that stand still.
void IommuDevice::wake() {
    start_commands();
    if (!prefetch_.running) start_prefetch();
    for (Machine& machine : operations_) {
        if (machine.running || !unit_->machine_pending(machine.number)) continue;
        machine.running = true;
        step_operation(machine);
    }
    after_step();
}

bool IommuDevice::outputs_pending() const {
    return std::any_of(outputs_.begin(), outputs_.end(),
                       [&](const Machine& machine) { return unit_->machine_pending(machine.number); });
}

/// What an engine's step may have brought about: records, interrupts, answers, released accesses.
void IommuDevice::after_step() {
    for (Machine& machine : outputs_) {
        if (machine.running || !unit_->machine_pending(machine.number)) continue;
        machine.running = true;
        ++outputs_running_;
        step_outputs(machine);
    }
    while (const auto pulsed = unit_->take_wire()) {
        Wire& wire = wires_[*pulsed];
        // A pulse that follows within the wire's delay joins the one under way: the handler will see both causes.
        if (wire.scheduled()) continue;
        agenda().schedule_after(wire, params_.tcu.interrupt_wire, Phase::act, *this);
    }
    send_page_answers();
    while (const auto id = unit_->take_resumed()) {
        const auto at = std::find_if(stalled_.begin(), stalled_.end(), [&](const TranslationJob* job) {
            return ((std::uint64_t{job->tbu->number()} << 32) | job->number) == *id;
        });
        if (at == stalled_.end()) continue;
        TranslationJob& job = **at;
        stalled_.erase(at);
        charge(job, Part::stall);
        job.ahead = runs_ahead();
        enter_flight(job);
        note_arrival(job);
        run(job);
    }
    schedule_settling();
}

/// A written register that takes effect later does so after a round over the links: the farthest port is the last.
void IommuDevice::schedule_settling() {
    const bool busy = (!commands_.empty() && commands_.front().running) || outputs_running_ != 0;
    if (!unit_->settling() || settling_.scheduled() || busy) return;
    Cycles round{params_.tbu.link_to_tcu.count + params_.tbu.link_from_tcu.count};
    for (std::size_t i = 0; i < tbus_.size(); ++i) {
        const PortParams& port = tbus_[i]->params();
        const std::uint64_t its = port.link_to_tcu.count + port.link_from_tcu.count;
        round.count = i == 0 ? its : std::max(round.count, its);
    }
    agenda().schedule_after(settling_, clock_ * round, Phase::arrive, *this);
}

void IommuDevice::settle() {
    unit_->settle();
    wake();
}

void IommuDevice::step_outputs(Machine& machine) {
    const Step& step = unit_->step_machine(machine.number, machine.reply);
    if (step.kind == StepKind::access) {
        ports_[0]->access(machine, step.access, &on_machine<&IommuDevice::step_outputs>);
        return;
    }
    machine.running = false;
    --outputs_running_;
    after_step();
}

void IommuDevice::step_operation(Machine& machine) {
    const Step& step = unit_->step_machine(machine.number, machine.reply);
    switch (step.kind) {
        case StepKind::access:
            ports_[0]->access(machine, step.access, &on_machine<&IommuDevice::step_operation>);
            return;
        case StepKind::lookup:
            wait_for(agenda(), *this, machine, clock_ * Cycles{1}, &on_machine<&IommuDevice::step_operation>);
            return;
        default:
            machine.running = false;
            return;
    }
}

}  // namespace xlate::soc
