#include "study/why/levers.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "iommu/families.hpp"
#include "study/config/pci_config.hpp"
#include "study/config/pcie_bandwidth.hpp"
#include "study/results/resources.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

class Finder {
public:
    Finder(const Config& config, const Json& result, const Json& master)
        : config_(config), result_(result), master_(master), device_(master.at("device").get<std::string>()) {}

    std::vector<Lever> find() {
        system();
        if (const Json* const iommu = its_iommu()) of_iommu(*iommu);
        own();
        return std::move(levers_);
    }

private:
    static bool is_pci(const std::string& device) {
        return device.size() >= 12 && device[4] == ':' && device[7] == ':';
    }

    void add(const char* resource, const std::string& key, std::string from, std::string to,
             std::vector<Override> sets = {}) {
        if (from == to) return;
        if (sets.empty()) sets.push_back({key, to});
        levers_.push_back({resource, key, std::move(from), std::move(to), std::move(sets)});
    }
    /// `times` as large, at most `most`; 0 is unlimited already.
    void larger(const char* resource, const std::string& key, std::uint64_t from, std::uint64_t times,
                std::uint64_t most) {
        if (from != 0)
            add(resource, key, fmt::format("{}", from),
                fmt::format("{}", std::max(from, std::min(from * times, most))));
    }
    void wider(const char* resource, const std::string& key, std::uint32_t from) {
        larger(resource, key, from, 4, 256);
    }
    void faster(const char* resource, const std::string& key, std::uint64_t from, std::uint64_t times) {
        if (from != 0) add(resource, key, format_bandwidth(from), format_bandwidth(from * times));
    }
    /// What is tried only where it was busy: it is plentiful mostly.
    bool busy(const char* resource) const {
        if (!master_.contains("busy")) return false;
        const Json& all = master_.at("busy");
        return std::any_of(all.begin(), all.end(), [&](const Json& one) {
            return one.at("resource") == resource && one.at("share").get<double>() >= kWorthATrial;
        });
    }
    void shorter(const char* resource, const std::string& key, SimTime from) {
        if (from.fs >= 4) add(resource, key, format_time(from), format_time({from.fs / 4}));
    }

    void system() {
        const SocConfig& soc = config_.soc;
        faster(resource::kMemory, "soc.memory.bandwidth", soc.memory.bandwidth_bytes_per_s, 4);
        shorter(resource::kMemoryLatency, "soc.memory.latency", soc.memory.latency);
        wider(resource::kCrossbar, "soc.interconnect.width", soc.interconnect.width_bytes);
        if (soc.memory.bank_busy.fs != 0) larger(resource::kBanks, "soc.memory.banks", soc.memory.banks, 4, 1024);
        if (soc.system_cache.bytes != 0)
            larger(resource::kSystemCache, "soc.system_cache.misses", soc.system_cache.misses, 4, 4096);
        if (busy(resource::kNetworkLink))
            wider(resource::kNetworkLink, "soc.interconnect.width", soc.interconnect.width_bytes);
        named();
        if (!is_pci(device_)) return;
        pcie_link(soc.pcie_generation != 0 ? resource::kLinkByLanes : resource::kLink, "soc.pcie", soc.pcie_generation,
                  soc.pcie_lanes, soc.pcie.bandwidth_bytes_per_s);
        port_links();
        shorter(resource::kLinkLatency, "soc.pcie.latency", soc.pcie.link_latency);
    }

    /// Four times as fast: by lanes as far as there are, by generations beyond that, or by the bandwidth that it has.
    void pcie_link(const char* resource, const std::string& at, std::uint32_t generation, std::uint32_t lanes,
                   std::uint64_t bandwidth) {
        if (generation == 0) {
            faster(resource, at + ".bandwidth", bandwidth, 4);
            return;
        }
        std::uint32_t more_lanes = lanes, newer = generation;
        for (unsigned doubled = 0; doubled < 2; ++doubled) {
            if (more_lanes < kMostLanes) {
                more_lanes *= 2;
            } else if (newer < kNewestGeneration) {
                ++newer;
            }
        }
        std::vector<Override> sets;
        if (more_lanes != lanes) sets.push_back({at + ".lanes", fmt::format("{}", more_lanes)});
        if (newer != generation) sets.push_back({at + ".generation", fmt::format("{}", newer)});
        // A resolved config has the bandwidth beside them.
        if (bandwidth != 0 && !sets.empty())
            sets.push_back({at + ".bandwidth", fmt::format("{} B/s", pcie_link_bandwidth(newer, more_lanes))});
        add(resource, more_lanes != lanes ? at + ".lanes" : at + ".generation",
            fmt::format("x{} of generation {}", lanes, generation),
            fmt::format("x{} of generation {}", more_lanes, newer), std::move(sets));
    }

    /// Links of ports that it goes over and that were busy.
    void port_links() {
        yaml::Findings findings;
        std::vector<PciOrigin> origins;
        const std::vector<kernel::PciRoot> roots = make_pci_roots(config_, findings, &origins);
        for (const PciSeat& seat : seat_pci_functions(roots)) {
            const PciOrigin& origin = origins[seat.function.origin];
            const PciLinkConfig& link = origin.config->link;
            const std::string words = fmt::format("link below the PCIe port {} (soc.pci[].link)", seat.name);
            if (!link.given() || !busy(words.c_str())) continue;
            pcie_link(words.c_str(), origin.path + ".link", link.generation, link.lanes, link.bandwidth_bytes_per_s);
        }
    }

    /// Those whose name stands in the words: "bridge between crossbars (soc.interconnects.cluster.outstanding)".
    void named() {
        if (!master_.contains("busy")) return;
        for (const Json& one : master_.at("busy")) {
            const auto words = one.at("resource").get<std::string>();
            if (one.at("share").get<double>() < kWorthATrial) continue;
            for (const auto& [name, subnet] : config_.soc.interconnects) {
                const std::string at = yaml::join_path("soc.interconnects", name);
                if (words.find("(" + at + ".width)") != std::string::npos)
                    wider(words.c_str(), at + ".width", subnet.crossbar.width_bytes);
                if (words.find("(" + at + ".outstanding)") != std::string::npos)
                    larger(words.c_str(), at + ".outstanding", subnet.outstanding, 4, 65536);
            }
            for (const auto& [name, regulator] : config_.soc.regulators) {
                const std::string at = yaml::join_path("soc.regulators", name);
                if (words.find("(" + at + ".bytes)") != std::string::npos)
                    larger(words.c_str(), at + ".bytes", regulator.bytes, 4, std::uint64_t{1} << 40);
            }
        }
    }

    const Json* its_iommu() const {
        for (const Json& device : result_.at("devices")) {
            if (device.at("name") != device_) continue;
            for (const Json& iommu : result_.at("iommus")) {
                if (iommu.at("name") == device.at("iommu")) return &iommu;
            }
        }
        return nullptr;
    }

    void of_iommu(const Json& iommu) {
        const auto path = iommu.at("path").get<std::string>();
        const iommu::Family* const family = iommu::find_family(iommu.at("arch").get<std::string>());
        const bool own_preset = family != nullptr && family->timing != nullptr;
        const soc::IommuParams params =
            iommu_config(config_, path, own_preset ? std::string(family->timing->name) : IommuConfig{}.preset).params;
        const std::string at = yaml::join_path("soc.iommus", path);
        // A port that has a name of its own is sized there.
        std::string tbu = at + ".tbu";
        soc::PortParams port = params.tbu;
        for (const auto& [name, one] : params.tbus) {
            if (name != device_) continue;
            tbu = yaml::join_path(at + ".tbus", name);
            port = one;
        }
        wider(resource::kPort, tbu + ".port_width", port.port_width_bytes);
        larger(resource::kPortSlots, tbu + ".xlate_slots", port.xlate_slots, 4, 4096);
        larger(resource::kWriteBuffer, tbu + ".write_buffer", port.write_buffer_beats, 8, 65536);
        if (port.main_tlb.shape.enabled) {
            larger(resource::kTlb, tbu + ".tlb.entries", port.main_tlb.shape.entries, 8, 1U << 20);
        } else if (port.micro_tlb.shape.enabled) {
            larger(resource::kTlb, tbu + ".micro_tlb.entries", port.micro_tlb.shape.entries, 8, 1U << 20);
        }
        larger(resource::kCoreSlots, at + ".tcu.xlate_slots", params.tcu.xlate_slots, 4, 65536);
        larger(resource::kWalkSlots, at + ".tcu.walk_slots", params.tcu.walk_slots, 4, 4096);
        if (busy(resource::kMicroTlbLookups))
            larger(resource::kMicroTlbLookups, tbu + ".micro_tlb.slots", port.micro_tlb.slots, 4, 1024);
        if (busy(resource::kTlbLookups))
            larger(resource::kTlbLookups, tbu + ".tlb.slots", port.main_tlb.slots, 4, 1024);
        if (busy(resource::kCoreLookups)) {
            const std::string slots = fmt::format("{}", std::min(params.tcu.config_cache.slots * 4, 1024U));
            add(resource::kCoreLookups, at + ".tcu.config_cache.slots",
                fmt::format("{}", params.tcu.config_cache.slots), slots,
                {{at + ".tcu.config_cache.slots", slots}, {at + ".tcu.tlb.slots", slots}});
        }
        if (busy(resource::kWalkCacheLookups))
            larger(resource::kWalkCacheLookups, at + ".tcu.walk_cache.slots", params.tcu.walk_cache.slots, 4, 1024);
        if (busy(resource::kWalker) && params.tcu.walk_step.count != 0)
            add(resource::kWalker, at + ".tcu.walk_step", format_cycles(params.tcu.walk_step), "0 cycles");
        if (busy(resource::kCorePort)) wider(resource::kCorePort, at + ".tcu.port_width", params.tcu.port_width_bytes);
    }

    void own() {
        for (std::size_t i = 0; i < config_.traffic.size(); ++i) {
            const TrafficConfig& traffic = config_.traffic[i];
            if (traffic.device != device_) continue;
            const std::string at = fmt::format("traffic[{}]", i);
            larger(resource::kOutstanding, at + ".outstanding", traffic.params.outstanding, 4, 65536);
            faster(resource::kRate, at + ".rate", traffic.rate_bytes_per_s, 2);
            if (traffic.rate_bytes_per_s == 0 && traffic.params.interval.fs > 1) pace(traffic, at);
            if (traffic.mapping != TrafficConfig::Mapping::per_transfer) continue;
            const std::uint32_t tasks = std::min(traffic.tasks * 4, 64U);
            std::vector<Override> sets{{at + ".tasks", fmt::format("{}", tasks)}};
            if (config_.kernel.cpus != 0 && config_.kernel.cpus < tasks)
                sets.push_back({"kernel.cpus", fmt::format("{}", tasks)});
            if (config_.kernel.cpus == 0) sets.push_back({"kernel.cpus", fmt::format("{}", std::max(cpus(), tasks))});
            add(resource::kDriver, at + ".tasks", fmt::format("{}", traffic.tasks), fmt::format("{}", tasks),
                std::move(sets));
        }
    }
    void pace(const TrafficConfig& traffic, const std::string& at) {
        const soc::TrafficParams& params = traffic.params;
        std::vector<Override> sets{{at + ".interval", format_time({params.interval.fs / 2})}};
        if (params.burst_gap.fs != 0) sets.push_back({at + ".burst_gap", format_time({params.burst_gap.fs / 2})});
        add(params.burst_gap.fs != 0 ? resource::kBursts : resource::kInterval, at + ".interval",
            format_time(params.interval), format_time({params.interval.fs / 2}), std::move(sets));
    }
    /// Of a board that says how many it has.
    std::uint32_t cpus() const { return config_.firmware.generate.empty() ? 1 : config_.soc.board.cpus; }

    const Config& config_;
    static constexpr double kWorthATrial = 0.3;  // of its time
    static constexpr std::uint32_t kMostLanes = 16, kNewestGeneration = 6;

    const Json& result_;
    const Json& master_;
    std::string device_;
    std::vector<Lever> levers_;
};

}  // namespace

std::vector<Lever> levers_of(const Config& config, const Json& result, std::size_t master) {
    return Finder(config, result, result.at("masters").at(master)).find();
}

}  // namespace xlate::study
