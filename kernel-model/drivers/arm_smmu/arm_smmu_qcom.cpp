// Qualcomm's SMMUs: entries that the boot loader left, firmware that does not let streams fault or pass, clients that
// stay untranslated, a context bank kept for the GPU.
// Source: docs/spec/linux-findings.md, Qualcomm SMMU-500, facts 8 to 14a; Linux drivers/iommu/arm/arm-smmu/
// arm-smmu-qcom.c (6.1, 6.12). Not modelled: the GPU's own tables (TTBR1), its stalls, ACTLR by client.
#include <algorithm>
#include <array>

#include "base/bits.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_impl.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel::arm_smmu {

namespace smmu = iommu::smmuv2;
namespace gr0 = iommu::smmuv2::gr0;
namespace gr1 = iommu::smmuv2::gr1;
namespace cb = iommu::smmuv2::cb;
namespace s2cr = iommu::smmuv2::s2cr;

namespace {

/// No bank: what the driver writes with a type that has none.
constexpr unsigned kNoBank = 0xFF;
/// Firmware does not emulate the groups behind the architecture's 128.
constexpr unsigned kGroupsMax = 128;
constexpr unsigned kRelease612 = 612;

/// Identity whatever the default is, from a release on: 0 is every one that is modelled.
struct IdentityClient {
    const char* compatible;
    unsigned since = 0;
};
constexpr std::array kIdentityClients{
    IdentityClient{"qcom,adreno"},
    IdentityClient{"qcom,mdp4"},
    IdentityClient{"qcom,mdss"},
    IdentityClient{"qcom,sc7180-mdss"},
    IdentityClient{"qcom,sc7180-mss-pil"},
    IdentityClient{"qcom,sc7280-mdss"},
    IdentityClient{"qcom,sc7280-mss-pil"},
    IdentityClient{"qcom,sc8180x-mdss"},
    IdentityClient{"qcom,sm8250-mdss"},
    IdentityClient{"qcom,sdm845-mdss"},
    IdentityClient{"qcom,sdm845-mss-pil"},
    IdentityClient{"qcom,sc8280xp-mdss"},
    IdentityClient{"qcom,adreno-gmu", kRelease612},
    IdentityClient{"qcom,qcm2290-mdss", kRelease612},
    IdentityClient{"qcom,sdm670-mdss", kRelease612},
    IdentityClient{"qcom,sm6115-mdss", kRelease612},
    IdentityClient{"qcom,sm6350-mdss", kRelease612},
    IdentityClient{"qcom,sm6375-mdss", kRelease612},
    IdentityClient{"qcom,sm8150-mdss", kRelease612},
    IdentityClient{"qcom,x1e80100-mdss", kRelease612},
    IdentityClient{"qcom,sar2130p-mdss", 616},  // b3f3c493e963
    IdentityClient{"qcom,glymur-mdss", 619},    // 617937d4d553
};

enum class Kind : std::uint8_t { v2, smmu500, sdm845_smmu500, only_gpu };
struct Row {
    const char* compatible;
    Kind kind;
};
/// In the order in which the driver looks; a node's more special compatible stands first in it.
constexpr std::array kRows{
    Row{"qcom,msm8996-smmu-v2", Kind::only_gpu},
    Row{"qcom,msm8998-smmu-v2", Kind::v2},
    Row{"qcom,qcm2290-smmu-500", Kind::smmu500},
    Row{"qcom,qdu1000-smmu-500", Kind::smmu500},
    Row{"qcom,sc7180-smmu-500", Kind::smmu500},
    Row{"qcom,sc7180-smmu-v2", Kind::v2},
    Row{"qcom,sc7280-smmu-500", Kind::smmu500},
    Row{"qcom,sc8180x-smmu-500", Kind::smmu500},
    Row{"qcom,sc8280xp-smmu-500", Kind::smmu500},
    Row{"qcom,sdm630-smmu-v2", Kind::v2},
    Row{"qcom,sdm670-smmu-v2", Kind::v2},
    Row{"qcom,sdm845-smmu-v2", Kind::v2},
    Row{"qcom,sdm845-smmu-500", Kind::sdm845_smmu500},
    Row{"qcom,sm6115-smmu-500", Kind::smmu500},
    Row{"qcom,sm6125-smmu-500", Kind::smmu500},
    Row{"qcom,sm6350-smmu-v2", Kind::v2},
    Row{"qcom,sm6350-smmu-500", Kind::smmu500},
    Row{"qcom,sm6375-smmu-v2", Kind::v2},
    Row{"qcom,sm6375-smmu-500", Kind::smmu500},
    Row{"qcom,sm7150-smmu-v2", Kind::v2},
    Row{"qcom,sm8150-smmu-500", Kind::smmu500},
    Row{"qcom,sm8250-smmu-500", Kind::smmu500},
    Row{"qcom,sm8350-smmu-500", Kind::smmu500},
    Row{"qcom,sm8450-smmu-500", Kind::smmu500},
    Row{"qcom,smmu-500", Kind::smmu500},
};

/// The node's first compatible that the table knows.
const Row* find_row(const firmware::Node& node) {
    for (const std::string& compatible : node.compatible) {
        const auto row =
            std::find_if(kRows.begin(), kRows.end(), [&](const Row& one) { return compatible == one.compatible; });
        if (row != kRows.end()) return row;
    }
    return nullptr;
}

/// Some device is bound to the firmware's driver.
bool qcom_scm_is_available(const DriverCore& drivers) {
    for (const BusType* const bus : drivers.buses()) {
        for (const Ptr<Device> dev : bus->devices) {
            const Driver* const driver = dev ? dev->driver.read_once("QC1") : nullptr;
            if (driver != nullptr && driver->name == "qcom_scm") return true;
        }
    }
    return false;
}

class QcomImpl : public ArmSmmuImpl {
public:
    explicit QcomImpl(Kind the_kind) : kind_(the_kind) {}

    void init_context(ArmSmmuDevice&, ContextConfig& cfg, PgtableRequest&, Device&) override {
        cfg.flush_walk_prefer_tlbiasid = true;
    }
    int cfg_probe(ArmSmmuDevice& device) override {
        limit_banks(device);
        if (device.num_mapping_groups > kGroupsMax) {
            device.kernel().console.print(LogLevel::notice, device.prefix,
                                          "\tLimiting the stream matching groups to 128");
            device.num_mapping_groups = kGroupsMax;
        }
        detect_quirk(device);
        inherit_entries(device);
        return 0;
    }
    DomainType def_domain_type(ArmSmmuDevice& device, Device& dev) override {
        if (!dev.of_node) return DomainType::none;
        const firmware::Node& node = device.firmware.node(*dev.of_node);
        const unsigned release = device.kernel().variant.release;
        const bool known = std::any_of(kIdentityClients.begin(), kIdentityClients.end(), [&](const auto& client) {
            return release >= client.since && node.is_compatible(client.compatible);
        });
        return known ? DomainType::identity : DomainType::none;
    }
    void reset(ArmSmmuDevice& device) override {
        if (kind_ == Kind::v2) return;
        arm_mmu500_reset(device);
        // The call into firmware that would do it is not modelled: as if it were not supported.
        if (kind_ == Kind::sdm845_smmu500) {
            device.kernel().console.warn(device.prefix, "Failed to turn off SAFE logic");
        }
    }
    void write_s2cr(ArmSmmuDevice& device, unsigned index) override {
        const S2cr& entry = device.s2crs[index];
        std::uint64_t type = entry.type;
        unsigned bank = entry.cbndx;
        if (bypass_quirk_ && entry.type == s2cr::TYPE_BYPASS) {
            type = s2cr::TYPE_TRANS;  // through a bank that is off
            bank = bypass_cbndx_;
        } else if (bypass_quirk_ && entry.type == s2cr::TYPE_FAULT) {
            type = s2cr::TYPE_BYPASS;  // firmware makes a fault of it
            bank = kNoBank;
        }
        const std::uint64_t value = s2cr::TYPE.of(type) | s2cr::CBNDX.of(bank) | s2cr::PRIVCFG.of(entry.privcfg);
        device.gr0_write(gr0::S2CR(index), static_cast<std::uint32_t>(value));
    }

protected:
    const Kind kind_;

private:
    // Banks that read as implemented, and that the secure world keeps.
    static void limit_banks(ArmSmmuDevice& device) {
        unsigned& banks = device.num_context_banks;
        if (device.node.is_compatible("qcom,msm8998-smmu-v2") && banks == 13) {
            banks = 12;
        } else if (device.node.is_compatible("qcom,sdm630-smmu-v2") && device.kernel().variant.release >= kRelease612) {
            if (banks == 21) {
                banks = 7;
            } else if (banks == 14) {
                banks = 13;
            }
        }
    }
    // Some firmware ignores writes of type fault, and stores fault for bypass: seen at the last entry.
    void detect_quirk(ArmSmmuDevice& device) {
        const std::uint32_t last = gr0::S2CR(device.num_mapping_groups - 1);
        const std::uint64_t bypass =
            s2cr::TYPE.of(s2cr::TYPE_BYPASS) | s2cr::CBNDX.of(kNoBank) | s2cr::PRIVCFG.of(s2cr::PRIVCFG_DEFAULT);
        device.gr0_write(last, static_cast<std::uint32_t>(bypass));
        if (s2cr::TYPE.get(device.gr0_read(last)) == s2cr::TYPE_BYPASS) return;
        bypass_quirk_ = true;
        bypass_cbndx_ = device.num_context_banks - 1;
        device.context_map[bypass_cbndx_] = true;
        device.cb_write(bypass_cbndx_, cb::SCTLR, 0);
        const std::uint64_t attributes = smmu::cbar::TYPE.of(smmu::cbar::TYPE_S1_TRANS_S2_BYPASS);
        device.gr1_write(gr1::CBAR(bypass_cbndx_), static_cast<std::uint32_t>(attributes));
    }
    // What the boot loader left valid goes on passing until a device takes it over.
    static void inherit_entries(ArmSmmuDevice& device) {
        for (unsigned i = 0; i < device.num_mapping_groups; ++i) {
            const std::uint32_t entry = device.gr0_read(gr0::SMR(i));
            if (!smmu::smr::VALID.test(entry) || device.smrs.empty()) continue;
            device.smrs[i].id = static_cast<std::uint16_t>(smmu::smr::EXID.get(entry));
            device.smrs[i].mask = static_cast<std::uint16_t>(smmu::smr::MASK.get(entry));
            device.smrs[i].valid = true;
            device.s2crs[i].type = s2cr::TYPE_BYPASS;
            device.s2crs[i].privcfg = s2cr::PRIVCFG_DEFAULT;
            device.s2crs[i].cbndx = kNoBank;
        }
    }

    bool bypass_quirk_ = false;
    unsigned bypass_cbndx_ = 0;
};

/// In front of a GPU: bank 0 is the GPU's (stream 0), hits go on under a fault, no entries are inherited.
class AdrenoImpl final : public QcomImpl {
public:
    using QcomImpl::QcomImpl;
    int cfg_probe(ArmSmmuDevice& device) override {
        if (kind_ == Kind::smmu500 || device.kernel().variant.release < kRelease612) return 0;
        // 16K pages are announced by some, and do not work.
        device.features &= ~feature::kFmtAarch64_16k;
        if (device.node.is_compatible("qcom,sdm630-smmu-v2") && device.num_context_banks == 5) {
            device.num_context_banks = 2;
        }
        return 0;
    }
    void reset(ArmSmmuDevice& device) override {
        if (kind_ == Kind::smmu500) arm_mmu500_reset(device);
    }
    void write_s2cr(ArmSmmuDevice& device, unsigned index) override { ArmSmmuImpl::write_s2cr(device, index); }
    void write_sctlr(ArmSmmuDevice& device, unsigned bank, std::uint32_t value) override {
        device.cb_write(bank, cb::SCTLR, static_cast<std::uint32_t>(value | smmu::sctlr::HUPCF.mask()));
    }
    int alloc_context_bank(ArmSmmuDevice& device, Device& dev, unsigned) override {
        return is_gpu(dev) ? device.alloc_bank(0, 1) : device.alloc_bank(1, device.num_context_banks);
    }

private:
    static bool is_gpu(Device& dev) {
        const Ptr<DevIommu> param = dev.iommu.read("QC2");
        const Ptr<IommuFwspec> fwspec = param ? param->fwspec.read("QC2") : Ptr<IommuFwspec>{};
        if (!fwspec) return false;
        for (unsigned i = 0; i < fwspec->num_ids("QC2"); ++i) {
            if (smmu::smr::EXID.get(fwspec->id(i, "QC2")) == 0) return true;
        }
        return false;
    }
};

}  // namespace

int qcom_smmu_impl_init(ArmSmmuDevice& device, DriverCore& drivers) {
    const Row* const row = find_row(device.node);
    if (row == nullptr) return 0;
    const bool gpu = device.node.is_compatible("qcom,adreno-smmu");
    // msm8996 has too few banks for the quirk; sdm845's MMU-500 is not in front of a GPU.
    if (gpu ? row->kind == Kind::sdm845_smmu500 : row->kind == Kind::only_gpu) return 0;
    if (!qcom_scm_is_available(drivers)) {
        device.dev.deferred_reason = "arm-smmu: qcom_scm not ready";
        return -kEPROBE_DEFER;
    }
    if (gpu) {
        device.impl = std::make_unique<AdrenoImpl>(row->kind);
    } else {
        device.impl = std::make_unique<QcomImpl>(row->kind);
    }
    return 0;
}

}  // namespace xlate::kernel::arm_smmu
