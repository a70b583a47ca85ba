// A study: one config that is run at many points. The key `study` of a config; `xlate run` ignores it.
//   study:
//     set: { expect: [] }                     # at every point
//     vary:                                   # every combination; the first axis changes slowest
//       - { name: entries, path: soc.iommu.tbu.tlb.entries, values: [64, 128] }
//       - { name: wide, path: soc.iommu.tbu.tlb.entries, from: 64, to: 16384, steps: 5, scale: log }   # unit: KiB, ...
//       - { name: pair, zip: [ { path: seed, values: [1, 2] }, { path: soc.memory.banks, values: [8, 16] } ] }
//       - { name: policy, points: [ { name: strict, set: { kernel.parameters.iommu.strict: 1 } } ] }
//       - { name: board, path: firmware.devicetree, files: 'boards/*.dtb' }
//     where: [ 'entries <= 4096 or policy == "strict"' ]   # points for which all hold; names of axes
//     sample: { points: 50, method: latin, seed: 1 }       # or random: so many of them; ranges may leave out steps
//     repeat: { seeds: 30, until: p99 ns, within: 2 % }    # each point with seeds 1, 2, ...; or a number of seeds
//     columns:                                # expressions as in `expect:`
//       - { name: p99 ns, value: 'masters[0].latency_ns.p99' }
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "study/config/config.hpp"
#include "study/config/yaml/extends.hpp"
#include "study/results/expect.hpp"

namespace xlate::study {

struct StudyAxis {
    std::string name;
    struct Alternative {
        std::string label;
        std::vector<Override> sets;
    };
    std::vector<Alternative> alternatives;
};

struct StudyColumn {
    std::string name;
    Expectation value;
};

/// Not every combination but some of them.
struct StudySample {
    enum class Method : std::uint8_t {
        every,
        random,  ///< each as likely as any other
        latin,   ///< Latin hypercube: along each axis, its alternatives are there as evenly as they can be
    };
    Method method = Method::every;
    std::uint64_t points = 0;
    std::uint64_t seed = 1;
    SourcePosition where{};
};

/// Each point several times, with one seed after the other.
struct StudyRepeat {
    std::uint64_t seeds = 0;  ///< at most so many; 0: each point once, with the config's seed
    std::uint64_t first = 1;
    std::string until{};      ///< column whose mean is to be known; empty: all seeds are run
    double within = 0;        ///< half of the 95 % confidence interval, as a share of the mean
    std::uint64_t least = 3;  ///< before that is asked
};
inline constexpr const char* kSeedAxis = "seed";  ///< the innermost axis of a study that repeats

/// Over the names of the axes: { entries: 64, policy: "strict" }.
struct StudyConstraint {
    Expectation holds;
    SourcePosition where;
    std::string path;
};

struct Study {
    std::string name;
    std::string file;
    std::string text;            ///< of the file: what is planned, merged and run is this, whatever becomes of the file
    yaml::Bases bases{};         ///< files that it extends, and what they held
    std::vector<Override> sets;  ///< at every point
    std::vector<StudyAxis> axes;  ///< none: one point
    std::vector<StudyColumn> columns;
    std::vector<StudyConstraint> constraints{};
    StudySample sample{};
    StudyRepeat repeat{};
};

/// Reads the study from a config's text; `file` names it. Errors: InputError with everything that is wrong with the key
/// `study`, two axes that set one value among it. A config without one is a study of one point and no column.
/// `bases`: what it extends, from a plan; nothing: it is read.
Study parse_study(const std::string& text, const std::string& file, const std::optional<yaml::Bases>& bases = {});

inline constexpr std::size_t kMaxPoints = 100'000;

/// Whether what is set at `path` is a part of what is set at `whole`, or the same.
bool is_within(const std::string& path, const std::string& whole);

/// JSON Schema (draft 7) of the key `study`, as a part of a config's and as a text of its own.
nlohmann::ordered_json study_schema_json();
std::string study_schema();

}  // namespace xlate::study
