#include "study/inspect/inspect_groups.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::IommuEntry;
using firmware::Node;
using firmware::NodeIndex;

constexpr std::array kArchitectures{
    Architecture{"arm,smmu-v3", "smmuv3", GroupRule::exclusive_id, false},
    Architecture{"arm,smmu-v2", "smmuv2", GroupRule::stream_match, false},
    Architecture{"arm,mmu-500", "smmuv2", GroupRule::stream_match, false},
    Architecture{"arm,mmu-401", "smmuv2", GroupRule::stream_match, false},
    Architecture{"arm,mmu-400", "smmuv1", GroupRule::stream_match, false},
    Architecture{"arm,smmu-v1", "smmuv1", GroupRule::stream_match, false},
    Architecture{"cavium,smmu-v2", "smmuv2", GroupRule::stream_match, false},
    Architecture{"nvidia,smmu-500", "smmuv2", GroupRule::stream_match, false},
    Architecture{"marvell,ap806-smmu-500", "smmuv2", GroupRule::stream_match, false},
    Architecture{"qcom,smmu-v2", "smmuv2", GroupRule::stream_match, false},
    Architecture{"qcom,adreno-smmu", "smmuv2", GroupRule::stream_match, false},
    Architecture{"virtio,pci-iommu", "virtio-iommu", GroupRule::per_device, false},
    Architecture{"virtio,mmio", "virtio-iommu", GroupRule::per_device, false},  // of a VIOT
    Architecture{"intel,vt-d", "vt-d", GroupRule::per_device, false},
    Architecture{"amd,iommu", "amd-vi", GroupRule::per_device, false},
    Architecture{"riscv,iommu", "riscv", GroupRule::per_device, false},
    Architecture{"riscv,pci-iommu", "riscv", GroupRule::per_device, false},
    Architecture{"apple,t8103-dart", "dart", GroupRule::shared_id, false},
    Architecture{"apple,t8103-usb4-dart", "dart", GroupRule::shared_id, false},
    Architecture{"apple,t8110-dart", "dart", GroupRule::shared_id, false},
    Architecture{"apple,t6000-dart", "dart", GroupRule::shared_id, false},
    Architecture{"rockchip,iommu", "rockchip", GroupRule::per_iommu, true},
    Architecture{"rockchip,rk3568-iommu", "rockchip", GroupRule::per_iommu, true},
    Architecture{"samsung,exynos-sysmmu", "exynos", GroupRule::per_device, false},
    Architecture{"allwinner,sun50i-h6-iommu", "sun50i", GroupRule::per_iommu, false},
    Architecture{"allwinner,sun50i-h616-iommu", "sun50i", GroupRule::per_iommu, false},
    Architecture{"sprd,iommu-v1", "sprd", GroupRule::per_iommu, false},
    Architecture{"ti,omap2-iommu", "omap", GroupRule::per_iommu, false},
    Architecture{"ti,omap4-iommu", "omap", GroupRule::per_iommu, false},
    Architecture{"ti,dra7-iommu", "omap", GroupRule::per_iommu, false},
    Architecture{"ti,dra7-dsp-iommu", "omap", GroupRule::per_iommu, false},
    Architecture{"nvidia,tegra30-mc", "tegra", GroupRule::shared_id, false},
    Architecture{"nvidia,tegra114-mc", "tegra", GroupRule::shared_id, false},
    Architecture{"nvidia,tegra124-mc", "tegra", GroupRule::shared_id, false},
    Architecture{"nvidia,tegra210-mc", "tegra", GroupRule::shared_id, false},
    Architecture{"qcom,msm-iommu-v1", "msm", GroupRule::per_device, false},
    Architecture{"qcom,msm-iommu-v2", "msm", GroupRule::per_device, false},
    Architecture{"qcom,apq8064-iommu", "msm", GroupRule::per_device, false},
};
/// Families whose members are told apart by more names than a list should hold.
constexpr std::array kFamilies{
    std::pair{std::string_view("mediatek,"), Architecture{"mediatek,", "mediatek", GroupRule::per_iommu, false}},
    std::pair{std::string_view("renesas,"), Architecture{"renesas,", "ipmmu", GroupRule::per_iommu, false}},
    std::pair{std::string_view("rockchip,"), Architecture{"rockchip,", "rockchip", GroupRule::per_iommu, true}},
};
constexpr Architecture kUnknown{"", "unknown", GroupRule::per_device, false};

struct StreamMatch {
    std::uint32_t id = 0;
    std::uint32_t mask = 0;  ///< bits that do not count

    bool covers(const StreamMatch& other) const { return (other.mask & ~mask) == 0 && ((id ^ other.id) & ~mask) == 0; }
    bool overlaps(const StreamMatch& other) const { return ((id ^ other.id) & ~(mask | other.mask)) == 0; }
};

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
            const bool last_wins = architecture_of(description_.node(*first->provider)).last_entry_wins;
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
        if (architecture_of(provider).name == kUnknown.name) {
            result_.refusals.push_back({master, "no driver is known for " + provider.path});
            return;
        }
        const GroupRule rule = architecture_of(provider).rule;
        Owners& owners = owners_[iommu];
        std::optional<std::size_t> group;
        if (rule == GroupRule::per_iommu) {
            const auto found = instance_.find(iommu);
            if (found != instance_.end()) group = found->second;
        } else if (rule != GroupRule::per_device) {
            for (const IommuEntry* entry : entries) {
                const StreamMatch match = match_of(provider, *entry, rule);
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
            group = result_.groups.size();
            result_.groups.push_back({iommu, {}});
            if (rule == GroupRule::per_iommu) instance_[iommu] = *group;
        }
        result_.groups[*group].members.push_back(master);
        if (rule == GroupRule::per_iommu || rule == GroupRule::per_device) return;
        for (const IommuEntry* entry : entries) owners.add({match_of(provider, *entry, rule), *group});
    }

    static StreamMatch match_of(const Node& provider, const IommuEntry& entry, GroupRule rule) {
        StreamMatch match;
        if (!entry.args.empty()) match.id = entry.args[0];
        if (rule != GroupRule::stream_match) return match;
        match.id &= 0xffff;
        match.mask = entry.args.size() > 1 ? entry.args[1] : provider.u32("stream-match-mask").value_or(0);
        match.mask &= 0xffff;
        return match;
    }

    std::string clash(const StreamMatch& match, const Owned& other) const {
        const std::string& owner = description_.node(result_.groups[other.group].members.front()).path;
        return fmt::format("id {:#x} is taken by {} (-22)", match.id, owner);
    }

    const Description& description_;
    ExpectedGroups result_;
    std::map<NodeIndex, Owners> owners_;
    std::map<NodeIndex, std::size_t> instance_;
};

}  // namespace

const Architecture& architecture_of(const Node& provider) {
    for (const Architecture& known : kArchitectures) {
        if (provider.is_compatible(known.compatible)) return known;
    }
    for (const std::string& compatible : provider.compatible) {
        for (const auto& [prefix, family] : kFamilies) {
            if (compatible.compare(0, prefix.size(), prefix) == 0) return family;
        }
    }
    for (const std::string& compatible : provider.compatible) {
        if (compatible.find("smmu-500") != std::string::npos || compatible.find("smmu-v2") != std::string::npos) {
            return kArchitectures[1];
        }
    }
    return kUnknown;
}

ExpectedGroups expected_groups(const Description& description) { return Grouping(description).run(); }

}  // namespace xlate::study
