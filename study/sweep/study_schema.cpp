// The JSON Schema (draft 7) of the key `study`.
#include <nlohmann/json.hpp>

#include "study/sweep/study.hpp"

namespace xlate::study {

namespace {

using Json = nlohmann::ordered_json;

Json object(Json properties, Json required) {
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"required", std::move(required)},
            {"additionalProperties", false}};
}

Json list_of(const char* what, Json items) {
    return {{"type", "array"}, {"description", what}, {"minItems", 1}, {"items", std::move(items)}};
}

}  // namespace

Json study_schema_json() {
    const Json name = {{"type", Json::array({"string", "number", "boolean"})}};
    const Json sets = {{"type", "object"}, {"description", "Paths of the config and their values, as of `run --set`."}};
    const Json by_path = object({{"name", name},
                                 {"path", {{"type", "string"}, {"description", "What varies."}}},
                                 {"values", list_of("What it is set to, one after the other.", Json::object())}},
                                Json::array({"name", "path", "values"}));
    const Json by_points = object(
        {{"name", name},
         {"points", list_of("Each sets some values.", object({{"name", name}, {"set", sets}}, {"name", "set"}))}},
        Json::array({"name", "points"}));
    const Json whole = {{"type", "integer"}, {"minimum", 0}};
    const Json by_range =
        object({{"name", name},
                {"path", {{"type", "string"}, {"description", "What varies."}}},
                {"from", whole},
                {"to", whole},
                {"steps", {{"type", "integer"}, {"minimum", 2}, {"maximum", 10000}}},
                {"scale", {{"enum", Json::array({"linear", "log"})}, {"description", "Evenly apart, or one ratio."}}},
                {"unit", {{"type", "string"}, {"description", "Behind each number: KiB, ns."}}}},
               Json::array({"name", "path", "from", "to"}));
    const Json by_files = object(
        {{"name", name},
         {"path", {{"type", "string"}, {"description", "What varies: firmware.devicetree."}}},
         {"files", {{"type", "string"}, {"description", "A pattern, from the config's directory: boards/*.dtb."}}}},
        Json::array({"name", "path", "files"}));
    const Json by_zip =
        object({{"name", name},
                {"zip", list_of("Paths that go together, value by value.",
                                object({{"path", {{"type", "string"}}},
                                        {"values", list_of("As many as the other lists have.", Json::object())}},
                                       Json::array({"path", "values"})))}},
               Json::array({"name", "zip"}));
    const Json column =
        object({{"name", name}, {"value", {{"type", "string"}, {"description", "An expression as in `expect`."}}}},
               Json::array({"name", "value"}));
    const Json condition = {{"type", "string"}, {"description", "An expression over the names of the axes."}};
    const Json sample = object({{"points", {{"type", "integer"}, {"minimum", 1}, {"maximum", kMaxPoints}}},
                                {"method", {{"enum", Json::array({"random", "latin"})}}},
                                {"seed", whole}},
                               Json::array({"points"}));
    const Json seeds = {{"type", "integer"}, {"minimum", 2}, {"maximum", 10000}};
    const Json share = {{"type", Json::array({"string", "number"})}, {"description", "Of the mean: 2%."}};
    const Json until = {{"type", "string"}, {"description", "The column whose mean is to be known."}};
    const Json repeat =
        object({{"seeds", seeds}, {"first", whole}, {"until", until}, {"within", share}, {"least", seeds}},
               Json::array({"seeds"}));
    Json study = object({{"set", sets},
                         {"vary",
                          {{"type", "array"},
                           {"description", "Every combination is run; the first axis changes slowest."},
                           {"items", {{"anyOf", Json::array({by_path, by_range, by_files, by_zip, by_points})}}}}},
                         {"where", list_of("Only points for which all hold.", condition)},
                         {"sample", sample},
                         {"repeat", {{"anyOf", Json::array({seeds, repeat})}}},
                         {"columns", {{"type", "array"}, {"description", "Of the table."}, {"items", column}}}},
                        Json::array());
    study["description"] = "What `xlate sweep` varies. A run does not look at it.";
    return study;
}

std::string study_schema() {
    Json all = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "xlate study"}};
    all.update(study_schema_json());
    return all.dump(2) + "\n";
}

}  // namespace xlate::study
