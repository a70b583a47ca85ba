#include "iommu/qcom/banks.hpp"

namespace xlate::iommu::qcom {

smmuv2::SmmuParams banks_alone(unsigned address_bits_code, const std::string& name, std::uint64_t seed) {
    smmuv2::SmmuParams own;
    smmuv2::Features& features = own.features;
    features.numsmrg = 0;
    features.sms = 0;
    features.numsidb = 7;
    features.numcb = kSmmuPages;
    features.nums2cb = 0;
    features.numpagendxb = 6;
    features.nts = features.s2ts = 0;
    features.ptfs_4k = features.ptfs_16k = features.ptfs_64k = 0;
    features.ias = features.oas = features.ubs = static_cast<std::uint8_t>(address_bits_code);
    for (CacheParams& level : own.caches.walk_s1) level.enabled = false;
    own.caches.ipa.enabled = false;
    for (CacheParams& level : own.caches.walk_s2) level.enabled = false;
    own.seed = seed;
    own.name = name;
    own.context_interrupts = kSmmuPages;
    return own;
}

InstanceSpec banks_sheet(std::string_view arch, std::string_view title, Span<StructureSpec> structures) {
    InstanceSpec spec = smmuv2::sheet();
    spec.arch = arch;
    spec.title = title;
    spec.structures = structures;
    return spec;
}

void ContextBanks::open_bank(unsigned bank) {
    constexpr std::uint64_t kGr1 = 0x1000;
    smmu_.write_register(kGr1 + smmuv2::gr1::CBAR(bank), 4,
                         smmuv2::cbar::TYPE.of(smmuv2::cbar::TYPE_S1_TRANS_S2_BYPASS));
}

void ContextBanks::lead(unsigned stream, std::optional<unsigned> bank) {
    const std::uint64_t word = bank ? smmuv2::s2cr::CBNDX.of(*bank) | smmuv2::s2cr::TYPE.of(smmuv2::s2cr::TYPE_TRANS)
                                    : smmuv2::s2cr::TYPE.of(smmuv2::s2cr::TYPE_BYPASS);
    smmu_.write_register(smmuv2::gr0::S2CR(stream), 4, word);
}

void ContextBanks::set_global(std::uint32_t control) { smmu_.write_register(smmuv2::gr0::sCR0, 4, control); }

void ContextBanks::invalidate(const Invalidation& invalidation) {
    epoch_ = smmu_.epoch();
    tell(invalidation);
}

}  // namespace xlate::iommu::qcom
