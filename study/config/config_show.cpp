// Config as text: the list of `config show`, and YAML with a comment on every value.
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "study/config/config.hpp"

namespace xlate::study {
namespace {

/// One line of the shown config.
struct Line {
    std::size_t depth = 0;
    bool starts_element = false;  ///< gets the dash of a list
    bool is_container = false;
    bool absent = false;  ///< a list that was not given: shown as a comment
    std::string key;
    std::string path;
    std::string value;
    std::string sentence;
};

std::string quote(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}
std::string quote_key(const std::string& key) {
    return key.find_first_of(" :#\"'[]{},&*!|>%@`") == std::string::npos && !key.empty() ? key : quote(key);
}

class ShowVisitor : public ParameterVisitor {
public:
    explicit ShowVisitor(const Config& config) : config_(config) {}
    std::vector<Line> lines;

    bool wants_all() const override { return false; }
    void map(const char* key, const char* sentence, const Inside& inside) override {
        open(key, sentence);
        inside();
        close();
    }
    void boolean(const char* key, const char* sentence, bool& field) override {
        value(key, sentence, field ? "true" : "false");
    }
    void integer(const char* key, const char* sentence, std::uint64_t& field, std::uint64_t, std::uint64_t) override {
        value(key, sentence, std::to_string(field));
    }
    void bytes(const char* key, const char* sentence, std::uint64_t& field, std::uint64_t, std::uint64_t) override {
        value(key, sentence, format_bytes(field));
    }
    void bandwidth(const char* key, const char* sentence, std::uint64_t& field) override {
        value(key, sentence, format_bandwidth(field));
    }
    void time(const char* key, const char* sentence, SimTime& field) override {
        value(key, sentence, format_time(field));
    }
    void cycles(const char* key, const char* sentence, Cycles& field) override {
        value(key, sentence, format_cycles(field));
    }
    void clock(const char* key, const char* sentence, ClockPeriod& field) override {
        value(key, sentence, format_clock(field));
    }
    void ratio(const char* key, const char* sentence, Ratio& field) override {
        value(key, sentence, format_ratio(field));
    }
    void text(const char* key, const char* sentence, std::string& field) override {
        value(key, sentence, quote(field));
    }
    void choice(const char* key, const char* sentence, std::size_t& field,
                const std::vector<std::string>& names) override {
        value(key, sentence, field < names.size() ? names[field] : "");
    }
    void texts(const char* key, const char* sentence, std::vector<std::string>& field) override {
        std::string all;
        for (const std::string& text : field) all += (all.empty() ? "" : ", ") + quote(text);
        value(key, sentence, "[" + all + "]");
    }
    void text_map(const char* key, const char* sentence, std::map<std::string, std::string>& field) override {
        std::string all;
        for (const auto& [name, text] : field) all += (all.empty() ? "" : ", ") + quote(name) + ": " + quote(text);
        value(key, sentence, "{" + all + "}");
    }
    void list(const char* key, const char* sentence, const char*, std::size_t size,
              const std::function<void(std::size_t)>&, const std::function<void(std::size_t)>& element) override {
        if (size == 0) {
            value(key, sentence, "[]");
            lines.back().absent = !config_.given(lines.back().path);
            return;
        }
        open(key, sentence);
        for (std::size_t i = 0; i < size; ++i) {
            paths_.push_back(yaml::join_path(paths_.back(), i));
            starts_element_ = true;
            element(i);
            paths_.pop_back();
        }
        close();
    }
    void named(const char* key, const char* sentence, const char*, const std::vector<std::string>& keys,
               const std::function<void(const std::string&)>&,
               const std::function<void(const std::string&)>& element) override {
        if (keys.empty()) {
            value(key, sentence, "{}");
            return;
        }
        open(key, sentence);
        for (const std::string& name : keys) {
            open(name, "");
            element(name);
            close();
        }
        close();
    }

private:
    Line& add(const std::string& key, const char* sentence) {
        Line line;
        line.depth = paths_.size() - 1;
        line.starts_element = std::exchange(starts_element_, false);
        line.key = quote_key(key);
        line.path = yaml::join_path(paths_.back(), key);
        line.sentence = sentence;
        lines.push_back(std::move(line));
        return lines.back();
    }
    void value(const char* key, const char* sentence, std::string text) { add(key, sentence).value = std::move(text); }
    void open(const std::string& key, const char* sentence) {
        Line& line = add(key, sentence);
        line.is_container = true;
        paths_.push_back(line.path);
    }
    void close() { paths_.pop_back(); }

    const Config& config_;
    std::vector<std::string> paths_{""};
    bool starts_element_ = false;
};

std::string origin(const Config& config, const std::string& path) {
    const auto found = config.origins.find(path);
    return found == config.origins.end() ? "default" : found->second.position().text();
}

}  // namespace

std::vector<ParameterRow> list_parameters(Config& config) {
    ShowVisitor visitor(config);
    visit_config(visitor, config);
    std::vector<ParameterRow> rows;
    for (Line& line : visitor.lines) {
        if (line.is_container) continue;
        const std::string from = origin(config, line.path);
        rows.push_back({std::move(line.path), line.absent ? "(not given)" : std::move(line.value),
                        std::move(line.sentence), from});
    }
    return rows;
}

std::string diff_parameters(Config& first, Config& second) {
    std::map<std::string, std::string> before;
    for (ParameterRow& row : list_parameters(first)) before[row.path] = std::move(row.value);
    std::string text;
    for (const ParameterRow& row : list_parameters(second)) {
        const auto known = before.find(row.path);
        const std::string old = known == before.end() ? "(none)" : known->second;
        if (old != row.value) text += printable(fmt::format("{}: {} -> {}", row.path, old, row.value)) + "\n";
        if (known != before.end()) before.erase(known);
    }
    for (const auto& [path, value] : before) text += printable(fmt::format("{}: {} -> (none)", path, value)) + "\n";
    return text;
}

std::string resolved_yaml(Config& config) {
    ShowVisitor visitor(config);
    visit_config(visitor, config);
    std::string text = "# Every parameter: value, origin, meaning. Times and sizes carry their units.\n";
    for (const Line& line : visitor.lines) {
        std::string indent(2 * line.depth, ' ');
        if (line.starts_element) indent.replace(indent.size() - 2, 2, "- ");
        std::string start = fmt::format("{}{}{}:", indent, line.absent ? "# " : "", line.key);
        if (!line.value.empty()) start += " " + line.value;
        const std::string from = line.is_container ? "" : origin(config, line.path) + ". ";
        const std::string comment = printable(from + line.sentence);
        text += comment.empty() ? start + "\n" : fmt::format("{:<48} # {}\n", start, comment);
    }
    return text;
}

}  // namespace xlate::study
