// A DMA master as a module of a foreign platform: the traffic of a config (patterns, recordings) at an initiator
// socket. Its payloads say who it is in DmaAttributes; payloads carry bytes if asked.
#pragma once

#include <memory>

#include "soc/masters/dma_master.hpp"
#include "soc/modules/edges.hpp"

namespace xlate::soc {

class MasterModule : public sc_core::sc_module, private FaultListener {
public:
    ~MasterModule() override;
    /// From now on, over [address, address + size).
    void start(std::uint64_t address, std::uint64_t size);
    MasterStats stats() const { return master_->stats(); }
    bool idle() const { return master_->idle(); }
    /// Listens to its transactions; nullptr: nothing does.
    void set_trace(TraceSink* trace) { trace_ = trace; }

protected:
    MasterModule(const sc_core::sc_module_name& module_name, World& world, const TrafficParams& traffic,
                 std::uint32_t stream, PayloadMode payload, std::uint64_t seed);
    Outlet& outlet() { return outlet_; }

private:
    void on_fault(const std::string&, const Transaction&) override {}
    TraceSink* trace_ = nullptr;
    Outlet outlet_;
    std::unique_ptr<DmaMaster> master_;
};

template <unsigned BUSWIDTH = 32>
class Master final : public MasterModule {
public:
    Master(const sc_core::sc_module_name& module_name, World& world, const TrafficParams& traffic, std::uint32_t stream,
           PayloadMode payload = PayloadMode::timing_only, std::uint64_t seed = 1)
        : MasterModule(module_name, world, traffic, stream, payload, seed), socket("socket") {
        stand_outside(world, outlet(), socket);
    }
    ModuleInitiatorSocket<BUSWIDTH> socket;
};

}  // namespace xlate::soc
