#include "iommu/untimed.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::iommu {

namespace {

/// Rounds of settle(): hardware that is never quiet is ours to mend.
constexpr unsigned kMaxRounds = 1'000'000;

}  // namespace

Untimed::Untimed(Instance& instance, MemoryPort& memory)
    : instance_(instance), memory_(memory), free_(instance.make_translation()) {}

void Untimed::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    instance_.write_register(offset, size, value, bank);
    settle();
}

const Step& Untimed::run_translation(TranslationSlot& translation) {
    return run([&](const Reply& reply) -> const Step& { return translation.step(reply); }, memory_,
               [&](const MemoryAccess& access) {
                   if (on_access) on_access(access);
               });
}

/// Until it is idle. What a drain waits for is done when outputs are written: translations take no time.
bool Untimed::run_machine(unsigned index) {
    if (!instance_.machine_pending(index)) return false;
    run(
        [&](const Reply& reply) -> const Step& {
            const Step& step = instance_.step_machine(index, reply);
            if (step.kind == StepKind::sync) run_outputs();
            return step;
        },
        memory_,
        [&](const MemoryAccess& access) {
            if (on_access) on_access(access);
        });
    return true;
}

bool Untimed::run_outputs() {
    bool any = false;
    for (unsigned i = 0; i < instance_.machines(); ++i) {
        if (instance_.machine(i).role == MachineRole::outputs) any = run_machine(i) || any;
    }
    return any;
}

bool Untimed::resume() {
    const auto id = instance_.take_resumed();
    if (!id) return false;
    const auto at = std::find_if(stalled_.begin(), stalled_.end(), [&](const Slot& slot) { return slot.id == *id; });
    if (at == stalled_.end()) return true;
    const Step& step = run_translation(*at->translation);
    if (step.kind == StepKind::stalled) return true;
    last_ = step;
    stalled_.erase(at);
    if (on_resumed) on_resumed(*id, last_);
    return true;
}

bool Untimed::once() {
    bool any = false;
    if (instance_.settling()) {
        instance_.settle();
        any = !instance_.settling();
    }
    for (unsigned i = 0; i < instance_.machines(); ++i) {
        if (instance_.machine(i).role != MachineRole::outputs) any = run_machine(i) || any;
    }
    while (const auto prefetch = instance_.take_prefetch()) {
        free_->start_prefetch(*prefetch);
        run_translation(*free_);
        any = true;
    }
    any = run_outputs() || any;
    return resume() || any;
}

void Untimed::settle() {
    if (settling_) return;  // a callback's register write: the settle() that called it goes on
    settling_ = true;
    unsigned rounds = 0;
    for (;;) {
        const bool any = once();
        const auto wire = instance_.take_wire();
        if (wire && on_wire) on_wire(instance_.wire(*wire));
        if (!any && !wire) break;
        XLATE_CHECK(++rounds < kMaxRounds, "an IOMMU that never comes to rest");
    }
    settling_ = false;
}

const Step& Untimed::translate(const Request& request) {
    free_->start(request);
    last_ = run_translation(*free_);
    if (last_.kind == StepKind::stalled) {
        stalled_.push_back({request.id, std::move(free_)});
        free_ = instance_.make_translation();
    }
    settle();
    return last_;
}

}  // namespace xlate::iommu
