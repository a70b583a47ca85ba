// The foreign parts of one SoC: made by their factories, and the edges between them and ours.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "soc/bus/physical_memory.hpp"
#include "soc/config.hpp"
#include "soc/foreign/foreign.hpp"
#include "soc/foreign/foreign_dma.hpp"
#include "soc/measure/stats.hpp"

namespace xlate::soc {

class ForeignParts {
public:
    /// Whether the config asks for any.
    static bool in(const SocConfig& config);
    /// Factories that are not there, and what foreign parts cannot stand beside.
    static std::vector<Diagnostic> check(const SocConfig& config);

    ForeignParts(const SocConfig& config, Agenda& agenda, TransactionPool& pool, EventStream& stream);
    ~ForeignParts();

    // Each of these ends in InputError if the factory fails.
    TargetPort& add_memory(unsigned channel, PhysicalMemory& bytes);
    std::unique_ptr<ForeignDma> add_master(std::size_t number, const std::string& name,
                                           const DmaMaster::Context& context, StreamId stream);
    struct Ways {
        std::vector<TargetPort*> initiators;
        std::vector<InitiatorPort*> targets;
    };
    /// `targets`: the memory channels first.
    Ways add_interconnect(const std::vector<std::string>& initiators, const std::vector<std::string>& targets,
                          const AddressMap& map);

    /// Runs until `over` and no master of these has anything left to do, or nothing is left to happen. Errors:
    /// InputError with what a foreign module reported.
    void run(const std::function<bool()>& over);
    std::vector<ForeignStats> stats() const;

private:
    class Bytes;
    class Scope;
    /// Ports are made within a module: of this name, while `build` runs.
    void within(const std::string& name, const std::function<void()>& build);
    template <typename Part, typename Setup>
    std::unique_ptr<Part> make(const std::map<std::string, ForeignFactory<Part, Setup>>& factories,
                               const ForeignPart& wanted, Setup setup, const std::string& path);
    Outlet& outlet(const std::string& name, bool says_who);
    Inlet& inlet(const std::string& name, bool introduced = false, bool in_order = false);

    const SocConfig& config_;
    Agenda& agenda_;
    World world_;
    std::vector<std::unique_ptr<Scope>> scopes_;
    std::vector<std::shared_ptr<sc_core::sc_object>> sockets_;
    std::deque<Inlet> inlets_;
    std::deque<Outlet> outlets_;
    std::vector<std::unique_ptr<Bytes>> bytes_;
    std::vector<std::unique_ptr<ForeignMemory>> memories_;
    std::vector<std::pair<std::string, std::unique_ptr<ForeignMaster>>> masters_;  ///< by device
    std::unique_ptr<ForeignInterconnect> interconnect_;
};

}  // namespace xlate::soc
