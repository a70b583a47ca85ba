// The consumer of the command queue: fetch, decode, execute, complete; and its error protocol.
// Source: RISC-V IOMMU specification, "Command-Queue"; docs/spec/iommu-hardware.md section 9.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "iommu/engine.hpp"
#include "iommu/invalidation.hpp"
#include "iommu/riscv/layout.hpp"
#include "iommu/riscv/parameters.hpp"

namespace xlate::iommu::riscv {

class Iommu;

/// Step::opcode and Invalidation::code: opcode and function.
constexpr std::uint8_t command_code(Opcode opcode, std::uint64_t func3) {
    return static_cast<std::uint8_t>(static_cast<unsigned>(opcode) << 3 | static_cast<unsigned>(func3));
}
/// "IOTINVAL.VMA".
std::string command_name(std::uint16_t code);
/// "IOTINVAL.VMA GSCID 1 PSCID 2 0x1000".
std::string describe(const Invalidation& invalidation);

/// A reserved encoding or bit is used, or what the capabilities leave out. `wired`: fctl.WSI.
bool illegal_command(const CommandWords& words, const RiscvParams& params, bool wired);
/// What it asks to drop; nothing: it is no invalidation.
std::optional<Invalidation> decode_invalidation(const CommandWords& words);

class Commands {
public:
    bool pending(const Iommu& iommu) const;
    /// A command has been fetched and is not completed: turning the queue off waits for it.
    bool busy() const { return state_ != State::idle; }
    void step(Iommu& iommu, const Reply& reply, Step& step);
    void clear() { state_ = State::idle; }

    std::array<std::uint64_t, 64> executed{};  ///< by command_code()

private:
    enum class State : std::uint8_t { idle, fetch, complete, sync, fence };
    static bool runnable(const Iommu& iommu);
    void stop(Iommu& iommu, Field error);
    bool begin(Iommu& iommu, Step& step);
    void execute(Iommu& iommu);
    void complete(Iommu& iommu);
    void end_fence(Iommu& iommu);

    State state_ = State::idle;
    CommandWords words_{};
};

}  // namespace xlate::iommu::riscv
