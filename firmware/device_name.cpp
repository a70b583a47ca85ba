#include "firmware/device_name.hpp"

#include <optional>

#include <fmt/format.h>

namespace xlate::firmware {

std::string linux_device_name(const Description& description, NodeIndex node) {
    if (!description.node(node).linux_name.empty()) return description.node(node).linux_name;
    std::string name;
    for (std::optional<NodeIndex> at = node; at && index(*at) != 0; at = description.node(*at).parent) {
        const Node& here = description.node(*at);
        if (!here.regs.empty() && here.regs.front().cpu_address) {
            return fmt::format("{:x}.{}{}{}", *here.regs.front().cpu_address, here.name.substr(0, here.name.find('@')),
                               name.empty() ? "" : ":", name);
        }
        name = here.name + (name.empty() ? "" : ":") + name;
    }
    return name;
}

}  // namespace xlate::firmware
