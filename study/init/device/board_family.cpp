#include "study/init/device/board_family.hpp"

#include <algorithm>

namespace xlate::study {

const std::vector<BoardFamily>& board_families() {
    static const std::vector<BoardFamily> all = [] {
        std::vector<BoardFamily> made = iommu::gathered_examples();
        std::stable_sort(made.begin(), made.end(),
                         [](const BoardFamily& a, const BoardFamily& b) { return a.place < b.place; });
        return made;
    }();
    return all;
}

const BoardFamily* find_board_family(std::string_view name) {
    for (const BoardFamily& family : board_families()) {
        if (family.name == name) return &family;
    }
    return nullptr;
}

}  // namespace xlate::study
