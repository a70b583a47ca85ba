#include "study/init/machine/log_smmuv3.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "iommu/smmuv3/parameters.hpp"
#include "study/init/machine/log_number.hpp"

namespace xlate::study {
namespace {

namespace smmu = iommu::smmuv3;

constexpr unsigned kOutputSizes[] = {32, 36, 40, 42, 44, 48};  // that `oas` takes
constexpr unsigned kMostOutputBits = 48;
/// Linux's queues are of a power of two of bytes; without contiguous memory of its own no queue is larger than this.
constexpr std::uint64_t kMostQueueBytes = 1U << 20;

/// Which part of a config says what a bit of the features says.
enum class Says {
    key,       ///< a key of its own
    like,      ///< `like`: the sets of features that this model has
    newer,     ///< `like` as well; kernels that do not know the bit leave it 0
    firmware,  ///< the firmware itself
    others,    ///< other bits
    nothing
};
/// ARM_SMMU_FEAT_* of Linux.
struct Feature {
    unsigned bit;
    Says by;
    const char* name;  ///< the key's, or what it is in words
};
constexpr Feature kFeatures[] = {
    {0, Says::like, "stream tables of two levels"},
    {1, Says::like, "tables of context descriptors of two levels"},
    {2, Says::like, "little-endian tables"},
    {3, Says::like, "big-endian tables"},
    {4, Says::key, "pri"},
    {5, Says::key, "ats"},
    {6, Says::key, "sev"},
    {7, Says::key, "msi"},
    {8, Says::firmware, "coherent walks"},
    {9, Says::like, "stage 1"},
    {10, Says::like, "stage 2"},
    {11, Says::like, "stalls"},
    {12, Says::like, "HYP"},
    {13, Says::like, "stalls that cannot be switched off"},
    {14, Says::like, "input addresses of 52 bits (VAX)"},
    {15, Says::key, "ril"},
    {16, Says::like, "TLB maintenance by the CPUs' broadcasts (BTM)"},
    {17, Says::nothing, "SVA, which the CPUs decide as well"},
    {18, Says::nothing, "E2H, which the CPUs decide"},
    {19, Says::others, "nesting"},  // both stages
    {20, Says::newer, "attribute overrides"},
    {21, Says::newer, "access flags by hardware (HA)"},
    {22, Says::newer, "dirty states by hardware (HD)"},
    {23, Says::newer, "S2FWB"},
    {24, Says::newer, "BBML2"},
};

constexpr std::uint64_t bit(unsigned at) { return std::uint64_t{1} << at; }

/// What Linux's arm_smmu_device_hw_probe() makes of a set of features, without what keys and firmware say.
std::uint64_t printed_of(const smmu::Features& f) {
    const auto when = [](bool is, unsigned at) { return is ? bit(at) : 0; };
    return when(f.st_level == 1, 0) | when(f.cd2l != 0, 1) | when(f.ttendian == 0 || f.ttendian == 2, 2) |
           when(f.ttendian == 0 || f.ttendian == 3, 3) | when(f.s1p != 0, 9) | when(f.s2p != 0, 10) |
           when(f.stall_model != 1, 11) | when(f.hyp != 0, 12) | when(f.stall_model == 2, 13) | when(f.vax == 1, 14) |
           when(f.btm != 0, 16) | when(f.attr_types_ovr != 0, 20) | when(f.httu >= 1, 21) | when(f.httu == 2, 22) |
           when(f.fwb != 0, 23) | when(f.bbml == 2, 24);
}

/// Bits in which the log and a set of features differ, of those that the set decides.
std::uint64_t differences(std::uint64_t features, std::uint64_t printed) {
    std::uint64_t differ = 0;
    for (const Feature& one : kFeatures) {
        const bool here = (features >> one.bit & 1) != 0, there = (printed >> one.bit & 1) != 0;
        if (one.by == Says::like ? here != there : one.by == Says::newer && here && !there) differ |= bit(one.bit);
    }
    return differ;
}

unsigned count(std::uint64_t bits) {
    unsigned all = 0;
    for (; bits != 0; bits &= bits - 1) ++all;
    return all;
}

struct Like {
    const char* name;
    std::uint64_t printed;
};
/// The set of features that is nearest to what the log says; of equals the first one.
Like like_of(std::uint64_t features) {
    Like best{"qemu", printed_of(smmu::qemu_like())};
    for (const char* const name : {"mmu-600-like", "full"}) {
        const std::uint64_t printed = printed_of(smmu::features_by_name(name));
        if (count(differences(features, printed)) < count(differences(features, best.printed))) best = {name, printed};
    }
    return best;
}

}  // namespace

bool LogSmmuV3::take(std::string_view text) {
    if (const auto features = number_behind(text, "(features ")) {
        features_ = features;
        ias_ = number_behind(text, "ias ");
        // "oas 44-bit": the number ends where its unit begins
        oas_ = number_behind(text, "oas ");
        return true;
    }
    if (const auto options = number_behind(text, "option mask ")) {
        options_ = options;
        return true;
    }
    if (text.find("IDR0.COHACC overridden by FW configuration (true)") != std::string_view::npos) {
        not_coherent_ = true;
        return true;
    }
    constexpr std::string_view kQueue = " entries for ";
    const std::size_t queue = text.find(kQueue);
    const auto entries = number_behind(text, "allocated ");
    if (!entries || queue == std::string_view::npos) return false;
    const std::string name(text.substr(queue + kQueue.size()));
    if (name != "cmdq" && name != "evtq" && name != "priq") return false;
    queues_[name] = *entries;
    return true;
}

std::string LogSmmuV3::entry() const {
    if (!features_) return "";
    std::string keys;
    const auto add = [&](const std::string& key) { keys += (keys.empty() ? "" : ", ") + key; };
    const Like like = like_of(*features_);
    if (like.name != std::string_view("qemu")) add(fmt::format("like: {}", like.name));  // qemu: the default
    if (oas_ && *oas_ > kMostOutputBits) {
        add(fmt::format("oas: {}", kMostOutputBits));
    } else if (oas_ && std::find(std::begin(kOutputSizes), std::end(kOutputSizes), *oas_) != std::end(kOutputSizes)) {
        add(fmt::format("oas: {}", *oas_));
    }
    // In the order of a config's reference.
    for (const unsigned at : {5, 4, 7, 6, 15}) {
        const auto one = std::find_if(std::begin(kFeatures), std::end(kFeatures),
                                      [&](const Feature& feature) { return feature.bit == at; });
        add(fmt::format("{}: {}", one->name, (*features_ >> at & 1) != 0));
    }
    return fmt::format("features: {{ {} }}", keys);
}

std::vector<std::string> LogSmmuV3::notes() const {
    std::vector<std::string> all;
    if (features_) {
        const Like like = like_of(*features_);
        const std::uint64_t differ = differences(*features_, like.printed);
        std::uint64_t known = 0;
        for (const Feature& one : kFeatures) {
            known |= bit(one.bit);
            const bool here = (*features_ >> one.bit & 1) != 0;
            if ((differ >> one.bit & 1) != 0)
                all.push_back(fmt::format(here ? "{}: in the log, not in `like: {}`; no key says it"
                                               : "{}: not in the log, but in `like: {}`; no key says it",
                                          one.name, like.name));
            if (one.by == Says::nothing && here) all.push_back(fmt::format("{}: no key says it", one.name));
        }
        if ((*features_ & ~known) != 0)
            all.push_back(fmt::format("features {:#x}: bits that are not known here", *features_ & ~known));
    }
    if (oas_ && *oas_ > kMostOutputBits) {
        all.push_back(fmt::format("oas {}-bit: {} are the most here", *oas_, kMostOutputBits));
    } else if (oas_ && std::find(std::begin(kOutputSizes), std::end(kOutputSizes), *oas_) == std::end(kOutputSizes)) {
        all.push_back(fmt::format("oas {}-bit: no size of the architecture", *oas_));
    }
    if (ias_ && ias_ != oas_) all.push_back(fmt::format("ias {}-bit: here it is as oas", *ias_));
    if (options_.value_or(0) != 0)
        all.push_back(fmt::format("option mask {:#x}: workarounds of its driver, which are not modelled", *options_));
    if (not_coherent_) all.emplace_back("IDR0.COHACC 0: here it is 1, and firmware decides in either case");
    for (const auto& [name, entries] : queues_) {
        constexpr std::uint64_t kEntryBytes = 16, kEventBytes = 32;
        const std::uint64_t most = kMostQueueBytes / (name == "evtq" ? kEventBytes : kEntryBytes);
        if (entries != most)
            all.push_back(fmt::format("{} entries for {}: no key says it; here they are {}", entries, name, most));
    }
    return all;
}

}  // namespace xlate::study
