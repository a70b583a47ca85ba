#include <fmt/format.h>

#include "iommu/tegra/tegra_smmu.hpp"

namespace xlate::iommu::tegra {

namespace {

constexpr WireSpec kWires[] = {{{}, 0}};
constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0}, {"ptc", Structure::walk_cache, 1, 2}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses of enabled clients and swgroups that missed the ports' TLBs"},
    {"passed", "", "accesses that passed untranslated while the SMMU is on: client or swgroup not enabled, or unknown"},
    {"tlb_misses", "", "look-ups of the TLB without a hit"},
    {"walks", "", "translations that needed a walk"},
    {"walk_reads", "", "reads of table memory: atoms of the PTC, or words without it"},
    {"faults", "", "accesses refused"},
    {"faults_lost", "", "faults while INTSTATUS still told of an earlier one"},
    {"tlb_flushes", "", "TLB_FLUSH written"},
    {"ptc_flushes", "", "PTC_FLUSH written"},
};
constexpr PurposeSpec kPurposes[] = {{"directory", AccessRole::walk, 1, 2}, {"table", AccessRole::walk, 1, 3}};

std::string fault_name(std::uint16_t code) { return name(static_cast<Fault>(code)); }

std::string describe(const Invalidation& invalidation) {
    std::string text = "TLB_FLUSH";
    if (invalidation.space_mask != 0) text += fmt::format(" ASID {}", invalidation.space);
    if (invalidation.by_address) {
        text += fmt::format(" {} {:#x}", invalidation.code == tlb_flush::kSection ? "section" : "group",
                            invalidation.first);
    }
    return text;
}

}  // namespace

std::string name(Fault fault) {
    switch (fault) {
        case Fault::none:
            return "none";
        case Fault::no_directory_word:
            return "invalid SMMU page: no directory word";
        case Fault::no_table_word:
            return "invalid SMMU page: no table word";
        case Fault::read_denied:
            return "invalid SMMU page: not readable";
        case Fault::write_denied:
            return "invalid SMMU page: not writable";
        case Fault::out_of_range:
            return "invalid SMMU page: beyond 32 bits";
        case Fault::decode_error:
            return "EMEM decode error of a table";
    }
    return fmt::format("fault {}", static_cast<unsigned>(fault));
}

const InstanceSpec kSpec{"tegra",           "Tegra SMMU",    kPageBits,       Ports::one, rows(kWires), {},
                         rows(kStructures), rows(kCounters), rows(kPurposes), fault_name, nullptr,      describe};

}  // namespace xlate::iommu::tegra
