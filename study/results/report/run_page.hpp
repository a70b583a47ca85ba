// What the sections of a run's page share. A section is a function: what the run came to in, HTML out, nothing if it
// has nothing to say.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "study/results/report/report.hpp"

namespace xlate::study {

struct RunPage {
    const nlohmann::ordered_json& result;
    const nlohmann::ordered_json& series;  ///< null: there is none
    const std::string& config;             ///< config.resolved.yaml; empty: there is none
    std::size_t figures = 0;               ///< so many have a number

    template <class Chart>
    std::string add(const Chart& chart) {
        return chart_html(chart, ++figures);
    }
    bool has_series() const { return series.is_object(); }
};

inline constexpr std::size_t kMostRows = 200;  ///< of one table: more is for result.json
inline constexpr std::size_t kMostLines = 8;   ///< of one chart: more cannot be told apart

std::string text(const nlohmann::ordered_json& value);
/// "… and 12 more in result.json", if there are more than kMostRows.
std::string more_of(std::size_t all);
/// A list; `css`: of each line.
std::string html_list(const nlohmann::ordered_json& lines, const char* css);
/// Values of a list over time; null becomes not a number.
std::vector<double> numbers(const nlohmann::ordered_json& list);
/// Beginnings of the stretches of a series.
std::vector<double> bin_starts(const nlohmann::ordered_json& series);

/// Of result.json's resources[].kind: "translation slots of the core".
std::string resource_words(const std::string& kind);

// The sections, in the order of the page (run_report.cpp).
std::string answer_section(RunPage& page);
std::string soc_section(RunPage& page);
std::string masters_section(RunPage& page);
std::string latency_section(RunPage& page);
std::string iommus_section(RunPage& page);
std::string resources_section(RunPage& page);
std::string time_section(RunPage& page);
std::string groups_section(RunPage& page);
std::string boot_section(RunPage& page);
std::string probe_section(RunPage& page);
std::string faults_section(RunPage& page);
std::string kernel_section(RunPage& page);
std::string sanitizer_section(RunPage& page);
std::string config_section(RunPage& page);

}  // namespace xlate::study
