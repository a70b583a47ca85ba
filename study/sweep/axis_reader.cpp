#include "study/sweep/axis_reader.hpp"

#include <fnmatch.h>

#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlate::study {
namespace {

using yaml::Kind;
using yaml::MapReader;
using yaml::Value;

constexpr std::uint64_t kLargest = std::uint64_t{1} << 53;  ///< of a range: exact as a double
constexpr std::uint64_t kMostSteps = 10'000;

/// In double quotes, with JSON's escapes: one line, whatever it holds.
std::string quote(const std::string& text) { return nlohmann::json(text).dump(); }

}  // namespace

std::string flow_text(const Value& value) {
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
            for (const Value& item : value.items) text += (text.size() > 1 ? ", " : "") + flow_text(item);
            return text + "]";
        }
        case Kind::map: {
            std::string text = "{";
            for (const yaml::Entry& entry : value.entries)
                text += (text.size() > 1 ? ", " : "") + quote(entry.key) + ": " + flow_text(entry.value);
            return text + "}";
        }
    }
    return "null";
}

const Value* take_list(MapReader& map, const char* key, yaml::Findings& findings) {
    const Value* value = map.take(key);
    if (value == nullptr || value->kind == Kind::list) return value;
    findings.add(value->place, map.path_of(key), "found " + value->describe(), "a list");
    return nullptr;
}

void read_sets(const Value& value, const std::string& path, yaml::Findings& findings, std::vector<Override>& all) {
    if (value.kind != Kind::map) findings.add(value.place, path, "found " + value.describe(), "a map of path: value");
    for (const yaml::Entry& entry : value.entries) all.push_back({entry.key, flow_text(entry.value), entry.place});
}

std::string read_name(MapReader& map, yaml::Findings& findings) {
    std::string text;
    if (const Value* value = map.require("name")) yaml::read(*value, map.path_of("name"), findings, text);
    return text;
}

void AxisReader::read(const Value& value, const std::string& path, Study& study) {
    MapReader map(value, path, findings_);
    StudyAxis axis;
    axis.name = read_name(map, findings_);
    const Value* const at = map.take("path");
    const Value* const given = take_list(map, "values", findings_);
    const Value* const points = take_list(map, "points", findings_);
    const Value* const zipped = take_list(map, "zip", findings_);
    const std::optional<Value> range = steps(map, value, path);
    const std::optional<Value> found = files(map, path);
    map.finish();
    const int values_given = (given != nullptr ? 1 : 0) + (range ? 1 : 0) + (found ? 1 : 0);
    const int ways = values_given + (points != nullptr ? 1 : 0) + (zipped != nullptr ? 1 : 0);
    if ((at != nullptr) != (values_given == 1) || ways != 1) {
        findings_.add(value.place, path, "what varies is not clear",
                      "either path and values, or path, from, to and steps, or path and files, or zip, or points");
        return;
    }
    if (zipped != nullptr) {
        zip(*zipped, path + ".zip", axis);
    } else {
        values(given != nullptr ? *given : range ? *range : found ? *found : *points, at, path, axis);
    }
    finish_axis(std::move(axis), value, path, study);
}

void AxisReader::reserve(const std::string& name, const std::string& target) {
    axis_names_.insert(name);
    varied_.emplace_back(target, name);
}

/// One alternative a value of what is `at`, or a point where nothing is.
void AxisReader::values(const Value& all, const Value* at, const std::string& path, StudyAxis& axis) {
    if (all.items.empty()) findings_.add(all.place, path, "an axis without a point", "at least one");
    std::set<std::string> labels;
    std::string target;
    if (at != nullptr) yaml::read(*at, path + ".path", findings_, target);
    for (std::size_t i = 0; i < all.items.size(); ++i) {
        const Value& one = all.items[i];
        if (at != nullptr) {
            axis.alternatives.push_back(
                {one.quoted ? one.text : flow_text(one), {{target, flow_text(one), at->place}}});
        } else {
            axis.alternatives.push_back(alternative(one, yaml::join_path(path + ".points", i)));
        }
        if (!labels.insert(axis.alternatives.back().label).second)
            findings_.add(one.place, path, fmt::format("'{}' stands there twice", axis.alternatives.back().label));
    }
}

void AxisReader::finish_axis(StudyAxis axis, const Value& value, const std::string& path, Study& study) {
    if (!axis_names_.insert(axis.name).second)
        findings_.add(value.place, path, fmt::format("there are two axes '{}'", axis.name));
    set_once(axis, value, path);
    study.axes.push_back(std::move(axis));
}

/// from, to, steps: so many whole numbers, evenly apart or (scale: log) with one ratio, each once; with a unit
/// behind.
std::optional<Value> AxisReader::steps(MapReader& map, const Value& where, const std::string& path) {
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
    if (from == nullptr || to == nullptr || (count == nullptr && sampled_ < 2)) {
        findings_.add(where.place, path, "a range needs from, to and steps");
        return std::nullopt;
    }
    number = sampled_;
    bool fine = yaml::read_integer(*from, path + ".from", findings_, low, 0, kLargest) &&
                yaml::read_integer(*to, path + ".to", findings_, high, 0, kLargest) &&
                (count == nullptr || yaml::read_integer(*count, path + ".steps", findings_, number, 2, kMostSteps));
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

/// The names of all files of a pattern, by their order: sets of firmware.
std::optional<Value> AxisReader::files(MapReader& map, const std::string& path) {
    namespace fs = std::filesystem;
    const Value* const given = map.take("files");
    if (given == nullptr) return std::nullopt;
    Value list;
    list.kind = Kind::list;
    list.place = given->place;
    std::string pattern;
    if (!yaml::read(*given, path + ".files", findings_, pattern)) return list;
    const fs::path folder = fs::path(pattern).parent_path();
    std::set<std::string> names;
    std::error_code ignored;
    const fs::path from = directory_.empty() ? fs::path(".") : fs::path(directory_);
    for (const fs::directory_entry& entry : fs::directory_iterator(from / folder, ignored)) {
        const std::string name = entry.path().filename().string();
        if (::fnmatch(fs::path(pattern).filename().c_str(), name.c_str(), FNM_PERIOD) == 0)
            names.insert((folder / name).string());
    }
    if (names.empty())
        findings_.add(given->place, path + ".files", fmt::format("no file is called like '{}'", pattern),
                      "a path from the config's directory, with * and ? in its last part");
    for (const std::string& name : names) {
        Value one;
        one.kind = Kind::scalar;
        one.quoted = true;
        one.place = given->place;
        one.text = name;
        list.items.push_back(std::move(one));
    }
    return list;
}

/// Several paths that go together, value by value.
void AxisReader::zip(const Value& lists, const std::string& path, StudyAxis& axis) {
    for (std::size_t i = 0; i < lists.items.size(); ++i) {
        const std::string at = yaml::join_path(path, i);
        MapReader map(lists.items[i], at, findings_);
        std::string target;
        const Value* const where = map.require("path");
        if (where != nullptr) yaml::read(*where, at + ".path", findings_, target);
        const Value* const values = take_list(map, "values", findings_);
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
            axis.alternatives[k].label += (i == 0 ? "" : " / ") + (one.quoted ? one.text : flow_text(one));
            axis.alternatives[k].sets.push_back({target, flow_text(one), where == nullptr ? one.place : where->place});
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
void AxisReader::set_once(const StudyAxis& axis, const Value& value, const std::string& path) {
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

StudyAxis::Alternative AxisReader::alternative(const Value& value, const std::string& path) {
    MapReader map(value, path, findings_);
    StudyAxis::Alternative made;
    made.label = read_name(map, findings_);
    if (const Value* given = map.require("set")) read_sets(*given, map.path_of("set"), findings_, made.sets);
    map.finish();
    return made;
}

}  // namespace xlate::study
