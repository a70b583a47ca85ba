// Page requests of endpoints (PCIe PRI) and their answers; and the face of an IOMMU that takes them.
// Source: docs/spec/iommu-hardware.md section 1.13.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.hpp"

namespace xlate::iommu {

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

/// Optional face of an Instance.
class PageRequests {
public:
    virtual ~PageRequests() = default;
    /// False if it was answered at once (see take_page_response).
    virtual bool page_request(const PageRequest& request) = 0;
    /// Answers of software, or automatic ones.
    virtual std::optional<PageResponse> take_page_response() = 0;
};

}  // namespace xlate::iommu
