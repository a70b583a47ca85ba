#include "study/run/assemble.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "firmware/device_name.hpp"
#include "firmware/id_path.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"
#include "firmware/pci_iommus.hpp"
#include "iommu/families.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "study/config/families/smmuv3_needs.hpp"
#include "study/config/kernel_parameters.hpp"
#include "study/inspect/firmware_facts.hpp"
#include "study/run/likely_masters.hpp"
#include "study/run/pci_facts.hpp"
#include "study/run/recorded_traffic.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;

constexpr std::uint64_t kAssumedTransfers = 1000;

bool text_property_is(const Node& node, std::string_view name, std::string_view text) {
    const firmware::Property* property = node.property(name);
    return property != nullptr && property->bytes.size() == text.size() + 1 &&
           std::equal(text.begin(), text.end(), property->bytes.begin());
}

std::uint32_t count_cpus(const Description& description) {
    std::uint32_t count = 0;
    for (const Node& node : description.nodes)
        count += text_property_is(node, "device_type", "cpu") && node.available ? 1 : 0;
    return count;
}

class Assembler {
public:
    Assembler(Config& config, const Description& description) : config_(config), description_(description) {}

    Assembly assemble() {
        assume_pci();
        for (std::string& one : add_pci_iommus(config_, description_)) wiring_.assumptions.push_back(std::move(one));
        for (std::string& one : derive_smmuv3(config_, description_)) wiring_.warnings.push_back(std::move(one));
        wiring_.boot.pci = make_pci_roots(config_, findings_, &pci_origins_);
        seats_ = seat_pci_functions(wiring_.boot.pci);
        check_hosts();
        check_buses();
        if (!config_.given("traffic")) assume_traffic();
        wire_soc();
        wire_kernel();
        const std::vector<std::string> paths = expand_traffic();
        for (std::size_t i = 0; i < config_.traffic.size(); ++i) wire_traffic(config_.traffic[i], paths[i]);
        check_atcs();
        findings_.throw_if_any();
        if (!contiguous_.empty()) {
            wiring_.assumptions.push_back(fmt::format(
                "traffic[].pages is not given: the memory of {} is physically contiguous, mapped by blocks "
                "of {}; after long use a kernel has single pages (pages: scattered)",
                fmt::join(contiguous_, ", "), format_bytes(config_.kernel.page_bytes / 8 * config_.kernel.page_bytes)));
        }
        std::vector<Diagnostic> from_soc = soc::check(wiring_.soc, description_);
        for (Diagnostic& finding : from_soc) {
            if (finding.where.file.empty()) finding.where = config_.where(finding.path);
        }
        if (!from_soc.empty()) throw InputError(std::move(from_soc), ExitStatus::usage);
        return std::move(wiring_);
    }

private:
    void add(const std::string& path, std::string what, std::string expected = {}, std::string nearest = {}) {
        findings_.add(Diagnostic{config_.where(path), path, std::move(what), std::move(expected), std::move(nearest)});
    }

    void assume_pci() {
        if (config_.given("soc.pci")) return;
        const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(description_);
        const auto host = std::find_if(hosts.begin(), hosts.end(), [&](const firmware::PciHost& at) {
            return description_.node(at.node).iommu_map || description_.node(at.node).viot_map;
        });
        if (host == hosts.end()) return;
        const std::uint32_t bus = host->first_bus << 8;
        const auto free_slot = [&](std::uint32_t from) {
            while (from < 31 &&
                   firmware::find_pci_iommu(description_, firmware::pci_name(host->domain, bus | from << 3)))
                ++from;
            return from;
        };
        const std::uint32_t first = free_slot(1), second = free_slot(first + 1);
        if (!is_mapped(*host, bus | first << 3) && is_mapped(*host, bus + 0x100)) return assume_port(*host);
        PciConfig nvme;
        nvme.slot = firmware::pci_name(host->domain, bus | first << 3);
        nvme.driver = "nvme";
        nvme.host = description_.node(host->node).path;
        PciConfig nic = nvme;
        nic.slot = firmware::pci_name(host->domain, bus | second << 3);
        nic.driver = "e1000e";
        config_.soc.pci = {nvme, nic};
        wiring_.assumptions.push_back(fmt::format("soc.pci is not given: an NVMe drive at {} and a NIC at {} of {}",
                                                  nvme.slot, nic.slot, nvme.host));
    }

    /// Whether firmware puts an IOMMU before this requester id.
    bool is_mapped(const firmware::PciHost& host, std::uint32_t id) const {
        const std::vector<std::uint32_t> own{id};
        return firmware::id_path_of_function(description_, host.node, own).end == firmware::PathEnd::behind;
    }

    /// A host bridge whose map has ids of the bus behind a root port, and none of further slots beside it.
    void assume_port(const firmware::PciHost& host) {
        PciConfig drive;
        drive.slot = "00.0";
        drive.driver = "nvme";
        PciConfig port;
        port.slot = firmware::pci_name(host.domain, host.first_bus << 8);
        port.kind = PciConfig::Kind::root_port;
        port.host = description_.node(host.node).path;
        port.below = {drive};
        config_.soc.pci = {port};
        wiring_.assumptions.push_back(
            fmt::format("soc.pci is not given: an NVMe drive behind a root port at {} of {}, whose map of ids has none "
                        "for another slot",
                        port.slot, port.host));
    }

    void check_hosts() {
        const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(description_);
        for (const kernel::PciRoot& root : wiring_.boot.pci) {
            if (hosts.empty()) {
                add("soc.pci", "the firmware has no PCI host bridge");
                return;
            }
            if (root.host.empty() || find_host(root.host)) continue;
            std::vector<std::string> names;
            for (const firmware::PciHost& host : hosts) names.push_back(description_.node(host.node).path);
            add("soc.pci", fmt::format("the firmware has no PCI host bridge '{}'", root.host),
                fmt::format("one of {}", fmt::join(names, ", ")), nearest_name(root.host, names).value_or(""));
        }
    }
    /// Functions whose bus would have a number that their host bridge does not have.
    void check_buses() {
        const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(description_);
        for (const PciSeat& seat : seats_) {
            for (const firmware::PciHost& host : hosts) {
                const bool own =
                    seat.host.empty() ? host.domain == seat.domain : description_.node(host.node).path == seat.host;
                if (!own || (seat.own_id >> 8) <= host.last_bus) continue;
                wiring_.warnings.push_back(
                    fmt::format("{} ({}) is on a bus beyond {:02x}, the last of {} ({}): Linux does not scan it",
                                seat.name, config_.where(pci_origins_[seat.function.origin].path).text(), host.last_bus,
                                description_.node(host.node).path,
                                firmware::ecam_buses(description_.node(host.node)) ? "bus-range and the size of reg"
                                                                                   : "bus-range"));
                break;
            }
        }
    }

    std::optional<NodeIndex> find_host(const std::string& host) const {
        const auto found = firmware::find_pci_host(description_, host);
        return found ? std::optional(found->node) : std::nullopt;
    }

    /// An entry for "*.gpu" becomes one for each master of such a name that has none of its own. Returns where each
    /// entry was written.
    std::vector<std::string> expand_traffic() {
        std::vector<TrafficConfig> all;
        std::vector<std::string> paths;
        std::vector<std::string> named;
        for (const TrafficConfig& traffic : config_.traffic) {
            if (traffic.device.find('*') == std::string::npos) named.push_back(traffic.device);
        }
        const bool patterns = named.size() != config_.traffic.size();
        const auto masters = patterns ? likely_masters(description_, seats_) : std::vector<std::string>{};
        for (std::size_t i = 0; i < config_.traffic.size(); ++i) {
            const TrafficConfig& traffic = config_.traffic[i];
            const std::string path = fmt::format("traffic[{}]", i);
            if (traffic.device.find('*') == std::string::npos) {
                all.push_back(traffic);
                paths.push_back(path);
                continue;
            }
            bool some = false;
            for (const std::string& device : masters) {
                if (!matches_pattern(traffic.device, device)) continue;
                some = true;
                if (std::find(named.begin(), named.end(), device) != named.end()) continue;
                named.push_back(device);
                all.push_back(traffic);
                all.back().device = device;
                paths.push_back(path);
            }
            if (!some)
                add(path + ".device",
                    fmt::format("no master behind an IOMMU is called '{}'", printable(traffic.device)));
        }
        config_.traffic = std::move(all);
        return paths;
    }

    /// A little traffic of everything that has a driver and an IOMMU in front of it.
    void assume_traffic() {
        std::vector<std::string> devices = likely_masters(description_, seats_);
        devices.erase(std::remove_if(devices.begin(), devices.end(),
                                     [&](const std::string& device) { return is_empty_transport(device); }),
                      devices.end());
        for (const std::string& device : devices) {
            TrafficConfig traffic;
            traffic.device = device;
            traffic.assumed = true;
            traffic.params.pattern = soc::Pattern::random;
            traffic.params.read_share = {1, 2};
            traffic.params.transfers = kAssumedTransfers;
            config_.traffic.push_back(std::move(traffic));
        }
        if (!devices.empty()) {
            wiring_.assumptions.push_back(fmt::format(
                "traffic is not given: {} random transfers of 64 B, half of them reads, by each of {} devices",
                kAssumedTransfers, devices.size()));
        }
    }

    void wire_soc() {
        soc::SocConfig& soc = wiring_.soc;
        soc.seed = config_.seed;
        soc.fidelity = config_.soc.fidelity;
        soc.clock = config_.soc.system_clock;
        soc.interconnect = config_.soc.interconnect;
        soc.memory = config_.soc.memory;
        read_timings(soc.memory);
        soc.subnets = config_.soc.interconnects;
        soc.placement = config_.soc.placement;
        soc.network = config_.soc.network;
        soc.system_cache = config_.soc.system_cache;
        soc.regulators = config_.soc.regulators;
        soc.foreign_memory = config_.soc.foreign_memory;
        soc.foreign_interconnect = config_.soc.foreign_interconnect;
        check_foreign();
        read_pcie();
        soc.pcie = config_.soc.pcie;
        read_pcie_links();
        soc.cpu = config_.soc.cpu;
        soc.iommu = config_.soc.iommu.params;
        read_registers(config_.soc.iommu, "soc.iommu", soc.iommu);
        for (const auto& [path, iommu] : config_.soc.iommus) {
            soc.iommus[path] = iommu.params;
            read_registers(iommu, yaml::join_path("soc.iommus", path), soc.iommus[path]);
        }
        check_virtio_mmio();
        preset_families();
        name_endpoints(description_, seats_, soc);
        soc.limits = config_.limits;
        soc.payload = config_.soc.payload;
        soc.check_protocol = config_.soc.check_protocol;
        soc.sanitizer = config_.kernel.sanitizer;
        if (soc.sanitizer && soc.fidelity != soc::Fidelity::exact) {
            add("kernel.sanitizer", "looks at each transaction as it arrives", "soc.fidelity: exact");
        }
        const std::uint32_t found = count_cpus(description_);
        soc.cpu.count = config_.kernel.cpus != 0 ? config_.kernel.cpus : std::max(found, 1U);
    }

    /// An IOMMU of a family with a preset of its own starts from that; `soc.iommu` speaks of it all the same.
    void preset_families() {
        for (const NodeIndex provider : firmware_iommus()) {
            const Node& node = description_.node(provider);
            const iommu::Family* family = iommu::find_family(firmware::iommu_kind(node).family);
            if (family == nullptr || family->timing == nullptr) continue;
            const IommuConfig own = iommu_config(config_, node.path, std::string(family->timing->name));
            const std::map<std::uint64_t, std::uint32_t> registers =
                (wiring_.soc.iommus.count(node.path) != 0 ? wiring_.soc.iommus[node.path] : wiring_.soc.iommu)
                    .hardware.registers;
            wiring_.soc.iommus[node.path] = own.params;
            wiring_.soc.iommus[node.path].hardware.registers = registers;
            // The resolved config says what it runs with.
            IommuConfig& resolved = config_.soc.iommus.emplace(node.path, config_.soc.iommu).first->second;
            resolved.preset = own.preset;
            resolved.params = own.params;
            for (const iommu::OptionSpec& option : family->options) {
                // What only the registers of a real board would say.
                const std::string key = fmt::format("{}.{}", option.block, option.key);
                if (option.of_registers == nullptr || own.params.hardware.options.count(key) != 0) continue;
                const std::string value = option.choices.empty() ? fmt::format("{}", option.usual)
                                                                 : std::string(own.params.hardware.choice(option));
                wiring_.assumptions.push_back(fmt::format("{}: {} is {}", node.path, key, value));
            }
            if (own.preset != family->timing->name) continue;
            wiring_.assumptions.push_back(
                fmt::format("{}: timing starts from the preset {}", node.path, family->timing->name));
        }
    }
    std::vector<NodeIndex> firmware_iommus() const {
        std::vector<NodeIndex> all;
        for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
            if (description_.nodes[i].reachable) all.push_back(static_cast<NodeIndex>(i));
        }
        return all;
    }

    /// Parameters of an IOMMU driver that the board has no use for.
    void warn_of_idle_parameters() {
        for (const auto& [name, value] : config_.kernel.parameters) {
            const std::string driver = name.substr(0, name.find('.'));
            const Span<kernel::IommuDriver> all = kernel::iommu_drivers();
            const auto known =
                std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == driver; });
            if (known == all.end()) continue;
            const bool used = std::any_of(description_.nodes.begin(), description_.nodes.end(),
                                          [&](const Node& node) { return known->binds_to(node); });
            if (used) continue;
            wiring_.warnings.push_back(fmt::format(
                "kernel.parameters.{} changes nothing: the firmware has no IOMMU of the driver {}", name, driver));
        }
    }

    void wire_kernel() {
        kernel::BootConfig& boot = wiring_.boot;
        boot.cpus = wiring_.soc.cpu.count;
        boot.arch = config_.kernel.arch;
        boot.page_bytes = config_.kernel.page_bytes;
        if (boot.page_bytes != 4096 && boot.page_bytes != 16384 && boot.page_bytes != 65536) {
            add("kernel.page_size", fmt::format("found {}", format_bytes(boot.page_bytes)), "4 KiB, 16 KiB or 64 KiB");
            boot.page_bytes = 4096;
        }
        for (const NodeIndex provider : description_.providers()) {
            if (kernel::iommu_driver_of(description_.node(provider)) == nullptr) boot.not_built.push_back(provider);
        }
        if (config_.given("kernel.modules")) boot.modules = config_.kernel.modules;
        check_module_devices();
        warn_of_idle_parameters();
        for (std::string& one : firmware_warnings(description_, config_.kernel.modules))
            wiring_.warnings.push_back(std::move(one));
        for (std::size_t i = 0; i < config_.kernel.modules.size(); ++i) {
            if (config_.kernel.modules[i].cpu >= boot.cpus) {
                add(fmt::format("kernel.modules[{}].cpu", i),
                    fmt::format("there is no CPU {}", config_.kernel.modules[i].cpu),
                    fmt::format("0 to {}", boot.cpus - 1));
            }
        }
        for (const auto& [name, text] : config_.kernel.parameters) {
            if (const auto wrong = read_kernel_parameter(name, text, boot.parameters, boot.arch))
                add(yaml::join_path("kernel.parameters", name), wrong->what, wrong->expected, wrong->nearest);
        }
        for (const auto& [name, text] : config_.kernel.build) {
            if (const auto wrong = read_build_option(name, text, boot.parameters))
                add(yaml::join_path("kernel.build", name), wrong->what, wrong->expected, wrong->nearest);
        }
        if (boot.parameters.arm_lpae && boot.arch != kernel::Arch::arm)
            add("kernel.build", "ARM_LPAE is an option of 32-bit Arm", "kernel.arch: arm beside it");
        const std::vector<std::string> known = kernel::mistake_names();
        for (std::size_t i = 0; i < config_.kernel.mistakes.size(); ++i) {
            const std::string& name = config_.kernel.mistakes[i];
            if (const auto mistake = kernel::find_mistake(name)) {
                boot.mistakes.add(*mistake);
            } else {
                add(fmt::format("kernel.mistakes[{}]", i), fmt::format("there is no mistake '{}'", name),
                    fmt::format("one of {}", fmt::join(known, ", ")), nearest_name(name, known).value_or(""));
            }
        }
    }

    /// "0x20: 0x7c085e10": of an IOMMU's parameters.
    void read_registers(const IommuConfig& iommu, const std::string& path, soc::IommuParams& params) {
        for (const auto& [offset, word] : iommu.registers) {
            const Parsed<std::uint64_t> at = parse_integer(offset);
            const Parsed<std::uint64_t> value = parse_integer(word);
            const std::string where = yaml::join_path(path + ".registers", offset);
            if (!at || at.value() % 4 != 0 || at.value() >= (std::uint64_t{1} << 32)) {
                add(where, fmt::format("found '{}'", printable(offset)),
                    "an offset of a 32-bit register, such as 0x20");
            } else if (!value || value.value() > 0xFFFFFFFF) {
                add(where, fmt::format("found '{}'", printable(word)), "a word of 32 bits");
            } else {
                params.hardware.registers[at.value()] = static_cast<std::uint32_t>(value.value());
            }
        }
    }

    /// soc.memory.timings and what it changes.
    void read_timings(soc::MemoryParams& memory) {
        const bool any = config_.soc.memory_timings != 0;
        if (any) memory.dram = soc::dram_presets()[config_.soc.memory_timings - 1];
        std::vector<std::string> names;
        for (const std::string_view name : soc::dram_timing_names()) names.emplace_back(name);
        for (const auto& [name, text] : config_.soc.memory_timing) {
            const std::string path = yaml::join_path("soc.memory.timing", name);
            const Parsed<std::uint64_t> cycles = parse_integer(text);
            if (!any) {
                add(path, "there are no timings that it could change", "a preset: soc.memory.timings");
            } else if (std::uint32_t* field = soc::dram_timing(*memory.dram, name); field == nullptr) {
                add(path, fmt::format("there is no timing '{}'", printable(name)),
                    fmt::format("one of {}", fmt::join(names, ", ")), nearest_name(name, names).value_or(""));
            } else if (!cycles || cycles.value() > (1 << 20)) {
                add(path, fmt::format("found '{}'", printable(text)), "a number of cycles");
            } else {
                *field = static_cast<std::uint32_t>(cycles.value());
            }
        }
        if (!any) return;
        config_.soc.memory.dram = memory.dram;
        for (const char* key : {"latency", "bandwidth", "banks", "interleave", "bank_busy"}) {
            const std::string path = std::string("soc.memory.") + key;
            if (config_.given(path)) add(path, "soc.memory.timings says it, and more exactly", "one of the two");
        }
    }

    /// What the line code leaves of the transfer rate: generation and lanes are a bandwidth. `given`: that is written,
    /// too.
    std::uint64_t pcie_bandwidth(std::uint32_t generation, std::uint32_t lanes, std::uint64_t bandwidth, bool given,
                                 const std::string& path) {
        if (generation == 0) {
            if (config_.given(path + ".lanes")) add(path + ".lanes", "lanes of no generation", path + ".generation");
            return bandwidth;
        }
        if ((lanes & (lanes - 1)) != 0) add(path + ".lanes", fmt::format("found {}", lanes), "1, 2, 4, 8 or 16");
        // 8b/10b; 128b/130b; from 6.0 on flits, of whose 256 bytes 236 are packets.
        constexpr std::uint64_t kLane[] = {
            0, 250'000'000, 500'000'000, 984'615'384, 1'969'230'769, 3'938'461'538, 7'375'000'000};
        if (given && bandwidth != kLane[generation] * lanes)
            add(path + ".bandwidth", path + ".generation and lanes say it", "one of the two");
        return kLane[generation] * lanes;
    }
    void read_pcie() {
        std::uint64_t& bandwidth = config_.soc.pcie.bandwidth_bytes_per_s;
        bandwidth = pcie_bandwidth(config_.soc.pcie_generation, config_.soc.pcie_lanes, bandwidth,
                                   config_.given("soc.pcie.bandwidth"), "soc.pcie");
    }
    /// Links of ports, in the order of the scan: those above come first.
    void read_pcie_links() {
        std::vector<std::optional<std::size_t>>& link_of = link_of_seat_;
        for (const PciSeat& seat : seats_) {
            const std::optional<std::size_t> above = seat.bridge ? link_of[*seat.bridge] : std::nullopt;
            link_of.push_back(above);
            const PciOrigin& origin = pci_origins_[seat.function.origin];
            const PciLinkConfig& link = origin.config->link;
            if (!link.given()) continue;
            const std::string path = origin.path + ".link";
            if (origin.config->kind != PciConfig::Kind::root_port &&
                origin.config->kind != PciConfig::Kind::switch_downstream) {
                add(path, "only root ports and downstream ports of switches have a link below them",
                    "the port above this one");
                continue;
            }
            soc::PcieLinkParams params;
            params.name = seat.name;
            params.above = above;
            params.params = config_.soc.pcie;
            params.params.link_latency = link.latency;
            params.params.posted_credits = link.posted_credits;
            params.params.nonposted_credits = link.nonposted_credits;
            params.params.bandwidth_bytes_per_s = pcie_bandwidth(
                link.generation, link.lanes, link.bandwidth_bytes_per_s, link.bandwidth_bytes_per_s != 0, path);
            link_of.back() = wiring_.soc.pcie_links.size();
            wiring_.soc.pcie_links.push_back(std::move(params));
        }
    }

    /// Keys that mean nothing beside a foreign part.
    void check_foreign() {
        const auto refuse = [&](const soc::ForeignPart& part, const std::string& path,
                                std::initializer_list<const char*> keys) {
            if (part.factory.empty() && !part.options.empty())
                add(path + ".foreign_options", "there is no foreign part that they are for", "foreign: NAME beside it");
            if (part.factory.empty()) return;
            for (const char* key : keys) {
                const std::string at = path + "." + key;
                if (config_.given(at)) add(at, fmt::format("the foreign part '{}' decides it", part.factory));
            }
        };
        refuse(config_.soc.foreign_memory, "soc.memory",
               {"latency", "bandwidth", "banks", "interleave", "bank_busy", "timings", "controller"});
        refuse(config_.soc.foreign_interconnect, "soc.interconnect",
               {"width", "latency", "response_latency", "header"});
        for (std::size_t i = 0; i < config_.traffic.size(); ++i) {
            const TrafficConfig& traffic = config_.traffic[i];
            const std::string path = fmt::format("traffic[{}]", i);
            refuse(traffic.foreign, path,
                   {"pattern", "trace", "read", "size", "stride", "outstanding", "transfers", "time", "until_settled",
                    "transaction", "interval", "rate", "burst", "burst_gap", "start_delay"});
            if (!traffic.foreign.factory.empty() && traffic.mapping == TrafficConfig::Mapping::per_transfer) {
                add(path + ".mapping", "the driver of a foreign master submits no transfers", "once or on-demand");
            }
        }
    }

    /// What a trace says instead of a pattern.
    void read_trace(const TrafficConfig& traffic, const std::string& path, soc::TrafficParams& params) {
        const bool wanted = params.pattern == soc::Pattern::trace;
        if (wanted != !traffic.trace.empty()) {
            add(path + ".trace", wanted ? "pattern trace without a file" : "a file without pattern: trace",
                "both or none");
            params.pattern = soc::Pattern::linear;
            return;
        }
        if (!wanted) return;
        RecordedLimits limits;
        limits.device = traffic.device;
        limits.master = traffic.trace_master;
        limits.working_set_bytes = traffic.working_set_bytes;
        limits.chunk_bytes = traffic.chunk_bytes;
        params.recorded = read_recorded(find_input(config_, traffic.trace, path + ".trace"), limits);
        if (!config_.given(path + ".transfers")) params.transfers = params.recorded->size();
        params.size_bytes = 64;  // each access has a size of its own
        if (traffic.mapping == TrafficConfig::Mapping::per_transfer) {
            add(path + ".mapping", "the driver submits transfers of its own, not those of a trace",
                "once or on-demand");
        }
    }

    /// Transports that the firmware has.
    void check_virtio_mmio() {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
            if (description_.nodes[i].is_compatible("virtio,mmio"))
                names.push_back(firmware::linux_device_name(description_, static_cast<NodeIndex>(i)));
        }
        for (std::size_t i = 0; i < config_.soc.virtio_mmio.size(); ++i) {
            const VirtioMmioConfig& one = config_.soc.virtio_mmio[i];
            if (std::find(names.begin(), names.end(), one.slot) != names.end()) continue;
            add(fmt::format("soc.virtio_mmio[{}].slot", i),
                fmt::format("the firmware has no virtio-mmio transport '{}'", printable(one.slot)),
                names.empty() ? "no such list" : "one such as " + names.front(),
                nearest_name(one.slot, names).value_or(""));
        }
    }

    /// A transport that `soc.virtio_mmio` leaves empty.
    bool is_empty_transport(const std::string& device) const {
        if (!config_.given("soc.virtio_mmio")) return false;
        for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
            if (!description_.nodes[i].is_compatible("virtio,mmio")) continue;
            if (firmware::linux_device_name(description_, static_cast<NodeIndex>(i)) != device) continue;
            return std::none_of(config_.soc.virtio_mmio.begin(), config_.soc.virtio_mmio.end(),
                                [&](const VirtioMmioConfig& one) { return one.slot == device; });
        }
        return false;
    }

    /// A driver that others wait for drives a device that Linux makes of a node.
    void check_module_devices() {
        for (std::size_t i = 0; i < config_.kernel.modules.size(); ++i) {
            const std::string& wanted = config_.kernel.modules[i].device;
            if (wanted.empty() || description_.find_path(wanted)) continue;
            std::vector<std::string> names;
            for (std::size_t n = 0; n < description_.nodes.size(); ++n) {
                const auto node = static_cast<NodeIndex>(n);
                if (description_.node(node).compatible.empty()) continue;
                names.push_back(firmware::linux_device_name(description_, node));
            }
            if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
            add(fmt::format("kernel.modules[{}].device", i), fmt::format("there is no device '{}'", wanted),
                "a node's path or a device's Linux name", nearest_name(wanted, names).value_or(""));
        }
    }

    void wire_traffic(const TrafficConfig& traffic, const std::string& path) {
        soc::MasterConfig master;
        master.device = traffic.device;
        master.traffic = traffic.params;
        master.traffic.working_set_bytes = traffic.working_set_bytes;
        master.foreign = traffic.foreign;
        read_trace(traffic, path, master.traffic);
        if (!find_master(traffic, path, master)) return;
        pace(traffic, path, master);
        kernel::TrafficPlan plan;
        plan.device = traffic.device;
        using Mapping = kernel::TrafficPlan::Mapping;
        constexpr Mapping kMappings[] = {Mapping::once, Mapping::per_transfer, Mapping::on_demand, Mapping::ring};
        plan.mapping = kMappings[static_cast<std::size_t>(traffic.mapping)];
        const bool submitted = plan.mapping == Mapping::per_transfer || plan.mapping == Mapping::ring;
        plan.working_set_bytes = traffic.working_set_bytes;
        plan.chunk_bytes = traffic.chunk_bytes == 0 ? traffic.working_set_bytes
                                                    : std::min(traffic.chunk_bytes, traffic.working_set_bytes);
        plan.buffer_bytes = traffic.buffer_bytes;
        if (plan.buffer_bytes != 0 && plan.mapping != kernel::TrafficPlan::Mapping::per_transfer) {
            add(path + ".buffer", "has a meaning only with mapping: per-transfer");
        }
        if (plan.buffer_bytes != 0 && plan.buffer_bytes < traffic.params.size_bytes) {
            add(path + ".buffer", fmt::format("found {}", format_bytes(plan.buffer_bytes)),
                fmt::format("at least one transfer of {}", format_bytes(traffic.params.size_bytes)));
        }
        plan.segments_per_chunk =
            pieces(traffic, submitted ? std::max(plan.buffer_bytes, std::uint64_t{traffic.params.size_bytes})
                                      : plan.chunk_bytes);
        note_contiguous(traffic, plan);
        plan.coherent = traffic.coherent_buffers;
        plan.transfer_bytes = traffic.params.size_bytes;
        plan.transfers = submitted ? traffic.params.transfers : 0;
        if (submitted && (traffic.time.fs != 0 || traffic.until_settled)) {
            wiring_.enough[traffic.device] = std::make_shared<bool>(false);
            plan.enough = wiring_.enough[traffic.device];
        }
        plan.ring = traffic.ring;
        plan.ring.remap_numerator = static_cast<std::uint32_t>(traffic.ring_remap.numerator);
        plan.ring.remap_denominator = static_cast<std::uint32_t>(traffic.ring_remap.denominator);
        plan.outstanding = plan.mapping == Mapping::ring ? ring_ahead(traffic) : traffic.params.outstanding;
        plan.read_numerator = static_cast<std::uint32_t>(traffic.params.read_share.numerator);
        plan.read_denominator = static_cast<std::uint32_t>(traffic.params.read_share.denominator);
        plan.cpus.clear();
        for (unsigned cpu = 0; cpu < std::min(traffic.tasks, wiring_.boot.cpus); ++cpu) plan.cpus.push_back(cpu);
        if (traffic.tasks > wiring_.boot.cpus) {
            add(path + ".tasks", fmt::format("{} tasks", traffic.tasks),
                fmt::format("at most one for each of {} CPUs", wiring_.boot.cpus));
        }
        plan.seed = config_.seed;
        plan.dma_mask_bits = traffic.dma_mask_bits;
        plan.start_delay = traffic.map_delay;
        if (traffic.unmap.active)
            plan.unmap_mid_traffic = kernel::TrafficPlan::Unmap{traffic.unmap.after, traffic.unmap.chunk};
        if (traffic.unmap.active && plan.mapping != kernel::TrafficPlan::Mapping::once) {
            add(path + ".unmap", "has a meaning only with mapping: once");
        }
        if (plan.mapping == Mapping::ring) check_ring(traffic, path);
        if (!submitted && traffic.working_set_bytes < traffic.params.size_bytes) {
            add(path + ".working_set",
                fmt::format("{} do not hold one transfer of {}", format_bytes(traffic.working_set_bytes),
                            format_bytes(traffic.params.size_bytes)));
        }
        if (traffic.ports == TrafficConfig::Ports::all && traffic.mapping != TrafficConfig::Mapping::once)
            add(path + ".ports", "several ports have a meaning only with mapping: once");
        wiring_.boot.traffic.push_back(std::move(plan));
        wiring_.soc.masters.push_back(master);
        if (traffic.ports == TrafficConfig::Ports::all) more_ports(master, path);
    }

    /// One more master for each further IOMMU that the device names: "DEVICE.port1", by the place in `iommus`.
    void more_ports(soc::MasterConfig first, const std::string& path) {
        if (first.requester_id) return add(path + ".ports", "has a meaning only for platform devices");
        const auto entries = description_.effective_iommus(first.node).entries;
        std::vector<std::optional<NodeIndex>> done;
        for (std::size_t i = 0; i < entries.size(); ++i) {
            if (!entries[i]->provider || std::find(done.begin(), done.end(), entries[i]->provider) != done.end())
                continue;
            done.push_back(entries[i]->provider);
            if (done.size() == 1) {
                wiring_.soc.masters.back().specifier = static_cast<std::uint32_t>(i);
                continue;
            }
            soc::MasterConfig more = first;
            more.part_of = first.device;
            more.device = fmt::format("{}.port{}", first.device, i);
            more.specifier = static_cast<std::uint32_t>(i);
            wiring_.soc.masters.push_back(std::move(more));
        }
    }

    /// Buffers that the device looks ahead: enough for its transactions under way, and one for each that ends.
    static std::uint32_t ring_ahead(const TrafficConfig& traffic) {
        const std::uint64_t whole = traffic.params.outstanding * std::max<std::uint64_t>(traffic.transaction_bytes, 1);
        if (traffic.transaction_bytes == 0) return traffic.params.outstanding + 1;
        return static_cast<std::uint32_t>((whole + traffic.params.size_bytes - 1) / traffic.params.size_bytes + 1);
    }

    void check_ring(const TrafficConfig& traffic, const std::string& path) {
        for (const char* const key : {"working_set", "chunk", "coherent_buffers", "segments", "pages", "pattern"}) {
            if (config_.given(path + "." + key)) {
                add(fmt::format("{}.{}", path, key),
                    "mapping: ring has buffers of `size`, ring.buffers of them in a descriptor", "no such key");
            }
        }
        if (traffic.ring.contiguous && traffic.params.size_bytes % wiring_.boot.page_bytes != 0) {
            add(path + ".ring.contiguous",
                fmt::format("buffers of {} do not end where a page does", format_bytes(traffic.params.size_bytes)),
                fmt::format("a size that is a multiple of {}", format_bytes(wiring_.boot.page_bytes)));
        }
        const std::uint64_t whole = std::uint64_t{traffic.ring.descriptors} * traffic.ring.buffers * traffic.tasks;
        constexpr std::uint64_t kMost = 1U << 20;
        if (whole > kMost) {
            add(path + ".ring", fmt::format("{} buffers in all", whole), fmt::format("at most {}", kMost));
        }
    }

    /// Transfers that are several transactions, and what is asked of its way.
    void pace(const TrafficConfig& traffic, const std::string& path, soc::MasterConfig& master) {
        soc::TrafficParams& params = master.traffic;
        if (traffic.transaction_bytes != 0) {
            params.run_bytes = params.size_bytes;
            params.transfers *= params.size_bytes / traffic.transaction_bytes;
            params.size_bytes = static_cast<std::uint32_t>(traffic.transaction_bytes);
        }
        const std::uint64_t rate = traffic.rate_bytes_per_s;
        if (rate == 0) return;
        const std::uint64_t byte_seconds = params.size_bytes * kFsPerSecond;  // at most 4096 bytes: no overflow
        params.interval = {(byte_seconds + rate - 1) / rate};
        const std::uint64_t link = config_.soc.pcie.bandwidth_bytes_per_s;
        if (!master.requester_id || link == 0) return;
        // Data of reads go down and of writes up; a header goes each way.
        const Ratio read = params.read_share;
        const auto reads = static_cast<double>(read.numerator) / static_cast<double>(read.denominator);
        const double wire =
            std::max(reads, 1 - reads) + static_cast<double>(config_.soc.pcie.header_bytes) / params.size_bytes;
        if (static_cast<double>(rate) * wire <= static_cast<double>(link)) return;
        add(path + ".rate",
            fmt::format("{} do not fit through the PCIe link: its {} carry at most {:.1f} GB/s of such transactions",
                        format_bandwidth(rate), format_bandwidth(link), static_cast<double>(link) / wire / 1e9),
            "a lower rate, or a larger soc.pcie.bandwidth");
    }

    /// Of a mapping of so many bytes.
    std::uint32_t pieces(const TrafficConfig& traffic, std::uint64_t bytes) const {
        const std::uint64_t page = config_.kernel.page_bytes;
        const auto whole = [bytes](std::uint64_t piece) {
            return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, (bytes + piece - 1) / piece));
        };
        switch (traffic.pages) {
            case TrafficConfig::Pages::as_segments:
                return traffic.segments;
            case TrafficConfig::Pages::contiguous:
                return 1;
            case TrafficConfig::Pages::scattered:
                return whole(page);
            case TrafficConfig::Pages::huge:
                return whole(page / 8 * page);
        }
        return 1;
    }

    /// What nobody has written decides how many TLB entries a working set needs.
    void note_contiguous(const TrafficConfig& traffic, const kernel::TrafficPlan& plan) {
        const std::uint64_t block = config_.kernel.page_bytes / 8 * config_.kernel.page_bytes;
        const bool said = traffic.pages != TrafficConfig::Pages::as_segments || traffic.segments != 1;
        if (said || traffic.coherent_buffers || plan.mapping != kernel::TrafficPlan::Mapping::once) return;
        if (plan.chunk_bytes >= block) contiguous_.push_back(plan.device);
    }

    bool find_master(const TrafficConfig& traffic, const std::string& path, soc::MasterConfig& master) {
        std::vector<std::string> names;
        for (const PciSeat& seat : seats_) {
            names.push_back(seat.name);
            if (seat.name != traffic.device) continue;
            const auto host = find_host(seat.host);
            if (!host) return false;  // already reported
            master.node = *host;
            master.requester_id = seat.wire_id;
            const soc::AtcParams& atc = pci_origins_[seat.function.origin].config->atc;
            if (atc.shape.enabled) master.atc = atc;
            if (seat.bridge) master.pcie_link = link_of_seat_[*seat.bridge];
            if (traffic.requester_id.empty()) return true;
            const Parsed<std::uint64_t> id = parse_integer(traffic.requester_id);
            if (!id || id.value() > 0xFFFF) {
                add(path + ".requester_id", fmt::format("found '{}'", traffic.requester_id), "16 bits such as 0x1f");
                return false;
            }
            master.requester_id = static_cast<std::uint32_t>(id.value());
            return true;
        }
        for (std::size_t i = 1; i < description_.nodes.size(); ++i) {
            const Node& node = description_.nodes[i];
            if (node.regs.empty() && !node.has_iommus) continue;
            const auto at = static_cast<NodeIndex>(i);
            std::string name = firmware::linux_device_name(description_, at);
            if (name == traffic.device || node.path == traffic.device) {
                master.node = at;
                master.device = name;
                return true;
            }
            names.push_back(std::move(name));
        }
        add(path + ".device", fmt::format("neither the firmware nor soc.pci has a device '{}'", traffic.device),
            fmt::format("Linux's name of a master such as '{}'", names.empty() ? "0000:00:01.0" : names.front()),
            nearest_name(traffic.device, names).value_or(""));
        return false;
    }

    /// Its driver would wait for completions that nobody sends.
    void check_atcs() {
        for (const PciSeat& seat : seats_) {
            if (!seat.function.ats) continue;
            for (std::string& one : idle_atc(description_, seat, wiring_.soc))
                wiring_.warnings.push_back(std::move(one));
            const auto has_traffic = [&](const TrafficConfig& traffic) { return traffic.device == seat.name; };
            if (std::any_of(config_.traffic.begin(), config_.traffic.end(), has_traffic)) continue;
            add(pci_origins_[seat.function.origin].path + ".atc",
                fmt::format("'{}' has no traffic, and only masters with traffic are built", seat.name),
                "a device of the list 'traffic'");
        }
    }

    Config& config_;
    const Description& description_;
    Assembly wiring_;
    std::vector<PciOrigin> pci_origins_;
    std::vector<PciSeat> seats_;
    std::vector<std::optional<std::size_t>> link_of_seat_;  ///< the link below it, or that it sits at
    std::vector<std::string> contiguous_;  ///< devices whose memory is in large pieces for want of another word
    yaml::Findings findings_;
};

}  // namespace

Assembly assemble(Config& config, const Description& description) { return Assembler(config, description).assemble(); }

std::optional<std::string> assume_memory(firmware::Description& description, std::uint64_t size, std::uint64_t wanted) {
    if (!description.memory.empty()) return std::nullopt;
    constexpr std::uint64_t kStep = std::uint64_t{1} << 30;
    const auto is_free = [&](std::uint64_t base) {
        for (const Node& node : description.nodes) {
            for (const firmware::Reg& reg : node.regs) {
                if (!reg.cpu_address || reg.size == 0) continue;
                if (*reg.cpu_address < base + size && base < *reg.cpu_address + reg.size) return false;
            }
        }
        return true;
    };
    std::uint64_t base = wanted != 0 ? wanted : kStep;
    while (wanted == 0 && base < (std::uint64_t{1} << 40) && !is_free(base)) base += kStep;
    description.memory.push_back({base, size});
    return fmt::format("the firmware names no memory: {} at {:#x}", format_bytes(size), base);
}

}  // namespace xlate::study
