// The config's JSON Schema (draft 7), for editors and other programs; made from the parameters' descriptions.
#include <utility>

#include <nlohmann/json.hpp>

#include "study/config/config.hpp"
#include "study/sweep/study.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

class SchemaVisitor : public ParameterVisitor {
public:
    SchemaVisitor() { stack_.push_back(object()); }

    Json take() {
        Json root = std::move(stack_.back());
        Json all = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "xlate config"}};
        all.update(root);
        all["definitions"] = definitions_;
        return all;
    }
    void map(const char* key, const char* sentence, const Inside& inside) override {
        stack_.push_back(object());
        inside();
        Json made = std::move(stack_.back());
        stack_.pop_back();
        add(key, sentence, std::move(made));
    }
    void boolean(const char* key, const char* sentence, bool& field) override {
        add(key, sentence, {{"type", "boolean"}, {"default", field}});
    }
    void integer(const char* key, const char* sentence, std::uint64_t& field, std::uint64_t low,
                 std::uint64_t high) override {
        Json hex = {{"type", "string"}, {"pattern", "^0x[0-9a-fA-F]+$"}};
        Json number = {{"type", "integer"}, {"minimum", low}, {"maximum", high}};
        add(key, sentence, {{"anyOf", Json::array({number, hex})}, {"default", field}});
    }
    void bytes(const char* key, const char* sentence, std::uint64_t& field, std::uint64_t, std::uint64_t) override {
        quantity(key, sentence, format_bytes(field), "( ?([KMGT]iB|[kMG]?B))?", true);
    }
    void bandwidth(const char* key, const char* sentence, std::uint64_t& field) override {
        quantity(key, sentence, format_bandwidth(field), " ?([KMGT]iB|[kMG]?B|[kMGT]b(it)?)(/s|ps)", false);
    }
    void time(const char* key, const char* sentence, SimTime& field) override {
        quantity(key, sentence, format_time(field), "( ?(fs|ps|ns|us|ms|s))?", true);
    }
    void cycles(const char* key, const char* sentence, Cycles& field) override {
        quantity(key, sentence, format_cycles(field), " ?cycles?", false);
    }
    void clock(const char* key, const char* sentence, ClockPeriod& field) override {
        quantity(key, sentence, format_clock(field), " ?[kMG]?Hz", false);
    }
    void ratio(const char* key, const char* sentence, Ratio& field) override {
        quantity(key, sentence, format_ratio(field), "( ?%|/[0-9]+)?", true);
    }
    void text(const char* key, const char* sentence, std::string& field) override {
        add(key, sentence, {{"type", Json::array({"string", "integer"})}, {"default", field}});
    }
    void choice(const char* key, const char* sentence, std::size_t& field,
                const std::vector<std::string>& names) override {
        Json all = Json::array();
        for (const std::string& name : names) {
            if (name == "true" || name == "false") {
                all.push_back(name == "true");
            } else {
                all.push_back(name);
            }
        }
        Json chosen = field < all.size() ? all[field] : Json();
        for (const std::string& name : names) {  // a number is written without quotes
            if (const Parsed<std::uint64_t> number = parse_integer(name)) all.push_back(number.value());
        }
        add(key, sentence, {{"enum", std::move(all)}, {"default", std::move(chosen)}});
    }
    void texts(const char* key, const char* sentence, std::vector<std::string>&) override {
        add(key, sentence, {{"type", "array"}, {"items", {{"type", "string"}}}});
    }
    void text_map(const char* key, const char* sentence, std::map<std::string, std::string>&) override {
        add(key, sentence,
            {{"type", "object"}, {"additionalProperties", {{"type", Json::array({"string", "number", "boolean"})}}}});
    }
    void list(const char* key, const char* sentence, const char* type, std::size_t,
              const std::function<void(std::size_t)>& resize,
              const std::function<void(std::size_t)>& element) override {
        define(type, [&] {
            resize(1);
            element(0);
            resize(0);
        });
        add(key, sentence, {{"type", "array"}, {"items", reference(type)}});
    }
    void named(const char* key, const char* sentence, const char* type, const std::vector<std::string>&,
               const std::function<void(const std::string&)>& add_one,
               const std::function<void(const std::string&)>& element) override {
        define(type, [&] {
            add_one("");
            element("");
        });
        add(key, sentence, {{"type", "object"}, {"additionalProperties", reference(type)}});
    }

private:
    static Json object() {
        return {{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
    }
    static Json reference(const char* type) { return {{"$ref", std::string("#/definitions/") + type}}; }
    void add(const char* key, const char* sentence, Json made) {
        made["description"] = sentence;
        stack_.back()["properties"][key] = std::move(made);
    }
    void quantity(const char* key, const char* sentence, const std::string& value, const char* unit, bool number) {
        Json text = {{"type", "string"}, {"pattern", std::string("^[0-9]+(\\.[0-9]+)?") + unit + "$"}};
        Json type =
            number ? Json{{"anyOf", Json::array({text, {{"type", "number"}, {"minimum", 0}}})}} : std::move(text);
        type["default"] = value;
        add(key, sentence, std::move(type));
    }
    void define(const char* type, const std::function<void()>& visit) {
        if (definitions_.contains(type)) return;  // also while it is being made: lists may nest themselves
        definitions_[type] = nullptr;
        stack_.push_back(object());
        visit();
        definitions_[type] = std::move(stack_.back());
        stack_.pop_back();
    }

    std::vector<Json> stack_;
    Json definitions_ = Json::object();
};

/// The words of any family for an IOMMU's parts (config_read.cpp's rename_parts).
void add_other_words(Json& node) {
    if (!node.is_structured()) return;
    for (Json& inside : node) add_other_words(inside);
    if (!node.is_object() || !node.contains("properties")) return;
    Json& properties = node["properties"];
    if (!properties.contains("tbu") || !properties.contains("tcu")) return;
    for (const auto& [word, key] : {std::pair{"port", "tbu"}, {"ports", "tbus"}, {"core", "tcu"}}) {
        Json same = properties[key];
        same["description"] = std::string("As ") + key + ".";
        properties[word] = std::move(same);
    }
}

}  // namespace

std::string config_schema() {
    SchemaVisitor visitor;
    Config config;
    visit_config(visitor, config);
    Json schema = visitor.take();
    add_other_words(schema);
    schema["properties"]["study"] = study_schema_json();
    const Json file = {{"type", "string"}};
    schema["properties"]["extends"] = {
        {"anyOf", Json::array({file, {{"type", "array"}, {"items", file}}})},
        {"description", "Configs in the same directory or below that this one changes; of several, later ones win."}};
    return schema.dump(2) + "\n";
}

}  // namespace xlate::study
