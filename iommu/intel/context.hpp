// What the root, context and PASID tables say of a request: decoded entries, their checks, and the walk that finds
// them. Resumable.
// Source: docs/spec/iommu-hardware.md sections 3.2, 3.4; VT-d specification 4.1, sections 3.4, 3.5, 9.1 to 9.6.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "iommu/engine.hpp"
#include "iommu/intel/layout_faults.hpp"
#include "iommu/intel/layout_tables.hpp"
#include "iommu/intel/parameters.hpp"

namespace xlate::iommu::vtd {

class Vtd;

enum class Progress : std::uint8_t { step, done, fault };

/// A context entry: two words in legacy mode, four in scalable mode.
struct Context {
    std::array<std::uint64_t, 4> words{};
    bool silent() const { return context::FPD.test(words[0]); }
    std::uint64_t did() const { return context::DID.get(words[1]); }  ///< legacy mode
};

struct PasidEntry {
    std::array<std::uint64_t, 8> words{};
    bool silent = false;  ///< FPD of the directory entry or of this one
    std::uint64_t did() const { return pasid::DID.get(words[1]); }
    std::uint64_t type() const { return pasid::PGTT.get(words[0]); }
    unsigned second_levels() const { return context::levels(pasid::AW.get(words[0])); }
    unsigned first_levels() const { return pasid::FLPM.get(words[2]) == 1 ? 5 : 4; }
};

struct InterruptEntry {
    std::uint64_t low = 0, high = 0;
};

/// What is wrong with an entry that is present; none: nothing.
Reason check(const Context& context, const VtdParams& params, bool scalable);
Reason check(const PasidEntry& entry, const VtdParams& params);

/// Finds the context entry of a requester.
class ContextWalk {
public:
    void start(std::uint16_t sid, bool debug) {
        sid_ = sid;
        debug_ = debug;
        state_ = State::begin;
    }
    Progress advance(Vtd& unit, const Reply& reply, Step& step);
    const Context& context() const { return context_; }
    Reason reason() const { return reason_; }
    /// The context has been read: its FPD counts.
    bool located() const { return located_; }

private:
    enum class State : std::uint8_t { begin, looked_up, root, root_entry, context, entry };
    Progress fail(Reason reason) {
        reason_ = reason;
        return Progress::fault;
    }
    void read(Step& step, std::uint64_t address, std::uint32_t size, AccessPurpose purpose, State next);

    State state_ = State::begin;
    std::uint16_t sid_ = 0;
    bool debug_ = false, located_ = false;
    std::uint32_t epoch_ = 0;
    std::uint64_t table_ = 0;
    Reason reason_ = Reason::none;
    Context context_;
};

/// Finds a PASID entry (scalable mode).
class PasidWalk {
public:
    void start(std::uint16_t sid, std::uint32_t pasid, bool debug) {
        sid_ = sid;
        pasid_ = pasid;
        debug_ = debug;
        state_ = State::begin;
    }
    Progress advance(Vtd& unit, const Context& context, const Reply& reply, Step& step);
    const PasidEntry& entry() const { return entry_; }
    Reason reason() const { return reason_; }

private:
    enum class State : std::uint8_t { begin, looked_up, directory, directory_entry, table, entry };
    Progress fail(Reason reason) {
        reason_ = reason;
        return Progress::fault;
    }

    State state_ = State::begin;
    std::uint16_t sid_ = 0;
    std::uint32_t pasid_ = 0;
    bool debug_ = false;
    std::uint32_t epoch_ = 0;
    std::uint64_t table_ = 0;
    Reason reason_ = Reason::none;
    PasidEntry entry_;
};

}  // namespace xlate::iommu::vtd
