#include "kernel-model/drivers/standalone_parts.hpp"

#include <string>

#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/mediatek/mtk_iommu_v1.hpp"
#include "kernel-model/drivers/mediatek/mtk_smi.hpp"
#include "kernel-model/drivers/qcom/qcom_iommu.hpp"

namespace xlate::kernel {

namespace {

void add_interrupt(firmware::Node& node) { node.interrupts.emplace_back(); }

/// A child of the IOMMU's node, there if that is. May move the nodes.
void add_child(firmware::Description& description, firmware::NodeIndex node, firmware::Node child) {
    const firmware::Node& above = description.node(node);
    child.path = above.path + "/" + child.name;
    child.available = child.reachable = above.available;
    child.parent = node;
    description.nodes[firmware::index(node)].children.push_back(
        static_cast<firmware::NodeIndex>(description.nodes.size()));
    description.nodes.push_back(std::move(child));
}

constexpr std::uint8_t kSecureIdValue[] = {0, 0, 0, 17};
constexpr firmware::Property kSecureId{"qcom,iommu-secure-id", {kSecureIdValue, sizeof kSecureIdValue}, 0};
constexpr unsigned kQcomBanks = 3;
constexpr std::uint64_t kQcomBankBytes = 0x1000, kQcomBanksAt = 0x10000;

firmware::Reg qcom_bank(const firmware::Node& iommu, unsigned number) {
    firmware::Reg reg;
    reg.address = number * kQcomBankBytes;
    reg.size = kQcomBankBytes;
    reg.cpu_address = iommu.regs.front().address + kQcomBanksAt + reg.address;
    return reg;
}

constexpr std::uint64_t kSmiAt = 0x10000, kSmiBytes = 0x1000;
constexpr unsigned kLarbs = 3;
constexpr std::uint32_t kCommonPhandle = 0xF00, kLarbPhandle = 0xF01;
constexpr std::uint8_t kLarbsValue[] = {0, 0, 0x0F, 0x01, 0, 0, 0x0F, 0x02, 0, 0, 0x0F, 0x03},
                       kSmiValue[] = {0, 0, 0x0F, 0x00}, kBclk[] = "bclk", kSmiClocks[] = "apb\0smi\0async";
constexpr firmware::Property kM4uProperties[] = {{"mediatek,larbs", {kLarbsValue, sizeof kLarbsValue}, 0},
                                                 {"clock-names", {kBclk, sizeof kBclk}, 0}};
constexpr firmware::Property kLarbProperties[] = {{"mediatek,smi", {kSmiValue, sizeof kSmiValue}, 0},
                                                  {"clock-names", {kSmiClocks, sizeof kSmiClocks}, 0}};
constexpr firmware::Property kCommonProperties[] = {{"clock-names", {kSmiClocks, sizeof kSmiClocks}, 0}};

firmware::Reg smi_window(const firmware::Node& iommu, unsigned number) {
    firmware::Reg reg;
    reg.address = iommu.regs.front().address + kSmiAt + number * kSmiBytes;
    reg.size = kSmiBytes;
    reg.cpu_address = reg.address;
    return reg;
}

/// What is around it is there before it, with drivers.
class MtkV1OnBoard final : public MtkIommuV1Driver {
public:
    explicit MtkV1OnBoard(const StandaloneParts& parts)
        : MtkIommuV1Driver(parts.core, parts.platform, IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}},
                           [&arch = parts.arch]() -> ArchDma& { return arch; }),
          core_(parts.core),
          common_(parts.core.driver_core, parts.core.description, parts.platform, parts.power),
          larb_(parts.core.driver_core, parts.core.description, parts.platform, parts.power),
          populate_(parts.populate) {}
    int probe(Device& dev) override {
        if (!populated_) {
            populated_ = true;
            core_.driver_core.driver_register(common_);
            core_.driver_core.driver_register(larb_);
            populate_(dev);
        }
        return MtkIommuV1Driver::probe(dev);
    }

private:
    IommuCore& core_;
    MtkSmiCommonDriver common_;
    MtkSmiLarbDriver larb_;
    const std::function<void(Device&)> populate_;
    bool populated_ = false;
};

}  // namespace

void describe_qcom(firmware::Node& node) {
    node.properties = {&kSecureId, 1};
    for (unsigned bank = 1; bank <= kQcomBanks; ++bank) node.regs.push_back(qcom_bank(node, bank));
}

void surround_qcom(firmware::Description& description, firmware::NodeIndex node) {
    for (unsigned bank = 1; bank <= kQcomBanks; ++bank) {
        firmware::Node child;
        child.name = description.node(node).name + "-ctx" + std::to_string(bank);
        child.compatible = {"qcom,msm-iommu-v1-ns"};
        child.regs = {qcom_bank(description.node(node), bank)};
        add_interrupt(child);
        add_child(description, node, std::move(child));
    }
}

StandaloneDriver make_standalone_qcom(const StandaloneParts& parts) {
    auto driver = std::make_unique<QcomIommuDriver>(
        parts.core, parts.platform, IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}}, parts.populate);
    IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

void describe_mtk_v1(firmware::Node& node) {
    add_interrupt(node);
    node.properties = {kM4uProperties, std::size(kM4uProperties)};
    node.regs.push_back(smi_window(node, 0));
}

void surround_mtk_v1(firmware::Description& description, firmware::NodeIndex node) {
    firmware::Node common;
    common.name = description.node(node).name + "-smi";
    common.compatible = {"mediatek,mt2701-smi-common"};
    common.phandle = kCommonPhandle;
    common.properties = {kCommonProperties, std::size(kCommonProperties)};
    common.regs = {smi_window(description.node(node), 0)};
    add_child(description, node, std::move(common));
    for (unsigned i = 0; i < kLarbs; ++i) {
        firmware::Node larb;
        larb.name = description.node(node).name + "-larb" + std::to_string(i);
        larb.compatible = {"mediatek,mt2701-smi-larb"};
        larb.phandle = kLarbPhandle + i;
        larb.properties = {kLarbProperties, std::size(kLarbProperties)};
        larb.regs = {smi_window(description.node(node), 1 + i)};
        add_child(description, node, std::move(larb));
    }
}

StandaloneDriver make_standalone_mtk_v1(const StandaloneParts& parts) {
    auto driver = std::make_unique<MtkV1OnBoard>(parts);
    IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

}  // namespace xlate::kernel
