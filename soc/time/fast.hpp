// `fast`: a transaction reserves its whole way when it is issued, if nothing on it is in question.
// Source: design.md section 2, "Two timing fidelities of one model".
//   hit      planned by its master at its issue, through TBU, interconnect and memory: no transaction object, no
//            agenda entry
//   miss     runs ahead of the agenda from one read of memory to the next: an entry each, and one when the TBU gets
//            the answer
//   else     (invalidations or a SYNC under way, an IOMMU that is off, writes of the IOMMU, registers, PCIe links) step
//            by step as in `exact`, on the same calendars
// Not kept: the order of arrival at a resource where somebody reserved it earlier for a later time and there was no
// gap left; priorities at the crossbar; a memory access that waits for its bank holds back those behind it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/ids.hpp"
#include "soc/measure/ledger.hpp"

namespace xlate::soc {

class Transaction;

/// An access that is planned: how far it has come, and where its time went.
struct PlannedAccess {
    // Who and what.
    StreamId stream{};
    std::optional<SubstreamId> substream;
    std::uint64_t address = 0;  ///< as the next on the way sees it
    std::uint32_t size = 0;
    bool write = false;
    bool privileged = false;
    // How far.
    SimTime now;       ///< of the agenda
    SimTime at;        ///< when it reaches the next on its way; after plan(): when its answer is back
    SimTime accepted;  ///< when the door was free for the next one
    SimTime charged;
    SimTime served;                                      ///< when memory began with it,
    SimTime answered;                                    ///< and when it answered
    std::array<std::uint64_t, kParts>* parts = nullptr;  ///< where its time is added up; nullptr: nowhere

    void charge(Part part, SimTime until) {
        if (parts != nullptr) (*parts)[static_cast<std::size_t>(part)] += until.fs - charged.fs;
        charged = until;
    }
};

/// What can plan accesses from its door on.
class PlannedWay {
public:
    virtual ~PlannedWay() = default;
    /// True: the whole way is reserved. False: it must go step by step; nothing has happened.
    virtual bool plan(PlannedAccess& access) = 0;
    /// Whether an access to [address, address + size) could be planned, as far as this is certain.
    virtual bool leads_to_memory(std::uint64_t address, std::uint64_t size) const = 0;
    /// Tells the host that it will be called soon: in `steps` entries of the agenda, 2 and then 1. Changes nothing.
    virtual void fetch(unsigned /*steps*/) const {}
};

/// Who need not be called when its transaction comes back, but only told when that will be.
class PlannedClient {
public:
    virtual ~PlannedClient() = default;
    /// True: it has taken note, the transaction is gone. False: it wants to be called then.
    virtual bool will_return(Transaction& transaction, SimTime at) = 0;
};

}  // namespace xlate::soc
