#include "study/sweep/plan.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/digest.hpp"
#include "study/results/files.hpp"
#include "study/results/json_file.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/run.hpp"

namespace xlate::study {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kPlanSchema = "xlate.plan/1";
constexpr const char* kPointSchema = "xlate.point/1";
constexpr const char* kPointFile = "point.json";

std::string bytes_of(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// Everything that a run of these sets reads.
std::string digest_of(const std::string& config_text, const std::string& file, const std::vector<std::string>& sets) {
    std::vector<Override> overrides;
    for (const std::string& set : sets) overrides.push_back(parse_override(set));
    const Config config = parse_config(config_text, file, overrides);
    Digest digest;
    digest.add(kModelVersion).add(config_text);
    for (const std::string& set : sets) digest.add(set).add("\n");
    if (!config.firmware.generate.empty()) load_firmware(config);  // is it possible?
    if (!config.firmware.devicetree.empty())
        digest.add(bytes_of(find_input(config, config.firmware.devicetree, "firmware.devicetree")));
    for (std::size_t i = 0; i < config.firmware.acpi.size(); ++i)
        digest.add(bytes_of(find_input(config, config.firmware.acpi[i], fmt::format("firmware.acpi[{}]", i))));
    return digest.text();
}

/// " (at the point entries 64, pages few)".
std::string at_point(const Study& study, const PlanPoint& point) {
    std::string text;
    for (std::size_t i = 0; i < study.axes.size(); ++i)
        text += (text.empty() ? " (at the point " : ", ") + study.axes[i].name + " " + point.labels[i];
    return text.empty() ? text : text + ")";
}

}  // namespace

std::string Plan::directory(std::size_t i) const { return fmt::format("{}/points/{:04}", out, i); }

Plan make_plan(const Study& study, const std::vector<std::string>& sets, const std::string& out) {
    Plan plan;
    plan.name = study.name;
    plan.study = fs::absolute(study.file).lexically_normal().string();
    plan.out = fs::absolute(out.empty() ? "out/" + study.name : out).lexically_normal().string();
    std::size_t count = 1;
    for (const StudyAxis& axis : study.axes) {
        plan.axes.push_back(axis.name);
        count *= axis.alternatives.size();
        if (count <= kMaxPoints) continue;
        throw InputError(
            Diagnostic{{study.file, {}, {}, {}}, "study.vary", fmt::format("more than {} points", kMaxPoints), "", ""},
            ExitStatus::limit);
    }
    const std::string text = bytes_of(study.file);
    for (std::size_t i = 0; i < count; ++i) {
        PlanPoint point;
        for (const Override& set : study.sets) point.sets.push_back(set.path + "=" + set.value);
        point.sets.insert(point.sets.end(), sets.begin(), sets.end());
        std::size_t rest = i;
        std::size_t block = count;
        for (const StudyAxis& axis : study.axes) {
            block /= axis.alternatives.size();
            const StudyAxis::Alternative& chosen = axis.alternatives[rest / block];
            rest %= block;
            point.labels.push_back(chosen.label);
            for (const Override& set : chosen.sets) point.sets.push_back(set.path + "=" + set.value);
        }
        try {
            point.digest = digest_of(text, study.file, point.sets);
        } catch (const InputError& error) {
            std::vector<Diagnostic> findings = error.findings();
            for (Diagnostic& finding : findings) finding.what += at_point(study, point);
            throw InputError(std::move(findings), error.status());
        }
        plan.points.push_back(std::move(point));
    }
    return plan;
}

std::string plan_text(const Plan& plan) {
    Json points = Json::array();
    for (const PlanPoint& point : plan.points)
        points.push_back({{"labels", point.labels}, {"set", point.sets}, {"digest", point.digest}});
    const Json all = {{"schema", kPlanSchema},          {"name", plan.name}, {"study", plan.study}, {"out", plan.out},
                      {"model_version", kModelVersion}, {"axes", plan.axes}, {"points", points}};
    return all.dump(1) + "\n";
}

Plan read_plan(const std::string& file) {
    const Json json = read_json_file(file, kPlanSchema);
    try {
        Plan plan;
        json.at("name").get_to(plan.name);
        json.at("study").get_to(plan.study);
        json.at("out").get_to(plan.out);
        json.at("axes").get_to(plan.axes);
        for (const Json& one : json.at("points")) {
            PlanPoint point;
            one.at("labels").get_to(point.labels);
            one.at("set").get_to(point.sets);
            one.at("digest").get_to(point.digest);
            plan.points.push_back(std::move(point));
        }
        return plan;
    } catch (const nlohmann::json::exception& error) {
        throw InputError(Diagnostic{{file, {}, {}, {}}, "", fmt::format("is no plan: {}", error.what()), "", ""});
    }
}

PointStatus status_of(const Plan& plan, std::size_t point) {
    const std::string file = plan.directory(point) + "/" + kPointFile;
    std::error_code ignored;
    if (!fs::exists(file, ignored)) return {};
    const Json json = read_json_file(file, kPointSchema);
    if (json.value("digest", std::string{}) != plan.points[point].digest) return {};
    const int status = json.value("status", 0);
    if (status != 0 && status != 1) return {PointState::broken, status};
    if (!fs::exists(plan.directory(point) + "/result.json", ignored)) return {};
    return {PointState::done, status};
}

void note_status(const Plan& plan, std::size_t point, int status) {
    const Json json = {{"schema", kPointSchema}, {"digest", plan.points[point].digest}, {"status", status}};
    write_file(plan.directory(point) + "/" + kPointFile, json.dump(1) + "\n");
}

}  // namespace xlate::study
