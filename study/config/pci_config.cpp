#include "study/config/pci_config.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "kernel-model/pci/quirks.hpp"

namespace xlate::study {
namespace {

using kernel::PciFunction;
using kernel::PciKind;
using kernel::PciRoot;

PciKind kind_of(PciConfig::Kind kind) {
    switch (kind) {
        case PciConfig::Kind::endpoint:
            return PciKind::endpoint;
        case PciConfig::Kind::root_port:
            return PciKind::root_port;
        case PciConfig::Kind::switch_upstream:
            return PciKind::upstream_port;
        case PciConfig::Kind::switch_downstream:
            return PciKind::downstream_port;
        case PciConfig::Kind::pci_bridge:
            return PciKind::pci_bridge;
        case PciConfig::Kind::pcie_pci_bridge:
            return PciKind::pcie_to_pci_bridge;
        case PciConfig::Kind::host_bridge:
            return PciKind::host_bridge;
        case PciConfig::Kind::conventional:
            return PciKind::conventional;
        case PciConfig::Kind::pci_pcie_bridge:
            return PciKind::pci_to_pcie_bridge;
        case PciConfig::Kind::event_collector:
            return PciKind::event_collector;
    }
    return PciKind::endpoint;
}

/// What an ordinary device with this driver says about itself.
struct KnownDevice {
    const char* driver;        ///< as a config names it
    const char* linux_driver;  ///< that binds
    std::uint16_t vendor;
    std::uint16_t product;
    std::uint32_t class_code;
};
constexpr KnownDevice kKnownDevices[] = {
    {"nvme", "nvme", 0x1b36, 0x0010, 0x010802},
    {"e1000e", "e1000e", 0x8086, 0x10d3, 0x020000},
    {"virtio-net", "virtio-pci", 0x1af4, 0x1041, 0x020000},
    {"virtio-blk", "virtio-pci", 0x1af4, 0x1042, 0x010000},
    {"virtio-console", "virtio-pci", 0x1af4, 0x1043, 0x078000},
    {"virtio-rng", "virtio-pci", 0x1af4, 0x1044, 0x00ff00},
    {"virtio-balloon", "virtio-pci", 0x1af4, 0x1045, 0x00ff00},
    {"virtio-scsi", "virtio-pci", 0x1af4, 0x1048, 0x010000},
    {"virtio-gpu", "virtio-pci", 0x1af4, 0x1050, 0x038000},
};

class RootMaker {
public:
    RootMaker(const Config& config, yaml::Findings& findings) : config_(config), findings_(findings) {}

    PciFunction function(const PciConfig& from, const PciAddress& at, const std::string& path, bool conventional_bus) {
        PciFunction made;
        made.origin = origins_.size();
        origins_.push_back({&from, path});
        made.device = at.device;
        made.function = at.function;
        made.kind = kind_of(from.kind);
        if (conventional_bus && made.kind == PciKind::endpoint) made.kind = PciKind::conventional;
        made.hotplug = from.hotplug;
        made.ats = from.atc.shape.enabled;
        made.external_facing = from.external_facing;
        if (made.external_facing && made.kind != PciKind::root_port && made.kind != PciKind::downstream_port)
            add(path + ".external_facing", "only root ports and downstream ports of switches face the outside");
        made.pri = made.ats && from.atc.pri;
        made.pasid = from.pasid;
        if (made.pasid && made.kind != PciKind::endpoint) add(path + ".pasid", "only PCIe endpoints have it");
        if (made.ats && made.kind != PciKind::endpoint) add(path + ".atc", "only PCIe endpoints have one");
        if (from.acs == PciConfig::Acs::yes) made.acs_capability = kernel::kAcsIsolation;
        if (from.acs == PciConfig::Acs::no) made.acs_capability = 0;
        for (std::size_t i = 0; i < from.quirks.size(); ++i) {
            read_quirk(from.quirks[i], fmt::format("{}.quirks[{}]", path, i), made);
        }
        made.driver = from.driver;
        for (const KnownDevice& known : kKnownDevices) {
            if (from.driver != known.driver) continue;
            made.driver = known.linux_driver;
            made.vendor = known.vendor;
            made.product = known.product;
            made.class_code = known.class_code;
        }
        read_id(from, path, made);
        if (!from.below.empty() && !is_bridge(made.kind)) {
            add(path + ".below", "only ports and bridges have something below them");
            return made;
        }
        const bool conventional = made.kind == PciKind::pci_bridge || made.kind == PciKind::pcie_to_pci_bridge;
        for (std::size_t i = 0; i < from.below.size(); ++i) {
            const std::string below = fmt::format("{}.below[{}]", path, i);
            const auto seat = address(from.below[i], below, false);
            if (!seat) continue;
            if (seat->has_bus) {
                if (made.bus_behind != 0 && made.bus_behind != seat->bus)
                    add(below + ".slot",
                        fmt::format("bus {:02x}, and another one behind the same bridge is on bus {:02x}", seat->bus,
                                    made.bus_behind));
                made.bus_behind = seat->bus;
            }
            insert(made.below, function(from.below[i], *seat, below, conventional), below);
        }
        return made;
    }
    std::optional<PciAddress> address(const PciConfig& from, const std::string& path, bool on_root) {
        const Parsed<PciAddress> parsed = parse_pci_address(from.slot);
        if (!parsed) {
            add(from.slot.empty() ? path : path + ".slot", parsed.error());
            return std::nullopt;
        }
        if (!on_root && (parsed.value().has_domain || (parsed.value().has_bus && parsed.value().bus == 0)))
            add(path + ".slot", fmt::format("found '{}' behind a bridge", from.slot),
                "device.function such as '00.0', or bus:device.function such as '2d:00.0'");
        return parsed.value();
    }
    void insert(std::vector<PciFunction>& functions, PciFunction made, const std::string& path) {
        const auto key = [](const PciFunction& f) { return std::pair(f.device, f.function); };
        const auto place =
            std::find_if(functions.begin(), functions.end(), [&](const PciFunction& f) { return key(f) >= key(made); });
        if (place != functions.end() && key(*place) == key(made)) {
            add(path + ".slot", fmt::format("{:02x}.{} is taken already", made.device, made.function));
            return;
        }
        functions.insert(place, std::move(made));
    }

    /// Numbers that firmware has set rise in the order of the scan.
    void check_buses(const PciRoot& root) {
        unsigned last = root.bus;
        check_buses(root.functions, last);
    }

    std::vector<PciOrigin> take_origins() { return std::move(origins_); }

private:
    void add(const std::string& path, std::string what, std::string expected = {}) {
        findings_.add(Diagnostic{config_.where(path), path, std::move(what), std::move(expected), ""});
    }
    void check_buses(const std::vector<PciFunction>& functions, unsigned& last) {
        for (const PciFunction& function : functions) {
            if (!is_bridge(function.kind)) continue;
            if (function.bus_behind != 0 && function.bus_behind <= last) {
                add(origins_[function.origin].path + ".below[0].slot",
                    fmt::format("bus {:02x} is taken: the buses before it go up to {:02x}", function.bus_behind, last),
                    fmt::format("{:02x} or more", last + 1));
            }
            last = std::max(last + 1, function.bus_behind);
            check_buses(function.below, last);
        }
    }
    void read_quirk(const std::string& quirk, const std::string& path, PciFunction& made) {
        static const std::vector<std::string> kKnown{"no-alias", "alias-root", "alias 00.1",
                                                     "no-ats",   "isolated",   "not-isolated"};
        constexpr std::string_view kAlias = "alias ";
        if (quirk == "no-alias" || quirk == "alias-root") {
            if (!is_bridge(made.kind)) return add(path, fmt::format("'{}' is of bridges", quirk));
            (quirk == "no-alias" ? made.no_alias : made.alias_translation_root) = true;
        } else if (quirk == "no-ats") {
            made.no_ats = true;
        } else if (quirk == "isolated" || quirk == "not-isolated") {
            made.acs_quirk = quirk == "isolated";
        } else if (quirk.rfind(kAlias, 0) == 0) {
            const Parsed<PciAddress> other = parse_pci_address(quirk.substr(kAlias.size()));
            if (!other || other.value().has_bus) {
                return add(path, fmt::format("found '{}'", quirk), "device.function of the same bus: 'alias 00.1'");
            }
            made.alias_devfns.push_back(other.value().device << 3 | other.value().function);
        } else {
            findings_.add(Diagnostic{config_.where(path), path, fmt::format("there is no quirk '{}'", quirk),
                                     fmt::format("one of {}", fmt::join(kKnown, ", ")),
                                     nearest_name(quirk, kKnown).value_or("")});
        }
    }
    void read_id(const PciConfig& from, const std::string& path, PciFunction& made) {
        if (!from.id.empty()) {
            const std::size_t colon = from.id.find(':');
            const auto vendor = parse_hex(std::string_view(from.id).substr(0, colon), 0xFFFF);
            const auto product = colon == std::string::npos
                                     ? std::nullopt
                                     : parse_hex(std::string_view(from.id).substr(colon + 1), 0xFFFF);
            if (!vendor || !product)
                add(path + ".id", fmt::format("found '{}'", from.id), "vendor and device such as '1af4:1041'");
            made.vendor = static_cast<std::uint16_t>(vendor.value_or(0));
            made.product = static_cast<std::uint16_t>(product.value_or(0));
        }
        if (!from.device_class.empty()) {
            const Parsed<std::uint64_t> code = parse_integer(from.device_class);
            if (!code || code.value() > 0xFFFFFF) {
                add(path + ".class", fmt::format("found '{}'", from.device_class), "24 bits such as '0x020000'");
            } else {
                made.class_code = static_cast<std::uint32_t>(code.value());
            }
        }
    }

    const Config& config_;
    yaml::Findings& findings_;
    std::vector<PciOrigin> origins_;
};

/// Gives buses their numbers: a bus whole, then what is behind its bridges, depth first.
class Scan {
public:
    Scan(std::vector<PciSeat>& seats, unsigned release) : seats_(seats), release_(release) {}
    void root(const PciRoot& root) {
        host_ = root.host;
        domain_ = root.domain;
        last_bus_ = root.bus;
        bus(root.functions, root.bus, {});
    }

private:
    /// What the bridges above a bus do to the ids of those on it.
    struct Above {
        const PciFunction* bridge = nullptr;       ///< null: it is a root bus
        std::optional<std::size_t> seat;           ///< of the bridge
        std::optional<std::uint32_t> wire;         ///< the id that leaves instead; none: that of the function
        std::vector<std::uint32_t> linux_aliases;  ///< nearest bridge first
    };

    void bus(const std::vector<PciFunction>& functions, unsigned number, const Above& above) {
        const std::size_t first = seats_.size();
        for (const PciFunction& function : functions) {
            PciSeat seat;
            seat.name = fmt::format("{:04x}:{:02x}:{:02x}.{}", domain_, number, function.device, function.function);
            seat.own_id = id_of(function, number);
            seat.wire_id = above.wire.value_or(seat.own_id);
            seat.linux_ids = linux_ids(functions, function, number, above);
            seat.host = host_;
            seat.domain = domain_;
            seat.bridge = above.seat;
            seat.function = function;
            seat.function.below.clear();
            seats_.push_back(std::move(seat));
        }
        for (std::size_t i = 0; i < functions.size(); ++i) {
            if (!is_bridge(functions[i].kind)) continue;
            const unsigned behind = std::max(last_bus_ + 1, functions[i].bus_behind);
            last_bus_ = behind;
            Above next = behind_bridge(functions, functions[i], number, behind, above);
            next.seat = first + i;
            bus(functions[i].below, behind, next);
        }
    }

    static std::uint32_t id_of(const PciFunction& function, unsigned bus) {
        return bus << 8 | function.device << 3 | function.function;
    }

    /// As pci_for_each_dma_alias() goes: its own, those of quirks, those of bridges upwards; each once.
    std::vector<std::uint32_t> linux_ids(const std::vector<PciFunction>& functions, const PciFunction& function,
                                         unsigned number, const Above& above) const {
        const kernel::PciPlace place = kernel::place_on_bus(functions, function, above.bridge);
        std::vector<unsigned> quirks = kernel::with_quirks(function, place, {}, release_).alias_devfns;
        std::sort(quirks.begin(), quirks.end());
        std::vector<std::uint32_t> ids{id_of(function, number)};
        const auto add = [&](std::uint32_t id) {
            if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
        };
        for (const unsigned devfn : quirks) add(number << 8 | devfn);
        for (const std::uint32_t id : above.linux_aliases) add(id);
        return ids;
    }

    Above behind_bridge(const std::vector<PciFunction>& functions, const PciFunction& bridge, unsigned number,
                        unsigned behind, const Above& above) const {
        const kernel::PciPlace place = kernel::place_on_bus(functions, bridge, above.bridge);
        const std::uint32_t own = id_of(bridge, number);
        Above next;
        next.bridge = &bridge;
        next.wire = above.wire;  // the bridge nearest to the root speaks for what is behind it
        if (!next.wire) next.wire = kernel::alias_of_bridge(kernel::as_hardware_is(bridge, place), own, behind);
        const PciFunction known = kernel::with_quirks(bridge, place, {}, release_);
        if (known.alias_translation_root) return next;
        if (const auto alias = kernel::alias_of_bridge(known, own, behind)) next.linux_aliases.push_back(*alias);
        next.linux_aliases.insert(next.linux_aliases.end(), above.linux_aliases.begin(), above.linux_aliases.end());
        return next;
    }

    std::vector<PciSeat>& seats_;
    const unsigned release_;
    std::string host_;
    unsigned domain_ = 0;
    unsigned last_bus_ = 0;
};

}  // namespace

Parsed<PciAddress> parse_pci_address(const std::string& text) {
    const auto fail = [&] {
        return Parsed<PciAddress>::failure(
            fmt::format("found slot '{}'; expected bus:device.function such as '00:05.0', or device.function", text));
    };
    PciAddress address;
    std::vector<std::string> parts;
    std::string rest = text;
    for (std::size_t colon = rest.find(':'); colon != std::string::npos; colon = rest.find(':')) {
        parts.push_back(rest.substr(0, colon));
        rest = rest.substr(colon + 1);
    }
    const std::size_t dot = rest.find('.');
    const auto device = parse_hex(rest.substr(0, dot), 31);
    const auto function =
        dot == std::string::npos ? std::optional<std::uint64_t>(0) : parse_hex(rest.substr(dot + 1), 7);
    if (!device || !function || parts.size() > 2) return fail();
    address.device = static_cast<unsigned>(*device);
    address.function = static_cast<unsigned>(*function);
    if (!parts.empty()) {
        const auto bus = parse_hex(parts.back(), 255);
        const auto domain = parts.size() == 2 ? parse_hex(parts.front(), 0xFFFF) : std::optional<std::uint64_t>(0);
        if (!bus || !domain) return fail();
        address.bus = static_cast<unsigned>(*bus);
        address.domain = static_cast<unsigned>(*domain);
        address.has_bus = true;
        address.has_domain = parts.size() == 2;
    }
    return address;
}

std::vector<PciRoot> make_pci_roots(const Config& config, yaml::Findings& findings, std::vector<PciOrigin>* origins) {
    std::vector<PciRoot> roots;
    RootMaker maker(config, findings);
    for (std::size_t i = 0; i < config.soc.pci.size(); ++i) {
        const PciConfig& from = config.soc.pci[i];
        const std::string path = fmt::format("soc.pci[{}]", i);
        const auto at = maker.address(from, path, true);
        if (!at) continue;
        auto root = std::find_if(roots.begin(), roots.end(), [&](const PciRoot& known) {
            return known.host == from.host && known.domain == at->domain && known.bus == at->bus;
        });
        if (root == roots.end()) {
            roots.push_back({from.host, at->domain, at->bus, {}});
            root = roots.end() - 1;
        }
        maker.insert(root->functions, maker.function(from, *at, path, false), path);
    }
    for (const PciRoot& root : roots) maker.check_buses(root);
    if (origins != nullptr) *origins = maker.take_origins();
    return roots;
}

std::vector<PciSeat> seat_pci_functions(const std::vector<PciRoot>& roots, unsigned release) {
    std::vector<PciSeat> seats;
    Scan scan(seats, release);
    for (const PciRoot& root : roots) scan.root(root);
    return seats;
}

}  // namespace xlate::study
