// What masters do: traffic.
#include "study/config/parameter_groups.hpp"

namespace xlate::study {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kGiB = kKiB * kKiB * kKiB;
constexpr std::uint64_t kTiB = kGiB * kKiB;
constexpr std::uint64_t kAny = ~std::uint64_t{0};

}  // namespace

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

}  // namespace xlate::study
