#include "study/why/explain.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "study/config/config.hpp"
#include "study/results/json_file.hpp"
#include "study/results/resources.hpp"
#include "study/run/run.hpp"
#include "study/why/levers.hpp"
#include "study/why/slowest.hpp"
#include "study/why/trial.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kSlowest = 5;
constexpr double kMatters = 0.05;

InputError wrong(const std::string& file, std::string what, std::string expected = {}, std::string nearest = {}) {
    return InputError(Diagnostic{{file, {}, {}, {}}, "", std::move(what), std::move(expected), std::move(nearest)});
}

/// The config that a run was made with.
std::string config_of(const std::string& run) {
    std::error_code ignored;
    return std::filesystem::is_directory(run, ignored) ? run + "/config.resolved.yaml" : run;
}

/// The sets that keep every master to so many transfers. A warm-up stays as it is, and a quarter of them behind it.
std::vector<Override> cuts(const Config& config, std::uint64_t most) {
    std::vector<Override> sets;
    for (std::size_t i = 0; i < config.traffic.size(); ++i) {
        const Parsed<std::uint64_t> warmup = parse_integer(config.traffic[i].warmup);
        const std::uint64_t kept =
            warmup ? std::max(most, warmup.value() + std::max<std::uint64_t>(most / 4, 1)) : most;
        if (config.traffic[i].params.transfers > kept)
            sets.push_back({fmt::format("traffic[{}].transfers", i), fmt::format("{}", kept)});
    }
    return sets;
}

/// The config once more, with `sets` besides.
Config again(const Config& config, const std::vector<Override>& sets) {
    return config.text == nullptr ? load_config(config.source, sets) : parse_config(*config.text, config.source, sets);
}

/// In a child: what the run comes to, without its lists of events.
Json run_once(Config config, bool slowest) {
    Slowest watch(kSlowest, config.kernel.page_bytes);
    for (const TrafficConfig& traffic : config.traffic) watch.set_warmup(traffic.device, warmup_of(traffic).value());
    RunOptions options;
    if (slowest) options.listener = &watch;
    options.busy = slowest;
    const RunReport report = run(config, options);
    if (report.status != ExitStatus::ok && report.status != ExitStatus::failed) return {{"error", report.why}};
    Json result = report.result;
    for (const char* key : {"faults", "kernel", "groups", "untranslated"}) result.erase(key);
    if (!slowest) return result;
    for (Json& master : result["masters"]) {
        master["slowest"] = watch.of(master["device"].get<std::string>());
        master["pages"] = watch.pages_of(master["device"].get<std::string>());
    }
    for (std::size_t i = 0; i < result["masters"].size(); ++i) result["masters"][i]["busy"] = report.busy.at(i);
    result["resolved"] = resolved_yaml(config);
    return result;
}

/// The same with these values in place of those of the resolved config. A finding keeps its key and not its line: what
/// is read is no file.
Json run_with(const std::string& resolved, const std::string& file, const std::vector<Override>& sets) {
    try {
        return run_once(parse_config(resolved, file, sets), false);
    } catch (const InputError& error) {
        std::vector<Diagnostic> findings = error.findings();
        for (Diagnostic& finding : findings) finding.where = {file, {}, {}, {}};
        throw InputError(std::move(findings), error.status());
    }
}

void throw_if_error(const std::string& file, const Json& said) {
    if (!said.contains("error")) return;
    const auto text = said["error"].get<std::string>();
    throw wrong(file, fmt::format("cannot be run again: {}", text));
}

std::string text_of(const std::vector<Override>& sets) {
    std::string text;
    for (const Override& one : sets) text += one.path + "=" + one.value + "\n";
    return text;
}

const Json* master_of(const Json& result, const Json& device) {
    for (const Json& master : result.at("masters")) {
        if (master.at("device") == device) return &master;
    }
    return nullptr;
}

double bandwidth(const Json& master) { return master.at("bandwidth_bytes_per_s").get<double>(); }

double bandwidth_of_all(const Json& result) {
    double sum = 0;
    for (const Json& master : result.at("masters")) sum += bandwidth(master);
    return sum;
}

/// Who asks for more of what is full gets it from those who share it: by how much a master's bandwidth can rise of what
/// its limit, something else than its own transfers, has left.
double left_of_limit(const Lever& lever, const Json& master) {
    constexpr double kAny = 1e9;
    if (lever.resource != resource::kOutstanding || !master.contains("limited_by")) return kAny;
    const Json& limit = master.at("limited_by");
    const double share = limit.at("share").get<double>();
    const bool full = share >= 0.85 && limit.at("resource") != resource::kOutstanding;
    return full ? 1 / share - 1 : kAny;
}

Json trial_json(const Lever& lever, const Json& base, const Json& said, double before_of_all) {
    Json one = {{"resource", lever.resource}, {"key", lever.key}, {"from", lever.from}, {"to", lever.to}};
    const Json* const master = said.contains("error") ? nullptr : master_of(said, base.at("device"));
    if (master == nullptr) {
        one["error"] = said.value("error", "the master has no traffic in it");
        return one;
    }
    one["bandwidth_bytes_per_s"] = master->at("bandwidth_bytes_per_s");
    const double before = bandwidth(base);
    one["gain"] = before <= 0 ? 0.0 : std::round((bandwidth(*master) / before - 1) * 1000) / 1000;
    const double more = bandwidth(*master) - before;
    one["from_others"] = more > before * kMatters && (bandwidth_of_all(said) - before_of_all < more / 2 ||
                                                      more / before > left_of_limit(lever, base) + kMatters);
    one["latency_mean_ns"] = master->at("latency_ns").at("mean");
    one["limited_by"] = master->contains("limited_by") ? master->at("limited_by").at("resource") : Json();
    return one;
}

/// The sets by which every IOMMU costs nothing; none if that cannot be.
std::vector<Override> without_iommus(const Config& config) {
    std::vector<Override> sets;
    if (config.soc.fidelity != soc::Fidelity::exact) return sets;
    const auto add = [&](const std::string& path, const IommuConfig& iommu) {
        sets.push_back({path + ".tbu.ideal", "true"});
        for (const auto& [name, port] : iommu.params.tbus)
            sets.push_back({yaml::join_path(path + ".tbus", name) + ".ideal", "true"});
    };
    add("soc.iommu", config.soc.iommu);
    for (const auto& [path, iommu] : config.soc.iommus) add(yaml::join_path("soc.iommus", path), iommu);
    return sets;
}

/// A function whose driver has switched ATS on.
bool asks_by_itself(const Json& master) {
    const auto atc = master.find("atc");
    return atc != master.end() && atc->value("enabled", false);
}

double three_digits(double share) { return std::round(share * 1000) / 1000; }

/// What a master's IOMMU costs it: by its parts of the transactions' time (projected), and against the run without.
Json overhead_json(const Json& master, const Json& said) {
    const Json* const without = said.contains("error") ? nullptr : master_of(said, master.at("device"));
    if (without == nullptr) return {};
    const auto mean = [](const Json& of) { return of.at("latency_ns").at("mean").get<double>(); };
    const auto part = [](const Json& of, const char* group) { return of.at("breakdown_ns").at(group).get<double>(); };
    // The wires of the IOMMU are those that are not there without it.
    double iommu = part(master, "link") - part(*without, "link");
    for (const char* group : {"iommu_queue", "tlb", "walk", "software"}) iommu += part(master, group);
    const double rest = mean(master) - iommu;
    if (rest <= 0 || mean(*without) <= 0 || bandwidth(*without) <= 0) return {};
    return {{"projected", three_digits(iommu / rest)},
            {"realised", three_digits(mean(master) / mean(*without) - 1)},
            {"latency_mean_ns", mean(*without)},
            {"bandwidth_bytes_per_s", without->at("bandwidth_bytes_per_s")},
            {"bandwidth_lost", three_digits(1 - bandwidth(master) / bandwidth(*without))}};
}

}  // namespace

Json explain(const WhyQuestion& question) {
    Config config = load_config(config_of(question.run));
    const std::string file = config.source;
    std::vector<Override> cut = cuts(config, question.most_transfers);
    const Json base =
        in_processes({[&] { return run_once(cut.empty() ? config : again(config, cut), true); }}, 1).front();
    throw_if_error(file, base);
    // What was left to us is written out now: a lever can name it.
    Config resolved = parse_config(base.at("resolved").get<std::string>(), file);
    std::vector<std::string> names;
    for (const Json& master : base.at("masters")) {
        if (master.at("issued") != 0) names.push_back(master.at("device").get<std::string>());
    }
    if (!question.master.empty() && std::find(names.begin(), names.end(), question.master) == names.end()) {
        throw wrong(question.run, fmt::format("no master '{}' had traffic", printable(question.master)),
                    fmt::format("one of {}", fmt::join(names, ", ")),
                    nearest_name(question.master, names).value_or(""));
    }
    if (names.empty()) throw wrong(question.run, "no master had traffic", "a run with traffic");

    std::vector<std::vector<Lever>> levers;
    std::map<std::string, std::size_t> number_of;
    std::vector<std::function<Json()>> works;
    for (std::size_t i = 0; i < base.at("masters").size(); ++i) {
        const auto device = base.at("masters")[i].at("device").get<std::string>();
        const bool asked = question.master.empty() ? std::find(names.begin(), names.end(), device) != names.end()
                                                   : device == question.master;
        levers.push_back(asked ? levers_of(resolved, base, i) : std::vector<Lever>{});
        for (const Lever& lever : levers.back()) {
            if (!number_of.emplace(text_of(lever.sets), works.size()).second) continue;
            const std::vector<Override> sets = lever.sets;
            works.emplace_back(
                [&base, &file, sets] { return run_with(base.at("resolved").get<std::string>(), file, sets); });
        }
    }
    const std::vector<Override> ideal = without_iommus(resolved);
    if (!ideal.empty()) {
        works.emplace_back(
            [&base, &file, ideal] { return run_with(base.at("resolved").get<std::string>(), file, ideal); });
    }
    const std::vector<Json> tried = in_processes(works, question.jobs);

    Json masters = Json::array();
    for (std::size_t i = 0; i < levers.size(); ++i) {
        if (levers[i].empty()) continue;
        const Json& master = base.at("masters")[i];
        Json one;
        for (const char* key : {"device", "bandwidth_bytes_per_s", "asked_bytes_per_s", "latency_ns", "breakdown_ns",
                                "limited_by", "busy", "slowest", "pages"}) {
            if (master.contains(key)) one[key] = master[key];
        }
        std::vector<Json> trials;
        for (const Lever& lever : levers[i])
            trials.push_back(
                trial_json(lever, master, tried[number_of.at(text_of(lever.sets))], bandwidth_of_all(base)));
        std::stable_sort(trials.begin(), trials.end(),
                         [](const Json& a, const Json& b) { return a.value("gain", -2.0) > b.value("gain", -2.0); });
        if (asks_by_itself(master)) {
            one["no_overhead"] =
                "its ATC asks for translations, and for pages, also where the IOMMU costs nothing: no run is without";
        } else if (!ideal.empty()) {
            const Json overhead = overhead_json(master, tried.back());
            if (!overhead.is_null()) one["overhead"] = overhead;
        }
        one["tried"] = trials;
        masters.push_back(std::move(one));
    }
    return {{"schema", "xlate.why/1"},
            {"name", base.at("name")},
            {"digest", base.at("digest")},
            {"cut", !cut.empty()},
            {"masters", masters}};
}

}  // namespace xlate::study
