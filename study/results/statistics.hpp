// Every number of a result as rows of one table: stats.csv, and a table of run.sqlite.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace xlate::study {

struct Statistic {
    std::string name;   ///< "masters[].latency_ns.p99"
    std::string of;     ///< whose: "0000:01:00.0"; empty: the run's
    std::string value;  ///< as in result.json; true and false are 1 and 0
    std::string unit;
    std::string what;
};

/// Numbers that count or measure; not the elements of a list of happenings (faults, reports, the kernel's timeline).
std::vector<Statistic> statistics(const nlohmann::ordered_json& result);
/// name,of,value,unit,what. RFC 4180.
std::string statistics_csv(const nlohmann::ordered_json& result);

}  // namespace xlate::study
