#include "study/init/device/init_device.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "study/config/parameters.hpp"

namespace xlate::study {
namespace {

using Pages = DeviceQuestion::Pages;
using Mapping = DeviceQuestion::Mapping;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kBlock = std::uint64_t{2} << 20;
constexpr std::uint64_t kHeader = 24;           ///< soc.pcie.header
constexpr std::uint64_t kMostWarmup = 200'000;  ///< transfers: some ten seconds
constexpr unsigned kCpus = 8;

struct Link {
    const char* name;
    std::uint64_t bytes_per_s;
};
/// Lanes times their rate after 128b/130b, or FLITs of 6.0.
constexpr Link kLinks[] = {{"PCIe 3.0 x4", 3'940'000'000},   {"PCIe 3.0 x8", 7'880'000'000},
                           {"PCIe 4.0 x8", 15'750'000'000},  {"PCIe 4.0 x16", 31'500'000'000},
                           {"PCIe 5.0 x16", 63'000'000'000}, {"PCIe 6.0 x16", 121'000'000'000}};
constexpr std::uint64_t kMemories[] = {25'600'000'000,  51'200'000'000,  102'400'000'000,
                                       204'800'000'000, 409'600'000'000, 819'200'000'000};

class Writer {
public:
    Writer(const DeviceQuestion& question, const std::string& name)
        : q_(question), file_(name.empty() ? "CONFIG.yaml" : name) {}

    std::string write() {
        head();
        soc();
        traffic();
        study();
        return aligned();
    }

private:
    /// Comments behind values begin in one column.
    std::string aligned() const {
        constexpr std::size_t kColumn = 44;
        std::string all;
        for (std::size_t at = 0; at < out_.size();) {
            const std::size_t end = out_.find('\n', at);
            std::string text = out_.substr(at, end - at);
            const std::size_t remark = text.find("  # ");
            if (remark != std::string::npos && text[0] != '#') {
                const std::string behind = text.substr(remark + 2);
                text.resize(text.find_last_not_of(' ', remark) + 1);
                text += std::string(text.size() < kColumn ? kColumn - text.size() : 2, ' ') + behind;
            }
            all += text + "\n";
            at = end + 1;
        }
        return all;
    }

    template <typename... Args>
    void line(fmt::format_string<Args...> text, Args&&... args) {
        out_ += fmt::format(text, std::forward<Args>(args)...) + "\n";
    }

    bool kept() const { return q_.mapping != Mapping::per_transfer; }
    std::uint64_t pages() const { return (q_.working_set_bytes + kPage - 1) / kPage; }
    const BoardFamily& family() const { return *q_.family; }
    std::string device() const {
        if (q_.is_pci()) return "\"0000:00:01.0\"";
        return family().device.empty() ? "a000000." + q_.kind.name : fmt::format("\"{}\"", family().device);
    }

    void head() {
        line("# A {} of {} over {}, behind {} on {}.", q_.kind.title, format_bandwidth(q_.rate_bytes_per_s),
             format_bytes(q_.working_set_bytes), family().title,
             family().made() ? std::string("a board that is made for it")
                             : fmt::format("a board that comes with xlate ({})", family().board));
        line("#   xlate run {:<24} what it reaches, and what limits it", file_);
        line("#   xlate sweep {:<22} {}", file_,
             !kept() ? family().arm32 ? "what more CPUs that map and unmap bring" : "what strict unmapping costs"
             : family().sizes_walks() ? "how many walks at once it needs, with pages of 4 KiB and of 2 MiB"
                                      : "how many TLB entries it needs, with pages of 4 KiB and of 2 MiB");
        if (!q_.assumed.empty()) line("# Not given, so as usual: {}", fmt::join(q_.assumed, ", "));
        if (family().made())
            line("firmware: {{ generate: {} }}", family().generate);
        else
            line("firmware: {{ devicetree: {} }}", family().board);
    }

    void soc() {
        line("soc:");
        if (family().made()) board();
        const unsigned width = width_bytes();
        line("  interconnect: {{ width: {} B }}  # at 1 GHz, a cycle of header a packet: carries the device", width);
        const std::uint64_t room =
            std::max<std::uint64_t>(std::uint64_t{4} << 30, std::uint64_t{4} << log2_ceil(q_.working_set_bytes));
        // An x86 machine has its devices below 4 GiB.
        const std::string base = family().generate == "acpi" ? "base: 0x100000000, " : "";
        line("  memory: {{ {}{}bandwidth: {} }}  # twice what the device moves", base,
             family().made() ? fmt::format("size: {}, ", format_bytes(room)) : "", format_bandwidth(memory()));
        if (q_.is_pci()) {
            const Link& way = link();
            line("  pcie: {{ bandwidth: {} }}  # {}, one way: carries {} and headers of 24 B",
                 format_bandwidth(way.bytes_per_s), way.name, format_bandwidth(q_.rate_bytes_per_s));
            line("  pci: [ {{ slot: \"00:01.0\", driver: {} }} ]", q_.kind.driver);
        } else {
            line("  pci: []");
        }
        line("  iommu:");
        line("    preset: {}", q_.preset);
        if (!family().iommu.empty()) line("    {}", family().iommu);
        line("    tbu: {{ port_width: {} }}  # as the interconnect", width);
        if (family().made())
            line("kernel: {{ {} }}", family().kernel);
        else
            line("kernel: {{ {}, cpus: {} }}", family().kernel, kCpus);
    }

    void board() {
        line("  board:");
        line("    cpus: {}", kCpus);
        if (family().kind.empty())
            line("    iommus: [ {{ name: smmu }} ]");
        else
            line("    iommus: [ {{ name: iommu, kind: {} }} ]", family().kind);
        if (q_.is_pci()) return;
        line("    masters: [ {{ name: {} }} ]", q_.kind.name);
        line("    pcie: []");
    }

    void traffic() {
        line("traffic:");
        line("  - device: {}", device());
        line("    rate: {}", format_bandwidth(q_.rate_bytes_per_s));
        const bool ring = q_.mapping == Mapping::ring;
        if (ring)
            line("    pattern: linear  # a ring: its buffers one after the other, and then again");
        else
            line("    pattern: {}", q_.kind.pattern == soc::Pattern::random ? "random" : "linear");
        const Ratio read = q_.kind.read;
        line("    read: {}  # {}", fmt::format("{}%", 100 * read.numerator / read.denominator), q_.kind.why_read);
        line("    size: {}  # {}", format_bytes(q_.packet_bytes), "what it moves at one place");
        if (q_.transaction_bytes != q_.packet_bytes)
            line("    transaction: {}  # in pieces of this: PCIe's largest payload",
                 format_bytes(q_.transaction_bytes));
        line("    working_set: {}", format_bytes(q_.working_set_bytes));
        static constexpr const char* kWhy[] = {"each page of 4 KiB elsewhere, as after long use",
                                               "pieces of 2 MiB, which Linux maps as blocks", "one piece of memory"};
        static constexpr const char* kNames[] = {"scattered", "huge", "contiguous"};
        const auto which = static_cast<std::size_t>(q_.pages);
        if (!ring) line("    pages: {}  # {}", kNames[which], kWhy[which]);
        mapping();
        line("expect:");
        line("  - kernel.oops == 0");
        line("  - faults == 0");
    }

    void mapping() {
        line("    outstanding: {}  # transactions{}", q_.kind.outstanding,
             kept() ? "" : "; and packets that are mapped at once");
        if (q_.mapping == Mapping::per_transfer) {
            line("    mapping: per-transfer  # the driver maps each packet, and unmaps it when it is done");
            line("    tasks: {}  # kernel tasks that do, a CPU each", kCpus);
            line("    transfers: {}", std::clamp<std::uint64_t>(8000 * kKiB / q_.packet_bytes, 200, 8000));
            return;
        }
        line("    mapping: once{}", q_.mapping == Mapping::ring ? "  # and kept: buffers are recycled, not mapped anew"
                                                                : "  # at probe, and kept");
        if (q_.mapping == Mapping::ring) {
            static constexpr const char* kWhy[] = {"each buffer mapped by itself",
                                                   "buffers of a huge page are mapped with it",
                                                   "all buffers are one piece of memory, mapped at once"};
            line("    chunk: {}  # {}", format_bytes(ring_chunk(q_.pages)), kWhy[static_cast<std::size_t>(q_.pages)]);
        }
        std::uint64_t warmup = q_.kind.pattern == soc::Pattern::random && q_.mapping != Mapping::ring
                                   ? 4 * pages()
                                   : q_.working_set_bytes / q_.packet_bytes;
        const bool cut = warmup > kMostWarmup;
        warmup = std::clamp<std::uint64_t>(warmup, 1000, kMostWarmup);
        line("    warmup: {}  # {}", warmup,
             cut ? "not enough to touch every page, but what can be waited for: make it larger to be sure"
                 : "enough to touch every page; left out of statistics");
        line("    transfers: {}", warmup + std::clamp<std::uint64_t>(warmup / 4, 5000, 20'000));
    }

    void study() {
        line("study:  # xlate sweep {}", file_);
        line("  vary:");
        if (kept()) {
            line("    - name: pages");
            line("      points:");
            if (q_.mapping == Mapping::ring) {
                line("        - {{ name: 4 KiB, set: {{ \"traffic[0].chunk\": {} }} }}",
                     format_bytes(ring_chunk(Pages::scattered)));
                line("        - {{ name: 2 MiB, set: {{ \"traffic[0].chunk\": {} }} }}",
                     format_bytes(ring_chunk(Pages::huge)));
            } else {
                line("        - {{ name: 4 KiB, set: {{ \"traffic[0].pages\": scattered }} }}");
                line("        - {{ name: 2 MiB, set: {{ \"traffic[0].pages\": huge }} }}");
            }
            if (family().sizes_walks())
                line("    - {{ name: walks at once, path: soc.iommu.{}, values: [1, 2, 4, 8, 16] }}", family().sized);
            else
                line("    - {{ name: TLB entries, path: soc.iommu.{}, values: [{}] }}", family().sized,
                     fmt::join(entries(), ", "));
        } else if (family().arm32) {
            line("    - {{ name: CPUs, path: \"traffic[0].tasks\", values: [1, 4, {}] }}", kCpus);
        } else {
            line("    - name: policy");
            line("      points:");
            line("        - {{ name: strict, set: {{ kernel.parameters.iommu.strict: 1 }} }}");
            line("        - {{ name: lazy, set: {{ kernel.parameters.iommu.strict: 0 }} }}");
            line("        - {{ name: passthrough, set: {{ kernel.parameters.iommu.passthrough: 1 }} }}");
            line("    - {{ name: CPUs, path: \"traffic[0].tasks\", values: [1, 4, {}] }}", kCpus);
        }
        line("  columns:");
        line("    - {{ name: GB/s, value: 'masters[0].bandwidth_bytes_per_s / 1000000000' }}");
        line(
            "    - {{ name: '% of the rate', value: 'masters[0].bandwidth_bytes_per_s / masters[0].asked_bytes_per_s * "
            "100' }}");
        if (kept()) line("    - {{ name: walk ns, value: 'masters[0].breakdown_ns.walk' }}");
        line("    - {{ name: p99 ns, value: 'masters[0].latency_ns.p99' }}");
        line("    - {{ name: limited by, value: 'masters[0].limited_by.resource' }}");
    }

    /// From few to as many as the working set has pages.
    std::vector<std::uint64_t> entries() const {
        const std::uint64_t all = std::clamp<std::uint64_t>(std::uint64_t{1} << log2_ceil(pages()), 64, 1U << 20);
        std::vector<std::uint64_t> list{16, 64, all / 16, all / 4, all / 2, all};
        std::sort(list.begin(), list.end());
        list.erase(std::unique(list.begin(), list.end()), list.end());
        list.erase(std::remove_if(list.begin(), list.end(), [](std::uint64_t n) { return n < 16; }), list.end());
        return list;
    }

    /// What one mapping of a ring's buffers covers.
    std::uint64_t ring_chunk(Pages pages) const {
        if (pages == Pages::contiguous) return q_.working_set_bytes;
        return std::max(pages == Pages::huge ? kBlock : kPage, std::uint64_t{1} << log2_ceil(q_.packet_bytes));
    }

    /// Power of two that moves half as much again as is asked.
    unsigned width_bytes() const {
        for (const unsigned width : {16U, 32U, 64U, 128U, 256U}) {
            const std::uint64_t cycles = 1 + (q_.transaction_bytes + width - 1) / width;
            if (q_.transaction_bytes * 1'000'000'000 / cycles * 2 >= q_.rate_bytes_per_s * 3) return width;
        }
        throw too_fast("an interconnect of 256 B a cycle at 1 GHz");
    }
    std::uint64_t memory() const {
        for (const std::uint64_t one : kMemories) {
            if (one >= 2 * q_.rate_bytes_per_s) return one;
        }
        throw too_fast(fmt::format("half of {} of memory", format_bandwidth(std::end(kMemories)[-1])));
    }
    const Link& link() const {
        for (const Link& one : kLinks) {
            if (one.bytes_per_s >= q_.rate_bytes_per_s * (q_.transaction_bytes + kHeader) / q_.transaction_bytes)
                return one;
        }
        throw too_fast(std::end(kLinks)[-1].name);
    }
    InputError too_fast(const std::string& what) const {
        return InputError(
            Diagnostic{{"--rate", {}, {}, {}},
                       "",
                       fmt::format("{} are more than {} carries", format_bandwidth(q_.rate_bytes_per_s), what),
                       "a lower rate",
                       ""});
    }

    const DeviceQuestion& q_;
    std::string file_;
    std::string out_;
};

}  // namespace

std::string device_config(const DeviceQuestion& question, const std::string& name) {
    return Writer(question, name).write();
}

}  // namespace xlate::study
