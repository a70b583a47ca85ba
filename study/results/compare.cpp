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
#include "study/results/expect.hpp"
#include "study/results/json_file.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownDifferences = 200;

struct Tolerance {
    std::string metric;
    double share = 0;  ///< of the first value
};

constexpr const char* kSweepFile = "sweep.json";

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

/// `["64, few"].walks`: a point by its labels, a value by its column.
std::map<std::string, Json> leaves_of_sweep(const Json& sweep) {
    std::map<std::string, Json> leaves;
    for (const Json& point : sweep.at("points")) {
        std::string labels;
        for (const Json& label : point.at("labels")) labels += (labels.empty() ? "" : ", ") + label.get<std::string>();
        const std::string at = fmt::format("[\"{}\"]", labels);
        leaves[at + ".state"] = point.at("state");
        leaves[at + ".digest"] = point.at("digest");
        leaves[at + ".failed"] = point.at("failed");
        for (std::size_t i = 0; i < sweep.at("columns").size(); ++i)
            leaves[at + "." + sweep.at("columns")[i].at("name").get<std::string>()] = point.at("values").at(i);
    }
    return leaves;
}

std::map<std::string, Json> read_leaves(const std::string& path) {
    const auto [file, is_sweep] = file_of(path);
    if (!is_sweep) return leaves_of(read_json_file(file, "xlate.result/1"));
    const Json sweep = read_json_file(file, "xlate.sweep/1");
    try {
        return leaves_of_sweep(sweep);
    } catch (const nlohmann::json::exception& error) {
        throw InputError(
            Diagnostic{{file, {}, {}, {}}, "", fmt::format("is incomplete: {}", printable(error.what())), "", ""});
    }
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

}  // namespace

Comparison compare_results(const std::string& first, const std::string& second,
                           const std::vector<std::string>& tolerances) {
    const std::vector<Tolerance> allowed = parse_tolerances(tolerances);
    if (file_of(first).second != file_of(second).second) {
        throw InputError(
            Diagnostic{{second, {}, {}, {}}, "", "one of the two is a sweep, the other a run", "two of a kind", ""});
    }
    const std::map<std::string, Json> a = read_leaves(first);
    const std::map<std::string, Json> b = read_leaves(second);
    std::vector<std::string> differences;
    for (const auto& [path, value] : a) {
        const auto other = b.find(path);
        if (other == b.end()) {
            differences.push_back(fmt::format("{}: {} only in the first", path, value.dump()));
            continue;
        }
        if (value == other->second) continue;
        std::string change;
        if (value.is_number() && other->second.is_number()) {
            const double before = value.get<double>();
            const double after = other->second.get<double>();
            const double share = before != 0 ? (after - before) / std::fabs(before) : 1.0;
            const auto fits = [&, &name = path](const Tolerance& t) {
                return ends_with(name, t.metric) && std::fabs(share) <= t.share;
            };
            if (std::any_of(allowed.begin(), allowed.end(), fits)) continue;
            change = before != 0 ? fmt::format(" ({:+.2f} %)", share * 100) : "";
        } else if ((path == "digest" || ends_with(path, "digest")) && !allowed.empty()) {
            continue;  // a digest cannot be nearly the same
        }
        differences.push_back(fmt::format("{}: {} -> {}{}", path, value.dump(), other->second.dump(), change));
    }
    for (const auto& [path, value] : b) {
        if (a.count(path) == 0) differences.push_back(fmt::format("{}: {} only in the second", path, value.dump()));
    }
    Comparison comparison;
    comparison.same = differences.empty();
    std::vector<JunitCase> cases{
        {"same within tolerances", comparison.same, fmt::format("{} differences", differences.size())}};
    for (std::size_t i = 0; i < differences.size() && i < kShownDifferences; ++i) {
        comparison.text += printable(differences[i]) + "\n";
        cases.push_back({differences[i].substr(0, differences[i].find(": ")), false, differences[i]});
    }
    if (differences.size() > kShownDifferences)
        comparison.text += fmt::format("... and {} more\n", differences.size() - kShownDifferences);
    if (comparison.same) comparison.text = "the same\n";
    comparison.junit = junit_xml("compare", cases);
    return comparison;
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
