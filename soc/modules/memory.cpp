#include "soc/modules/memory.hpp"

namespace xlate::soc {

MemoryModule::MemoryModule(const sc_core::sc_module_name& module_name, World& world, const MemoryParams& params)
    : sc_core::sc_module(module_name),
      inlet_(world, std::string(name()) + ".socket", "from_socket", Inlet::Shape{12, 0, true, 0, {}}) {
    const std::string own = name();
    if (params.dram) {
        dram_ = std::make_unique<Dram>("channel", own, world.agenda(), params, bytes_);
        inlet_.port.socket.bind(dram_->port.socket);
        world.uses_time(own, "its clock period", {params.dram->clock.fs});
        world.uses_time(own, "its controller's time", params.controller);
    } else {
        memory_ = std::make_unique<soc::Memory>("channel", own, world.agenda(), params, bytes_);
        inlet_.port.socket.bind(memory_->port.socket);
        world.uses_time(own, "its latency", params.latency);
    }
    world.expect([channels = params.channels] { return channels == 1; }, own + ": a module is one channel");
}

}  // namespace xlate::soc
