// What a RISC-V IOMMU writes by itself: fault records, page requests, and its own interrupts as messages; and the
// answers that it gives to page requests without software.
// Source: RISC-V IOMMU specification, "Fault/Event-Queue", "Page-Request-Queue", "PCIe ATS Page Request handling",
// "Interrupt"; docs/spec/iommu-hardware.md sections 9 and 12.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "iommu/engine.hpp"
#include "iommu/page_request.hpp"
#include "iommu/riscv/registers.hpp"
#include "iommu/riscv/walk.hpp"

namespace xlate::iommu::riscv {

class Iommu;

/// Sources of interrupts, by their bit in ipsr.
enum class Interrupt : std::uint8_t { command, fault, hpm, page };
inline constexpr unsigned kInterrupts = 4;

class Outputs {
public:
    /// Records that are not written yet. A fault that finds no room waits: nothing is lost for want of room in here.
    static constexpr std::uint32_t kCapacity = 64;
    enum class Reported : std::uint8_t {
        recorded,  ///< will be written
        lost,      ///< the queue is off, full, or has an error
        no_room,   ///< nothing happened: report it again after take_resumed() has named `request_id`
    };
    Reported report(const FaultWords& words, std::uint64_t request_id, Registers& registers);
    std::optional<std::uint64_t> take_resumed();

    /// Sets its bit in ipsr, unless it is set or the queue's interrupts are off; what is signalled follows from that.
    void raise(Interrupt interrupt, Registers& registers);

    void page_request(const PageRequest& request) { requests_.push_back(request); }
    std::optional<PageResponse> take_page_response();
    void respond(const PageResponse& response) { responses_.push_back(response); }

    bool pending(const Registers& registers) const;
    /// One access at a time: access or idle.
    void step(Iommu& iommu, const Reply& reply, Step& step);
    /// Nothing of the fault queue (`faults`), or of the page-request queue, is being written.
    bool quiet(bool faults) const { return state_ != (faults ? State::fault : State::page); }
    void clear();

    std::uint64_t written = 0;   ///< fault records
    std::uint64_t lost = 0;      ///< dropped: queue off, full or faulty
    std::uint64_t requests = 0;  ///< page requests written
    std::uint64_t messages = 0;  ///< interrupts sent as messages

private:
    enum class State : std::uint8_t { idle, fault, locate, page, msi };
    std::optional<Interrupt> next_msi(const Registers& registers) const;
    void finish(Iommu& iommu, const Reply& reply);
    bool begin_page(Iommu& iommu, Step& step);
    void page_ended();
    void refuse_page(Iommu& iommu, std::optional<Cause> cause, std::uint8_t code, bool silent = false);
    void pop_fault();

    State state_ = State::idle;
    Interrupt sending_ = Interrupt::command;
    std::array<FaultWords, kCapacity> faults_{};
    std::uint32_t first_ = 0, count_ = 0;
    std::uint32_t unsent_ = 0;  ///< interrupts whose message waits, by bit
    std::deque<PageRequest> requests_;
    std::deque<PageResponse> responses_;
    std::deque<std::uint64_t> waiting_;  ///< accesses whose record has no room, oldest first
    std::deque<std::uint64_t> resumed_;
    DeviceWalk walk_;
    bool located_ = false;  ///< walk_ holds the context of the request at the front
};

}  // namespace xlate::iommu::riscv
