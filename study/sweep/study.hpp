// A study: one config that is run at many points. The key `study` of a config; `xlate run` ignores it.
//   study:
//     set: { expect: [] }                     # at every point
//     vary:                                   # every combination; the first axis changes slowest
//       - { name: entries, path: soc.iommu.tbu.tlb.entries, values: [64, 128] }
//       - { name: wide, path: soc.iommu.tbu.tlb.entries, from: 64, to: 16384, steps: 5, scale: log }   # unit: KiB, ...
//       - { name: pair, zip: [ { path: seed, values: [1, 2] }, { path: soc.memory.banks, values: [8, 16] } ] }
//       - { name: policy, points: [ { name: strict, set: { kernel.parameters.iommu.strict: 1 } } ] }
//     columns:                                # expressions as in `expect:`
//       - { name: p99 ns, value: 'masters[0].latency_ns.p99' }
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "study/config/config.hpp"
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

struct Study {
    std::string name;
    std::string file;
    std::string text;            ///< of the file: what is planned, merged and run is this, whatever becomes of the file
    std::vector<Override> sets;  ///< at every point
    std::vector<StudyAxis> axes;  ///< none: one point
    std::vector<StudyColumn> columns;
};

/// Reads the study from a config's text; `file` names it. Errors: InputError with everything that is wrong with the key
/// `study`, two axes that set one value among it. A config without one is a study of one point and no column.
Study parse_study(const std::string& text, const std::string& file);

inline constexpr std::size_t kMaxPoints = 100'000;
/// Errors: InputError (status 4) if there are more than that.
std::size_t count_points(const Study& study);

/// Whether what is set at `path` is a part of what is set at `whole`, or the same.
bool is_within(const std::string& path, const std::string& whole);

/// JSON Schema (draft 7) of the key `study`, as a part of a config's and as a text of its own.
nlohmann::ordered_json study_schema_json();
std::string study_schema();

}  // namespace xlate::study
