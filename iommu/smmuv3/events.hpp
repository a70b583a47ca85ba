// The event queue and the page request queue, seen from the hardware: records waiting to be written, overflow,
// merging, and the interrupts that follow. Source: docs/spec/iommu-hardware.md sections 1.3, 1.8, 1.13, 14.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/engine.hpp"
#include "iommu/smmuv3/interrupts.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/registers.hpp"

namespace xlate::iommu::smmuv3 {

/// An endpoint's request for a page.
struct PageRequest {
    StreamId sid{};
    std::optional<SubstreamId> ssid;
    std::uint64_t address = 0;
    bool read = false, write = false, execute = false, privileged = false, last = false;
    std::uint16_t prg_index = 0;
};

/// The answer to a page request group, in PCIe coding: 0 success, 1 invalid request, 15 failure.
struct PageResponse {
    StreamId sid{};
    std::optional<SubstreamId> ssid;
    std::uint16_t prg_index = 0;
    std::uint8_t code = 0;
};

class Events {
public:
    /// Records inside the SMMU that are not written yet. A record that finds no room is lost as in a full queue.
    static constexpr std::uint32_t kCapacity = 64;
    static constexpr std::uint32_t kResponses = 1024;

    /// A record to write. `stall`: never lost. `mergeable`: may join an equal one that still waits here.
    /// Returns true if it will be written or was merged.
    bool report(const EventWords& words, bool stall, bool mergeable, Registers& registers);
    /// PRI: true if it will be written; false if it was answered or dropped.
    bool page_request(const PageRequest& request, bool response_has_pasid, Registers& registers,
                      Interrupts& interrupts);
    /// PRI_RESP, or an automatic answer. An owner that takes none loses the oldest.
    void respond(const PageResponse& response);
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
    Ring<PageRequestWords> pages_;
    std::vector<EventWords> stalls_;  ///< at most IDR5.STALL_MAX
    std::vector<PageResponse> responses_;
};

}  // namespace xlate::iommu::smmuv3
