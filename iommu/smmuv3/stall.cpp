#include "iommu/smmuv3/stall.hpp"

#include <algorithm>

namespace xlate::iommu::smmuv3 {

std::optional<std::uint16_t> Stalls::allocate(StreamId sid, std::uint64_t request_id) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (slots_[i].used) continue;
        slots_[i] = {true, StallAnswer::none, sid, request_id};
        ++held_;
        return static_cast<std::uint16_t>(i);
    }
    if (std::find(waiting_.begin(), waiting_.end(), request_id) == waiting_.end()) waiting_.push_back(request_id);
    return std::nullopt;
}

void Stalls::give(Slot& slot, StallAnswer answer) {
    if (!slot.used || slot.answer != StallAnswer::none) return;
    slot.answer = answer;
    resumed_.push_back(slot.request_id);
}

void Stalls::resume(StreamId sid, std::uint16_t tag, StallAnswer answer) {
    if (tag < slots_.size() && slots_[tag].sid == sid) give(slots_[tag], answer);
}

void Stalls::terminate(StreamId sid) {
    for (Slot& slot : slots_) {
        if (slot.sid == sid) give(slot, StallAnswer::abort);
    }
}

void Stalls::terminate_all() {
    for (Slot& slot : slots_) give(slot, StallAnswer::abort);
    resumed_.insert(resumed_.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
}

StallAnswer Stalls::take_answer(std::uint16_t tag) {
    Slot& slot = slots_[tag];
    const StallAnswer answer = slot.answer;
    if (answer == StallAnswer::none) return answer;
    slot = {};
    --held_;
    if (!waiting_.empty()) {
        resumed_.push_back(waiting_.front());
        waiting_.erase(waiting_.begin());
    }
    return answer;
}

std::optional<std::uint64_t> Stalls::take_resumed() {
    if (resumed_.empty()) return std::nullopt;
    const std::uint64_t id = resumed_.front();
    resumed_.erase(resumed_.begin());
    return id;
}

}  // namespace xlate::iommu::smmuv3
