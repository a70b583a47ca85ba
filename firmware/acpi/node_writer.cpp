#include "firmware/acpi/node_writer.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/acpi/describe.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint64_t kBusBytes = 0x100000;  ///< of configuration space
constexpr unsigned kLastBus = 255;

[[noreturn]] void too_many(const Description& description, const char* what, std::size_t limit) {
    Diagnostic finding;
    finding.where.file = description.source;
    finding.what = fmt::format("more than {} {}", limit, what);
    throw InputError(std::move(finding), ExitStatus::limit);
}

}  // namespace

NodeWriter::NodeWriter(Description& description) : out_(description) {
    properties_.resize(out_.nodes.size());
    for (std::size_t i = 0; i < out_.nodes.size(); ++i) {
        paths_.insert(out_.nodes[i].path);
        for (const Property& property : out_.nodes[i].properties) {
            properties_[i].push_back({std::string(property.name), {property.bytes.begin(), property.bytes.end()}});
        }
    }
}

NodeIndex NodeWriter::add(Node node) {
    if (out_.nodes.size() >= kMaxNodes) too_many(out_, "devices", kMaxNodes);
    const NodeIndex at{static_cast<std::uint32_t>(out_.nodes.size())};
    if (!node.parent && !out_.nodes.empty()) node.parent = NodeIndex{0};
    if (node.path.empty()) {
        const std::string& above = node.parent ? out_.node(*node.parent).path : "";
        node.path = (above == "/" ? "" : above) + "/" + node.name;
    }
    if (!paths_.insert(node.path).second) paths_.insert(node.path += fmt::format("#{}", index(at)));
    if (node.parent) out_.nodes[index(*node.parent)].children.push_back(at);
    out_.nodes.push_back(std::move(node));
    return at;
}

void NodeWriter::text(NodeIndex node, const char* name, const std::string& value) {
    std::vector<std::uint8_t> bytes(value.begin(), value.end());
    bytes.push_back(0);
    put(node, name, std::move(bytes));
}

void NodeWriter::cells(NodeIndex node, const char* name, const std::vector<std::uint32_t>& values) {
    std::vector<std::uint8_t> bytes(4 * values.size());
    for (std::size_t i = 0; i < values.size(); ++i) store_be(bytes.data() + 4 * i, 4, values[i]);
    put(node, name, std::move(bytes));
}

void NodeWriter::flag(NodeIndex node, const char* name) { put(node, name, {}); }

void NodeWriter::put(NodeIndex node, const char* name, std::vector<std::uint8_t> bytes) {
    properties_.resize(out_.nodes.size());
    properties_[index(node)].push_back({name, std::move(bytes)});
}

NodeIndex NodeWriter::ensure_root(unsigned segment, unsigned bus) {
    std::size_t place = 0;
    for (const PciRootNode& root : out_.pci_roots) {
        if (root.segment == segment && root.bus == bus) return root.node;
        if (root.segment < segment || (root.segment == segment && root.bus > bus)) ++place;
    }
    return make_root(segment, bus, place);
}

NodeIndex NodeWriter::append_root(unsigned segment, unsigned bus) {
    for (const PciRootNode& root : out_.pci_roots) {
        if (root.segment == segment && root.bus == bus) return root.node;
    }
    return make_root(segment, bus, out_.pci_roots.size());
}

NodeIndex NodeWriter::make_root(unsigned segment, unsigned bus, std::size_t place) {
    if (out_.pci_roots.size() >= kMaxPciRoots) too_many(out_, "PCI root buses", kMaxPciRoots);
    Node node;
    node.name = pci_root_name(segment, bus);
    node.linux_name = node.name;
    node.compatible = {"PNP0A08"};
    node.address_cells = 3;
    node.size_cells = 2;
    bool ats = false;
    for (const PciRootNode& root : out_.pci_roots) {
        if (root.segment != segment) continue;
        const Node& sibling = out_.node(root.node);
        node.iommu_map = sibling.iommu_map;
        node.viot_map = sibling.viot_map;
        node.dma_coherent = sibling.dma_coherent;
        for (const Written& written : properties_[index(root.node)]) ats = ats || written.name == "ats-supported";
        break;
    }
    unsigned last = kLastBus;
    if (out_.tables) {
        for (const McfgSegment& space : out_.tables->mcfg) {
            if (space.segment != segment || bus < space.bus_start || bus > space.bus_end) continue;
            last = space.bus_end;
            const std::uint64_t base = space.base + bus * kBusBytes;
            node.regs.push_back({base, (last - bus + 1) * kBusBytes, base, "", 0});
            break;
        }
    }
    const NodeIndex at = add(std::move(node));
    properties_.resize(out_.nodes.size());
    text(at, "device_type", "pci");
    cells(at, "bus-range", {bus, last});
    cell(at, "linux,pci-domain", segment);
    if (ats) flag(at, "ats-supported");
    out_.pci_roots.insert(out_.pci_roots.begin() + static_cast<std::ptrdiff_t>(place), PciRootNode{at, segment, bus});
    return at;
}

void NodeWriter::finish() {
    auto raw = std::make_shared<Raw>();
    properties_.resize(out_.nodes.size());
    std::size_t bytes = 0;
    std::size_t count = 0;
    for (const auto& of_node : properties_) {
        count += of_node.size();
        for (const Written& one : of_node) bytes += one.name.size() + 1 + one.bytes.size();
    }
    raw->blob.reserve(bytes);  // views into it must stay
    raw->properties.reserve(count);
    for (std::size_t i = 0; i < properties_.size(); ++i) {
        const std::size_t first = raw->properties.size();
        for (const Written& one : properties_[i]) {
            Property property;
            const std::size_t name_at = raw->blob.size();
            raw->blob.insert(raw->blob.end(), one.name.begin(), one.name.end());
            raw->blob.push_back(0);
            property.offset = raw->blob.size();
            raw->blob.insert(raw->blob.end(), one.bytes.begin(), one.bytes.end());
            property.name = {reinterpret_cast<const char*>(raw->blob.data()) + name_at, one.name.size()};
            property.bytes = ByteView(raw->blob.data() + property.offset, one.bytes.size());
            raw->properties.push_back(property);
        }
        out_.nodes[i].properties = Span<Property>(raw->properties.data() + first, raw->properties.size() - first);
    }
    out_.raw = std::move(raw);
}

std::string pci_root_name(unsigned segment, unsigned bus) { return fmt::format("pci{:04x}:{:02x}", segment, bus); }

}  // namespace xlate::firmware::acpi
