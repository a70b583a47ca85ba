// Grows a Description whose nodes no blob holds: properties are written as a device tree's are. Private to firmware/.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::firmware::acpi {

class NodeWriter {
public:
    /// Begins with what `description` has.
    explicit NodeWriter(Description& description);

    /// Its path is "/" and its name unless it has one; below the root unless it has a parent.
    /// Errors: InputError (limit) beyond limits.hpp.
    NodeIndex add(Node node);
    void text(NodeIndex node, const char* name, const std::string& value);
    void cell(NodeIndex node, const char* name, std::uint32_t value) { cells(node, name, {value}); }
    void cells(NodeIndex node, const char* name, const std::vector<std::uint32_t>& values);
    void flag(NodeIndex node, const char* name);
    /// The host bridge of a root bus; a new one copies what another one of its segment has.
    NodeIndex ensure_root(unsigned segment, unsigned bus);
    /// The same, but a new one stands behind those that are there, whatever their numbers: the namespace's order.
    NodeIndex append_root(unsigned segment, unsigned bus);
    /// Makes `raw` of all that was written.
    void finish();

private:
    struct Written {
        std::string name;
        std::vector<std::uint8_t> bytes;
    };
    void put(NodeIndex node, const char* name, std::vector<std::uint8_t> bytes);
    NodeIndex make_root(unsigned segment, unsigned bus, std::size_t place);

    Description& out_;
    std::vector<std::vector<Written>> properties_;  ///< by node
    std::set<std::string> paths_;
};

}  // namespace xlate::firmware::acpi
