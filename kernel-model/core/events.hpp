// What a probe tracer would have seen: the event log of one boot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "base/time.hpp"

namespace xlate::kernel {

/// The kinds of events, named as the corpus names them (corpus/linux-boot/README.md, timeline).
enum class EventKind : std::uint8_t {
    driver_probe,        ///< really_probe: begin, end, result
    iommu_probe_device,  ///< begin, end, result, caller
    fwspec_init,         ///< iommu_fwspec_init was entered
    fwspec_add_ids,      ///< iommu_fwspec_add_ids was entered, with these ids
    add_device_to_group,
    attach_device_to_domain,
};
std::string_view name(EventKind kind);

/// One event. Times are of the begin (and, where there is a result, of the end).
struct Event {
    SimTime time{};
    EventKind kind = EventKind::driver_probe;
    std::string device;      ///< Linux device name
    std::string driver;      ///< driver_probe only
    std::optional<int> ret;  ///< driver_probe, iommu_probe_device; none: did not return (a crash, or the run's end)
    std::optional<SimTime> t_end;    ///< as `ret`
    std::string by;                  ///< thread: "swapper/0", "insmod", "kworker/u8:0"
    std::string caller;              ///< iommu_probe_device: "iommu_bus_notifier", "of_iommu_configure"
    std::vector<std::uint32_t> ids;  ///< fwspec_add_ids
    std::optional<unsigned> group;   ///< add_device_to_group
};

/// Recorder of one run, in order of begin. As in the corpus, a registration walk's calls of the probe function are
/// no events of their own (kernel-probe.md 10.4); the groups and attaches that it makes are.
/// Owned by Kernel. Not a point: recording never gives way and costs no simulated time.
class EventLog {
public:
    bool enabled = true;  ///< false: nothing is kept (explore)

    /// A handle for `end`.
    std::size_t begin(Event event);
    /// `fill(event)` is called only if somebody keeps it.
    template <class F>
    std::size_t begin(SimTime time, EventKind kind, F fill) {
        return enabled ? keep(time, kind, std::move(fill)) : kNotKept;
    }
    void end(std::size_t handle, int ret, SimTime time);
    void record(Event event) { begin(std::move(event)); }
    template <class F>
    void record(SimTime time, EventKind kind, F fill) {
        begin(time, kind, std::move(fill));
    }

    const std::vector<Event>& events() const { return events_; }
    /// Adds everything but the times to a digest: the same for every schedule with the same order of events.
    void add_to(Digest& digest) const;

private:
    // Cold, here and below: out of the way of what explore runs, whose code is larger than the host's first cache.
    template <class F>
    [[gnu::cold, gnu::noinline]] std::size_t keep(SimTime time, EventKind kind, F fill) {
        Event event;
        event.time = time;
        event.kind = kind;
        fill(event);
        return begin(std::move(event));
    }
    static constexpr std::size_t kNotKept = ~std::size_t{0};
    std::vector<Event> events_;
};

}  // namespace xlate::kernel
