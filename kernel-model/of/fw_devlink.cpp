#include "kernel-model/of/fw_devlink.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/bits.hpp"

namespace xlate::kernel {
namespace {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;
using firmware::Property;

/// A property of phandles, each followed by as many cells as the supplier's `cells` says (empty: none).
struct Binding {
    std::string_view name;
    std::string_view cells;
    bool optional = false;
};
constexpr std::array kBindings{
    Binding{"clocks", "#clock-cells"},
    Binding{"interconnects", "#interconnect-cells"},
    Binding{"iommus", "#iommu-cells", true},
    Binding{"mboxes", "#mbox-cells"},
    Binding{"io-channels", "#io-channel-cells"},
    Binding{"dmas", "#dma-cells", true},
    Binding{"power-domains", "#power-domain-cells"},
    Binding{"hwlocks", "#hwlock-cells"},
    Binding{"extcon", ""},
    Binding{"nvmem-cells", "#nvmem-cell-cells"},
    Binding{"phys", "#phy-cells"},
    Binding{"wakeup-parent", ""},
    Binding{"pinctrl-0", ""},
    Binding{"pinctrl-1", ""},
    Binding{"pinctrl-2", ""},
    Binding{"pinctrl-3", ""},
    Binding{"pwms", "#pwm-cells"},
    Binding{"resets", "#reset-cells"},
    Binding{"leds", ""},
    Binding{"backlight", ""},
    Binding{"panel", ""},
};
constexpr std::array<std::string_view, 3> kNeedNoDriver{"fixed-clock", "fixed-factor-clock", "fixed-mmio-clock"};

bool ends_with(std::string_view text, std::string_view end) {
    return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
}

/// The binding of a property; none if devices do not wait for what it names.
std::optional<Binding> binding_of(std::string_view name) {
    for (const Binding& binding : kBindings) {
        if (binding.name == name) return binding;
    }
    if (ends_with(name, "-supply")) return Binding{name, ""};
    if (ends_with(name, "-gpio") || ends_with(name, "-gpios")) return Binding{name, "#gpio-cells"};
    return std::nullopt;
}

class Finder {
public:
    Finder(const Description& description, NodeIndex consumer) : description_(description), consumer_(consumer) {}

    std::vector<Supplier> find() {
        const Node& node = description_.node(consumer_);
        for (const Property& property : node.properties) {
            if (property.name == "iommu-map") {
                map_rows(property);
            } else if (const auto binding = binding_of(property.name)) {
                list(property, *binding);
            }
        }
        return std::move(found_);
    }

private:
    void list(const Property& property, const Binding& binding) {
        const std::size_t cells = property.bytes.size() / 4;
        for (std::size_t i = 0; i < cells;) {
            const auto supplier = description_.find_phandle(cell(property, i++));
            if (!supplier) {
                if (binding.cells.empty()) continue;
                return;  // how many cells follow is not known
            }
            if (!binding.cells.empty()) i += description_.node(*supplier).u32(binding.cells).value_or(0);
            add(*supplier, property.name, binding.optional);
        }
    }

    void map_rows(const Property& property) {
        constexpr std::size_t kCellsOfRow = 4;
        for (std::size_t i = 1; i + 2 < property.bytes.size() / 4; i += kCellsOfRow) {
            if (const auto supplier = description_.find_phandle(cell(property, i))) add(*supplier, "iommu-map", true);
        }
    }

    static std::uint32_t cell(const Property& property, std::size_t i) {
        return static_cast<std::uint32_t>(load_be(property.bytes.data() + 4 * i, 4));
    }

    /// of_get_compat_node: a setting or an output is its device's.
    void add(NodeIndex supplier, std::string_view property, bool optional) {
        std::optional<NodeIndex> device = supplier;
        while (device && description_.node(*device).compatible.empty()) device = description_.node(*device).parent;
        if (!device || !description_.node(*device).parent) return;
        const Node& node = description_.node(*device);
        for (const std::string_view none : kNeedNoDriver) {
            if (node.is_compatible(none)) return;
        }
        if (!node.reachable) return;
        for (std::optional<NodeIndex> at = consumer_; at; at = description_.node(*at).parent) {
            if (at == device) return;
        }
        const bool known = std::any_of(found_.begin(), found_.end(), [&](const Supplier& other) {
            return other.node == *device && other.property == property;
        });
        if (!known) found_.push_back({*device, std::string(property), optional});
    }

    const Description& description_;
    const NodeIndex consumer_;
    std::vector<Supplier> found_;
};

}  // namespace

std::vector<Supplier> suppliers_of(const Description& description, NodeIndex consumer) {
    return Finder(description, consumer).find();
}

}  // namespace xlate::kernel
