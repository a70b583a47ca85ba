#include "iommu/smmuv3/stream_table.hpp"

namespace xlate::iommu::smmuv3 {

unsigned effective_split(std::uint32_t strtab_base_cfg) {
    const auto split = static_cast<unsigned>(strtab_base_cfg::SPLIT.get(strtab_base_cfg));
    return split == 8 || split == 10 ? split : 6;
}

std::optional<StreamTableStep> locate_ste(StreamId sid, std::uint64_t strtab_base, std::uint32_t strtab_base_cfg,
                                          const Features& features) {
    unsigned bits = static_cast<unsigned>(strtab_base_cfg::LOG2SIZE.get(strtab_base_cfg));
    if (bits > features.sidsize) bits = features.sidsize;
    const std::uint64_t id = value(sid);
    if (bits < 32 && (id >> bits) != 0) return std::nullopt;

    const std::uint64_t base = keep(strtab_base, 51, 6);
    const bool two_level =
        features.st_level == idr0::ST_LEVEL_2 && strtab_base_cfg::FMT.get(strtab_base_cfg) == strtab_base_cfg::FMT_2LVL;
    if (!two_level) {
        return StreamTableStep{align_down(base, std::uint64_t{kSteBytes} << bits) + id * kSteBytes, false};
    }
    const unsigned split = effective_split(strtab_base_cfg);
    const std::uint64_t array_bytes = std::uint64_t{l1std::kBytes} << (bits > split ? bits - split : 0);
    const std::uint64_t array = align_down(base, array_bytes < 64 ? 64 : array_bytes);
    return StreamTableStep{array + (id >> split) * l1std::kBytes, true};
}

std::optional<std::uint64_t> locate_ste_l2(StreamId sid, std::uint64_t l1_descriptor, std::uint32_t strtab_base_cfg) {
    const unsigned split = effective_split(strtab_base_cfg);
    const auto span = static_cast<unsigned>(l1std::SPAN.get(l1_descriptor));
    if (span == 0 || span > split + 1) return std::nullopt;
    const std::uint64_t index = value(sid) & low_mask(split);
    if (index >= (std::uint64_t{1} << (span - 1))) return std::nullopt;
    const std::uint64_t table = align_down(keep(l1_descriptor, 51, 6), std::uint64_t{kSteBytes} << (span - 1));
    return table + index * kSteBytes;
}

}  // namespace xlate::iommu::smmuv3
