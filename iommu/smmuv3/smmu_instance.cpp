// An Smmu as any owner sees an IOMMU (iommu/instance.hpp).
#include "iommu/smmuv3/slot.hpp"
#include "iommu/smmuv3/smmu.hpp"

namespace xlate::iommu::smmuv3 {

std::unique_ptr<TranslationSlot> Smmu::make_translation() { return std::make_unique<Slot>(*this); }

const MachineSpec& Smmu::machine(unsigned index) const {
    return spec().machines[index < command_queues() ? 0 : index - command_queues() + 1];
}

bool Smmu::machine_pending(unsigned index) const {
    if (index < command_queues()) return commands_pending(index);
    return index == command_queues() ? outputs_pending() : gatos_pending();
}

const Step& Smmu::step_machine(unsigned index, const Reply& reply) {
    if (index < command_queues()) return step_commands(reply, index);
    return index == command_queues() ? step_outputs(reply) : step_gatos(reply);
}

std::optional<unsigned> Smmu::take_wire() {
    const auto interrupt = take_interrupt();
    return interrupt ? std::optional(static_cast<unsigned>(*interrupt)) : std::nullopt;
}

/// In the order of the sheet.
std::vector<std::uint64_t> Smmu::counter_values() const {
    const SmmuCounters& c = counters;
    return {c.translations,   c.faults,       c.stalls,       c.config_reads,  c.ste_fetches,  c.cd_fetches,
            c.walks,          c.walk_reads,   c.httu_updates, c.config_misses, c.tlb_misses,   c.ats_requests,
            c.ats_translated, events.written, events.lost,    events.merged,   events.requests};
}

CacheCounters Smmu::structure_counters(std::size_t row) const {
    const StructureSpec& structure = spec().structures[row];
    switch (structure.kind) {
        case Structure::config_cache:
            return config_cache.counters();
        case Structure::tlb:
            return tlb.counters();
        case Structure::ipa_cache:
            return ipa_cache.counters();
        case Structure::walk_cache:
            return (structure.stage == 1 ? walk_s1 : walk_s2)[structure.level].counters();
    }
    return {};
}

}  // namespace xlate::iommu::smmuv3
