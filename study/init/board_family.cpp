#include "study/init/board_family.hpp"

namespace xlate::study {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

BoardFamily of_tree(std::string_view name, std::string_view title, std::string_view board, std::string_view device) {
    BoardFamily one;
    one.name = name;
    one.title = title;
    one.board = board;
    one.device = device;
    return one;
}
BoardFamily made(std::string_view name, std::string_view title, std::string_view generate, std::string_view kind) {
    BoardFamily one;
    one.name = name;
    one.title = title;
    one.generate = generate;
    one.kind = kind;
    if (generate == "acpi") one.device = "XLAT0001:00";
    one.pci = true;
    return one;
}

std::vector<BoardFamily> make() {
    std::vector<BoardFamily> all{made("smmuv3", "an SMMUv3", "devicetree", ""),
                                 made("virtio-iommu", "a virtio-iommu", "devicetree", "virtio-iommu"),
                                 made("vt-d", "an Intel VT-d unit", "acpi", "vt-d"),
                                 made("amd-vi", "an AMD-Vi unit", "acpi", "amd-vi"),
                                 of_tree("smmuv2", "an SMMUv2 (MMU-500)", "smmuv2.dtb", "a000000.video"),
                                 of_tree("riscv", "a RISC-V IOMMU", "riscv.dtb", "4000000.gpu"),
                                 of_tree("bcm2712", "a BCM2712 IOMMU", "bcm2712.dtb", "1000880000.isp"),
                                 of_tree("dart", "an Apple DART", "dart.dtb", "a000000.display"),
                                 of_tree("exynos", "an Exynos SysMMU", "exynos.dtb", "13800000.display"),
                                 of_tree("ipmmu", "a Renesas IPMMU", "ipmmu.dtb", "fe900000.codec"),
                                 of_tree("mediatek", "a MediaTek M4U", "mediatek.dtb", "16000000.codec"),
                                 of_tree("mediatek-v1", "a first MediaTek M4U", "mediatek_v1.dtb", "14007000.display"),
                                 of_tree("msm", "an APQ8064 IOMMU", "msm_v0.dtb", "5100000.display"),
                                 of_tree("omap", "an OMAP IOMMU", "omap.dtb", "480bc000.isp"),
                                 of_tree("qcom", "a Qualcomm msm-iommu", "msm-iommu.dtb", "1c00000.gpu"),
                                 of_tree("rockchip", "a Rockchip IOMMU", "rockchip.dtb", "ff900000.vop"),
                                 of_tree("sprd", "a Spreadtrum IOMMU", "sprd.dtb", "63100000.display"),
                                 of_tree("sun50i", "an Allwinner sun50i IOMMU", "sun50i.dtb", "1c0e000.video"),
                                 of_tree("tegra", "a Tegra SMMU", "tegra.dtb", "54200000.display"),
                                 of_tree("verisilicon", "a Verisilicon IOMMU", "verisilicon.dtb", "fdc70000.decoder")};
    for (BoardFamily& one : all) {
        if (one.name == "smmuv3") one.sized = "tbu.tlb.entries";
        if (one.name == "smmuv2" || one.name == "riscv") one.pci = true;
        if (one.name == "riscv") one.kernel = "arch: riscv, variant: mainline-6.15.1";
        if (one.name == "dart") one.iommu = "dart: { page_size: 4 KiB }";  // those of the kernel
        if (one.name == "mediatek-v1" || one.name == "omap") one.kernel = "variant: linux-6.1";
        if (one.name == "omap") one.kernel = "arch: arm, variant: linux-6.1";
        if (one.name == "tegra" || one.name == "msm") one.kernel = "arch: arm, variant: linux-6.12";
        if (one.name == "verisilicon") one.kernel = "variant: linux-7.2";
        one.arm32 = one.name == "omap" || one.name == "tegra" || one.name == "msm" || one.name == "mediatek-v1";
        if (one.name == "omap") one.sized = "tcu.walk_slots";  // its TLB has the size that it has
        if (one.kernel.empty()) one.kernel = "variant: linux-6.12";
    }
    return all;
}

}  // namespace

std::uint64_t BoardFamily::most_bytes() const { return made() ? 16384 * kMiB : 256 * kMiB; }

const std::vector<BoardFamily>& board_families() {
    static const std::vector<BoardFamily> all = make();
    return all;
}

const BoardFamily* find_board_family(std::string_view name) {
    for (const BoardFamily& family : board_families()) {
        if (family.name == name) return &family;
    }
    return nullptr;
}

}  // namespace xlate::study
