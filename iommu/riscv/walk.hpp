// The parts of a translation that read memory: the directories, the second stage, and the first stage whose table
// addresses go through the second one if it is active. Resumable.
// Source: RISC-V IOMMU specification, "Process to locate the Device-context" and "... Process-context"; privileged
// specification, "Virtual Address Translation Process" and "Two-Stage Address Translation".
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "iommu/engine.hpp"
#include "iommu/riscv/context.hpp"
#include "iommu/riscv/parameters.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::riscv {

class Iommu;

enum class Progress : std::uint8_t { step, done, fault };

/// What a walk found wrong. Which cause that is, page and access faults leave to the kind of access.
struct WalkFault {
    enum class Kind : std::uint8_t { cause, page, guest_page, access };
    Kind kind = Kind::cause;
    Cause cause = Cause::internal;  ///< kind: cause
    std::uint64_t iotval2 = 0;
};

/// What a walk has read of tables and caches are to keep: at once, or when it is over (RiscvParams::fills_at_end).
class WalkFills {
public:
    void table(unsigned stage, const WalkCacheEntry& entry);
    void second_stage(const CachedTranslation& entry);
    /// Into the caches, for this device.
    void apply(Iommu& iommu, std::uint32_t did);
    void clear() { tables_used_ = second_used_ = 0; }

private:
    struct Table {
        unsigned stage = 1;
        WalkCacheEntry entry;
    };
    // Three levels of the process directory, five of the first stage and the page itself are found by a second stage.
    static constexpr unsigned kSecondStages = 9;
    std::array<Table, kWalkCaches*(kSecondStages + 1)> tables_{};
    std::array<CachedTranslation, kSecondStages> second_{};
    unsigned tables_used_ = 0, second_used_ = 0;
};

/// Whose request it is, for counters.
struct Requester {
    std::uint32_t did = 0;
    std::optional<std::uint32_t> pid;
    bool debug = false;          ///< changes nothing: no cache fill, no update, no count
    WalkFills* later = nullptr;  ///< takes what caches are to keep; none: they keep it at once
};

/// What an access asks of a table. ATS requests are answered with the rights that there are.
struct AccessKinds {
    bool read = false, write = false, execute = false, privileged = false;
    bool check = true;
};

/// With RiscvParams::reads_lines: the line of last-level words that a stage has read. Words of 8 bytes alone.
inline constexpr unsigned kLinePagesLog2 = 3, kLinePages = 1U << kLinePagesLog2, kLineBytes = 64;
using LineWords = std::array<std::uint64_t, kLinePages>;

/// Finds a device context.
class DeviceWalk {
public:
    void start(const Requester& requester) {
        requester_ = requester;
        state_ = State::begin;
    }
    Progress advance(Iommu& iommu, const Reply& reply, Step& step);
    const DeviceContext& context() const { return context_; }
    Cause cause() const { return cause_; }

private:
    enum class State : std::uint8_t { begin, looked_up, read, entry };
    Progress fail(Cause cause);
    Progress take_context(Iommu& iommu, const Reply& reply);

    State state_ = State::begin;
    std::uint8_t level_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t table_ = 0;
    Cause cause_ = Cause::internal;
    Requester requester_;
    DeviceContext context_;
};

/// The output of one stage.
struct StageOutput {
    std::uint64_t address = 0;     ///< of the input
    std::uint8_t log2_bytes = 12;  ///< of the leaf
    bool readable = true, writable = true, executable = true, user = true;
    bool dirty = true;  ///< D is set: what is writable may be written without another look
    bool global = false;
    std::uint8_t pbmt = 0;
};

/// What a leaf says, of either stage; `above`: levels below it, `input`: the address that was asked for. Whether it is
/// a user's page and global is the first stage's to say.
StageOutput leaf_output(riscv_table::Mode mode, unsigned above, std::uint64_t word, std::uint64_t input);

class SecondStage {
public:
    /// What the access behind it is. `update`: of a first-stage word in which A or D may be set (SADE).
    enum class Use : std::uint8_t { final, directory, table, update };
    void start(std::uint64_t gpa, Use use, const AccessKinds& kinds) {
        gpa_ = gpa;
        use_ = use;
        kinds_ = kinds;
        state_ = State::begin;
    }
    Progress advance(Iommu& iommu, const Requester& requester, const DeviceContext& context, const Reply& reply,
                     Step& step);
    const StageOutput& output() const { return output_; }
    const WalkFault& fault() const { return fault_; }
    /// After done: where the words that were read lead another address; nothing: they do not say.
    std::optional<StageOutput> beside(const Iommu& iommu, std::uint64_t gpa) const;

private:
    enum class State : std::uint8_t { begin, cached, cache_lookup, cache_looked_up, root, fetch, fetched, updated };
    StageOutput output_of(std::uint64_t word, std::uint64_t gpa) const;
    Progress fail(WalkFault::Kind kind);
    Progress leaf(Iommu& iommu, const Requester& requester, const DeviceContext& context, Step& step);
    Progress finish(Iommu& iommu, const Requester& requester, const DeviceContext& context);
    bool wants_dirty(std::uint64_t word) const;

    State state_ = State::begin;
    Use use_ = Use::final;
    AccessKinds kinds_;
    Mode mode_ = Mode::bare;
    std::uint8_t above_ = 0;
    std::uint8_t probe_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t gpa_ = 0;
    std::uint64_t table_ = 0;
    std::uint64_t word_address_ = 0;
    std::uint64_t word_ = 0;
    bool walked_ = false;  ///< the output is `word_`'s
    bool has_line_ = false;
    LineWords line_{};
    StageOutput output_;
    WalkFault fault_;
};

class FirstStage {
public:
    void start(std::uint64_t iova, Mode mode, std::uint64_t root, std::uint64_t space, bool sum,
               const AccessKinds& kinds) {
        iova_ = iova;
        mode_ = mode;
        table_ = root;
        space_ = space;
        sum_ = sum;
        kinds_ = kinds;
        state_ = State::begin;
    }
    Progress advance(Iommu& iommu, const Requester& requester, const DeviceContext& context, const Reply& reply,
                     Step& step);
    const StageOutput& output() const { return output_; }
    const WalkFault& fault() const { return fault_; }
    /// After done, as SecondStage's.
    std::optional<StageOutput> beside(const Iommu& iommu, std::uint64_t iova) const;

private:
    enum class State : std::uint8_t { begin, cache_lookup, cache_looked_up, locate, locating, read, fetched, updated };
    StageOutput output_of(std::uint64_t word, std::uint64_t iova) const;
    Progress fail(WalkFault::Kind kind, std::uint64_t iotval2 = 0);
    Progress leaf(const Iommu& iommu, const DeviceContext& context, Step& step);
    Progress finish();
    bool permitted() const;
    bool canonical() const;
    std::uint64_t implicit_address(bool write) const;

    State state_ = State::begin;
    Mode mode_ = Mode::bare;
    AccessKinds kinds_;
    bool sum_ = false;
    bool global_ = false, global_above_ = false;  ///< the latter: without its leaf
    std::uint8_t above_ = 0;
    std::uint8_t probe_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t iova_ = 0;
    std::uint64_t space_ = 0;
    std::uint64_t table_ = 0;
    std::uint64_t word_gpa_ = 0;
    std::uint64_t word_address_ = 0;
    std::uint64_t word_ = 0;
    bool has_line_ = false;
    LineWords line_{};
    StageOutput output_;
    WalkFault fault_;
    SecondStage second_;
};

/// Finds a process context.
class ProcessWalk {
public:
    void start(std::uint32_t pid) {
        pid_ = pid;
        state_ = State::begin;
    }
    Progress advance(Iommu& iommu, const Requester& requester, const DeviceContext& device, const Reply& reply,
                     Step& step);
    const ProcessContext& context() const { return context_; }
    const WalkFault& fault() const { return fault_; }

private:
    enum class State : std::uint8_t { begin, looked_up, locate, locating, read, entry };
    Progress fail(Cause cause, std::uint64_t iotval2 = 0);
    Progress take_context(Iommu& iommu, const Requester& requester, const DeviceContext& device, const Reply& reply);

    State state_ = State::begin;
    std::uint8_t level_ = 0;
    std::uint32_t pid_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t table_ = 0;
    std::uint64_t entry_gpa_ = 0;
    std::uint64_t entry_address_ = 0;
    ProcessContext context_;
    WalkFault fault_;
    SecondStage second_;
};

}  // namespace xlate::iommu::riscv
