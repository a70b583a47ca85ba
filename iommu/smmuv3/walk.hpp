// Page-table walks: stage 2 of one IPA, and stage 1 of one VA whose table addresses go through stage 2 if nested.
// Resumable parts of a Translation. Source: docs/spec/iommu-hardware.md sections 1.8 to 1.11.
#pragma once

#include <cstdint>

#include "iommu/engine.hpp"
#include "iommu/smmuv3/context.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::smmuv3 {

class Smmu;

/// A fault as an event record will tell it; who asked is added by the Translation.
struct Fault {
    EventCode code = EventCode::F_TRANSLATION;
    bool s2 = false;
    std::uint8_t cls = event::CLASS_IN;
    bool ttrnw = false;
    bool unconditional = false;  ///< recorded and aborted whatever CD.R, CD.A, S2R say
    std::uint64_t ipa = 0;
    std::uint64_t fetch_address = 0;
};

enum class Progress : std::uint8_t { step, done, fault };

/// What stage 2 is asked to do for the access that is behind it.
enum class Stage2Use : std::uint8_t { final, table, table_update, cd };

/// The output of one stage.
struct StageOutput {
    std::uint64_t address = 0;  ///< of the input
    std::uint8_t log2_bytes = 12;
    std::uint8_t level = 3;
    std::uint8_t granule = 12;  ///< log2 bytes
    Permissions permissions;
    MemoryAttributes attributes;
    bool global = false;
};

class Stage2Walk {
public:
    void start(std::uint64_t ipa, Stage2Use use) {
        ipa_ = ipa;
        use_ = use;
        state_ = State::begin;
    }
    /// progress::step: `step` is filled in. fault: see fault().
    Progress advance(Smmu& smmu, const Request& request, const StreamConfig& config, const Reply& reply, Step& step);
    const StageOutput& output() const { return output_; }
    const Fault& fault() const { return fault_; }
    /// The walk was started by a table or CD fetch and the page is Device memory (S2PTW).
    bool device() const { return output_.attributes.mair < 0x10; }

private:
    enum class State : std::uint8_t {
        begin,
        ipa_looked_up,
        cache_lookup,
        cache_looked_up,
        root,
        fetch,
        fetched,
        updated
    };
    Progress fail(EventCode code);
    Progress leaf(Smmu& smmu, const Request& request, const StreamConfig& config, Step& step);
    bool needs_write(const Request& request) const;
    bool permitted(const Request& request, const Stage2& s2) const;

    State state_ = State::begin;
    Stage2Use use_ = Stage2Use::final;
    std::uint8_t level_ = 0;
    std::uint8_t lookup_level_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t ipa_ = 0;
    std::uint64_t table_ = 0;
    std::uint64_t descriptor_address_ = 0;
    std::uint64_t descriptor_ = 0;
    std::uint64_t updated_ = 0;
    StageOutput output_;
    Fault fault_;
};

class Stage1Walk {
public:
    void start() { state_ = State::begin; }
    Progress advance(Smmu& smmu, const Request& request, const StreamConfig& config, const Reply& reply, Step& step);
    const StageOutput& output() const { return output_; }
    const Fault& fault() const { return fault_; }

private:
    enum class State : std::uint8_t {
        begin,
        cache_lookup,
        cache_looked_up,
        root,
        locate,
        locating,
        fetch,
        fetched,
        update_locating,
        update,
        updated
    };
    Progress fail(EventCode code);
    Progress leaf(const Request& request, const StreamConfig& config);

    State state_ = State::begin;
    std::uint8_t half_ = 0;
    std::uint8_t level_ = 0;
    std::uint8_t lookup_level_ = 0;
    std::uint8_t start_level_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t va_ = 0;  ///< without a top byte that is ignored
    std::uint64_t table_ = 0;
    std::uint64_t descriptor_ipa_ = 0;
    std::uint64_t descriptor_address_ = 0;
    std::uint64_t descriptor_ = 0;
    std::uint64_t updated_ = 0;
    TableLimits limits_;
    StageOutput output_;
    Fault fault_;
    Stage2Walk stage2_;
};

/// Which half an address selects: 0, 1, or 2 if neither (F_TRANSLATION). Range only, not EPD.
unsigned select_half(const Stage1& stage1, std::uint64_t va);

}  // namespace xlate::iommu::smmuv3
