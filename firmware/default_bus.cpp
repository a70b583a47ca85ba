#include "firmware/default_bus.hpp"

#include <algorithm>
#include <iterator>

namespace xlate::firmware {

bool is_default_bus(const Node& node) {
    static constexpr const char* kCompatibles[] = {"simple-bus", "simple-mfd", "isa", "arm,amba-bus"};
    return std::any_of(std::begin(kCompatibles), std::end(kCompatibles),
                       [&](const char* bus) { return node.is_compatible(bus); });
}

}  // namespace xlate::firmware
