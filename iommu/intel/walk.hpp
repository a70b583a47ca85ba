// The two levels of translation: second-level tables, and first-level tables whose addresses go through the second
// level if translation is nested. Resumable. Source: docs/spec/iommu-hardware.md section 3.2; VT-d specification 4.1,
// sections 3.6 to 3.8.
#pragma once

#include <cstdint>

#include "iommu/engine.hpp"
#include "iommu/intel/context.hpp"

namespace xlate::iommu::vtd {

/// What a walk found wrong; which reason that is, the mode decides.
enum class WalkFault : std::uint8_t {
    none,
    root_access,  ///< the first table cannot be read
    access,       ///< another one cannot
    not_present,
    no_read,
    no_write,
    reserved,
    beyond_width,
    supervisor,
    no_execute,
    update,         ///< A or D cannot be set
    nested_width,   ///< a first-level table is beyond what the second level translates
    nested_root,    ///< the second level refuses the first table of the first level
    nested_entry,   ///< or another one
    nested_update,  ///< or to set A or D in it
};

/// What an access asks of a table. ATS requests are answered with the rights that there are.
struct AccessKinds {
    bool read = false, write = false, execute = false, supervisor = false;
    bool check = true;
    bool debug = false;  ///< changes nothing: no cache fill, no update, no count
};

/// The output of one level.
struct StageOutput {
    std::uint64_t address = 0;     ///< of the input
    std::uint8_t log2_bytes = 12;  ///< of the leaf
    bool readable = true, writable = true, executable = true;
    bool user = true;
    bool dirty = true;  ///< D is set, or need not be: what is writable may be written without another look
};

class SecondLevel {
public:
    struct Table {
        std::uint64_t root = 0;
        unsigned levels = 4;
        std::uint64_t space = 0;
        bool updates = false;  ///< A and D are to be set
        bool nested = false;   ///< of a nested domain: what it gives is kept by its input address
    };
    void start(std::uint64_t address, const Table& table, const AccessKinds& kinds) {
        address_ = address;
        table_ = table;
        kinds_ = kinds;
        state_ = State::begin;
    }
    Progress advance(Vtd& unit, const Reply& reply, Step& step);
    const StageOutput& output() const { return output_; }
    WalkFault fault() const { return fault_; }

private:
    enum class State : std::uint8_t { begin, known, cache_lookup, cache_looked_up, read, fetched, updated };
    Progress fail(WalkFault fault) {
        fault_ = fault;
        return Progress::fault;
    }
    Progress take(Vtd& unit, Step& step);
    Progress leaf(Vtd& unit, Step& step);
    bool look_up(Vtd& unit);
    Progress finish(Vtd& unit);

    State state_ = State::begin;
    Table table_;
    AccessKinds kinds_;
    std::uint8_t level_ = 0;
    std::uint8_t probe_ = 0;
    bool writable_ = true;  ///< so far
    bool readable_ = true;
    std::uint32_t epoch_ = 0;
    std::uint64_t address_ = 0;
    std::uint64_t at_ = 0;  ///< the table that is read
    std::uint64_t word_address_ = 0;
    std::uint64_t word_ = 0;
    StageOutput output_;
    WalkFault fault_ = WalkFault::none;
};

class FirstLevel {
public:
    struct Table {
        std::uint64_t root = 0;
        unsigned levels = 4;
        std::uint64_t space = 0;
        bool write_protect = false;  ///< WPE: supervisors too need W
        bool no_execute = false;     ///< NXE
        bool extended_accessed = false;
        bool nested = false;
        SecondLevel::Table second;
    };
    void start(std::uint64_t address, const Table& table, const AccessKinds& kinds) {
        address_ = address;
        table_ = table;
        kinds_ = kinds;
        second_failed_ = false;
        state_ = State::begin;
    }
    Progress advance(Vtd& unit, const Reply& reply, Step& step);
    const StageOutput& output() const { return output_; }
    WalkFault fault() const { return fault_; }
    /// fault() is the second level's, on the way to a table of this one.
    bool second_failed() const { return second_failed_; }
    /// Every bit above the input is a copy of its highest.
    static bool canonical(std::uint64_t address, unsigned levels);

private:
    enum class State : std::uint8_t { begin, cache_lookup, cache_looked_up, locate, locating, read, fetched, updated };
    Progress fail(WalkFault fault) {
        fault_ = fault;
        return Progress::fault;
    }
    /// True: `fault_` says what is wrong.
    bool refused(const Vtd& unit);
    bool is_leaf() const;
    Progress update(Vtd& unit, Step& step);
    Progress finish(Vtd& unit);

    State state_ = State::begin;
    Table table_;
    AccessKinds kinds_;
    std::uint8_t level_ = 0;
    std::uint8_t probe_ = 0;
    bool writable_ = true, user_ = true, executable_ = true;  ///< so far
    std::uint32_t epoch_ = 0;
    std::uint64_t address_ = 0;
    std::uint64_t at_ = 0;
    std::uint64_t word_guest_ = 0;
    std::uint64_t word_address_ = 0;
    std::uint64_t word_ = 0;
    StageOutput output_;
    WalkFault fault_ = WalkFault::none;
    bool second_failed_ = false;
    SecondLevel second_;
};

}  // namespace xlate::iommu::vtd
