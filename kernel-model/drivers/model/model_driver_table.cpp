// The rows of docs/spec/kernel-probe.md sections 5.1 and 5.2.
#include "kernel-model/drivers/model/model_driver.hpp"

namespace xlate::kernel {

namespace {

using Row = ModelDriverRow;
using Lookup = IommuOps::InstanceLookup;

std::vector<Row> make_rows() {
    std::vector<Row> rows;
    const auto add = [&](std::string_view name, std::string_view compatible, unsigned cells) -> Row& {
        Row row;
        row.name = name;
        row.compatible = compatible;
        row.cells = cells;
        rows.push_back(row);
        return rows.back();
    };
    {
        Row& row = add("arm-smmu-v3", "arm,smmu-v3", 1);
        row.refuses_priv = true;
        row.release_reads_fwspec = true;
        row.allocates_in_probe = true;
        row.owns_streams = true;
        row.id_limit_bits = 16;
        row.converted = true;
        row.nulls_priv = true;
        row.remark = "a real driver: arm_smmu_v3; this row is what it must store, check and return";
    }
    {
        Row& row = add("arm-smmu", "arm,mmu-500", 1);
        row.null_checks_instance = false;
        row.sets_data_after_register = true;
        row.release_reads_fwspec = true;
        row.allocates_in_probe = true;
        row.id_limit_bits = 15;
        row.stream_map = row.xlate_mask = true;
        row.entries = 128;
        row.frees_fwspec_on_error = true;
        row.nulls_priv = true;
        row.converted = true;
        row.remark = "a real driver: arm_smmu; this row is what it must store, check and return";
    }
    {
        Row& row = add("apple-dart", "apple,t8103-dart", 1);
        row.xlate_priv = Row::Priv::data_once;
        row.xlate_ids = false;
        row.max_instances = 2;
        row.checks_fwspec = false;
        row.checks_priv = true;
        row.lookup = Lookup::priv;
        row.id_limit_bits = 4;
        row.mixes_alike_only = true;
        row.remark = "a real driver: apple_dart; this row is what it must store, check and return";
        row.nulls_priv = true;
        row.group = Row::Group::streams;
    }
    {
        Row& row = add("omap-iommu", "ti,omap4-iommu", 0);
        row.of_xlate_since = 613;
        row.xlate_ids = false;
        row.checks_fwspec = false;
        row.lookup = Lookup::phandle;
        row.parses_in_probe = true;
        row.allocates_in_probe = true;
        row.group = Row::Group::single;
        row.default_domain = "identity";
        row.nulls_priv = true;
        row.unmanaged_only_6_1 = true;
    }
    {
        Row& row = add("tegra-smmu", "nvidia,tegra210-mc", 1);
        row.xlate_priv = Row::Priv::instance;
        row.checks_fwspec = false;
        row.checks_priv = true;
        row.lookup = Lookup::priv;
        row.parses_in_probe = true;
        row.attach_reads_ids = true;
        row.default_domain = "identity";
        row.frees_fwspec_on_error = true;
        row.unmanaged_only_6_1 = true;
        row.names_client = true;
        row.group = Row::Group::swgroups;
        row.remark = "a real driver: tegra; this row is what it must store, check and return";
    }
    {
        Row& row = add("virtio-iommu", "virtio,pci-iommu", 1);
        row.ready_before_walk = Cap::virtio_before_walk;
        row.allocates_in_probe = true;
        row.attach_reads_ids = true;
        row.converted = true;
        row.units = Row::Units::endpoints;
        row.finalize = Row::Finalize::dma_ops_without_arch_setup;
        row.remark = "the device offers PROBE";
    }
    for (const auto& [name, compatible] : {std::pair{"intel-iommu", "xlate,dmar-unit"}, {"amd-iommu", "xlate,ivhd"}}) {
        Row& row = add(name, compatible, 0);
        row.of_xlate_since = Row::kNever;
        row.xlate_ids = false;
        row.checks_fwspec = false;
        row.lookup = Lookup::table;
        row.finalize = Row::Finalize::dma_ops;
        row.nulls_priv = true;
        row.accepts_priv = row.name == "amd-iommu";
        row.allocates_in_probe = true;
        row.remark = "which unit covers a device is given; PASID tables and the quirks' domain types are not modelled";
    }
    {
        Row& row = add("rockchip-iommu", "rockchip,iommu", 0);
        row.ready_before_walk = Cap::drivers_before_walk;
        row.xlate_priv = Row::Priv::data_each;
        row.resets_domain = true;
        row.xlate_ids = false;
        row.checks_fwspec = false;
        row.checks_priv = true;
        row.lookup = Lookup::priv;
        row.group = Row::Group::single;
        row.remark = "a real driver: rockchip; this row is what it must store, check and return";
    }
    {
        Row& row = add("mtk-iommu", "mediatek,mt8173-m4u", 1);
        row.xlate_priv = Row::Priv::instance_once;
        row.uses_priv = true;
        row.lookup = Lookup::priv;
        row.attach_reads_ids = true;
        row.group = Row::Group::regions;
        row.units = Row::Units::larbs;
        row.entries = 8;
    }
    {
        Row& row = add("mtk-iommu-v1", "mediatek,mt2701-m4u", 1);
        row.of_xlate_since = Row::kNever;
        row.xlate_priv = Row::Priv::instance_once;
        row.checks_fwspec = false;
        row.lookup = Lookup::priv;
        row.parses_in_probe = true;
        row.frees_fwspec_first = true;
        row.unmanaged_only_6_1 = true;
        row.remark = "the shared ARM mapping is not modelled";
    }
    {
        Row& row = add("qcom-iommu", "qcom,msm-iommu-v1", 1);
        row.xlate_priv = Row::Priv::instance;
        row.one_instance = true;
        row.checks_fwspec = false;
        row.checks_priv = true;
        row.lookup = Lookup::priv;
        row.attach_reads_ids = true;
        row.units = Row::Units::banks;
        row.entries = 32;
    }
    {
        Row& row = add("exynos-sysmmu", "samsung,exynos-sysmmu", 0);
        row.xlate_priv = Row::Priv::data_once;
        row.xlate_ids = false;
        row.checks_fwspec = false;
        row.checks_priv = true;
        row.lookup = Lookup::priv;
        row.missing_instance = -kENODEV;
    }
    {
        Row& row = add("ipmmu-vmsa", "renesas,ipmmu-r8a7795", 1);
        row.ready_before_walk = Cap::drivers_before_walk;
        row.xlate_priv = Row::Priv::instance_once;
        row.checks_fwspec = false;
        row.checks_priv = true;
        row.lookup = Lookup::priv;
        row.attach_reads_ids = true;
        row.group = Row::Group::single_with_dma;
        row.allow_list = true;
    }
    {
        Row& row = add("msm-iommu", "qcom,apq8064-iommu", 1);
        row.xlate_ids = false;
        row.xlate_priv = Row::Priv::first_master;
        row.missing_instance = -kENODEV;
        row.unmanaged_only_6_1 = true;
        row.checks_fwspec = false;
        row.lookup = Lookup::list;
    }
    {
        Row& row = add("sun50i-iommu", "allwinner,sun50i-h6-iommu", 1);
        row.xlate_priv = Row::Priv::instance;
        row.checks_fwspec = false;
        row.checks_priv = true;
        row.lookup = Lookup::priv;
        row.group = Row::Group::single;
    }
    {
        Row& row = add("sprd-iommu", "sprd,iommu-v1", 0);
        row.xlate_priv = Row::Priv::instance_once;
        row.xlate_ids = false;
        row.uses_priv = true;
        row.lookup = Lookup::priv;
        row.group = Row::Group::single;
    }
    {
        Row& row = add("riscv-iommu", "riscv,iommu", 1);
        row.lookup = Lookup::bus;
        row.allocates_in_probe = true;
        row.attach_reads_ids = true;
        row.id_limit_bits = 24;
        row.remark = "a real driver: riscv_iommu, of 6.13; this row is what it must store, check and return";
    }
    {
        Row& row = add("vsi-iommu", "verisilicon,iommu-1.2", 0);
        row.xlate_ids = false;
        row.group = Row::Group::single;
        row.remark = "a real driver: vsi_iommu, of 7.2, which stores an id 0 besides; this row is what it must return";
    }
    {
        Row& row = add("bcm2712-iommu", "brcm,bcm2712-iommu", 0);
        row.xlate_priv = Row::Priv::instance;
        row.xlate_ids = false;
        row.checks_fwspec = false;
        row.checks_priv = true;
        row.lookup = Lookup::priv;
        row.nulls_priv = true;
        row.group = Row::Group::single;
        row.remark =
            "a real driver: bcm2712_iommu, Raspberry Pi's; without priv that one looks for the instance itself";
    }
    return rows;
}

}  // namespace

const std::vector<ModelDriverRow>& model_drivers() {
    static const std::vector<Row> rows = make_rows();
    return rows;
}

const ModelDriverRow* find_model_driver(std::string_view name) {
    for (const Row& row : model_drivers()) {
        if (row.name == name) return &row;
    }
    return nullptr;
}

}  // namespace xlate::kernel
