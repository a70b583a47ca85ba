// The consumer of a command queue, the SMMU's own or an enhanced one: fetch, decode, execute, complete; and its error
// protocol.
// A fetch may bring several commands. What it brought is forgotten at an error or when the queue goes off: software
// may then write other ones.
// Source: docs/spec/iommu-hardware.md sections 1.7 and 14; IHI 0070 3.5.6 for the enhanced ones.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "iommu/engine.hpp"
#include "iommu/smmuv3/invalidation.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/parameters.hpp"
#include "iommu/smmuv3/registers.hpp"

namespace xlate::iommu::smmuv3 {

class Smmu;

/// True if a command of these words is CERROR_ILL on the non-secure queue of an SMMU with `features`.
bool illegal_command(const CommandWords& words, const Features& features);
class Commands {
public:
    /// `ecmdq`: which of the enhanced ones it serves; nothing: the one of CMDQ_BASE.
    explicit Commands(std::optional<std::uint32_t> ecmdq = std::nullopt) : ecmdq_(ecmdq) {}

    bool pending(const Smmu& smmu) const;
    /// A command has been fetched and is not consumed yet: CMDQEN 1 -> 0 waits for it.
    bool busy() const { return state_ != State::idle; }
    void step(Smmu& smmu, const Reply& reply, Step& step);
    /// A fetch has brought more commands than the one at CONS: the next one needs no access.
    bool prefetched() const { return buffered_ != 0; }
    void clear() {
        state_ = State::idle;
        buffered_ = 0;
    }

    std::array<std::uint64_t, 256> executed{};  ///< by opcode

private:
    enum class State : std::uint8_t { idle, fetch, held, consume, sync, sync_msi };
    bool runnable(const Smmu& smmu) const;
    QueueRegisters& queue(Smmu& smmu) const;
    const QueueRegisters& queue(const Smmu& smmu) const;
    void error(Smmu& smmu, std::uint64_t code);
    void execute(Smmu& smmu);
    void consume(Smmu& smmu);
    bool must_wait(const Smmu& smmu) const;
    bool begin(Smmu& smmu, Step& step);
    unsigned fetchable(const Smmu& smmu) const;

    std::optional<std::uint32_t> ecmdq_;
    State state_ = State::idle;
    CommandWords words_{};
    std::array<CommandWords, 4> buffer_{};  ///< what a fetch has brought behind that
    std::uint8_t buffered_ = 0;             ///< how many of them are left
    std::uint8_t next_ = 0;                 ///< which comes next
};

}  // namespace xlate::iommu::smmuv3
