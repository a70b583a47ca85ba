// The one description of what can be configured. Order here is the order of `config show` and of config.resolved.yaml.
#include "study/config/config.hpp"
#include "study/config/families/families.hpp"

namespace xlate::study {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kGiB = kKiB * kKiB * kKiB;
constexpr std::uint64_t kTiB = kGiB * kKiB;
constexpr std::uint64_t kAny = ~std::uint64_t{0};

void visit_cycles(ParameterVisitor& v, const char* key, const char* sentence, Cycles& field) {
    v.cycles(key, sentence, field);
}

void visit_shape(ParameterVisitor& v, iommu::CacheParams& shape) {
    v.boolean("enabled", "Whether it is there; giving entries switches it on.", shape.enabled);
    integer(v, "entries", "Entries it holds: ways times a power of two.", shape.entries, 1, 1U << 20);
    integer(v, "ways", "Associativity; 0: fully associative.", shape.ways, 0, 1U << 20);
    choice(v, "replacement", "Which entry of a full set goes.", shape.replacement, {"lru", "round-robin", "random"});
}

void visit_cache(ParameterVisitor& v, const char* key, const char* sentence, soc::CacheTiming& cache) {
    v.map(key, sentence, [&] {
        visit_shape(v, cache.shape);
        visit_cycles(v, "latency", "From look-up to hit or miss known.", cache.latency);
        integer(v, "slots", "Look-ups at once.", cache.slots, 1, 1024);
    });
}

void visit_walk_cache(ParameterVisitor& v, soc::WalkCacheParams& cache) {
    v.map("walk_cache", "Cache of table descriptors, by level.", [&] {
        v.boolean("enabled", "Whether it is there.", cache.enabled);
        static constexpr const char* kStage1[] = {"s1_level0", "s1_level1", "s1_level2", "s1_level3"};
        static constexpr const char* kStage2[] = {"s2_level0", "s2_level1", "s2_level2", "s2_level3"};
        for (std::size_t i = 0; i < 4; ++i) {
            integer(v, kStage1[i], "Entries for stage 1 at this level; 0: not cached.", cache.s1_entries[i], 0,
                    1U << 20);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            integer(v, kStage2[i], "Entries for stage 2 at this level; 0: not cached.", cache.s2_entries[i], 0,
                    1U << 20);
        }
        integer(v, "ways", "Associativity; 0: fully associative.", cache.ways, 0, 1U << 20);
        choice(v, "replacement", "Which entry of a full set goes.", cache.replacement,
               {"lru", "round-robin", "random"});
        visit_cycles(v, "latency", "From look-up to hit or miss known.", cache.latency);
        integer(v, "slots", "Look-ups at once.", cache.slots, 1, 1024);
    });
}

void visit_tbu(ParameterVisitor& v, soc::PortParams& p) {
    visit_cache(v, "micro_tlb", "Its micro-TLB.", p.micro_tlb);
    visit_cache(v, "tlb", "Its main TLB.", p.main_tlb);
    integer(v, "port_width", "Bytes that its port takes in a cycle; a power of two; 0: it takes no time.",
            p.port_width_bytes, 0, 256);
    integer(v, "xlate_slots", "Translations at once; more wait at the port.", p.xlate_slots, 1, 4096);
    integer(v, "write_buffer", "Data beats of writes that wait for their translation.", p.write_buffer_beats, 1, 65536);
    v.boolean("youngest_first", "Whether the youngest of the misses that waited for another one looks again first.",
              p.youngest_first);
    if (v.wants_all() || p.ideal) {
        v.boolean("ideal", "Whether it translates at once and for nothing: the SoC without the IOMMU, to compare with.",
                  p.ideal);
    }
    integer(v, "prefetch", "Pages fetched ahead of their use at once; 0: none.", p.prefetch, 0, 1024);
    visit_cycles(v, "link_to_tcu", "Way of a message to the core.", p.link_to_tcu);
    visit_cycles(v, "link_from_tcu", "Way of a message from the core.", p.link_from_tcu);
}

}  // namespace

void visit_partitions(ParameterVisitor& v, soc::IommuParams& iommu) {
    if (!v.wants_all() && iommu.partitions.empty()) return;
    named(v, "partitions",
          "Masters that have a part of the ways of shared TLBs and walk caches to themselves, by any name; as MPAM's "
          "PARTIDs and RISC-V's RCIDs do.",
          "partition", iommu.partitions, [](ParameterVisitor& w, soc::PartitionParams& partition) {
              w.ratio("share", "Of the ways of each cache, rounded down.", partition.share);
              w.texts("masters", "Who fills them: names of devices.", partition.masters);
          });
}

void visit_iommu(ParameterVisitor& v, IommuConfig& iommu) {
    const std::string before = iommu.preset;
    const std::vector<std::string> names = soc::iommu_preset_names();
    std::size_t preset = 0;
    while (preset + 1 < names.size() && names[preset] != iommu.preset) ++preset;
    v.choice("preset", "Shape and speed that the other values start from.", preset, names);
    if (preset < names.size() && names[preset] != before) {
        iommu.preset = names[preset];
        iommu.params = soc::iommu_preset(iommu.preset).value_or(soc::IommuParams{});
        restart_families(iommu);
    }
    soc::IommuParams& p = iommu.params;
    v.clock("clock", "Its clock; not given: the system clock.", p.clock);
    visit_families(v, iommu);
    v.text_map("registers",
               "What registers hold before software comes, offset: word. ID registers: what they say; others: what a "
               "boot loader left.",
               iommu.registers);
    v.boolean("inert",
              "Whether its registers are memory with nothing behind them: they keep what is written, and nothing is "
              "translated, as on a test board whose register files lie in RAM.",
              p.inert);
    visit_partitions(v, p);
    v.boolean("one_port", "Whether all its traffic and walks share one port to the interconnect.", p.one_port);
    v.map("tbu", "A port: stands before each master (an SMMU's TBU). Also written `port`.",
          [&] { visit_tbu(v, p.tbu); });
    std::vector<std::string> tbus;
    for (const auto& [name, tbu] : p.tbus) tbus.push_back(name);
    v.named(
        "tbus",
        "The same for single ports, by the name of the device or PCI host bridge that stands before it. Also `ports`.",
        "tbu", tbus, [&p](const std::string& name) { p.tbus[name] = p.tbu; },
        [&v, &p](const std::string& name) { visit_tbu(v, p.tbus[name]); });
    v.map("tcu", "The core: shared by all ports (an SMMU's TCU). Also written `core`.", [&] {
        visit_cache(v, "tlb", "The shared TLB.", p.tcu.tlb);
        visit_cache(v, "config_cache", "Cache of configuration: stream table entries, context descriptors.",
                    p.tcu.config_cache);
        visit_cache(v, "ipa_cache", "Cache of stage 2 translations of table addresses.", p.tcu.ipa_cache);
        visit_walk_cache(v, p.tcu.walk_cache);
        integer(v, "xlate_slots", "Translations of all ports at once.", p.tcu.xlate_slots, 1, 65536);
        integer(v, "walk_slots", "Table walks at once.", p.tcu.walk_slots, 1, 4096);
        integer(v, "port_width", "Bytes that its port to memory takes in a cycle; a power of two; 0: it takes no time.",
                p.tcu.port_width_bytes, 0, 256);
        v.boolean("merge_walks", "Whether a miss waits for another port's walk of the same page; needs tcu.tlb.",
                  p.tcu.merge_walks);
        v.boolean("priorities", "Whether slots go to the master with the highest priority, not to the oldest miss.",
                  p.tcu.priorities);
        integer(v, "commands_per_fetch",
                "Commands that one fetch of the command or invalidation queue reads (SMMUv3, VT-d).",
                p.tcu.commands_per_fetch, 1, 4);
        v.boolean("prefetch_commands", "Whether CMD_PREFETCH_CONFIG and CMD_PREFETCH_ADDR fetch, or are left as hints.",
                  p.tcu.prefetch_commands);
        v.time("atc_timeout", "How long a SYNC waits for an endpoint to complete an ATC invalidation.",
               p.tcu.atc_timeout);
        if (v.wants_all() || p.tcu.walk_step.count != 1) {
            visit_cycles(v, "walk_step", "Of the walker itself: before the first read of a walk, and after each read.",
                         p.tcu.walk_step);
        }
        visit_cycles(v, "command_decode", "Each command, after its fetch.", p.tcu.command_decode);
        visit_cycles(v, "invalidate_apply", "An invalidation in a port, after the link.", p.tcu.invalidate_apply);
        visit_cycles(v, "register_access", "From a register access at the port to its effect.", p.tcu.register_access);
        v.time("interrupt_wire", "From the interrupt's pulse to the CPU.", p.tcu.interrupt_wire);
    });
    v.map("pmcg", "Performance monitor counter groups: one for each node of firmware, the TCU's first.", [&] {
        integer(v, "counters", "Counters of a group.", p.pmcg.counters, 1, 64);
        integer(v, "counter_bits", "Bits of a counter: 32, 36, 40, 44, 48 or 64.", p.pmcg.counter_bits, 32, 64);
        v.boolean("msi", "Whether an overflow can also be sent as a message.", p.pmcg.msi);
    });
}

namespace {

void visit_atc(ParameterVisitor& v, soc::AtcParams& atc) {
    v.map("atc", "Address translation cache of an endpoint: with one, a driver can switch ATS on.", [&] {
        visit_shape(v, atc.shape);
        v.time("latency", "Of a look-up.", atc.latency);
        integer(v, "slots", "Look-ups at once.", atc.slots, 1, 1024);
        integer(v, "requests", "Translation requests under way at once.", atc.requests, 1, 1024);
        v.time("invalidate", "From an invalidation's arrival until its entries are gone.", atc.invalidate);
        v.boolean("pri", "Whether it asks for pages that it may not access (page requests).", atc.pri);
        integer(v, "page_requests", "Page requests under way at once.", atc.page_requests, 1, 512);
    });
}

void visit_pci_link(ParameterVisitor& v, PciLinkConfig& link) {
    if (!v.wants_all() && !link.given()) return;
    v.map("link",
          "The link below a root port or a switch's downstream port, by generation and lanes or by bandwidth; what is "
          "behind shares it. Not given: what is behind it sits at the link above.",
          [&] {
              integer(v, "generation", "1 to 6; 0: bandwidth says it.", link.generation, 0, 6);
              integer(v, "lanes", "1, 2, 4, 8 or 16.", link.lanes, 1, 16);
              v.bandwidth("bandwidth", "One way, in place of generation and lanes.", link.bandwidth_bytes_per_s);
              v.time("latency", "One way, the switch or root port above it included.", link.latency);
              integer(v, "posted_credits", "Writes that the port holds at once; 0: any number.", link.posted_credits, 0,
                      4096);
              integer(v, "nonposted_credits", "Reads that the port holds at once; 0: any number.",
                      link.nonposted_credits, 0, 4096);
          });
}

void visit_pci(ParameterVisitor& v, PciConfig& pci) {
    v.text("slot", "Where it sits: bus:device.function on a root bus (\"00:05.0\"), device.function below a port.",
           pci.slot);
    choice(v, "kind", "What it is.", pci.kind,
           {"endpoint", "root-port", "switch-upstream", "switch-downstream", "pci-bridge", "pcie-pci-bridge",
            "host-bridge", "conventional", "pci-pcie-bridge", "event-collector"});
    v.text("driver", "Driver that binds to it; empty: found by id and class; none: stays without.", pci.driver);
    v.text("id", "Vendor and device id, \"1af4:1041\"; empty: typical for its driver.", pci.id);
    v.text("class", "Class code, \"0x020000\"; empty: typical for its kind or driver.", pci.device_class);
    choice(v, "acs", "ACS capability; usual: root ports have it, others don't.", pci.acs, {"usual", "true", "false"});
    v.boolean("hotplug", "Whether a port or bridge has hot-plug.", pci.hotplug);
    v.texts("quirks",
            "What Linux knows of it besides: no-alias (a bridge that forwards requester ids), alias-root, alias 00.1, "
            "no-ats, "
            "isolated, not-isolated.",
            pci.quirks);
    v.text("host", "Path of its host bridge's node; empty: the first one.", pci.host);
    visit_atc(v, pci.atc);
    visit_pci_link(v, pci.link);
    list(v, "below", "What is behind this port or bridge.", "pci", pci.below, visit_pci);
}

std::vector<std::string> dram_names() {
    std::vector<std::string> names{"none"};
    for (const soc::DramTimings& preset : soc::dram_presets()) names.emplace_back(preset.name);
    return names;
}

void visit_subnet(ParameterVisitor& v, soc::SubnetParams& subnet) {
    v.clock("clock", "Its clock; not given: the system clock.", subnet.clock);
    bytes(v, "width", "Bytes that a layer moves in a cycle; a power of two.", subnet.crossbar.width_bytes, 1, 256);
    visit_cycles(v, "latency", "Way of a request through it.", subnet.crossbar.request_latency);
    visit_cycles(v, "response_latency", "Way of a response; not given: as latency.", subnet.crossbar.response_latency);
    visit_cycles(v, "header", "Cycles of a layer that a packet takes besides its data.", subnet.crossbar.header);
    v.text("parent", "The interconnect above it; empty: soc.interconnect.", subnet.parent);
    visit_cycles(v, "bridge", "Way over the bridge to that, in cycles of the clock that it leads to, after an edge.",
                 subnet.bridge);
    integer(v, "outstanding", "Accesses that the bridge has on their way at once.", subnet.outstanding, 1, 65536);
}

void visit_subnets(ParameterVisitor& v, SocConfig& soc) {
    if (!v.wants_all() && soc.interconnects.empty() && soc.placement.empty()) return;
    std::vector<std::string> names;
    for (const auto& [name, subnet] : soc.interconnects) names.push_back(name);
    v.named(
        "interconnects", "Crossbars below that one, by name: a cluster's, a subsystem's.", "interconnect", names,
        [&](const std::string& name) { soc.interconnects[name].crossbar = soc.interconnect; },
        [&](const std::string& name) { visit_subnet(v, soc.interconnects[name]); });
    v.text_map("placement",
               "What hangs on which of those: cpus, a device, a PCI host, an IOMMU or one port of it (IOMMU.tcu, "
               "IOMMU.DEVICE); all else hangs on soc.interconnect.",
               soc.placement);
}

/// A part of the user's own program in place of ours.
void visit_foreign(ParameterVisitor& v, const char* sentence, soc::ForeignPart& part) {
    if (!v.wants_all() && part.factory.empty()) return;
    v.text("foreign", sentence, part.factory);
    v.text_map("foreign_options", "What its factory is told.", part.options);
}

/// Channels, and DRAM with rows.
void visit_channels(ParameterVisitor& v, SocConfig& soc) {
    soc::MemoryParams& m = soc.memory;
    if (v.wants_all() || m.channels != 1) {
        integer(v, "channels", "Channels, each of which is as the other keys say; a power of two.", m.channels, 1, 64);
        bytes(v, "channel_interleave", "Neighbouring bytes in one channel; a power of two.", m.channel_bytes, 64, 4096);
    }
    if (!v.wants_all() && soc.memory_timings == 0) return;
    v.choice("timings",
             "DRAM with rows, refresh and turnaround, in place of latency, bandwidth and banks; none: without.",
             soc.memory_timings, dram_names());
    v.text_map("timing", "Single timings of it in cycles: tRCD, tFAW, tREFI (0: no refresh); banks, groups, row_bytes.",
               soc.memory_timing);
    v.time("controller", "timings: what the controller adds to an access.", m.controller);
}

void visit_network(ParameterVisitor& v, soc::NetworkParams& network) {
    if (!v.wants_all() && network.kind == soc::NetworkParams::Kind::crossbar) return;
    integer(v, "columns", "mesh: its columns; ring: its stops.", network.columns, 2, 64);
    integer(v, "rows", "mesh: its rows.", network.rows, 1, 64);
    visit_cycles(v, "router", "ring, mesh: through a router.", network.router);
    visit_cycles(v, "link", "ring, mesh: from a router to the next.", network.link);
    integer(v, "virtual_channels", "ring, mesh: of a link, for requests and for responses each; ring: even.",
            network.virtual_channels, 1, 8);
    integer(v, "credits", "ring, mesh: packets that a virtual channel holds at a router.", network.credits, 1, 64);
    v.text_map("nodes",
               "ring, mesh: where what hangs on it stands, by the names of placement and memory, msi: \"2\" or \"1,0\" "
               "(column, row); all else in order, a node after the other.",
               network.nodes);
    v.text_map("routes", "ring, mesh: single ways, \"0,0 -> 2,1\": \"0,1 1,1 2,1\".", network.routes);
}

/// What makes up the bandwidth of a link, and what limits it.
void visit_pcie_packets(ParameterVisitor& v, SocConfig& soc) {
    soc::PcieParams& p = soc.pcie;
    if (v.wants_all() || soc.pcie_generation != 0) {
        integer(v, "generation", "1 to 6, with lanes in place of bandwidth; 0: bandwidth says it.", soc.pcie_generation,
                0, 6);
        integer(v, "lanes", "1, 2, 4, 8 or 16.", soc.pcie_lanes, 1, 16);
    }
    if (v.wants_all() || p.max_payload != 0)
        bytes(v, "max_payload", "MPS: most data of a packet; a power of two; 0: any.", p.max_payload, 0, 4096);
    if (v.wants_all() || p.max_read_request != 0)
        bytes(v, "max_read_request", "MRRS: most that a request asks for; a power of two; 0: any.", p.max_read_request,
              0, 4096);
    if (v.wants_all() || p.posted_credits != 0)
        integer(v, "posted_credits", "Writes that the root complex holds at once; 0: any number.", p.posted_credits, 0,
                4096);
    if (v.wants_all() || p.nonposted_credits != 0)
        integer(v, "nonposted_credits", "Reads that the root complex holds at once; 0: any number.",
                p.nonposted_credits, 0, 4096);
}

void visit_system_cache(ParameterVisitor& v, soc::SystemCacheParams& cache) {
    if (!v.wants_all() && cache.bytes == 0) return;
    v.map("system_cache", "A cache before memory, a slice for each channel, shared by traffic and walks.", [&] {
        v.bytes("size", "Of all slices; 0: there is none.", cache.bytes, 0, kGiB);
        integer(v, "ways", "Lines of a set.", cache.ways, 1, 64);
        bytes(v, "line", "Bytes of a line; a power of two.", cache.line, 16, 4096);
        visit_cycles(v, "latency", "Of a look-up.", cache.latency);
        integer(v, "misses", "Lines that a slice fetches at once.", cache.misses, 1, 4096);
        choice(v, "allocate", "Whose misses fetch lines: all accesses, none, what IOMMUs read and write, reads.",
               cache.allocate, {"all", "none", "walks", "reads"});
    });
}

void visit_regulators(ParameterVisitor& v, std::map<std::string, soc::RegulatorParams>& regulators) {
    if (!v.wants_all() && regulators.empty()) return;
    named(v, "regulators",
          "Bandwidth of single masters, or of ports to the interconnect: by device, IOMMU.tcu, IOMMU.DEVICE, PCI host.",
          "regulator", regulators, [](ParameterVisitor& w, soc::RegulatorParams& regulator) {
              w.bytes("bytes", "So many in each window; more waits for the next.", regulator.bytes, 1, kTiB);
              w.time("window", "Windows follow one another from time 0.", regulator.window);
          });
}

void visit_traffic(ParameterVisitor& v, TrafficConfig& traffic) {
    soc::TrafficParams& p = traffic.params;
    v.text("device", "Linux name of the master: \"0000:00:01.0\", \"a000000.dma\".", traffic.device);
    choice(v, "pattern", "Order of the addresses.", p.pattern, {"linear", "strided", "random", "trace"});
    if (v.wants_all() || p.pattern == soc::Pattern::trace || !traffic.trace.empty()) {
        v.text("trace", "pattern trace: a CSV file of accesses; docs/traces.md.", traffic.trace);
        v.text("trace_master", "Whose lines of it; empty: those of this device, or all if they name no master.",
               traffic.trace_master);
        v.boolean("trace_gaps", "Whether times of a trace are kept; else its accesses come one interval apart.",
                  p.keep_gaps);
    }
    v.ratio("read", "Share of transfers that read memory.", p.read_share);
    bytes(v, "size", "Bytes of one transfer.", p.size_bytes, 1, 1U << 30);
    v.bytes("working_set", "Bytes that the driver maps and the master touches.", traffic.working_set_bytes, 1, kTiB);
    v.bytes("stride", "Distance of two transfers of the strided pattern.", p.stride_bytes, 1, kTiB);
    integer(v, "outstanding", "Transfers under way at once.", p.outstanding, 1, 65536);
    v.integer("transfers", "How many transfers in all; with time or until_settled: at most.", p.transfers, 0,
              kAny >> 1);
    if (v.wants_all() || traffic.time.fs != 0)
        v.time("time", "So long after its first transfer no other begins; 0: only `transfers` ends it.", traffic.time);
    if (v.wants_all() || traffic.until_settled) {
        v.boolean("until_settled",
                  "Whether it ends as soon as its latency has settled, warm-up left out (masters[].steady).",
                  traffic.until_settled);
    }
    if (v.wants_all() || traffic.transaction_bytes != 0) {
        v.bytes("transaction",
                "Bytes of one transaction on the wire, such as PCIe's largest payload; 0: a transfer is one.",
                traffic.transaction_bytes, 0, 4096);
    }
    v.text("warmup",
           "Left out of statistics: so many transfers, or all that end in a time such as 10 us from the first.",
           traffic.warmup);
    if (v.wants_all() || traffic.rate_bytes_per_s == 0)
        v.time("interval", "At least so long from one issue to the next.", p.interval);
    if (v.wants_all() || traffic.rate_bytes_per_s != 0) {
        v.bandwidth("rate", "What it moves at most, reads and writes together; in place of interval.",
                    traffic.rate_bytes_per_s);
    }
    integer(v, "burst", "Transfers that follow one another without a gap.", p.burst, 1, 1U << 30);
    v.time("burst_gap", "Pause between two bursts.", p.burst_gap);
    v.time("start_delay", "From the driver's word to the first issue.", p.start_delay);
    integer(v, "priority", "At arbiters; higher goes first.", p.priority, 0, 255);
    v.boolean("privileged", "Whether its transactions are privileged.", p.privileged);
    choice(v, "mapping",
           "Mapped once at probe, or mapped and unmapped by the driver around each transfer, or each page when the "
           "device asks for it (page requests); or posted ahead in rings, unmapped as descriptors are done.",
           traffic.mapping, {"once", "per-transfer", "on-demand", "ring"});
    v.bytes("chunk", "once: bytes of one mapping; 0: the whole working set.", traffic.chunk_bytes, 0, kTiB);
    if (v.wants_all() || traffic.pages == TrafficConfig::Pages::as_segments)
        integer(v, "segments", "Physical pieces that one mapping is made of.", traffic.segments, 1, 65536);
    if (v.wants_all() || traffic.pages != TrafficConfig::Pages::as_segments) {
        choice(
            v, "pages",
            "How the memory of a mapping lies, in place of segments: contiguous: one piece; scattered: page by page, "
            "as a kernel has it that has run for long; huge: in pieces of one block (2 MiB with pages of 4 KiB).",
            traffic.pages, {"as-segments", "contiguous", "scattered", "huge"});
    }
    v.boolean("coherent_buffers", "once: whether the buffers come from dma_alloc_coherent.", traffic.coherent_buffers);
    v.bytes("buffer", "per-transfer: bytes that are mapped around each transfer; 0: those of the transfer.",
            traffic.buffer_bytes, 0, kGiB);
    integer(v, "tasks", "per-transfer, ring: kernel tasks that map and unmap, on CPUs 0, 1, ...; ring: a ring each.",
            traffic.tasks, 1, 64);
    if (v.wants_all() || traffic.mapping == TrafficConfig::Mapping::ring) {
        v.map("ring", "ring: what a driver keeps posted ahead of the device, as for a NIC.", [&] {
            kernel::TrafficPlan::Ring& ring = traffic.ring;
            integer(v, "descriptors", "Of one ring, all posted ahead.", ring.descriptors, 1, 65536);
            integer(v, "buffers", "Of one descriptor, each of `size`; taken back and filled anew together.",
                    ring.buffers, 1, 512);
            v.boolean("contiguous",
                      "Whether a descriptor's buffers are one range of addresses, mapped and unmapped at once; else "
                      "each by itself.",
                      ring.contiguous);
            v.ratio("remap",
                    "Share of descriptors that are unmapped and mapped anew when they are taken back; the others stay "
                    "mapped, as a page pool keeps them.",
                    traffic.ring_remap);
            integer(v, "replies",
                    "Sent for each descriptor's worth of buffers, such as acknowledgements: each mapped, read by the "
                    "device, unmapped.",
                    ring.replies, 0, 65536);
            bytes(v, "reply_size", "Bytes of one of them.", ring.reply_bytes, 1, 4096);
            v.time("work", "CPU time of what is above the driver for each buffer, such as a network stack.", ring.work);
            if (v.wants_all() || ring.moderation.fs != 0 || ring.moderation_frames != 0 || ring.poll != 0) {
                v.time("moderation",
                       "Interrupts are held back until the first completion that was not told of is so old; 0 with 0 "
                       "frames: each completion wakes the ring's task.",
                       ring.moderation);
                integer(v, "moderation_frames", "Or until there are so many; 0: only the time counts.",
                        ring.moderation_frames, 0, 65536);
                integer(v, "poll",
                        "Buffers that the task looks at in one go, as NAPI does: replies that were sent are taken back "
                        "before them, descriptors and new replies follow behind them. 0: everything as it comes.",
                        ring.poll, 0, 65536);
            }
        });
    }
    v.time("map_delay", "From probe to the first mapping.", traffic.map_delay);
    integer(v, "dma_mask_bits", "DMA mask that the driver sets.", traffic.dma_mask_bits, 1, 64);
    v.map("unmap", "once: takes a mapping away while the master still uses it.", [&] {
        v.boolean("active", "Whether this happens; giving a time switches it on.", traffic.unmap.active);
        v.time("after", "From the start of traffic.", traffic.unmap.after);
        integer(v, "chunk", "Which mapping.", traffic.unmap.chunk, 0, 1U << 30);
    });
    choice(v, "ports",
           "A platform device that names several IOMMUs: one: its traffic takes the port with the first (with the last "
           "where that wins); all: a port with each of them, and this traffic from each.",
           traffic.ports, {"one", "all"});
    v.text("requester_id", "PCI: requester ID that it sends instead of its own, such as 0x1f.", traffic.requester_id);
    visit_foreign(v, "A master that this program has a factory for, in place of a pattern; docs/systemc.md.",
                  traffic.foreign);
}

void visit_board(ParameterVisitor& v, firmware::BoardSpec& board) {
    v.text("model", "Its name.", board.model);
    integer(v, "cpus", "CPUs.", board.cpus, 1, firmware::kMaxBoardCpus);
    list(v, "iommus", "Its IOMMUs; not given: an SMMUv3 named smmu.", "board_iommu", board.iommus,
         [](ParameterVisitor& in, firmware::BoardSpec::Iommu& iommu) {
             in.text("name", "That masters and hosts refer to.", iommu.name);
             choice(in, "kind", "What it is; vt-d and amd-vi make an x86 machine of the board, which needs acpi.",
                    iommu.kind, {"smmuv3", "virtio-iommu", "vt-d", "amd-vi"});
         });
    list(v, "masters", "Platform devices that do DMA, at 0xa000000, 0xa010000, ...", "board_master", board.masters,
         [](ParameterVisitor& in, firmware::BoardSpec::Master& master) {
             in.text("name", "Of its node: gpu becomes a000000.gpu; with acpi XLAT0001:00, by its place.", master.name);
             integer(in, "count", "So many alike.", master.count, 1, firmware::kMaxBoardMasters);
             in.text("iommu", "The IOMMU before it, or none; empty: the first.", master.iommu);
             integer(in, "ids", "Stream IDs of each.", master.ids, 0, 1024);
             in.boolean("coherent", "Whether its DMA is coherent.", master.coherent);
         });
    list(v, "pcie", "Its PCIe hosts; not given: one.", "board_host", board.pcie,
         [](ParameterVisitor& in, firmware::BoardSpec::PcieHost& host) {
             in.text("iommu", "The IOMMU before it, or none; empty: the first.", host.iommu);
         });
}

void visit_costs(ParameterVisitor& v, kernel::CostTable& c) {
    v.time("lock", "Uncontended lock or unlock.", c.lock);
    if (v.wants_all() || c.spin_halt_after.fs != 0) {
        v.time("spin_halt_after",
               "A waiter of a spinlock that has spun so long halts its CPU, as a guest's does (paravirtual spinlocks); "
               "0: it spins on.",
               c.spin_halt_after);
        v.time("spin_halt_wake", "From the unlock until a halted waiter runs; it has the lock all that time.",
               c.spin_halt_wake);
    }
    choice(v, "page_tables",
           "Page-table work that takes the time measured for it (docs/validation.md, C): x86: of VT-d and AMD-Vi; all: "
           "of SMMUv3, too; else, and elsewhere, its stores alone take time.",
           c.page_tables, {"none", "x86", "all"});
    v.time("mutex_sleep_wake", "A mutex that had to wait.", c.mutex_sleep_wake);
    v.time("shared_access", "A read or write of a shared field.", c.shared_access);
    v.time("kmalloc", "A small allocation.", c.kmalloc);
    v.time("kfree", "Freeing it.", c.kfree);
    v.time("ops_lookup", "Looking IOMMU ops up by firmware node.", c.ops_lookup);
    v.time("ops_lookup_per_instance", "The same, for each registered instance.", c.ops_lookup_per_instance);
    v.time("parse_iommus_entry", "Parsing one entry of iommus.", c.parse_iommus_entry);
    v.time("iommu_map_lookup", "An iommu-map look-up, for each alias.", c.iommu_map_lookup);
    v.time("iort_lookup", "An IORT look-up, for each id.", c.iort_lookup);
    v.time("group_creation", "A group and its member, with sysfs.", c.group_creation);
    v.time("domain_allocation", "A domain with IOVA cookie and first table page.", c.domain_allocation);
    v.time("failed_probe", "An IOMMU probe without fwspec.", c.failed_probe);
    v.time("pci_config_write", "A write to a PCI function's configuration space.", c.pci_config_write);
    v.time("cmd_sync_contention", "CMD_SYNC, for each CPU that also waits.", c.cmd_sync_contention);
    v.time("printk_line", "A line on the console; 6 ms at 115200 baud.", c.printk_line);
    v.time("deferred_worker_wake", "Waking the deferred probe worker.", c.deferred_worker_wake);
    v.time("workqueue_wake", "Waking a kworker.", c.workqueue_wake);
    v.time("deferred_probe_timeout", "Default of the kernel parameter of that name.", c.deferred_probe_timeout);
}

}  // namespace

void visit_config(ParameterVisitor& v, Config& config) {
    v.text("name", "Name of the run in its results; empty: that of the file.", config.name);
    v.integer("seed", "Seed of every random stream.", config.seed, 0, kAny);
    v.map("firmware", "What describes the hardware: a device tree, ACPI tables, or firmware that is made from soc:.",
          [&] {
              v.text("devicetree", "A flattened device tree (*.dtb).", config.firmware.devicetree);
              v.texts("overlays", "Overlays (*.dtbo) for the device tree, in the order in which they are applied.",
                      config.firmware.overlays);
              v.texts("acpi", "ACPI tables, a file each.", config.firmware.acpi);
              v.text("generate", "Makes firmware from soc.board: devicetree, or acpi (tables).",
                     config.firmware.generate);
          });
    v.map("soc", "What firmware can't say: speeds, sizes, PCI endpoints.", [&] {
        if (v.wants_all() || !config.firmware.generate.empty()) {
            v.map("board", "What firmware.generate makes: CPUs, IOMMUs, masters, PCIe hosts.",
                  [&] { visit_board(v, config.soc.board); });
        }
        choice(v, "fidelity",
               "exact: resources are arbitrated as requests reach them; fast: a transaction reserves its whole way.",
               config.soc.fidelity, {"exact", "fast"});
        v.map("clocks", "Clocks; a period is a whole number of femtoseconds.", [&] {
            v.clock("system", "Interconnect, masters, and IOMMUs without a clock of their own.",
                    config.soc.system_clock);
        });
        v.map("cpu", "What a CPU's hardware adds to the costs of the kernel.", [&] {
            soc::CpuParams& cpu = config.soc.cpu;
            v.time("context_switch", "From one task to another on the same CPU.", cpu.context_switch);
            v.time("mmio_issue", "CPU to crossbar, each MMIO access.", cpu.mmio_issue);
            v.time("memory_access", "A cached load or store.", cpu.memory_access);
            v.time("posted_write", "After which an MMIO write lets the CPU go on.", cpu.posted_write);
            v.time("msi_delivery", "From a message at the MSI controller to the CPU.", cpu.msi_delivery);
        });
        v.map("interconnect", "Between masters, CPUs, IOMMUs and memory.", [&] {
            soc::CrossbarParams& x = config.soc.interconnect;
            choice(v, "kind", "Its shape; docs/systemc.md.", config.soc.network.kind, {"crossbar", "ring", "mesh"});
            bytes(v, "width", "Bytes that a layer moves in a cycle; a power of two.", x.width_bytes, 1, 256);
            visit_cycles(v, "latency", "Way of a request through it.", x.request_latency);
            visit_cycles(v, "response_latency", "Way of a response; not given: as latency.", x.response_latency);
            visit_cycles(v, "header", "Cycles of a layer that a packet takes besides its data.", x.header);
            visit_network(v, config.soc.network);
            visit_foreign(v, "An interconnect that this program has a factory for, in place of the crossbar.",
                          config.soc.foreign_interconnect);
        });
        visit_subnets(v, config.soc);
        v.map("memory", "Main memory.", [&] {
            soc::MemoryParams& m = config.soc.memory;
            std::size_t kind = 0;
            v.choice("kind", "Its model.", kind, {"dram"});
            v.time("latency", "From the start of a bank's access to its data.", m.latency);
            v.bandwidth("bandwidth", "Of the whole channel.", m.bandwidth_bytes_per_s);
            integer(v, "banks", "Banks; a power of two.", m.banks, 1, 1024);
            v.bytes("size", "Its size, where the firmware names no memory (ACPI) or is generated.",
                    config.soc.memory_size, 64 << 20, kTiB);
            v.integer("base", "Its address, where the firmware names no memory; 0: the first place that is free.",
                      config.soc.memory_base, 0, std::uint64_t{1} << 44);
            bytes(v, "interleave", "Neighbouring bytes in one bank; a power of two.", m.interleave_bytes, 64, kGiB);
            v.time("bank_busy", "How long an access keeps its bank; 0: banks don't matter.", m.bank_busy);
            visit_channels(v, config.soc);
            visit_foreign(v, "A memory that this program has a factory for, in place of latency and bandwidth.",
                          config.soc.foreign_memory);
        });
        visit_system_cache(v, config.soc.system_cache);
        visit_regulators(v, config.soc.regulators);
        v.map("iommu", "Shape and speed of every IOMMU that is not named under iommus.",
              [&] { visit_iommu(v, config.soc.iommu); });
        std::vector<std::string> paths;
        for (const auto& [path, iommu] : config.soc.iommus) paths.push_back(path);
        v.named(
            "iommus", "The same for single IOMMUs, by the path of their node.", "iommu", paths,
            [&](const std::string& path) { config.soc.iommus[path] = config.soc.iommu; },
            [&](const std::string& path) { visit_iommu(v, config.soc.iommus[path]); });
        v.map("pcie", "The link of a PCIe host bridge.", [&] {
            soc::PcieParams& p = config.soc.pcie;
            v.time("latency", "One way, link and root complex.", p.link_latency);
            v.bandwidth("bandwidth", "One way.", p.bandwidth_bytes_per_s);
            bytes(v, "header", "Overhead of a packet.", p.header_bytes, 0, 4096);
            visit_pcie_packets(v, config.soc);
        });
        choice(v, "payload", "Whether the masters' data moves through simulated memory.", config.soc.payload,
               {"timing-only", "full"});
        if (v.wants_all() || config.soc.check_protocol) {
            v.boolean("check_protocol",
                      "Whether a checker in each joint of two modules looks at what crosses it: TLM's base protocol.",
                      config.soc.check_protocol);
        }
        list(v, "pci", "PCI functions and bridges as they sit on the bus; not given: an NVMe drive and a NIC.", "pci",
             config.soc.pci, visit_pci);
        list(v, "virtio_mmio",
             "What is behind the virtio-mmio transports of the firmware; not given: something behind each.",
             "virtio_mmio", config.soc.virtio_mmio, [](ParameterVisitor& w, VirtioMmioConfig& one) {
                 w.text("slot", "Linux name of the transport: a000000.virtio_mmio.", one.slot);
                 w.text("model", "virtio-rng maps its queue and a buffer as Linux's driver does; others map as any.",
                        one.model);
                 w.boolean("access_platform", "Whether the driver maps through the DMA API (iommu_platform=on).",
                           one.access_platform);
             });
    });
    v.map("kernel", "The simulated kernel.", [&] {
        v.text("variant", "Version of the kernel model; `xlate run --variant help` lists them.", config.kernel.variant);
        integer(v, "cpus", "CPUs that run it; 0: as many as the firmware has.", config.kernel.cpus, 0, 1024);
        choice(v, "arch", "Architecture whose arch_setup_dma_ops and default domains the kernel has.",
               config.kernel.arch, kernel::arch_names());
        v.bytes("page_size", "PAGE_SIZE: 4, 16 or 64 KiB; granules and IOVAs follow.", config.kernel.page_bytes, 4096,
                65536);
        list(v, "modules", "Drivers that are modules, and when each is loaded; not given: as Debian's initramfs does.",
             "module", config.kernel.modules, [](ParameterVisitor& w, kernel::ModuleLoad& module) {
                 w.text("name", "The driver: arm-smmu-v3, nvme, e1000e, virtio-pci.", module.name);
                 w.time("at", "From the end of the initcalls.", module.at);
                 w.boolean("after_previous", "Whether it waits for the module before it.", module.after_previous);
                 integer(w, "cpu", "CPU that loads it.", module.cpu, 0, 1023);
                 w.text(
                     "device",
                     "The device that it drives, by node path or Linux name, where others wait for it: clocks, power "
                     "domains (fw_devlink).",
                     module.device);
             });
        list(v, "after_boot", "What user space does a second after the last module, a step every 100 ms.", "after_boot",
             config.kernel.after_boot, [](ParameterVisitor& w, AfterBootConfig& step) {
                 w.text("power_on", "Linux name of a device whose runtime PM is switched on.", step.power_on);
                 w.text("rebind", "Linux name of a device that is unbound and bound again.", step.rebind);
                 w.text("remove", "Linux name of a device that leaves its bus, and with it its group and domain.",
                        step.remove);
             });
        v.text_map("build", "How the kernel was built: ARM_LPAE (arch: arm), ARM_SMMU_LEGACY_DT_BINDINGS: y or n.",
                   config.kernel.build);
        v.text_map("parameters",
                   "Kernel parameters: iommu.passthrough, iommu.strict, deferred_probe_timeout, "
                   "arm-smmu-v3.disable_bypass, arm-smmu.disable_bypass, arm-smmu.force_stage, fw_devlink, "
                   "fw_devlink.strict, swiotlb, module_blacklist, pci (config_acs=, "
                   "disable_acs_redir=), pcie_acs_override; and, "
                   "not Linux's, arm-smmu-v3.invalidation (linux, single, all) and arm-smmu-v3.all_from_pages.",
                   config.kernel.parameters);
        v.boolean(
            "sanitizer",
            "Whether a shadow of each SMMU's caches looks for translations that are stale; as xlate run --sanitize.",
            config.kernel.sanitizer);
        v.texts("mistakes", "Mistakes that the drivers make, to see what the sanitizer says: wrong-asid, short-range.",
                config.kernel.mistakes);
        v.map("costs", "What kernel steps cost in simulated time.", [&] { visit_costs(v, config.kernel.costs); });
        v.ratio("cost_spread",
                "How much each cost varies: its standard deviation, as a share of it; drawn by the seed.",
                config.kernel.cost_spread);
    });
    list(v, "traffic", "What masters do once a driver is bound; not given: a little of everything that is translated.",
         "traffic", config.traffic, visit_traffic);
    list(v, "rogues", "Masters that run over addresses that they were not given.", "rogue", config.rogues,
         [](ParameterVisitor& w, RogueConfig& rogue) {
             w.text("device", "Linux name of the master; its traffic says what it does.", rogue.device);
             w.time("at", "When it starts.", rogue.at);
             w.integer("iova", "First address.", rogue.iova, 0, kAny);
             w.bytes("size", "Bytes from there.", rogue.size_bytes, 1, kTiB);
         });
    v.texts("expect", "Conditions on the result; each must hold: kernel.oops == 0.", config.expect);
    v.map("limits", "Where a run stops that does not end by itself (status 4).", [&] {
        v.time("sim_time", "Simulated time.", config.limits.max_time);
        v.integer("events", "Entries of the agenda.", config.limits.max_events, 1, kAny);
        v.bytes("trace_size", "Size of trace.pftrace (`--trace`); what does not fit is named in the warnings.",
                config.trace.bytes, std::uint64_t{1} << 20, std::uint64_t{1} << 40);
        choice(
            v, "trace_keep",
            "Which part of a run a trace keeps that would be larger: its first spans, a ring of its last, or the ring "
            "up to the first fault.",
            config.trace.keep, {"first", "last", "fault"});
        v.time("trace_from", "A trace leaves out what ended before.", config.trace.from);
        v.time("trace_to", "A trace leaves out what began after.", config.trace.to);
        v.texts("trace_only", "Tracks of a trace, as in 'masters/0000:*' or '*/walk slots'; none: all.",
                config.trace.only);
    });
}

}  // namespace xlate::study
