#include <algorithm>

#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/riscv/iommu.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

constexpr std::string_view kLike[] = {"qemu", "full", "base", "nested"};
constexpr std::string_view kLeafRead[] = {"word", "line"}, kWalkFill[] = {"word", "end"};
constexpr const char* kBlock = "riscv";
constexpr const char* kAudience = "The RISC-V IOMMU only.";
constexpr OptionSpec kOptions[] = {
    {kBlock,
     kAudience,
     "like",
     "capabilities; qemu: as QEMU's; full: all that is modelled, A/D updates too; base: Sv39, one stage, no ATS; "
     "nested: that below a guest, with a second stage (Sv39x4) that maps each page of memory to itself.",
     {kLike, std::size(kLike)}},
    {kBlock, kAudience, "ddt_levels", "The most that ddtp takes.", {}, 3, 1, 3},
    {kBlock, kAudience, "pdt_cache", "Process contexts kept; 0: none.", {}, 64, 0, 4096},
    {kBlock,
     kAudience,
     "leaf_read",
     "What a walk reads of the last level; line: the 64 bytes around its word, whose other translations TLBs keep too.",
     {kLeafRead, std::size(kLeafRead)}},
    {kBlock,
     kAudience,
     "walk_fill",
     "When walk caches, and that of the second stage, take what a walk reads: with each word, or at its end.",
     {kWalkFill, std::size(kWalkFill)}},
};

std::unique_ptr<Instance> make(const InstanceParams& params) {
    riscv::RiscvParams own;
    own.capabilities = riscv::capabilities_by_name(std::string(params.hardware.choice(kOptions[0])));
    own.max_ddt_levels = static_cast<std::uint8_t>(params.hardware.option(kOptions[1]));
    own.fills_at_end = params.hardware.choice(kOptions[4]) == "end";
    own.reads_lines = params.hardware.choice(kOptions[3]) == "line";
    own.wires = std::clamp(params.facts.interrupts, 1U, riscv::kVectors);
    own.ddt_cache = params.caches.config;
    const auto processes = static_cast<std::uint32_t>(params.hardware.option(kOptions[2]));
    own.pdt_cache.enabled = own.ddt_cache.enabled && processes != 0;
    own.pdt_cache.entries = std::max(processes, 1U);
    own.pdt_cache.ways = processes % 4 == 0 && processes != 0 ? 4 : 0;
    own.tlb = params.caches.tlb;
    own.gpa_cache = params.caches.ipa;
    for (unsigned level = 0; level < riscv::kWalkCaches; ++level) {
        own.walk_s1[level] = params.caches.walk(level);
        own.walk_s2[level] = params.caches.walk_s2[level];
        own.walk_s2[level].enabled = own.walk_s2[level].enabled && params.caches.walk_enabled;
    }
    own.seed = params.seed;
    own.name = params.name;
    return std::make_unique<riscv::Iommu>(own);
}

/// A TLB of its own at the port, contexts and tables cached in the core.
constexpr TimingPreset kTiming{
    "riscv-like", "estimate", {false, 16, 0, 1, 1}, {true, 64, 0, 2, 2}, {true, 512, 4, 3, 3}, 10,
    64,           8,          {4, 16, 64, 0},       {4, 16, 64, 0}};

constexpr Family kFamilies[] = {{"riscv", &kTiming, &riscv::sheet, &make, {kOptions, std::size(kOptions)}}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    riscv::RiscvParams params;
    params.capabilities = riscv::capabilities_by_name("base");
    params.max_ddt_levels = 2;
    params.wires = 1;
    CacheParams few;
    few.entries = kSmallCache;
    CacheParams none = few;
    none.enabled = false;
    params.ddt_cache = params.tlb = few;
    params.pdt_cache = params.gpa_cache = none;
    for (CacheParams& level : params.walk_s1) level = few;
    for (CacheParams& level : params.walk_s2) level = none;
    return std::make_unique<riscv::Iommu>(params);
}

}  // namespace

Span<Family> riscv_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily riscv_small() { return {"riscv", &make_small}; }
ExampleBoard riscv_example() {
    ExampleBoard one{"riscv", "a RISC-V IOMMU", "riscv.dtb", "4000000.gpu"};
    one.pci = true;
    one.kernel = "arch: riscv, variant: mainline-6.15.1";
    return one;
}

}  // namespace xlate::iommu
