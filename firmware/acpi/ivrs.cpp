#include "firmware/acpi/ivrs.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "firmware/acpi/x86_units.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint64_t kFirst = 48;
constexpr std::uint64_t kIvhdBytes = 24;      ///< type 0x10
constexpr std::uint64_t kIvhdLongBytes = 40;  ///< types 0x11 and 0x40
constexpr std::uint64_t kIvmdBytes = 32;
constexpr std::uint8_t kAcpiHid = 0xF0;
constexpr std::uint64_t kAcpiHidBytes = 22;  ///< without the unique id

bool is_ivhd(std::uint8_t type) { return type == 0x10 || type == 0x11 || type == 0x40; }
bool is_ivmd(std::uint8_t type) { return type >= 0x20 && type <= 0x22; }

class IvrsReader {
public:
    IvrsReader(const Table& table, std::vector<Oddity>& oddities) : in_(table, oddities) {}

    Ivrs read() {
        ivrs_.info = in_.u32(36, "its IVinfo");
        in_.u64(40, "its header");
        std::uint64_t at = kFirst;
        while (at < in_.size()) {
            if (!in_.holds(at, 4)) {
                in_.fail(at, fmt::format("{} bytes are left, too few for a block", in_.size() - at), "4 or none");
            }
            const std::uint64_t length = in_.u16(at + 2, "a block");
            if (length < 4 || !in_.holds(at, length)) {
                in_.fail(at + 2, fmt::format("a block is {} bytes long", length),
                         fmt::format("4 to {}", in_.size() - at));
            }
            read_block(at, static_cast<std::uint16_t>(length));
            at += length;
        }
        if (ivrs_.used_type() == 0) in_.note(kFirst, "no unit (IVHD)");
        check();
        return std::move(ivrs_);
    }

private:
    /// Of the units that Linux uses: registers and devices that two of them claim.
    void check() {
        std::vector<std::pair<const Ivhd*, std::uint64_t>> before_it;
        std::map<std::pair<std::uint16_t, std::uint16_t>, std::uint64_t> devices;
        for (const IvrsBlock& block : ivrs_.blocks) {
            const auto* const unit = std::get_if<Ivhd>(&block.body);
            if (unit == nullptr || unit->type != ivrs_.used_type()) continue;
            const auto taken = std::find_if(before_it.begin(), before_it.end(),
                                            [&](const auto& before) { return share_registers(*before.first, *unit); });
            if (taken != before_it.end()) {
                in_.note(block.offset, fmt::format("the registers at {:#x} are those of the unit at {:#x}, too: Linux "
                                                   "cannot claim them, and uses no unit at all",
                                                   unit->base, taken->second));
            }
            before_it.emplace_back(unit, block.offset);
            for (const IvhdEntry& entry : unit->entries) {
                if (entry.kind != IvhdEntry::Kind::select && entry.kind != IvhdEntry::Kind::extended_select) continue;
                const auto [first, fresh] = devices.emplace(std::pair{unit->segment, entry.devid}, block.offset);
                if (fresh || first->second == block.offset) continue;
                in_.note(
                    entry.offset,
                    fmt::format("device {}{:02x}:{:02x}.{:x} is behind the unit at {:#x}, too: Linux takes the later "
                                "one's word",
                                unit->segment == 0 ? "" : fmt::format("{:04x}:", unit->segment), entry.devid >> 8,
                                entry.devid >> 3 & 31, entry.devid & 7, first->second));
            }
        }
    }
    void read_block(std::uint64_t at, std::uint16_t length) {
        IvrsBlock& block = ivrs_.blocks.emplace_back();
        block.offset = at;
        block.type = in_.u8(at, "a block");
        block.length = length;
        if (!is_ivhd(block.type) && !is_ivmd(block.type)) {
            return in_.note(at, fmt::format("block of type {:#x}: not known, passed over", block.type));
        }
        const std::uint64_t least = is_ivmd(block.type) ? kIvmdBytes : block.type == 0x10 ? kIvhdBytes : kIvhdLongBytes;
        if (length < least) {
            return in_.note(at + 2,
                            fmt::format("a block of type {} is {} bytes long, too short for its fields ({}); it "
                                        "is passed over",
                                        ivrs_type_name(block.type), length, least));
        }
        if (is_ivmd(block.type)) {
            Ivmd memory;
            memory.type = block.type;
            memory.flags = in_.u8(at + 1, "a memory block");
            memory.devid = in_.u16(at + 4, "a memory block");
            memory.last = block.type == 0x22 ? in_.u16(at + 6, "a memory block") : memory.devid;
            memory.base = in_.u64(at + 16, "a memory block");
            memory.length = in_.u64(at + 24, "a memory block");
            if (memory.last < memory.devid) in_.note(at + 6, "a range of devices ends before it begins");
            block.body = memory;
            return;
        }
        Ivhd unit;
        unit.type = block.type;
        unit.flags = in_.u8(at + 1, "a unit");
        unit.devid = in_.u16(at + 4, "a unit");
        unit.capability = in_.u16(at + 6, "a unit");
        unit.base = in_.u64(at + 8, "a unit");
        unit.segment = in_.u16(at + 16, "a unit");
        unit.info = in_.u16(at + 18, "a unit");
        unit.features = in_.u32(at + 20, "a unit");
        if (least == kIvhdLongBytes) {
            unit.extended_features = in_.u64(at + 24, "a unit");
            unit.extended_features2 = in_.u64(at + 32, "a unit");
        }
        read_entries(unit, at + least, at + length);
        block.body = std::move(unit);
    }

    void read_entries(Ivhd& unit, std::uint64_t at, std::uint64_t end) {
        open_ = {};
        while (at < end) {
            const std::uint64_t length = entry_length(at, end);
            if (length == 0 || length > end - at) {
                in_.note(at, fmt::format("a device entry of type {:#x} does not fit its unit; the rest of the list is "
                                         "ignored",
                                         in_.u8(at, "a device entry")));
                break;
            }
            read_entry(unit, at, end);
            at += length;
        }
        if (open_) in_.note(unit.entries[*open_].offset, "a range of devices that is never closed");
    }

    /// 0: it does not fit.
    std::uint64_t entry_length(std::uint64_t at, std::uint64_t end) const {
        const std::uint8_t type = in_.u8(at, "a device entry");
        if (type < kAcpiHid) return std::uint64_t{4} << (type >> 6);
        if (type != kAcpiHid || end - at < kAcpiHidBytes) return 0;
        return kAcpiHidBytes + in_.u8(at + 21, "a device entry");
    }

    void read_entry(Ivhd& unit, std::uint64_t at, std::uint64_t end) {
        using Kind = IvhdEntry::Kind;
        IvhdEntry entry;
        entry.offset = at;
        entry.type = in_.u8(at, "a device entry");
        if (end - at >= 4) {
            entry.devid = in_.u16(at + 1, "a device entry");
            entry.settings = in_.u8(at + 3, "a device entry");
        }
        entry.last = entry.devid;
        const auto alias = [&] { return in_.u16(at + 5, "a device entry"); };
        switch (entry.type) {
            case 0:
                entry.kind = Kind::padding;
                break;
            case 1:
                entry.kind = Kind::all;
                break;
            case 2:
                entry.kind = Kind::select;
                break;
            case 3:
                entry.kind = Kind::range;
                break;
            case 4:
                return close(unit, entry);
            case 0x42:
                entry.kind = Kind::alias_select;
                entry.alias = alias();
                break;
            case 0x43:
                entry.kind = Kind::alias_range;
                entry.alias = alias();
                break;
            case 0x46:
                entry.kind = Kind::extended_select;
                entry.extended = in_.u32(at + 4, "a device entry");
                break;
            case 0x47:
                entry.kind = Kind::extended_range;
                entry.extended = in_.u32(at + 4, "a device entry");
                break;
            case 0x48:
                entry.kind = Kind::special;
                entry.handle = in_.u8(at + 4, "a device entry");
                entry.devid = alias();
                entry.last = entry.devid;
                entry.variety = in_.u8(at + 7, "a device entry");
                break;
            case kAcpiHid:
                entry.kind = Kind::acpi_hid;
                read_hid(entry);
                if (unit.type != 0x40) in_.note(at, "an ACPI device in a unit that is not of type 0x40");
                break;
            default:
                in_.note(at, fmt::format("device entry of type {:#x}: not known, passed over", entry.type));
        }
        const bool opens =
            entry.kind == Kind::range || entry.kind == Kind::alias_range || entry.kind == Kind::extended_range;
        if (opens && open_) in_.note(at, "a range of devices begins inside of another one");
        if (entry.kind == Kind::padding) return;
        if (++entries_ > kMaxDecodedEntries) in_.fail(at, "too many device entries", {}, ExitStatus::limit);
        unit.entries.push_back(std::move(entry));
        if (opens) open_ = unit.entries.size() - 1;
    }

    void close(Ivhd& unit, const IvhdEntry& end) {
        if (!open_) return in_.note(end.offset, "the end of a range of devices that never began");
        IvhdEntry& range = unit.entries[*open_];
        range.last = end.devid;
        if (range.last < range.devid) in_.note(end.offset, "a range of devices ends before it begins");
        open_ = {};
    }

    void read_hid(IvhdEntry& entry) {
        const auto letters = [&](std::uint64_t from, std::uint64_t size) {
            bool terminated = false;
            std::string text = in_.text(from, from + size, terminated);
            while (!text.empty() && text.back() == ' ') text.pop_back();
            return text;
        };
        entry.hid = letters(entry.offset + 4, 8);
        if (entry.hid.empty()) in_.note(entry.offset, "an ACPI device without a hardware id: Linux passes it over");
        entry.cid = letters(entry.offset + 12, 8);
        const std::uint8_t kind = in_.u8(entry.offset + 20, "a device entry");
        const std::uint8_t length = in_.u8(entry.offset + 21, "a device entry");
        if (!in_.holds(entry.offset + kAcpiHidBytes, length)) return;
        if (kind == 1 && length == 8) {
            entry.uid = fmt::format("{}", in_.u64(entry.offset + kAcpiHidBytes, "a unique id"));
        } else if (kind == 2) {
            entry.uid = letters(entry.offset + kAcpiHidBytes, length);
        } else if (kind != 0) {
            in_.note(entry.offset + 20, fmt::format("a unique id of type {} and {} bytes is not known", kind, length));
        }
    }

    TableReader in_;
    Ivrs ivrs_;
    std::optional<std::size_t> open_;  ///< the entry of the range that has begun
    std::uint64_t entries_ = 0;
};

}  // namespace

std::uint8_t Ivrs::used_type() const {
    std::uint8_t highest = 0;
    for (const IvrsBlock& block : blocks) {
        if (const auto* const unit = std::get_if<Ivhd>(&block.body)) highest = std::max(highest, unit->type);
    }
    return highest;
}

std::string ivrs_type_name(std::uint8_t type) {
    if (is_ivhd(type)) return fmt::format("ivhd-{:02x}", type);
    if (is_ivmd(type)) return fmt::format("ivmd-{:02x}", type);
    return fmt::format("type-{}", type);
}

std::string_view name(IvhdEntry::Kind kind) {
    constexpr std::array<std::string_view, 11> kNames{
        "padding",        "all",     "select",   "range",  "alias-select", "alias-range", "extended-select",
        "extended-range", "special", "acpi-hid", "unknown"};
    return kNames[static_cast<std::size_t>(kind)];
}

Ivrs read_ivrs(const Table& table, std::vector<Oddity>& oddities) { return IvrsReader(table, oddities).read(); }

}  // namespace xlate::firmware::acpi
