// What firmware can't say about a SoC: speeds, sizes, widths, and the traffic of its masters.
// Plain values in converted units; whoever reads YAML fills them. check() names what does not fit together.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/time.hpp"
#include "firmware/description.hpp"
#include "iommu/cache.hpp"
#include "iommu/families.hpp"
#include "soc/bus/dram_timings.hpp"

namespace xlate::soc {

/// A crossbar: one layer to each target and one back, each passing a packet at a time.
/// A packet occupies a layer for `header` plus its data beats (writes forth, reads back); its first beat reaches the
/// target after `request_latency`.
struct CrossbarParams {
    std::uint32_t width_bytes = 16;  ///< power of two, 1..256
    Cycles request_latency{5};       ///< of the system clock, each packet
    Cycles response_latency{5};
    Cycles header{1};  ///< >= 1
};

/// A crossbar below another one: a cluster's, a subsystem's. What hangs on it reaches everything else by a bridge to
/// its parent, which sends an access on at an edge of the parent's clock.
struct SubnetParams {
    CrossbarParams crossbar;
    ClockPeriod clock;
    std::string parent;              ///< another one's name; empty: the SoC's crossbar
    Cycles bridge{2};                ///< of the bridge, each way, after the edge: in cycles of the clock it leads to
    std::uint32_t outstanding = 64;  ///< accesses that the bridge has on their way at once; >= 1
};

/// The SoC's interconnect as a network of routers in place of the crossbar (soc/bus/network.hpp).
struct NetworkParams {
    enum class Kind : std::uint8_t { crossbar, ring, mesh };
    Kind kind = Kind::crossbar;
    std::uint32_t columns = 4;           ///< ring: its stops; 2..64
    std::uint32_t rows = 4;              ///< mesh; 1..64
    Cycles router{1};                    ///< of a packet's head through a router
    Cycles link{1};                      ///< and over a link to the next
    std::uint32_t virtual_channels = 2;  ///< of each link, for requests and for responses each; 1..8; ring: even
    std::uint32_t credits = 4;           ///< packets that a virtual channel holds at a router; 1..64
    /// Where what hangs on it stands, by the names of soc.placement and of targets ("memory", "memory_1", an IOMMU,
    /// "msi"): "3" or "1,2" (column, row). All else: in order, node after node.
    std::map<std::string, std::string> nodes;
    std::map<std::string, std::string> routes;  ///< "0,0 -> 2,1": the nodes in between and the last, "1,0 2,0 2,1"
};

/// Memory behind the crossbar: `channels` of them, which interleave by `channel_bytes`; what follows is of each.
/// Without `dram`: one access at a time a bank, banks interleave by `interleave_bytes`. With it: soc/bus/dram.hpp, and
/// latency, bandwidth, banks and bank_busy mean nothing.
struct MemoryParams {
    SimTime latency = ns(60);                              ///< from a bank's start to its data
    std::uint64_t bandwidth_bytes_per_s = 25'600'000'000;  ///< of the whole channel; 0: unlimited
    std::uint32_t banks = 16;                              ///< power of two, 1..1024
    std::uint32_t interleave_bytes = 256;                  ///< power of two, >= 64
    SimTime bank_busy{};                                   ///< how long an access keeps its bank; 0: banks don't matter
    std::uint32_t channels = 1;                            ///< power of two, 1..64
    std::uint32_t channel_bytes = 256;                     ///< power of two, 64..4096
    std::optional<DramTimings> dram;
    SimTime controller = ns(10);  ///< dram: what the controller adds to each access

    /// Of all channels; 0: unlimited.
    std::uint64_t peak_bytes_per_s() const {
        return channels * (dram ? dram->peak_bytes_per_s() : bandwidth_bytes_per_s);
    }
};

/// So many bytes in each window of time (soc/bus/regulator.hpp).
struct RegulatorParams {
    std::uint64_t bytes = 4096;  ///< >= 1
    SimTime window = us(1);      ///< > 0
};

enum class CacheAllocation : std::uint8_t { all, none, walks, reads };

/// A cache before memory, shared by traffic and walks (soc/bus/system_cache.hpp).
struct SystemCacheParams {
    std::uint64_t bytes = 0;    ///< 0: there is none; else a whole number of sets in each channel's slice
    std::uint32_t ways = 16;    ///< 1..64
    std::uint32_t line = 64;    ///< bytes; power of two, 16..4096
    Cycles latency{20};         ///< of the system clock: a look-up
    std::uint32_t misses = 64;  ///< lines of a slice that are fetched at once; >= 1
    CacheAllocation allocate = CacheAllocation::all;
};

/// A set-associative structure and its port: so many look-ups at once, each so long.
struct CacheTiming {
    iommu::CacheParams shape;
    Cycles latency{1};
    std::uint32_t slots = 1;
};

/// A port of an IOMMU: what stands before its core, at a master (an SMMU's TBU).
struct PortParams {
    /// A write takes ceil(size / width) cycles of the port, a read one; 0: neither takes time.
    std::uint32_t port_width_bytes = 16;
    std::uint32_t xlate_slots = 16;  ///< translations at once; more wait at the port
    std::uint32_t write_buffer_beats = 16;
    CacheTiming micro_tlb{{true, 16, 0, iommu::Replacement::lru}, Cycles{1}, 1};
    CacheTiming main_tlb{{true, 512, 4, iommu::Replacement::lru}, Cycles{3}, 3};
    Cycles link_to_tcu{10};  ///< to the core: each message, one a cycle
    Cycles link_from_tcu{10};
    /// Which of the misses that waited for another one looks again first; matters where the look-ups queue.
    /// gem5's event queue runs the events of one instant last in, first out, and so wakes the youngest first.
    bool youngest_first = false;
    /// A miss that was answered, and the first hit on a page that was fetched ahead, fetch the next 4 KiB page into the
    /// main TLB, unless it is there or asked for. So many at once; 0: none.
    std::uint32_t prefetch = 0;
    /// Translates at once, by the tables as they are, without look-ups, walks, slots and beats: the SoC without the
    /// IOMMU, to compare with. What the tables refuse goes the usual way, and so do ATS requests.
    bool ideal = false;
    bool keep_order = false;  ///< reads leave in the order in which they came, and so do writes; else a hit passes
};

/// Per level of one stage; 0 entries: that level is not cached.
struct WalkCacheParams {
    bool enabled = true;
    std::uint32_t s1_entries[4] = {256, 256, 256, 0};
    std::uint32_t s2_entries[4] = {256, 256, 256, 0};
    std::uint32_t ways = 4;
    iommu::Replacement replacement = iommu::Replacement::lru;
    Cycles latency{4};
    std::uint32_t slots = 4;
};

/// The shared part of an IOMMU (an SMMU's TCU).
struct CoreParams {
    std::uint32_t xlate_slots = 64;       ///< translations of all ports at once
    std::uint32_t walk_slots = 16;        ///< table walks at once
    Cycles walk_step{1};                  ///< of the walker itself: before a walk's first read, and after each
    std::uint32_t port_width_bytes = 16;  ///< as PortParams
    CacheTiming tlb{{false, 2048, 4, iommu::Replacement::lru}, Cycles{3}, 3};
    CacheTiming config_cache{{true, 256, 4, iommu::Replacement::lru}, Cycles{3}, 3};
    CacheTiming ipa_cache{{false, 128, 4, iommu::Replacement::lru}, Cycles{3}, 3};
    WalkCacheParams walk_cache;
    /// A miss whose page another port's miss is already walking waits for that, and then looks in the core's TLB.
    bool merge_walks = false;
    bool priorities = false;  ///< waiting for translation and walk slots goes by the master's priority, not by age
    std::uint32_t commands_per_fetch = 1;  ///< 1..4
    bool prefetch_commands = false;        ///< CMD_PREFETCH_* fetch, through a translation and a walk slot
    Cycles command_decode{2};              ///< each command, after its fetch
    Cycles invalidate_apply{4};            ///< in each port, after the link
    Cycles register_access{4};             ///< from a register access at the port to its effect
    SimTime interrupt_wire = ns(20);       ///< from the pulse to the CPU
    /// How long a drain waits for an endpoint to complete an invalidation of its ATC. PCIe says 60 to 90 s.
    SimTime atc_timeout{60 * kFsPerSecond};
};

/// Each performance monitor counter group that firmware has a node of.
struct PmcgShape {
    std::uint8_t counters = 4;       ///< 1..64
    std::uint8_t counter_bits = 32;  ///< 32, 36, 40, 44, 48 or 64
    bool msi = true;                 ///< overflow also as a message, if software gives an address
};

/// A part of the ways of an IOMMU's shared caches (TLB, walk caches, cache of stage 2) that some masters alone fill:
/// what MPAM's PARTIDs with portions, and RISC-V's RCIDs with capacity blocks, come to. A look-up hits in all ways.
struct PartitionParams {
    Ratio share{1, 4};                 ///< of the ways of each cache, rounded down to whole ones
    std::vector<std::string> masters;  ///< by the names of devices
};

/// How fast one IOMMU is, and what it has (its ID registers).
struct IommuParams {
    ClockPeriod clock;
    PortParams tbu;                          ///< of every port that is not named
    std::map<std::string, PortParams> tbus;  ///< by what stands before it: a platform master or a PCI host bridge
    CoreParams tcu;
    iommu::Hardware hardware;
    PmcgShape pmcg;
    bool inert = false;  ///< its registers are memory, and nothing is behind them (iommu/inert.hpp)
    /// By name; disjoint, in the order of their names; whoever is in none fills what is left of the ways.
    std::map<std::string, PartitionParams> partitions;
    bool one_port = false;  ///< translated traffic of all ports and the walks share one port to the interconnect

    const PortParams& tbu_of(const std::string& name) const {
        const auto own = tbus.find(name);
        return own == tbus.end() ? tbu : own->second;
    }
};
/// "mmu-600-like", "gem5-default", "tiny", and those of the families (iommu::TimingPreset): "mmu-500-like".
/// Nothing if there is no such preset.
std::optional<IommuParams> iommu_preset(std::string_view name);
std::vector<std::string> iommu_preset_names();

struct PcieParams {
    SimTime link_latency = ns(100);                       ///< one way, link and root complex
    std::uint64_t bandwidth_bytes_per_s = 8'000'000'000;  ///< one way, of each host bridge's link
    std::uint32_t header_bytes = 24;                      ///< a packet's overhead on the link
    std::uint32_t max_payload = 0;  ///< MPS: data of a packet, writes and completions; power of two 128..4096; 0: any
    std::uint32_t max_read_request = 0;   ///< MRRS: of a read request; the same
    std::uint32_t posted_credits = 0;     ///< writes that the root complex holds at once, of each link; 0: any number
    std::uint32_t nonposted_credits = 0;  ///< the same of reads
};

/// The link below a root port, or below a downstream port of a switch. What is behind it shares it.
struct PcieLinkParams {
    std::string name;                  ///< Linux's of the port: "0000:00:02.0"
    std::optional<std::size_t> above;  ///< the link that the port's switch hangs on; none: the host bridge's
    PcieParams params;
};

/// Address translation cache of an endpoint, and how it asks. The shape is ours: the architecture leaves it open.
struct AtcParams {
    iommu::CacheParams shape{true, 64, 0, iommu::Replacement::lru};
    SimTime latency = ns(4);           ///< of a look-up
    std::uint32_t slots = 4;           ///< look-ups at once
    std::uint32_t requests = 16;       ///< translation requests under way at once; >= 1
    SimTime invalidate = ns(20);       ///< from an invalidation's arrival until its entries are gone
    bool pri = false;                  ///< it asks software for pages that it may not access (page requests)
    std::uint32_t page_requests = 32;  ///< of those under way at once; 1..512, each a group of its own
};

/// Simulated CPUs. Instruction costs are the kernel's cost table; here only what hardware adds.
struct CpuParams {
    std::uint32_t count = 4;         ///< 1..1024
    SimTime context_switch = us(1);  ///< from one task to another on the same CPU
    SimTime mmio_issue = ns(10);     ///< CPU to crossbar, each MMIO access
    SimTime memory_access = ns(4);   ///< a cached load or store: what the task waits for
    SimTime msi_delivery = ns(20);   ///< from a message's arrival at the MSI controller to the CPU
    SimTime posted_write = ns(40);   ///< after which an MMIO write lets the CPU go on
};

enum class Pattern : std::uint8_t { linear, strided, random, trace };

/// One access of a recording; none crosses a 4 KiB boundary.
struct RecordedAccess {
    SimTime at;                ///< from the beginning of the recording; never falls
    std::uint64_t offset = 0;  ///< into the mapped buffers
    std::uint32_t size = 64;   ///< 1..4096
    bool write = false;
};

/// What a master does by itself once a driver has mapped buffers for it.
struct TrafficParams {
    Pattern pattern = Pattern::linear;
    Ratio read_share{1, 1};
    std::uint32_t size_bytes = 64;        ///< of one transaction, 1..4096; none crosses a 4 KiB boundary
    std::uint64_t stride_bytes = 4096;    ///< strided
    std::uint64_t working_set_bytes = 0;  ///< of the mapped buffers, from the start; 0: all
    std::uint32_t outstanding = 16;       ///< 1..65536
    std::uint64_t transfers = 10'000;
    SimTime interval = ns(1);   ///< at least so long from one issue to the next
    std::uint32_t burst = 1;    ///< transactions one `interval` apart,
    SimTime burst_gap{};        ///< then a pause
    SimTime start_delay{};      ///< from the driver's word to the first issue
    std::uint8_t priority = 0;  ///< at arbiters; higher goes first
    bool privileged = false;
    std::optional<std::uint32_t> substream;
    /// random: so many bytes from each address drawn follow one another, a transaction after the other; 0: one
    /// transaction. A multiple of `size_bytes`.
    std::uint64_t run_bytes = 0;
    /// Pattern::trace: these, and then again until there have been `transfers`. Sizes and directions are theirs.
    std::shared_ptr<const std::vector<RecordedAccess>> recorded;
    bool keep_gaps = true;  ///< none is issued earlier after the first than it was recorded; else `interval` apart
};

/// A part that a user's program has a factory for (soc/foreign/foreign.hpp).
struct ForeignPart {
    std::string factory;  ///< empty: ours
    std::map<std::string, std::string> options;
};

/// A DMA master and where it sits. The topology is the hardware's, whatever the kernel makes of it.
struct MasterConfig {
    std::string device;          ///< Linux's name: "0000:00:01.0", "a000000.dma"
    firmware::NodeIndex node{};  ///< of a platform device, or of the PCI host bridge
    /// PCI: requester ID as it arrives at the host bridge (a device behind a conventional bridge: its alias).
    std::optional<std::uint32_t> requester_id;
    /// Platform: which of its `iommus` entries its transactions carry; none: the first, or the last where that wins.
    std::optional<std::uint32_t> specifier;
    std::string part_of;  ///< one more port of that device (its own name is another): starts with it, over its buffers
    std::optional<AtcParams> atc;  ///< PCI: it can do ATS; off until a driver enables it
    TrafficParams traffic;
    ForeignPart foreign;  ///< in its place; of `traffic` what says who it is still counts
    /// PCI: the port's link that it hangs on, an index of SocConfig::pcie_links; none: the host bridge's.
    std::optional<std::size_t> pcie_link;
};

struct Limits {
    SimTime max_time = kTimeNever;
    std::uint64_t max_events = ~std::uint64_t{0};  ///< agenda entries
};

enum class PayloadMode : std::uint8_t {
    timing_only,  ///< the masters' data is not moved
    full,         ///< reads and writes move bytes through simulated memory
};

/// Two timing fidelities of one model; fast.hpp says what `fast` gives up.
enum class Fidelity : std::uint8_t {
    exact,  ///< each shared resource is arbitrated at the cycle in which a request reaches it
    fast,   ///< resources keep calendars; a transaction reserves its whole way when it is issued
};

struct SocConfig {
    std::uint64_t seed = 1;
    Fidelity fidelity = Fidelity::exact;
    ClockPeriod clock;  ///< system clock
    CrossbarParams interconnect;
    NetworkParams network;
    std::map<std::string, SubnetParams> subnets;   ///< crossbars below that one, by name
    std::map<std::string, std::string> placement;  ///< what hangs on one of those: Topology::bus_names, and its name
    MemoryParams memory;
    SystemCacheParams system_cache;
    std::map<std::string, RegulatorParams> regulators;  ///< by regulated_places()
    ForeignPart foreign_memory;                         ///< in place of that, but for its channels
    ForeignPart foreign_interconnect;                   ///< in place of the SoC's crossbar
    PcieParams pcie;
    std::vector<PcieLinkParams> pcie_links;  ///< of ports that have one of their own; each behind the one it names
    CpuParams cpu;
    IommuParams iommu;                          ///< of every IOMMU that is not named below
    std::map<std::string, IommuParams> iommus;  ///< by path of the node
    std::vector<MasterConfig> masters;          ///< names differ
    Limits limits;
    bool sanitizer = false;  ///< a shadow beside each IOMMU looks for stale translations; costs no simulated time
    PayloadMode payload = PayloadMode::timing_only;
    bool check_protocol = false;  ///< a protocol checker in each joint of two modules (soc/bus/joints.hpp)
    /// Families besides those of iommu/families.hpp, or in their place, by name: other people's engines, tests.
    std::map<std::string, iommu::MakeInstance> engines;

    /// Whether IOMMUs of this family translate.
    bool has_engine(std::string_view family) const {
        return engines.count(std::string(family)) != 0 || iommu::find_family(family) != nullptr;
    }
};

/// The path of a free key below `path` as a config writes it: `a.b`, `a["x.y"]`.
std::string key_path(const std::string& path, const std::string& key);
/// Of one IOMMU's parameters: what is out of range. `path` stands before their names.
std::vector<Diagnostic> check_iommu_params(const IommuParams& params, const std::string& path);
/// Everything that is out of range or names nothing in `description`. Paths as in the YAML (`soc.memory.banks`).
std::vector<Diagnostic> check(const SocConfig& config, const firmware::Description& description);

}  // namespace xlate::soc
