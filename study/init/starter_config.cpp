#include "study/init/starter_config.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"
#include "study/init/starter_kernel.hpp"
#include "study/init/starter_text.hpp"

namespace xlate::study {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;

StarterConfig::StarterConfig(const Description& description, const std::vector<std::string>& firmware_paths,
                             const std::vector<std::string>& remarks)
    : in_(description), paths_(firmware_paths) {
    line("# A starter config for xlate. Everything has a default; a file says only what differs.");
    line("# `xlate config show FILE` lists every parameter with its sentence; quantities carry units.");
    for (const std::string& one : remarks) line("# " + one);
    firmware();
    out_ += "\nsoc:\n";
    iommus();
}

void StarterConfig::firmware() {
    if (in_.origin == Description::Origin::device_tree) {
        line(fmt::format("\nfirmware: {{ devicetree: {} }}", in_quotes(paths_.empty() ? in_.source : paths_.front())));
        return;
    }
    out_ += "\nfirmware:\n  acpi: [";
    for (std::size_t i = 0; i < paths_.size(); ++i) out_ += (i == 0 ? "" : ", ") + in_quotes(paths_[i]);
    line("]");
}

void StarterConfig::iommus() {
    line("  # clocks:       { system: 1 GHz }");
    line("  # memory:       { kind: dram, latency: 60 ns, bandwidth: 25.6 GB/s, banks: 16 }");
    bool any = false;
    for (const NodeIndex at : in_.providers()) {
        const Node& node = in_.node(at);
        if (!node.reachable) continue;
        if (!any) line("  # iommus:       # speeds and sizes of the IOMMUs that the firmware has");
        any = true;
        line(fmt::format("  #   {}: {{ tcu: {{ tlb: {{ entries: 2048, ways: 4 }} }} }}   # {}",
                         in_quotes(remark(node.path)), firmware::iommu_kind(node).family));
    }
}

void StarterConfig::functions(const std::vector<StarterFunction>& list) {
    const bool no_host = in_.nodes.size() > 1 && firmware::pci_hosts(in_).empty();
    if (no_host) {
        std::vector<std::string> models;
        for (const StarterFunction& function : list)
            models.push_back(!function.model.empty() ? function.model
                             : function.id.empty()   ? "the machine's own"
                                                     : function.id);
        line(fmt::format("  # note: the firmware has no PCI host bridge; left out: {}",
                         remark(fmt::format("{}", fmt::join(models, ", ")))));
    }
    if (no_host || list.empty()) {
        line("  pci: []");
        return;
    }
    line(
        "  pci:                                     # as it sits on the bus; what is behind a port or bridge hangs "
        "below it");
    for (const StarterFunction& function : list) {
        const std::string slot = fmt::format("{:02x}:{:02x}.{}", function.bus, function.device, function.function);
        const std::optional<unsigned> domain = domain_of(function);
        this->function(function, domain ? fmt::format("{:04x}:{}", *domain, slot) : slot, 4);
    }
}

/// Where the firmware has several host bridges, as expanders are its own: of the one for this root bus.
std::optional<unsigned> StarterConfig::domain_of(const StarterFunction& function) const {
    const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(in_);
    if (function.domain) return hosts.size() > 1 || *function.domain != 0 ? function.domain : std::nullopt;
    const auto own =
        std::find_if(hosts.begin(), hosts.end(), [&](const auto& one) { return one.first_bus == function.bus; });
    return hosts.size() > 1 && own != hosts.end() ? std::optional(own->domain) : std::nullopt;
}

void StarterConfig::function(const StarterFunction& function, const std::string& slot, std::size_t indent) {
    std::vector<std::string> fields{"slot: " + in_quotes(slot), "kind: " + function.kind};
    constexpr std::string_view kPlain[] = {"endpoint", "conventional", "host-bridge", "event-collector"};
    const bool plain = std::find(std::begin(kPlain), std::end(kPlain), function.kind) != std::end(kPlain);
    if (plain && !function.driver.empty()) fields.push_back("driver: " + function.driver);
    if (!function.id.empty()) fields.push_back("id: " + in_quotes(function.id));
    if (!function.id.empty()) fields.push_back("class: " + in_quotes(fmt::format("{:#08x}", function.class_code)));
    if (function.acs && (function.kind == "root-port" || *function.acs))
        fields.emplace_back(*function.acs ? "acs: true" : "acs: false");
    if (function.isolated) fields.emplace_back("quirks: [isolated]");
    if (!function.hotplug) fields.emplace_back("hotplug: false");
    if (function.pasid) fields.emplace_back("pasid: true");
    if (function.ats)
        fields.emplace_back(function.pri ? "atc: { enabled: true, pri: true }" : "atc: { enabled: true }");
    const std::string margin(indent, ' ');
    const std::string comment = function.model.empty() ? "" : "   # " + remark(function.model);
    out_ += margin + "- ";
    if (function.below.empty()) {
        line(fmt::format("{{ {} }}{}", fmt::join(fields, ", "), comment));
        return;
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
        line((i == 0 ? "" : margin + "  ") + fields[i] + (i == 0 ? comment : ""));
    }
    line(margin + "  below:");
    for (const StarterFunction& below : function.below) {
        const std::string bus = below.bus == 0 ? "" : fmt::format("{:02x}:", below.bus);
        this->function(below, fmt::format("{}{:02x}.{}", bus, below.device, below.function), indent + 4);
    }
}

void StarterConfig::no_functions() {
    for (const Node& node : in_.nodes) {
        if (!node.iommu_map || !node.reachable) continue;
        line(fmt::format("  # {} is a PCI host bridge; no firmware says what is plugged in:", remark(node.path)));
        line("  # pci:");
        line("  #   - { slot: \"00:01.0\", kind: endpoint, driver: nvme }");
        line(
            "  #   - { slot: \"00:05.0\", kind: root-port, below: [ { slot: \"00.0\", kind: endpoint, driver: "
            "virtio-net } ] }");
        break;
    }
    line("  payload: timing-only                     # full: the masters' data moves through simulated memory");
}

std::string StarterConfig::finish(std::string_view kernel) {
    out_ += kernel;
    line("\n# traffic:                               # default: a little of everything that is translated");
    const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(in_);
    const std::string function = hosts.empty()
                                     ? "0000:00:01.0"
                                     : firmware::pci_name(hosts.front().domain, hosts.front().first_bus << 8 | 1U << 3);
    line(
        fmt::format("#   - {{ device: \"{}\", pattern: random, read: 70%, size: 64 B, working_set: 16 MiB, "
                    "outstanding: 32, transfers: 100000 }}",
                    function));
    line("expect:");
    line("  - kernel.oops == 0");
    return std::move(out_);
}

std::string board_config(const Description& description, const std::vector<std::string>& firmware_paths) {
    StarterConfig config(description, firmware_paths, {});
    config.no_functions();
    return config.finish(plain_kernel());
}

}  // namespace xlate::study
