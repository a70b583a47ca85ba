#include "iommu/smmuv2/stream_match.hpp"

namespace xlate::iommu::smmuv2 {

StreamMatch match_stream(const Registers& registers, std::uint32_t stream_id, bool matching) {
    if (!matching) {
        if (stream_id >= registers.groups()) return {};
        return {StreamMatch::Kind::one, stream_id};
    }
    if ((stream_id >> registers.stream_id_bits()) != 0) return {};
    StreamMatch match;
    for (unsigned group = 0; group < registers.groups(); ++group) {
        if (!registers.smr_valid(group)) continue;
        if (((stream_id ^ registers.smr_id(group)) & ~registers.smr_mask(group)) != 0) continue;
        if (match.kind == StreamMatch::Kind::one) return {StreamMatch::Kind::several, match.group};
        match = {StreamMatch::Kind::one, group};
    }
    return match;
}

}  // namespace xlate::iommu::smmuv2
