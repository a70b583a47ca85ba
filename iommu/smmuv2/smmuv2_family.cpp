#include <algorithm>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/small_instances.hpp"
#include "iommu/smmuv2/register_files.hpp"
#include "iommu/smmuv2/sheet.hpp"

namespace xlate::iommu {
namespace {

namespace gr0 = smmuv2::gr0;

constexpr std::string_view kLikes[] = {"by-compatible",
                                       "full",
                                       "smmu-v1",
                                       "smmu-v2",
                                       "mmu-400-like",
                                       "mmu-401-like",
                                       "mmu-500-like",
                                       "qcom-smmu-500-like",
                                       "qcom-smmu-v2-like",
                                       "nvidia-smmu-500-like",
                                       "marvell-smmu-500-like",
                                       "cavium-smmu-v2-like"};
constexpr std::string_view kNoYes[] = {"no", "yes"};

constexpr OptionSpec option(const char* key, const char* sentence, Span<std::string_view> choices) {
    return {"smmuv2", "SMMUv1 and v2 only.", key, sentence, choices};
}
constexpr OptionSpec number(const char* key, const char* sentence, std::uint64_t high) {
    return {"smmuv2", "SMMUv1 and v2 only.", key, sentence, {}, 0, 0, high};
}
constexpr unsigned kMostGroups = 128;
enum Option : std::size_t { like, stream_groups, context_banks, secure_access, firmware_rewrites_s2cr };
constexpr OptionSpec kOptions[] = {
    option("like", "What its ID registers say; by-compatible: what firmware calls it.", {kLikes, std::size(kLikes)}),
    number("stream_groups",
           "ID0.NUMSMRG: stream mapping register groups; 0: as `like` has them, and no fewer than the masters in "
           "firmware need.",
           128),
    number("context_banks", "ID1.NUMCB: context banks; 0: as `like` and its interrupts have them.", 128),
    option("secure_access", "Whether software sees the secure copies of its registers (Calxeda).",
           {kNoYes, std::size(kNoYes)}),
    option("firmware_rewrites_s2cr",
           "Whether a hypervisor drops S2CR writes of type fault and stores bypass as fault (Qualcomm).",
           {kNoYes, std::size(kNoYes)}),
};

/// What a compatible says of the ID registers, in names of smmuv2::features_by_name().
std::string_view features_of(std::string_view compatible) {
    constexpr struct {
        std::string_view compatible, features;
    } kRows[] = {
        {"arm,smmu-v1", "smmu-v1"},
        {"arm,mmu-400", "mmu-400-like"},
        {"arm,mmu-401", "mmu-401-like"},
        {"arm,smmu-v2", "smmu-v2"},
        {"arm,mmu-500", "mmu-500-like"},
        {"cavium,smmu-v2", "cavium-smmu-v2-like"},
        {"marvell,ap806-smmu-500", "marvell-smmu-500-like"},
        {"nvidia,smmu-500", "nvidia-smmu-500-like"},
        {"qcom,smmu-v2", "qcom-smmu-v2-like"},
        {"qcom,smmu-500", "qcom-smmu-500-like"},
        {"qcom,adreno-smmu", "qcom-smmu-500-like"},
    };
    for (const auto& row : kRows) {
        if (row.compatible == compatible) return row.features;
    }
    return "mmu-500-like";
}

constexpr std::uint32_t kIdRegisters[] = {gr0::sCR0, gr0::IDR0, gr0::IDR1, gr0::IDR2, gr0::IDR7};

/// What ID registers say, those that are given; the space is theirs to say as well.
void take_ids(smmuv2::Features& f, const std::map<std::uint64_t, std::uint32_t>& registers) {
    using namespace smmuv2;
    const auto given = [&](std::uint32_t offset, const std::function<void(std::uint32_t)>& take) {
        const auto found = registers.find(offset);
        if (found != registers.end()) take(found->second);
    };
    const auto set = [](std::uint8_t& field, const Field& place, std::uint32_t word) {
        field = static_cast<std::uint8_t>(place.get(word));
    };
    given(gr0::IDR0, [&](std::uint32_t word) {
        set(f.numsmrg, idr0::NUMSMRG, word);
        set(f.exids, idr0::EXIDS, word);
        set(f.numsidb, idr0::NUMSIDB, word);
        set(f.cttw, idr0::CTTW, word);
        set(f.numirpt, idr0::NUMIRPT, word);
        set(f.no_aarch32s, idr0::PTFS_NO_AARCH32S, word);
        set(f.no_aarch32, idr0::PTFS_NO_AARCH32, word);
        set(f.atosns, idr0::ATOSNS, word);
        set(f.sms, idr0::SMS, word);
        set(f.nts, idr0::NTS, word);
        set(f.s2ts, idr0::S2TS, word);
        set(f.s1ts, idr0::S1TS, word);
    });
    given(gr0::IDR1, [&](std::uint32_t word) {
        set(f.numcb, idr1::NUMCB, word);
        set(f.smcd, idr1::SMCD, word);
        set(f.nums2cb, idr1::NUMS2CB, word);
        set(f.numpagendxb, idr1::NUMPAGENDXB, word);
        set(f.pagesize, idr1::PAGESIZE, word);
        f.numcb = static_cast<std::uint8_t>(std::min<std::uint32_t>(f.numcb, f.space().pages));
    });
    given(gr0::IDR2, [&](std::uint32_t word) {
        set(f.ias, idr2::IAS, word);
        set(f.oas, idr2::OAS, word);
        set(f.ubs, idr2::UBS, word);
        set(f.ptfs_4k, idr2::PTFS_4K, word);
        set(f.ptfs_16k, idr2::PTFS_16K, word);
        set(f.ptfs_64k, idr2::PTFS_64K, word);
        set(f.vmid16s, idr2::VMID16S, word);
    });
    given(gr0::IDR7, [&](std::uint32_t word) {
        set(f.major, idr7::MAJOR, word);
        set(f.minor, idr7::MINOR, word);
    });
}

std::unique_ptr<Instance> make(const InstanceParams& params) {
    const InstanceFacts& facts = params.facts;
    smmuv2::SmmuParams own;
    const Hardware& hardware = params.hardware;
    const bool by_compatible = hardware.option(kOptions[like]) == 0;
    own.features = smmuv2::features_by_name(
        std::string(by_compatible ? features_of(facts.compatible) : hardware.choice(kOptions[like])));
    // The next smaller size that the architecture has.
    constexpr std::uint64_t kLeast = 0x4000, kMost = 0x2000000;
    const std::uint64_t bytes = facts.register_bytes.empty() ? kLeast : facts.register_bytes.front();
    const auto& registers = hardware.registers;
    if (registers.count(gr0::IDR1) == 0) {
        smmuv2::fit_space(own.features,
                          bytes < kLeast ? kLeast : std::min(kMost, std::uint64_t{1} << log2_floor(bytes)));
        smmuv2::fit_interrupts(
            own.features, facts.interrupts > facts.global_interrupts ? facts.interrupts - facts.global_interrupts : 0);
    }
    if (const auto groups = hardware.option(kOptions[stream_groups]); groups != 0)
        own.features.numsmrg = static_cast<std::uint8_t>(groups);
    else if (own.features.sms != 0 && facts.stream_matches > own.features.numsmrg)
        own.features.numsmrg = static_cast<std::uint8_t>(std::min(facts.stream_matches, kMostGroups));
    if (const auto banks = hardware.option(kOptions[context_banks]); banks != 0) {
        const std::uint32_t pages = own.features.space().pages;
        if (banks > pages) {
            throw InputError(Diagnostic{{},
                                        params.name + ": smmuv2.context_banks",
                                        fmt::format("found {}", banks),
                                        fmt::format("{} at most: its registers have no place for more", pages),
                                        {}});
        }
        own.features.numcb = static_cast<std::uint8_t>(banks);
    }
    take_ids(own.features, registers);
    own.secure_access = hardware.option(kOptions[secure_access]) == 1;
    own.firmware_rewrites_s2cr = hardware.option(kOptions[firmware_rewrites_s2cr]) == 1;
    if (const auto cr0 = registers.find(gr0::sCR0); cr0 != registers.end()) own.reset_cr0 = cr0->second;
    own.seed = params.seed;
    own.name = params.name;
    own.global_interrupts = static_cast<std::uint8_t>(std::min(facts.global_interrupts, facts.interrupts));
    own.context_interrupts = static_cast<std::uint16_t>(facts.interrupts - own.global_interrupts);
    own.caches.tlb = params.caches.tlb;
    own.caches.ipa = params.caches.ipa;
    own.caches.walk_enabled = params.caches.walk_enabled;
    std::copy(std::begin(params.caches.walk_s1), std::end(params.caches.walk_s1), std::begin(own.caches.walk_s1));
    std::copy(std::begin(params.caches.walk_s2), std::end(params.caches.walk_s2), std::begin(own.caches.walk_s2));
    const auto files = static_cast<unsigned>(facts.register_bytes.size());
    if (facts.compatible == "nvidia,smmu-500" && files > 1) {
        return std::make_unique<smmuv2::RegisterFiles>(own, std::min(files, 4U));
    }
    return std::make_unique<smmuv2::Smmu>(own);
}

constexpr TimingPreset kTiming{
    "mmu-500-like",
    "port TLB hit: 2 clocks (docs/spec/iommu-anchors.md section E, Arm DDI 0517); all else is an estimate",
    {false, 16, 0, 1, 1},
    {true, 64, 0, 2, 2},
    {true, 512, 4, 3, 3},
    10,
    64,
    8,
    {4, 16, 64, 0},
    {4, 16, 64, 0}};

constexpr Family kFamilies[] = {
    {"smmuv1",
     &kTiming,
     &smmuv2::sheet,
     &make,
     {kOptions, std::size(kOptions)},
     nullptr,
     {kIdRegisters, std::size(kIdRegisters)}},
    {"smmuv2", &kTiming, &smmuv2::sheet, &make, {}, nullptr, {kIdRegisters, std::size(kIdRegisters)}},
};

/// An MMU-500 with few banks and, unless more are wanted, few stream mapping groups: the driver writes each.
std::unique_ptr<Instance> make_small(const SmallInstance& wanted) {
    constexpr unsigned kGroups = 16, kContexts = 8;
    smmuv2::SmmuParams params;
    params.features = smmuv2::mmu500_like();
    params.features.atosns = 0;  // all that the driver has a use for
    params.features.ptfs_16k = 1;
    params.features.pagesize = 0;
    params.features.numpagendxb = 3;  // 16 pages each for the global space and for banks
    params.features.numcb = kContexts;
    params.features.nums2cb = 0;
    const unsigned groups = wanted.entries != 0 ? wanted.entries : kGroups;
    params.features.numsmrg = static_cast<std::uint8_t>(std::min(groups, 127U));
    params.features.sms = wanted.matches_streams ? 1 : 0;
    if (!wanted.matches_streams) {
        params.features.numsidb = 0;
        while (1U << params.features.numsidb < groups) ++params.features.numsidb;
    }
    params.context_interrupts = kContexts;
    CacheParams few;
    few.entries = kSmallCache;
    CacheParams none = few;
    none.enabled = false;
    params.caches.tlb = few;
    params.caches.ipa = none;
    for (CacheParams& level : params.caches.walk_s1) level = few;
    for (CacheParams& level : params.caches.walk_s2) level = none;
    params.caches.walk_s1[3] = none;
    return std::make_unique<smmuv2::Smmu>(params);
}

}  // namespace

Span<Family> smmuv2_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily smmuv2_small() { return {"smmuv2", &make_small}; }
ExampleBoard smmuv2_example() {
    ExampleBoard one{"smmuv2", "an SMMUv2 (MMU-500)", "smmuv2.dtb", "a000000.video"};
    one.pci = true;
    return one;
}

}  // namespace xlate::iommu
