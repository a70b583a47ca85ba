// CMD_PREFETCH_CONFIG and CMD_PREFETCH_ADDR: a translation of nobody's, which fills the TCU's caches. One at a time; it
// holds a translation slot, and a walk slot while it walks, and uses the caches' ports as others do.
#include "iommu/smmuv3/purpose.hpp"
#include "soc/iommu/smmu_device.hpp"

namespace xlate::soc {

using iommu::Step;
using iommu::StepKind;
using iommu::Structure;
using iommu::smmuv3::Purpose;

void SmmuDevice::start_prefetch() {
    const auto wanted = smmu_.take_prefetch();
    if (!wanted) return;
    prefetch_.running = true;
    prefetch_.walking = false;
    prefetch_.engine.start_prefetch(wanted->sid, wanted->ssid, wanted->address);
    xlate_slots_.take(prefetch_, &on<&SmmuDevice::step_prefetch>);
    // A command may have waited for the place.
    start_commands();
}

void SmmuDevice::step_prefetch() {
    const Step& step = prefetch_.engine.step(smmu_, prefetch_.reply);
    prefetch_.step = &step;
    const TcuParams& tcu = params_.tcu;
    switch (step.kind) {
        case StepKind::lookup:
            switch (step.lookup.structure) {
                case Structure::config_cache:
                    config_.enter(prefetch_, clock_ * tcu.config_cache.latency, &on<&SmmuDevice::step_prefetch>);
                    return;
                case Structure::tlb:
                    tlb_.enter(prefetch_, clock_ * tcu.tlb.latency, &on<&SmmuDevice::step_prefetch>);
                    return;
                case Structure::ipa_cache:
                    ipa_.enter(prefetch_, clock_ * tcu.ipa_cache.latency, &on<&SmmuDevice::step_prefetch>);
                    return;
                case Structure::walk_cache:
                    walk_cache_.enter(prefetch_, clock_ * tcu.walk_cache.latency, &on<&SmmuDevice::step_prefetch>);
                    return;
            }
            return;
        case StepKind::access:
            if (step.access.purpose >= Purpose::s1_level0 && step.access.purpose <= Purpose::httu) {
                if (!prefetch_.walking) {
                    prefetch_.walking = true;
                    walk_slots_.take(prefetch_, &on<&SmmuDevice::walk_prefetch>);
                } else {
                    walk_prefetch();
                }
                return;
            }
            ++counts_.config_reads;
            ports_[0]->access(prefetch_, step.access, &on<&SmmuDevice::step_prefetch>);
            return;
        default:
            break;
    }
    if (prefetch_.walking) walk_slots_.give();
    xlate_slots_.give();
    prefetch_.running = false;
    start_prefetch();
}

/// A cycle of the walker, and the read.
void SmmuDevice::walk_prefetch() { cycle_.enter(prefetch_, clock_ * Cycles{1}, &on<&SmmuDevice::access_prefetch>); }

void SmmuDevice::access_prefetch() {
    // The step for which the walker was asked is still the engine's last one.
    ports_[0]->access(prefetch_, prefetch_.step->access, &on<&SmmuDevice::step_prefetch>);
}

}  // namespace xlate::soc
