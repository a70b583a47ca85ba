#include "study/results/compare.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "study/results/compare_metrics.hpp"
#include "study/results/expect.hpp"
#include "study/results/files.hpp"
#include "study/results/json_file.hpp"
#include "study/results/spread.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownDifferences = 200;

struct Tolerance {
    std::string metric;
    double share = 0;  ///< of the first value
};

constexpr const char* kSweepFile = "sweep.json";
using Leaves = std::map<std::string, Json>;

/// What a path means: the file, and whether it is a sweep's.
std::pair<std::string, bool> file_of(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) return {path, fs::path(path).filename() == kSweepFile};
    const std::string sweep = path + "/" + kSweepFile;
    if (fs::exists(sweep, ignored)) return {sweep, true};
    return {path + "/result.json", false};
}

/// Every leaf by its path; elements of lists by their name where they have one.
void flatten(const Json& value, const std::string& path, std::map<std::string, Json>& leaves) {
    if (value.is_object() && !value.empty()) {
        for (const auto& [key, inner] : value.items()) flatten(inner, path.empty() ? key : path + "." + key, leaves);
    } else if (value.is_array() && !value.empty()) {
        for (std::size_t i = 0; i < value.size(); ++i) {
            std::string key = std::to_string(i);
            for (const char* name : {"name", "device", "expr"}) {
                if (value[i].is_object() && value[i].contains(name) && value[i][name].is_string()) {
                    key = "\"" + value[i][name].get<std::string>() + "\"";
                    break;
                }
            }
            std::string at = fmt::format("{}[{}]", path, key);
            if (leaves.count(at) != 0) at += fmt::format("#{}", i);
            flatten(value[i], at, leaves);
        }
    } else {
        leaves[path] = value;
    }
}

/// Which build made it is no outcome.
std::map<std::string, Json> leaves_of(Json result) {
    result.erase("model");
    if (result.contains("kernel") && result["kernel"].contains("timeline")) {
        Json& timeline = result["kernel"]["timeline"];
        timeline = fmt::format("{} events", timeline.size());
    }
    std::map<std::string, Json> leaves;
    flatten(result, "", leaves);
    return leaves;
}

std::string label_of(const Json& labels) {
    std::string all;
    for (const Json& label : labels) all += (all.empty() ? "" : ", ") + label.get<std::string>();
    return fmt::format("[\"{}\"]", all);
}

/// `["64, few"].walks`: a point by its labels, a value by its column.
std::map<std::string, Json> leaves_of_sweep(const Json& sweep) {
    std::map<std::string, Json> leaves;
    for (const Json& point : sweep.at("points")) {
        const std::string at = label_of(point.at("labels"));
        leaves[at + ".state"] = point.at("state");
        leaves[at + ".digest"] = point.at("digest");
        leaves[at + ".failed"] = point.at("failed");
        for (std::size_t i = 0; i < sweep.at("columns").size(); ++i)
            leaves[at + "." + sweep.at("columns")[i].at("name").get<std::string>()] = point.at("values").at(i);
    }
    return leaves;
}

using Spreads = std::map<std::string, Spread>;

/// `["64"].walks`: of a point with all its seeds. Columns without numbers stay what each seed says.
Leaves leaves_of_groups(const Json& sweep, Spreads& spreads) {
    Leaves leaves;
    const Json& columns = sweep.at("columns");
    for (const Json& group : sweep.at("groups")) {
        const std::string at = label_of(group.at("labels"));
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const Json& value = group.at("values").at(i);
            const std::string path = at + "." + columns[i].at("name").get<std::string>();
            leaves[path] = value.is_null() ? Json() : value.at("mean");
            if (value.is_null() || value.at("half_width").is_null()) continue;
            Spread spread;
            spread.count = value.at("count").get<std::size_t>();
            spread.mean = value.at("mean").get<double>();
            const auto n = static_cast<double>(spread.count);
            spread.deviation = value.at("half_width").get<double>() * std::sqrt(n) / student_t(n - 1);
            spreads[path] = spread;
        }
    }
    for (const Json& point : sweep.at("points")) {
        const std::string at = label_of(point.at("labels"));
        leaves[at + ".state"] = point.at("state");
        leaves[at + ".failed"] = point.at("failed");
    }
    return leaves;
}

/// What chance makes two means differ by, at 95 %. Source: Welch's t test, degrees of freedom by Satterthwaite.
std::optional<double> chance_of(const Spread& a, const Spread& b) {
    if (a.count < 2 || b.count < 2) return std::nullopt;
    const auto n = static_cast<double>(a.count);
    const auto m = static_cast<double>(b.count);
    const double u = a.deviation * a.deviation / n;
    const double v = b.deviation * b.deviation / m;
    if (u + v <= 0) return 0.0;
    const double degrees = (u + v) * (u + v) / (u * u / (n - 1) + v * v / (m - 1));
    return student_t(degrees) * std::sqrt(u + v);
}

/// `spreads`: filled where the points are repeated and `groups` asks for it.
Leaves read_leaves(const std::string& path, bool groups = false, Spreads* spreads = nullptr) {
    const auto [file, is_sweep] = file_of(path);
    if (!is_sweep) return leaves_of(read_json_file(file, "xlate.result/1"));
    const Json sweep = read_json_file(file, "xlate.sweep/1");
    try {
        if (groups && spreads != nullptr) return leaves_of_groups(sweep, *spreads);
        return leaves_of_sweep(sweep);
    } catch (const nlohmann::json::exception& error) {
        throw InputError(
            Diagnostic{{file, {}, {}, {}}, "", fmt::format("is incomplete: {}", missing_value(error)), "", ""});
    }
}

/// A sweep whose points are repeated over seeds.
bool is_repeated(const std::string& path) {
    const auto [file, is_sweep] = file_of(path);
    return is_sweep && read_json_file(file, "xlate.sweep/1").contains("groups");
}

std::vector<Tolerance> parse_tolerances(const std::vector<std::string>& texts) {
    std::vector<Tolerance> all;
    for (const std::string& text : texts) {
        const std::size_t equals = text.rfind('=');
        const std::string number = equals == std::string::npos ? "" : text.substr(equals + 1);
        const Parsed<Ratio> ratio = parse_ratio(number.find('%') == std::string::npos ? number + "%" : number);
        if (equals == std::string::npos || equals == 0 || !ratio) {
            throw InputError(Diagnostic{{"--tolerance", {}, {}, {}},
                                        "",
                                        fmt::format("found '{}'", text),
                                        "METRIC=PCT such as latency_ns.p99=2",
                                        ""});
        }
        all.push_back({text.substr(0, equals),
                       static_cast<double>(ratio.value().numerator) / static_cast<double>(ratio.value().denominator)});
    }
    return all;
}

bool ends_with(const std::string& path, const std::string& metric) {
    return path.size() >= metric.size() && path.compare(path.size() - metric.size(), metric.size(), metric) == 0 &&
           (path.size() == metric.size() || path[path.size() - metric.size() - 1] == '.');
}

template <typename Matches>
bool is_somewhere(const Leaves& a, const Leaves& b, const Matches& matches) {
    const auto has = [&](const Leaves& leaves) {
        return std::any_of(leaves.begin(), leaves.end(), [&](const auto& leaf) { return matches(leaf.first); });
    };
    return has(a) || has(b);
}

InputError unknown(const char* option, const std::string& metric, const Leaves& a, const Leaves& b) {
    std::vector<std::string> ends;
    for (const Leaves* leaves : {&a, &b}) {
        for (const auto& [path, value] : *leaves) {
            const std::size_t dot = path.rfind('.');
            ends.push_back(dot == std::string::npos ? path : path.substr(dot + 1));
            const std::size_t before = dot == std::string::npos || dot == 0 ? dot : path.rfind('.', dot - 1);
            if (before != std::string::npos) ends.push_back(path.substr(before + 1));
        }
    }
    return InputError(Diagnostic{{option, {}, {}, {}},
                                 "",
                                 fmt::format("neither of the two has a metric '{}'", printable(metric)),
                                 "the end of a path, such as latency_ns.p99",
                                 nearest_name(metric, ends).value_or("")});
}

/// Everything that differs, in the order of the paths; what only the second has stands last.
std::vector<Difference> differences(const Leaves& a, const Leaves& b) {
    std::vector<Difference> all;
    for (const auto& [path, value] : a) {
        const auto other = b.find(path);
        if (other == b.end()) {
            all.push_back({path, value, Json(), true, false});
        } else if (value != other->second) {
            all.push_back({path, value, other->second, true, true});
        }
    }
    for (const auto& [path, value] : b) {
        if (a.count(path) == 0) all.push_back({path, Json(), value, false, true});
    }
    return all;
}

bool is_tolerated(const Difference& one, const std::vector<Tolerance>& allowed) {
    if (!one.in_first || !one.in_second) return false;
    if (one.is_chance()) return true;
    if (const std::optional<double> share = one.share()) {
        return std::any_of(allowed.begin(), allowed.end(), [&](const Tolerance& tolerance) {
            return ends_with(one.path, tolerance.metric) && std::fabs(*share) <= tolerance.share;
        });
    }
    // A digest cannot be nearly the same.
    return !allowed.empty() && (one.path == "digest" || ends_with(one.path, "digest"));
}

/// Each chosen metric, with what became of it: the worst first.
std::vector<Difference> judge(const Leaves& a, const Leaves& b, const std::vector<Difference>& all,
                              const std::vector<Metric>& metrics, const std::vector<Tolerance>& allowed) {
    std::vector<Difference> chosen;
    const auto metric_of = [&](const std::string& path) {
        return std::find_if(metrics.begin(), metrics.end(), [&](const Metric& metric) { return metric.matches(path); });
    };
    for (const auto& [path, value] : a) {
        if (metric_of(path) == metrics.end()) continue;
        const auto other = b.find(path);
        if (other != b.end() && other->second == value) chosen.push_back({path, value, value, true, true});
    }
    for (const Difference& one : all) {
        const auto metric = metric_of(one.path);
        if (metric == metrics.end()) continue;
        chosen.push_back(one);
        chosen.back().verdict = is_tolerated(one, allowed) ? Verdict::as_before : metric->verdict(one);
        chosen.back().allowed = metric->tolerance;
    }
    std::stable_sort(chosen.begin(), chosen.end(), [](const Difference& x, const Difference& y) {
        if (x.verdict != y.verdict) return x.verdict < y.verdict;
        return std::fabs(x.share().value_or(1)) > std::fabs(y.share().value_or(1));
    });
    return chosen;
}

}  // namespace

Comparison compare_results(const std::string& first, const std::string& second, const CompareOptions& options) {
    if (file_of(first).second != file_of(second).second) {
        throw InputError(
            Diagnostic{{second, {}, {}, {}}, "", "one of the two is a sweep, the other a run", "two of a kind", ""});
    }
    const bool repeated = is_repeated(first) && is_repeated(second);
    Spreads spreads_of_first;
    Spreads spreads_of_second;
    const Leaves a = read_leaves(first, repeated, &spreads_of_first);
    const Leaves b = read_leaves(second, repeated, &spreads_of_second);
    const std::vector<Tolerance> allowed = parse_tolerances(options.tolerances);
    for (const Tolerance& tolerance : allowed) {
        if (!is_somewhere(a, b, [&](const std::string& path) { return ends_with(path, tolerance.metric); }))
            throw unknown("--tolerance", tolerance.metric, a, b);
    }
    const std::vector<Metric> metrics = parse_metrics(options.metrics);
    for (const Metric& metric : metrics) {
        if (!metric.optional && !is_somewhere(a, b, [&](const std::string& path) { return metric.matches(path); }))
            throw unknown("--metric", metric.pattern, a, b);
    }
    std::vector<Difference> all = differences(a, b);
    for (Difference& one : all) {
        const auto before = spreads_of_first.find(one.path);
        const auto after = spreads_of_second.find(one.path);
        if (before != spreads_of_first.end() && after != spreads_of_second.end())
            one.chance = chance_of(before->second, after->second);
    }
    const std::vector<Difference> chosen = judge(a, b, all, metrics.empty() ? headline() : metrics, allowed);
    std::vector<Difference> beyond;
    for (Difference& one : all) {
        if (!is_tolerated(one, allowed)) beyond.push_back(std::move(one));
    }
    Comparison comparison;
    std::vector<JunitCase> cases;
    if (metrics.empty()) {
        comparison.same = beyond.empty();
        cases.push_back({"same within tolerances", comparison.same, fmt::format("{} differences", beyond.size())});
        for (std::size_t i = 0; i < beyond.size() && i < kShownDifferences; ++i) {
            comparison.text += printable(beyond[i].text()) + "\n";
            cases.push_back({beyond[i].path, false, beyond[i].text()});
        }
        if (beyond.size() > kShownDifferences)
            comparison.text += fmt::format("... and {} more\n", beyond.size() - kShownDifferences);
        if (comparison.same) comparison.text = "the same\n";
    } else {
        std::size_t better = 0;
        for (const Difference& one : chosen) {
            comparison.same = comparison.same && one.verdict != Verdict::worse;
            better += one.verdict == Verdict::better ? 1 : 0;
            cases.push_back({one.path, one.verdict != Verdict::worse, one.text()});
            if (one.verdict != Verdict::as_before)
                comparison.text += fmt::format("{:<7} {}\n", name(one.verdict), printable(one.text()));
        }
        const auto worse = static_cast<std::size_t>(std::count_if(
            chosen.begin(), chosen.end(), [](const Difference& one) { return one.verdict == Verdict::worse; }));
        comparison.text += fmt::format("{} metrics: {} worse, {} better, {} as before\n", chosen.size(), worse, better,
                                       chosen.size() - worse - better);
    }
    comparison.markdown = compare_markdown(chosen, beyond);
    comparison.junit = junit_xml("compare", cases);
    return comparison;
}

std::string update_baseline(const std::string& first, const std::string& second) {
    const auto [file, is_sweep] = file_of(first);
    const auto [source, also] = file_of(second);
    if (is_sweep != also) {
        throw InputError(
            Diagnostic{{second, {}, {}, {}}, "", "one of the two is a sweep, the other a run", "two of a kind", ""});
    }
    read_leaves(second);  // nothing that is no result becomes a baseline
    std::string text;
    read_pieces(source, [&text](std::string_view piece) { text += piece; });
    write_file(file, text);
    return file;
}

std::string result_schema() {
    const auto list = [](const std::vector<std::string>& keys) {
        return Json{{"type", "array"}, {"items", {{"type", "object"}, {"required", keys}}}};
    };
    const Json text = {{"type", "string"}};
    const Json model = {
        {"type", "object"},
        {"required", {"version", "sources"}},
        {"properties", {{"version", text}, {"sources", {{"type", "string"}, {"pattern", "^[0-9a-f]{64}$"}}}}}};
    Json properties = {{"schema", {{"const", "xlate.result/1"}}},
                       {"name", text},
                       {"digest", {{"type", "string"}, {"pattern", "^[0-9a-f]{16}$"}}},
                       {"seed", {{"type", "integer"}}},
                       {"variant", text},
                       {"model", model},
                       {"sim", {{"type", "object"}, {"required", {"end_ns", "boot_ns", "events", "outcome"}}}}};
    properties["devices"] =
        list({"name", "path", "driver", "state", "iommu", "ids", "group", "domain", "probe_ns", "first_dma_ns"});
    properties["groups"] = list({"id", "type", "devices"});
    properties["untranslated"] = list({"device", "path", "kind", "why"});
    properties["iommus"] = list({"name", "path", "arch", "translations", "tlb", "walk_reads", "config_reads",
                                 "commands", "events", "latency_ns"});
    properties["masters"] =
        list({"device", "reads", "writes", "bytes", "faults", "bandwidth_bytes_per_s", "latency_ns", "breakdown_ns"});
    properties["faults"] = list({"time_ns", "iommu", "id", "iova", "reason", "device"});
    properties["kernel"] = {{"type", "object"},
                            {"required", {"oops", "lockdep", "races", "deferred", "locks", "timeline"}}};
    properties["expect"] = list({"expr", "ok", "value"});
    Json required = Json::array();
    for (const auto& [key, value] : properties.items()) required.push_back(key);
    // Only in results of runs that had it.
    const auto counts = [](const std::vector<std::string>& keys) {
        Json made = {{"type", "object"}, {"required", keys}, {"properties", Json::object()}};
        for (const std::string& key : keys) made["properties"][key] = {{"type", "integer"}, {"minimum", 0}};
        return made;
    };
    Json& atc = properties["masters"]["items"]["properties"]["atc"];
    atc = counts({"lookups", "hits", "requests", "translated", "refused", "denied", "invalidations"});
    for (const char* key : {"page_requests", "pages_granted", "pages_refused"}) {
        atc["properties"][key] = {{"type", "integer"}};
    }
    atc["properties"]["enabled"] = {{"type", "boolean"}};
    properties["masters"]["items"]["properties"]["messages"] = {{"type", "integer"}, {"minimum", 0}};
    properties["system_cache"] = {{"type", "object"}, {"required", {"traffic", "walks", "fetches", "written_back"}}};
    properties["regulators"] = list({"place", "bytes", "held", "held_ns"});
    properties["links"] = list({"name", "packets", "busy_ns", "busy_share", "no_credit"});
    properties["foreign"] = list({"place", "factory", "counters"});
    properties["protocol"] = counts({"joints", "accesses", "open", "violations"});
    properties["protocol"]["properties"]["first"] = {{"type", "array"}, {"items", text}};
    const Json text_or_null = {{"type", Json::array({"string", "null"})}};
    const Json place_or_null = {{"type", Json::array({"object", "null"})},
                                {"required", {"task", "cpu", "step", "functions"}}};
    Json finding = {{"type", "object"}, {"required", {"rule", "time_ns", "iommu", "what", "missing", "given"}}};
    Json& of_finding = finding["properties"];
    for (const char* key : {"rule", "iommu", "what"}) of_finding[key] = text;
    for (const char* key : {"missing", "given", "cached_for", "used_by"}) of_finding[key] = text_or_null;
    for (const char* key : {"written_by", "claimed_by"}) of_finding[key] = place_or_null;
    of_finding["time_ns"] = {{"type", "number"}};
    of_finding["written_ns"] = {{"type", Json::array({"number", "null"})}};
    Json shadow = counts({"reads", "entries", "held_most", "held", "commands", "syncs", "stores", "claims"});
    shadow["properties"]["name"] = text;
    Json& sanitizer = properties["sanitizer"];
    sanitizer = {{"type", "object"}, {"required", {"findings", "findings_total", "lazy_window", "iommus", "ledger"}}};
    sanitizer["properties"] = {{"findings", {{"type", "array"}, {"items", std::move(finding)}}},
                               {"findings_total", {{"type", "integer"}, {"minimum", 0}}},
                               {"lazy_window", counts({"uses", "frees"})},
                               {"iommus", {{"type", "array"}, {"items", std::move(shadow)}}},
                               {"ledger", counts({"transactions", "differing", "open"})}};
    const Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                         {"title", "xlate result"},
                         {"type", "object"},
                         {"required", std::move(required)},
                         {"properties", std::move(properties)}};
    return schema.dump(2) + "\n";
}

}  // namespace xlate::study
