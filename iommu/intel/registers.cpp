#include "iommu/intel/registers.hpp"

namespace xlate::iommu::vtd {

namespace {

constexpr const char* kSource = "VT-d 4.1, 11.4";

constexpr RegRow row(std::string_view name, std::uint32_t offset, std::uint8_t size, Access access,
                     std::uint64_t writable) {
    return {{name, offset, size, access, 0, kSource}, writable};
}
constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::uint64_t kPages = ~low_mask(12);
/// Of the low half of a message's address.
constexpr std::uint64_t kMessage = low_mask(32) & ~low_mask(2);

constexpr std::array<RegRow, kRegisterRows> kRows{{
    row("VER_REG", reg::VER, 4, Access::ro, 0),
    row("CAP_REG", reg::CAP, 8, Access::ro, 0),
    row("ECAP_REG", reg::ECAP, 8, Access::ro, 0),
    row("GCMD_REG", reg::GCMD, 4, Access::wo, low_mask(32)),
    row("GSTS_REG", reg::GSTS, 4, Access::ro, 0),
    row("RTADDR_REG", reg::RTADDR, 8, Access::rw, ~low_mask(10)),
    row("CCMD_REG", reg::CCMD, 8, Access::rw, kAll & ~ccmd::CAIG.mask()),
    row("FSTS_REG", reg::FSTS, 4, Access::w1c, 0),
    row("FECTL_REG", reg::FECTL, 4, Access::rw, ectl::IM.mask()),
    row("FEDATA_REG", reg::FEDATA, 4, Access::rw, low_mask(32)),
    row("FEADDR_REG", reg::FEADDR, 4, Access::rw, kMessage),
    row("FEUADDR_REG", reg::FEUADDR, 4, Access::rw, low_mask(32)),
    row("AFLOG_REG", reg::AFLOG, 8, Access::ro, 0),
    row("PMEN_REG", reg::PMEN, 4, Access::rw, pmen::EPM.mask()),
    row("PLMBASE_REG", reg::PLMBASE, 4, Access::rw, low_mask(32) & ~low_mask(20)),
    row("PLMLIMIT_REG", reg::PLMLIMIT, 4, Access::rw, low_mask(32) & ~low_mask(20)),
    row("PHMBASE_REG", reg::PHMBASE, 8, Access::rw, ~low_mask(20)),
    row("PHMLIMIT_REG", reg::PHMLIMIT, 8, Access::rw, ~low_mask(20)),
    row("IQH_REG", reg::IQH, 8, Access::ro, 0),
    row("IQT_REG", reg::IQT, 8, Access::rw, Field{4, 15}.mask()),
    row("IQA_REG", reg::IQA, 8, Access::rw, kPages | iqa::QS.mask() | iqa::DW.mask()),
    row("ICS_REG", reg::ICS, 4, Access::w1c, 0),
    row("IECTL_REG", reg::IECTL, 4, Access::rw, ectl::IM.mask()),
    row("IEDATA_REG", reg::IEDATA, 4, Access::rw, low_mask(32)),
    row("IEADDR_REG", reg::IEADDR, 4, Access::rw, kMessage),
    row("IEUADDR_REG", reg::IEUADDR, 4, Access::rw, low_mask(32)),
    row("IQERCD_REG", reg::IQERCD, 8, Access::ro, 0),
    row("IRTA_REG", reg::IRTA, 8, Access::rw, kPages | irta::S.mask() | irta::EIME.mask()),
    row("PQH_REG", reg::PQH, 8, Access::rw, Field{5, 14}.mask()),
    row("PQT_REG", reg::PQT, 8, Access::rw, Field{5, 14}.mask()),
    row("PQA_REG", reg::PQA, 8, Access::rw, kPages | iqa::QS.mask()),
    row("PRS_REG", reg::PRS, 4, Access::w1c, 0),
    row("PECTL_REG", reg::PECTL, 4, Access::rw, ectl::IM.mask()),
    row("PEDATA_REG", reg::PEDATA, 4, Access::rw, low_mask(32)),
    row("PEADDR_REG", reg::PEADDR, 4, Access::rw, kMessage),
    row("PEUADDR_REG", reg::PEUADDR, 4, Access::rw, low_mask(32)),
    // Not ours: memory type range registers, virtual commands. They read zero.
    row("MTRRCAP_REG", 0x100, 8, Access::ro, 0),
}};

constexpr bool in_order() {
    std::uint64_t end = 0;
    for (const RegRow& one : kRows) {
        if (one.spec.offset < end || one.spec.offset % one.spec.size != 0) return false;
        end = std::uint64_t{one.spec.offset} + one.spec.size;
    }
    return true;
}
static_assert(in_order());

}  // namespace

Span<RegRow> register_rows() { return {kRows.data(), kRows.size()}; }

std::size_t Registers::index(const RegRow& row) { return static_cast<std::size_t>(&row - kRows.data()); }

const RegRow* Registers::find(std::uint32_t offset) {
    for (const RegRow& one : kRows) {
        if (offset >= one.spec.offset && offset < one.spec.offset + one.spec.size) return &one;
    }
    return nullptr;
}

void Registers::reset() {
    values_ = {};
    set(reg::VER, params_.version);
    set(reg::CAP, params_.cap);
    set(reg::ECAP, params_.ecap);
    for (const std::uint32_t offset : {reg::FECTL, reg::IECTL, reg::PECTL}) set(offset, ectl::IM.mask());
}

}  // namespace xlate::iommu::vtd
