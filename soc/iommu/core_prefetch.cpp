// What software asks to fetch (CMD_PREFETCH_CONFIG, CMD_PREFETCH_ADDR): a translation without a transaction, which
// fills the core's caches. One at a time; it holds a translation slot, and a walk slot while it walks, and uses the
// caches' ports as others do.
#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::Step;
using iommu::StepKind;

void IommuDevice::start_prefetch() {
    const auto wanted = unit_->take_prefetch();
    if (!wanted) return;
    prefetch_.running = true;
    prefetch_.walking = false;
    prefetch_.engine->start_prefetch(*wanted);
    xlate_slots_.take(prefetch_, &on<&IommuDevice::step_prefetch>);
    // A command may have waited for the place.
    start_commands();
}

void IommuDevice::step_prefetch() {
    const Step& step = prefetch_.engine->step(prefetch_.reply);
    prefetch_.step = &step;
    switch (step.kind) {
        case StepKind::lookup:
            enter_structure(prefetch_, step.lookup.structure, &on<&IommuDevice::step_prefetch>);
            return;
        case StepKind::access:
            if (spec_.purpose(step.access.purpose).role == iommu::AccessRole::walk ||
                spec_.purpose(step.access.purpose).role == iommu::AccessRole::update) {
                if (!prefetch_.walking) {
                    prefetch_.walking = true;
                    walk_slots_.take(prefetch_, &on<&IommuDevice::walk_prefetch>);
                } else {
                    walk_prefetch();
                }
                return;
            }
            ports_[0]->access(prefetch_, step.access, &on<&IommuDevice::step_prefetch>);
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
void IommuDevice::walk_prefetch() { cycle_.enter(prefetch_, clock_ * Cycles{1}, &on<&IommuDevice::access_prefetch>); }

void IommuDevice::access_prefetch() {
    // The step for which the walker was asked is still the engine's last one.
    ports_[0]->access(prefetch_, prefetch_.step->access, &on<&IommuDevice::step_prefetch>);
}

}  // namespace xlate::soc
