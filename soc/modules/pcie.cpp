#include "soc/modules/pcie.hpp"

#include <set>

#include <fmt/format.h>

#include "base/bits.hpp"

namespace xlate::soc {

namespace {

void check(const std::string& module, const PcieParams& params, const std::vector<PcieEndpoint>& endpoints) {
    std::string findings;
    const auto say = [&](const std::string& text) {
        findings += fmt::format("{}{}.{}", findings.empty() ? "" : "\n", module, text);
    };
    for (const auto& [name, bytes] :
         {std::pair{"max_payload", params.max_payload}, std::pair{"max_read_request", params.max_read_request}}) {
        if (bytes != 0 && (!is_power_of_two(bytes) || bytes < 128 || bytes > 4096))
            say(fmt::format("{}: {} is not a power of two from 128 to 4096; expected one, or 0", name, bytes));
    }
    if (endpoints.empty()) say("endpoints: none is there; expected one or more");
    std::set<std::string> names;
    for (const PcieEndpoint& endpoint : endpoints) {
        if (endpoint.name.empty() || !names.insert(endpoint.name).second)
            say("endpoints: '" + endpoint.name + "' is empty or there twice; expected a name of its own");
    }
    if (!findings.empty()) SC_REPORT_ERROR("xlate", findings.c_str());
}

}  // namespace

PcieModule::PcieModule(const sc_core::sc_module_name& module_name, World& world, const PcieParams& params,
                       const std::vector<PcieEndpoint>& endpoints)
    : sc_core::sc_module(module_name) {
    const std::string own = name();
    check(own, params, endpoints);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        names.push_back(endpoints[i].name);
        inlets_.push_back(std::make_unique<Inlet>(world, own + ".endpoints." + endpoints[i].name,
                                                  fmt::format("from_{}", i),
                                                  Inlet::Shape{12, 0, false, endpoints[i].stream, {}}));
    }
    outlet_ = std::make_unique<Outlet>(world, own + ".root", "to_root", true);
    root_ = std::make_unique<PcieRoot>("link", own, world.agenda(), params, names,
                                       std::vector<std::size_t>(endpoints.size(), 0), 1);
    for (std::size_t i = 0; i < endpoints.size(); ++i) inlets_[i]->port.socket.bind(root_->endpoint(i).socket);
    root_->exit(0).socket.bind(outlet_->port.socket);
    world.uses_time(own, "its latency", params.link_latency);
    // All packets are whole words of four bytes.
    if (params.bandwidth_bytes_per_s != 0)
        world.uses_time(own, "the time of four bytes", {4 * kFsPerSecond / params.bandwidth_bytes_per_s});
}

}  // namespace xlate::soc
