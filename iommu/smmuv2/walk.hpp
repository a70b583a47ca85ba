// Page-table walks: stage 2 of one IPA, and stage 1 of one VA whose table addresses go through stage 2 if nested.
// Resumable parts of a Translation. No updates of descriptors: SMMUv2 has none.
// Source: docs/spec/iommu-hardware.md sections 1.10 and 2; Arm DDI 0406C B3.5 and B3.6.
#pragma once

#include <cstdint>

#include "iommu/engine.hpp"
#include "iommu/smmuv2/context.hpp"
#include "iommu/smmuv2/faults.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::smmuv2 {

class Smmu;

enum class Progress : std::uint8_t { step, done, fault };

/// The output of one stage.
struct StageOutput {
    std::uint64_t address = 0;  ///< of the input
    std::uint8_t log2_bytes = 12;
    std::uint8_t leaf_log2_bytes = 12;  ///< of the descriptor (or group), if the translation is a part of it
    std::uint8_t level = 3;
    std::uint8_t granule = 12;  ///< log2 bytes
    Permissions permissions;
    MemoryAttributes attributes;
    bool global = false;
};

class Stage2Walk {
public:
    /// `table`: a descriptor of stage 1 is read there.
    void start(std::uint64_t ipa, bool table) {
        ipa_ = ipa;
        table_read_ = table;
        state_ = State::begin;
    }
    /// progress::step: `step` is filled in. fault: see fault().
    Progress advance(Smmu& smmu, const Request& request, const Context& context, const Reply& reply, Step& step);
    const StageOutput& output() const { return output_; }
    const Fault& fault() const { return fault_; }

private:
    enum class State : std::uint8_t { begin, ipa_looked_up, cache_lookup, cache_looked_up, root, fetch, fetched };
    Progress fail(FaultCode code, bool walk = false);
    Progress leaf(Smmu& smmu, const Request& request, const Context& context);
    bool permitted(const Request& request, const Stage2& s2) const;
    unsigned shift(const Stage2& s2, unsigned level) const;

    State state_ = State::begin;
    bool table_read_ = false;
    std::uint8_t level_ = 0;
    std::uint8_t lookup_level_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t ipa_ = 0;
    std::uint64_t table_ = 0;
    std::uint64_t descriptor_ = 0;
    StageOutput output_;
    Fault fault_;
};

class Stage1Walk {
public:
    void start() { state_ = State::begin; }
    Progress advance(Smmu& smmu, const Request& request, const Context& context, const Reply& reply, Step& step);
    const StageOutput& output() const { return output_; }
    const Fault& fault() const { return fault_; }

private:
    enum class State : std::uint8_t { begin, cache_lookup, cache_looked_up, root, locate, locating, fetch, fetched };
    Progress fail(FaultCode code, bool walk = false);
    Progress begin(const Request& request, const Stage1& s1);
    Progress descriptor(Smmu& smmu, const Request& request, const Context& context);
    Progress leaf(const Request& request, const Stage1& s1);
    void keep_clear_of_other_half(const Stage1& s1);
    Progress short_descriptor(Smmu& smmu, const Request& request, const Context& context);
    Progress short_leaf(const Request& request, const Stage1& s1);
    Progress next_table(Smmu& smmu, const Request& request, const Context& context, std::uint64_t next);
    unsigned shift(const Stage1& s1, unsigned level) const;

    State state_ = State::begin;
    std::uint8_t half_ = 0;
    std::uint8_t level_ = 0;
    std::uint8_t lookup_level_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint64_t va_ = 0;  ///< as input_address() gives it
    std::uint64_t table_ = 0;
    std::uint64_t descriptor_ipa_ = 0;
    std::uint64_t descriptor_address_ = 0;
    std::uint64_t descriptor_ = 0;
    TableLimits limits_;
    StageOutput output_;
    Fault fault_;
    Stage2Walk stage2_;
};

/// The address that stage 1 translates: extended from SEP's bit, if there is one.
std::uint64_t input_address(const Stage1& s1, std::uint64_t va);
/// Which TTBR an address selects: 0, 1, or 2 if neither (a translation fault). Range only, not EPD.
unsigned select_half(const Stage1& s1, std::uint64_t input);

}  // namespace xlate::iommu::smmuv2
