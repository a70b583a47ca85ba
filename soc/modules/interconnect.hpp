// The crossbar as a module of a foreign platform (soc/bus/crossbar.hpp): from[i] are target sockets, for initiators;
// to[i] are initiator sockets, for targets; map() says which addresses lead where. Priorities are those of
// DmaAttributes. Errors: a report of severity error, id "xlate": two ranges that lie over one another, a target that is
// not there.
#pragma once

#include <memory>
#include <vector>

#include "soc/bus/crossbar.hpp"
#include "soc/modules/edges.hpp"

namespace xlate::soc {

class InterconnectModule : public sc_core::sc_module {
public:
    /// [base, base + size) leads to to[target]; before the simulation starts.
    void map(std::uint64_t base, std::uint64_t size, unsigned target);

protected:
    InterconnectModule(const sc_core::sc_module_name& module_name, World& world, ClockPeriod clock,
                       const CrossbarParams& params, unsigned from, unsigned to);
    Inlet& inlet(std::size_t index) { return *inlets_[index]; }
    Outlet& outlet(std::size_t index) { return *outlets_[index]; }

private:
    struct Range {
        std::uint64_t base, last;
    };
    std::vector<std::unique_ptr<Inlet>> inlets_;
    std::vector<std::unique_ptr<Outlet>> outlets_;
    std::unique_ptr<Crossbar> crossbar_;
    std::vector<Range> ranges_;
};

template <unsigned BUSWIDTH = 32>
class Interconnect final : public InterconnectModule {
public:
    Interconnect(const sc_core::sc_module_name& module_name, World& world, ClockPeriod clock,
                 const CrossbarParams& params, unsigned initiators, unsigned targets)
        : InterconnectModule(module_name, world, clock, params, initiators, targets),
          from("from", initiators),
          to("to", targets) {
        for (std::size_t i = 0; i < from.size(); ++i) stand_outside(world, inlet(i), from[i]);
        for (std::size_t i = 0; i < to.size(); ++i) stand_outside(world, outlet(i), to[i]);
    }
    sc_core::sc_vector<ModuleTargetSocket<BUSWIDTH>> from;
    sc_core::sc_vector<ModuleInitiatorSocket<BUSWIDTH>> to;
};

}  // namespace xlate::soc
