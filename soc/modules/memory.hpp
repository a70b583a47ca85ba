// Memory as a module of a foreign platform: one channel, of constant latency (soc/bus/memory.hpp) or DRAM with rows
// (soc/bus/dram.hpp). Byte enables and streaming are refused. transport_dbg reads and writes its bytes.
#pragma once

#include <memory>

#include "soc/bus/dram.hpp"
#include "soc/bus/memory.hpp"
#include "soc/modules/edges.hpp"

namespace xlate::soc {

class MemoryModule : public sc_core::sc_module {
public:
    /// What was given to DRAM's banks; nothing if there is none.
    const DramCounts* dram_counts() const { return dram_ ? &dram_->counts() : nullptr; }
    PhysicalMemory& bytes() { return bytes_; }

protected:
    /// Every address is memory. `params.channels`: 1.
    MemoryModule(const sc_core::sc_module_name& module_name, World& world, const MemoryParams& params);
    Inlet& inlet() { return inlet_; }

private:
    PhysicalMemory bytes_{{}};
    std::unique_ptr<soc::Memory> memory_;
    std::unique_ptr<Dram> dram_;
    Inlet inlet_;
};

template <unsigned BUSWIDTH = 32>
class MemoryTarget final : public MemoryModule {
public:
    MemoryTarget(const sc_core::sc_module_name& module_name, World& world, const MemoryParams& params)
        : MemoryModule(module_name, world, params), socket("socket") {
        stand_outside(world, inlet(), socket);
    }
    ModuleTargetSocket<BUSWIDTH> socket;
};

}  // namespace xlate::soc
