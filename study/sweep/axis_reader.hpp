// Reads the axes of a study (study/sweep/study.hpp) from its YAML.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "study/config/yaml/read.hpp"
#include "study/sweep/study.hpp"

namespace xlate::study {

/// A value as the text of one line that reads back to it.
std::string flow_text(const yaml::Value& value);
/// A list, or a finding.
const yaml::Value* take_list(yaml::MapReader& map, const char* key, yaml::Findings& findings);
/// A map of paths and values.
void read_sets(const yaml::Value& value, const std::string& path, yaml::Findings& findings, std::vector<Override>& all);
/// The key `name`, which must be there.
std::string read_name(yaml::MapReader& map, yaml::Findings& findings);

class AxisReader {
public:
    /// `directory`: that of the config, from which `files` are looked for. `sampled`: a range without steps has so
    /// many.
    AxisReader(yaml::Findings& findings, std::string directory, std::uint64_t sampled)
        : findings_(findings), directory_(std::move(directory)), sampled_(sampled) {}

    void read(const yaml::Value& value, const std::string& path, Study& study);
    /// A name that no axis may have any more, of what varies `target`.
    void reserve(const std::string& name, const std::string& target);

private:
    void values(const yaml::Value& all, const yaml::Value* at, const std::string& path, StudyAxis& axis);
    void finish_axis(StudyAxis axis, const yaml::Value& value, const std::string& path, Study& study);
    std::optional<yaml::Value> steps(yaml::MapReader& map, const yaml::Value& where, const std::string& path);
    std::optional<yaml::Value> files(yaml::MapReader& map, const std::string& path);
    void zip(const yaml::Value& lists, const std::string& path, StudyAxis& axis);
    void set_once(const StudyAxis& axis, const yaml::Value& value, const std::string& path);
    StudyAxis::Alternative alternative(const yaml::Value& value, const std::string& path);

    yaml::Findings& findings_;
    std::string directory_;
    std::uint64_t sampled_;
    std::set<std::string> axis_names_;
    std::vector<std::pair<std::string, std::string>> varied_;  ///< path, name of its axis
};

}  // namespace xlate::study
