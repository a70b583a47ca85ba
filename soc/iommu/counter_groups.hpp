// The performance monitor counter groups of one SMMUv3 (PMCG): group 0 belongs to the TCU, group n to TBU n - 1.
// Counting  where the statistics are counted, so that both agree: the engine counts for the TCU; a TBU counts its
//           transactions and the misses of its main TLB (of its micro-TLB, if there is no main one). Cycles are those
//           of the SMMU's clock.
// Registers the pages that firmware's nodes name ("arm,smmu-v3-pmcg"); a group without a node counts nothing.
// Overflow  by wire, and by a message if the group's registers say so. A cycle counter's overflow is noticed at the
//           group's next event or register access: nothing wakes up for it.
// Source: docs/spec/iommu-hardware.md section 1.14.
#pragma once

#include <deque>
#include <string>

#include "iommu/smmuv3/pmcg.hpp"
#include "soc/bus/bus_port.hpp"
#include "soc/iommu/port.hpp"
#include "soc/measure/event_stream.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

class InterruptSink;

class CounterGroups {
public:
    /// `groups`: the TCU and its TBUs. `out`: where messages leave. All must outlive it.
    CounterGroups(Agenda& agenda, const Component& component, InterruptSink& interrupts, EventStream& stream,
                  BusPort& out, ClockPeriod clock, SimTime wire, const PmcgShape& shape,
                  const std::vector<CounterSite>& sites, std::size_t groups);

    bool empty() const { return sites_.empty(); }
    /// The engine counts for group 0 from now on. `unit`: an SMMUv3 if there is a group.
    void attach(iommu::Instance& unit);
    /// `n` events of one kind, in a group.
    void count(std::size_t group, PortEvent event, StreamId sid) {
        Group* found = by_group_[group];
        if (found != nullptr) {
            count(*found,
                  event == PortEvent::transaction ? iommu::smmuv3::PmcgEvent::transactions
                                                  : iommu::smmuv3::PmcgEvent::tlb_miss,
                  sid);
        }
    }
    /// The group's cycles up to now are counted, and what has overflowed is told.
    void catch_up(std::size_t group) {
        Group* found = by_group_[group];
        if (found != nullptr) catch_up(*found);
    }

    /// True if `address` is a register of a group: then the access is done.
    bool read(std::uint64_t address, unsigned size, std::uint64_t& value);
    bool write(std::uint64_t address, unsigned size, std::uint64_t value);

private:
    struct Group : BusClient {
        Group(const iommu::smmuv3::PmcgParams& params, const CounterSite& where) : pmcg(params), site(where) {}
        iommu::smmuv3::Pmcg pmcg;
        CounterSite site;
        CounterGroups* owner = nullptr;
        std::uint64_t cycles = 0;  ///< counted up to here
        AgendaEntry wire;
        iommu::MemoryAccess message;
        bool sending = false;
    };
    struct Place {
        Group* group = nullptr;
        unsigned page = 0;
        std::uint32_t offset = 0;
    };
    Place find(std::uint64_t address);
    void count(Group& group, iommu::smmuv3::PmcgEvent event, StreamId sid);
    void catch_up(Group& group);
    void tell(Group& group);
    static void message_sent(Job& base);

    Agenda& agenda_;
    const Component& component_;
    InterruptSink& interrupts_;
    EventStream& stream_;
    BusPort& out_;
    const ClockPeriod clock_;
    const SimTime wire_;
    std::deque<Group> sites_;
    std::vector<Group*> by_group_;
};

}  // namespace xlate::soc
