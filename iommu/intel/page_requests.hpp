// Page requests of endpoints on their way to the page request queue, and the answers that they get.
// Source: VT-d specification 4.1, sections 7.4, 7.5; docs/spec/iommu-hardware.md sections 3.1, 3.3.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "iommu/intel/context.hpp"
#include "iommu/intel/layout_queue.hpp"
#include "iommu/page_request.hpp"

namespace xlate::iommu::vtd {

class Vtd;

class PageRequestQueue {
public:
    void add(const PageRequest& request) { requests_.push_back(request); }
    /// A request is in hand.
    bool busy() const { return state_ != State::idle; }
    bool pending() const { return busy() || !requests_.empty(); }
    /// access or idle.
    void step(Vtd& unit, const Reply& reply, Step& step);
    void respond(const PageResponse& response) { responses_.push_back(response); }
    std::optional<PageResponse> take_response();
    void clear();

private:
    enum class State : std::uint8_t { idle, locate, write };
    /// Ends the request at the front without a record. `code`: what the endpoint hears, if it was its group's last.
    void refuse(Vtd& unit, Reason reason, std::uint8_t code);
    bool begin(Vtd& unit, Step& step);

    State state_ = State::idle;
    std::deque<PageRequest> requests_;
    std::deque<PageResponse> responses_;
    ContextWalk walk_;
    bool located_ = false;  ///< walk_ holds the context of the request at the front
};

}  // namespace xlate::iommu::vtd
