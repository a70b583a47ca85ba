// A place to listen: spans and instants of a run, as they happen. Nothing in the model depends on a listener.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.hpp"
#include "soc/measure/ledger.hpp"

namespace xlate::soc {

/// Called on the thread of the simulation, in its order; in `fast` some are told before they end. Names live only for
/// the call.
class TraceSink {
public:
    virtual ~TraceSink() = default;
    /// A master has made a transaction, and (later) its answer has come: what its ledger says, before transaction().
    virtual void issued(std::string_view /*device*/, std::uint64_t /*number*/, SimTime /*at*/) {}
    virtual void ended(std::string_view /*device*/, std::uint64_t /*number*/, const Ledger& /*ledger*/,
                       SimTime /*at*/) {}
    /// A transaction of `device` ended: issue to completion.
    virtual void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write,
                             SimTime start, SimTime end, bool fault) = 0;
    /// Something with a duration happened in a component ("9050000.smmuv3", "walk").
    virtual void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
                      std::uint64_t detail) = 0;
    /// A moment: an event record, a command, an interrupt.
    virtual void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) = 0;
};

}  // namespace xlate::soc
