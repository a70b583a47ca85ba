// The consumer of the invalidation queue: fetch, decode, execute, complete; and its error protocol. Register-driven
// invalidations take the same decoder.
// Source: docs/spec/iommu-hardware.md sections 3.3, 14; VT-d specification 4.1, sections 6.5.1, 6.5.2.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "iommu/engine.hpp"
#include "iommu/intel/layout_queue.hpp"
#include "iommu/intel/parameters.hpp"
#include "iommu/invalidation.hpp"

namespace xlate::iommu::vtd {

class Vtd;

/// Step::opcode and Invalidation::code: type and, in its lowest bits, granularity.
inline constexpr unsigned kGranularityBits = 2;
constexpr std::uint8_t descriptor_code(DescriptorType type, std::uint64_t granularity) {
    return static_cast<std::uint8_t>(static_cast<unsigned>(type) << kGranularityBits |
                                     static_cast<unsigned>(granularity));
}
/// "iotlb (page)".
std::string descriptor_name(std::uint16_t code);
/// "iotlb (page) DID 5 0x1000".
std::string describe(const Invalidation& invalidation);

/// A type, a granularity or a bit that is reserved, or that the mode or the capabilities leave out. `scalable`: the
/// mode in effect; `wide`: of 32 bytes.
bool illegal_descriptor(const Descriptor& words, const VtdParams& params, bool scalable, bool wide);

/// What an entry of the context, PASID or interrupt entry cache must look like to go.
struct ConfigMatch {
    enum class Cache : std::uint8_t { none, context, pasid, interrupt };
    Cache cache = Cache::none;
    bool by_domain = false;
    std::uint16_t did = 0;
    bool by_device = false;
    std::uint16_t sid = 0, sid_mask = 0xFFFF;
    bool by_pasid = false;
    std::uint32_t pasid = 0;
    bool by_index = false;
    std::uint32_t first = 0, count = 0;  ///< interrupt entries
};
struct Decoded {
    ConfigMatch config;
    std::optional<Invalidation> tlb;     ///< for TLBs, walk caches and ports
    std::optional<Invalidation> nested;  ///< what a change of the second level takes of nested translations
};
Decoded decode_descriptor(const Descriptor& words, const VtdParams& params);

/// A wait descriptor without a fence does not hold up what follows it (6.5.2.8): what is there is executed first, and
/// one drain completes all waits that were met, in their order.
class InvalidationQueue {
public:
    bool pending(const Vtd& unit) const;
    /// A descriptor has been fetched and is not completed: turning the queue off waits for it.
    bool busy() const { return state_ != State::idle || !waits_.empty(); }
    void step(Vtd& unit, const Reply& reply, Step& step);
    void clear() {
        state_ = State::idle;
        fetched_ = next_ = 0;
        waits_.clear();
        at_head_ = failing_ = false;
    }

    std::array<std::uint64_t, 64> executed{};  ///< by descriptor_code()

private:
    enum class State : std::uint8_t { idle, fetch, complete, sync, status };
    bool runnable(const Vtd& unit) const;
    void fetch(Vtd& unit, Step& step);
    bool begin(Vtd& unit, Step& step);
    void complete(Vtd& unit);
    bool begin_wait(Vtd& unit, Step& step);
    void drain(Step& step);
    bool write_status(Step& step);
    void end_waits(Vtd& unit);
    static constexpr std::size_t kMostWaits = 16;  ///< that one drain completes

    State state_ = State::idle;
    Descriptor words_{};
    /// Of one line: what was read, how many, and which comes next.
    std::array<Descriptor, 4> line_{};
    unsigned fetched_ = 0, next_ = 0;
    struct Wait {
        Descriptor words{};
        std::uint32_t index = 0;  ///< in the queue
    };
    std::vector<Wait> waits_;  ///< met, and not complete
    std::size_t written_ = 0;  ///< of those: looked at for a status since their drain
    bool at_head_ = false;     ///< the head stands at the last of them
    bool failing_ = false;     ///< what stands at the head is an error, told behind them
};

/// CCMD and IOTLB: one invalidation each; its busy bit clears behind a drain.
class RegisterInvalidation {
public:
    bool pending(const Vtd& unit) const;
    bool busy() const { return running_; }
    void step(Vtd& unit, Step& step);
    void clear() { running_ = false; }

private:
    bool running_ = false;
    bool context_ = false;  ///< the one that runs
};

}  // namespace xlate::iommu::vtd
