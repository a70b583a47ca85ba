// Every family that has an engine: what makes an instance of it, its parameters, its config keys, its usual timing.
// A family stands in a file of its own, iommu/<folder>/<name>_family.cpp, which defines
//     Span<Family> <name>_family();
// in xlate::iommu; the build gathers these files, in the order of their names, into families().
// Which family a node of firmware is, firmware/iommu_families says.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/span.hpp"
#include "iommu/cache.hpp"
#include "iommu/instance.hpp"
#include "iommu/smmuv3/parameters.hpp"

namespace xlate::iommu {

/// What a register holds.
struct RegisterWord {
    std::uint64_t offset = 0;
    std::uint32_t word = 0;
};

/// A config key of a family: `soc.iommu.<block>.<key>`. One of `choices`, the first unless the config says another; or,
/// if there are no choices, a number.
struct OptionSpec {
    const char* block;     ///< "dart"
    const char* audience;  ///< a sentence on the block: "Apple's DART only."
    const char* key;       ///< "page_size"
    const char* sentence;
    Span<std::string_view> choices;
    std::uint64_t usual = 0;  ///< a number's value if the config says nothing
    std::uint64_t low = 0, high = 0;
    /// The value that ID registers stand for, where a board is described by what they hold (`xlate init`); nothing:
    /// they do not say. Without: they never do.
    std::optional<std::uint64_t> (*of_registers)(const std::vector<RegisterWord>& words) = nullptr;
};

/// What the ID registers say, by family.
struct Hardware {
    smmuv3::Features smmuv3 = smmuv3::qemu_like();
    /// "dart.page_size": the number of a choice, or the number. What is not there is as usual.
    std::map<std::string, std::uint64_t> options;
    /// What registers hold before software comes, by offset (those of a second bank follow on the first one's): words
    /// of ID registers say what there is, all others are what firmware or a boot loader wrote.
    std::map<std::uint64_t, std::uint32_t> registers;
    /// Ids of the masters that are there, for an IOMMU that knows them (virtio-iommu). None: every id is.
    std::optional<std::vector<std::uint32_t>> endpoints;

    std::uint64_t option(const OptionSpec& option) const;
    /// option() of a choice, as its name. UB: one without choices.
    std::string_view choice(const OptionSpec& option) const;
};

/// What firmware says of one instance.
struct InstanceFacts {
    std::string compatible;                      ///< "arm,smmu-v3"
    std::vector<std::uint64_t> register_bytes;   ///< of each register bank
    unsigned interrupts = 0;                     ///< in `interrupts`
    unsigned global_interrupts = 1;              ///< of those, the first ones (SMMUv1, v2)
    unsigned stream_matches = 0;                 ///< that firmware's masters need at once (SMMUv1, v2)
    std::map<std::string, std::uint32_t> cells;  ///< its properties of one cell: "ti,#tlb-entries"
    /// A part with a node of its own (firmware::iommu_parts). Register banks of parts follow the IOMMU's own, one each;
    /// so do interrupts.
    struct Part {
        std::string compatible;
        std::uint64_t place = 0;              ///< of its registers, as its `reg` has it
        std::optional<std::uint32_t> number;  ///< that firmware gives it beside
        std::uint64_t bytes = 0;
    };
    std::vector<Part> parts;
    unsigned own_banks() const { return static_cast<unsigned>(register_bytes.size() - parts.size() - outside.size()); }
    /// A register bank that another node of firmware has: "larb" and its number, for instance.
    struct OutsideBank {
        std::string role;
        unsigned number = 0;
    };
    std::vector<OutsideBank> outside;  ///< the last ones of register_bytes, in their order
};

/// Caches of the core. A family takes those that its sheet names.
struct CoreCaches {
    CacheParams config, tlb, ipa;
    bool walk_enabled = true;
    CacheParams walk_s1[4], walk_s2[4];  ///< by level

    /// A walk cache of stage 1 that is on only if walk caches are.
    CacheParams walk(unsigned level) const;
};

/// Everything about one instance. Plain values, already validated.
struct InstanceParams {
    Hardware hardware;
    InstanceFacts facts;
    CoreCaches caches;
    std::uint64_t seed = 1;
    std::string name;                     ///< names its streams of random numbers
    std::uint8_t commands_per_fetch = 1;  ///< 1..4
    bool prefetch_commands = false;
};

/// A table of a preset: least recently used goes first. Times in cycles of the IOMMU's clock.
struct TableTiming {
    bool enabled = true;
    std::uint32_t entries = 16;
    std::uint32_t ways = 0;  ///< 0: fully associative
    std::uint32_t cycles = 1;
    std::uint32_t slots = 1;  ///< look-ups at once
};

/// Shape and speed that an instance's config starts from: a preset by name. What it does not name is as in
/// mmu-600-like.
struct TimingPreset {
    std::string_view name;    ///< "rockchip-like"
    std::string_view source;  ///< of its numbers, or "estimate"
    TableTiming micro_tlb;    ///< in each port
    TableTiming port_tlb;     ///< behind it
    TableTiming core_tlb;
    std::uint32_t link = 10;  ///< cycles between port and core, one way
    std::uint32_t xlate_slots = 64;
    std::uint32_t walk_slots = 16;
    std::uint32_t walk_s1[4] = {256, 256, 256, 0};  ///< entries of the walk cache by level; 0: none
    std::uint32_t walk_s2[4] = {256, 256, 256, 0};
};

using MakeInstance = std::function<std::unique_ptr<Instance>(const InstanceParams&)>;

struct Family {
    std::string_view name;       ///< as firmware/iommu_families has it
    const TimingPreset* timing;  ///< nullptr: mmu-600-like
    const InstanceSpec& (*sheet)();
    std::unique_ptr<Instance> (*make)(const InstanceParams&);
    Span<OptionSpec> options;  ///< those of families that share a block stand with the first of them
    /// `unit` is a cache of `main`, of the same family, which outlives it (firmware::main_iommu); nullptr: there are
    /// none.
    void (*connect)(Instance& unit, Instance& main) = nullptr;
    Span<std::uint32_t> id_registers{};  ///< offsets whose words make() takes from Hardware::registers
    bool knows_endpoints = false;        ///< make() takes Hardware::endpoints: masters that are not there are refused
};
const std::vector<Family>& families();
/// nullptr: no engine.
const Family* find_family(std::string_view name);

/// Puts Hardware::registers into a new instance, ID registers aside. Returns a sentence for each word that it does not
/// have then: "+0x24 reads 0x30000008, not 0x30000010".
std::vector<std::string> preset_registers(Instance& instance, const Hardware& hardware,
                                          Span<std::uint32_t> id_registers);

}  // namespace xlate::iommu
