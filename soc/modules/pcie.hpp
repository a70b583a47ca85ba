// A PCIe link and its root complex as a module of a foreign platform (soc/pcie/pcie_root.hpp): endpoints[i] are target
// sockets, root is an initiator socket, for an IOMMU's master socket or an interconnect. Each endpoint's accesses carry
// its stream (the requester ID, as the platform maps it) in DmaAttributes, unless they say another one.
// Generations: a bandwidth; of PCIe 3.0 x4 3'938'461'538 bytes a second. Not here: ATCs (an endpoint of the platform's
// own sends its address types in DmaAttributes), links one behind the other.
// Errors: a report of severity error, id "xlate", from the constructor (parameters) or at the end of elaboration. A
// packet's time is its bytes by the bandwidth, in femtoseconds: at 1 fs it is exact, at 1 ps it has to be whole.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "soc/modules/edges.hpp"
#include "soc/pcie/pcie_root.hpp"

namespace xlate::soc {

struct PcieEndpoint {
    std::string name;
    std::uint32_t stream = 0;
};

class PcieModule : public sc_core::sc_module {
protected:
    PcieModule(const sc_core::sc_module_name& module_name, World& world, const PcieParams& params,
               const std::vector<PcieEndpoint>& endpoints);
    Inlet& inlet(std::size_t index) { return *inlets_[index]; }
    Outlet& outlet() { return *outlet_; }

private:
    std::vector<std::unique_ptr<Inlet>> inlets_;
    std::unique_ptr<Outlet> outlet_;
    std::unique_ptr<PcieRoot> root_;
};

template <unsigned BUSWIDTH = 32>
class PcieLink final : public PcieModule {
public:
    PcieLink(const sc_core::sc_module_name& module_name, World& world, const PcieParams& params,
             const std::vector<PcieEndpoint>& ends)
        : PcieModule(module_name, world, params, ends), endpoints("endpoints", ends.size()), root("root") {
        for (std::size_t i = 0; i < endpoints.size(); ++i) stand_outside(world, inlet(i), endpoints[i]);
        stand_outside(world, outlet(), root);
    }
    sc_core::sc_vector<ModuleTargetSocket<BUSWIDTH>> endpoints;
    ModuleInitiatorSocket<BUSWIDTH> root;
};

}  // namespace xlate::soc
