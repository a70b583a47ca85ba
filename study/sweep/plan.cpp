#include "study/sweep/plan.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "study/config/yaml/parse.hpp"
#include "study/results/expect.hpp"
#include "study/results/json_file.hpp"
#include "study/run/model_version.hpp"
#include "study/sweep/choose.hpp"

namespace xlate::study {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kPlanSchema = "xlate.plan/2";

InputError wrong(const std::string& file, const std::string& path, const std::string& what,
                 ExitStatus status = ExitStatus::usage) {
    return InputError(Diagnostic{{file, {}, {}, {}}, path, what, "", ""}, status);
}

std::string_view view(const std::vector<std::uint8_t>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What was written, whatever its layout: a value that is written may count though it is the default. Keys in one
/// order.
void add_document(Sha256& key, const yaml::Value& value) {
    key.add_field(std::to_string(static_cast<int>(value.kind))).add_field(value.quoted ? "quoted" : "plain");
    key.add_field(value.text).add_field(std::to_string(value.items.size() + value.entries.size()));
    for (const yaml::Value& item : value.items) add_document(key, item);
    std::map<std::string_view, const yaml::Value*> entries;
    for (const yaml::Entry& entry : value.entries) entries.emplace(entry.key, &entry.value);
    for (const auto& [name, entry] : entries) {
        key.add_field(name);
        add_document(key, *entry);
    }
}

yaml::Value extended(const Study& study) {
    yaml::Bases bases = study.bases;
    return yaml::parse_extended(study.text, study.file, yaml::kConfigBudget, bases, true);
}

/// Reads what points have in common once.
class Planner {
public:
    Planner(const Study& study, Plan& plan) : study_(study), plan_(plan), root_(extended(study)) {
        model_ = Sha256().add_field(kModelVersion).add_field(model_sources()).text();
    }
    /// Fills in what follows from `overrides`, its sets.
    void complete(PlanPoint& point, const std::vector<Override>& overrides) {
        Config config = parse_config(root_, study_.file, overrides);
        check_expectations(config);
        Sha256 key;
        key.add_field("xlate.point/2").add_field(model_);
        for (const ParameterRow& row : list_parameters(config)) key.add_field(row.path).add_field(row.value);
        if (config.document != nullptr) add_document(key, *config.document);
        if (!config.firmware.generate.empty()) load_firmware(config);  // is it possible?
        for (const std::string& path :
             config.firmware.generate.empty() ? find_firmware(config) : std::vector<std::string>{}) {
            const std::size_t input = input_at(path);
            point.inputs.push_back(input);
            key.add_field(fs::path(path).filename().string()).add_field(digests_[input]);
        }
        point.key = key.text();
    }

private:
    std::size_t input_at(const std::string& path) {
        const auto [known, is_new] = inputs_.emplace(path, plan_.inputs.size());
        if (is_new) {
            plan_.inputs.emplace_back(path, firmware::read_firmware_file(path));
            digests_.push_back(sha256_text(view(plan_.inputs.back().second)));
        }
        return known->second;
    }
    static void check_expectations(const Config& config) {
        for (std::size_t i = 0; i < config.expect.size(); ++i) {
            const std::string path = fmt::format("expect[{}]", i);
            Expectation::parse(config.expect[i], config.where(path), path);
        }
    }

    const Study& study_;
    Plan& plan_;
    yaml::Value root_;
    std::string model_;
    std::map<std::string, std::size_t> inputs_;
    std::vector<std::string> digests_;
};

/// " (at the point entries 64, pages few)".
std::string at_point(const Study& study, const PlanPoint& point) {
    std::string text;
    for (std::size_t i = 0; i < study.axes.size(); ++i)
        text += (text.empty() ? " (at the point " : ", ") + study.axes[i].name + " " + point.labels[i];
    return text.empty() ? text : text + ")";
}

/// What an axis varies is not to be had by `--set` at the same time: the axis would win without a word.
void check_sets(const Study& study, const std::vector<std::string>& sets) {
    for (const std::string& set : sets) {
        const std::string path = parse_override(set).path;
        if (study.repeat.seeds != 0 && is_within(path, "seed"))
            throw wrong("--set " + path, "", "the study repeats its points over seeds (study.repeat)");
        for (const StudyAxis& axis : study.axes) {
            for (const StudyAxis::Alternative& one : axis.alternatives) {
                for (const Override& own : one.sets) {
                    if (is_within(path, own.path))
                        throw wrong("--set " + path, "", fmt::format("the study's axis '{}' varies it", axis.name));
                }
            }
        }
    }
}

PlanRepeat repeat_of(const Study& study) {
    PlanRepeat repeat;
    repeat.seeds = study.repeat.seeds;
    repeat.least = study.repeat.least;
    repeat.within = study.repeat.within;
    for (const StudyColumn& column : study.columns) {
        if (!study.repeat.until.empty() && column.name == study.repeat.until) repeat.until = column.value;
    }
    return repeat;
}

void check_paths(const Plan& plan) {
    for (const std::string& path : {plan.study, plan.out}) {
        if (first_bad_utf8(path)) throw wrong(path, "", "a path that is not UTF-8 cannot stand in a plan");
    }
}

}  // namespace

std::string Plan::directory(std::size_t i) const { return fmt::format("{}/points/{:04}", out, i); }

PlannedFiles Plan::inputs_of(std::size_t i) const {
    PlannedFiles files;
    for (const std::size_t input : points[i].inputs) files.push_back(inputs[input]);
    return files;
}

Plan make_plan(const Study& study, const std::vector<std::string>& sets, const std::string& out,
               const PlanProgress& progress) {
    Plan plan;
    plan.name = study.name;
    plan.text = study.text;
    plan.study = fs::absolute(study.file).lexically_normal().string();
    for (const auto& [path, text] : study.bases) plan.bases.emplace_back(fs::absolute(path).lexically_normal(), text);
    plan.out = fs::absolute(out.empty() ? "out/" + file_name_of(study.name) : out).lexically_normal().string();
    check_paths(plan);
    check_sets(study, sets);
    Choice choice = choose_combinations(study);
    plan.notes = std::move(choice.notes);
    for (const StudyAxis& axis : study.axes) plan.axes.push_back(axis.name);
    plan.repeat = repeat_of(study);
    if (plan.repeat.seeds != 0) plan.axes.emplace_back(kSeedAxis);
    const std::size_t seeds = std::max<std::size_t>(1, plan.repeat.seeds);
    const std::size_t count = choice.combinations.size() * seeds;
    Planner planner(study, plan);
    for (std::size_t i = 0; i < count; ++i) {
        PlanPoint point;
        std::vector<Override> all = study.sets;
        for (const std::string& set : sets) all.push_back(parse_override(set));
        const std::vector<std::size_t>& combination = choice.combinations[i / seeds];
        for (std::size_t axis = 0; axis < combination.size(); ++axis) {
            const StudyAxis::Alternative& chosen = study.axes[axis].alternatives[combination[axis]];
            point.labels.push_back(chosen.label);
            all.insert(all.end(), chosen.sets.begin(), chosen.sets.end());
        }
        if (plan.repeat.seeds != 0) {
            point.labels.push_back(std::to_string(study.repeat.first + i % seeds));
            all.push_back({"seed", point.labels.back()});
        }
        for (const Override& set : all) point.sets.push_back(set.path + "=" + set.value);
        try {
            planner.complete(point, all);
        } catch (const InputError& error) {
            std::vector<Diagnostic> findings = error.findings();
            for (Diagnostic& finding : findings) finding.what += at_point(study, point);
            throw InputError(std::move(findings), error.status());
        }
        plan.points.push_back(std::move(point));
        if (progress) progress(i + 1, count);
    }
    return plan;
}

std::string plan_text(const Plan& plan) {
    Json inputs = Json::array();
    for (const auto& [path, bytes] : plan.inputs)
        inputs.push_back({{"file", path}, {"sha256", sha256_text(view(bytes))}, {"base64", to_base64(bytes)}});
    Json points = Json::array();
    for (const PlanPoint& point : plan.points)
        points.push_back({{"labels", point.labels}, {"set", point.sets}, {"key", point.key}, {"inputs", point.inputs}});
    Json all = {{"schema", kPlanSchema},
                {"name", plan.name},
                {"study", plan.study},
                {"out", plan.out},
                {"model_version", kModelVersion},
                {"model_sources", model_sources()},
                {"axes", plan.axes},
                {"points", points},
                {"config", plan.text},
                {"inputs", inputs}};
    for (const auto& [path, text] : plan.bases) all["extends"].push_back({{"file", path}, {"config", text}});
    if (!plan.notes.empty()) all["notes"] = plan.notes;
    return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Plan read_plan(const std::string& given) {
    std::error_code ignored;
    const std::string file = fs::is_directory(given, ignored) ? (fs::path(given) / "plan.json").string() : given;
    if (file != given && !fs::exists(file, ignored))
        throw wrong(given, "", "is a directory without plan.json: no sweep's");
    const Json json = read_json_file(file, kPlanSchema);
    try {
        Plan plan;
        if (json.at("model_sources") != model_sources())
            throw wrong(file, "", "was made by another build of xlate, whose model differs; plan again with this one");
        json.at("name").get_to(plan.name);
        json.at("study").get_to(plan.study);
        json.at("out").get_to(plan.out);
        json.at("axes").get_to(plan.axes);
        json.at("config").get_to(plan.text);
        for (const Json& one : json.at("inputs")) {
            std::optional<std::vector<std::uint8_t>> bytes = from_base64(one.at("base64").get<std::string>());
            if (!bytes || sha256_text(view(*bytes)) != one.at("sha256").get<std::string>())
                throw wrong(file, "inputs", "what it holds of a firmware is damaged");
            plan.inputs.emplace_back(one.at("file").get<std::string>(), std::move(*bytes));
        }
        for (const Json& one : json.at("points")) {
            PlanPoint point;
            one.at("labels").get_to(point.labels);
            one.at("set").get_to(point.sets);
            one.at("key").get_to(point.key);
            one.at("inputs").get_to(point.inputs);
            for (const std::size_t input : point.inputs) {
                if (input >= plan.inputs.size()) throw wrong(file, "points", "a point has an input that is not there");
            }
            if (point.labels.size() != plan.axes.size())
                throw wrong(file, "points", "a point has not one label an axis");
            plan.points.push_back(std::move(point));
        }
        plan.notes = json.value("notes", std::vector<std::string>{});
        for (const Json& one : json.value("extends", Json::array()))
            plan.bases.emplace_back(one.at("file").get<std::string>(), one.at("config").get<std::string>());
        plan.repeat = repeat_of(parse_study(plan.text, plan.study, plan.bases));
        if (plan.repeat.seeds != 0 && plan.points.size() % plan.repeat.seeds != 0)
            throw wrong(file, "points", "a point has not all of its repetitions");
        return plan;
    } catch (const nlohmann::json::exception& error) {
        throw wrong(file, "", fmt::format("is no plan: {}", missing_value(error)));
    }
}

}  // namespace xlate::study
