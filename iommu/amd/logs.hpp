// What an AMD IOMMU writes by itself: the event log, the PPR log, its own interrupts as messages; and the answers that
// it gives to page requests without software.
// Source: docs/spec/iommu-hardware.md sections 4 and 14.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "iommu/amd/registers.hpp"
#include "iommu/engine.hpp"
#include "iommu/page_request.hpp"

namespace xlate::iommu::amd {

class Iommu;

class Logs {
public:
    /// Events that are not written yet.
    static constexpr std::uint32_t kCapacity = 64;
    /// False: lost, since the log is off, full, or stopped by an overflow before.
    bool report(const EntryWords& words, Registers& registers);

    void page_request(const PageRequest& request) { requests_.push_back(request); }
    std::optional<PageResponse> take_page_response();
    void respond(const PageResponse& response) { responses_.push_back(response); }

    /// Sets a bit of STATUS. If its interrupt is enabled and it was clear: one pulse or message.
    void raise(Field bit, Registers& registers);
    /// As a wire: an IOMMU whose MSI capability is off.
    bool take_pulse();

    bool pending(const Registers& registers) const;
    /// One access at a time: access or idle.
    void step(Iommu& iommu, const Reply& reply, Step& step);
    void clear();

    std::uint64_t written = 0;   ///< events
    std::uint64_t lost = 0;      ///< events
    std::uint64_t requests = 0;  ///< page requests written
    std::uint64_t messages = 0;  ///< interrupts, of either form

private:
    enum class State : std::uint8_t { idle, event, page, msi };
    struct Message {
        std::uint64_t address = 0;
        std::uint32_t data = 0;
    };
    void finish(const Reply& reply, Registers& registers);
    bool begin_page(Registers& registers, Step& step);
    void refuse_page();

    State state_ = State::idle;
    std::array<EntryWords, kCapacity> events_{};
    std::uint32_t first_ = 0, count_ = 0;
    std::uint32_t pulses_ = 0;
    std::deque<Message> unsent_;
    std::deque<PageRequest> requests_;
    std::deque<PageResponse> responses_;
};

}  // namespace xlate::iommu::amd
