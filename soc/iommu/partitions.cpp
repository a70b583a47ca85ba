#include "soc/iommu/partitions.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace xlate::soc {

namespace {

/// The partition that a master is in, by the place of its name; none: the rest.
std::optional<std::size_t> partition_of(const IommuParams& params, const std::string& device) {
    std::size_t number = 0;
    for (const auto& [name, partition] : params.partitions) {
        if (std::find(partition.masters.begin(), partition.masters.end(), device) != partition.masters.end())
            return number;
        ++number;
    }
    return std::nullopt;
}

/// Findings about the partitions of one IommuParams, which stands at `path`.
class Check {
public:
    Check(std::vector<Diagnostic>& findings, const IommuParams& params, std::string path)
        : findings_(findings), params_(params), path_(std::move(path)) {}

    void names(const std::vector<std::string>& devices) {
        std::set<std::string> placed;
        double sum = 0;
        for (const auto& [name, partition] : params_.partitions) {
            const Ratio share = partition.share;
            if (share.numerator == 0 || share.numerator >= share.denominator)
                add(own(name) + ".share", "not a part of the ways", "more than 0 % and less than 100 %");
            sum += static_cast<double>(share.numerator) /
                   static_cast<double>(std::max<std::uint64_t>(share.denominator, 1));
            for (const std::string& device : partition.masters) {
                if (std::find(devices.begin(), devices.end(), device) == devices.end()) {
                    const std::string near =
                        nearest_name(device, devices).value_or(devices.empty() ? "" : devices.front());
                    add(own(name) + ".masters", "no master is called '" + printable(device) + "'",
                        near.empty() ? "the name of a master" : "one such as '" + near + "'");
                } else if (!placed.insert(device).second) {
                    add(own(name) + ".masters", "'" + device + "' is in two partitions", "each master in one");
                }
            }
        }
        if (sum >= 1) add(path_ + ".partitions", "they leave no way for anybody else", "shares of less than 100 %");
    }
    void core() {
        cache("tcu.tlb", params_.tcu.tlb.shape);
        cache("tcu.ipa_cache", params_.tcu.ipa_cache.shape);
        if (params_.tcu.walk_cache.enabled) ways("tcu.walk_cache", params_.tcu.walk_cache.ways);
    }
    void port(const std::string& name) {
        const PortParams& tbu = params_.tbu_of(name);
        cache("tbu.micro_tlb", tbu.micro_tlb.shape);
        cache("tbu.tlb", tbu.main_tlb.shape);
    }

private:
    std::string own(const std::string& name) const { return key_path(path_ + ".partitions", name); }
    void add(const std::string& where, std::string what, std::string expected) {
        Diagnostic finding;
        finding.path = where;
        finding.what = std::move(what);
        finding.expected = std::move(expected);
        const auto same = [&](const Diagnostic& one) { return one.path == finding.path && one.what == finding.what; };
        if (std::none_of(findings_.begin(), findings_.end(), same)) findings_.push_back(std::move(finding));
    }
    void cache(const char* name, const iommu::CacheParams& shape) {
        if (shape.enabled) ways(name, shape.ways == 0 ? shape.entries : shape.ways);
    }
    void ways(const char* name, std::uint32_t ways) {
        for (const auto& [partition, params] : params_.partitions) {
            if (params.share.denominator == 0 || ways * params.share.numerator / params.share.denominator != 0)
                continue;
            add(own(partition) + ".share",
                "of the " + std::to_string(ways) + " ways of " + path_ + "." + name + " that is none",
                "a share of one way or more");
        }
    }

    std::vector<Diagnostic>& findings_;
    const IommuParams& params_;
    const std::string path_;
};

}  // namespace

std::vector<Diagnostic> check_partitions(const SocConfig& config, const Topology& topology) {
    std::vector<Diagnostic> findings;
    const auto check = [&](const IommuParams& params, const std::string& path, const auto& is_its) {
        if (params.partitions.empty()) return;
        std::vector<std::string> devices;
        for (const MasterConfig& master : config.masters) devices.push_back(master.device);
        Check of(findings, params, path);
        of.names(devices);
        of.core();
        for (std::size_t i = 0; i < topology.iommus.size(); ++i) {
            if (!is_its(topology.iommus[i])) continue;
            for (const std::size_t port : shared_ports(params, config, topology, i))
                of.port(topology.iommus[i].tbus[port]);
        }
    };
    check(config.iommu, "soc.iommu", [&](const IommuSite& site) { return config.iommus.count(site.path) == 0; });
    for (const auto& [path, params] : config.iommus) {
        check(params, key_path("soc.iommus", path), [own = path](const IommuSite& site) { return site.path == own; });
    }
    return findings;
}

std::shared_ptr<const iommu::CachePartitions> partitions_of(const IommuParams& params, const SocConfig& config,
                                                            const Topology& topology, std::size_t index) {
    std::vector<StreamOfMaster> masters;
    for (std::size_t i = 0; i < config.masters.size(); ++i) {
        if (topology.masters[i].iommu != index) continue;
        masters.push_back({config.masters[i].device, value(topology.masters[i].stream)});
    }
    return partitions_of(params, masters);
}

std::vector<Diagnostic> check_partitions(const IommuParams& params, const std::string& path,
                                         const std::vector<StreamOfMaster>& masters) {
    std::vector<Diagnostic> findings;
    if (params.partitions.empty()) return findings;
    std::vector<std::string> devices;
    for (const StreamOfMaster& master : masters) devices.push_back(master.device);
    Check of(findings, params, path);
    of.names(devices);
    of.core();
    return findings;
}

std::shared_ptr<const iommu::CachePartitions> partitions_of(const IommuParams& params,
                                                            const std::vector<StreamOfMaster>& masters) {
    std::vector<iommu::CachePartitions::Partition> all;
    for (const auto& [name, partition] : params.partitions) {
        all.push_back({static_cast<std::uint32_t>(partition.share.numerator),
                       static_cast<std::uint32_t>(partition.share.denominator),
                       {}});
    }
    bool any = false;
    for (const StreamOfMaster& master : masters) {
        const auto number = partition_of(params, master.device);
        if (!number) continue;
        all[*number].streams.push_back(master.stream);
        any = true;
    }
    return any ? std::make_shared<const iommu::CachePartitions>(std::move(all)) : nullptr;
}

std::vector<std::size_t> shared_ports(const IommuParams& params, const SocConfig& config, const Topology& topology,
                                      std::size_t index) {
    std::map<std::size_t, std::set<std::optional<std::size_t>>> parts;
    for (std::size_t i = 0; i < config.masters.size(); ++i) {
        if (topology.masters[i].iommu != index) continue;
        std::size_t port = topology.tbu_of[i];
        if (const auto host = topology.pcie_of[i]) {
            const PcieSite& site = topology.pcie[*host];
            const auto at = std::find(site.masters.begin(), site.masters.end(), i);
            port = site.exits[site.exit_of[static_cast<std::size_t>(at - site.masters.begin())]].tbu;
        }
        parts[port].insert(partition_of(params, config.masters[i].device));
    }
    std::vector<std::size_t> ports;
    for (const auto& [port, of] : parts) {
        if (of.size() > 1) ports.push_back(port);
    }
    return ports;
}

}  // namespace xlate::soc
