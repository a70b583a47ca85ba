// Which stream mapping register group an access belongs to.
// Source: docs/spec/iommu-hardware.md section 2 ("Match").
#pragma once

#include <cstdint>

#include "iommu/smmuv2/registers.hpp"

namespace xlate::iommu::smmuv2 {

struct StreamMatch {
    enum class Kind : std::uint8_t { none, one, several };
    Kind kind = Kind::none;
    unsigned group = 0;  ///< one: of it
};

/// `matching`: by SMRs (IDR0.SMS); else the stream id is the index. An id wider than the hardware's matches nothing.
StreamMatch match_stream(const Registers& registers, std::uint32_t stream_id, bool matching);

}  // namespace xlate::iommu::smmuv2
