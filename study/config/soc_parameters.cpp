// The SoC around its IOMMUs: interconnects, memory, caches, regulators, and a board that is made.
#include "study/config/parameter_groups.hpp"

namespace xlate::study {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kGiB = kKiB * kKiB * kKiB;
constexpr std::uint64_t kTiB = kGiB * kKiB;

std::vector<std::string> dram_names() {
    std::vector<std::string> names{"none"};
    for (const soc::DramTimings& preset : soc::dram_presets()) names.emplace_back(preset.name);
    return names;
}

void visit_subnet(ParameterVisitor& v, soc::SubnetParams& subnet) {
    v.clock("clock", "Its clock; not given: the system clock.", subnet.clock);
    bytes(v, "width", "Bytes that a layer moves in a cycle; a power of two.", subnet.crossbar.width_bytes, 1, 256);
    v.cycles("latency", "Way of a request through it.", subnet.crossbar.request_latency);
    v.cycles("response_latency", "Way of a response; not given: as latency.", subnet.crossbar.response_latency);
    v.cycles("header", "Cycles of a layer that a packet takes besides its data.", subnet.crossbar.header);
    v.text("parent", "The interconnect above it; empty: soc.interconnect.", subnet.parent);
    v.cycles("bridge", "Way over the bridge to that, in cycles of the clock that it leads to, after an edge.",
             subnet.bridge);
    integer(v, "outstanding", "Accesses that the bridge has on their way at once.", subnet.outstanding, 1, 65536);
}

}  // namespace

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
    v.cycles("router", "ring, mesh: through a router.", network.router);
    v.cycles("link", "ring, mesh: from a router to the next.", network.link);
    integer(v, "virtual_channels", "ring, mesh: of a link, for requests and for responses each; ring: even.",
            network.virtual_channels, 1, 8);
    integer(v, "credits", "ring, mesh: packets that a virtual channel holds at a router.", network.credits, 1, 64);
    v.text_map("nodes",
               "ring, mesh: where what hangs on it stands, by the names of placement and memory, msi: \"2\" or \"1,0\" "
               "(column, row); all else in order, a node after the other.",
               network.nodes);
    v.text_map("routes", "ring, mesh: single ways, \"0,0 -> 2,1\": \"0,1 1,1 2,1\".", network.routes);
}

void visit_system_cache(ParameterVisitor& v, soc::SystemCacheParams& cache) {
    if (!v.wants_all() && cache.bytes == 0) return;
    v.map("system_cache", "A cache before memory, a slice for each channel, shared by traffic and walks.", [&] {
        v.bytes("size", "Of all slices; 0: there is none.", cache.bytes, 0, kGiB);
        integer(v, "ways", "Lines of a set.", cache.ways, 1, 64);
        bytes(v, "line", "Bytes of a line; a power of two.", cache.line, 16, 4096);
        v.cycles("latency", "Of a look-up.", cache.latency);
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

void visit_board(ParameterVisitor& v, firmware::BoardSpec& board) {
    v.text("model", "Its name.", board.model);
    integer(v, "cpus", "CPUs.", board.cpus, 1, firmware::kMaxBoardCpus);
    list(v, "iommus", "Its IOMMUs; not given: an SMMUv3 named smmu.", "board_iommu", board.iommus,
         [](ParameterVisitor& in, firmware::BoardSpec::Iommu& iommu) {
             in.text("name", "That masters and hosts refer to.", iommu.name);
             choice(
                 in, "kind",
                 "What it is; vt-d and amd-vi make an x86 machine of the board, which needs acpi; riscv one of RISC-V.",
                 iommu.kind, {"smmuv3", "virtio-iommu", "vt-d", "amd-vi", "riscv"});
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

}  // namespace xlate::study
