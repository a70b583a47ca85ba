// An IOMMU of any family as a module of a foreign platform: sockets of the base protocol, every timing of
// soc/iommu/device.hpp. Registers are programmed by whatever drives the platform: a CPU model, a test by transport_dbg.
//   masters[i]   target sockets: a master each (an SMMU's TBUs); LT and AT, see soc/modules/inlet.hpp
//   registers    target socket; addresses are IommuSetup::register_base plus the offset, banks one behind the other
//   memory[i]    initiator sockets: [0] walks, configuration, queues, messages; [1 + i] what came by masters[i]. With
//                params.one_port there is one for all; see soc/modules/outlet.hpp
//   interrupts   when_interrupted()'s handler is called, and interrupted() notified, with each pulse
// transport_dbg at masters[i] translates without time or side effects. DMI is refused.
// Errors: a report of severity error, id "xlate", from the constructor (parameters) or at the end of elaboration.
#pragma once

#include <tlm>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "soc/config.hpp"
#include "soc/iommu/device.hpp"
#include "soc/modules/attributes.hpp"
#include "soc/modules/edges.hpp"

namespace xlate::soc {

/// What stands before the IOMMU. A stream in an access's DmaAttributes goes before `stream_of`, that before `stream`.
struct MasterSocket {
    std::string name;
    std::optional<std::uint32_t> stream;
    std::function<std::uint32_t(const tlm::tlm_generic_payload&)> stream_of;
};

struct IommuSetup {
    std::string family = "smmuv3";  ///< as iommu::families() has it
    IommuParams params;             ///< iommu_preset(...), and what differs
    std::vector<MasterSocket> masters;
    std::uint64_t register_base = 0;
    iommu::InstanceFacts facts;  ///< what firmware would say; bytes of register banks: the instance's own if empty
    std::uint64_t seed = 1;
};

struct Interrupt {
    std::string name;  ///< as in `interrupt-names`; empty: known by its index
    unsigned index = 0;
};

/// All but the sockets, whose width is a template's.
class IommuModule : public sc_core::sc_module, private InterruptSink {
public:
    ~IommuModule() override;

    void when_interrupted(std::function<void(const Interrupt&)> handler) { on_interrupt_ = std::move(handler); }
    const sc_core::sc_event& interrupted() const { return interrupted_; }

    IommuStats stats() const { return device_->stats(); }
    const iommu::InstanceSpec& spec() const { return device_->spec(); }

protected:
    IommuModule(const sc_core::sc_module_name& module_name, World& world, const IommuSetup& setup);

    std::size_t outlets() const { return outlets_.size(); }
    std::size_t inlets() const { return inlets_.size(); }
    Inlet& inlet(std::size_t index) { return *inlets_[index]; }
    Inlet& register_inlet() { return *register_inlet_; }
    Outlet& outlet(std::size_t index) { return *outlets_[index]; }

private:
    void on_interrupt(firmware::NodeIndex device, std::string_view name, unsigned index) override;

    TraceSink* trace_ = nullptr;
    std::function<void(const Interrupt&)> on_interrupt_;
    sc_core::sc_event interrupted_;
    std::unique_ptr<IommuDevice> device_;
    std::vector<std::unique_ptr<Inlet>> inlets_;
    std::unique_ptr<Inlet> register_inlet_;
    std::vector<std::unique_ptr<Outlet>> outlets_;
};

/// `BUSWIDTH`: of all its sockets, in bits, as TLM's sockets have it: a type, not a timing.
template <unsigned BUSWIDTH = 32>
class Iommu final : public IommuModule {
public:
    Iommu(const sc_core::sc_module_name& module_name, World& world, const IommuSetup& setup)
        : IommuModule(module_name, world, setup),
          masters("masters", inlets()),
          registers("registers"),
          memory("memory", outlets()) {
        for (std::size_t i = 0; i < masters.size(); ++i) stand_outside(world, inlet(i), masters[i]);
        stand_outside(world, register_inlet(), registers);
        for (std::size_t i = 0; i < memory.size(); ++i) stand_outside(world, outlet(i), memory[i]);
    }

    sc_core::sc_vector<ModuleTargetSocket<BUSWIDTH>> masters;
    ModuleTargetSocket<BUSWIDTH> registers;
    sc_core::sc_vector<ModuleInitiatorSocket<BUSWIDTH>> memory;
};

}  // namespace xlate::soc
