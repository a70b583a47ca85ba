#include "study/config/idle_keys.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::study {
namespace {

using Mapping = TrafficConfig::Mapping;

const char* name(Mapping mapping) {
    switch (mapping) {
        case Mapping::once:
            return "once";
        case Mapping::per_transfer:
            return "per-transfer";
        case Mapping::on_demand:
            return "on-demand";
        default:
            return "ring";
    }
}

const char* name(soc::Pattern pattern) {
    switch (pattern) {
        case soc::Pattern::linear:
            return "linear";
        case soc::Pattern::strided:
            return "strided";
        case soc::Pattern::random:
            return "random";
        default:
            return "trace";
    }
}

}  // namespace

std::vector<std::string> idle_keys(const Config& config) {
    std::vector<std::string> all;
    const auto add = [&](const std::string& path, const std::string& why) {
        if (config.given(path))
            all.push_back(fmt::format("{} has no effect: {} ({})", path, why, printable(config.where(path).text())));
    };
    const TrafficConfig usual;
    for (std::size_t i = 0; i < config.traffic.size(); ++i) {
        const TrafficConfig& traffic = config.traffic[i];
        const soc::TrafficParams& params = traffic.params;
        const std::string at = fmt::format("traffic[{}]", i);
        const bool recorded = params.pattern == soc::Pattern::trace;
        if (params.pattern != soc::Pattern::strided && params.stride_bytes != usual.params.stride_bytes)
            add(at + ".stride", fmt::format("pattern is {}, not strided", name(params.pattern)));
        if (params.burst != 1 && params.burst_gap.fs == 0) add(at + ".burst", "there is no burst_gap between bursts");
        if (traffic.mapping != Mapping::once && traffic.chunk_bytes != 0)
            add(at + ".chunk", fmt::format("mapping is {}, not once", name(traffic.mapping)));
        if (traffic.mapping != Mapping::per_transfer && traffic.buffer_bytes != 0)
            add(at + ".buffer", fmt::format("mapping is {}, not per-transfer", name(traffic.mapping)));
        const bool by_tasks = traffic.mapping == Mapping::per_transfer || traffic.mapping == Mapping::ring;
        if (!by_tasks && traffic.tasks != 1)
            add(at + ".tasks", fmt::format("mapping is {}, not per-transfer or ring", name(traffic.mapping)));
        if (traffic.mapping != Mapping::once && traffic.coherent_buffers)
            add(at + ".coherent_buffers", fmt::format("mapping is {}, not once", name(traffic.mapping)));
        if (!recorded && !traffic.trace_master.empty())
            add(at + ".trace_master", fmt::format("pattern is {}, not trace", name(params.pattern)));
        if (recorded && params.size_bytes != usual.params.size_bytes)
            add(at + ".size", "the sizes are those of the trace");
    }
    const soc::MemoryParams memory;
    if (config.soc.memory_timings != 0) {
        const soc::MemoryParams& given = config.soc.memory;
        if (given.banks != memory.banks) add("soc.memory.banks", "soc.memory.timings says how many there are");
        if (given.bank_busy != memory.bank_busy)
            add("soc.memory.bank_busy", "soc.memory.timings says how long a bank is busy");
    }
    return all;
}

}  // namespace xlate::study
