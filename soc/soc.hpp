// A system-on-chip built from firmware and a config: crossbar, memory, CPUs, masters, PCIe, IOMMUs; the timed machine.
// SystemC stays behind this header.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "firmware/description.hpp"
#include "soc/config.hpp"
#include "soc/iommu/sanitizer.hpp"
#include "soc/measure/stats.hpp"
#include "soc/measure/trace.hpp"
#include "soc/measure/usage.hpp"

namespace xlate::kernel {
class Kernel;
class Machine;
}  // namespace xlate::kernel

namespace xlate::soc {

/// Why a run came to its end.
enum class Outcome : std::uint8_t {
    finished,     ///< nothing is left that could happen
    time_limit,   ///< Limits::max_time
    event_limit,  ///< Limits::max_events
    interrupted,  ///< request_stop()
};

/// Owns every module. SystemC elaborates once per process: so does Soc; a second one raises InternalError.
/// Use: make it; make the kernel on machine(), attach() it; run(); read stats() and the memory.
/// Errors: InputError from the constructor if check(config, description) finds something.
class Soc {
public:
    /// `description` must outlive the Soc; `config` is copied.
    Soc(const firmware::Description& description, const SocConfig& config);
    ~Soc();
    Soc(const Soc&) = delete;
    Soc& operator=(const Soc&) = delete;

    /// The kernel's port to this world: `kernel::Kernel kernel{soc.machine(), variant}; soc.attach(kernel);`.
    kernel::Machine& machine();
    /// Before run(), if there is a kernel. It must outlive the run.
    void attach(kernel::Kernel& kernel);

    /// Runs until nothing is left to do, or a limit. Once.
    Outcome run();
    /// From a signal handler or another thread: run() returns soon after.
    void request_stop();

    SimTime now() const;
    SocStats stats() const;
    /// What every shared resource did up to now, always in the same order.
    std::vector<ResourceUse> uses() const;
    /// Hardware that the firmware describes and this model does not have, and the like. Said once each.
    const std::vector<std::string>& warnings() const;
    /// Listens from now on; nullptr: nobody. Must outlive the run.
    void set_trace(TraceSink* sink);

    /// What the sanitizer found; nothing if SocConfig::sanitizer is off. Once, after run(). `ended_well`: nothing was
    /// cut off by a limit or a crash, so that what is stale now stays so.
    std::optional<SanitizerReport> sanitize(bool ended_well);

    /// Simulated DRAM without time, for tests, oracles and loaders. Bytes that nobody wrote read as 0.
    /// False if the range is not memory.
    bool peek(PhysAddr address, std::uint8_t* bytes, std::size_t size) const;
    bool poke(PhysAddr address, const std::uint8_t* bytes, std::size_t size);
    /// Registers without time. Reads have no side effects.
    std::uint64_t peek_register(PhysAddr address, unsigned size) const;
    void poke_register(PhysAddr address, unsigned size, std::uint64_t value);

    /// What a driver does by the endpoint's ATS capability. False if the device has no ATC.
    bool enable_ats(const std::string& device, bool on);
    /// Sets a master going without a kernel: its configured traffic over [iova, iova + size); one that runs goes on
    /// there. False if it has made all of its traffic already.
    bool start_master(const std::string& device, Iova iova, std::uint64_t size);
    /// The same over recorded addresses: `offsets` into that range instead of the pattern, in order and then again.
    void start_master(const std::string& device, Iova iova, std::uint64_t size, std::vector<std::uint64_t> offsets);

    /// A master begins no further transaction of its traffic.
    void stop_master(const std::string& device);

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace xlate::soc
