#include "study/results/on_the_way.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "study/results/resources.hpp"

namespace xlate::study {
namespace {

using soc::ResourceKind;
using soc::ResourceUse;

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

/// Which resources are on a master's way, and under which words.
class Way {
public:
    Way(const soc::MasterStats& master, const std::vector<ResourceUse>& uses) : master_(master) {
        if (!master.iommu.empty()) {
            initiators_ = {master.iommu + "_tcu", master.iommu + "_tbu_" + master.port};
        } else if (!master.link.empty()) {
            initiators_ = {master.link};
        } else {
            initiators_ = {"master." + master.device};
        }
        // Crossbars one above the other: a bridge is an initiator of the next one.
        for (bool more = true; more;) {
            more = false;
            for (const ResourceUse& use : uses) {
                if (use.kind != ResourceKind::crossbar_back || initiators_.count(std::string(use.part)) == 0) continue;
                if (!crossbars_.insert(std::string(use.component)).second) continue;
                const std::string_view below = "crossbar.";
                if (begins(use.component, below))
                    initiators_.insert("bridge." + std::string(use.component.substr(below.size())));
                more = true;
            }
        }
    }

    /// nullptr: not on its way.
    const char* words(const ResourceUse& use) const {
        switch (use.kind) {
            case ResourceKind::memory:
                return resource::kMemory;
            case ResourceKind::memory_banks:
                return resource::kBanks;
            case ResourceKind::system_cache:
                return resource::kSystemCache;
            case ResourceKind::crossbar:
                if (crossbars_.count(std::string(use.component)) == 0) return nullptr;
                if (use.component != "crossbar") return resource::kSubnet;
                return begins(use.part, "memory") ? resource::kCrossbar : nullptr;
            case ResourceKind::crossbar_back:
                if (initiators_.count(std::string(use.part)) == 0) return nullptr;
                return use.component != "crossbar" ? resource::kSubnet : resource::kCrossbar;
            case ResourceKind::network_link:
                return resource::kNetworkLink;
            case ResourceKind::bridge:
                return initiators_.count(std::string(use.component)) != 0 ? resource::kBridge : nullptr;
            case ResourceKind::regulator:
                return regulated(use.component) ? resource::kRegulator : nullptr;
            case ResourceKind::link_up:
            case ResourceKind::link_down:
                if (use.component == master_.link) return resource::kLink;
                return over_port_link(use.component) ? resource::kPortLink : nullptr;
            case ResourceKind::cpu:
            case ResourceKind::registers:
            case ResourceKind::commands:
            case ResourceKind::drain:
                return nullptr;
            default:
                return use.component == master_.iommu && !master_.iommu.empty() ? of_iommu(use) : nullptr;
        }
    }

private:
    bool over_port_link(std::string_view component) const {
        return std::find(master_.port_links.begin(), master_.port_links.end(), component) != master_.port_links.end();
    }
    bool regulated(std::string_view component) const {
        const std::string place(component.substr(std::string_view("regulator.").size()));
        return place == master_.device || place == master_.iommu + ".tcu" ||
               place == master_.iommu + "." + master_.port || "pcie." + place == master_.link;
    }
    const char* of_iommu(const ResourceUse& use) const {
        const bool own = use.part == master_.port;
        switch (use.kind) {
            case ResourceKind::port:
                return own ? resource::kPort : nullptr;
            case ResourceKind::port_slots:
                return own ? resource::kPortSlots : nullptr;
            case ResourceKind::write_buffer:
                return own ? resource::kWriteBuffer : nullptr;
            case ResourceKind::micro_tlb:
                return own ? resource::kMicroTlbLookups : nullptr;
            case ResourceKind::main_tlb:
                return own ? resource::kTlbLookups : nullptr;
            case ResourceKind::link_to_core:
            case ResourceKind::link_from_core:
                return own ? resource::kCoreLink : nullptr;
            case ResourceKind::bus_port:
                // A port's own way out is as wide as its way in.
                return own ? resource::kPort : use.part.empty() ? resource::kCorePort : nullptr;
            case ResourceKind::core_slots:
                return resource::kCoreSlots;
            case ResourceKind::walk_slots:
                return resource::kWalkSlots;
            case ResourceKind::config_cache:
            case ResourceKind::core_tlb:
            case ResourceKind::ipa_cache:
                return resource::kCoreLookups;
            case ResourceKind::walk_cache:
                return resource::kWalkCacheLookups;
            case ResourceKind::walker:
                return resource::kWalker;
            default:
                return nullptr;
        }
    }

    const soc::MasterStats& master_;
    std::set<std::string> initiators_;
    std::set<std::string> crossbars_;
};

/// "crossbar.cluster", "bridge.cluster", "regulator.DEVICE": whose NAME it is.
std::string with_name(std::string words, std::string_view component) {
    const std::string_view placeholder = "NAME";
    const std::size_t at = words.find(placeholder);
    if (at == std::string::npos) return words;
    return words.replace(at, placeholder.size(), component.substr(component.find('.') + 1));
}

/// What somebody keeps while it waits for something else is not busy, but has room or has not.
bool held(ResourceKind kind) {
    return kind == ResourceKind::port_slots || kind == ResourceKind::write_buffer || kind == ResourceKind::core_slots ||
           kind == ResourceKind::walk_slots || kind == ResourceKind::bridge;
}

}  // namespace

std::pair<SimTime, SimTime> measured_time(const RunFacts& facts, const soc::MasterStats& master) {
    SimTime from = master.first_issue;
    if (facts.steady != nullptr) from = facts.steady->measured_from(master.device).value_or(from);
    return {from, std::max(from, master.last_completion)};
}

std::vector<OnTheWay> on_the_way(const RunFacts& facts, const soc::MasterStats& master) {
    const auto [from, to] = measured_time(facts, master);
    std::vector<OnTheWay> all;
    if (facts.usage == nullptr || to <= from || master.bytes == 0) return all;
    const auto span = static_cast<double>((to - from).fs);
    const std::vector<ResourceUse> uses = facts.usage->between(from, to);
    const Way way(master, uses);
    for (const ResourceUse& use : uses) {
        const char* const generic = way.words(use);
        if (generic == nullptr) continue;
        const std::string words = with_name(generic, use.component);
        const auto places = static_cast<double>(use.places);
        OnTheWay one{words, 0, static_cast<double>(use.busy_fs) / span, static_cast<double>(use.waited_fs) / span,
                     places};
        one.share = std::min(1.0, held(use.kind) ? static_cast<double>(use.full_fs) / span : one.occupancy / places);
        const auto known =
            std::find_if(all.begin(), all.end(), [&](const OnTheWay& other) { return other.resource == words; });
        if (known == all.end()) {
            all.push_back(one);
        } else if (one.share > known->share) {
            *known = one;
        }
    }
    return all;
}

}  // namespace xlate::study
