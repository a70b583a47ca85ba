// Whether a document is as a JSON Schema says, as far as schemas of ours go: type, required, properties, items.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace xlate::study {

struct SchemaGap {
    std::string path;      ///< "masters[0].latency_ns"; empty: the document
    std::string what;      ///< "is text"
    std::string expected;  ///< "an object"
};

/// Where `document` first is not as `schema` has it; nothing if it is. `whole`: what the schema requires must be there;
/// otherwise only what is there must be of its type.
std::optional<SchemaGap> find_gap(const nlohmann::ordered_json& schema, const nlohmann::ordered_json& document,
                                  bool whole);

}  // namespace xlate::study
