// Vector clocks over task slots: who has seen whose steps.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xlate::kernel {

/// Slots below kInline cost no allocation.
class VectorClock {
public:
    static constexpr std::size_t kInline = 16;

    std::uint32_t at(std::size_t slot) const {
        if (slot < kInline) return few_[slot];
        return slot - kInline < more_.size() ? more_[slot - kInline] : 0;
    }
    void set(std::size_t slot, std::uint32_t value) {
        if (slot < kInline) {
            few_[slot] = value;
            return;
        }
        if (slot - kInline >= more_.size()) more_.resize(slot - kInline + 1, 0);
        more_[slot - kInline] = value;
    }
    void tick(std::size_t slot) { set(slot, at(slot) + 1); }
    void join(const VectorClock& other) {
        for (std::size_t i = 0; i < kInline; ++i) few_[i] = std::max(few_[i], other.few_[i]);
        if (other.more_.empty()) return;
        if (more_.size() < other.more_.size()) more_.resize(other.more_.size(), 0);
        for (std::size_t i = 0; i < other.more_.size(); ++i) more_[i] = std::max(more_[i], other.more_[i]);
    }

private:
    std::array<std::uint32_t, kInline> few_{};
    std::vector<std::uint32_t> more_;
};

}  // namespace xlate::kernel
