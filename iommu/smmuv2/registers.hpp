// The register file: values, what a write may change, and what a write asks for. Effects on caches, faults and wires
// are the Smmu's: write() returns what has happened. Source: docs/spec/iommu-hardware.md section 2.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "iommu/smmuv2/layout.hpp"
#include "iommu/smmuv2/parameters.hpp"

namespace xlate::iommu::smmuv2 {

/// One context bank: its page, and its rows in GR1.
struct Bank {
    std::uint32_t cbar = 0, cba2r = 0, cbfrsynra = 0;
    std::uint32_t sctlr = 0, actlr = 0, tcr2 = 0, tcr = 0, contextidr = 0, mair0 = 0, mair1 = 0, fsr = 0, fsynr0 = 0,
                  fsynr1 = 0;
    std::uint64_t ttbr0 = 0, ttbr1 = 0, par = 0, far = 0, ipafar = 0;
    bool ats_active = false;
    std::array<std::uint32_t, kBankRegisters.size()> high{};  ///< write-only: the upper half, written on its own

    bool aarch64() const { return cba2r::VA64.test(cba2r); }
    std::uint64_t type() const { return cbar::TYPE.get(cbar); }
    /// A context fault that software has not cleared.
    bool faulted() const { return (fsr & (fsr::kFaults | fsr::SS.mask())) != 0; }
};

/// What a write asks the Smmu to do.
enum class Effect : std::uint8_t {
    none,     ///< stored, or nothing
    global,   ///< sCR0 has changed
    mapping,  ///< SMR or S2CR `index` has changed; `value` holds both as they were: SMR[31:0] S2CR[63:32]
    context,  ///< what bank `index` translates by has changed
    gfsr,     ///< sGFSR written
    fsr,      ///< FSR of bank `index` written
    resume,   ///< RESUME of bank `index`
    tlbi,     ///< an invalidation: `offset` and `value`; of bank `index`, or kGlobal
    sync,     ///< TLBSYNC of bank `index`, or sTLBGSYNC (kGlobal)
    ats,      ///< an address translation operation: `offset`, `value`; of bank `index`, or kGlobal
};

struct Write {
    static constexpr unsigned kGlobal = 0x100;
    Effect effect = Effect::none;
    unsigned index = 0;
    std::uint32_t offset = 0;  ///< in GR0 or in the bank's page
    std::uint64_t value = 0;
};

class Registers {
public:
    explicit Registers(const SmmuParams& params);
    void reset(const SmmuParams& params);

    std::uint64_t read(std::uint64_t offset, unsigned size) const;
    Write write(std::uint64_t offset, unsigned size, std::uint64_t value);

    bool exid() const { return cr0::EXIDENABLE.test(cr0); }
    bool vmid16() const { return cr0::VMID16EN.test(cr0); }
    bool smr_valid(unsigned group) const {
        return exid() ? s2cr::EXIDVALID.test(s2cr[group]) : smr::VALID.test(smr[group]);
    }
    std::uint32_t smr_id(unsigned group) const {
        return static_cast<std::uint32_t>(exid() ? smr::EXID.get(smr[group]) : smr::ID.get(smr[group]));
    }
    std::uint32_t smr_mask(unsigned group) const {
        return static_cast<std::uint32_t>(exid() ? smr::EXMASK.get(smr[group]) : smr::MASK.get(smr[group]));
    }
    unsigned stream_id_bits() const;
    unsigned groups() const { return static_cast<unsigned>(s2cr.size()); }
    /// VMID of a bank's translations: of its stage 2 bank if it is nested.
    std::uint16_t vmid(unsigned bank) const;

    std::array<std::uint32_t, 8> id{};
    std::uint32_t cr0 = 1, cr2 = 0, acr = 0, gfsr = 0, gfsynr0 = 0, gfsynr1 = 0, gfsynr2 = 0;
    std::uint64_t gfar = 0, gpar = 0;
    bool gats_active = false;
    std::vector<std::uint32_t> smr, s2cr;
    std::vector<Bank> banks;
    bool sync_active = false;  ///< sTLBGSTATUS.GSACTIVE
    std::vector<bool> bank_sync_active;
    std::uint64_t ignored_writes = 0;  ///< to read-only or absent registers, or of a size that a register does not take

private:
    Registers() = default;
    std::uint64_t read_global(std::uint32_t offset, unsigned size) const;
    Write write_global(std::uint32_t offset, unsigned size, std::uint64_t value);
    Write write_group(std::uint32_t offset, std::uint32_t value);
    std::uint64_t read_attributes(std::uint32_t offset, unsigned size) const;
    Write write_attributes(std::uint32_t offset, unsigned size, std::uint32_t value);
    std::uint64_t global_value(std::uint32_t offset) const;
    Write set_global(const RegSpec& row, std::uint64_t value);
    std::uint64_t bank_value(const Bank& bank, unsigned index, std::uint32_t offset) const;
    Write set_bank(Bank& bank, unsigned index, const RegSpec& row, std::uint64_t value);
    Write write_bank(unsigned index, std::uint32_t offset, unsigned size, std::uint64_t value);
    Write ignored() {
        ++ignored_writes;
        return {};
    }

    Features features_;
    SpaceLayout space_;
    bool secure_access_ = false, rewrites_s2cr_ = false;
    std::uint32_t cr0_implemented_ = 0;
    std::array<std::uint32_t, kGlobalRegisters.size()> high_{};
    std::array<std::uint64_t, kGlobalRegisters.size()> secure_{};  ///< the secure copies: stored
};

}  // namespace xlate::iommu::smmuv2
