#include "study/config/yaml/value.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "study/config/yaml/read.hpp"

namespace xlate::study::yaml {
namespace {

struct Step {
    std::string key;                   ///< map key, or
    std::optional<std::size_t> index;  ///< list index
};

/// Cuts a path into steps. `path` is the whole text, for the message.
std::vector<Step> cut(std::string_view path, const Place& place) {
    const auto fail = [&](std::string what) {
        throw InputError(
            Diagnostic{place.position(), std::string(path), std::move(what), "a path such as soc.memory.latency", ""});
    };
    std::vector<Step> steps;
    std::size_t at = 0;
    while (at < path.size()) {
        if (steps.size() == 2 && steps[0].key == "kernel" && steps[1].key == "parameters" && path[at] == '.') {
            steps.push_back({std::string(path.substr(at + 1)), {}});
            at = path.size();
        } else if (path[at] == '[' && at + 1 < path.size() && path[at + 1] == '"') {
            const std::size_t close = path.find("\"]", at + 2);
            if (close == std::string_view::npos) fail("'[\"' without '\"]'");
            steps.push_back({std::string(path.substr(at + 2, close - at - 2)), {}});
            at = close + 2;
        } else if (path[at] == '[') {
            const std::size_t close = path.find(']', at);
            if (close == std::string_view::npos) fail("'[' without ']'");
            const auto index = parse_integer(path.substr(at + 1, close - at - 1));
            if (!index) fail("between [ and ] stands an index or a key in double quotes");
            steps.push_back({"", index.value()});
            at = close + 1;
        } else {
            if (path[at] == '.' && at != 0) ++at;
            const std::size_t end = std::min(path.find_first_of(".[", at), path.size());
            if (end == at) fail("a name is missing between two dots");
            steps.push_back({std::string(path.substr(at, end - at)), {}});
            at = end;
        }
    }
    if (steps.empty()) fail("the path is empty");
    return steps;
}

}  // namespace

SourcePosition Place::position() const {
    SourcePosition position;
    if (file) position.file = *file;
    if (line != 0) {
        position.line = line;
        position.column = column;
    }
    return position;
}

const Value* Value::find(std::string_view key) const {
    for (const Entry& entry : entries) {
        if (entry.key == key) return &entry.value;
    }
    return nullptr;
}

Value* Value::find(std::string_view key) { return const_cast<Value*>(static_cast<const Value*>(this)->find(key)); }

std::string Value::describe() const {
    switch (kind) {
        case Kind::null:
            return "an empty value";
        case Kind::list:
            return "a list";
        case Kind::map:
            return "a map";
        case Kind::scalar:
            break;
    }
    constexpr std::size_t kShown = 60;
    return fmt::format("'{}'", text.size() > kShown ? text.substr(0, kShown) + "..." : text);
}

std::size_t count_nodes(const Value& value) {
    std::size_t count = 1;
    for (const Value& item : value.items) count += count_nodes(item);
    for (const Entry& entry : value.entries) count += 1 + count_nodes(entry.value);
    return count;
}

std::string normal_path(std::string_view path) {
    std::string text;
    try {
        for (const Step& step : cut(path, {}))
            text = step.index ? join_path(text, *step.index) : join_path(text, step.key);
    } catch (const InputError&) {
        return std::string(path);
    }
    return text;
}

void set_at(Value& root, std::string_view path, Value value) {
    Value* at = &root;
    const Place place = value.place;
    for (const Step& step : cut(path, place)) {
        if (step.index) {
            if (at->kind != Kind::list || *step.index >= at->items.size()) {
                throw InputError(Diagnostic{
                    place.position(), std::string(path),
                    at->kind != Kind::list
                        ? fmt::format("[{}] asks for a list, found {}", *step.index, at->describe())
                        : fmt::format("index {} is past the end of a list of {}", *step.index, at->items.size()),
                    "", ""});
            }
            at = &at->items[*step.index];
            continue;
        }
        if (at->kind == Kind::null) {
            at->kind = Kind::map;
            at->place = place;
        }
        if (at->kind != Kind::map) {
            throw InputError(Diagnostic{place.position(), std::string(path),
                                        fmt::format("'{}' asks for a map, found {}", step.key, at->describe()), "",
                                        ""});
        }
        Value* next = at->find(step.key);
        if (next == nullptr) {
            at->entries.push_back({step.key, place, Value{}});
            next = &at->entries.back().value;
            next->place = place;
        }
        at = next;
    }
    *at = std::move(value);
}

}  // namespace xlate::study::yaml
