// An Smmu as any owner sees an IOMMU (iommu/instance.hpp).
#include "iommu/smmuv2/slot.hpp"
#include "iommu/smmuv2/smmu.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

constexpr unsigned kContextWires = 256;

/// "context0".."context255".
struct WireNames {
    char text[kContextWires][12] = {};
    std::uint8_t length[kContextWires] = {};
    constexpr WireNames() {
        for (unsigned n = 0; n < kContextWires; ++n) {
            unsigned at = 0;
            for (const char letter : {'c', 'o', 'n', 't', 'e', 'x', 't'}) text[n][at++] = letter;
            if (n >= 100) text[n][at++] = static_cast<char>('0' + n / 100);
            if (n >= 10) text[n][at++] = static_cast<char>('0' + n / 10 % 10);
            text[n][at++] = static_cast<char>('0' + n % 10);
            length[n] = static_cast<std::uint8_t>(at);
        }
    }
};
constexpr WireNames kWireNames;

}  // namespace

WireSpec Smmu::wire(unsigned index) const {
    if (index < params_.global_interrupts) return {"global", index};
    const unsigned context = index - params_.global_interrupts;
    if (context >= kContextWires) return {{}, index};
    return {{kWireNames.text[context], kWireNames.length[context]}, index};
}

std::unique_ptr<TranslationSlot> Smmu::make_translation() { return std::make_unique<Slot>(*this); }

bool Smmu::machine_pending(unsigned index) const { return index == 0 ? sync_pending() : operation_pending(); }

const Step& Smmu::step_machine(unsigned index, const Reply& reply) {
    return index == 0 ? step_sync(reply) : step_operation(reply);
}

std::vector<std::uint64_t> Smmu::counter_values() const {
    const SmmuCounters& c = counters;
    return {c.translations,     c.faults,     c.stalls, c.unmatched,  c.global_faults, c.context_faults, c.behind_fault,
            c.illegal_contexts, c.tlb_misses, c.walks,  c.walk_reads, c.invalidations, c.syncs};
}

CacheCounters Smmu::structure_counters(std::size_t row) const {
    const StructureSpec& structure = spec().structures[row];
    switch (structure.kind) {
        case Structure::tlb:
            return tlb.counters();
        case Structure::ipa_cache:
            return ipa_cache.counters();
        case Structure::walk_cache:
            return (structure.stage == 1 ? walk_s1 : walk_s2)[structure.level].counters();
        case Structure::config_cache:
            return {};
    }
    return {};
}

}  // namespace xlate::iommu::smmuv2
