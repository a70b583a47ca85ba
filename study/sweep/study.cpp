#include "study/sweep/study.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "study/config/yaml/parse.hpp"
#include "study/config/yaml/read.hpp"
#include "study/sweep/axis_reader.hpp"

namespace xlate::study {
namespace {

using yaml::Findings;
using yaml::MapReader;
using yaml::Value;

constexpr std::uint64_t kMostSeeds = 10'000;
constexpr std::uint64_t kLargestSeed = std::uint64_t{1} << 53;

class StudyReader {
public:
    explicit StudyReader(Findings& findings) : findings_(findings) {}

    void read(const Value& value, Study& study) {
        MapReader map(value, "study", findings_);
        if (const Value* given = map.take("set")) read_sets(*given, map.path_of("set"), findings_, study.sets);
        if (const Value* given = map.take("sample")) sample(*given, map.path_of("sample"), study.sample);
        if (const Value* given = map.take("repeat")) repeat(*given, map.path_of("repeat"), study.repeat);
        AxisReader axes(findings_, std::filesystem::path(study.file).parent_path().string(), study.sample.points);
        if (study.repeat.seeds != 0) axes.reserve(kSeedAxis, "seed");
        if (const Value* all = take_list(map, "vary", findings_)) {
            for (std::size_t i = 0; i < all->items.size(); ++i)
                axes.read(all->items[i], yaml::join_path(map.path_of("vary"), i), study);
        }
        if (const Value* all = take_list(map, "where", findings_)) {
            for (std::size_t i = 0; i < all->items.size(); ++i)
                constraint(all->items[i], yaml::join_path(map.path_of("where"), i), study);
        }
        if (const Value* columns = take_list(map, "columns", findings_)) {
            for (std::size_t i = 0; i < columns->items.size(); ++i)
                column(columns->items[i], yaml::join_path(map.path_of("columns"), i), study);
        }
        map.finish();
        check_until(study);
    }

private:
    void constraint(const Value& value, const std::string& path, Study& study) {
        Expectation holds;
        if (expression(value, path, holds))
            study.constraints.push_back({std::move(holds), value.place.position(), path});
    }
    bool expression(const Value& value, const std::string& path, Expectation& out) {
        std::string text;
        if (!yaml::read(value, path, findings_, text)) return false;
        try {
            out = Expectation::parse(text, value.place.position(), path);
        } catch (const InputError& error) {
            for (const Diagnostic& finding : error.findings()) findings_.add(finding);
            return false;
        }
        return true;
    }
    void sample(const Value& value, const std::string& path, StudySample& sample) {
        MapReader map(value, path, findings_);
        sample.where = value.place.position();
        if (const Value* given = map.require("points"))
            yaml::read_integer(*given, map.path_of("points"), findings_, sample.points, 1, kMaxPoints);
        std::size_t method = 0;
        if (const Value* given = map.take("method"))
            yaml::read_choice(*given, map.path_of("method"), findings_, {"random", "latin"}, method);
        sample.method = method == 0 ? StudySample::Method::random : StudySample::Method::latin;
        if (const Value* given = map.take("seed"))
            yaml::read_integer(*given, map.path_of("seed"), findings_, sample.seed);
        map.finish();
    }
    void repeat(const Value& value, const std::string& path, StudyRepeat& repeat) {
        if (value.kind == yaml::Kind::scalar) {
            yaml::read_integer(value, path, findings_, repeat.seeds, 2, kMostSeeds);
            return;
        }
        MapReader map(value, path, findings_);
        if (const Value* given = map.require("seeds"))
            yaml::read_integer(*given, map.path_of("seeds"), findings_, repeat.seeds, 2, kMostSeeds);
        if (const Value* given = map.take("first"))
            yaml::read_integer(*given, map.path_of("first"), findings_, repeat.first, 0, kLargestSeed);
        const Value* const until = map.take("until");
        const Value* const within = map.take("within");
        const Value* const least = map.take("least");
        map.finish();
        if ((until == nullptr) != (within == nullptr) || (least != nullptr && until == nullptr)) {
            findings_.add(value.place, path, "when it is enough is not clear",
                          "until: COLUMN and within: 2 %, or neither");
            return;
        }
        if (until == nullptr) return;
        Ratio share;
        yaml::read(*until, path + ".until", findings_, repeat.until);
        if (yaml::read(*within, path + ".within", findings_, share))
            repeat.within = static_cast<double>(share.numerator) / static_cast<double>(share.denominator);
        if (repeat.within <= 0)
            findings_.add(within->place, path + ".within", "is 0", "a share of the mean, such as 2 %");
        if (least != nullptr) yaml::read_integer(*least, path + ".least", findings_, repeat.least, 2, kMostSeeds);
        until_ = until;
    }
    void check_until(const Study& study) {
        if (until_ == nullptr) return;
        std::vector<std::string> names;
        for (const StudyColumn& column : study.columns) names.push_back(column.name);
        if (std::find(names.begin(), names.end(), study.repeat.until) != names.end()) return;
        findings_.add(until_->place, "study.repeat.until", fmt::format("there is no column '{}'", study.repeat.until),
                      "the name of a column", nearest_name(study.repeat.until, names).value_or(""));
    }
    void column(const Value& value, const std::string& path, Study& study) {
        MapReader map(value, path, findings_);
        StudyColumn column;
        column.name = read_name(map, findings_);
        if (const Value* given = map.require("value")) expression(*given, map.path_of("value"), column.value);
        map.finish();
        if (!column_names_.insert(column.name).second)
            findings_.add(value.place, path, fmt::format("there are two columns '{}'", column.name));
        study.columns.push_back(std::move(column));
    }

    Findings& findings_;
    std::set<std::string> column_names_;
    const Value* until_ = nullptr;
};

/// Before all else that is wrong: so many findings would hide it.
void refuse_if_too_many(const Study& study) {
    if (study.sample.method != StudySample::Method::every || !study.constraints.empty()) return;
    std::size_t count = 1;
    for (const StudyAxis& axis : study.axes) {
        count *= axis.alternatives.size();
        if (count > kMaxPoints) {
            throw InputError(
                Diagnostic{
                    {study.file, {}, {}, {}}, "study.vary", fmt::format("more than {} points", kMaxPoints), "", ""},
                ExitStatus::limit);
        }
    }
}

}  // namespace

bool is_within(const std::string& path, const std::string& whole) {
    const std::string inner = yaml::normal_path(path);
    const std::string outer = yaml::normal_path(whole);
    if (inner.compare(0, outer.size(), outer) != 0) return false;
    return inner.size() == outer.size() || inner[outer.size()] == '.' || inner[outer.size()] == '[';
}

Study parse_study(const std::string& text, const std::string& file, const std::optional<yaml::Bases>& bases) {
    Study study;
    if (bases) study.bases = *bases;
    const Value root = yaml::parse_extended(text, file, yaml::kConfigBudget, study.bases, bases.has_value());
    study.file = file;
    study.text = text;
    Findings findings;
    if (const Value* name = root.find("name")) yaml::read(*name, "name", findings, study.name);
    if (study.name.empty()) study.name = std::filesystem::path(file).stem().string();
    if (const Value* value = root.find("study")) StudyReader(findings).read(*value, study);
    refuse_if_too_many(study);
    findings.throw_if_any();
    return study;
}

}  // namespace xlate::study
