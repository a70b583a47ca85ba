#include "study/init/machine/found_functions.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/hex.hpp"
#include "study/init/qemu/qemu_pci.hpp"

namespace xlate::study {

std::optional<std::uint32_t> hex_at(std::string_view line, std::size_t at, std::size_t digits) {
    if (at > line.size() || line.size() - at < digits) return std::nullopt;
    return parse_hex(line.substr(at, digits), std::numeric_limits<std::uint32_t>::max());
}

std::optional<PciPlace> pci_place_of(std::string_view text, std::size_t& size) {
    constexpr std::size_t kShortest = 4, kLongest = 8;  // of a domain; a bus has 2 digits
    const std::size_t colon = text.find(':');
    const bool has_domain = colon != std::string_view::npos && colon >= kShortest && colon <= kLongest;
    const auto domain = has_domain ? hex_at(text, 0, colon) : std::optional<std::uint32_t>(0);
    const std::size_t at = has_domain ? colon + 1 : 0;
    const auto bus = hex_at(text, at, 2), device = hex_at(text, at + 3, 2), function = hex_at(text, at + 6, 1);
    if (!domain || !bus || !device || !function || text[at + 2] != ':' || text[at + 5] != '.' || *device > 0x1f ||
        *function > 7)
        return std::nullopt;
    size = at + 7;
    return PciPlace{std::uint64_t{*domain} << 16 | *bus << 8 | *device << 3 | *function};
}

FoundFunction* FoundFunctions::find(const PciPlace& place) {
    std::map<PciPlace, FoundFunction>& all = place.in_firmware() ? all_ : beyond_;
    const auto known = all.find(place);
    return known == all.end() ? nullptr : &known->second;
}

void FoundFunctions::set_buses(const PciPlace& place, FoundFunction& bridge, unsigned first, unsigned last) {
    if (first <= place.bus() || first > 0xff) return;
    bridge.first_bus = first;
    bridge.last_bus = std::clamp(last, first, 0xffU);
}

/// Which bridge leads to which bus: of several that name one, the first. Again is the same.
void FoundFunctions::connect() {
    for (const auto& [place, found] : all_) {
        if (found.first_bus == 0) continue;
        bridges_.emplace(std::uint64_t{place.domain()} << 8 | found.first_bus, place);
        std::bitset<256>& covered = covered_[place.domain()];
        for (unsigned bus = found.first_bus; bus <= found.last_bus; ++bus) covered.set(bus);
    }
}

bool FoundFunctions::is_root(const PciPlace& place) const {
    const auto covered = covered_.find(place.domain());
    return covered == covered_.end() || !covered->second[place.bus()];
}

std::vector<std::pair<PciPlace, const FoundFunction*>> FoundFunctions::behind_bridge(const PciPlace& bridge,
                                                                                     const FoundFunction& of) const {
    std::vector<std::pair<PciPlace, const FoundFunction*>> below;
    const auto leads = bridges_.find(std::uint64_t{bridge.domain()} << 8 | of.first_bus);
    if (of.first_bus == 0 || leads == bridges_.end() || leads->second.number != bridge.number) return below;
    const std::uint64_t bus = std::uint64_t{bridge.domain()} << 16 | of.first_bus << 8;
    for (auto at = all_.lower_bound(PciPlace{bus}); at != all_.end() && at->first.number - bus < 0x100; ++at)
        below.emplace_back(at->first, &at->second);
    return below;
}

std::string FoundFunctions::kind_of(const PciPlace& place, const FoundFunction& found) {
    constexpr std::uint32_t kHostBridge = 0x0600, kSubtractive = 0x060401;
    if (found.class_code >> 8 == kHostBridge) return "host-bridge";
    if (!found.kind.empty()) return found.kind;
    // Most of a root bus is (Intel's PCH); an integrated endpoint of Intel's would be alone in its group.
    if (!found.bridge) return is_root(place) ? "conventional" : "endpoint";
    if (const std::string_view model = qemu_bridge_kind(found.id); !model.empty()) return std::string(model);
    guessed_ = true;
    if (found.class_code == kSubtractive) return "pci-bridge";
    if (is_root(place)) return "root-port";
    const auto above = bridges_.find(std::uint64_t{place.domain()} << 8 | place.bus());
    if (above != bridges_.end() && kind_of(above->second, all_.at(above->second)) == "switch-upstream")
        return "switch-downstream";
    // Behind the port that leads into a switch there are ports alone.
    const auto below = behind_bridge(place, found);
    const bool ports = std::all_of(below.begin(), below.end(), [](const auto& one) { return one.second->bridge; });
    return ports ? "switch-upstream" : "pcie-pci-bridge";
}

StarterFunction FoundFunctions::function(const PciPlace& place, const FoundFunction& found) {
    ++placed_;
    StarterFunction one;
    one.domain = place.domain();
    one.bus = place.bus();
    one.device = place.device();
    one.function = place.function();
    one.kind = kind_of(place, found);
    one.id = found.id;
    one.class_code = found.class_code;
    one.acs = found.acs;
    one.ats = found.ats;
    one.pri = found.pri;
    one.pasid = found.pasid && one.kind == "endpoint";
    one.isolated = found.isolated;
    if (one.kind == "host-bridge") {
        one.driver = "none";
    } else if (!found.bridge) {
        one.driver = found.driver;
    }
    for (const auto& [at, below] : behind_bridge(place, found)) one.below.push_back(function(at, *below));
    return one;
}

/// Keeps the numbers of buses where they are not what a scan would give.
void FoundFunctions::number(std::vector<StarterFunction>& functions, unsigned& last) const {
    for (StarterFunction& one : functions) {
        const PciPlace place{std::uint64_t{*one.domain} << 16 | one.bus << 8 | one.device << 3 | one.function};
        if (!all_.at(place).bridge || one.kind == "host-bridge") continue;
        ++last;
        if (one.below.empty()) continue;
        const bool given = one.below.front().bus != last;
        last = one.below.front().bus;
        number(one.below, last);
        if (given) continue;
        for (StarterFunction& below : one.below) below.bus = 0;
    }
}

void FoundFunctions::infer_acs() {
    connect();
    for (auto& [place, found] : all_) {
        if (found.acs || found.isolated || !found.group) continue;
        const auto below = behind_bridge(place, found);
        const bool port = found.bridge && (is_root(place) || found.kind == "switch-downstream" || found.kind.empty());
        if (port && !below.empty() && below.front().second->group) {
            found.acs = below.front().second->group != found.group;
        } else {
            // Functions of one slot are together unless each has ACS.
            const std::uint64_t slot = place.number & ~std::uint64_t{7};
            bool others = false, shares = false;
            for (auto at = all_.lower_bound(PciPlace{slot}); at != all_.end() && at->first.number - slot < 8; ++at) {
                if (at->first.number == place.number || !at->second.group) continue;
                others = true;
                shares = shares || at->second.group == found.group;
            }
            if (others) found.acs = !shares;
        }
        inferred_ = inferred_ || found.acs.has_value();
    }
}

std::string FoundFunctions::beyond() const {
    constexpr std::size_t kMostNamed = 4;
    const auto name = [](const PciPlace& at) {
        return fmt::format("{:04x}:{:02x}:{:02x}.{}", at.domain(), at.bus(), at.device(), at.function());
    };
    std::vector<std::string> places, vmd;
    for (const auto& [place, found] : beyond_) {
        if (places.size() < kMostNamed) places.push_back(name(place));
    }
    for (const auto& [place, found] : all_) {
        if (found.driver == "vmd") vmd.push_back(name(place));
    }
    const std::string what = fmt::format("{} functions of domains beyond ffff are left out ({}{})", beyond_.size(),
                                         fmt::join(places, ", "), beyond_.size() > places.size() ? ", ..." : "");
    if (vmd.empty()) return what + ": no firmware has such a segment";
    return fmt::format(
        "{}: they are behind Intel's VMD ({}), whose requester id they send and whose group they are in; "
        "`traffic` of that function stands for theirs",
        what, fmt::join(vmd, " or "));
}

std::vector<StarterFunction> FoundFunctions::tree(const std::string& file, std::vector<std::string>& notes) {
    constexpr std::size_t kMost = 4096;
    if (all_.size() + beyond_.size() > kMost) {
        throw InputError(Diagnostic{{file, {}, {}, {}},
                                    "",
                                    fmt::format("{} PCI functions", all_.size() + beyond_.size()),
                                    fmt::format("{} at most", kMost),
                                    ""},
                         ExitStatus::limit);
    }
    connect();
    std::vector<StarterFunction> roots;
    for (const auto& [place, found] : all_) {
        if (is_root(place)) roots.push_back(function(place, found));
    }
    for (auto first = roots.begin(); first != roots.end();) {
        const auto end = std::find_if(first, roots.end(), [&](const StarterFunction& one) {
            return one.domain != first->domain || one.bus != first->bus;
        });
        std::vector<StarterFunction> bus(std::make_move_iterator(first), std::make_move_iterator(end));
        unsigned last = bus.front().bus;
        number(bus, last);
        first = std::move(bus.begin(), bus.end(), first);
    }
    if (placed_ < all_.size())
        notes.push_back(fmt::format("{} functions are left out: nothing says which bridge leads to their bus",
                                    all_.size() - placed_));
    if (!beyond_.empty()) notes.push_back(beyond());
    if (guessed_) notes.emplace_back("what kind its bridges are is not said: taken from what is behind each");
    if (inferred_)
        notes.emplace_back(
            "access control services (ACS) are those that Linux's groups show; "
            "whether by a capability or a quirk they do not");
    const bool silent = std::any_of(all_.begin(), all_.end(), [](const auto& one) {
        return one.second.bridge && !one.second.acs && !one.second.isolated;
    });
    if (silent)
        notes.emplace_back(
            "which ports have access control services (ACS) is not said of all: "
            "taken that root ports have them and others do not; "
            "'lspci -nnvv' of root says it (--lspci), or `acs: true` or `false` here");
    return roots;
}

}  // namespace xlate::study
