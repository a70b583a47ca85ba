// Stalled accesses: their tags, and software's answers. Source: docs/spec/iommu-hardware.md section 1.13.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.hpp"

namespace xlate::iommu::smmuv3 {

enum class StallAnswer : std::uint8_t { none, retry, abort, terminate };

/// Up to `limit` (IDR5.STALL_MAX) accesses at once; more wait for a tag without a record.
class Stalls {
public:
    explicit Stalls(std::uint32_t limit) : slots_(limit) {}

    /// A tag for an access; none if all are taken: the access is then noted and resumed when one is free.
    std::optional<std::uint16_t> allocate(StreamId sid, std::uint64_t request_id);
    /// RESUME. An unknown tag or another SID's is nothing.
    void resume(StreamId sid, std::uint16_t tag, StallAnswer answer);
    /// STALL_TERM.
    void terminate(StreamId sid);
    /// SMMUEN 1 -> 0: everything is aborted.
    void terminate_all();
    /// What software said; anything but none frees the tag.
    StallAnswer take_answer(std::uint16_t tag);
    std::optional<std::uint64_t> take_resumed();
    std::uint32_t held() const { return held_; }

private:
    struct Slot {
        bool used = false;
        StallAnswer answer = StallAnswer::none;
        StreamId sid{};
        std::uint64_t request_id = 0;
    };
    void give(Slot& slot, StallAnswer answer);
    std::vector<Slot> slots_;
    std::vector<std::uint64_t> resumed_;  ///< oldest first
    std::vector<std::uint64_t> waiting_;  ///< for a tag
    std::uint32_t held_ = 0;
};

}  // namespace xlate::iommu::smmuv3
