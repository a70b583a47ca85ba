// Events and requests of virtio-iommu. Source: VIRTIO 1.2, 5.13.6; docs/spec/iommu-hardware.md sections 8 and 17.
// Words are of 32 bits: as they lie in memory, four bytes each, the lowest first.
#include <utility>

#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
#include "iommu/virtio/layout.hpp"

namespace xlate::iommu::records {
namespace {

namespace vio = iommu::virtio;
using Show = RecordField::Show;

constexpr std::pair<std::uint32_t, std::string_view> kRights[] = {
    {vio::map_flag::READ, "read"}, {vio::map_flag::WRITE, "write"}, {vio::map_flag::MMIO, "device memory"}};
constexpr std::pair<std::uint32_t, std::string_view> kAccesses[] = {
    {vio::event::READ, "read"}, {vio::event::WRITE, "write"}, {vio::event::EXEC, "instruction fetch"}};

constexpr std::uint64_t kLastRequester = 0xFFFF;  ///< of one PCI segment; VIOT may give endpoints of others more

std::uint64_t of_two(const Words& words, unsigned at) { return words[at] | words[at + 1] << 32; }

Reading read_event(const Words& words) {
    const auto reason = static_cast<std::uint8_t>(words[0]);
    const auto flags = static_cast<std::uint32_t>(words[1]);
    Reading reading;
    reading.headline = reason == vio::event::kDomain    ? "no domain is attached"
                       : reason == vio::event::kMapping ? "no mapping"
                       : reason == vio::event::kUnknown ? "a fault without a reason"
                                                        : fmt::format("reserved reason {}", reason);
    reading.headline += fmt::format(", endpoint {:#x}", words[2]);
    if (const std::string access = names_of_bits(flags, kAccesses, ""); !access.empty())
        reading.headline += ", " + access;
    if ((flags & vio::event::ADDRESS) != 0) reading.headline += fmt::format(" at {:#x}", of_two(words, 4));
    if (reason == vio::event::kDomain)
        reading.notes.emplace_back("the endpoint does DMA before a driver has attached it, or after it was detached");
    if (reason == vio::event::kMapping)
        reading.notes.emplace_back(
            "never mapped, unmapped already, mapped without the right, or an address that is not an IOVA");
    if (words[2] <= kLastRequester)
        reading.notes.push_back(
            fmt::format("as a PCI function, endpoint {:#x} is {}", words[2], requester_text(words[2])));
    return reading;
}

Reading read_attach(const Words& words) {
    Reading reading{fmt::format("ATTACH endpoint {:#x} to domain {}", words[2], words[1]), {}};
    if ((words[3] & vio::attach_flag::BYPASS) != 0) reading.headline += ", a bypass domain";
    return reading;
}
Reading read_detach(const Words& words) {
    return {fmt::format("DETACH endpoint {:#x} from domain {}", words[2], words[1]), {}};
}
Reading read_map(const Words& words) {
    return {fmt::format("MAP in domain {} {:#x}..{:#x} to {:#x}, {}", words[1], of_two(words, 2), of_two(words, 4),
                        of_two(words, 6), names_of_bits(words[8], kRights, "no rights")),
            {}};
}
Reading read_unmap(const Words& words) {
    return {fmt::format("UNMAP in domain {} {:#x}..{:#x}", words[1], of_two(words, 2), of_two(words, 4)), {}};
}
Reading read_probe(const Words& words) { return {fmt::format("PROBE endpoint {:#x}", words[1]), {}}; }

Reading read_tail(const Words& words) {
    constexpr std::string_view kNames[] = {"OK",
                                           "IOERR: a failure of input or output",
                                           "UNSUPP: no such request here",
                                           "DEVERR: the device failed",
                                           "INVAL: a field is not allowed",
                                           "RANGE: outside of what there is",
                                           "NOENT: there is no such domain or endpoint",
                                           "FAULT: not accessible",
                                           "NOMEM: the device has no room"};
    const std::uint64_t status = words[0] & 0xFF;
    return {status < std::size(kNames) ? std::string(kNames[status]) : fmt::format("reserved status {}", status), {}};
}

Reading read_reserved(const Words& words) {
    const std::uint64_t subtype = words[1] & 0xFF;
    return {fmt::format("{} {:#x}..{:#x}", subtype == vio::property::kMsi ? "MSI window" : "reserved, not to be mapped",
                        of_two(words, 2), of_two(words, 4)),
            {}};
}

/// "virtio_iommu virtio0: page fault from EP 8 at 0x1000 [RWX]"; "domain fault from EP 8".
std::optional<LineRecord> read_line(std::string_view line) {
    const auto endpoint = decimal_after(line, " fault from EP ");
    if (!endpoint) return std::nullopt;
    std::uint64_t reason = vio::event::kUnknown;
    if (has(line, "domain fault from")) reason = vio::event::kDomain;
    if (has(line, "page fault from")) reason = vio::event::kMapping;
    std::uint64_t flags = 0, address = 0;
    if (const auto at = number_after(line, " at 0x")) {
        address = *at;
        flags = vio::event::ADDRESS;
        const std::size_t open = line.rfind('[');
        const std::string_view letters = open == std::string_view::npos ? std::string_view{} : line.substr(open);
        for (const auto& [letter, bit] :
             {std::pair("R", vio::event::READ), std::pair("W", vio::event::WRITE), std::pair("X", vio::event::EXEC)})
            flags |= has(letters, letter) ? bit : 0;
    }
    return LineRecord{"event", {reason, flags, *endpoint, 0, address & 0xFFFFFFFF, address >> 32}};
}

/// Linux virtio-iommu.c: viommu_event_handler(), viommu_probe_endpoint().
std::string_view meaning(std::string_view line) {
    constexpr LineMeaning kMeanings[] = {
        {"invalid event buffer (len",
         "the device wrote an event of a length that the driver does not know: a fault that the log does not tell of"},
        {"could not add event buffer", "the driver could not give a buffer for events back: later faults may be lost"},
        {"unknown viommu prop", "the device has a property that this kernel does not know, and leaves out"}};
    return has(line, "mmu") ? meaning_in(kMeanings, line) : std::string_view{};
}

}  // namespace

std::vector<RecordFamily> virtio_records() {
    RecordFamily family{"virtio"};
    family.place = 10;
    family.line = read_line;
    family.meaning = meaning;
    family.kinds = {{"event",
                     "virtio-iommu event",
                     vio::event::kBytes / 4,
                     32,
                     {{"reason", 0, 0, 8, Show::number, "0 unknown|1 domain|2 mapping"},
                      {"flags", 1, 0, 32, Show::hex},
                      {"endpoint", 2, 0, 32, Show::hex}},
                     read_event},
                    {"attach", "virtio-iommu ATTACH request", vio::kAttachBytes / 4, 32, {}, read_attach},
                    {"detach", "virtio-iommu DETACH request", vio::kDetachBytes / 4, 32, {}, read_detach},
                    {"map", "virtio-iommu MAP request", vio::kMapBytes / 4, 32, {}, read_map},
                    {"unmap", "virtio-iommu UNMAP request", vio::kUnmapBytes / 4, 32, {}, read_unmap},
                    {"probe", "virtio-iommu PROBE request", vio::kProbeBytes / 4, 32, {}, read_probe},
                    {"tail", "virtio-iommu request's tail", vio::kTailBytes / 4, 32, {}, read_tail},
                    {"resv-mem",
                     "virtio-iommu RESV_MEM property",
                     (vio::property::kHeadBytes + vio::property::kResvMemBytes) / 4,
                     32,
                     {{"subtype", 1, 0, 8, Show::number, "0 reserved|1 MSI"}},
                     read_reserved}};
    return {family};
}

}  // namespace xlate::iommu::records
