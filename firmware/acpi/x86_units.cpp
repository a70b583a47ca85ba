#include "firmware/acpi/x86_units.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/bits.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint64_t kToCounters = Ivhd::kRegisterBytes;  ///< MMIO_CNTR_CONF_OFFSET
constexpr std::uint64_t kWithCounters = 0x80000;             ///< MMIO_REG_END_OFFSET
constexpr Field kPcSup{9, 1};                                ///< EFR of types 0x11 and 0x40
constexpr Field kBanks{17, 6}, kCounters{13, 4};             ///< PNBanks and PNCounters, type 0x10
constexpr std::uint64_t kPageBytes = 4096;
constexpr unsigned kLeastWidth = 12;  ///< bits of a host address

template <class Unit>
bool overlap(const Unit& a, std::uint64_t bytes_a, const Unit& b, std::uint64_t bytes_b) {
    return a.base < b.base + bytes_b && b.base < a.base + bytes_a;
}

/// Of two units, in the order in which Linux claims them.
template <class Unit>
std::string shared_registers(const std::vector<const Unit*>& units) {
    for (std::size_t i = 0; i < units.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            if (!share_registers(*units[k], *units[i])) continue;
            return fmt::format(
                "the registers at {:#x} overlap those of the unit at {:#x}: Linux cannot claim them, and uses no unit "
                "at all",
                units[i]->base, units[k]->base);
        }
    }
    return {};
}

}  // namespace

std::uint64_t register_bytes(const Ivhd& unit) {
    const bool counters = unit.type == 0x10 ? kBanks.get(unit.features) != 0 && kCounters.get(unit.features) != 0
                                            : kPcSup.test(unit.extended_features);
    return counters ? kWithCounters : kToCounters;
}

bool share_registers(const Drhd& a, const Drhd& b) { return overlap(a, a.register_bytes(), b, b.register_bytes()); }
bool share_registers(const Ivhd& a, const Ivhd& b) { return overlap(a, register_bytes(a), b, register_bytes(b)); }

bool is_sane(const Rmrr& region) {
    return region.base % kPageBytes == 0 && (region.end + 1) % kPageBytes == 0 && region.end > region.base;
}

std::string why_unused(const Dmar& table) {
    if (table.host_address_width < kLeastWidth) {
        return fmt::format("the DMAR has a host address width of {} bits: Linux takes the table for invalid",
                           table.host_address_width);
    }
    const std::vector<const Drhd*> units = table.units();
    if (std::any_of(units.begin(), units.end(), [](const Drhd* unit) { return unit->base == 0; }))
        return "the DMAR has a unit at address 0: Linux reports it as broken, and uses no unit at all";
    return shared_registers(units);
}

std::string why_unused(const Ivrs& table) {
    std::vector<const Ivhd*> units;
    for (const IvrsBlock& block : table.blocks) {
        const auto* const unit = std::get_if<Ivhd>(&block.body);
        if (unit != nullptr && unit->type == table.used_type()) units.push_back(unit);
    }
    return shared_registers(units);
}

}  // namespace xlate::firmware::acpi
