#include "firmware/acpi/dmar.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "firmware/acpi/x86_units.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint64_t kFirst = 48;
constexpr std::uint64_t kStructureHeader = 4;
constexpr std::uint64_t kScopeHeader = 6;
constexpr unsigned kLeastWidth = 12;  ///< bits of an address: a page at least
constexpr std::uint64_t kPageBytes = 4096;
constexpr std::array<std::uint16_t, 7> kLeast{16, 24, 8, 20, 8, 8, 8};  ///< by type: the fixed part

class DmarReader {
public:
    DmarReader(const Table& table, std::vector<Oddity>& oddities) : in_(table, oddities) {}

    Dmar read() {
        dmar_.host_address_width = in_.u8(36, "its host address width") + 1U;
        dmar_.flags = in_.u8(37, "its flags");
        if (in_.size() < kFirst) in_.u64(40, "its header");
        if (dmar_.host_address_width < kLeastWidth) {
            in_.note(36, fmt::format("a host address width of {} bits: Linux takes the table for invalid",
                                     dmar_.host_address_width));
        }
        std::uint64_t at = kFirst;
        while (at < in_.size()) {
            if (!in_.holds(at, kStructureHeader)) {
                in_.fail(at, fmt::format("{} bytes are left, too few for a structure", in_.size() - at), "4 or none");
            }
            const std::uint64_t length = in_.u16(at + 2, "a structure");
            if (length < kStructureHeader || !in_.holds(at, length)) {
                in_.fail(at + 2, fmt::format("a structure is {} bytes long", length),
                         fmt::format("4 to {}", in_.size() - at));
            }
            read_structure(at, static_cast<std::uint16_t>(length));
            at += length;
        }
        check();
        return std::move(dmar_);
    }

private:
    void read_structure(std::uint64_t at, std::uint16_t length) {
        DmarStructure& one = dmar_.structures.emplace_back();
        one.offset = at;
        one.type = in_.u16(at, "a structure");
        one.length = length;
        if (one.type >= kLeast.size()) {
            return in_.note(at, fmt::format("structure of type {}: not known, passed over", one.type));
        }
        if (length < kLeast[one.type]) {
            return in_.note(at + 2,
                            fmt::format("a structure of type {} is {} bytes long, too short for its fields ({}); "
                                        "it is passed over",
                                        dmar_type_name(one.type), length, kLeast[one.type]));
        }
        const std::uint16_t segment = length >= 8 ? in_.u16(at + 6, "a structure") : std::uint16_t{0};
        switch (static_cast<DmarType>(one.type)) {
            case DmarType::drhd: {
                Drhd unit;
                unit.flags = in_.u8(at + 4, "a unit");
                unit.size = in_.u8(at + 5, "a unit");
                unit.segment = segment;
                unit.base = in_.u64(at + 8, "a unit");
                unit.scopes = scopes(one, 16);
                if (unit.base == 0) in_.note(at + 8, "a remapping unit at address 0: Linux reports it as broken");
                one.body = std::move(unit);
                break;
            }
            case DmarType::rmrr: {
                Rmrr region;
                region.segment = segment;
                region.base = in_.u64(at + 8, "a region");
                region.end = in_.u64(at + 16, "a region");
                region.scopes = scopes(one, 24);
                check(region, at);
                one.body = std::move(region);
                break;
            }
            case DmarType::atsr:
                one.body = Atsr{in_.u8(at + 4, "a structure"), segment, scopes(one, 8)};
                break;
            case DmarType::rhsa:
                one.body = Rhsa{in_.u64(at + 8, "an affinity"), in_.u32(at + 16, "an affinity")};
                break;
            case DmarType::andd: {
                Andd device;
                device.device_number = in_.u8(at + 7, "a namespace device");
                bool terminated = false;
                device.name = in_.text(at + 8, at + std::min<std::uint64_t>(length, 8 + kMaxNameBytes), terminated);
                if (!terminated) in_.note(at + 8, "the name of a namespace device is not terminated in its structure");
                one.body = std::move(device);
                break;
            }
            case DmarType::satc:
                one.body = Satc{in_.u8(at + 4, "a structure"), segment, scopes(one, 8)};
                break;
            case DmarType::sidp:
                one.body = Sidp{segment, scopes(one, 8)};
                break;
        }
    }

    std::vector<DeviceScope> scopes(const DmarStructure& of, std::uint64_t from) {
        std::vector<DeviceScope> list;
        const std::uint64_t end = of.offset + of.length;
        for (std::uint64_t at = of.offset + from; at < end;) {
            const std::uint64_t left = end - at;
            const std::uint64_t length = left >= kScopeHeader ? in_.u8(at + 1, "a device scope") : 0;
            if (left < kScopeHeader || length < kScopeHeader || length > left) {
                in_.note(at, fmt::format("a device scope of the {} at {:#x} does not fit ({} bytes of {}); the rest of "
                                         "the list is ignored",
                                         dmar_type_name(of.type), of.offset, length, left));
                break;
            }
            DeviceScope scope;
            scope.offset = at;
            scope.type = in_.u8(at, "a device scope");
            if (scope.type == 0 || scope.type > static_cast<std::uint8_t>(ScopeType::acpi_device)) {
                in_.note(at, fmt::format("a device scope of type {}: Linux warns of it and ignores it", scope.type));
            }
            scope.length = static_cast<std::uint8_t>(length);
            scope.flags = in_.u8(at + 2, "a device scope");
            scope.enumeration_id = in_.u8(at + 4, "a device scope");
            scope.start_bus = in_.u8(at + 5, "a device scope");
            for (std::uint64_t step = kScopeHeader; step + 2 <= length; step += 2) {
                scope.path.emplace_back(in_.u8(at + step, "a path"), in_.u8(at + step + 1, "a path"));
                if (scope.path.back().first > 31 || scope.path.back().second > 7) {
                    in_.note(at + step, fmt::format("{:02x}.{:x} is no device and function", scope.path.back().first,
                                                    scope.path.back().second));
                }
            }
            if (scope.path.empty()) in_.note(at, "a device scope without a path names nothing");
            list.push_back(std::move(scope));
            at += length;
        }
        return list;
    }

    /// rmrr_sanity_check().
    void check(const Rmrr& region, std::uint64_t at) {
        if (is_sane(region)) return;
        const std::string what = region.end < region.base    ? "ends before it begins"
                                 : region.end == region.base ? "is one byte long"
                                                             : "does not begin and end at borders of pages";
        const bool begin = region.end > region.base && region.base % kPageBytes != 0;
        in_.note(begin ? at + 8 : at + 16,
                 fmt::format("a reserved region {} ({:#x}-{:#x}): Linux reports it as broken, and uses it all the same",
                             what, region.base, region.end));
    }

    /// Of two units of a segment that take everything, and of what comes behind such a unit; of registers that two
    /// have.
    void check() {
        std::map<std::uint16_t, std::uint64_t> all;
        std::vector<std::pair<const Drhd*, std::uint64_t>> before_it;
        bool any = false;
        for (const DmarStructure& one : dmar_.structures) {
            const auto* const unit = std::get_if<Drhd>(&one.body);
            if (unit == nullptr) continue;
            any = true;
            if (const auto before = all.find(unit->segment); before != all.end()) {
                in_.note(one.offset, fmt::format("a unit of segment {} behind the one at {:#x} that takes all its "
                                                 "devices: that one must be the last",
                                                 unit->segment, before->second));
            }
            if (unit->include_all()) all.emplace(unit->segment, one.offset);
            for (const auto& [other, offset] : before_it) {
                if (other->base == unit->base) {
                    const bool ignored = other->segment == unit->segment;
                    in_.note(one.offset, fmt::format("the registers at {:#x} are those of the unit at {:#x}, too{}",
                                                     unit->base, offset,
                                                     ignored ? ": Linux ignores this one"
                                                             : ": Linux cannot claim them, and uses no unit at all"));
                    break;
                }
                if (!share_registers(*other, *unit)) continue;
                in_.note(one.offset, fmt::format("the registers at {:#x} overlap those of the unit at {:#x} ({:#x}): "
                                                 "Linux cannot claim them, and uses no unit at all",
                                                 unit->base, offset, other->base));
                break;
            }
            before_it.emplace_back(unit, one.offset);
        }
        if (!any) in_.note(kFirst, "no remapping unit (DRHD)");
    }

    TableReader in_;
    Dmar dmar_;
};

}  // namespace

std::vector<const Drhd*> Dmar::units() const {
    std::vector<const Drhd*> all;
    for (const DmarStructure& one : structures) {
        const auto* const unit = std::get_if<Drhd>(&one.body);
        if (unit == nullptr) continue;
        const bool known = std::any_of(all.begin(), all.end(), [&](const Drhd* other) {
            return other->base == unit->base && other->segment == unit->segment;
        });
        if (!known) all.push_back(unit);
    }
    return all;
}

const std::vector<DeviceScope>* DmarStructure::scopes() const {
    return std::visit(
        [](const auto& one) -> const std::vector<DeviceScope>* {
            using T = std::decay_t<decltype(one)>;
            if constexpr (std::is_same_v<T, Drhd> || std::is_same_v<T, Rmrr> || std::is_same_v<T, Atsr> ||
                          std::is_same_v<T, Satc> || std::is_same_v<T, Sidp>) {
                return &one.scopes;
            } else {
                return nullptr;
            }
        },
        body);
}

std::string dmar_type_name(std::uint16_t type) {
    constexpr std::array<std::string_view, 7> kNames{"drhd", "rmrr", "atsr", "rhsa", "andd", "satc", "sidp"};
    return type < kNames.size() ? std::string(kNames[type]) : fmt::format("type-{}", type);
}

std::string scope_type_name(std::uint8_t type) {
    constexpr std::array<std::string_view, 6> kNames{"", "pci-endpoint", "pci-bridge", "ioapic", "hpet", "acpi-device"};
    return type != 0 && type < kNames.size() ? std::string(kNames[type]) : fmt::format("type-{}", type);
}

Dmar read_dmar(const Table& table, std::vector<Oddity>& oddities) { return DmarReader(table, oddities).read(); }

}  // namespace xlate::firmware::acpi
