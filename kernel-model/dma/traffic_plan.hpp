// What the driver of a DMA master does with its device once it is bound: how much it maps, when, and from where.
// The shape of the transfers themselves (addresses, mix, pacing) is the master's own business when it is mapped once.
// Source: docs/spec/kernel-probe.md section 11.4; design.md section 5 (`traffic`).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace xlate::kernel {

/// Plain, validated values; one per device. Sizes in bytes, > 0 unless said.
struct TrafficPlan {
    enum class Mapping : std::uint8_t {
        once,          ///< map the working set at probe, then let the master run over it
        per_transfer,  ///< map, transfer, unmap, in tasks of the kernel
        on_demand,     ///< at probe only addresses; a page is mapped when the device asks for it (PRI)
        ring           ///< rings of descriptors that are kept filled ahead of the device, as a NIC's driver keeps them
    };
    /// Of `ring`: one on each of `cpus`. Every buffer is transfer_bytes long.
    struct Ring {
        std::uint32_t descriptors = 256;  ///< posted ahead, > 0
        std::uint32_t buffers = 1;        ///< of one descriptor, which is taken back, unmapped and filled as a whole
        /// A descriptor's buffers are one IOVA range, mapped and unmapped at once; else each of them by itself.
        bool contiguous = false;
        /// Of so many descriptors taken back, so many are unmapped and mapped anew; the rest stays mapped (page pool).
        std::uint32_t remap_numerator = 1;
        std::uint32_t remap_denominator = 1;  ///< > 0
        std::uint32_t replies = 0;            ///< sent for each descriptor's worth of buffers (acknowledgements)
        std::uint32_t reply_bytes = 128;      ///< > 0; mapped, read by the device, unmapped: each by itself
        SimTime work{};                       ///< CPU time that what is above the driver takes for each buffer
        /// Interrupt moderation: a ring's task runs when the first completion that it has not seen is so old, or when
        /// so many have come. 0 of both: each completion wakes it.
        SimTime moderation{};
        std::uint32_t moderation_frames = 0;
        /// Buffers that the task looks at in one go: replies that were sent are taken back before them, descriptors
        /// that they end are taken back behind them, then replies are sent. 0: everything as it comes.
        std::uint32_t poll = 0;
    };

    std::string device;  ///< Linux device name: "0000:00:01.0", "a000000.dma"
    Mapping mapping = Mapping::once;
    std::uint64_t working_set_bytes = 1 << 20;
    std::uint64_t chunk_bytes = 1 << 20;   ///< once: one mapping at a time, of this size (the last may be shorter)
    std::uint32_t segments_per_chunk = 1;  ///< >= 1; a mapping is one IOVA range over so many physical pieces
    bool coherent = false;                 ///< once: dma_alloc_coherent() instead of dma_map_single()
    std::uint64_t transfer_bytes = 4096;   ///< per_transfer: size of each
    std::uint64_t buffer_bytes = 0;      ///< per_transfer: mapped around each, >= transfer_bytes; 0: as transfer_bytes
    std::uint64_t transfers = 0;         ///< per_transfer: how many in all; 0: none
    std::uint32_t outstanding = 1;       ///< per_transfer: mapped and under way at once, over all its tasks
    std::uint32_t read_numerator = 1;    ///< share of transfers in which the device reads memory
    std::uint32_t read_denominator = 1;  ///< > 0
    std::vector<unsigned> cpus = {0};    ///< per_transfer: one task on each
    std::uint64_t seed = 1;              ///< of the choice between read and write
    unsigned dma_mask_bits = 64;         ///< what the driver sets as its DMA mask; 1..64
    SimTime start_delay{};               ///< from probe to the first mapping

    /// Takes a mapping away while the master still uses it: the next access to it faults (F_TRANSLATION).
    struct Unmap {
        SimTime after{};          ///< from the start of traffic
        std::uint32_t chunk = 0;  ///< which mapping; past the last: the last
    };
    std::optional<Unmap> unmap_mid_traffic;  ///< once only
    Ring ring;
    std::shared_ptr<const bool> enough;  ///< per_transfer, ring: true: no further transfer begins; nullptr: never
    bool over(std::uint64_t begun) const { return begun >= transfers || (enough != nullptr && *enough); }
};

}  // namespace xlate::kernel
