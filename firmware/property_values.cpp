#include "firmware/property_values.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace xlate::firmware {

std::vector<std::uint32_t> cells_of(const Node& node, std::string_view property) {
    std::vector<std::uint32_t> cells;
    const Property* const found = node.property(property);
    if (found == nullptr) return cells;
    for (std::size_t at = 0; at + 4 <= found->bytes.size(); at += 4) {
        cells.push_back(static_cast<std::uint32_t>(load_be(found->bytes.data() + at, 4)));
    }
    return cells;
}

bool has_string(const Node& node, std::string_view property, std::string_view text) {
    const Property* const found = node.property(property);
    if (found == nullptr) return false;
    const std::string list(found->bytes.data(), found->bytes.data() + found->bytes.size());
    for (std::size_t at = 0; at < list.size();) {
        const std::size_t end = std::min(list.find('\0', at), list.size());
        if (std::string_view(list).substr(at, end - at) == text) return true;
        at = end + 1;
    }
    return false;
}

}  // namespace xlate::firmware
