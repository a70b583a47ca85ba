// The table walks of a translation: v1 (host) tables, and v2 (guest) tables of a process, whose addresses go through
// the host's tables if the device has both. Resumable.
// Source: docs/spec/iommu-hardware.md section 4.
#pragma once

#include <cstdint>

#include "iommu/amd/device_table.hpp"

namespace xlate::iommu::amd {

/// Of one stage.
struct StageOutput {
    std::uint64_t address = 0;     ///< of the input
    std::uint8_t log2_bytes = 12;  ///< of the leaf, or of what both stages have in common
    bool readable = true, writable = true, executable = true;
    bool user = true;  ///< guest tables: of a user's page
};

/// v1 tables. Rights are those of all words on the way, the device table's apart.
class HostWalk {
public:
    void start(std::uint64_t address, const Dte& entry, std::uint64_t space, bool debug) {
        address_ = address;
        table_ = entry.root();
        level_ = static_cast<std::uint8_t>(entry.mode());
        mode_ = level_;
        space_ = space;
        debug_ = debug;
        state_ = State::begin;
    }
    Progress advance(Iommu& iommu, const Reply& reply, Step& step);
    const StageOutput& output() const { return output_; }
    const WalkFault& fault() const { return fault_; }

private:
    enum class State : std::uint8_t { begin, cache_lookup, cache_looked_up, read, fetched };
    Progress not_present();
    Progress bad_word(bool reserved);
    Progress take_word(Iommu& iommu, std::uint64_t word);

    State state_ = State::begin;
    bool debug_ = false;
    std::uint8_t level_ = 0, mode_ = 0, probe_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t address_ = 0, table_ = 0, space_ = 0;
    StageOutput output_;
    WalkFault fault_;
};

/// A GCR3 table and the v2 tables that it names.
class GuestWalk {
public:
    /// `write`: sets D; `nested`: addresses of guest tables go through the host's.
    void start(std::uint64_t address, std::uint32_t pasid, const Dte& entry, std::uint64_t space, bool nested,
               bool write, bool debug);
    Progress advance(Iommu& iommu, const Dte& entry, const Reply& reply, Step& step);
    const StageOutput& output() const { return output_; }
    const WalkFault& fault() const { return fault_; }

private:
    enum class State : std::uint8_t {
        begin,
        gcr3,
        gcr3_fetched,
        cache_lookup,
        cache_looked_up,
        locate,
        locating,
        read,
        fetched,
        updated
    };
    Progress fail(const WalkFault& fault);
    Progress not_present();
    Progress take_word(Iommu& iommu, std::uint64_t word, Step& step);
    Progress use_word(Iommu& iommu, std::uint64_t word);
    void read(Step& step, std::uint64_t address, AccessPurpose purpose) const;

    State state_ = State::begin;
    bool nested_ = false, write_ = false, debug_ = false;
    std::uint8_t level_ = 0, top_ = 0, probe_ = 0, gcr3_level_ = 0;
    std::uint32_t epoch_ = 0, pasid_ = 0;
    std::uint64_t address_ = 0, table_ = 0, space_ = 0, word_ = 0, word_guest_ = 0, word_address_ = 0;
    StageOutput output_;
    WalkFault fault_;
    HostWalk host_;
};

}  // namespace xlate::iommu::amd
