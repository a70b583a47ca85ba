#include "firmware/property_roles.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_functions.hpp"

namespace xlate::firmware {
namespace {

using Role = PropertyRole;
constexpr Role kActedOn = Role::acted_on;
constexpr Role kNotModelled = Role::not_modelled;
constexpr Role kIrrelevant = Role::irrelevant;

constexpr PropertyRow kRows[] = {
    // The tree itself
    {"#address-cells", kActedOn, ""},
    {"#size-cells", kActedOn, ""},
    {"compatible", kActedOn, ""},
    {"device_type", kActedOn, ""},
    {"phandle", kActedOn, ""},
    {"linux,phandle", kActedOn, ""},
    {"ibm,phandle", kActedOn, ""},
    {"reg", kActedOn, ""},
    {"reg-names", kActedOn, ""},
    {"bootargs", kActedOn, ""},
    {"ranges", kActedOn, ""},
    {"status", kActedOn, ""},
    {"secure-status", kNotModelled, "the secure world's own view of the node"},
    // Translation
    {"#iommu-cells", kActedOn, ""},
    {"iommus", kActedOn, ""},
    {"iommu-map", kActedOn, ""},
    {"iommu-map-mask", kActedOn, ""},
    {"iommu-names", kIrrelevant, ""},
    {"mmu-type", kIrrelevant, ""},
    {"mmu-masters", kActedOn, ""},
    {"#stream-id-cells", kActedOn, ""},
    {"stream-match-mask", kActedOn, ""},
    {"pasid-num-bits", kActedOn, ""},
    {"dma-can-stall", kActedOn, ""},
    {"ats-supported", kActedOn, ""},
    {"iommu-addresses", kActedOn, ""},
    {"memory-region", kActedOn, ""},
    {"memory-region-names", kIrrelevant, ""},
    {"#global-interrupts", kActedOn, ""},
    {"calxeda,smmu-secure-config-access", kNotModelled, "secure copies of the SMMU's registers"},
    {"hisilicon,broken-prefetch-cmd", kNotModelled, "the driver gives no CMD_PREFETCH_CONFIG anyway"},
    {"cavium,cn9900-broken-page1-regspace", kNotModelled, "registers of page 1 are taken to be in page 1"},
    {"nvidia,memory-controller", kNotModelled, "the memory controller's part in the SMMU's faults"},
    {"nvidia,cmdqv", kNotModelled, "Tegra241's virtual command queues"},
    {"qcom,stream-id-range", kNotModelled, "ids that the boot firmware sets up"},
    {"qcom,iommu-secure-id", kNotModelled, "calls of the secure firmware"},
    {"qcom,ctx-asid", kActedOn, ""},
    {"qcom,ncb", kActedOn, ""},
    {"brcm,iommu-cache", kActedOn, ""},
    {"cache", kActedOn, ""},
    {"dma-iova-offset", kActedOn, ""},
    {"rockchip,disable-mmu-reset", kActedOn, ""},
    {"renesas,ipmmu-main", kActedOn, ""},
    {"mediatek,larbs", kActedOn, ""},
    {"mediatek,larb", kIrrelevant, ""},  // the ids say it
    {"mediatek,larb-id", kActedOn, ""},
    {"mediatek,smi", kActedOn, ""},
    {"mediatek,infracfg", kNotModelled, "whether page tables may lie above 4 GiB"},
    {"mediatek,pericfg", kNotModelled, "where an infrastructure IOMMU is switched on"},
    {"ti,#tlb-entries", kActedOn, ""},
    {"ti,iommu-bus-err-back", kActedOn, ""},
    {"ti,syscon-mmuconfig", kNotModelled, "where the DSP's MMU is switched on: written, without effect"},
    {"samsung,sysmmu", kNotModelled, "the older binding of Exynos masters"},
    {"apple,dma-range", kNotModelled, "the IOVAs that a DART can translate"},
    // DMA
    {"dma-coherent", kActedOn, ""},
    {"dma-noncoherent", kActedOn, ""},
    {"dma-ranges", kActedOn, ""},
    {"interconnects", kActedOn, ""},
    {"interconnect-names", kActedOn, ""},
    {"#interconnect-cells", kActedOn, ""},
    {"dma-names", kIrrelevant, ""},  // channels of a DMA controller: its transactions, not the client's
    {"dmas", kIrrelevant, ""},
    {"#dma-cells", kIrrelevant, ""},
    {"dma-channels", kIrrelevant, ""},
    {"dma-requests", kIrrelevant, ""},
    {"dma-masters", kIrrelevant, ""},
    {"dma-channel-mask", kIrrelevant, ""},
    {"dma-maxburst", kIrrelevant, ""},
    {"dma-controller", kIrrelevant, ""},
    {"dma-router", kIrrelevant, ""},
    {"#dma-channels", kIrrelevant, ""},
    {"#dma-requests", kIrrelevant, ""},
    {"tx-dma-channel", kIrrelevant, ""},
    {"rx-dma-channel", kIrrelevant, ""},
    {"fsl,dma-queues", kIrrelevant, ""},
    {"fsl,dma-info", kIrrelevant, ""},
    {"fsl,sdma-*", kIrrelevant, ""},
    {"dma-info", kIrrelevant, ""},
    {"dma-*", kNotModelled, "not known here"},
    {"brcm,dma-channel-mask", kIrrelevant, ""},
    {"ti,dma-safe-map", kIrrelevant, ""},
    {"ti,edma-*", kIrrelevant, ""},
    {"snps,map-to-dma-channel", kIrrelevant, ""},
    {"mediatek,rdma-fifo-size", kIrrelevant, ""},
    {"samsung,idma-addr", kIrrelevant, ""},
    {"linux,dma-default", kNotModelled, "a pool that coherent memory of every device comes from"},
    {"mediatek,dma-33bits", kNotModelled, "addresses of 33 bits in the UARTs' DMA engine"},
    {"xlnx,addrwidth", kIrrelevant, ""},
    // PCI
    {"bus-range", kActedOn, ""},
    {"linux,pci-domain", kActedOn, ""},
    {"linux,pci-probe-only", kIrrelevant, ""},
    {"external-facing", kNotModelled,
     "whether Linux trusts what is behind the port: soc.pci[].external_facing says it"},
    {"msi-parent", kActedOn, ""},
    {"msi-map", kNotModelled, "messages of PCI functions: their interrupts are not simulated"},
    {"msi-map-mask", kNotModelled, "messages of PCI functions: their interrupts are not simulated"},
    {"msi-controller", kIrrelevant, ""},
    {"#msi-cells", kIrrelevant, ""},
    {"msi-ranges", kIrrelevant, ""},
    {"msi-*", kIrrelevant, ""},
    {"arm,msi-base-spi", kActedOn, ""},
    {"arm,msi-num-spis", kIrrelevant, ""},
    // Interrupts
    {"interrupts", kActedOn, ""},
    {"interrupts-extended", kActedOn, ""},
    {"interrupt-names", kActedOn, ""},
    {"interrupt-parent", kActedOn, ""},
    {"interrupt-controller", kIrrelevant, ""},
    {"#interrupt-cells", kActedOn, ""},
    {"interrupt-map*", kIrrelevant, ""},
    {"interrupt-*", kIrrelevant, ""},
    // Suppliers
    {"power-domains", kActedOn, ""},
    {"clocks", kActedOn, ""},
    {"resets", kActedOn, ""},
    {"*-supply", kIrrelevant, ""},
    {"power-domain-names", kIrrelevant, ""},
    {"clock-names", kIrrelevant, ""},
    {"reset-names", kIrrelevant, ""},
    {"assigned-clock*", kIrrelevant, ""},
    {"#reset-cells", kIrrelevant, ""},
    {"#clock-cells", kIrrelevant, ""},
    {"#power-domain-cells", kIrrelevant, ""},
    {"ti,hwmods", kIrrelevant, ""},
    {"label", kIrrelevant, ""},
    // Words that look like DMA and are not
    {"cache-*", kIrrelevant, ""},
    {"ti,irqs-reserved", kIrrelevant, ""},
    {"address-width", kIrrelevant, ""},
};

/// With one '*' at the end or the start of the pattern.
bool fits(std::string_view pattern, std::string_view name) {
    if (pattern == name) return true;
    if (pattern.empty() || name.size() < pattern.size() - 1) return false;
    if (pattern.back() == '*') return name.substr(0, pattern.size() - 1) == pattern.substr(0, pattern.size() - 1);
    if (pattern.front() == '*') return name.substr(name.size() - (pattern.size() - 1)) == pattern.substr(1);
    return false;
}

/// Nodes whose properties are names that somebody chose.
bool is_dictionary(const Node& node) {
    static constexpr std::string_view kNames[] = {"aliases", "__symbols__", "__fixups__", "__local_fixups__",
                                                  "__overrides__"};
    return std::find(std::begin(kNames), std::end(kNames), node.name) != std::end(kNames);
}

/// Masters without an IOMMU that Linux lets bounce all they move through a pool of their own: their `memory-region`
/// names one (drivers/of/device.c, of_dma_set_restricted_buffer()).
std::vector<NodeIndex> users_of_restricted_pools(const Description& description) {
    std::vector<std::uint32_t> pools;
    for (const Node& node : description.nodes) {
        if (node.reachable && node.phandle != 0 && node.is_compatible("restricted-dma-pool"))
            pools.push_back(node.phandle);
    }
    std::vector<NodeIndex> users;
    if (pools.empty()) return users;
    constexpr std::size_t kCell = 4;
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const Node& node = description.nodes[i];
        if (!node.reachable || node.has_iommus) continue;
        for (const Property& property : node.properties) {
            if (property.name != "memory-region") continue;
            bool one = false;
            for (std::size_t at = 0; at + kCell <= property.bytes.size(); at += kCell) {
                const auto cell = static_cast<std::uint32_t>(load_be(property.bytes.data() + at, kCell));
                one = one || std::find(pools.begin(), pools.end(), cell) != pools.end();
            }
            if (one) users.push_back(static_cast<NodeIndex>(i));
        }
    }
    return users;
}

/// What `msi-parent` of a host bridge is for: messages of its functions, as msi-map.
bool is_host_bridge(const Node& node) {
    const Property* const type = node.property("device_type");
    constexpr std::string_view kPci("pci\0", 4);
    return type != nullptr && type->bytes.size() == kPci.size() &&
           std::equal(kPci.begin(), kPci.end(), type->bytes.begin(),
                      [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

bool is_concerned(const Node& node) { return is_iommu(node) || node.has_iommus || node.iommu_map || node.viot_map; }

}  // namespace

const PropertyRow* property_row(std::string_view name) {
    for (const PropertyRow& row : kRows) {
        if (fits(row.name, name)) return &row;
    }
    return nullptr;
}

Span<PropertyRow> property_rows() { return {kRows, std::size(kRows)}; }

bool speaks_of_dma(std::string_view name) {
    static constexpr std::string_view kWords[] = {"iommu", "smmu", "iova",   "pasid",         "stream-id", "streamid",
                                                  "tlb",   "dma-", "msi-",   "memory-region", "coherent",  "mmu-",
                                                  "-mmu",  "ats-", "sysmmu", "translat"};
    return std::any_of(std::begin(kWords), std::end(kWords),
                       [&](std::string_view word) { return name.find(word) != std::string_view::npos; });
}

std::vector<UnmodelledProperty> unmodelled_properties(const Description& description) {
    struct Known {
        const PropertyRow* row;
        bool speaks;
    };
    std::unordered_map<std::string_view, Known> names;  // asked, never walked: its order shows nowhere
    const auto look_up = [&](std::string_view name) -> const Known& {
        const auto found = names.find(name);
        if (found != names.end()) return found->second;
        return names.emplace(name, Known{property_row(name), speaks_of_dma(name)}).first->second;
    };
    std::map<std::string_view, UnmodelledProperty> found;
    constexpr const char* kMessagesOfObjects = "messages of DPAA2 objects: their interrupts are not simulated";
    constexpr const char* kMessagesOfBoth =
        "messages of PCI functions and of DPAA2 objects: their interrupts are not simulated";
    bool functions = false, objects = false;  // whose messages an msi-parent was for
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const Node& node = description.nodes[i];
        if (!node.reachable || is_dictionary(node) || (node.parent && is_dictionary(description.node(*node.parent))))
            continue;
        const bool concerned = is_concerned(node);
        const bool provider = is_iommu(node);
        for (const Property& property : node.properties) {
            const bool of_functions = property.name == "msi-parent" && concerned && is_host_bridge(node);
            const bool of_objects = property.name == "msi-parent" && concerned && is_management_complex(node);
            const auto& [row, speaks] = look_up(of_functions || of_objects ? "msi-map" : property.name);
            const bool unknown = row == nullptr && (provider || speaks);
            const bool not_modelled = row != nullptr && row->role == Role::not_modelled && concerned;
            if (!unknown && !not_modelled) continue;
            UnmodelledProperty& one = found[property.name];
            one.name = property.name;
            one.what = row != nullptr ? std::string(row->sentence) : "not known here";
            if (of_objects) one.what = kMessagesOfObjects;
            if (property.name == "msi-parent") {
                functions = functions || of_functions;
                objects = objects || of_objects;
                if (functions && objects) one.what = kMessagesOfBoth;
            }
            one.nodes.push_back(static_cast<NodeIndex>(i));
        }
    }
    std::vector<NodeIndex> bounced = users_of_restricted_pools(description);
    if (!bounced.empty()) {
        UnmodelledProperty& one = found["restricted-dma-pool"];
        one.name = "restricted-dma-pool";
        one.what = "Linux copies all that the device moves through that pool; here it moves directly";
        one.nodes = std::move(bounced);
    }
    std::vector<UnmodelledProperty> all;
    for (auto& [name, one] : found) all.push_back(std::move(one));
    return all;
}

}  // namespace xlate::firmware
