#include "iommu/inert.hpp"

namespace xlate::iommu {

void Inert::reset() {
    unit_->reset();
    words_.clear();
    translates_ = unit_->translates();
}

std::uint64_t Inert::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    std::uint64_t value = 0;
    for (unsigned at = 0; at < size; at += 4) {
        const auto word = words_.find({bank, offset + at});
        const std::uint64_t part =
            word != words_.end() ? word->second : unit_->read_register(offset + at, 4, bank) & 0xFFFFFFFF;
        value |= part << (8 * at);
    }
    return value;
}

void Inert::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    for (unsigned at = 0; at < size; at += 4)
        words_[{bank, offset + at}] = static_cast<std::uint32_t>(value >> (8 * at));
}

}  // namespace xlate::iommu
