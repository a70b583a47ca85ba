#include "tests/study/recorded_boot.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "firmware/iommu_families.hpp"

namespace xlate::study::tests {

bool RecordedBoot::both_name_memory(std::uint64_t register_address, std::uint64_t theirs, std::uint64_t ours) const {
    struct Form {
        std::uint64_t mask;  ///< of the field
        unsigned field_lsb, address_lsb;
        std::string_view family = {};
        std::uint64_t offset = 0;  ///< with a family
    };
    constexpr Form kForms[] = {{0xFFFFFFFFF000, 12, 12},
                               {0x0FFFFFFF, 0, 12},
                               {0x3FFFFFFC, 2, 14},
                               {0xFFFFFF80, 7, 7, "mediatek", 0x114},
                               {0x7FFFFFC0, 6, 7, "mediatek", 0x114}};
    return std::any_of(std::begin(kForms), std::end(kForms), [&](const Form& form) {
        if (!form.family.empty() && !is_register(register_address, form.family, form.offset)) return false;
        const auto there = [&](std::uint64_t value) {
            const std::uint64_t address = (value & form.mask) >> form.field_lsb << form.address_lsb;
            return address >= memory_.base && address - memory_.base < memory_.size;
        };
        return there(theirs) && there(ours) && (theirs & ~form.mask) == (ours & ~form.mask);
    });
}

bool RecordedBoot::is_register(std::uint64_t address, std::string_view family, std::uint64_t offset) const {
    return std::any_of(board_.nodes.begin(), board_.nodes.end(), [&](const firmware::Node& node) {
        return firmware::iommu_kind(node).family == family &&
               std::any_of(node.regs.begin(), node.regs.end(), [&](const firmware::Reg& reg) {
                   return address - reg.cpu_address.value_or(reg.address) == offset;
               });
    });
}

bool RecordedBoot::same_value(std::uint64_t address, std::uint64_t theirs, std::uint64_t ours) const {
    const auto reset = reset_.find(address);
    return theirs == ours || both_name_memory(address, theirs, ours) ||
           (reset != reset_.end() && ((theirs ^ ours) & ~reset->second) == 0 && (theirs & ~ours) == 0);
}

std::string RecordedBoot::text_of(std::uint64_t address, std::uint64_t value) {
    return fmt::format("{:#x} = {:#x}", address, value);
}

void RecordedBoot::register_writes(const std::vector<Access>& accesses) {
    if (!truth_.contains("mmio_trace")) return;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> want, have;
    for (const Json& access : truth_["mmio_trace"]) {
        const std::uint64_t address = kt::hex_of(access["addr"]);
        if (access["op"].get<std::string>().front() == 'W' && within(address))
            want.emplace_back(address, kt::hex_of(access["value"]));
    }
    for (const Access& access : accesses) {
        if (access.write && within(access.address)) have.emplace_back(access.address, access.value);
    }
    const std::size_t both = std::min(want.size(), have.size());
    for (std::size_t i = 0; i < both; ++i) {
        if (want[i].first == have[i].first && same_value(want[i].first, want[i].second, have[i].second)) continue;
        return say("register writes",
                   fmt::format("{} of {}: {} instead of {}", i, want.size(), text_of(have[i].first, have[i].second),
                               text_of(want[i].first, want[i].second)));
    }
    if (want.size() != have.size()) {
        const auto& more = want.size() > both ? want : have;
        say("register writes", fmt::format("{} instead of {}; the first of the others: {}", have.size(), want.size(),
                                           text_of(more[both].first, more[both].second)));
    }
}

void RecordedBoot::register_values(const std::vector<Access>& accesses) {
    if (!truth_.contains("mmio_trace")) return;
    std::map<std::uint64_t, std::set<std::uint64_t>> want, have;
    for (const Json& access : truth_["mmio_trace"]) {
        const std::uint64_t address = kt::hex_of(access["addr"]);
        if (access["op"].get<std::string>().front() == 'W' && within(address))
            want[address].insert(kt::hex_of(access["value"]));
    }
    for (const Access& access : accesses) {
        if (access.write && within(access.address)) have[access.address].insert(access.value);
    }
    const auto lacks = [&](const auto& all, const auto& others, bool theirs, const char* what) {
        for (const auto& [address, values] : all) {
            const auto found = others.find(address);
            for (const std::uint64_t value : values) {
                const bool there =
                    found != others.end() &&
                    std::any_of(found->second.begin(), found->second.end(), [&, at = address](std::uint64_t other) {
                        return theirs ? same_value(at, value, other) : same_value(at, other, value);
                    });
                if (!there) say("register values", text_of(address, value) + what);
            }
        }
    };
    lacks(want, have, true, " is not written here");
    lacks(have, want, false, " is written here only");
}

void RecordedBoot::registers_after_boot(const std::vector<Access>& accesses, const soc::Soc& soc) {
    if (!truth_.contains("registers_after_boot") || truth_["registers_after_boot"].is_null()) return;
    std::map<std::uint64_t, std::uint64_t> last;
    for (const Access& access : accesses) {
        if (!access.write) continue;
        last[access.address] = access.value & 0xFFFFFFFF;
        if (access.size == 8) last[access.address + 4] = access.value >> 32;
    }
    kt::RegisterMachine presets;
    presets.preset(folder_);
    std::set<std::uint64_t> theirs;
    const bool traced = truth_.contains("mmio_trace");
    if (traced) {
        for (const Json& access : truth_["mmio_trace"]) {
            if (access["op"].get<std::string>().front() != 'W') continue;
            theirs.insert(kt::hex_of(access["addr"]));
            if (access["op"] == "W64") theirs.insert(kt::hex_of(access["addr"]) + 4);
        }
    }
    for (const auto& [key, value] : truth_["registers_after_boot"].items()) {
        const std::uint64_t address = std::stoull(key, nullptr, 0);
        if (!within(address)) continue;
        const std::uint64_t want = kt::hex_of(value);
        const std::uint64_t hardware = soc.peek_register(PhysAddr{address}, 4);
        const auto written = last.find(address);
        if (traced && written == last.end() && theirs.count(address) == 0) continue;  // the hardware's own
        const std::uint64_t left = written != last.end() ? written->second : presets.word(address);
        if (same_value(address, want, hardware) || same_value(address, want, left)) continue;
        say("register",
            fmt::format("{:#x} is {:#x}, the kernel left {:#x} instead of {:#x}", address, hardware, left, want));
    }
}

}  // namespace xlate::study::tests
