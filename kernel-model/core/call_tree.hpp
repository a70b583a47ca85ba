// Call stacks as nodes of a tree: a snapshot of a stack is one pointer, as cheap to keep as it is to compare.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace xlate::kernel {

/// One stack: this function, called from `parent`. The root (no function) has no parent.
struct CallNode {
    const CallNode* parent = nullptr;
    const char* function = "";
    std::uint32_t depth = 0;  ///< calls above it
    CallNode* first_child = nullptr;
    CallNode* next_sibling = nullptr;
};

/// Owns the nodes; they live as long as the tree. Not thread-safe: one tree a worker.
class CallTree {
public:
    CallTree();
    CallNode* root() { return &nodes_.front(); }
    /// `parent` is a node of this tree; `function` a string literal. nullptr: it was never called from there.
    static CallNode* find(CallNode* parent, const char* function) {
        for (CallNode* child = parent->first_child; child != nullptr; child = child->next_sibling) {
            if (child->function == function) return child;
        }
        return nullptr;
    }
    CallNode* add(CallNode* parent, const char* function);

private:
    std::deque<CallNode> nodes_;
};

/// Function names, innermost first; empty for the root or none.
std::vector<std::string> call_stack(const CallNode* node);

}  // namespace xlate::kernel
