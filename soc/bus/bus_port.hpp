// A port of an IOMMU to the interconnect: translated traffic, table walks, queues and messages leave through it.
// Shape: one packet's beats at a time (reads one beat, writes ceil(size / width); width 0: they take no time); any
// number outstanding.
#pragma once

#include <deque>
#include <string>

#include "iommu/engine.hpp"
#include "soc/bus/physical_memory.hpp"
#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/time/fast.hpp"
#include "soc/time/station.hpp"

namespace xlate::soc {

class BusPort;

/// Somebody for whom an engine's memory accesses are done.
struct BusClient : Job {
    iommu::Reply reply;
    const iommu::MemoryAccess* access = nullptr;  ///< must stay until the reply
    Next after_access = nullptr;
    BusPort* bus = nullptr;
};

/// Who gets translated transactions back.
class TrafficOwner {
public:
    virtual ~TrafficOwner() = default;
    /// `tag`: what it gave to BusPort::send.
    virtual void returned(std::uint16_t tag, Transaction& transaction) = 0;
};

class BusPort final : public Initiator {
public:
    static constexpr std::uint16_t kOwnAccess = 0xFFFF;

    /// Constructed while its module is.
    BusPort(const std::string& name, Agenda& agenda, const Component& component, TransactionPool& pool,
            TrafficOwner& owner, ClockPeriod clock, std::uint32_t width_bytes);

    /// Does the access of an engine's step; `next` is called with the reply in the client.
    void access(BusClient& client, const iommu::MemoryAccess& access, Job::Next next);
    /// Sends somebody's transaction on. It comes back through TrafficOwner::returned.
    void send(Transaction& transaction, std::uint16_t tag);

    SimTime beats(std::uint64_t bytes, bool write) const {
        return clock_ * Cycles{write ? (bytes + width_bytes_ - 1) / width_bytes_ : 1};
    }
    Station& wire() { return wire_; }
    /// Tells the host that it will be used soon. Changes nothing.
    void fetch() const {
        fetch_line(&wire_);
        fetch_line(&clock_);
    }
    InitiatorPort port;

    /// `fast`: from now on what can be planned goes by `way`; reads of those who run ahead take their bytes from
    /// `bytes`.
    void plan_ahead(PlannedWay& way, const PhysicalMemory& bytes);
    /// The way of translated traffic; nullptr in `exact`.
    PlannedWay* way() { return way_; }

private:
    void on_accepted(unsigned) override;
    void on_response(unsigned, Transaction& transaction) override;
    void put(Transaction& transaction);
    static void start_access(Job& job);
    static void start_ahead(Job& job);
    static void planned_read_done(Job& job);
    void finish_swap(BusClient& client);

    Station wire_;
    ClockPeriod clock_;
    std::uint32_t width_bytes_;
    PlannedWay* way_ = nullptr;
    const PhysicalMemory* bytes_ = nullptr;
    Agenda& agenda_;
    const Component& component_;
    TransactionPool& pool_;
    TrafficOwner& owner_;
    std::deque<Transaction*> pending_;
    std::uint64_t count_ = 0;
};

}  // namespace xlate::soc
