// The JSON Schema (draft 7) of a config of `xlate explore`; ../../tests hold it against every such config.
#include <nlohmann/json.hpp>

#include "study/config/explore_config.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

Json object(Json properties) {
    return {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}
Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
Json one_of(std::initializer_list<const char*> names) {
    Json all = Json::array();
    for (const char* name : names) all.push_back(name);
    return {{"enum", std::move(all)}};
}
Json whole(std::uint64_t most) {
    return {{"anyOf", Json::array({{{"type", "integer"}, {"minimum", 0}, {"maximum", most}},
                                   {{"type", "string"}, {"pattern", "^0x[0-9a-fA-F]+$"}}})}};
}
Json text() { return {{"type", Json::array({"string", "integer", "number", "boolean"})}}; }
Json boolean() { return {{"type", "boolean"}}; }
Json said(Json value, const char* sentence) {
    value["description"] = sentence;
    return value;
}

Json iommu() {
    const Json word = whole(0xFFFF'FFFF);
    const Json real = object({{"real", text()}, {"mistakes", list_of(text())}});
    const Json hardware = object({{"entries", whole(4096)},
                                  {"stream_matching", boolean()},
                                  {"absent", list_of(word)},
                                  {"groups", list_of(list_of(word))},
                                  {"refusal", text()},
                                  {"large_pages", boolean()},
                                  {"bypass", boolean()}});
    return object({{"name", text()},
                   {"driver", said({{"anyOf", Json::array({text(), real})}}, "A row of the series, or {real: NAME}.")},
                   {"registered", said(boolean(), "Before the tasks begin.")},
                   {"available", said(boolean(), "Firmware says so.")},
                   {"driver_built", boolean()},
                   {"registration_fails", boolean()},
                   {"hardware", hardware}});
}

Json device() {
    const Json entry =
        object({{"iommu", text()}, {"args", list_of(whole(0xFFFF'FFFF))}, {"legacy", boolean()}, {"viot", boolean()}});
    return object({{"name", text()},
                   {"iommus", list_of(entry)},
                   {"added", said(boolean(), "Before the tasks begin.")},
                   {"bound", boolean()},
                   {"has_bus", boolean()},
                   {"defers", said(whole(1000), "So often its driver asks for a later probe.")},
                   {"shares_group_of", text()},
                   {"wanted_domain", text()},
                   {"does_dma", boolean()},
                   {"listed", boolean()},
                   {"own_domain", boolean()},
                   {"coherent", boolean()},
                   {"bus", text()}});
}

Json scenario() {
    Json actions = Json::object();
    for (const std::string& name : explore_action_names()) actions[name] = text();
    Json action = object(std::move(actions));
    action["minProperties"] = 1;
    action["maxProperties"] = 1;
    const Json task = object({{"name", text()}, {"cpu", whole(63)}, {"actions", list_of(action)}});
    return object({{"like", said(text(), "A named scenario to start from.")},
                   {"name", text()},
                   {"what", text()},
                   {"variant", text()},
                   {"firmware", one_of({"devicetree", "acpi"})},
                   {"iommus", list_of(iommu())},
                   {"devices", list_of(device())},
                   {"before", said(list_of(action), "In this order, before the tasks.")},
                   {"tasks", list_of(task)},
                   {"drivers", one_of({"rows", "real"})},
                   {"mmio", one_of({"at once", "scheduled"})},
                   {"stores", one_of({"at once", "late"})},
                   {"arch", text()},
                   {"iommu_knows_vmbus", boolean()},
                   {"deferral_timeout", boolean()},
                   {"rechecks_trigger", boolean()},
                   {"shows", list_of(text())}});
}

}  // namespace

std::string scenario_schema() {
    const std::uint64_t any = ~std::uint64_t{0};
    const Json time = {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)? ?(fs|ps|ns|us|ms|s)$"}};
    const Json options = object({{"strategy", one_of({"portfolio", "dpor", "pct", "pos", "random", "dfs"})},
                                 {"budget", said(whole(any), "Most schedules.")},
                                 {"time", said(time, "Most time of this machine.")},
                                 {"jobs", whole(1024)},
                                 {"seed", whole(any)},
                                 {"deviations", whole(1000)},
                                 {"minimise", boolean()},
                                 {"data_races", boolean()},
                                 {"stop_at_first", boolean()}});
    Json all = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "xlate scenario"}};
    all.update(object({{"name", text()},
                       {"scenario", {{"anyOf", Json::array({{{"type", "string"}}, scenario()})}}},
                       {"variant", text()},
                       {"matrix", said(list_of(text()), "Variants of explore --matrix.")},
                       {"explore", options}}));
    all["required"] = Json::array({"scenario"});
    return all.dump(2) + "\n";
}

}  // namespace xlate::study
