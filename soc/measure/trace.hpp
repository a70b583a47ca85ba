// A place to listen: spans and instants of a run, as they happen. Nothing in the model depends on a listener.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.hpp"
#include "soc/measure/ledger.hpp"

namespace xlate::soc {

/// One step of an access on its way: for those who want to know each.
struct TraceStep {
    enum class Kind : std::uint8_t {
        transfer,     ///< of a master: issue to completion; told beside transaction()
        translation,  ///< in a port of an IOMMU: from its last beat until it leaves or is refused
        walk,         ///< in a walk slot of the core
        read,         ///< one access of the core for it: of a walk, or of configuration
        memory,       ///< in a memory channel: begun to answered
        command,      ///< taken by the core, from its fetch to its end
    };
    Kind kind = Kind::transfer;
    std::string_view component;  ///< "9050000.smmuv3", "memory"; transfer: the device
    std::string_view place;      ///< in it: the port's name, or empty
    std::string_view what;  ///< "read", "write", "message", "fault"; "micro-TLB hit", "s1_level3", "CMD_TLBI_NH_VA"
    SimTime start;
    SimTime end;
    std::uint64_t address =
        0;  ///< transfer, translation, walk: the IOVA; read, memory: the physical address; command: its queue
    std::uint32_t size = 0;     ///< bytes, where it moves some
    std::uint32_t source = 0;   ///< the rank of who made the access; with `number` it says which one it is
    std::uint64_t number = 0;   ///< its maker's count
    bool own = false;           ///< of no transaction: a prefetch, a command
    std::uint64_t lookups = 0;  ///< walk: of the core's walk caches so far,
    std::uint64_t hits = 0;     ///< and of those
};

/// Called on the thread of the simulation, in its order; in `fast` some are told before they end. Names live only for
/// the call.
class TraceSink {
public:
    virtual ~TraceSink() = default;
    /// Asks for step(), which then stands for what span() and instant() would say of an IOMMU. Before the run.
    bool steps = false;
    virtual void step(const TraceStep& /*step*/) {}
    /// A master has made a transaction, and (later) its answer has come: what its ledger says, before transaction().
    virtual void issued(std::string_view /*device*/, std::uint64_t /*number*/, SimTime /*at*/) {}
    virtual void ended(std::string_view /*device*/, std::uint64_t /*number*/, const Ledger& /*ledger*/,
                       SimTime /*at*/) {}
    /// A transaction of `device` ended: issue to completion.
    virtual void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write,
                             SimTime start, SimTime end, bool fault) = 0;
    /// The same for an interrupt's message: a write, and no transfer.
    virtual void message(std::string_view device, std::uint64_t number, std::uint64_t iova, SimTime start, SimTime end,
                         bool fault) {
        transaction(device, number, iova, true, start, end, fault);
    }
    /// Something with a duration happened in a component ("9050000.smmuv3", "walk").
    virtual void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
                      std::uint64_t detail) = 0;
    /// A moment: an event record, a command, an interrupt.
    virtual void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) = 0;
};

}  // namespace xlate::soc
