// Parts of a SoC that xlate does not have and a user writes: a memory, a DMA master, the interconnect, as SystemC
// modules with sockets of the base protocol. Register a factory by name before the run; a config asks for it by
// `foreign: NAME` (docs/systemc.md). LT or AT; sockets of any bus width.
//   int main(int argc, char* argv[]) {
//       xlate::soc::register_foreign_memory("my-dram", [](const xlate::soc::ForeignMemorySetup& setup) {
//           return std::make_unique<MyDram>(setup.name.c_str(), setup.time("latency", xlate::ns(50)));
//       });
//       return xlate::cli::cli_main(argc, argv);
//   }
// Errors: an option that a factory did not ask for, and what a factory throws (std::exception), are findings about the
// config (status 2). What a module reports as sc_core::SC_ERROR ends the run the same way.
#pragma once

#include <systemc>
#include <tlm>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "firmware/description.hpp"
#include "soc/bus/address_map.hpp"
#include "soc/masters/address_pattern.hpp"
#include "soc/modules/edges.hpp"

namespace xlate::soc {

/// A socket of a foreign module, of any bus width. It outlives the SoC's construction and the run.
class ForeignInitiator {
public:
    template <typename Socket>
    ForeignInitiator(Socket& socket)  // NOLINT(google-explicit-constructor)
        : bind_([&socket](World& world, Inlet& inlet) -> std::shared_ptr<sc_core::sc_object> {
              using Outside = ModuleTargetSocket<decltype(width_of(&socket))::value>;
              auto outside = std::make_shared<Outside>(sc_core::sc_gen_unique_name("foreign_initiator"));
              stand_outside(world, inlet, *outside);
              socket.bind(*outside);
              return outside;
          }) {}
    std::shared_ptr<sc_core::sc_object> bind(World& world, Inlet& inlet) const { return bind_(world, inlet); }

private:
    template <unsigned BUSWIDTH>
    static std::integral_constant<unsigned, BUSWIDTH> width_of(const tlm::tlm_base_initiator_socket_b<BUSWIDTH>*);
    std::function<std::shared_ptr<sc_core::sc_object>(World&, Inlet&)> bind_;
};
class ForeignTarget {
public:
    template <typename Socket>
    ForeignTarget(Socket& socket)  // NOLINT(google-explicit-constructor)
        : bind_([&socket](World& world, Outlet& outlet) -> std::shared_ptr<sc_core::sc_object> {
              using Outside = ModuleInitiatorSocket<decltype(width_of(&socket))::value>;
              auto outside = std::make_shared<Outside>(sc_core::sc_gen_unique_name("foreign_target"));
              stand_outside(world, outlet, *outside);
              outside->bind(socket);
              return outside;
          }) {}
    std::shared_ptr<sc_core::sc_object> bind(World& world, Outlet& outlet) const { return bind_(world, outlet); }

private:
    template <unsigned BUSWIDTH>
    static std::integral_constant<unsigned, BUSWIDTH> width_of(const tlm::tlm_base_target_socket_b<BUSWIDTH>*);
    std::function<std::shared_ptr<sc_core::sc_object>(World&, Outlet&)> bind_;
};

/// What a factory is told. As of any module of SystemC, the constructor of what it makes takes an sc_module_name.
struct ForeignSetup {
    std::string name;                            ///< for the SystemC module that it makes
    ClockPeriod clock;                           ///< of the SoC
    std::uint64_t seed = 1;                      ///< of the run
    std::map<std::string, std::string> options;  ///< `foreign_options` of the config

    /// One of `options`, or `usual`. Errors: std::invalid_argument if it is none of its kind.
    std::string text(const std::string& option, const std::string& usual) const;
    std::uint64_t number(const std::string& option, std::uint64_t usual) const;
    SimTime time(const std::string& option, SimTime usual) const;
    /// What has been asked for.
    const std::set<std::string>& asked() const { return asked_; }

private:
    mutable std::set<std::string> asked_;
};
/// For sc_time arguments: exact at the SoC's resolution of 1 fs.
inline sc_core::sc_time systemc_time(SimTime time) { return sc_core::sc_time::from_value(time.fs); }

/// What a part counted, for `foreign[].counters` of the result; names of [a-z0-9_].
using ForeignCounters = std::vector<std::pair<std::string, std::uint64_t>>;

/// Says when; the bytes are xlate's: what a write brings is stored when it is sent, what a read brings is filled in
/// when its response begins. Whatever the module does to the payload's data does not matter.
class ForeignMemory {
public:
    virtual ~ForeignMemory() = default;
    virtual ForeignTarget socket() = 0;
    virtual ForeignCounters counters() const { return {}; }
};
struct ForeignMemorySetup : ForeignSetup {
    unsigned channel = 0, channels = 1;         ///< which of `soc.memory.channels` it is; a factory makes one at a time
    std::vector<firmware::MemoryRange> ranges;  ///< of all channels; empty: every address
};

/// A device: reads and writes at its socket are what arrives at its IOMMU. Its stream ID is the hardware's, so it need
/// not know it; substream and privilege may travel in DmaAttributes. Statistics are those of any master.
class ForeignMaster {
public:
    virtual ~ForeignMaster() = default;
    virtual ForeignInitiator socket() = 0;
    /// Its driver has mapped these, and sets it going; may be called again. From within the simulation, so that events
    /// may be notified.
    virtual void start(const std::vector<DmaRegion>& regions) = 0;
    /// It will do nothing more by itself. A run ends when all are idle and nothing is under way.
    virtual bool idle() const = 0;
    virtual ForeignCounters counters() const { return {}; }
};
struct ForeignMasterSetup : ForeignSetup {
    std::string device;  ///< Linux's name
    std::uint32_t stream = 0;
};

/// In place of the SoC's crossbar. What it promises, and what its edges look for:
///   extensions  it passes payloads on, as they are or as its own with their extensions: DmaAttributes says which
///               accesses take time alone (timing_only), and who sent them
///   order       accesses of one initiator to one target that is not memory (registers, messages) arrive in the order
///               in which they were sent: software writes registers without waiting, and means them one after another
///   bytes       data and byte enables are those of the payload that came in; its own copies carry them both ways
///   debug       transport_dbg passes, without time: atomic updates of tables end that way
/// An address that leads nowhere is its to refuse. A broken promise ends the run in one finding.
class ForeignInterconnect {
public:
    virtual ~ForeignInterconnect() = default;
    /// By the place of their names in the setup.
    virtual ForeignTarget initiator(std::size_t index) = 0;
    virtual ForeignInitiator target(std::size_t index) = 0;
    virtual ForeignCounters counters() const { return {}; }
};
struct ForeignInterconnectSetup : ForeignSetup {
    std::vector<std::string> initiators, targets;
    AddressMap map;  ///< addresses are global: targets take them as they are
};

template <typename Part, typename Setup>
using ForeignFactory = std::function<std::unique_ptr<Part>(const Setup&)>;

/// Before the run; a second one of a name takes the place of the first.
void register_foreign_memory(const std::string& name, ForeignFactory<ForeignMemory, ForeignMemorySetup> factory);
void register_foreign_master(const std::string& name, ForeignFactory<ForeignMaster, ForeignMasterSetup> factory);
void register_foreign_interconnect(const std::string& name,
                                   ForeignFactory<ForeignInterconnect, ForeignInterconnectSetup> factory);

/// Everything that is registered.
struct ForeignRegistry {
    std::map<std::string, ForeignFactory<ForeignMemory, ForeignMemorySetup>> memories;
    std::map<std::string, ForeignFactory<ForeignMaster, ForeignMasterSetup>> masters;
    std::map<std::string, ForeignFactory<ForeignInterconnect, ForeignInterconnectSetup>> interconnects;
};
const ForeignRegistry& foreign_registry();

}  // namespace xlate::soc
