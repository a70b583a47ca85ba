// The steps of a translation slot whose family has one stage and no queues: what they have in common, filled in.
#pragma once

#include <cstdint>

#include "base/bits.hpp"
#include "iommu/engine.hpp"

namespace xlate::iommu {

/// A look-up is about to be done; `level`: of a walk cache.
inline void lookup_step(Step& step, Structure structure, unsigned level = 0) {
    step.kind = StepKind::lookup;
    step.lookup = {structure, 1, static_cast<std::uint8_t>(level)};
}

/// A word of a table is read for `request`.
inline void read_step(Step& step, const Request& request, std::uint64_t address, std::size_t size,
                      AccessPurpose purpose) {
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{address};
    step.access.size = static_cast<std::uint32_t>(size);
    step.access.purpose = purpose;
    step.access.input = request.address;
}

/// It goes to memory at `pa`; no TLB may keep that.
inline void done_step(Step& step, const Request& request, std::uint64_t pa, std::uint32_t epoch) {
    step.kind = StepKind::done;
    step.result = {};
    step.result.pa = PhysAddr{pa};
    step.result.attributes = request.incoming;
    step.result.epoch = epoch;
}

/// It goes to memory where `entry` leads, and a TLB may keep the entry.
inline void mapped_step(Step& step, const Request& request, const CachedTranslation& entry, std::uint32_t epoch) {
    done_step(step, request, entry.pa | (request.address & low_mask(entry.log2_bytes)), epoch);
    step.result.entry = entry;
    step.result.entry.stream = stream_tag(request.sid, request.ssid);
    step.result.entry.attributes = request.incoming;
    step.result.cacheable = !request.debug;
}

/// It is refused; `fault`: the architecture's code.
inline void fault_step(Step& step, Response response, std::uint16_t fault, std::uint32_t epoch) {
    step.kind = StepKind::fault;
    step.result = {};
    step.result.response = response;
    step.result.fault = fault;
    step.result.epoch = epoch;
}

}  // namespace xlate::iommu
