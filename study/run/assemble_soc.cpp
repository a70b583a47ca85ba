#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>

#include "firmware/cpu_kinds.hpp"
#include "firmware/device_name.hpp"
#include "firmware/iommu_families.hpp"
#include "iommu/families.hpp"
#include "study/run/assembly_part.hpp"
#include "study/run/pci_facts.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;

class SocPart : AssemblyPart {
public:
    using AssemblyPart::AssemblyPart;

    void assemble(AssemblyWork& work) {
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
        assemble_pcie_links(work);
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
        const std::uint32_t found = firmware::count_cpus(description_);
        soc.cpu.count = config_.kernel.cpus != 0 ? config_.kernel.cpus : std::max(found, 1U);
    }

private:
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
};

}  // namespace

void assemble_soc(AssemblyWork& work) { SocPart(work).assemble(work); }

}  // namespace xlate::study
