#include "soc/config.hpp"

#include <algorithm>
#include <set>

#include "base/bits.hpp"
#include "soc/address_check.hpp"
#include "soc/bus/network_plan.hpp"
#include "soc/foreign/foreign_parts.hpp"
#include "soc/iommu/partitions.hpp"
#include "soc/iommu/smmuv3_window.hpp"
#include "soc/pcie/pcie_tree.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

namespace {

using iommu::CacheParams;
using iommu::Replacement;

/// Collects findings; each names the parameter as the YAML does.
class Findings {
public:
    void expect(bool fine, const std::string& path, const std::string& what, const std::string& expected) {
        if (fine) return;
        Diagnostic finding;
        finding.path = path;
        finding.what = what;
        finding.expected = expected;
        all_.push_back(std::move(finding));
    }
    void range(std::uint64_t value, std::uint64_t low, std::uint64_t high, const std::string& path) {
        expect(value >= low && value <= high, path, std::to_string(value) + " is out of range",
               std::to_string(low) + " to " + std::to_string(high));
    }
    void power_of_two(std::uint64_t value, const std::string& path) {
        expect(is_power_of_two(value), path, std::to_string(value) + " is not a power of two", "a power of two");
    }
    void add(std::vector<Diagnostic> more) {
        for (Diagnostic& one : more) all_.push_back(std::move(one));
    }
    std::vector<Diagnostic> take() { return std::move(all_); }

private:
    std::vector<Diagnostic> all_;
};

/// One that is off is built as well.
void check_shape(Findings& findings, const CacheParams& shape, const std::string& path) {
    if (shape.enabled) findings.range(shape.entries, 1, 1 << 20, path + ".entries");
    const std::uint32_t ways = shape.ways == 0 ? shape.entries : shape.ways;
    if (shape.entries == 0 || ways == 0 || shape.entries % ways == 0) return;
    findings.expect(false, path + ".entries",
                    std::to_string(shape.entries) + " entries do not divide into " + std::to_string(ways) + " ways",
                    "a multiple of the ways");
}

void check_cache(Findings& findings, const CacheTiming& cache, const std::string& path) {
    check_shape(findings, cache.shape, path);
    findings.range(cache.latency.count, 0, 10'000, path + ".latency");
    findings.range(cache.slots, 1, 1024, path + ".slots");
}

void check_tbu(Findings& findings, const PortParams& tbu, const std::string& path) {
    if (tbu.port_width_bytes != 0) findings.power_of_two(tbu.port_width_bytes, path + ".port_width");
    findings.range(tbu.xlate_slots, 1, 65536, path + ".xlate_slots");
    findings.range(tbu.write_buffer_beats, 1, 65536, path + ".write_buffer");
    findings.range(tbu.prefetch, 0, 1024, path + ".prefetch");
    findings.expect(tbu.prefetch == 0 || tbu.main_tlb.shape.enabled, path + ".prefetch",
                    "without a main TLB there is no place for what is fetched ahead", "tbu.tlb.enabled: true");
    check_cache(findings, tbu.micro_tlb, path + ".micro_tlb");
    check_cache(findings, tbu.main_tlb, path + ".tlb");
    findings.range(tbu.link_to_tcu.count, 1, 100'000, path + ".link_to_tcu");
    findings.range(tbu.link_from_tcu.count, 1, 100'000, path + ".link_from_tcu");
}

void check_iommu(Findings& findings, const IommuParams& params, const std::string& path) {
    const CoreParams& tcu = params.tcu;
    findings.range(params.clock.fs, 1, kFsPerUs, path + ".clock");
    check_tbu(findings, params.tbu, path + ".tbu");
    for (const auto& [name, tbu] : params.tbus) check_tbu(findings, tbu, path + ".tbus." + name);
    findings.range(tcu.xlate_slots, 1, 65536, path + ".tcu.xlate_slots");
    findings.range(tcu.walk_slots, 1, 65536, path + ".tcu.walk_slots");
    if (tcu.port_width_bytes != 0) findings.power_of_two(tcu.port_width_bytes, path + ".tcu.port_width");
    check_cache(findings, tcu.tlb, path + ".tcu.tlb");
    check_cache(findings, tcu.config_cache, path + ".tcu.config_cache");
    check_cache(findings, tcu.ipa_cache, path + ".tcu.ipa_cache");
    findings.range(tcu.commands_per_fetch, 1, 4, path + ".tcu.commands_per_fetch");
    findings.expect(!tcu.merge_walks || tcu.tlb.shape.enabled, path + ".tcu.merge_walks",
                    "without a TLB in the TCU there is nothing that a merged miss could find", "tcu.tlb.enabled: true");
    findings.range(params.pmcg.counters, 1, 64, path + ".pmcg.counters");
    const std::uint8_t bits = params.pmcg.counter_bits;
    findings.expect(bits == 64 || (bits >= 32 && bits <= 48 && bits % 4 == 0), path + ".pmcg.counter_bits",
                    std::to_string(bits) + " bits", "32, 36, 40, 44, 48 or 64");
    findings.range(tcu.walk_cache.slots, 1, 1024, path + ".tcu.walk_cache.slots");
    findings.range(tcu.walk_cache.ways, 1, 1024, path + ".tcu.walk_cache.ways");
    for (unsigned level = 0; level < 4 && tcu.walk_cache.ways != 0; ++level) {
        for (const std::uint32_t entries : {tcu.walk_cache.s1_entries[level], tcu.walk_cache.s2_entries[level]}) {
            findings.expect(entries % tcu.walk_cache.ways == 0, path + ".tcu.walk_cache.entries",
                            std::to_string(entries) + " entries do not divide into the ways", "a multiple of the ways");
        }
    }
}

void check_traffic(Findings& findings, const TrafficParams& traffic, const std::string& path) {
    findings.range(traffic.size_bytes, 1, 4096, path + ".size");
    findings.range(traffic.outstanding, 1, 65536, path + ".outstanding");
    findings.range(traffic.burst, 1, 1 << 20, path + ".burst");
    findings.range(traffic.interval.fs, 0, kFsPerSecond, path + ".interval");
    findings.expect(traffic.run_bytes % std::max(traffic.size_bytes, 1U) == 0, path + ".size",
                    "a run of " + std::to_string(traffic.run_bytes) + " bytes is no whole number of transactions",
                    "a multiple of " + std::to_string(traffic.size_bytes));
    if (traffic.pattern == Pattern::strided) {
        findings.range(traffic.stride_bytes, 1, std::uint64_t{1} << 48, path + ".stride");
    }
    findings.expect((traffic.pattern == Pattern::trace) == (traffic.recorded != nullptr && !traffic.recorded->empty()),
                    path + ".pattern", "a recording and the pattern 'trace' go together", "both or none");
    findings.expect(
        traffic.read_share.denominator != 0 && traffic.read_share.numerator <= traffic.read_share.denominator,
        path + ".read", "not a share", "a value from 0 % to 100 %");
    if (traffic.substream) findings.range(*traffic.substream, 0, low_mask(20), path + ".substream");
}

/// A TBU that is spoken of has to be there: who misspells a name would measure the others' parameters.
void check_tbu_names(Findings& findings, const SocConfig& config, const firmware::Description& description) {
    const auto speaks = [](const IommuParams& params) { return !params.tbus.empty(); };
    const bool any = speaks(config.iommu) || std::any_of(config.iommus.begin(), config.iommus.end(),
                                                         [&](const auto& own) { return speaks(own.second); });
    if (!any) return;
    const Topology topology = make_topology(description, config);
    const auto check_names = [&](const IommuParams& params, const std::string& path, const auto& is_meant) {
        std::vector<std::string> there;
        for (const IommuSite& site : topology.iommus) {
            if (is_meant(site)) there.insert(there.end(), site.tbus.begin(), site.tbus.end());
        }
        for (const auto& [name, tbu] : params.tbus) {
            if (std::find(there.begin(), there.end(), name) != there.end()) continue;
            const std::string nearest = nearest_name(name, there).value_or(there.empty() ? "" : there.front());
            findings.expect(false, path + ".tbus." + name, "no traffic comes through a TBU of this name",
                            nearest.empty() ? "a device or host bridge with traffic behind this IOMMU"
                                            : "one such as '" + nearest + "'");
        }
    };
    check_names(config.iommu, "soc.iommu", [&](const IommuSite& site) { return config.iommus.count(site.path) == 0; });
    for (const auto& [path, params] : config.iommus) {
        check_names(params, "soc.iommus." + path, [own = path](const IommuSite& site) { return site.path == own; });
    }
}

/// What a channel of DRAM could not work with. Names as the YAML has them.
void check_dram(Findings& findings, DramTimings timings) {
    const std::string path = "soc.memory.timing.";
    for (const std::string_view name : {"groups", "banks", "row_bytes"}) {
        findings.power_of_two(*dram_timing(timings, name), path + std::string(name));
        findings.range(*dram_timing(timings, name), 1, name == "row_bytes" ? 1 << 16 : 64, path + std::string(name));
    }
    findings.expect(timings.row_bytes >= timings.burst_bytes, path + "row_bytes", "a row is shorter than a burst",
                    std::to_string(timings.burst_bytes) + " or more");
    for (const std::string_view name : dram_timing_names()) {
        findings.range(*dram_timing(timings, name), 0, 1 << 20, path + std::string(name));
    }
    findings.expect(timings.REFI == 0 || timings.REFI > timings.RFC + timings.RP + timings.RAS, path + "tREFI",
                    "refresh leaves no time for anything else", "more than tRFC + tRP + tRAS, or 0: no refresh");
}

void check_pcie(Findings& findings, const PcieParams& pcie) {
    const auto largest = [&](std::uint32_t bytes, const std::string& path) {
        if (bytes == 0) return;
        findings.power_of_two(bytes, path);
        findings.range(bytes, 128, 4096, path);
    };
    largest(pcie.max_payload, "soc.pcie.max_payload");
    largest(pcie.max_read_request, "soc.pcie.max_read_request");
}

void check_regulators(Findings& findings, const SocConfig& config, const Topology& topology) {
    if (config.regulators.empty()) return;
    const std::vector<std::string> places = regulated_places(topology, config);
    for (const auto& [place, regulator] : config.regulators) {
        const std::string path = key_path("soc.regulators", place);
        const std::string near = nearest_name(place, places).value_or(places.empty() ? "" : places.front());
        findings.expect(std::find(places.begin(), places.end(), place) != places.end(), path,
                        "there is no master and no port of this name",
                        near.empty() ? "none" : "one such as '" + near + "'");
        findings.range(regulator.bytes, 1, std::uint64_t{1} << 40, path + ".bytes");
        findings.range(regulator.window.fs, 1, kFsPerSecond, path + ".window");
    }
}

void check_system_cache(Findings& findings, const SocConfig& config) {
    const SystemCacheParams& cache = config.system_cache;
    if (cache.bytes == 0) return;
    const std::string path = "soc.system_cache";
    findings.range(cache.ways, 1, 64, path + ".ways");
    findings.range(cache.misses, 1, 4096, path + ".misses");
    findings.power_of_two(cache.line, path + ".line");
    findings.range(cache.line, 16, 4096, path + ".line");
    const std::uint64_t of_sets = std::uint64_t{cache.ways} * cache.line * config.memory.channels;
    findings.expect(of_sets == 0 || cache.bytes % of_sets == 0, path + ".size",
                    "it is no whole number of sets in each channel's slice",
                    "a multiple of ways x line x channels, " + std::to_string(of_sets) + " B");
    findings.expect(config.memory.channels == 1 || cache.line <= config.memory.channel_bytes, path + ".line",
                    "a line would lie in several channels",
                    "at most soc.memory.channel_interleave, " + std::to_string(config.memory.channel_bytes) + " B");
}

/// Crossbars below the SoC's: a tree, and what hangs on them is there.
void check_subnets(Findings& findings, const SocConfig& config, const Topology& topology) {
    std::vector<std::string> names;
    for (const auto& [name, subnet] : config.subnets) names.push_back(name);
    const auto nearest = [](const std::string& name, const std::vector<std::string>& among) {
        const auto near = nearest_name(name, among);
        return near            ? "one such as '" + *near + "'"
               : among.empty() ? std::string("none")
                               : "one such as '" + among.front() + "'";
    };
    for (const auto& [name, subnet] : config.subnets) {
        const std::string path = "soc.interconnects." + name;
        findings.range(subnet.clock.fs, 1, kFsPerUs, path + ".clock");
        findings.power_of_two(subnet.crossbar.width_bytes, path + ".width");
        findings.range(subnet.crossbar.width_bytes, 1, 256, path + ".width");
        findings.range(subnet.crossbar.header.count, 1, 1000, path + ".header");
        findings.range(subnet.outstanding, 1, 65536, path + ".outstanding");
        if (!subnet.parent.empty() && config.subnets.count(subnet.parent) == 0) {
            findings.expect(false, path + ".parent", "there is no interconnect '" + printable(subnet.parent) + "'",
                            nearest(subnet.parent, names));
            continue;
        }
        std::string way = name, at = subnet.parent;
        std::size_t steps = 1;
        while (!at.empty() && steps <= config.subnets.size() && config.subnets.count(at) != 0) {
            way += " -> " + at;
            at = config.subnets.at(at).parent;
            ++steps;
        }
        if (steps > config.subnets.size()) {
            findings.expect(false, path + ".parent", "the way up never ends: " + way, "a tree");
        } else {
            findings.expect(steps <= 3, path + ".parent",
                            "it lies " + std::to_string(steps) + " bridges below the SoC's crossbar", "3 or less");
        }
    }
    const std::vector<std::string> places = all_places(topology, config);
    for (const auto& [place, subnet] : config.placement) {
        const std::string path = "soc.placement." + place;
        findings.expect(std::find(places.begin(), places.end(), place) != places.end(), path,
                        "nothing of this name hangs on an interconnect", nearest(place, places));
        findings.expect(config.subnets.count(subnet) != 0, path, "there is no interconnect '" + printable(subnet) + "'",
                        nearest(subnet, names));
    }
}

/// What only `exact` has.
void check_fast(Findings& findings, const SocConfig& config) {
    if (config.fidelity != Fidelity::fast) return;
    const auto refuse = [&](bool there, const std::string& path) {
        findings.expect(!there, path, "fidelity: fast reserves one memory of constant latency behind one crossbar",
                        "soc.fidelity: exact");
    };
    refuse(config.memory.dram.has_value(), "soc.memory.timings");
    refuse(config.memory.channels > 1, "soc.memory.channels");
    refuse(!config.subnets.empty(), "soc.interconnects");
    refuse(config.network.kind != NetworkParams::Kind::crossbar, "soc.interconnect.kind");
    const auto ideal = [](const IommuParams& params) {
        return params.tbu.ideal ||
               std::any_of(params.tbus.begin(), params.tbus.end(), [](const auto& one) { return one.second.ideal; });
    };
    refuse(ideal(config.iommu), "soc.iommu.tbu.ideal");
    for (const auto& [path, params] : config.iommus) refuse(ideal(params), "soc.iommus." + path + ".tbu.ideal");
    refuse(config.system_cache.bytes != 0, "soc.system_cache");
    refuse(!config.regulators.empty(), "soc.regulators");
    findings.expect(!config.check_protocol, "soc.check_protocol",
                    "with fidelity: fast most accesses pass no socket that could be looked at", "soc.fidelity: exact");
}

CacheTiming table_of(const iommu::TableTiming& table) {
    return {{table.enabled, table.entries, table.ways, Replacement::lru}, Cycles{table.cycles}, table.slots};
}

IommuParams params_of(const iommu::TimingPreset& preset) {
    IommuParams params;
    params.tbu.micro_tlb = table_of(preset.micro_tlb);
    params.tbu.main_tlb = table_of(preset.port_tlb);
    params.tbu.link_to_tcu = Cycles{preset.link};
    params.tbu.link_from_tcu = Cycles{preset.link};
    params.tcu.tlb = table_of(preset.core_tlb);
    params.tcu.xlate_slots = preset.xlate_slots;
    params.tcu.walk_slots = preset.walk_slots;
    WalkCacheParams& walk = params.tcu.walk_cache;
    std::copy(std::begin(preset.walk_s1), std::end(preset.walk_s1), std::begin(walk.s1_entries));
    std::copy(std::begin(preset.walk_s2), std::end(preset.walk_s2), std::begin(walk.s2_entries));
    return params;
}

}  // namespace

std::optional<IommuParams> iommu_preset(std::string_view name) {
    IommuParams params;  // mmu-600-like: the defaults. Source: docs/spec/iommu-anchors.md section E
    if (name == "mmu-600-like") return params;
    if (name == "gem5-default") {
        // Source: docs/spec/iommu-anchors.md section B1.
        params.tbu.micro_tlb = {{true, 32, 0, Replacement::round_robin}, Cycles{1}, 1};
        params.tbu.main_tlb = {{true, 2048, 4, Replacement::round_robin}, Cycles{3}, 3};
        params.tbu.link_to_tcu = Cycles{8};
        params.tbu.link_from_tcu = Cycles{8};
        params.tcu.tlb = {{false, 2048, 4, Replacement::round_robin}, Cycles{3}, 3};
        params.tcu.config_cache = {{true, 64, 4, Replacement::round_robin}, Cycles{3}, 3};
        params.tcu.ipa_cache = {{false, 128, 4, Replacement::round_robin}, Cycles{3}, 3};
        WalkCacheParams& walk = params.tcu.walk_cache;
        const std::uint32_t s1[4] = {4, 28, 348, 0};
        const std::uint32_t s2[4] = {4, 28, 92, 0};
        std::copy(std::begin(s1), std::end(s1), std::begin(walk.s1_entries));
        std::copy(std::begin(s2), std::end(s2), std::begin(walk.s2_entries));
        walk.replacement = Replacement::round_robin;
        params.one_port = true;
        params.tbu.keep_order = true;
        params.tbu.youngest_first = true;
        return params;
    }
    if (name == "tiny") {
        params.tbu.xlate_slots = 4;
        params.tbu.micro_tlb = {{true, 4, 0, Replacement::lru}, Cycles{1}, 1};
        params.tbu.main_tlb = {{true, 16, 4, Replacement::lru}, Cycles{3}, 1};
        params.tcu.xlate_slots = 4;
        params.tcu.walk_slots = 1;
        params.tcu.config_cache = {{true, 4, 0, Replacement::lru}, Cycles{3}, 1};
        for (std::uint32_t* entries : {params.tcu.walk_cache.s1_entries, params.tcu.walk_cache.s2_entries}) {
            for (unsigned level = 0; level < 3; ++level) entries[level] = 4;
        }
        params.tcu.walk_cache.slots = 1;
        return params;
    }
    for (const iommu::Family& family : iommu::families()) {
        if (family.timing != nullptr && family.timing->name == name) return params_of(*family.timing);
    }
    return std::nullopt;
}

std::vector<std::string> iommu_preset_names() {
    std::vector<std::string> names{"mmu-600-like", "gem5-default", "tiny"};
    for (const iommu::Family& family : iommu::families()) {
        if (family.timing == nullptr) continue;
        const std::string name(family.timing->name);
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
}

std::string key_path(const std::string& path, const std::string& key) {
    const bool plain = !key.empty() && key.find_first_of(".[]\" ") == std::string::npos;
    return plain ? path + "." + key : path + "[\"" + key + "\"]";
}

std::vector<Diagnostic> check_iommu_params(const IommuParams& params, const std::string& path) {
    Findings findings;
    check_iommu(findings, params, path);
    return findings.take();
}

std::vector<Diagnostic> check(const SocConfig& config, const firmware::Description& description) {
    Findings findings;
    findings.range(config.clock.fs, 1, kFsPerUs, "soc.clocks.system");
    findings.power_of_two(config.interconnect.width_bytes, "soc.interconnect.width");
    findings.range(config.interconnect.width_bytes, 1, 256, "soc.interconnect.width");
    findings.range(config.interconnect.header.count, 1, 1000, "soc.interconnect.header");
    findings.power_of_two(config.memory.banks, "soc.memory.banks");
    findings.range(config.memory.banks, 1, 1024, "soc.memory.banks");
    findings.power_of_two(config.memory.interleave_bytes, "soc.memory.interleave");
    findings.range(config.memory.interleave_bytes, 64, 1 << 20, "soc.memory.interleave");
    findings.power_of_two(config.memory.channels, "soc.memory.channels");
    findings.range(config.memory.channels, 1, 64, "soc.memory.channels");
    findings.power_of_two(config.memory.channel_bytes, "soc.memory.channel_interleave");
    findings.range(config.memory.channel_bytes, 64, 4096, "soc.memory.channel_interleave");
    if (config.memory.dram) check_dram(findings, *config.memory.dram);
    check_system_cache(findings, config);
    check_fast(findings, config);
    findings.expect(config.memory.channels == 1 || !description.memory.empty() || description.nodes.empty(),
                    "soc.memory.channels", "the firmware names no memory that channels could share", "1");
    findings.range(config.cpu.count, 1, 1024, "kernel.cpus");
    check_iommu(findings, config.iommu, "soc.iommu");
    const Topology topology = make_topology(description, config);
    check_subnets(findings, config, topology);
    check_regulators(findings, config, topology);
    check_pcie(findings, config.pcie);
    findings.add(check_pcie_links(config));
    findings.add(check_partitions(config, topology));
    findings.expect(config.network.kind == NetworkParams::Kind::crossbar || config.foreign_interconnect.factory.empty(),
                    "soc.interconnect.kind", "a foreign part is in the interconnect's place", "one of the two");
    findings.add(check_network(config.network, network_places(topology, config)));
    std::vector<std::string> providers;
    for (const firmware::NodeIndex node : description.providers()) providers.push_back(description.node(node).path);
    for (const IommuSite& site : topology.iommus) providers.push_back(site.path);
    for (const auto& [path, params] : config.iommus) {
        if (std::find(providers.begin(), providers.end(), path) != providers.end()) {
            check_iommu(findings, params, "soc.iommus." + path);
            continue;
        }
        Diagnostic finding;
        finding.path = "soc.iommus." + path;
        finding.what = "the firmware has no IOMMU of this path";
        finding.nearest = nearest_name(path, providers).value_or("");
        findings.expect(false, finding.path, finding.what,
                        finding.nearest.empty() ? "the path of an IOMMU" : "one such as '" + finding.nearest + "'");
    }
    check_tbu_names(findings, config, description);
    std::set<std::string> names;
    for (std::size_t i = 0; i < config.masters.size(); ++i) {
        const MasterConfig& master = config.masters[i];
        const std::string path = "traffic[" + std::to_string(i) + "]";
        findings.expect(names.insert(master.device).second, path + ".device",
                        "'" + printable(master.device) + "' is there twice", "each device once");
        findings.expect(firmware::index(master.node) < description.nodes.size() || description.nodes.empty(),
                        path + ".device", "its node is not in the firmware", "a node of the firmware");
        check_traffic(findings, master.traffic, path);
        if (!master.atc) continue;
        check_shape(findings, master.atc->shape, path + ".atc");
        findings.range(master.atc->slots, 1, 1024, path + ".atc.slots");
        findings.range(master.atc->requests, 1, 1024, path + ".atc.requests");
        findings.range(master.atc->page_requests, 1, 512, path + ".atc.page_requests");
        findings.expect(master.requester_id.has_value(), path + ".atc", "only PCI endpoints have one",
                        "a device behind a PCI host bridge");
    }
    std::vector<Diagnostic> all = findings.take();
    for (Diagnostic& one : ForeignParts::check(config)) all.push_back(std::move(one));
    for (Diagnostic& one : check_smmuv3_windows(config, description)) all.push_back(std::move(one));
    for (Diagnostic& one : check_addresses(config, description, topology)) all.push_back(std::move(one));
    return all;
}

}  // namespace xlate::soc
