// An IOMMU: its ports, its core, the caches of both.
#include "study/config/families/families.hpp"
#include "study/config/parameter_groups.hpp"

namespace xlate::study {

void visit_shape(ParameterVisitor& v, iommu::CacheParams& shape) {
    v.boolean("enabled", "Whether it is there; giving entries switches it on.", shape.enabled);
    integer(v, "entries", "Entries it holds: ways times a power of two.", shape.entries, 1, 1U << 20);
    integer(v, "ways", "Associativity; 0: fully associative.", shape.ways, 0, 1U << 20);
    choice(v, "replacement", "Which entry of a full set goes.", shape.replacement, {"lru", "round-robin", "random"});
}

namespace {

void visit_cache(ParameterVisitor& v, const char* key, const char* sentence, soc::CacheTiming& cache) {
    v.map(key, sentence, [&] {
        visit_shape(v, cache.shape);
        v.cycles("latency", "From look-up to hit or miss known.", cache.latency);
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
        v.cycles("latency", "From look-up to hit or miss known.", cache.latency);
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
    v.cycles("link_to_tcu", "Way of a message to the core.", p.link_to_tcu);
    v.cycles("link_from_tcu", "Way of a message from the core.", p.link_from_tcu);
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
            v.cycles("walk_step", "Of the walker itself: before the first read of a walk, and after each read.",
                     p.tcu.walk_step);
        }
        v.cycles("command_decode", "Each command, after its fetch.", p.tcu.command_decode);
        v.cycles("invalidate_apply", "An invalidation in a port, after the link.", p.tcu.invalidate_apply);
        v.cycles("register_access", "From a register access at the port to its effect.", p.tcu.register_access);
        v.time("interrupt_wire", "From the interrupt's pulse to the CPU.", p.tcu.interrupt_wire);
    });
    v.map("pmcg", "Performance monitor counter groups: one for each node of firmware, the TCU's first.", [&] {
        integer(v, "counters", "Counters of a group.", p.pmcg.counters, 1, 64);
        integer(v, "counter_bits", "Bits of a counter: 32, 36, 40, 44, 48 or 64.", p.pmcg.counter_bits, 32, 64);
        v.boolean("msi", "Whether an overflow can also be sent as a message.", p.pmcg.msi);
    });
}

}  // namespace xlate::study
