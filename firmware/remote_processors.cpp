#include "firmware/remote_processors.hpp"

#include <algorithm>

namespace xlate::firmware {
namespace {

bool has_consumer(const Description& description, NodeIndex at) {
    const Node& node = description.node(at);
    return node.available &&
           (node.has_iommus || std::any_of(node.children.begin(), node.children.end(),
                                           [&](NodeIndex child) { return has_consumer(description, child); }));
}

}  // namespace

std::optional<NodeIndex> remote_channel(const Description& description, NodeIndex processor) {
    for (const NodeIndex child : description.node(processor).children) {
        const Node& node = description.node(child);
        if ((node.name == "glink-edge" || node.name == "smd-edge") && has_consumer(description, child)) return child;
    }
    return std::nullopt;
}

}  // namespace xlate::firmware
