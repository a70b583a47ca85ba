#include "study/config/explore_config.hpp"

#include <filesystem>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "explore/scenario/scenarios.hpp"
#include "study/config/yaml/parse.hpp"
#include "study/config/yaml/read.hpp"

namespace xlate::study {
namespace {

using explore::Action;
using explore::ActionKind;
using explore::Scenario;
using yaml::Findings;
using yaml::Kind;
using yaml::MapReader;
using yaml::Value;

const std::vector<std::string>& action_names() {
    static const std::vector<std::string> kNames{"bind",           "unbind",           "add",           "remove",
                                                 "register_iommu", "unregister_iommu", "dma_configure", "notify_add",
                                                 "load_driver",    "access",           "unload_driver"};
    return kNames;
}

/// Reads one map; keys that are absent leave their fields alone.
class Reader {
public:
    Reader(const Value& value, const std::string& path, Findings& findings)
        : map_(value, path, findings), findings_(findings) {}

    void text(const char* key, std::string& field) { plain(key, field); }
    void boolean(const char* key, bool& field) { plain(key, field); }
    template <typename T>
    void integer(const char* key, T& field, std::uint64_t high = std::numeric_limits<T>::max()) {
        std::uint64_t wide = field;
        if (const Value* value = map_.take(key))
            yaml::read_integer(*value, map_.path_of(key), findings_, wide, 0, high);
        field = static_cast<T>(wide);
    }
    void texts(const char* key, std::vector<std::string>& field) {
        each(key, field, [&](const Value& value, const std::string& path, std::string& one) {
            yaml::read(value, path, findings_, one);
        });
    }
    template <typename T, typename Read>
    void each(const char* key, std::vector<T>& field, Read read) {
        if (const Value* value = map_.take(key)) each_of(*value, map_.path_of(key), field, read);
    }
    template <typename T, typename Read>
    void each_of(const Value& value, const std::string& path, std::vector<T>& field, Read read) {
        if (value.kind != Kind::list) {
            findings_.add(value.place, path, "found " + value.describe(), "a list");
            return;
        }
        field.assign(value.items.size(), T{});
        for (std::size_t i = 0; i < field.size(); ++i) read(value.items[i], yaml::join_path(path, i), field[i]);
    }
    const Value* take(const char* key) { return map_.take(key); }
    std::string path_of(const char* key) const { return map_.path_of(key); }
    void finish() { map_.finish(); }

private:
    template <typename T>
    void plain(const char* key, T& field) {
        if (const Value* value = map_.take(key)) yaml::read(*value, map_.path_of(key), findings_, field);
    }
    MapReader map_;
    Findings& findings_;
};

class ScenarioReader {
public:
    explicit ScenarioReader(Findings& findings) : findings_(findings) {}

    /// A name, or a map that may start from a named one by `like`.
    Scenario read(const Value& value, const std::string& path) {
        if (value.kind == Kind::scalar) return named(value, path);
        Reader map(value, path, findings_);
        Scenario scenario;
        if (const Value* like = map.take("like")) scenario = named(*like, map.path_of("like"));
        map.text("name", scenario.name);
        map.text("what", scenario.what);
        map.text("variant", scenario.variant);
        if (const Value* firmware = map.take("firmware")) {
            std::size_t which = 0;
            yaml::read_choice(*firmware, map.path_of("firmware"), findings_, {"devicetree", "acpi"}, which);
            scenario.firmware = which == 0 ? explore::Firmware::device_tree : explore::Firmware::acpi;
        }
        map.each("iommus", scenario.iommus,
                 [&](const Value& v, const std::string& p, explore::IommuSpec& spec) { iommu(v, p, spec); });
        map.each("devices", scenario.devices,
                 [&](const Value& v, const std::string& p, explore::DeviceSpec& spec) { device(v, p, spec); });
        map.each("before", scenario.before, [&](const Value& v, const std::string& p, Action& a) { action(v, p, a); });
        map.each("tasks", scenario.tasks,
                 [&](const Value& v, const std::string& p, explore::TaskSpec& spec) { task(v, p, spec); });
        if (const Value* drivers = map.take("drivers")) {
            std::size_t which = 0;
            yaml::read_choice(*drivers, map.path_of("drivers"), findings_, {"rows", "real"}, which);
            if (which == 1) become_real(*drivers, map.path_of("drivers"), scenario);
        }
        if (const Value* mmio = map.take("mmio")) {
            std::size_t which = 0;
            yaml::read_choice(*mmio, map.path_of("mmio"), findings_, {"at once", "scheduled"}, which);
            scenario.schedules_mmio = which == 1;
        }
        if (const Value* stores = map.take("stores")) {
            std::size_t which = 0;
            yaml::read_choice(*stores, map.path_of("stores"), findings_, {"at once", "late"}, which);
            scenario.stores_late = which == 1;
        }
        map.text("arch", scenario.arch);
        map.boolean("iommu_knows_vmbus", scenario.iommu_knows_vmbus);
        map.boolean("deferral_timeout", scenario.deferral_timeout);
        map.boolean("rechecks_trigger", scenario.rechecks_trigger);
        map.texts("shows", scenario.shows);
        map.finish();
        return scenario;
    }

private:
    Scenario named(const Value& value, const std::string& path) {
        std::string name;
        if (!yaml::read(value, path, findings_, name)) return {};
        try {
            return explore::find_scenario(name);
        } catch (const InputError& error) {
            for (Diagnostic finding : error.findings()) {
                finding.where = value.place.position();
                finding.path = path;
                findings_.add(std::move(finding));
            }
            return {};
        }
    }
    void become_real(const Value& value, const std::string& path, Scenario& scenario) {
        const std::string name = scenario.name;
        if (!explore::has_real_form(scenario)) {
            findings_.add(value.place, path, "no IOMMU of the scenario has a real driver");
            return;
        }
        scenario = explore::with_real_drivers(std::move(scenario));
        if (name.empty()) scenario.name.clear();
    }
    void iommu(const Value& value, const std::string& path, explore::IommuSpec& spec) {
        Reader map(value, path, findings_);
        map.text("name", spec.name);
        if (const Value* driver = map.take("driver")) this->driver(*driver, map.path_of("driver"), spec);
        map.boolean("registered", spec.registered);
        map.boolean("available", spec.available);
        map.boolean("driver_built", spec.driver_built);
        map.boolean("registration_fails", spec.registration_fails);
        if (const Value* given = map.take("hardware")) hardware(*given, map.path_of("hardware"), spec.hardware);
        map.finish();
    }
    /// A row's name, or `{real: NAME}`.
    void driver(const Value& value, const std::string& path, explore::IommuSpec& spec) {
        spec.real = value.kind == Kind::map;
        if (!spec.real) {
            yaml::read(value, path, findings_, spec.driver);
            return;
        }
        Reader map(value, path, findings_);
        map.text("real", spec.driver);
        std::vector<std::string> mistakes;
        map.texts("mistakes", mistakes);
        spec.mistakes = {};
        for (const std::string& name : mistakes) {
            if (const auto mistake = kernel::find_mistake(name)) {
                spec.mistakes.add(*mistake);
            } else {
                findings_.add(value.place, map.path_of("mistakes"), fmt::format("'{}' is no mistake", printable(name)),
                              "", nearest_name(name, kernel::mistake_names()).value_or(""));
            }
        }
        map.finish();
    }
    void hardware(const Value& value, const std::string& path, kernel::ModelHardware& has) {
        Reader map(value, path, findings_);
        map.integer("entries", has.entries, 4096);
        map.boolean("stream_matching", has.stream_matching);
        const auto word = [&](const Value& one, const std::string& at, std::uint32_t& id) {
            std::uint64_t wide = 0;
            if (yaml::read_integer(one, at, findings_, wide, 0, 0xFFFF'FFFF)) id = static_cast<std::uint32_t>(wide);
        };
        map.each("absent", has.absent, word);
        map.each("groups", has.groups, [&](const Value& set, const std::string& at, std::vector<std::uint32_t>& ids) {
            map.each_of(set, at, ids, word);
        });
        map.text("refusal", has.refusal);
        map.boolean("large_pages", has.large_pages);
        map.boolean("bypass", has.bypass);
        map.finish();
    }
    void device(const Value& value, const std::string& path, explore::DeviceSpec& spec) {
        Reader map(value, path, findings_);
        map.text("name", spec.name);
        map.each("iommus", spec.iommus, [&](const Value& v, const std::string& p, explore::EntrySpec& entry) {
            Reader inner(v, p, findings_);
            inner.text("iommu", entry.iommu);
            inner.each("args", entry.args, [&](const Value& arg, const std::string& at, std::uint32_t& word) {
                std::uint64_t wide = 0;
                if (yaml::read_integer(arg, at, findings_, wide, 0, 0xFFFF'FFFF))
                    word = static_cast<std::uint32_t>(wide);
            });
            inner.boolean("legacy", entry.legacy);
            inner.boolean("viot", entry.viot);
            inner.finish();
        });
        map.boolean("added", spec.added);
        map.boolean("bound", spec.bound);
        map.boolean("has_bus", spec.has_bus);
        map.integer("defers", spec.defers, 1000);
        map.text("shares_group_of", spec.shares_group_of);
        map.text("wanted_domain", spec.wanted_domain);
        map.boolean("does_dma", spec.does_dma);
        map.boolean("listed", spec.listed);
        map.boolean("own_domain", spec.own_domain);
        map.boolean("coherent", spec.coherent);
        map.text("bus", spec.bus);
        map.finish();
    }
    void task(const Value& value, const std::string& path, explore::TaskSpec& spec) {
        Reader map(value, path, findings_);
        map.text("name", spec.name);
        map.integer("cpu", spec.cpu, 63);
        map.each("actions", spec.actions, [&](const Value& v, const std::string& p, Action& a) { action(v, p, a); });
        map.finish();
    }
    /// One key, the kind, with its target: `{bind: eth0}`.
    void action(const Value& value, const std::string& path, Action& made) {
        if (value.kind != Kind::map || value.entries.size() != 1) {
            findings_.add(value.place, path, "found " + value.describe(),
                          "one action with its target such as {bind: eth0}");
            return;
        }
        const yaml::Entry& entry = value.entries.front();
        for (std::size_t i = 0; i < action_names().size(); ++i) {
            if (action_names()[i] != entry.key) continue;
            made.kind = static_cast<ActionKind>(i);
            yaml::read(entry.value, yaml::join_path(path, entry.key), findings_, made.target);
            return;
        }
        findings_.add(entry.place, path, fmt::format("found action '{}'", entry.key),
                      fmt::format("one of {}", fmt::join(action_names(), ", ")),
                      nearest_name(entry.key, action_names()).value_or(""));
    }

    Findings& findings_;
};

void read_options(const Value& value, const std::string& path, Findings& findings, explore::ExploreOptions& options) {
    Reader map(value, path, findings);
    if (const Value* strategy = map.take("strategy")) {
        std::size_t which = 0;
        if (yaml::read_choice(*strategy, map.path_of("strategy"), findings,
                              {"portfolio", "dpor", "pct", "pos", "random", "dfs"}, which)) {
            options.strategy = static_cast<explore::Strategy>(which);
        }
    }
    map.integer("budget", options.budget);
    if (const Value* time = map.take("time")) {
        SimTime limit;
        if (yaml::read(*time, map.path_of("time"), findings, limit)) options.time_limit_ms = limit.fs / kFsPerMs;
    }
    map.integer("jobs", options.jobs, 1024);
    map.integer("seed", options.seed);
    map.integer("deviations", options.deviations, 1000);
    map.boolean("minimise", options.minimise);
    map.boolean("data_races", options.data_races);
    map.boolean("stop_at_first", options.stop_at_first);
    map.finish();
}

ExploreConfig read_config(Value root, const std::string& file, const std::vector<Override>& overrides) {
    for (const Override& override : overrides)
        yaml::set_at(root, override.path, yaml::parse(override.value, "--set " + override.path));
    ExploreConfig config;
    Findings findings;
    Reader map(root, "", findings);
    map.text("name", config.name);
    if (const Value* scenario = map.take("scenario")) {
        config.scenario = ScenarioReader(findings).read(*scenario, "scenario");
    } else {
        findings.add(root.place, "", "key 'scenario' is missing");
    }
    map.text("variant", config.scenario.variant);
    map.texts("matrix", config.matrix);
    if (const Value* options = map.take("explore")) read_options(*options, "explore", findings, config.options);
    map.finish();
    findings.throw_if_any();
    if (config.name.empty()) config.name = std::filesystem::path(file).stem().string();
    if (config.scenario.name.empty()) config.scenario.name = config.name;
    try {
        explore::validate(config.scenario);
    } catch (const InputError& error) {
        std::vector<Diagnostic> all = error.findings();
        for (Diagnostic& finding : all) {
            if (finding.where.file.empty()) finding.where = root.place.position();
        }
        throw InputError(std::move(all), error.status());
    }
    return config;
}

}  // namespace

const std::vector<std::string>& explore_action_names() { return action_names(); }

ExploreConfig load_explore_config(const std::string& file, const std::vector<Override>& overrides) {
    return read_config(yaml::parse_file(file, yaml::kConfigBudget), file, overrides);
}

ExploreConfig parse_explore_config(const std::string& text, const std::string& file,
                                   const std::vector<Override>& overrides) {
    return read_config(yaml::parse(text, file, yaml::kConfigBudget), file, overrides);
}

std::uint64_t parse_time_limit_ms(const std::string& text, const std::string& option) {
    const Parsed<SimTime> time = parse_time(text);
    if (!time) throw InputError(Diagnostic{{option, {}, {}, {}}, "", time.error(), "", ""});
    return time.value().fs / kFsPerMs;
}

}  // namespace xlate::study
