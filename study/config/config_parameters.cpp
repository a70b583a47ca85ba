// The one description of what can be configured. Order here is the order of `config show` and of config.resolved.yaml.
#include "study/config/parameter_groups.hpp"

namespace xlate::study {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kGiB = kKiB * kKiB * kKiB;
constexpr std::uint64_t kTiB = kGiB * kKiB;
constexpr std::uint64_t kAny = ~std::uint64_t{0};

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
    v.integer("seed",
              "Seed of every random stream; a device's streams go by its name, too: one name under a device tree, "
              "another under ACPI.",
              config.seed, 0, kAny);
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
        v.map("clocks", "Clocks; a period is the nearest whole number of femtoseconds, above 10 GHz exactly one.", [&] {
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
            v.cycles("latency", "Way of a request through it.", x.request_latency);
            v.cycles("response_latency", "Way of a response; not given: as latency.", x.response_latency);
            v.cycles("header", "Cycles of a layer that a packet takes besides its data.", x.header);
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
                   "disable_acs_redir=); on x86 iommu, intel_iommu, amd_iommu and intremap; "
                   "pcie_acs_override, as kernels with the patch of some distributions have it; and, "
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
