#include "iommu/qcom/qcom.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace xlate::iommu::qcom {

namespace {

constexpr unsigned kPages = 128;  ///< of the SMMU's global space, and as many for banks
constexpr std::array kStructures{
    StructureSpec{"tlb", Structure::tlb},
    StructureSpec{"walk_cache_level1", Structure::walk_cache, 1, 1},
    StructureSpec{"walk_cache_level2", Structure::walk_cache, 1, 2},
};

/// Banks alone, 40 bits out; streams are indices.
smmuv2::SmmuParams smmu_of(const Parameters& parameters) {
    smmuv2::SmmuParams own;
    smmuv2::Features& features = own.features;
    features.numsmrg = 0;
    features.sms = 0;
    features.numsidb = 7;
    features.numcb = kMostBanks;
    features.nums2cb = 0;
    features.numpagendxb = 6;
    features.nts = features.s2ts = 0;
    features.ptfs_4k = features.ptfs_16k = features.ptfs_64k = 0;
    features.ias = features.oas = features.ubs = 2;  // 40 bits
    own.caches.tlb = parameters.tlb;
    own.caches.walk_s1[0].enabled = own.caches.walk_s1[3].enabled = false;
    own.caches.walk_s1[1] = parameters.level1;
    own.caches.walk_s1[2] = parameters.level2;
    own.caches.ipa.enabled = false;
    for (CacheParams& level : own.caches.walk_s2) level.enabled = false;
    own.seed = parameters.seed;
    own.name = parameters.name;
    own.context_interrupts = kMostBanks;
    return own;
}

}  // namespace

const InstanceSpec& sheet() {
    static const InstanceSpec kSheet = [] {
        InstanceSpec spec = smmuv2::sheet();
        spec.arch = "qcom";
        spec.title = "Qualcomm msm-iommu";
        spec.structures = {kStructures.data(), kStructures.size()};
        return spec;
    }();
    return kSheet;
}

QcomIommu::QcomIommu(const Parameters& parameters) : parameters_(parameters), smmu_(smmu_of(parameters)) {
    for (const Bank& bank : parameters_.banks) {
        XLATE_CHECK(bank.secured || bank.asid < kMostBanks, "bank " + std::to_string(bank.asid));
    }
    smmu_.add_sink(*this);
    reset();  // an owner without a clock has no power-on
}

/// What firmware does before Linux comes: each stream to the bank of its number.
void QcomIommu::reset() {
    intr_sel_ns_ = 0;
    smmu_.reset();
    for (unsigned stream = 0; stream < kMostBanks; ++stream) {
        const bool there = std::any_of(parameters_.banks.begin(), parameters_.banks.end(),
                                       [&](const Bank& bank) { return bank.asid == stream && !bank.secured; });
        const std::uint64_t word =
            there ? smmuv2::s2cr::CBNDX.of(stream) | smmuv2::s2cr::TYPE.of(smmuv2::s2cr::TYPE_TRANS)
                  : smmuv2::s2cr::TYPE.of(smmuv2::s2cr::TYPE_BYPASS);
        smmu_.write_register(smmuv2::gr0::S2CR(stream), 4, word);
        if (!there) continue;
        constexpr std::uint64_t kGr1 = 0x1000;
        smmu_.write_register(kGr1 + smmuv2::gr1::CBAR(stream), 4,
                             smmuv2::cbar::TYPE.of(smmuv2::cbar::TYPE_S1_TRANS_S2_BYPASS));
    }
    smmu_.write_register(smmuv2::gr0::sCR0, 4, 0);
    update();
}

std::uint64_t QcomIommu::place(const Bank& bank) const { return (kPages + std::uint64_t{bank.asid}) * kBankBytes; }

std::uint64_t QcomIommu::register_bytes(unsigned bank) const {
    if (bank < first_bank()) return parameters_.local_bytes[bank];
    return std::min<std::uint64_t>(parameters_.banks[bank - first_bank()].bytes, kBankBytes);
}

std::uint64_t QcomIommu::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank < first_bank()) return bank == 0 && offset == SMMU_INTR_SEL_NS && size == 4 ? intr_sel_ns_ : 0;
    if (bank - first_bank() >= parameters_.banks.size()) return 0;
    const Bank& at = parameters_.banks[bank - first_bank()];
    return at.secured || offset + size > kBankBytes ? 0 : smmu_.read_register(place(at) + offset, size);
}

void QcomIommu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank < first_bank()) {
        if (bank == 0 && offset == SMMU_INTR_SEL_NS && size == 4) intr_sel_ns_ = static_cast<std::uint32_t>(value);
        return;
    }
    if (bank - first_bank() >= parameters_.banks.size()) return;
    const Bank& at = parameters_.banks[bank - first_bank()];
    if (at.secured || offset + size > kBankBytes) return;
    smmu_.write_register(place(at) + offset, size, value);
    update();
}

std::unique_ptr<TranslationSlot> QcomIommu::make_translation() { return smmu_.make_translation(); }

/// Context n's is that of the child whose number is n.
std::optional<unsigned> QcomIommu::take_wire() {
    while (const auto wire = smmu_.take_wire()) {
        const unsigned context = *wire - smmu_.params().global_interrupts;
        for (unsigned i = 0; i < parameters_.banks.size(); ++i) {
            if (*wire >= smmu_.params().global_interrupts && parameters_.banks[i].asid == context)
                return parameters_.first_wire + i;
        }
    }
    return std::nullopt;
}

void QcomIommu::invalidate(const Invalidation& invalidation) {
    epoch_ = smmu_.epoch();
    tell(invalidation);
}

CacheCounters QcomIommu::structure_counters(std::size_t row) const {
    return row == 0 ? smmu_.tlb.counters() : smmu_.walk_s1[row].counters();
}

}  // namespace xlate::iommu::qcom
