#include "study/inspect/inspect_groups.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "firmware/id_limits.hpp"
#include "firmware/iommu_families.hpp"
#include "kernel-model/drivers/model/model_driver.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::GroupRule;
using firmware::IommuEntry;
using firmware::Node;
using firmware::NodeIndex;
using firmware::StreamMatch;

struct Owned {
    StreamMatch match;
    std::size_t group = 0;
};

/// The ids of one IOMMU and whose they are, in the order in which they were taken.
class Owners {
public:
    void add(const Owned& one) {
        if (one.match.mask == 0) {
            exact_.emplace(one.match.id, all_.size());  // of several with one id, which share a group, the first
        } else {
            masked_.push_back(all_.size());
        }
        all_.push_back(one);
    }

    /// Calls `each` with every owner that overlaps `match`, one of those that share an exact id, oldest first, until it
    /// says false. With exact ids alone a look-up, not a walk: there may be a hundred thousand of them.
    template <typename Each>
    void overlapping(const StreamMatch& match, const Each& each) const {
        std::vector<std::size_t> found;
        if (match.mask != 0) {
            for (std::size_t i = 0; i < all_.size(); ++i) found.push_back(i);
        } else {
            const auto exact = exact_.find(match.id);
            if (exact != exact_.end()) found.push_back(exact->second);
            found.insert(found.end(), masked_.begin(), masked_.end());
            std::sort(found.begin(), found.end());
        }
        for (const std::size_t i : found) {
            if (all_[i].match.overlaps(match) && !each(all_[i])) return;
        }
    }

private:
    std::vector<Owned> all_;
    std::map<std::uint32_t, std::size_t> exact_;
    std::vector<std::size_t> masked_;
};

class Grouping {
public:
    explicit Grouping(const Description& description) : description_(description) {}

    ExpectedGroups run() {
        for (std::uint32_t i = 0; i < description_.nodes.size(); ++i) {
            const NodeIndex at{i};
            const Node& node = description_.node(at);
            // What sits on no bus of its own gets no device: a node without compatible never binds.
            if (!node.reachable || !node.has_iommus || node.compatible.empty()) continue;
            const Description::Effective effective = description_.effective_iommus(at);
            if (!effective.translated) continue;
            const IommuEntry* first = effective.entries.front();
            const bool last_wins = firmware::iommu_kind(description_.node(*first->provider)).last_provider_wins;
            place(at, last_wins ? *effective.entries.back()->provider : *first->provider, effective.entries);
        }
        return std::move(result_);
    }

private:
    void place(NodeIndex master, NodeIndex iommu, const std::vector<const IommuEntry*>& entries) {
        const Node& provider = description_.node(iommu);
        if (!provider.reachable) {
            result_.refusals.push_back({master, provider.path + " is below a disabled node and never appears"});
            return;
        }
        if (firmware::iommu_kind(provider).driver.empty()) {
            result_.refusals.push_back({master, "no driver is known for " + provider.path});
            return;
        }
        for (const std::string& why : {several_drivers(provider, entries), several_larbs(provider, entries)}) {
            if (why.empty()) continue;
            result_.refusals.push_back({master, why});
            return;
        }
        for (const IommuEntry* entry : entries) {
            const auto stream = firmware::stream_of(provider, entry->args);
            const std::optional<std::string> why = stream ? firmware::refused_stream(provider, *stream) : std::nullopt;
            if (!why) continue;
            result_.refusals.push_back({master, *why});
            return;
        }
        const GroupRule rule = firmware::iommu_kind(provider).group;
        Owners& owners = owners_[iommu];
        std::optional<std::size_t> group;
        if (rule == GroupRule::per_iommu) {
            const auto found = instance_.find(iommu);
            if (found != instance_.end()) group = found->second;
        } else if (rule != GroupRule::per_device && rule != GroupRule::soc_table) {
            for (const IommuEntry* entry : entries) {
                const StreamMatch match = firmware::stream_of(provider, entry->args).value_or(StreamMatch{});
                const Owned* rival = nullptr;
                owners.overlapping(match, [&](const Owned& other) {
                    const bool joins =
                        rule == GroupRule::shared_id || (rule == GroupRule::stream_match && other.match.covers(match));
                    if (joins && (!group || *group == other.group)) {
                        group = other.group;
                        return true;
                    }
                    rival = &other;
                    return false;
                });
                if (rival != nullptr) {
                    result_.refusals.push_back({master, clash(match, *rival)});
                    return;
                }
            }
        }
        if (!group) {
            // A group has a domain of its own, and that a context bank.
            const std::optional<unsigned> banks = firmware::context_banks(provider);
            unsigned& used = banks_used_[iommu];
            if (banks && used == *banks) {
                result_.refusals.push_back(
                    {master, fmt::format("{} has interrupts for {} context bank{}, and other groups have {} (-28)",
                                         provider.path, *banks, *banks == 1 ? "" : "s", *banks == 1 ? "it" : "them")});
                return;
            }
            ++used;
            group = result_.groups.size();
            result_.groups.push_back({iommu, {}, rule == GroupRule::soc_table});
            if (rule == GroupRule::per_iommu) instance_[iommu] = *group;
        }
        result_.groups[*group].members.push_back(master);
        if (rule == GroupRule::per_iommu || rule == GroupRule::per_device || rule == GroupRule::soc_table) return;
        for (const IommuEntry* entry : entries)
            owners.add({firmware::stream_of(provider, entry->args).value_or(StreamMatch{}), *group});
    }

    /// A fwspec is one driver's, which may take a few instances alone.
    std::string several_drivers(const Node& provider, const std::vector<const IommuEntry*>& entries) const {
        std::vector<NodeIndex> instances;
        for (const IommuEntry* entry : entries) {
            const Node& other = description_.node(*entry->provider);
            if (firmware::iommu_kind(other).driver != firmware::iommu_kind(provider).driver)
                return fmt::format("its entries name IOMMUs of two drivers, {} and {} (-22)", provider.path,
                                   other.path);
            if (std::find(instances.begin(), instances.end(), *entry->provider) == instances.end())
                instances.push_back(*entry->provider);
        }
        const firmware::IommuKind& kind = firmware::iommu_kind(provider);
        const kernel::ModelDriverRow* const row = kernel::find_model_driver(kind.driver);
        if (row != nullptr && instances.size() > row->max_instances)
            return fmt::format("its entries name {} IOMMUs ({}), of which a master has at most {} (-22)",
                               instances.size(), kind.title, row->max_instances);
        return {};
    }

    /// MediaTek: one device, one local arbiter.
    static std::string several_larbs(const Node& provider, const std::vector<const IommuEntry*>& entries) {
        constexpr unsigned kPortBits = 5;
        if (firmware::iommu_kind(provider).cells != firmware::IdCells::larb_port) return {};
        std::optional<std::uint32_t> first;
        for (const IommuEntry* entry : entries) {
            if (entry->args.empty()) continue;
            const std::uint32_t larb = entry->args.front() >> kPortBits;
            if (first && larb != *first)
                return fmt::format("its ids are of local arbiters {} and {} (-22)", *first, larb);
            first = larb;
        }
        return {};
    }

    std::string clash(const StreamMatch& match, const Owned& other) const {
        const std::string& owner = description_.node(result_.groups[other.group].members.front()).path;
        return fmt::format("id {:#x} is taken by {} (-22)", match.id, owner);
    }

    const Description& description_;
    ExpectedGroups result_;
    std::map<NodeIndex, Owners> owners_;
    std::map<NodeIndex, std::size_t> instance_;
    std::map<NodeIndex, unsigned> banks_used_;
};

}  // namespace

ExpectedGroups expected_groups(const Description& description) { return Grouping(description).run(); }

}  // namespace xlate::study
