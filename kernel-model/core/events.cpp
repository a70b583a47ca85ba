#include "kernel-model/core/events.hpp"

#include "base/error.hpp"

namespace xlate::kernel {

std::string_view name(EventKind kind) {
    switch (kind) {
        case EventKind::driver_probe:
            return "driver_probe";
        case EventKind::iommu_probe_device:
            return "iommu_probe_device";
        case EventKind::fwspec_init:
            return "fwspec_init";
        case EventKind::fwspec_add_ids:
            return "fwspec_add_ids";
        case EventKind::add_device_to_group:
            return "add_device_to_group";
        case EventKind::attach_device_to_domain:
            return "attach_device_to_domain";
    }
    return "?";
}

std::size_t EventLog::begin(Event event) {
    if (!enabled) return kNotKept;
    events_.push_back(std::move(event));
    return events_.size() - 1;
}

void EventLog::end(std::size_t handle, int ret, SimTime time) {
    if (handle == kNotKept) return;
    XLATE_CHECK(handle < events_.size(), std::to_string(handle));
    events_[handle].ret = ret;
    events_[handle].t_end = time;
}

void EventLog::add_to(Digest& digest) const {
    for (const Event& event : events_) {
        digest.add(name(event.kind)).add(event.device).add(event.driver).add(event.by).add(event.caller);
        digest.add(event.ret ? static_cast<std::uint64_t>(*event.ret) : ~std::uint64_t{0});
        for (const std::uint32_t id : event.ids) digest.add(std::uint64_t{id});
        digest.add(event.group ? std::uint64_t{*event.group} : ~std::uint64_t{0});
    }
}

}  // namespace xlate::kernel
