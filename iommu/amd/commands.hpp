// The consumer of the command buffer: fetch, decode, execute, complete; and what stops it.
// Source: docs/spec/iommu-hardware.md section 4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "iommu/amd/layout.hpp"
#include "iommu/amd/parameters.hpp"
#include "iommu/engine.hpp"
#include "iommu/invalidation.hpp"

namespace xlate::iommu::amd {

class Iommu;

/// Of Step::opcode and Invalidation::code: "INVALIDATE_IOMMU_PAGES".
std::string command_name(std::uint16_t code);
/// "INVALIDATE_IOMMU_PAGES domain 1 0x1000..0x1fff".
std::string describe(const Invalidation& invalidation);

/// An opcode that does not exist, or a reserved bit that is set.
bool illegal_command(const EntryWords& words, const AmdParams& params);
/// What it asks to drop; nothing: it is no invalidation.
std::optional<Invalidation> decode_invalidation(const EntryWords& words);

class Commands {
public:
    bool pending(const Iommu& iommu) const;
    /// A command has been fetched and is not completed.
    bool busy() const { return state_ != State::idle; }
    void step(Iommu& iommu, const Reply& reply, Step& step);
    void clear() { state_ = State::idle; }

    std::array<std::uint64_t, 16> executed{};  ///< by opcode

private:
    enum class State : std::uint8_t { idle, fetch, complete, sync, store };
    static bool runnable(const Iommu& iommu);
    void stop(Iommu& iommu, Event event);
    bool begin(Iommu& iommu, Step& step);
    void execute(Iommu& iommu);
    void complete(Iommu& iommu);
    void end_wait(Iommu& iommu);
    std::uint64_t address(const Iommu& iommu) const;

    State state_ = State::idle;
    EntryWords words_{};
    std::uint16_t last_endpoint_ = 0;  ///< of the last INVALIDATE_IOTLB_PAGES
};

}  // namespace xlate::iommu::amd
