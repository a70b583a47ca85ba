// The device's side of one split virtqueue, as steps: finds the next chain of descriptors, reads what the driver wrote,
// writes an answer, hands the chain back. Whoever steps it serves the accesses.
// Not modelled: indirect descriptors, event indices (not offered). Source: VIRTIO 1.2 section 2.7.
#pragma once

#include <cstdint>
#include <vector>

#include "iommu/engine.hpp"
#include "iommu/virtio/layout.hpp"

namespace xlate::iommu::virtio {

/// Where a queue lies in memory.
struct QueuePlace {
    std::uint32_t entries = 0;  ///< power of two
    bool ready = false;
    std::uint64_t descriptors = 0, driver = 0, device = 0;
};

class Queue {
public:
    enum class Progress : std::uint8_t {
        access,  ///< do the step's access and go on with its reply
        empty,   ///< the driver has given nothing more
        chain,   ///< a chain is there: readable() was read, writable_bytes() may be written
        given,   ///< the chain is back with the driver
        broken,  ///< the driver's rings make no sense, or memory does not answer
    };

    void reset();
    QueuePlace place;

    /// Looks for the next chain. Call until it is not `access`; replies answer the previous step's access.
    Progress take(const Reply& reply, Step& step);
    const std::vector<std::uint8_t>& readable() const { return readable_; }
    std::uint32_t writable_bytes() const;
    /// Writes `answer` and hands the chain back; it has room for it.
    void begin_give(std::vector<std::uint8_t> answer);
    Progress give(const Reply& reply, Step& step);
    /// The driver does not want to be interrupted for this queue.
    bool quiet() const { return quiet_; }

private:
    enum class State : std::uint8_t { index, entry, descriptor, read, taken, write, used, used_index, done };
    struct Part {
        std::uint64_t address = 0;
        std::uint32_t bytes = 0;
    };
    Progress access(Step& step, std::uint64_t address, std::uint32_t size, AccessKind kind, AccessPurpose purpose);
    Progress next_descriptor(Step& step);
    Progress read_more(Step& step);

    State state_ = State::index;
    bool waiting_ = false;  ///< for a reply
    std::uint16_t taken_ = 0;
    std::uint16_t given_ = 0;
    bool quiet_ = false;
    std::uint16_t head_ = 0;
    std::uint16_t at_ = 0;
    unsigned seen_ = 0;  ///< descriptors of this chain
    std::vector<Part> to_read_;
    std::vector<Part> to_write_;
    std::size_t part_ = 0;
    std::uint32_t done_ = 0;  ///< bytes of the part
    std::vector<std::uint8_t> readable_;
    std::vector<std::uint8_t> answer_;
    std::size_t written_ = 0;
    std::uint32_t chunk_ = 0;
};

/// What memory accesses are for: rows of the sheet.
struct Purpose {
    static constexpr AccessPurpose ring{0}, descriptor{1}, request{2}, answer{3}, record{4};
};

}  // namespace xlate::iommu::virtio
