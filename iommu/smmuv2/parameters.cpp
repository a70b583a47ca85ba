#include "iommu/smmuv2/parameters.hpp"

#include <array>

#include "base/error.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

Features smmu_v1() {
    Features f;
    f.v2 = false;
    f.numsmrg = 32;
    f.numcb = 8;
    f.numirpt = 8;
    f.nums2cb = 0;
    f.numpagendxb = 2;
    f.ias = f.oas = 2;
    f.ubs = 0;
    f.ptfs_4k = f.ptfs_16k = f.ptfs_64k = f.vmid16s = 0;
    f.exids = 0;
    f.major = f.minor = 0;
    return f;
}

Features smmu_v2() {
    Features f;
    f.numsmrg = 64;
    f.numcb = 32;
    f.numirpt = 32;
    f.numpagendxb = 4;
    f.minor = 0;
    return f;
}

struct Preset {
    const char* name;
    Features (*make)();
};
constexpr std::array kPresets{
    Preset{"full", &full_features},
    Preset{"smmu-v1", &smmu_v1},
    Preset{"smmu-v2", &smmu_v2},
    Preset{"mmu-400-like", &mmu400_like},
    Preset{"mmu-401-like", &mmu401_like},
    Preset{"mmu-500-like", &mmu500_like},
    Preset{"qcom-smmu-500-like", &qcom_smmu500_like},
    Preset{"qcom-smmu-v2-like", &qcom_smmu_v2_like},
    Preset{"nvidia-smmu-500-like", &nvidia_smmu500_like},
    Preset{"marvell-smmu-500-like", &marvell_smmu500_like},
    Preset{"cavium-smmu-v2-like", &cavium_like},
};

}  // namespace

Features full_features() {
    Features f;
    f.exids = 1;
    return f;
}

Features mmu400_like() {
    Features f = smmu_v1();
    f.s1ts = f.nts = 0;
    f.nums2cb = f.numcb;
    f.atosns = 1;
    return f;
}

Features mmu401_like() {
    Features f = smmu_v1();
    f.nts = 0;
    f.s2ts = 0;
    f.atosns = 1;
    f.supplement_64k = true;
    f.ptfs_4k = f.ptfs_64k = 1;
    f.no_aarch32s = 1;  // Linux on Juno: "Supported page sizes: 0x60211000"
    return f;
}

Features mmu500_like() {
    Features f;
    f.numsidb = 15;
    f.atosns = 1;
    f.ptfs_16k = 0;
    return f;
}

Features qcom_smmu500_like() {
    Features f = mmu500_like();
    f.numcb = 80;
    f.numirpt = 80;
    f.numpagendxb = 6;
    f.ias = f.oas = address_code(36);
    f.nts = f.s2ts = 0;
    return f;
}

Features qcom_smmu_v2_like() {
    Features f = qcom_smmu500_like();
    f.numsmrg = 16;
    f.ubs = f.ias;
    f.atosns = 0;
    f.ptfs_16k = 1;
    return f;
}

Features nvidia_smmu500_like() {
    Features f = mmu500_like();
    f.numcb = 64;
    f.numirpt = 64;
    f.pagesize = 1;
    f.numpagendxb = 5;
    return f;
}

Features marvell_smmu500_like() {
    Features f = mmu500_like();
    f.numcb = 16;
    f.numirpt = 16;
    f.numpagendxb = 3;
    return f;
}

Features cavium_like() {
    Features f = mmu500_like();
    f.pagesize = 1;
    f.numpagendxb = 6;
    f.exids = 1;
    f.ptfs_16k = 1;
    f.no_aarch32s = 1;
    return f;
}

std::vector<std::string> preset_names() {
    std::vector<std::string> names;
    for (const Preset& row : kPresets) names.emplace_back(row.name);
    return names;
}

Features features_by_name(const std::string& preset) {
    for (const Preset& row : kPresets) {
        if (preset == row.name) return row.make();
    }
    const std::vector<std::string> names = preset_names();
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    Diagnostic finding;
    finding.what = "no SMMUv2 features are called '" + printable(preset) + "'";
    finding.expected = "expected one of " + list;
    finding.nearest = nearest_name(preset, names).value_or("");
    throw InputError(finding);
}

void fit_space(Features& f, std::uint64_t bytes) {
    // The large pages where small ones would need more than IDR1 can say.
    constexpr std::uint64_t kLargest = 2ULL * 256 * 0x1000;
    f.pagesize = bytes > kLargest ? 1 : 0;
    const std::uint64_t pages = bytes / (f.pagesize != 0 ? 0x10000 : 0x1000);
    if (!is_power_of_two(bytes) || pages < 4 || pages > 512) {
        Diagnostic finding;
        finding.what = "no SMMUv2 has " + std::to_string(bytes) + " bytes of registers";
        finding.expected = "expected a power of two, 16 KiB to 32 MiB";
        throw InputError(finding);
    }
    f.numpagendxb = static_cast<std::uint8_t>(log2_floor(pages) - 2);
    const std::uint64_t most = pages / 2 > 128 ? 128 : pages / 2;
    if (f.numcb > most) f.numcb = static_cast<std::uint8_t>(most);
    if (f.nums2cb > f.numcb) f.nums2cb = f.numcb;
}

void fit_interrupts(Features& f, unsigned context_interrupts) {
    if (context_interrupts == 0) return;
    const auto most = static_cast<std::uint8_t>(context_interrupts > 128 ? 128 : context_interrupts);
    f.numirpt = most;
    if (!f.v2) return;
    if (f.numcb > most) f.numcb = most;
    if (f.nums2cb > f.numcb) f.nums2cb = f.numcb;
}

}  // namespace xlate::iommu::smmuv2
