// A YAML document as a tree of our own: every value knows where it stands. No type of yaml-cpp leaves this folder.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace xlate::study::yaml {

/// Line and column from 1; `file` is shared by all values of a document.
struct Place {
    std::shared_ptr<const std::string> file;
    unsigned line = 0;  ///< 0: the whole file or a command line option
    unsigned column = 0;

    SourcePosition position() const;
};

enum class Kind { null, scalar, list, map };

struct Entry;

/// One node. Aliases are already expanded (within the budget of parse.hpp); keys of a map are unique.
struct Value {
    Kind kind = Kind::null;
    std::string text;     ///< scalar: as written, without quotes
    bool quoted = false;  ///< scalar: "..." or '...'; such a value is text, never a number
    Place place;
    std::vector<Value> items;    ///< list
    std::vector<Entry> entries;  ///< map, in the order of the file

    /// The value of `key`, or nullptr. Linear; maps with very many keys are walked by `entries`.
    const Value* find(std::string_view key) const;
    Value* find(std::string_view key);
    /// "an empty value", "text 'x'", "a list", "a map": for messages.
    std::string describe() const;
};

struct Entry {
    std::string key;
    Place place;
    Value value;
};

/// The number of nodes of a tree.
std::size_t count_nodes(const Value& value);

/// `path` in one spelling: a["b"].c is a.b.c. As it is if it is none.
std::string normal_path(std::string_view path);

/// Puts `value` at `path` ("soc.memory.latency", "traffic[0].size", "kernel.parameters["iommu.strict"]"), making maps
/// on the way. Below kernel.parameters the rest of the path is one key, dots and all.
/// Throws InputError (place: that of `value`) if the path cannot be followed.
void set_at(Value& root, std::string_view path, Value value);

}  // namespace xlate::study::yaml
