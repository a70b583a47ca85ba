// The event queue and the page request queue, seen from the hardware: records waiting to be written, overflow,
// merging, and the interrupts that follow. Source: docs/spec/iommu-hardware.md sections 1.3, 1.8, 1.13, 14.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "iommu/engine.hpp"
#include "iommu/page_request.hpp"
#include "iommu/smmuv3/interrupts.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/registers.hpp"

namespace xlate::iommu::smmuv3 {

class Events {
public:
    /// Records of faults inside the SMMU that are not written yet. A fault that finds no room waits: nothing is lost
    /// for want of room in here.
    static constexpr std::uint32_t kCapacity = 64;
    /// Answers to page requests that their owner has not taken yet. PRI_RESP waits while there are as many; what is
    /// answered automatically comes on top of them.
    static constexpr std::uint32_t kResponses = 1024;

    enum class Reported : std::uint8_t {
        recorded,  ///< will be written, or was merged
        lost,      ///< the queue is off
        no_room,   ///< nothing happened: report it again after take_resumed() has named `request_id`
    };
    /// A record to write. `stall`: always has room. `mergeable`: may join an equal one that still waits here.
    Reported report(const EventWords& words, bool stall, bool mergeable, std::uint64_t request_id,
                    Registers& registers);
    /// An access that has waited for room here: Request::id of it.
    std::optional<std::uint64_t> take_resumed();
    /// PRI: true if it will be written; false if it was answered or dropped. Those that wait to be written have their
    /// places in the queue already: its size is their only bound.
    bool page_request(const PageRequest& request, bool response_has_pasid, Registers& registers,
                      Interrupts& interrupts);
    /// PRI_RESP, or an automatic answer.
    void respond(const PageResponse& response);
    bool room_for_response() const { return responses_.size() < kResponses; }
    std::optional<PageResponse> take_page_response();

    bool pending(const Registers& registers, const Interrupts& interrupts) const;
    /// Records and MSIs, one access at a time: access or idle.
    void step(const Reply& reply, Registers& registers, Interrupts& interrupts, Step& step);
    /// EVENTQEN or PRIQEN 1 -> 0: nothing of that queue is being written.
    bool quiet() const { return state_ == State::idle; }
    void clear();

    std::uint64_t written = 0;  ///< event records
    std::uint64_t lost = 0;     ///< dropped: full, disabled or aborted
    std::uint64_t merged = 0;
    std::uint64_t requests = 0;  ///< page requests written

private:
    enum class State : std::uint8_t { idle, event, stall_event, page, msi };
    static bool writable(const Registers& registers);
    void drop(Registers& registers);
    void pop_event();

    template <typename T>
    struct Ring {
        std::array<T, kCapacity> items{};
        std::uint32_t first = 0;
        std::uint32_t count = 0;
        bool full() const { return count == kCapacity; }
        void push(const T& item) { items[(first + count++) % kCapacity] = item; }
        T& front() { return items[first]; }
        void pop() {
            first = (first + 1) % kCapacity;
            --count;
        }
    };
    State state_ = State::idle;
    Interrupt sending_ = Interrupt::gerror;
    Ring<EventWords> events_;
    std::deque<PageRequestWords> pages_;
    std::vector<EventWords> stalls_;  ///< at most IDR5.STALL_MAX
    std::vector<PageResponse> responses_;
    std::deque<std::uint64_t> waiting_;  ///< accesses whose record has no room, oldest first
    std::deque<std::uint64_t> resumed_;
};

}  // namespace xlate::iommu::smmuv3
