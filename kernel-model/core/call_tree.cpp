#include "kernel-model/core/call_tree.hpp"

#include "kernel-model/core/region.hpp"

namespace xlate::kernel {

CallTree::CallTree() { nodes_.emplace_back(); }

CallNode* CallTree::add(CallNode* parent, const char* function) {
    const RegionPause outside;  // the tree outlives the run
    CallNode& node = nodes_.emplace_back();
    node.parent = parent;
    node.function = function;
    node.depth = parent->depth + 1;
    node.next_sibling = parent->first_child;
    parent->first_child = &node;
    return &node;
}

std::vector<std::string> call_stack(const CallNode* node) {
    std::vector<std::string> functions;
    for (; node != nullptr && node->parent != nullptr; node = node->parent) functions.emplace_back(node->function);
    return functions;
}

}  // namespace xlate::kernel
