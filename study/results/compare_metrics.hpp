// Metrics of a comparison: which values count, and which way is worse.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace xlate::study {

enum class Verdict { worse, better, as_before };
const char* name(Verdict verdict);

/// One value in two results.
struct Difference {
    std::string path;
    nlohmann::ordered_json before;
    nlohmann::ordered_json after;
    bool in_first = true;
    bool in_second = true;
    Verdict verdict = Verdict::as_before;
    double allowed = 0;  ///< share by which it may become worse
    /// Of means over seeds: what chance makes differ, at 95 %; nothing: every difference counts.
    std::optional<double> chance{};

    /// It is a difference of means that chance explains.
    bool is_chance() const;

    /// Of the first value; nothing unless both are numbers. From 0 it is 1.
    std::optional<double> share() const;
    /// "masters[...].faults: 0 -> 3", with the change in per cent where there is one.
    std::string text() const;
};

struct Metric {
    enum class Better { lower, higher, same };
    std::string pattern;           ///< the end of a path; `*`: anything
    std::optional<Better> better;  ///< nothing: as the path's name says
    double tolerance = 0;          ///< share of the first value
    bool optional = false;         ///< it may match nothing

    bool matches(const std::string& path) const;
    Verdict verdict(const Difference& difference) const;
};

/// "PATTERN[:lower|higher|same][=PCT]", or "headline". Errors: InputError.
std::vector<Metric> parse_metrics(const std::vector<std::string>& texts);
/// What a reader of any result looks at first.
std::vector<Metric> headline();

/// For a pull request, read in half a minute. `chosen`: the metrics, the worst first; `all`: whatever differs.
std::string compare_markdown(const std::vector<Difference>& chosen, const std::vector<Difference>& all);

}  // namespace xlate::study
