// Vector clocks over task slots: who has seen whose steps.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xlate::kernel {

/// Slots below kInline cost no allocation; what lies behind the last used block costs no time.
class VectorClock {
public:
    static constexpr std::size_t kInline = 16;

    VectorClock() = default;
    VectorClock(const VectorClock&) = default;
    VectorClock(VectorClock&&) = default;
    VectorClock& operator=(VectorClock&&) = default;
    ~VectorClock() = default;
    VectorClock& operator=(const VectorClock& other) {
        few_ = other.few_;
        blocks_ = other.blocks_;
        if (!more_.empty() || !other.more_.empty()) more_ = other.more_;
        return *this;
    }

    std::uint32_t at(std::size_t slot) const {
        if (slot < kInline) return few_[slot];
        return slot - kInline < more_.size() ? more_[slot - kInline] : 0;
    }
    void set(std::size_t slot, std::uint32_t value) {
        if (slot < kInline) {
            few_[slot] = value;
            blocks_ = std::max(blocks_, static_cast<std::uint32_t>(slot / kBlock + 1));
            return;
        }
        if (slot - kInline >= more_.size()) more_.resize(slot - kInline + 1, 0);
        more_[slot - kInline] = value;
    }
    void tick(std::size_t slot) { set(slot, at(slot) + 1); }
    void join(const VectorClock& other) {
        for (std::uint32_t block = 0; block < other.blocks_; ++block) {
            for (std::size_t i = block * kBlock; i < (block + 1) * kBlock; ++i)
                few_[i] = std::max(few_[i], other.few_[i]);
        }
        blocks_ = std::max(blocks_, other.blocks_);
        if (other.more_.empty()) return;
        if (more_.size() < other.more_.size()) more_.resize(other.more_.size(), 0);
        for (std::size_t i = 0; i < other.more_.size(); ++i) more_[i] = std::max(more_[i], other.more_[i]);
    }

private:
    static constexpr std::size_t kBlock = 4;  // slots that the host's instructions take at once
    std::array<std::uint32_t, kInline> few_{};
    std::uint32_t blocks_ = 0;  ///< of few_: all others are zero
    std::vector<std::uint32_t> more_;
};

}  // namespace xlate::kernel
