// What the words of its tables say, for the shadow of a sanitizer (iommu/shadow/table_words.hpp).
#include "iommu/smmuv2/smmu.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

namespace pte = vmsa8_64::pte;

/// Stage 1's granule: of TTBR0's half, or of TTBR1's if that one is off. Drivers use one.
Granule granule_of(const Context& context) {
    if (!context.s1) return context.stage2.granule;
    return context.stage1.half[context.stage1.half[0].disabled ? 1 : 0].granule;
}

}  // namespace

/// Of the first bank whose translations have this tag.
std::optional<Context> Smmu::context_of(std::uint64_t space) const {
    for (unsigned bank = 0; bank < registers.banks.size(); ++bank) {
        const std::uint64_t type = registers.banks[bank].type();
        if (type == cbar::TYPE_S1_TRANS_S2_FAULT) continue;
        if (type == cbar::TYPE_S1_TRANS_S2_TRANS &&
            cbar::CBNDX.get(registers.banks[bank].cbar) >= registers.banks.size())
            continue;
        if (!sctlr::M.test(registers.banks[bank].sctlr)) continue;
        const Context context = decode_context(registers, bank, features());
        if (context.space == space && !context.illegal) return context;
    }
    return std::nullopt;
}

bool Smmu::decode_in(std::uint64_t space, AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const auto row = static_cast<unsigned>(purpose);
    if (row >= 8) return false;
    const auto context = context_of(space);
    if (!context) return false;
    const bool second = row >= 4;
    // The tables of a nested stage 2 are found by another address than the access's.
    if (second && context->s1) return false;
    const unsigned level = row % 4;
    const Granule granule = granule_of(*context);
    const Format format = second ? context->stage2.format : context->stage1.format;
    if (format == Format::short32) return false;
    out = {};
    out.granule = static_cast<std::uint8_t>(vmsa8_64::page_bits(granule));
    out.log2_bytes = static_cast<std::uint8_t>(vmsa8_64::level_shift(granule, level));
    const std::uint64_t type = pte::TYPE.get(word);
    if (!pte::VALID.test(word) || (level == 3 && type != pte::TYPE_PAGE)) return true;
    out.present = true;
    const bool table = level != 3 && type == pte::TYPE_TABLE;
    out.leaf = !table;
    const unsigned low = table ? out.granule : out.log2_bytes;
    out.target = format == Format::aarch64 ? vmsa8_64::descriptor_address(word, low, vmsa8_64::OutputForm::plain)
                                           : vmsa7_long::descriptor_address(word, low);
    out.target_bytes = std::uint64_t{1} << low;
    out.global = !second && out.leaf && !pte::nG.test(word);
    if (table) out.next = walk_purpose(second ? 2 : 1, level + 1);
    return true;
}

std::uint64_t Smmu::table_bytes(std::uint64_t space) const {
    const auto context = context_of(space);
    return std::uint64_t{1} << (context ? vmsa8_64::page_bits(granule_of(*context)) : 12);
}

std::uint64_t Smmu::space_of_bank(unsigned bank) const {
    const std::uint64_t type = bank < registers.banks.size() ? registers.banks[bank].type() : 0;
    const bool broken =
        bank >= registers.banks.size() || type == cbar::TYPE_S1_TRANS_S2_FAULT ||
        (type == cbar::TYPE_S1_TRANS_S2_TRANS && cbar::CBNDX.get(registers.banks[bank].cbar) >= registers.banks.size());
    return broken ? ~std::uint64_t{0} : decode_context(registers, bank, features()).space;
}

std::uint64_t Smmu::space_of(std::uint32_t context) const {
    for (unsigned bank = 0; bank < registers.banks.size(); ++bank) {
        if (!sctlr::M.test(registers.banks[bank].sctlr)) continue;
        const std::uint64_t space = space_of_bank(bank);
        const bool second = space_tag::REGIME.get(space) == static_cast<std::uint64_t>(Regime::stage2);
        if ((second ? space_tag::VMID : space_tag::ASID).get(space) == context) return space;
    }
    return ~std::uint64_t{0};
}

std::optional<std::uint64_t> Smmu::space_of_stream(StreamId stream) const {
    const std::uint64_t none = ~std::uint64_t{0};
    const StreamMatch match = match_stream(registers, value(stream), features().sms != 0);
    if (match.kind != StreamMatch::Kind::one) return none;
    const std::uint32_t word = registers.s2cr[match.group];
    if (s2cr::TYPE.get(word) != s2cr::TYPE_TRANS) return none;
    return space_of_bank(static_cast<unsigned>(s2cr::CBNDX.get(word)));
}

}  // namespace xlate::iommu::smmuv2
