#include "iommu/amd/device_table.hpp"

#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"

namespace xlate::iommu::amd {

/// Nothing of an entry counts unless V says so.
DteError check(const Dte& entry, const AmdParams& params) {
    const DteWords& w = entry.words;
    if (!entry.valid()) return DteError::none;
    if ((w[0] & dte::kReserved0) != 0 || (w[2] & dte::kReserved2) != 0 || (w[3] & dte::kReserved3) != 0) {
        return DteError::reserved_bit;
    }
    return entry.translation_valid() && entry.mode() > params.host_levels() ? DteError::illegal_level : DteError::none;
}

Progress DteWalk::fail(Event event, bool reserved, std::uint64_t address) {
    fault_ = {};
    fault_.event = event;
    fault_.reserved = reserved;
    fault_.address = address;
    return Progress::fault;
}

Progress DteWalk::advance(Iommu& iommu, const Reply& reply, Step& step) {
    const std::uint64_t tag = stream_tag(StreamId{device_}, std::nullopt);
    for (;;) {
        switch (state_) {
            case State::begin:
                epoch_ = iommu.epoch();
                if (std::uint64_t{device_} * kDteBytes >= iommu.registers.device_table_bytes()) {
                    return fail(Event::illegal_dev_table_entry, false, 0);
                }
                if (!iommu.dte_cache.enabled() || debug_) {
                    state_ = State::read;
                    break;
                }
                state_ = State::looked_up;
                step.kind = StepKind::lookup;
                step.lookup = {Structure::config_cache, 1, 0};
                return Progress::step;
            case State::looked_up:
                if (const Dte* hit = iommu.dte_cache.lookup(tag)) {
                    ++iommu.counters.dte_hits;
                    entry_ = *hit;
                    return Progress::done;
                }
                state_ = State::read;
                break;
            case State::read:
                if (!debug_) ++iommu.counters.dte_misses;
                state_ = State::fetched;
                step.kind = StepKind::access;
                step.access = {};
                step.access.address = PhysAddr{iommu.registers.device_table() + std::uint64_t{device_} * kDteBytes};
                step.access.size = kDteBytes;
                step.access.purpose = Purpose::dte;
                return Progress::step;
            case State::fetched:
                if (reply.abort) return fail(Event::dev_tab_hw_error, false, step.access.address.value);
                for (unsigned i = 0; i < 4; ++i) entry_.words[i] = load_le(reply.data.data() + 8 * i, 8);
                switch (check(entry_, iommu.params())) {
                    case DteError::reserved_bit:
                        return fail(Event::illegal_dev_table_entry, true, 0);
                    case DteError::illegal_level:
                        return fail(Event::illegal_dev_table_entry, false, 0);
                    case DteError::none:
                        break;
                }
                if (!debug_ && epoch_ == iommu.epoch()) iommu.dte_cache.fill(tag, entry_);
                return Progress::done;
        }
    }
}

}  // namespace xlate::iommu::amd
