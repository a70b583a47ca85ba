#include "iommu/qcom/msm.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace xlate::iommu::msm {

namespace smmu = iommu::smmuv2;
namespace scb = iommu::smmuv2::cb;

namespace {

constexpr std::array kStructures{
    StructureSpec{"tlb", Structure::tlb},
    StructureSpec{"walk_cache_level1", Structure::walk_cache, 1, 1},
};
constexpr std::uint32_t kRevision = 0x10;  ///< ours

/// Registers whose bits an SMMU's bank has as they are.
struct Same {
    std::uint32_t own, smmu;
};
constexpr Same kSame[] = {
    {cb::CONTEXTIDR, scb::CONTEXTIDR},
    {cb::TTBR0, scb::TTBR0},
    {cb::TTBR1, scb::TTBR1},
    {cb::PRRR, scb::MAIR0},
    {cb::NMRR, scb::MAIR1},
    {cb::FAR, scb::FAR},
    {cb::TLBIALL, scb::TLBIALL},
    {cb::TLBIASID, scb::TLBIASID},
    {cb::TLBIVA, scb::TLBIVA},
    {cb::TLBIVAA, scb::TLBIVAA},
    {cb::V2PPR, scb::ATS1PR},
    {cb::V2PPW, scb::ATS1PW},
    {cb::V2PUR, scb::ATS1UR},
    {cb::V2PUW, scb::ATS1UW},
    {cb::RESUME, scb::RESUME},
    {cb::PAR, scb::PAR},
};
const Same* same_as(std::uint32_t offset) {
    const auto* const found =
        std::find_if(std::begin(kSame), std::end(kSame), [&](const Same& one) { return one.own == offset; });
    return found == std::end(kSame) ? nullptr : found;
}

/// FSR and PAR: an SMMU has a walk's external abort and a TLB conflict at other bits.
std::uint32_t own_causes(std::uint32_t word) {
    constexpr std::uint32_t kHere = 0xC000000F;
    std::uint32_t out = word & kHere;
    if (smmu::fsr::EF.test(word)) out |= static_cast<std::uint32_t>(fsr::HTWSEEF.mask());
    if (smmu::fsr::TLBMCF.test(word)) out |= static_cast<std::uint32_t>(fsr::TLBMF.mask());
    return out;
}
std::uint32_t smmu_causes(std::uint32_t word) {
    constexpr std::uint32_t kHere = 0x8000000E;
    std::uint32_t out = word & kHere;
    if (fsr::HTWSEEF.test(word)) out |= static_cast<std::uint32_t>(smmu::fsr::EF.mask());
    if (fsr::TLBMF.test(word)) out |= static_cast<std::uint32_t>(smmu::fsr::TLBMCF.mask());
    return out;
}

smmuv2::SmmuParams smmu_of(const Parameters& parameters) {
    constexpr unsigned k32Bits = 0;
    smmuv2::SmmuParams own = qcom::banks_alone(k32Bits, parameters.name, parameters.seed);
    own.caches.tlb = parameters.tlb;
    own.caches.walk_s1[1] = parameters.level1;
    return own;
}

}  // namespace

const InstanceSpec& sheet() {
    static const InstanceSpec kSheet =
        qcom::banks_sheet("msm", "Qualcomm APQ8064 IOMMU", {kStructures.data(), kStructures.size()});
    return kSheet;
}

MsmIommu::MsmIommu(const Parameters& parameters) : ContextBanks(smmu_of(parameters)), parameters_(parameters) {
    XLATE_CHECK(parameters_.banks > 0 && parameters_.banks <= kMostBanks, std::to_string(parameters_.banks) + " banks");
    reset();
}

/// All ids lead to bank 0, and every bank is off.
void MsmIommu::reset() {
    words_.clear();
    smmu_.reset();
    for (unsigned bank = 0; bank < parameters_.banks; ++bank) open_bank(bank);
    for (unsigned mid = 0; mid < kMostMids; ++mid) map_mid(mid);
    set_global(0);
    update();
}

std::uint32_t MsmIommu::smmu_word(unsigned bank, std::uint32_t offset) const {
    return static_cast<std::uint32_t>(smmu_.read_register(place(bank, kBankBytes) + offset, 4));
}
void MsmIommu::set_smmu(unsigned bank, std::uint32_t offset, std::uint64_t value) {
    smmu_.write_register(place(bank, kBankBytes) + offset, 4, value);
}
std::uint32_t MsmIommu::stored(std::uint64_t offset) const {
    const auto found = words_.find(offset);
    return found == words_.end() ? 0 : found->second;
}

std::uint64_t MsmIommu::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || size != 4 || offset % 4 != 0 || offset >= kRegisterBytes) return 0;
    if (offset == global::IDR) {
        return idr::NM2VCBMT.of(kMostMids - 1) | idr::HTW.of(1) | idr::NCB.of(parameters_.banks - 1) | idr::NIRPT.of(1);
    }
    if (offset == global::REV) return kRevision;
    const auto number = static_cast<unsigned>(offset / kBankBytes);
    if (number >= parameters_.banks) return stored(offset);
    return bank_word(number, static_cast<std::uint32_t>(offset % kBankBytes));
}

std::uint32_t MsmIommu::bank_word(unsigned bank, std::uint32_t offset) const {
    constexpr std::uint64_t kGr1 = 0x1000;
    if (offset == cb::FSR) return own_causes(smmu_word(bank, scb::FSR));
    if (offset == cb::FSYNR0) {
        return static_cast<std::uint32_t>(fsynr0::AMID.of(
            smmu::cbfrsynra::SID.get(smmu_.read_register(kGr1 + smmu::gr1::CBFRSYNRA(bank), 4)) & 0xFF));
    }
    if (offset == cb::FSYNR1) {
        const std::uint32_t word = smmu_word(bank, scb::FSYNR0);
        return static_cast<std::uint32_t>(fsynr1::AWRITE.of(smmu::fsynr0::WNR.get(word)) |
                                          fsynr1::APRIV.of(smmu::fsynr0::PNU.get(word)) |
                                          fsynr1::AINST.of(smmu::fsynr0::IND.get(word)));
    }
    if (offset == cb::PAR) {
        const std::uint32_t word = smmu_word(bank, scb::PAR);
        return par::FAULT.test(word) ? own_causes(word) : word;
    }
    const Same* const same = same_as(offset);
    return same != nullptr ? smmu_word(bank, same->smmu) : stored(std::uint64_t{bank} * kBankBytes + offset);
}

void MsmIommu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || size != 4 || offset % 4 != 0 || offset >= kRegisterBytes) return;
    const auto word = static_cast<std::uint32_t>(value);
    const auto number = static_cast<unsigned>(offset / kBankBytes);
    if (number < parameters_.banks) {
        write_bank(number, static_cast<std::uint32_t>(offset % kBankBytes), word);
    } else if (offset >= global::M2VCBR(0)) {
        write_global(static_cast<std::uint32_t>(offset), word);
    }
    update();
}

void MsmIommu::write_bank(unsigned bank, std::uint32_t offset, std::uint32_t value) {
    if (offset == cb::FSR) return clear_faults(bank, value);
    if (offset == cb::FSRRESTORE) return set_smmu(bank, scb::FSR, ~std::uint32_t{0});  // Linux restores nothing
    if (offset == cb::FSYNR0 || offset == cb::FSYNR1 || offset == cb::V2PSR) return;
    if (const Same* const same = same_as(offset)) return set_smmu(bank, same->smmu, value);
    words_[std::uint64_t{bank} * kBankBytes + offset] = value;
    if (offset == cb::TTBCR) return set_smmu(bank, scb::TCR, value & ttbcr::kAll);
    if (offset == cb::SCTLR || offset == cb::ACTLR) update_control(bank);
}

void MsmIommu::clear_faults(unsigned bank, std::uint32_t value) {
    const bool stalled = fsr::SS.test(smmu_word(bank, scb::FSR));
    set_smmu(bank, scb::FSR, smmu_causes(value));
    if (stalled && fsr::SS.test(value)) set_smmu(bank, scb::RESUME, smmu::resume::TNR.mask());
}

/// What a fault does is ACTLR's here, SCTLR's there.
void MsmIommu::update_control(unsigned bank) {
    const std::uint32_t control = stored(std::uint64_t{bank} * kBankBytes + cb::SCTLR);
    const std::uint32_t more = stored(std::uint64_t{bank} * kBankBytes + cb::ACTLR);
    set_smmu(bank, scb::SCTLR,
             smmu::sctlr::M.of(sctlr::M.get(control)) | smmu::sctlr::TRE.of(sctlr::TRE.get(control)) |
                 smmu::sctlr::AFE.of(sctlr::AFE.get(control)) | smmu::sctlr::AFFD.of(sctlr::AFFD.get(control)) |
                 smmu::sctlr::E.of(sctlr::BE.get(control)) | smmu::sctlr::CFRE.of(actlr::CFERE.get(more)) |
                 smmu::sctlr::CFIE.of(actlr::CFEIE.get(more)) | smmu::sctlr::CFCFG.of(actlr::CFCFG.get(more)));
}

void MsmIommu::write_global(std::uint32_t offset, std::uint32_t value) {
    if (offset == global::IDR || offset == global::REV) return;
    if (offset == global::TLBIALL) {
        smmu_.write_register(smmu::gr0::TLBIALLNSNH, 4, value);
        return;
    }
    words_[offset] = value;
    if (offset == global::CR) {
        set_global(static_cast<std::uint32_t>(smmu::cr0::CLIENTPD.of(cr::CLIENTPD.get(value))));
    } else if (offset < global::M2VCBR(kMostMids)) {
        map_mid((offset - global::M2VCBR(0)) / 4);
    }
}

/// A bank that is not there translates nothing.
void MsmIommu::map_mid(unsigned mid) {
    const auto bank = static_cast<unsigned>(m2vcbr::CBNDX.get(stored(global::M2VCBR(mid))));
    lead(mid, bank < parameters_.banks ? std::optional(bank) : std::nullopt);
}

std::optional<unsigned> MsmIommu::take_wire() {
    bool any = false;
    while (smmu_.take_wire()) any = true;
    return any ? std::optional<unsigned>(0) : std::nullopt;
}

}  // namespace xlate::iommu::msm
