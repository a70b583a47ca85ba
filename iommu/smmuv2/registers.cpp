#include "iommu/smmuv2/registers.hpp"

#include <utility>

#include "base/error.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

std::uint32_t low32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

/// Bits of S2CR that there are; EXIDVALID apart.
constexpr std::uint32_t kS2crBits = 0x3FFFFBFF;

template <typename Rows>
std::size_t row_index(const Rows& rows, const RegSpec& row) {
    return static_cast<std::size_t>(&row - rows.data());
}

/// The half of `row` that `offset` names, or all of it.
std::uint64_t part(const RegSpec& row, std::uint32_t offset, unsigned size, std::uint64_t whole) {
    return size == row.size ? whole : (whole >> (offset == row.offset ? 0 : 32)) & low_mask(32);
}

}  // namespace

Registers::Registers(const SmmuParams& params) { reset(params); }

void Registers::reset(const SmmuParams& params) {
    const Features& f = params.features;
    *this = Registers();
    features_ = f;
    space_ = f.space();
    secure_access_ = params.secure_access;
    rewrites_s2cr_ = params.firmware_rewrites_s2cr;
    XLATE_CHECK(f.numcb <= space_.pages, "more context banks than pages for them");
    id[0] =
        low32(idr0::NUMSMRG.of(f.sms != 0 ? f.numsmrg : 0U) | idr0::EXIDS.of(f.exids) | idr0::NUMSIDB.of(f.numsidb) |
              idr0::CTTW.of(f.cttw) | idr0::NUMIRPT.of(f.numirpt) | idr0::PTFS_NO_AARCH32S.of(f.no_aarch32s) |
              idr0::PTFS_NO_AARCH32.of(f.no_aarch32) | idr0::ATOSNS.of(f.atosns) | idr0::SMS.of(f.sms) |
              idr0::NTS.of(f.nts) | idr0::S2TS.of(f.s2ts) | idr0::S1TS.of(f.s1ts));
    id[1] = low32(idr1::NUMCB.of(f.numcb) | idr1::SMCD.of(f.smcd) | idr1::NUMS2CB.of(f.nums2cb) |
                  idr1::NUMPAGENDXB.of(f.numpagendxb) | idr1::PAGESIZE.of(f.pagesize));
    id[2] = low32(idr2::IAS.of(f.ias) | idr2::OAS.of(f.oas));
    if (f.v2) {
        id[2] |= low32(idr2::UBS.of(f.ubs) | idr2::PTFS_4K.of(f.ptfs_4k) | idr2::PTFS_16K.of(f.ptfs_16k) |
                       idr2::PTFS_64K.of(f.ptfs_64k) | idr2::VMID16S.of(f.vmid16s));
    }
    id[7] = low32(idr7::MAJOR.of(f.major) | idr7::MINOR.of(f.minor));
    cr0_implemented_ = low32(~(cr0::EXIDENABLE.mask() | cr0::VMID16EN.mask()) & 0x3FFFFFFF);
    if (f.exids != 0) cr0_implemented_ |= low32(cr0::EXIDENABLE.mask());
    if (f.v2 && f.vmid16s != 0) cr0_implemented_ |= low32(cr0::VMID16EN.mask());
    cr0 = params.reset_cr0 & cr0_implemented_;
    smr.assign(f.sms != 0 ? f.groups() : 0, 0);
    s2cr.assign(f.groups(), 0);
    banks.assign(f.numcb, Bank());
    for (Bank& bank : banks) bank.actlr = low32(find_register(kBankRegisters, cb::ACTLR)->reset);
    bank_sync_active.assign(f.numcb, false);
    for (const InheritedMapping& mapping : params.inherited) {
        if (mapping.group >= s2cr.size()) continue;
        s2cr[mapping.group] = mapping.s2cr;
        if (mapping.group < smr.size()) smr[mapping.group] = mapping.smr;
    }
}

unsigned Registers::stream_id_bits() const { return exid() ? 16 : features_.numsidb; }

std::uint16_t Registers::vmid(unsigned index) const {
    const Bank& own = banks[index];
    const Bank* bank = &own;
    if (own.type() == cbar::TYPE_S1_TRANS_S2_TRANS && cbar::CBNDX.get(own.cbar) < banks.size()) {
        bank = &banks[cbar::CBNDX.get(own.cbar)];
    }
    return static_cast<std::uint16_t>(vmid16() ? cba2r::VMID16.get(bank->cba2r) : cbar::VMID.get(bank->cbar));
}

std::uint64_t Registers::read(std::uint64_t offset, unsigned size) const {
    if ((size != 4 && size != 8) || offset % size != 0) return 0;
    const std::uint64_t page = offset / space_.page_bytes;
    const auto within = static_cast<std::uint32_t>(offset % space_.page_bytes);
    if (page == 0) return read_global(within, size);
    if (page == 1) return read_attributes(within, size);
    if (page < space_.pages || page - space_.pages >= banks.size()) return 0;
    const RegSpec* row = find_register(kBankRegisters, within);
    if (row == nullptr || size > row->size) return 0;
    const auto index = static_cast<unsigned>(page - space_.pages);
    return part(*row, within, size, bank_value(banks[index], index, row->offset));
}

Write Registers::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
    if ((size != 4 && size != 8) || offset % size != 0) return ignored();
    const std::uint64_t page = offset / space_.page_bytes;
    const auto within = static_cast<std::uint32_t>(offset % space_.page_bytes);
    if (size == 4) value &= low_mask(32);
    if (page == 0) return write_global(within, size, value);
    if (page == 1) return write_attributes(within, size, low32(value));
    if (page < space_.pages || page - space_.pages >= banks.size()) return ignored();
    return write_bank(static_cast<unsigned>(page - space_.pages), within, size, value);
}

std::uint64_t Registers::global_value(std::uint32_t offset) const {
    switch (offset) {
        case gr0::sCR0:
            return cr0;
        case gr0::sCR2:
            return cr2;
        case gr0::sACR:
            return acr;
        case gr0::sGFAR:
            return gfar;
        case gr0::sGFSR:
            return gfsr;
        case gr0::sGFSYNR0:
            return gfsynr0;
        case gr0::sGFSYNR1:
            return gfsynr1;
        case gr0::sGFSYNR2:
            return gfsynr2;
        case gr0::sTLBGSTATUS:
            return tlbstatus::GSACTIVE.of(sync_active ? 1 : 0);
        case gr0::sGPAR:
            return gpar;
        case gr0::sGATSR:
            return atsr::ACTIVE.of(gats_active ? 1 : 0);
        default:
            if (offset >= gr0::IDR0 && offset <= gr0::IDR7) return id[(offset - gr0::IDR0) / 4];
            return 0;
    }
}

std::uint64_t Registers::read_global(std::uint32_t offset, unsigned size) const {
    if (offset >= gr0::SMR(0)) {
        if (size == 4 && offset < gr0::S2CR(0)) {
            const std::uint32_t group = (offset - gr0::SMR(0)) / 4;
            return group < smr.size() ? smr[group] : 0;
        }
        const std::uint32_t ids = space_.page_bytes - 0x1000 + 0xFD0;
        if (size == 4 && offset >= ids && offset < space_.page_bytes) {
            return find_register(kPeripheralIds, offset - ids + 0xFD0)->reset;
        }
        if (size != 4 || offset >= 0x1000) return 0;
        const std::uint32_t group = (offset - gr0::S2CR(0)) / 4;
        return group < s2cr.size() ? s2cr[group] : 0;
    }
    const bool alias = offset >= gr0::kNonSecureAlias;
    if (alias && !secure_access_) return 0;
    const std::uint32_t at = alias ? offset - gr0::kNonSecureAlias : offset;
    const RegSpec* row = find_register(kGlobalRegisters, at);
    if (row == nullptr || size > row->size) return 0;
    const bool id_register = at >= gr0::IDR0 && at <= gr0::IDR7;
    const bool status = at == gr0::sTLBGSTATUS;
    const bool secure_copy = secure_access_ && !alias && !id_register && !status;
    const std::uint64_t whole = secure_copy ? secure_[row_index(kGlobalRegisters, *row)] : global_value(row->offset);
    return part(*row, at, size, whole);
}

Write Registers::write_global(std::uint32_t offset, unsigned size, std::uint64_t value) {
    if (offset >= gr0::SMR(0)) return size == 4 ? write_group(offset, low32(value)) : ignored();
    const bool alias = offset >= gr0::kNonSecureAlias;
    if (alias && !secure_access_) return ignored();
    const std::uint32_t at = alias ? offset - gr0::kNonSecureAlias : offset;
    const RegSpec* row = find_register(kGlobalRegisters, at);
    if (row == nullptr || size > row->size || row->access == Access::ro) return ignored();
    const std::size_t index = row_index(kGlobalRegisters, *row);
    // Invalidations and their drain serve both worlds; the rest of the secure copy is kept.
    if (secure_access_ && !alias && row->access != Access::wo) {
        secure_[index] = row->access == Access::w1c ? secure_[index] & ~value : value;
        return {};
    }
    if (size == row->size) return set_global(*row, value);
    if (row->access == Access::wo) {
        if (at != row->offset) {
            high_[index] = low32(value);
            return {};
        }
        return set_global(*row, value | (std::uint64_t{high_[index]} << 32));
    }
    const Field half{at == row->offset ? 0U : 32U, 32};
    return set_global(*row, half.set(global_value(row->offset), value));
}

Write Registers::set_global(const RegSpec& row, std::uint64_t value) {
    const auto with = [&](Effect effect) { return Write{effect, Write::kGlobal, row.offset, value}; };
    switch (row.offset) {
        case gr0::sCR0: {
            const std::uint32_t before = cr0;
            cr0 = low32(value) & cr0_implemented_;
            return cr0 != before ? with(Effect::global) : Write{};
        }
        case gr0::sCR2:
            cr2 = low32(value) & low32(cr2::BPVMID.mask());
            return {};
        case gr0::sACR:
            acr = low32(value);
            return {};
        case gr0::sGFAR:
            gfar = value & low_mask(49);
            return {};
        case gr0::sGFSR:
            gfsr &= ~low32(value);
            return with(Effect::gfsr);
        case gr0::sGFSRRESTORE:
            gfsr = low32(value & (gfsr::kFaults | gfsr::MULTI.mask()));
            return with(Effect::gfsr);
        case gr0::sGFSYNR0:
            gfsynr0 = low32(value) & 0x7F;
            return {};
        case gr0::sGFSYNR1:
            gfsynr1 = low32(value);
            return {};
        case gr0::sGFSYNR2:
            gfsynr2 = low32(value);
            return {};
        case gr0::TLBIVMID:
        case gr0::TLBIALLNSNH:
        case gr0::TLBIALLH:
        case gr0::TLBIVAH:
        case gr0::TLBIVALH64:
        case gr0::TLBIVMIDS1:
        case gr0::TLBIVAH64:
            return with(Effect::tlbi);
        case gr0::sTLBGSYNC:
            return with(Effect::sync);
        case gr0::sGPAR:
            gpar = value;
            return {};
        default:
            if (row.offset >= gr0::sGATS1UR && row.offset <= gr0::sGATS12PW && features_.atosns == 0) {
                gats_active = true;
                return with(Effect::ats);
            }
            // Secure invalidations: no secure entries. SCR1: secure only.
            return row.access == Access::wo ? Write{} : ignored();
    }
}

Write Registers::write_group(std::uint32_t offset, std::uint32_t value) {
    if (offset < gr0::S2CR(0)) {
        const unsigned group = (offset - gr0::SMR(0)) / 4;
        if (group >= smr.size()) return ignored();
        // Bits beyond the stream id's width are not there.
        const auto width = static_cast<std::uint32_t>(low_mask(stream_id_bits()));
        const std::uint32_t valid = exid() ? 0U : value & low32(smr::VALID.mask());
        const std::uint32_t kept = (value & width) | ((value >> 16 & width) << 16) | valid;
        const std::uint32_t before = smr[group];
        if (kept == before) return {};
        return {Effect::mapping, group, offset, std::exchange(smr[group], kept) | std::uint64_t{s2cr[group]} << 32};
    }
    const unsigned group = (offset - gr0::S2CR(0)) / 4;
    if (offset >= 0x1000 || group >= s2cr.size()) return ignored();
    std::uint32_t kept = value & (kS2crBits | (features_.exids != 0 ? low32(s2cr::EXIDVALID.mask()) : 0U));
    if (rewrites_s2cr_) {
        if (s2cr::TYPE.get(kept) == s2cr::TYPE_FAULT) return ignored();
        if (s2cr::TYPE.get(kept) == s2cr::TYPE_BYPASS) kept = low32(s2cr::TYPE.set(kept, s2cr::TYPE_FAULT));
    }
    if (kept == s2cr[group]) return {};
    const std::uint32_t old = std::exchange(s2cr[group], kept);
    return {Effect::mapping, group, offset, (group < smr.size() ? smr[group] : 0U) | std::uint64_t{old} << 32};
}

std::uint64_t Registers::read_attributes(std::uint32_t offset, unsigned size) const {
    const std::uint32_t bank = (offset & 0x3FF) / 4;
    if (size != 4 || bank >= banks.size()) return 0;
    switch (offset & ~0x3FFU) {
        case 0x000:
            return banks[bank].cbar;
        case 0x400:
            return banks[bank].cbfrsynra;
        case 0x800:
            return banks[bank].cba2r;
        default:
            return 0;
    }
}

Write Registers::write_attributes(std::uint32_t offset, unsigned size, std::uint32_t value) {
    const unsigned index = (offset & 0x3FF) / 4;
    if (size != 4 || index >= banks.size()) return ignored();
    Bank& bank = banks[index];
    switch (offset & ~0x3FFU) {
        case 0x000: {
            std::uint32_t kept = value;
            if (features_.v2) kept &= ~low32(cbar::IRPTNDX.mask());
            // The first banks may be for stage 2 alone.
            if (index < features_.nums2cb) kept &= ~low32(cbar::TYPE.mask());
            if (kept == bank.cbar) return {};
            bank.cbar = kept;
            return {Effect::context, index, offset, value};
        }
        case 0x400:
            bank.cbfrsynra = value;
            return {};
        case 0x800: {
            if (!features_.has_cba2r()) return ignored();
            std::uint32_t kept = value & low32(cba2r::VA64.mask() | cba2r::VMID16.mask());
            if (!features_.aarch64()) kept &= ~low32(cba2r::VA64.mask());
            if (features_.vmid16s == 0) kept &= ~low32(cba2r::VMID16.mask());
            if (kept == bank.cba2r) return {};
            bank.cba2r = kept;
            return {Effect::context, index, offset, value};
        }
        default:
            return ignored();
    }
}

std::uint64_t Registers::bank_value(const Bank& bank, unsigned index, std::uint32_t offset) const {
    switch (offset) {
        case cb::SCTLR:
            return bank.sctlr;
        case cb::ACTLR:
            return bank.actlr;
        case cb::TCR2:
            return bank.tcr2;
        case cb::TTBR0:
            return bank.ttbr0;
        case cb::TTBR1:
            return bank.ttbr1;
        case cb::TCR:
            return bank.tcr;
        case cb::CONTEXTIDR:
            return bank.contextidr;
        case cb::MAIR0:
            return bank.mair0;
        case cb::MAIR1:
            return bank.mair1;
        case cb::PAR:
            return bank.par;
        case cb::FSR:
            return bank.fsr;
        case cb::FAR:
            return bank.far;
        case cb::FSYNR0:
            return bank.fsynr0;
        case cb::FSYNR1:
            return bank.fsynr1;
        case cb::IPAFAR:
            return bank.ipafar;
        case cb::TLBSTATUS:
            return tlbstatus::SACTIVE.of(bank_sync_active[index] ? 1 : 0);
        case cb::ATSR:
            return atsr::ACTIVE.of(bank.ats_active ? 1 : 0);
        default:
            return 0;
    }
}

Write Registers::write_bank(unsigned index, std::uint32_t offset, unsigned size, std::uint64_t value) {
    const RegSpec* row = find_register(kBankRegisters, offset);
    if (row == nullptr || size > row->size || row->access == Access::ro) return ignored();
    Bank& bank = banks[index];
    if (size == row->size) return set_bank(bank, index, *row, value);
    if (row->access == Access::wo) {
        std::uint32_t& high = bank.high[row_index(kBankRegisters, *row)];
        if (offset != row->offset) {
            high = low32(value);
            return {};
        }
        // A 32-bit operand is the whole one with VMSAv7 tables; else its upper half has been written before.
        return set_bank(bank, index, *row, value | (std::uint64_t{bank.aarch64() ? high : 0U} << 32));
    }
    const Field half{offset == row->offset ? 0U : 32U, 32};
    return set_bank(bank, index, *row, half.set(bank_value(bank, index, row->offset), value));
}

Write Registers::set_bank(Bank& bank, unsigned index, const RegSpec& row, std::uint64_t value) {
    const auto with = [&](Effect effect) { return Write{effect, index, row.offset, value}; };
    const auto context32 = [&](std::uint32_t& word, std::uint32_t kept) {
        if (word == kept) return Write{};
        word = kept;
        return with(Effect::context);
    };
    const auto context64 = [&](std::uint64_t& word) {
        if (word == value) return Write{};
        word = value;
        return with(Effect::context);
    };
    switch (row.offset) {
        case cb::SCTLR:
            return context32(bank.sctlr, low32(value) & 0x3FFFFFFFU);
        case cb::ACTLR:
            bank.actlr = low32(value);
            return {};
        case cb::RESUME:
            return with(Effect::resume);
        case cb::TCR2:
            return features_.has_cba2r() ? context32(bank.tcr2, low32(value)) : ignored();
        case cb::TTBR0:
            return context64(bank.ttbr0);
        case cb::TTBR1:
            return context64(bank.ttbr1);
        case cb::TCR:
            return context32(bank.tcr, low32(value));
        case cb::CONTEXTIDR:
            return context32(bank.contextidr, low32(value));
        case cb::MAIR0:
            return context32(bank.mair0, low32(value));
        case cb::MAIR1:
            return context32(bank.mair1, low32(value));
        case cb::PAR:
            bank.par = value;
            return {};
        case cb::FSR:
            // What is stalled stays so until RESUME.
            bank.fsr &= ~low32(value & (fsr::kFaults | fsr::MULTI.mask()));
            if ((bank.fsr & fsr::kFaults) == 0) bank.fsr &= low32(fsr::SS.mask());
            return with(Effect::fsr);
        case cb::FSRRESTORE:
            bank.fsr = low32(value & (fsr::kFaults | fsr::MULTI.mask() | fsr::FORMAT.mask())) |
                       (bank.fsr & low32(fsr::SS.mask()));
            return with(Effect::fsr);
        case cb::FAR:
            bank.far = value;
            return {};
        case cb::FSYNR0:
            bank.fsynr0 = low32(value);
            return {};
        case cb::FSYNR1:
            bank.fsynr1 = low32(value);
            return {};
        case cb::IPAFAR:
            bank.ipafar = value;
            return {};
        case cb::TLBIVA:
        case cb::TLBIVAA:
        case cb::TLBIASID:
        case cb::TLBIALL:
        case cb::TLBIVAL:
        case cb::TLBIVAAL:
        case cb::TLBIIPAS2:
        case cb::TLBIIPAS2L:
            return with(Effect::tlbi);
        case cb::TLBSYNC:
            return with(Effect::sync);
        case cb::ATS1PR:
        case cb::ATS1PW:
        case cb::ATS1UR:
        case cb::ATS1UW:
            if (features_.atosns != 0) return ignored();
            bank.ats_active = true;
            return with(Effect::ats);
        default:
            return ignored();
    }
}

}  // namespace xlate::iommu::smmuv2
