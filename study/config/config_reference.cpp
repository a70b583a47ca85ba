// docs/config.md: every key of a config, out of its JSON Schema.
#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "study/config/config.hpp"
#include "study/results/escape.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kHead =
    "# Config reference\n\n"
    "Every key, with its default and what it means; made by `xlate config reference` from the table that reads "
    "configs\n"
    "(`study/config/`). A quantity has its unit behind it (`4 KiB`, `50 ns`, `3 cycles`, `25.6 GB/s`, `70%`). A key "
    "that is not here\n"
    "is refused. `xlate config show CONFIG` says what each is in one config, and who said so; `xlate schema config` is "
    "the JSON\n"
    "Schema for editors. The key `study` is in `sweeps.md`, `scenario` (of explore) in `xlate schema scenario`.\n";

const std::string& definition_of(const Json& value) {
    static const std::string none;
    if (!value.is_object() || !value.contains("$ref")) return none;
    return value.at("$ref").get_ref<const std::string&>();
}

std::string range_text(const Json& number) {
    const bool low = number.contains("minimum") && number.at("minimum") != 0;
    const bool high = number.contains("maximum") && number.at("maximum") != ~std::uint64_t{0};
    if (low && high) return fmt::format("{} to {}", number.at("minimum").dump(), number.at("maximum").dump());
    if (high) return fmt::format("up to {}", number.at("maximum").dump());
    return low ? fmt::format("from {}", number.at("minimum").dump()) : "a number";
}

/// The unit of a pattern, by an example.
std::string quantity_text(const std::string& pattern) {
    if (pattern.find("(/s|ps)") != std::string::npos) return "a rate";
    if (pattern.find("[KMGT]iB") != std::string::npos) return "a size";
    if (pattern.find("cycles") != std::string::npos) return "cycles";
    if (pattern.find("fs|ps") != std::string::npos) return "a time";
    if (pattern.find("Hz") != std::string::npos) return "a clock";
    if (pattern.find('%') != std::string::npos) return "a share";
    return "text";
}

std::string kind_of(const Json& value) {
    if (value.contains("enum")) {
        std::string all;
        std::set<std::string> seen;
        for (const Json& one : value.at("enum")) {
            const std::string text = one.is_string() ? one.get<std::string>() : one.dump();
            if (seen.insert(text).second) all += (all.empty() ? "" : ", ") + text;
        }
        return all;
    }
    if (value.contains("pattern")) return quantity_text(value.at("pattern").get<std::string>());
    if (value.contains("anyOf")) {
        for (const Json& one : value.at("anyOf")) {
            if (one.contains("pattern") && one.at("pattern").get<std::string>().find("0x") == std::string::npos)
                return quantity_text(one.at("pattern").get<std::string>());
            if (one.value("type", Json()) == "integer") return range_text(one);
        }
        return "text, or a list";
    }
    const Json type = value.value("type", Json());
    if (type == "boolean") return "true, false";
    if (type == "array") return "a list";
    if (type == "object") return "a map";
    return "text";
}

std::string default_of(const Json& value) {
    if (!value.contains("default") || value.at("default").is_null()) return "";
    const Json& standard = value.at("default");
    const std::string text = standard.is_string() ? standard.get<std::string>() : standard.dump();
    return text.empty() ? "" : "`" + text + "`";
}

class Reference {
public:
    explicit Reference(const Json& schema) : schema_(schema) {}

    std::string make() {
        text_ = kHead;
        std::vector<std::string> plain;
        rows(schema_, "", "Top level");
        for (const auto& [name, value] : schema_.at("properties").items()) {
            if (name == "study" || name == "scenario" || !value.contains("properties")) continue;
            rows(value, name, name);
        }
        for (std::size_t i = 0; i < asked_.size(); ++i) {
            const Json& value = schema_.at("definitions").at(asked_[i]);
            rows(value, "", fmt::format("An entry of {}", places_[i]));
        }
        return text_;
    }

private:
    /// One table: the keys below a map, those of maps within it too.
    void rows(const Json& map, const std::string& path, const std::string& title) {
        std::string table;
        add(map, path, table, path.empty() && title == "Top level");
        if (table.empty()) return;
        text_ += "\n## " + title + "\n\n";
        if (map.contains("description")) text_ += map.at("description").get<std::string>() + "\n\n";
        text_ += "| key | what it takes | default | meaning |\n|---|---|---|---|\n" + table;
    }
    void add(const Json& map, const std::string& path, std::string& table, bool only_plain) {
        if (!map.contains("properties")) return;
        for (const auto& [name, value] : map.at("properties").items()) {
            const std::string at = path.empty() ? name : path + "." + name;
            if (only_plain && (name == "study" || name == "scenario")) continue;
            const bool below = value.contains("properties");
            if (below && only_plain) continue;
            const Json& inner = value.contains("items")                  ? value.at("items")
                                : value.contains("additionalProperties") ? value.at("additionalProperties")
                                                                         : value;
            std::string takes = below ? "" : markdown_cell(kind_of(value));
            if (const std::string& reference = definition_of(inner); !reference.empty()) {
                const std::string entry = reference.substr(reference.rfind('/') + 1);
                takes += fmt::format(" of `{}`", at);
                if (std::find(asked_.begin(), asked_.end(), entry) == asked_.end()) {
                    asked_.push_back(entry);
                    places_.push_back("`" + at + "`");
                }
            }
            table += fmt::format("| `{}` | {} | {} | {} |\n", at, takes, default_of(value),
                                 markdown_cell(value.value("description", std::string())));
            if (below) add(value, at, table, false);
        }
    }

    const Json& schema_;
    std::string text_;
    std::vector<std::string> asked_;   ///< definitions, in the order in which they are met
    std::vector<std::string> places_;  ///< where first
};

}  // namespace

std::string config_reference() {
    const Json schema = Json::parse(config_schema());
    return Reference(schema).make();
}

}  // namespace xlate::study
