#include "soc/iommu/counter_groups.hpp"

#include "base/bits.hpp"
#include "iommu/smmuv3/purpose.hpp"
#include "iommu/smmuv3/smmu.hpp"
#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::smmuv3::Pmcg;
using iommu::smmuv3::PmcgEvent;
using iommu::smmuv3::PmcgParams;

CounterGroups::CounterGroups(Agenda& agenda, const Component& component, InterruptSink& interrupts, EventStream& stream,
                             BusPort& out, ClockPeriod clock, SimTime wire, const PmcgShape& shape,
                             const std::vector<CounterSite>& sites, std::size_t groups)
    : agenda_(agenda),
      component_(component),
      interrupts_(interrupts),
      stream_(stream),
      out_(out),
      clock_(clock),
      wire_(wire),
      by_group_(groups, nullptr) {
    for (const CounterSite& site : sites) {
        PmcgParams params;
        params.counters = shape.counters;
        params.counter_bits = shape.counter_bits;
        params.relocated = site.page1.has_value();
        params.msi = shape.msi;
        Group& group = sites_.emplace_back(params, site);
        group.owner = this;
        group.wire.bind(&group, [](void* self, AgendaEntry&) {
            auto& from = *static_cast<Group*>(self);
            CounterGroups& owner = *from.owner;
            owner.stream_.add(owner.agenda_.now(), owner.component_, EventStream::Kind::interrupt,
                              0x100 + from.site.group);
            owner.interrupts_.on_interrupt(from.site.node, "", 0);
        });
        by_group_[site.group] = &group;
    }
}

void CounterGroups::attach(iommu::Instance& unit) {
    auto* smmu = dynamic_cast<iommu::smmuv3::Smmu*>(&unit);
    if (smmu != nullptr && by_group_[0] != nullptr) smmu->add_pmcg(by_group_[0]->pmcg);
}

CounterGroups::Place CounterGroups::find(std::uint64_t address) {
    for (Group& group : sites_) {
        for (unsigned page = 0; page < 2; ++page) {
            const std::optional<std::uint64_t> base = page == 0 ? group.site.page0 : group.site.page1;
            if (!base || address < *base || address - *base >= CounterSite::kPageBytes) continue;
            return {&group, page, static_cast<std::uint32_t>(address - *base)};
        }
    }
    return {};
}

void CounterGroups::count(Group& group, PmcgEvent event, StreamId sid) {
    if (group.pmcg.counts(PmcgEvent::cycles)) catch_up(group);
    group.pmcg.count(event, sid);
    tell(group);
}

void CounterGroups::catch_up(Group& group) {
    const std::uint64_t now = agenda_.now().fs / clock_.fs;
    group.pmcg.count(PmcgEvent::cycles, StreamId{}, now - group.cycles);
    group.cycles = now;
    tell(group);
}

void CounterGroups::tell(Group& group) {
    if (group.pmcg.take_interrupt() && !group.wire.scheduled()) {
        agenda_.schedule_after(group.wire, wire_, Phase::act, component_);
    }
    if (group.sending) return;
    if (const auto message = group.pmcg.take_message()) {
        group.sending = true;
        group.message.address = PhysAddr{message->address};
        group.message.size = 4;
        group.message.kind = iommu::AccessKind::write;
        group.message.purpose = iommu::smmuv3::Purpose::msi;
        store_le(group.message.data.data(), 4, message->data);
        out_.access(group, group.message, &CounterGroups::message_sent);
    }
}

void CounterGroups::message_sent(Job& base) {
    auto& group = static_cast<Group&>(base);
    group.sending = false;
    if (group.reply.abort) group.pmcg.message_aborted();
    group.owner->tell(group);
}

bool CounterGroups::read(std::uint64_t address, unsigned size, std::uint64_t& value) {
    const Place place = find(address);
    if (place.group == nullptr) return false;
    catch_up(*place.group);
    value = place.group->pmcg.read_register(place.page, place.offset, size);
    return true;
}

bool CounterGroups::write(std::uint64_t address, unsigned size, std::uint64_t value) {
    const Place place = find(address);
    if (place.group == nullptr) return false;
    catch_up(*place.group);
    place.group->pmcg.write_register(place.page, place.offset, size, value);
    return true;
}

}  // namespace xlate::soc
