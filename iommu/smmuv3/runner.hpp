// Runs an SMMU at once against a plain memory: for unit tests, fuzzing and the untimed machine.
#pragma once

#include "iommu/memory_port.hpp"
#include "iommu/smmuv3/smmu.hpp"

namespace xlate::iommu::smmuv3 {

/// Writes out records and messages.
inline void run_outputs(Smmu& smmu, MemoryPort& memory) {
    run([&](const Reply& reply) -> const Step& { return smmu.step_outputs(reply); }, memory);
}
/// Translates `request` to its end (or until it stalls). Records are written out only if there is no room for its own.
inline const Result& translate(Translation& translation, Smmu& smmu, MemoryPort& memory, const Request& request) {
    translation.start(smmu, request);
    const auto go_on = [&]() -> const Step& {
        return run([&](const Reply& reply) -> const Step& { return translation.step(smmu, reply); }, memory);
    };
    const Step* step = &go_on();
    while (translation.waits_for_record()) {
        run_outputs(smmu, memory);
        step = &go_on();
    }
    return step->result;
}
/// Executes every command that can be executed now. A SYNC waits for the outputs.
inline void run_commands(Smmu& smmu, MemoryPort& memory, std::uint32_t queue = 0) {
    run(
        [&](const Reply& reply) -> const Step& {
            const Step& step = smmu.step_commands(reply, queue);
            if (step.kind == StepKind::sync && smmu.outputs_pending()) run_outputs(smmu, memory);
            return step;
        },
        memory);
}
/// Everything that hardware does by itself after a register write: acknowledgements, commands, outputs, GATOS.
inline void settle(Smmu& smmu, MemoryPort& memory) {
    if (smmu.ack_pending()) smmu.apply_acks();
    for (std::uint32_t queue = 0; queue < smmu.command_queues(); ++queue) {
        if (smmu.commands_pending(queue)) run_commands(smmu, memory, queue);
    }
    if (smmu.gatos_pending()) run([&](const Reply& reply) -> const Step& { return smmu.step_gatos(reply); }, memory);
    if (smmu.outputs_pending()) run_outputs(smmu, memory);
    if (smmu.ack_pending()) smmu.apply_acks();
}

}  // namespace xlate::iommu::smmuv3
