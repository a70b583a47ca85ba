// `xlate why RUN [MASTER]`: from a master's slowest transactions to what limits it, and what more of each resource
// would bring, by runs that try it.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace xlate::study {

struct WhyQuestion {
    std::string run;                         ///< directory of a run, or a config
    std::string master;                      ///< empty: every one that had traffic
    unsigned jobs = 1;                       ///< trials at once
    std::uint64_t most_transfers = 100'000;  ///< of a master in a trial; a longer run is cut
};

/// Schema "xlate.why/1": name, digest, cut (whether runs were), masters: [{device, bandwidth_bytes_per_s,
/// asked_bytes_per_s, latency_ns, limited_by, busy: [{resource, share, places, occupancy, waiting}], slowest: [...],
/// tried: [{resource, key, from, to, bandwidth_bytes_per_s, gain, from_others, latency_mean_ns, limited_by}]}], the
/// largest gain first. A trial that cannot be run has `error` instead. Errors: InputError if the run cannot be read or
/// run again, or has no such master.
nlohmann::ordered_json explain(const WhyQuestion& question);

/// The same for people.
std::string explain_text(const nlohmann::ordered_json& why);

}  // namespace xlate::study
