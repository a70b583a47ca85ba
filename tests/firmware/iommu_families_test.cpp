#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "firmware/device_name.hpp"
#include "firmware/iommu_families.hpp"
#include "tests/places.hpp"

using namespace xlate::firmware;

namespace {

Node provider(std::vector<std::string> compatible) {
    Node node;
    node.compatible = std::move(compatible);
    node.iommu_cells = 1;
    return node;
}

}  // namespace

TEST_CASE("each compatible and each table entry stands in one row") {
    std::set<std::string_view> names;
    std::set<std::string_view> entries;
    for (const IommuKind& kind : iommu_kinds()) {
        CHECK(names.insert(kind.compatible).second);
        if (!kind.table.empty()) CHECK(entries.insert(kind.table).second);
        CHECK_FALSE(kind.family.empty());
        CHECK_FALSE(kind.title.empty());
        CHECK_FALSE(kind.driver.empty());
    }
}

TEST_CASE("the family of a board's IOMMU is that of Linux's match table") {
    // Nodes as they stand in Debian's device trees; drivers: Linux drivers/iommu, arm_smmu_of_match and others.
    const auto family = [](std::vector<std::string> names) { return iommu_kind(provider(std::move(names))).family; };
    CHECK(family({"arm,smmu-v3"}) == "smmuv3");
    CHECK(family({"arm,mmu-401", "arm,smmu-v1"}) == "smmuv1");
    CHECK(family({"arm,mmu-401"}) == "smmuv1");
    CHECK(family({"arm,mmu-500"}) == "smmuv2");
    CHECK(family({"qcom,sdm845-smmu-v2", "qcom,adreno-smmu", "qcom,smmu-v2"}) == "smmuv2");
    CHECK(family({"qcom,sm8550-smmu-500", "qcom,smmu-500", "arm,mmu-500"}) == "smmuv2");
    CHECK(family({"nvidia,tegra194-smmu", "nvidia,smmu-500"}) == "smmuv2");
    CHECK(family({"marvell,ap806-smmu-500", "arm,mmu-500"}) == "smmuv2");
    CHECK(family({"qcom,msm8916-iommu", "qcom,msm-iommu-v1"}) == "qcom");
    CHECK(family({"qcom,apq8064-iommu"}) == "msm");
    CHECK(family({"rockchip,rk3588-iommu", "rockchip,rk3568-iommu"}) == "rockchip");
    CHECK(family({"rockchip,rk3588-av1-iommu", "verisilicon,iommu-1.2"}) == "verisilicon");
    CHECK(family({"apple,t8112-dart", "apple,t8110-dart"}) == "dart");
    CHECK(family({"ti,dra7-dsp-iommu"}) == "omap");
    CHECK(family({"nvidia,tegra124-mc"}) == "tegra");
    CHECK(family({"samsung,exynos-sysmmu"}) == "exynos");
    CHECK(family({"mediatek,mt7623-m4u", "mediatek,mt2701-m4u"}) == "mediatek-v1");
    CHECK(family({"mediatek,mt8195-iommu-infra"}) == "mediatek");
    CHECK(family({"renesas,ipmmu-r8a7795"}) == "ipmmu");
    CHECK(family({"renesas,ipmmu-r8a779g0", "renesas,rcar-gen4-ipmmu-vmsa"}) == "ipmmu");
    CHECK(family({"allwinner,sun50i-h616-iommu"}) == "sun50i");
    CHECK(family({"sprd,iommu-v1"}) == "sprd");
    CHECK(family({"qemu,riscv-iommu", "riscv,iommu"}) == "riscv");
    CHECK(family({"pci1efd,edf1", "riscv,pci-iommu"}) == "riscv");
    CHECK(family({"virtio,pci-iommu", "pci1af4,1057"}) == "virtio-iommu");
    CHECK(family({"brcm,bcm2712-iommu"}) == "bcm2712");
    CHECK(family({"vendor,unknown-iommu"}) == "unknown");
    CHECK(family({}) == "unknown");
}

TEST_CASE("a name of a vendor's manner says the family, but no driver binds by it") {
    const Node node = provider({"qcom,sm9999-smmu-500"});
    CHECK(iommu_kind(node).family == "smmuv2");
    CHECK(iommu_kind(node).compatible.empty());
    CHECK_FALSE(binds_to("arm-smmu", node));
    CHECK(binds_to("arm-smmu", provider({"qcom,sm8550-smmu-500", "arm,mmu-500"})));
    Node counters;
    counters.compatible = {"arm,smmu-v3-pmcg"};
    CHECK(iommu_kind(counters).family == "unknown");
}

TEST_CASE("an entry of an ACPI table is the row that a device tree's compatible would be") {
    CHECK(iommu_kind_of_table("IORT SMMUv3")->compatible == "arm,smmu-v3");
    CHECK(iommu_kind_of_table("IORT SMMU 3")->compatible == "arm,mmu-500");
    CHECK(iommu_kind_of_table("IORT SMMU 5")->compatible == "cavium,smmu-v2");
    CHECK(iommu_kind_of_table("IORT SMMU 6") == nullptr);
    CHECK(iommu_kind_of_table("") == nullptr);
    CHECK(iommu_kind_of_table("DMAR DRHD")->family == "vt-d");
}

TEST_CASE("cells become ids as the driver reads them") {
    const Node v3 = provider({"arm,smmu-v3"});
    CHECK(stream_of(v3, {0x12345}) == StreamMatch{0x12345, 0});
    const Node v2 = provider({"arm,mmu-500"});
    CHECK(stream_of(v2, {0x12345}) == StreamMatch{0x2345, 0});
    CHECK(stream_of(v2, {0x800, 0x7f}) == StreamMatch{0x800, 0x7f});
    CHECK_FALSE(stream_of(provider({"rockchip,iommu"}), {}));
    CHECK_FALSE(stream_of(v3, {}));
    // What Linux's fwspec has of an SMMUv2's pair: mask << 16 | id.
    CHECK(id_text(IdCells::id_and_mask, 0x74000) == "0x4000 mask 0x7");
    CHECK(id_text(IdCells::id_and_mask, 0x4010) == "0x4010");
    CHECK(id_text(IdCells::id, 0x74000) == "0x74000");
}

TEST_CASE("a cache names the IOMMU behind it, and context banks are children") {
    const auto board = [](const std::string& name) {
        return read_device_tree(read_file(std::string(xlate::tests::binary_dir()) + "/boards/" + name), name);
    };
    const Description renesas = board("ipmmu.dtb");
    const auto root = renesas.find_path("/iommu@e67b0000"), cache = renesas.find_path("/iommu@febd0000");
    REQUIRE(root);
    REQUIRE(cache);
    CHECK(main_iommu(renesas, *cache) == root);
    CHECK_FALSE(main_iommu(renesas, *root));
    CHECK(iommu_parts(renesas, *cache).empty());

    const Description qcom = board("msm-iommu.dtb");
    const auto iommu = qcom.find_path("/iommu@1ef0000");
    REQUIRE(iommu);
    const std::vector<NodeIndex> parts = iommu_parts(qcom, *iommu);
    REQUIRE(parts.size() == 4);
    CHECK(qcom.node(parts[3]).path == "/iommu@1ef0000/iommu-ctx@5000");
    CHECK(qcom.node(parts[3]).regs.front().cpu_address == 0x1e25000);
    CHECK_FALSE(main_iommu(qcom, *iommu));
}
