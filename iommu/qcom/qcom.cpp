#include "iommu/qcom/qcom.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace xlate::iommu::qcom {

namespace {

static_assert(kMostBanks <= kSmmuPages);
constexpr std::array kStructures{
    StructureSpec{"tlb", Structure::tlb},
    StructureSpec{"walk_cache_level1", Structure::walk_cache, 1, 1},
    StructureSpec{"walk_cache_level2", Structure::walk_cache, 1, 2},
};

smmuv2::SmmuParams smmu_of(const Parameters& parameters) {
    constexpr unsigned k40Bits = 2;
    smmuv2::SmmuParams own = banks_alone(k40Bits, parameters.name, parameters.seed);
    own.caches.tlb = parameters.tlb;
    own.caches.walk_s1[1] = parameters.level1;
    own.caches.walk_s1[2] = parameters.level2;
    return own;
}

}  // namespace

const InstanceSpec& sheet() {
    static const InstanceSpec kSheet =
        banks_sheet("qcom", "Qualcomm msm-iommu", {kStructures.data(), kStructures.size()});
    return kSheet;
}

QcomIommu::QcomIommu(const Parameters& parameters) : ContextBanks(smmu_of(parameters)), parameters_(parameters) {
    for (const Bank& bank : parameters_.banks) {
        XLATE_CHECK(bank.secured || bank.asid < kMostBanks, "bank " + std::to_string(bank.asid));
    }
    reset();  // an owner without a clock has no power-on
}

/// What firmware does before Linux comes: each stream to the bank of its number.
void QcomIommu::reset() {
    intr_sel_ns_ = 0;
    smmu_.reset();
    for (unsigned stream = 0; stream < kMostBanks; ++stream) {
        const bool there = std::any_of(parameters_.banks.begin(), parameters_.banks.end(),
                                       [&](const Bank& bank) { return bank.asid == stream && !bank.secured; });
        lead(stream, there ? std::optional(stream) : std::nullopt);
        if (there) open_bank(stream);
    }
    set_global(0);
    update();
}

std::uint64_t QcomIommu::register_bytes(unsigned bank) const {
    if (bank < first_bank()) return parameters_.local_bytes[bank];
    return std::min<std::uint64_t>(parameters_.banks[bank - first_bank()].bytes, kBankBytes);
}

std::uint64_t QcomIommu::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank < first_bank()) return bank == 0 && offset == SMMU_INTR_SEL_NS && size == 4 ? intr_sel_ns_ : 0;
    if (bank - first_bank() >= parameters_.banks.size()) return 0;
    const Bank& at = parameters_.banks[bank - first_bank()];
    return at.secured || offset + size > kBankBytes ? 0
                                                    : smmu_.read_register(place(at.asid, kBankBytes) + offset, size);
}

void QcomIommu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank < first_bank()) {
        if (bank == 0 && offset == SMMU_INTR_SEL_NS && size == 4) intr_sel_ns_ = static_cast<std::uint32_t>(value);
        return;
    }
    if (bank - first_bank() >= parameters_.banks.size()) return;
    const Bank& at = parameters_.banks[bank - first_bank()];
    if (at.secured || offset + size > kBankBytes) return;
    smmu_.write_register(place(at.asid, kBankBytes) + offset, size, value);
    update();
}

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

}  // namespace xlate::iommu::qcom
