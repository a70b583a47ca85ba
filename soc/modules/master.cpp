#include "soc/modules/master.hpp"

namespace xlate::soc {

MasterModule::MasterModule(const sc_core::sc_module_name& module_name, World& world, const TrafficParams& traffic,
                           std::uint32_t stream, PayloadMode payload, std::uint64_t seed)
    : sc_core::sc_module(module_name), outlet_(world, std::string(name()) + ".socket", "to_socket", true) {
    MasterConfig config;
    config.device = name();
    config.traffic = traffic;
    const DmaMaster::Context context{world.agenda(), world.pool(), world.stream(), *this, trace_};
    master_ = std::make_unique<DmaMaster>("master", config.device, context, config, seed, payload);
    master_->set_stream(StreamId{stream});
    master_->port.socket.bind(outlet_.port.socket);
    world.uses_time(config.device, "its interval", traffic.interval);
    world.uses_time(config.device, "its burst_gap", traffic.burst_gap);
    world.uses_time(config.device, "its start_delay", traffic.start_delay);
}

MasterModule::~MasterModule() = default;

void MasterModule::start(std::uint64_t address, std::uint64_t size) {
    master_->start({DmaRegion{Iova{address}, size}});
}

}  // namespace xlate::soc
