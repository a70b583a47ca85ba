#include "study/sweep/study.hpp"

#include <cmath>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "study/config/yaml/parse.hpp"
#include "study/config/yaml/read.hpp"

namespace xlate::study {
namespace {

using yaml::Findings;
using yaml::Kind;
using yaml::MapReader;
using yaml::Value;

/// In double quotes, with JSON's escapes: one line, whatever it holds.
std::string quote(const std::string& text) { return nlohmann::json(text).dump(); }

/// A value as the text of one line that reads back to it.
std::string flow(const Value& value) {
    switch (value.kind) {
        case Kind::null:
            return "null";
        case Kind::scalar: {
            const bool plain = !value.quoted && value.text.find_first_of(",[]{}\n\t") == std::string::npos &&
                               value.text.find(": ") == std::string::npos && value.text.find(" #") == std::string::npos;
            return plain ? value.text : quote(value.text);
        }
        case Kind::list: {
            std::string text = "[";
            for (const Value& item : value.items) text += (text.size() > 1 ? ", " : "") + flow(item);
            return text + "]";
        }
        case Kind::map: {
            std::string text = "{";
            for (const yaml::Entry& entry : value.entries)
                text += (text.size() > 1 ? ", " : "") + quote(entry.key) + ": " + flow(entry.value);
            return text + "}";
        }
    }
    return "null";
}

constexpr std::uint64_t kLargest = std::uint64_t{1} << 53;  ///< of a range: exact as a double

class StudyReader {
public:
    explicit StudyReader(Findings& findings) : findings_(findings) {}

    void read(const Value& value, Study& study) {
        MapReader map(value, "study", findings_);
        if (const Value* given = map.take("set")) sets(*given, map.path_of("set"), study.sets);
        if (const Value* axes = list(map, "vary")) {
            for (std::size_t i = 0; i < axes->items.size(); ++i)
                axis(axes->items[i], yaml::join_path(map.path_of("vary"), i), study);
        }
        if (const Value* columns = list(map, "columns")) {
            for (std::size_t i = 0; i < columns->items.size(); ++i)
                column(columns->items[i], yaml::join_path(map.path_of("columns"), i), study);
        }
        map.finish();
    }

private:
    const Value* list(MapReader& map, const char* key) {
        const Value* value = map.take(key);
        if (value == nullptr || value->kind == Kind::list) return value;
        findings_.add(value->place, map.path_of(key), "found " + value->describe(), "a list");
        return nullptr;
    }
    void sets(const Value& value, const std::string& path, std::vector<Override>& all) {
        if (value.kind != Kind::map)
            findings_.add(value.place, path, "found " + value.describe(), "a map of path: value");
        for (const yaml::Entry& entry : value.entries) all.push_back({entry.key, flow(entry.value)});
    }
    std::string name(MapReader& map) {
        std::string text;
        if (const Value* value = map.require("name")) yaml::read(*value, map.path_of("name"), findings_, text);
        return text;
    }
    void axis(const Value& value, const std::string& path, Study& study) {
        MapReader map(value, path, findings_);
        StudyAxis axis;
        axis.name = name(map);
        const Value* at = map.take("path");
        const Value* values = list(map, "values");
        const Value* points = list(map, "points");
        const Value* zipped = list(map, "zip");
        const std::optional<Value> range = steps(map, value, path);
        map.finish();
        if (range && values == nullptr) values = &*range;
        const int ways = (values != nullptr ? 1 : 0) + (points != nullptr ? 1 : 0) + (zipped != nullptr ? 1 : 0);
        if ((at != nullptr) != (values != nullptr) || ways != 1 || (range && values != &*range)) {
            findings_.add(value.place, path, "what varies is not clear",
                          "either path and values, or path, from, to and steps, or zip, or points");
            return;
        }
        if (zipped != nullptr) {
            zip(*zipped, path + ".zip", axis);
            finish_axis(std::move(axis), value, path, study);
            return;
        }
        const Value& all = values != nullptr ? *values : *points;
        if (all.items.empty()) findings_.add(all.place, path, "an axis without a point", "at least one");
        std::set<std::string> labels;
        std::string target;
        if (at != nullptr) yaml::read(*at, path + ".path", findings_, target);
        for (std::size_t i = 0; i < all.items.size(); ++i) {
            const Value& one = all.items[i];
            if (values != nullptr) {
                axis.alternatives.push_back({one.quoted ? one.text : flow(one), {{target, flow(one)}}});
            } else {
                axis.alternatives.push_back(alternative(one, yaml::join_path(path + ".points", i)));
            }
            if (!labels.insert(axis.alternatives.back().label).second)
                findings_.add(one.place, path, fmt::format("'{}' stands there twice", axis.alternatives.back().label));
        }
        finish_axis(std::move(axis), value, path, study);
    }
    void finish_axis(StudyAxis axis, const Value& value, const std::string& path, Study& study) {
        if (!axis_names_.insert(axis.name).second)
            findings_.add(value.place, path, fmt::format("there are two axes '{}'", axis.name));
        set_once(axis, value, path);
        study.axes.push_back(std::move(axis));
    }
    /// from, to, steps: so many whole numbers, evenly apart or (scale: log) with one ratio, each once; with a unit
    /// behind.
    std::optional<Value> steps(MapReader& map, const Value& where, const std::string& path) {
        const Value* const from = map.take("from");
        const Value* const to = map.take("to");
        const Value* const count = map.take("steps");
        const Value* const scale = map.take("scale");
        const Value* const unit = map.take("unit");
        if (from == nullptr && to == nullptr && count == nullptr && scale == nullptr && unit == nullptr)
            return std::nullopt;
        std::uint64_t low = 0;
        std::uint64_t high = 0;
        std::uint64_t number = 0;
        std::size_t logarithmic = 0;
        std::string suffix;
        if (from == nullptr || to == nullptr || count == nullptr) {
            findings_.add(where.place, path, "a range needs from, to and steps");
            return std::nullopt;
        }
        bool fine = yaml::read_integer(*from, path + ".from", findings_, low, 0, kLargest) &&
                    yaml::read_integer(*to, path + ".to", findings_, high, 0, kLargest) &&
                    yaml::read_integer(*count, path + ".steps", findings_, number, 2, 10'000);
        if (scale != nullptr)
            fine = yaml::read_choice(*scale, path + ".scale", findings_, {"linear", "log"}, logarithmic) && fine;
        if (unit != nullptr) fine = yaml::read(*unit, path + ".unit", findings_, suffix) && fine;
        if (!fine) return std::nullopt;
        if (low >= high || (logarithmic != 0 && low == 0)) {
            findings_.add(from->place, path + ".from", fmt::format("{} to {} is no range", low, high),
                          logarithmic != 0 ? "more than 0, and less than to" : "less than to");
            return std::nullopt;
        }
        Value list;
        list.kind = Kind::list;
        list.place = where.place;
        for (std::uint64_t i = 0; i < number; ++i) {
            const double share = static_cast<double>(i) / static_cast<double>(number - 1);
            const auto l = static_cast<double>(low);
            const auto h = static_cast<double>(high);
            const double exact = logarithmic != 0 ? l * std::pow(h / l, share) : l + (h - l) * share;
            const std::uint64_t whole = i + 1 == number ? high : static_cast<std::uint64_t>(std::llround(exact));
            Value one;
            one.kind = Kind::scalar;
            one.place = where.place;
            one.text = fmt::format("{}{}{}", whole, suffix.empty() ? "" : " ", suffix);
            if (list.items.empty() || list.items.back().text != one.text) list.items.push_back(std::move(one));
        }
        return list;
    }
    /// Several paths that go together, value by value.
    void zip(const Value& lists, const std::string& path, StudyAxis& axis) {
        for (std::size_t i = 0; i < lists.items.size(); ++i) {
            const std::string at = yaml::join_path(path, i);
            MapReader map(lists.items[i], at, findings_);
            std::string target;
            if (const Value* given = map.require("path")) yaml::read(*given, at + ".path", findings_, target);
            const Value* const values = list(map, "values");
            map.finish();
            if (values == nullptr || values->items.empty()) {
                findings_.add(lists.items[i].place, at, "has no values");
                return;
            }
            if (i == 0) axis.alternatives.resize(values->items.size());
            if (values->items.size() != axis.alternatives.size()) {
                findings_.add(
                    values->place, at,
                    fmt::format("has {} values, the first list {}", values->items.size(), axis.alternatives.size()),
                    "lists of one length");
                return;
            }
            for (std::size_t k = 0; k < values->items.size(); ++k) {
                const Value& one = values->items[k];
                axis.alternatives[k].label += (i == 0 ? "" : " / ") + (one.quoted ? one.text : flow(one));
                axis.alternatives[k].sets.push_back({target, flow(one)});
            }
        }
        std::set<std::string> labels;
        for (const StudyAxis::Alternative& one : axis.alternatives) {
            if (!labels.insert(one.label).second)
                findings_.add(lists.place, path, fmt::format("'{}' stands there twice", one.label));
        }
        if (axis.alternatives.empty()) findings_.add(lists.place, path, "an axis without a point", "at least one");
    }
    /// A later axis would take back what an earlier one set, at every point.
    void set_once(const StudyAxis& axis, const Value& value, const std::string& path) {
        std::set<std::string> paths;
        for (const StudyAxis::Alternative& one : axis.alternatives) {
            for (const Override& set : one.sets) paths.insert(set.path);
        }
        for (const std::string& own : paths) {
            for (const auto& [earlier, name] : varied_) {
                if (!is_within(earlier, own)) continue;
                findings_.add(value.place, path,
                              fmt::format("axis '{}' sets '{}', which axis '{}' varies{}", axis.name, own, name,
                                          earlier == own ? "" : " with '" + earlier + "'"),
                              "one axis for one value");
                break;
            }
        }
        for (const std::string& own : paths) varied_.emplace_back(own, axis.name);
    }
    StudyAxis::Alternative alternative(const Value& value, const std::string& path) {
        MapReader map(value, path, findings_);
        StudyAxis::Alternative made;
        made.label = name(map);
        if (const Value* given = map.require("set")) sets(*given, map.path_of("set"), made.sets);
        map.finish();
        return made;
    }
    void column(const Value& value, const std::string& path, Study& study) {
        MapReader map(value, path, findings_);
        StudyColumn column;
        column.name = name(map);
        std::string text;
        if (const Value* given = map.require("value")) {
            if (yaml::read(*given, map.path_of("value"), findings_, text)) {
                try {
                    column.value = Expectation::parse(text, given->place.position(), map.path_of("value"));
                } catch (const InputError& error) {
                    for (const Diagnostic& finding : error.findings()) findings_.add(finding);
                }
            }
        }
        map.finish();
        if (!column_names_.insert(column.name).second)
            findings_.add(value.place, path, fmt::format("there are two columns '{}'", column.name));
        study.columns.push_back(std::move(column));
    }

    Findings& findings_;
    std::set<std::string> axis_names_;
    std::set<std::string> column_names_;
    std::vector<std::pair<std::string, std::string>> varied_;  ///< path, name of its axis
};

}  // namespace

bool is_within(const std::string& path, const std::string& whole) {
    const std::string inner = yaml::normal_path(path);
    const std::string outer = yaml::normal_path(whole);
    if (inner.compare(0, outer.size(), outer) != 0) return false;
    return inner.size() == outer.size() || inner[outer.size()] == '.' || inner[outer.size()] == '[';
}

std::size_t count_points(const Study& study) {
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
    return count;
}

Study parse_study(const std::string& text, const std::string& file) {
    const Value root = yaml::parse(text, file, yaml::kConfigBudget);
    Study study;
    study.file = file;
    study.text = text;
    Findings findings;
    if (const Value* name = root.find("name")) yaml::read(*name, "name", findings, study.name);
    if (study.name.empty()) study.name = std::filesystem::path(file).stem().string();
    if (const Value* value = root.find("study")) StudyReader(findings).read(*value, study);
    count_points(study);
    findings.throw_if_any();
    return study;
}

}  // namespace xlate::study
