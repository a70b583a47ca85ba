// The typed configuration of one run: plain, validated values; where each was written is kept beside them.
// Source: shared design section 5. Keys, sentences and bounds: config_parameters.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/quantity.hpp"
#include "base/time.hpp"
#include "firmware/generate_board.hpp"
#include "kernel-model/boot.hpp"
#include "soc/config.hpp"
#include "study/config/parameters.hpp"
#include "study/config/yaml/read.hpp"
#include "study/config/yaml/value.hpp"
#include "study/run/steady.hpp"
#include "study/trace/trace_limits.hpp"

namespace xlate::study {

struct FirmwareConfig {
    std::string devicetree;             ///< path of a flattened device tree, as written
    std::vector<std::string> overlays;  ///< applied to it in their order
    std::vector<std::string> acpi;      ///< paths of tables
    std::string generate;               ///< "devicetree": from soc:
};

/// The link below a port, if it has one of its own: `generation` or `bandwidth` is not 0.
struct PciLinkConfig {
    std::uint32_t generation = 0, lanes = 4;
    std::uint64_t bandwidth_bytes_per_s = 0;
    SimTime latency = ns(50);
    std::uint32_t posted_credits = 0, nonposted_credits = 0;

    bool given() const { return generation != 0 || bandwidth_bytes_per_s != 0; }
};

/// One function or bridge, as the YAML has it; build.hpp makes kernel::PciFunction of it.
struct PciConfig {
    enum class Kind {
        endpoint,
        root_port,
        switch_upstream,
        switch_downstream,
        pci_bridge,
        pcie_pci_bridge,
        host_bridge,
        conventional,
        pci_pcie_bridge,
        event_collector
    };
    std::string slot;  ///< "0000:00:05.0", "00:05.0"; below a port "00.0"
    Kind kind = Kind::endpoint;
    std::string driver;        ///< empty: by id and class; "none"
    std::string id;            ///< "1af4:1041"
    std::string device_class;  ///< "0x020000"
    enum class Acs { usual, yes, no } acs = Acs::usual;
    bool hotplug = true;
    bool external_facing = false;
    bool pasid = false;               ///< capability
    std::vector<std::string> quirks;  ///< "no-alias", "alias-root", "alias 00.1", "no-ats", "isolated", "not-isolated"
    std::string host;                 ///< path of the host bridge's node; empty: the first one
    PciLinkConfig link;
    soc::AtcParams atc;  ///< shape.enabled: it is there, and the function is capable of ATS
    std::vector<PciConfig> below;

    PciConfig() { atc.shape.enabled = false; }
};

/// What is behind one virtio-mmio transport.
struct VirtioMmioConfig {
    std::string slot;                  ///< Linux name: "a000000.virtio_mmio"
    std::string model = "virtio-rng";  ///< without "-device"
    bool access_platform = true;       ///< VIRTIO_F_ACCESS_PLATFORM: its driver maps through the DMA API
};

/// An IOMMU's parameters and the name of the preset that they start from: that of its family, if none is given.
struct IommuConfig {
    std::string preset = "mmu-600-like";
    std::string features = "qemu";                 ///< what params.features start from
    std::map<std::string, std::string> registers;  ///< offset: word, as written
    soc::IommuParams params;
};

struct SocConfig {
    soc::Fidelity fidelity = soc::Fidelity::exact;
    ClockPeriod system_clock;
    soc::CpuParams cpu;  ///< without the count
    soc::CrossbarParams interconnect;
    soc::MemoryParams memory;
    std::size_t memory_timings = 0;                    ///< 0: none; else one more than in soc::dram_presets()
    std::map<std::string, std::string> memory_timing;  ///< single ones, "tRCD": cycles
    std::map<std::string, soc::SubnetParams> interconnects;
    std::map<std::string, std::string> placement;
    soc::NetworkParams network;
    std::uint32_t pcie_generation = 0;  ///< 0: soc.pcie.bandwidth says it
    std::uint32_t pcie_lanes = 4;
    soc::SystemCacheParams system_cache;
    std::map<std::string, soc::RegulatorParams> regulators;  ///< by place
    soc::ForeignPart foreign_memory, foreign_interconnect;
    std::uint64_t memory_base = 0;  ///< where firmware names none; 0: the first place that nothing else has
    std::uint64_t memory_size = std::uint64_t{1} << 30;
    soc::PcieParams pcie;
    IommuConfig iommu;                          ///< of every IOMMU that is not named
    std::map<std::string, IommuConfig> iommus;  ///< by node path
    soc::PayloadMode payload = soc::PayloadMode::timing_only;
    bool check_protocol = false;
    std::vector<PciConfig> pci;
    std::vector<VirtioMmioConfig> virtio_mmio;
    firmware::BoardSpec board;  ///< with firmware.generate; its memory is that of `memory_*`
};

/// A step of user space after the modules: one of these.
struct AfterBootConfig {
    std::string power_on;  ///< Linux name of the device whose runtime PM is kept on
    std::string rebind;    ///< of the device that is unbound and bound again
    std::string remove;    ///< of the device that leaves its bus: hot-unplug
};

struct KernelConfig {
    std::string variant = "linux-6.12";
    std::uint32_t cpus = 0;  ///< 0: as many as the firmware has
    kernel::Arch arch = kernel::Arch::arm64;
    std::uint64_t page_bytes = 4096;
    std::vector<kernel::ModuleLoad> modules;
    std::vector<AfterBootConfig> after_boot;
    std::map<std::string, std::string> parameters;
    std::map<std::string, std::string> build;  ///< CONFIG_ options
    kernel::CostTable costs;
    Ratio cost_spread{0, 1};  ///< standard deviation of each cost, as a share of it
    bool sanitizer = false;
    std::vector<std::string> mistakes;
};

struct TrafficConfig {
    /// How the physical memory of a mapping lies: as `segments` says; in one piece; page by page, as a kernel has it
    /// that has run for long; in pieces of a block of the level above.
    enum class Pages { as_segments, contiguous, scattered, huge };
    std::string device;
    enum class Mapping { once, per_transfer, on_demand, ring } mapping = Mapping::once;
    soc::TrafficParams params;
    std::uint64_t working_set_bytes = 1 << 20;
    std::uint64_t chunk_bytes = 0;   ///< 0: the whole working set
    std::uint64_t buffer_bytes = 0;  ///< per transfer; 0: as the transfer
    std::uint32_t segments = 1;
    Pages pages = Pages::as_segments;
    std::uint64_t rate_bytes_per_s = 0;   ///< 0: as fast as `interval` lets it
    std::uint64_t transaction_bytes = 0;  ///< 0: a transfer is one transaction
    bool coherent_buffers = false;
    std::uint32_t dma_mask_bits = 64;
    std::uint32_t tasks = 1;  ///< per transfer: CPUs 0..tasks-1
    SimTime map_delay{};
    struct Unmap {
        bool active = false;
        SimTime after{};
        std::uint32_t chunk = 0;
    } unmap;
    /// A platform device behind several IOMMUs: one port, or one for each.
    enum class Ports { one, all } ports = Ports::one;
    kernel::TrafficPlan::Ring ring;
    Ratio ring_remap{1, 1};
    std::string requester_id;  ///< empty: its own
    soc::ForeignPart foreign;  ///< the master is a part of the user's program
    std::string trace;         ///< pattern trace: the file, see study/run/recorded_traffic.hpp
    std::string trace_master;  ///< whose lines; empty: those of `device`, or all if they name no master
    std::string warmup;        ///< "10 us", "1000": left out of statistics; see warmup_of()
    SimTime time{};            ///< no transfer begins so long after the first; 0: however long it takes
    bool until_settled = false;
    bool assumed = false;  ///< nobody wrote it: see assume_traffic
};

/// Hardware that misbehaves: a master that runs over addresses that nobody gave it.
struct RogueConfig {
    std::string device;
    SimTime at{};
    std::uint64_t iova = 0;
    std::uint64_t size_bytes = 4096;
};

struct ExpectConfig {
    std::string text;
    SourcePosition where;
};

struct Config {
    std::string name;
    FirmwareConfig firmware;
    SocConfig soc;
    KernelConfig kernel;
    std::vector<TrafficConfig> traffic;
    std::vector<RogueConfig> rogues;
    std::vector<std::string> expect;
    soc::Limits limits{SimTime{60 * kFsPerSecond}, 2'000'000'000};
    TraceLimits trace;
    std::uint64_t seed = 1;

    std::string source;                                      ///< the file that was read; "stdin", "pipe"
    std::shared_ptr<const std::string> text;                 ///< what it held; null: a device tree, or not read here
    std::vector<std::pair<std::string, std::string>> bases;  ///< files that it extends, and what they held
    std::shared_ptr<const yaml::Value> document;             ///< what was read, overrides included
    std::map<std::string, yaml::Place> origins;              ///< path -> where it was written; all others are defaults

    bool given(const std::string& path) const { return origins.count(path) != 0; }
    /// Where `path` was written; else where the file starts.
    SourcePosition where(const std::string& path) const;
};

/// The warm-up of a master, in transactions or time. An error that has no words of its own: "a time or a number".
Parsed<WarmUp> warmup_of(const TrafficConfig& traffic);

/// One `--set PATH=VALUE`.
struct Override {
    std::string path;
    std::string value;
    yaml::Place where{};  ///< of a study, where it says so; no file: the command line does
};
/// Splits "PATH=VALUE". InputError without '='.
Override parse_override(const std::string& text);

/// Shows `config` to `visitor`: the whole of what can be configured.
void visit_config(ParameterVisitor& visitor, Config& config);
void visit_iommu(ParameterVisitor& visitor, IommuConfig& iommu);

/// The parameters of the IOMMU at `path`, of a family whose presets start from `preset`: what the config says of every
/// IOMMU and then of this one, over that preset.
IommuConfig iommu_config(const Config& config, const std::string& path, const std::string& preset);

/// Reads a YAML file; a file that starts with the magic of a device tree is a run with every other value at its
/// default. "-": standard input. What is read from a pipe is read once, and names files from the current directory.
/// Errors: InputError with everything that is wrong.
Config load_config(const std::string& file, const std::vector<Override>& overrides = {});
/// The same from a text; `file` names it.
Config parse_config(const std::string& text, const std::string& file, const std::vector<Override>& overrides = {});
/// The same from a text that was parsed already.
Config parse_config(const yaml::Value& root, const std::string& file, const std::vector<Override>& overrides = {});

/// The file that a config's `name` means: as it stands if absolute; beside the config file; in each directory of
/// XLATE_BOARDS (separated by ':'); where this build puts its boards. InputError with all that was tried.
std::string find_input(const Config& config, const std::string& name, const std::string& path);

/// One parameter as `config show` prints it.
struct ParameterRow {
    std::string path;
    std::string value;
    std::string sentence;
    std::string origin;  ///< "default", "soc.yaml:3:9", "--set"
};
std::vector<ParameterRow> list_parameters(Config& config);
/// A line for each parameter whose value differs; empty if none does.
std::string diff_parameters(Config& first, Config& second);
/// YAML in which each value has its sentence and its origin as comments; reads back to the same values.
std::string resolved_yaml(Config& config);
/// JSON Schema (draft 7) of the config, as text.
std::string config_schema();
/// docs/config.md: every key, what it takes, its default and sentence, as Markdown.
std::string config_reference();

}  // namespace xlate::study
