#include "study/results/statistics.hpp"

#include <algorithm>

#include "study/results/result_names.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

/// What happened one after the other: it is in result.json.
bool is_list_of_events(const std::string& name) {
    for (const char* one :
         {"faults", "kernel.timeline", "kernel.oops", "kernel.lockdep", "kernel.races", "kernel.warnings",
          "sanitizer.findings", "expect", "untranslated", "devices[].ids", "groups[].reserved_regions"}) {
        if (name == one) return true;
    }
    return false;
}

std::string name_of_element(const Json& element) {
    if (element.is_object() && element.contains("kind") && element.contains("component")) {  // resources[]
        const auto part = element.value("part", "");
        return element["kind"].get<std::string>() + " " + element["component"].get<std::string>() +
               (part.empty() ? "" : "/" + part);
    }
    for (const char* key : {"name", "device", "path", "id"}) {
        const auto found = element.is_object() ? element.find(key) : element.end();
        if (found == element.end()) continue;
        return found->is_string() ? found->get<std::string>() : found->dump();
    }
    return {};
}

void collect(const Json& value, const std::string& name, const std::string& of, const std::vector<ResultName>& names,
             std::vector<Statistic>& into) {
    if (is_list_of_events(name)) return;
    if (value.is_object()) {
        for (const auto& [key, inner] : value.items())
            collect(inner, name.empty() ? key : name + "." + key, of, names, into);
    } else if (value.is_array()) {
        for (const Json& element : value) {
            const std::string own = name_of_element(element);
            collect(element, name + "[]", of.empty() || own.empty() ? of + own : of + "/" + own, names, into);
        }
    } else if (value.is_number() || value.is_boolean()) {
        const ResultName* const known = find_name(names, name);
        into.push_back({name, of, value.is_boolean() ? (value.get<bool>() ? "1" : "0") : value.dump(),
                        known == nullptr ? "" : known->unit, known == nullptr ? "" : known->what});
    }
}

std::string cell(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

}  // namespace

std::vector<Statistic> statistics(const Json& result) {
    std::vector<Statistic> all;
    collect(result, "", "", result_names(), all);
    return all;
}

std::string statistics_csv(const Json& result) {
    std::string csv = "name,of,value,unit,what\r\n";
    for (const Statistic& one : statistics(result)) {
        csv += cell(one.name) + "," + cell(one.of) + "," + one.value + "," + cell(one.unit) + "," + cell(one.what) +
               "\r\n";
    }
    return csv;
}

}  // namespace xlate::study
