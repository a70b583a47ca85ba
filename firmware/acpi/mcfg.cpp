#include "firmware/acpi/mcfg.hpp"

#include <fmt/format.h>

#include "firmware/acpi/fields.hpp"

namespace xlate::firmware::acpi {

std::vector<McfgSegment> read_mcfg(const Table& table, std::vector<Oddity>& oddities) {
    constexpr std::uint64_t kFirst = 44;
    constexpr std::uint64_t kEntry = 16;
    TableReader in(table, oddities);
    in.u64(kHeaderBytes, "its reserved field");
    std::vector<McfgSegment> segments;
    std::uint64_t at = kFirst;
    for (; in.holds(at, kEntry); at += kEntry) {
        McfgSegment one;
        one.offset = at;
        one.base = in.u64(at, "an entry");
        one.segment = in.u16(at + 8, "an entry");
        one.bus_start = in.u8(at + 10, "an entry");
        one.bus_end = in.u8(at + 11, "an entry");
        if (one.bus_end < one.bus_start) {
            in.note(at + 10,
                    fmt::format("segment {}: buses {:#x} to {:#x} are none", one.segment, one.bus_start, one.bus_end));
        }
        segments.push_back(one);
    }
    if (at != in.size()) in.note(at, fmt::format("the last entry is cut short: {} bytes", in.size() - at));
    return segments;
}

Fields fields_of(const std::vector<McfgSegment>& segments) {
    Fields all;
    all.list("segments", segments, [](const McfgSegment& one) {
        Fields fields;
        fields.hex("base", one.base).number("segment", one.segment);
        fields.number("bus_start", one.bus_start).number("bus_end", one.bus_end);
        return fields;
    });
    return all;
}

}  // namespace xlate::firmware::acpi
