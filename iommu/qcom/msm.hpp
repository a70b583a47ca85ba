// Qualcomm's first IOMMU (APQ8064, MSM8960): context banks that walk VMSAv7 short descriptors, and M2VCBR, which leads
// a master's id (MID) to its bank. An SMMUv1's banks in all but their registers' places, so that iommu/smmuv2 does what
// a bank does: registers here are written there as an SMMU has them.
//   a bank off            its masters pass untranslated, as does everything while CR.CLIENTPD is set
//   ids                   from 0; those beyond kMostMids share the last (ours)
//   fault                 latched in FSR until software clears it; with ACTLR.CFCFG the access waits for RESUME, or
//                         for FSR.SS to be cleared, which ends it (ours: Linux's driver writes no RESUME)
//   V2P look-ups          PAR has the answer when the walk is done (machine `operation`)
//   TLBI*                 complete with the write; CTX_TLBIALL drops what all banks have (ours: one VMID)
// Register bank: one. Stored, without effect: remapping of memory types but PRRR and NMRR, shareability, bypass
// attributes, NSCFG, CBACR, test and debug registers, TLB locking, prefetching (BFBCR). Not modelled: the secure world,
// VMIDs. Source: iommu/qcom/layout_msm.hpp.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/qcom/banks.hpp"
#include "iommu/qcom/layout_msm.hpp"

namespace xlate::iommu::msm {

struct Parameters {
    unsigned banks = 2;                                 ///< firmware's qcom,ncb, 1..kMostBanks
    unsigned wires = 1;                                 ///< interrupts; contexts raise the first
    CacheParams tlb{true, 64, 4, Replacement::lru};     ///< estimate
    CacheParams level1{true, 16, 0, Replacement::lru};  ///< estimate
    std::uint64_t seed = 1;
    std::string name;
};

/// The data sheet.
const InstanceSpec& sheet();

class MsmIommu final : public qcom::ContextBanks {
public:
    explicit MsmIommu(const Parameters& parameters);

    const InstanceSpec& spec() const override { return sheet(); }
    void reset() override;
    std::uint64_t register_bytes(unsigned = 0) const override { return kRegisterBytes; }
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    unsigned wires() const override { return parameters_.wires; }
    std::optional<unsigned> take_wire() override;

private:
    std::uint32_t bank_word(unsigned bank, std::uint32_t offset) const;
    std::uint32_t smmu_word(unsigned bank, std::uint32_t offset) const;
    void set_smmu(unsigned bank, std::uint32_t offset, std::uint64_t value);
    void write_bank(unsigned bank, std::uint32_t offset, std::uint32_t value);
    void write_global(std::uint32_t offset, std::uint32_t value);
    void clear_faults(unsigned bank, std::uint32_t value);
    void update_control(unsigned bank);
    void map_mid(unsigned mid);
    std::uint32_t stored(std::uint64_t offset) const;

    const Parameters parameters_;
    std::map<std::uint64_t, std::uint32_t> words_;  ///< by offset: what is kept as it was written
};

}  // namespace xlate::iommu::msm
