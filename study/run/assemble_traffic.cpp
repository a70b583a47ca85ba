#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "firmware/device_name.hpp"
#include "study/run/assembly_part.hpp"
#include "study/run/likely_masters.hpp"
#include "study/run/recorded_traffic.hpp"

namespace xlate::study {
namespace {

using firmware::Node;
using firmware::NodeIndex;

constexpr std::uint64_t kAssumedTransfers = 1000;

class TrafficPart : AssemblyPart {
public:
    using AssemblyPart::AssemblyPart;

    /// A little traffic of everything that has a driver and an IOMMU in front of it.
    void assume() {
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

    void assemble() {
        const std::vector<std::string> paths = expand_traffic();
        for (std::size_t i = 0; i < config_.traffic.size(); ++i) wire_traffic(config_.traffic[i], paths[i]);
        if (contiguous_.empty()) return;
        wiring_.assumptions.push_back(
            fmt::format("traffic[].pages is not given: the memory of {} is physically contiguous, so that the largest "
                        "pages that its "
                        "IOMMU has map it; after long use a kernel has single pages (pages: scattered)",
                        fmt::join(contiguous_, ", ")));
    }

private:
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
        if (!master.requester_id) return;
        fit_link(traffic, path, params, config_.soc.pcie.bandwidth_bytes_per_s, "the PCIe link", "soc.pcie.bandwidth");
        for (std::optional<std::size_t> at = master.pcie_link; at; at = wiring_.soc.pcie_links[*at].above) {
            const soc::PcieLinkParams& link = wiring_.soc.pcie_links[*at];
            fit_link(traffic, path, params, link.params.bandwidth_bytes_per_s, "the link below " + link.name,
                     "soc.pci[].link");
        }
    }

    /// Whether the rate fits through a link; 0: it carries anything.
    void fit_link(const TrafficConfig& traffic, const std::string& path, const soc::TrafficParams& params,
                  std::uint64_t link, const std::string& name, const char* key) {
        if (link == 0) return;
        const std::uint64_t rate = traffic.rate_bytes_per_s;
        // Data of reads go down and of writes up; a header goes each way.
        const Ratio read = params.read_share;
        const auto reads = static_cast<double>(read.numerator) / static_cast<double>(read.denominator);
        const double wire =
            std::max(reads, 1 - reads) + static_cast<double>(config_.soc.pcie.header_bytes) / params.size_bytes;
        if (static_cast<double>(rate) * wire <= static_cast<double>(link)) return;
        add(path + ".rate",
            fmt::format("{} do not fit through {}: its {} carry at most {:.1f} GB/s of such transactions",
                        format_bandwidth(rate), name, format_bandwidth(link), static_cast<double>(link) / wire / 1e9),
            fmt::format("a lower rate, or a larger {}", key));
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
            findings_.full() ? "" : nearest_name(traffic.device, names).value_or(""));
        return false;
    }

    std::vector<std::string> contiguous_;  ///< devices whose memory is in large pieces for want of another word
};

}  // namespace

void assume_traffic(AssemblyWork& work) { TrafficPart(work).assume(); }
void assemble_traffic(AssemblyWork& work) { TrafficPart(work).assemble(); }

}  // namespace xlate::study
