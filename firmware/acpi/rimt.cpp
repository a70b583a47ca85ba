#include "firmware/acpi/rimt.hpp"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint64_t kFirstNode = 48, kNodeHeader = 8, kWireBytes = 8, kMappingBytes = 20;

class RimtReader {
public:
    RimtReader(const Table& table, std::vector<Oddity>& oddities) : in_(table, oddities) {}

    Rimt read() {
        rimt_.node_count = in_.u32(36, "its node count");
        std::uint64_t at = in_.u32(40, "its node offset");
        in_.u32(44, "its header");
        if (rimt_.node_count != 0 && at < kFirstNode) {
            in_.fail(40, fmt::format("the nodes begin at {:#x}, inside the header", at), "0x30 or more");
        }
        for (std::uint32_t i = 0; i < rimt_.node_count; ++i) {
            if (!in_.holds(at, kNodeHeader)) {
                in_.fail(at, fmt::format("node {} of {} begins outside the table of {:#x} bytes", i + 1,
                                         rimt_.node_count, in_.size()));
            }
            const std::uint64_t length = in_.u16(at + 2, "a node");
            if (length < kNodeHeader || !in_.holds(at, length)) {
                in_.fail(at + 2, fmt::format("node {} is {} bytes long", i + 1, length),
                         fmt::format("8 to {}", in_.size() - at));
            }
            by_offset_[at] = rimt_.nodes.size();
            read_node(at, static_cast<std::uint16_t>(length));
            at += length;
        }
        if (rimt_.node_count != 0 && at < in_.size()) {
            in_.note(at, fmt::format("{} bytes follow the last node", in_.size() - at));
        }
        resolve();
        return std::move(rimt_);
    }

private:
    void read_node(std::uint64_t at, std::uint16_t length) {
        RimtNode& node = rimt_.nodes.emplace_back();
        node.offset = at;
        node.type = in_.u8(at, "a node");
        node.revision = in_.u8(at + 1, "a node");
        node.length = length;
        node.id = in_.u16(at + 6, "a node");
        const auto type = static_cast<RimtType>(node.type);
        if (type > RimtType::platform_device) {
            return in_.note(at, fmt::format("node of type {}: not known, passed over", node.type));
        }
        const unsigned least = type == RimtType::iommu ? 40 : type == RimtType::root_complex ? 20 : 13;
        if (length < least) {
            return in_.note(at + 2, fmt::format("a node of type {} is {} bytes long, too short for its fields ({}); it "
                                                "is passed over",
                                                rimt_type_name(node.type), length, least));
        }
        switch (type) {
            case RimtType::iommu:
                node.body = iommu(at, length);
                break;
            case RimtType::root_complex: {
                RimtRootComplex complex;
                complex.flags = in_.u32(at + 8, "a root complex");
                complex.segment = in_.u16(at + 14, "a root complex");
                complex.mappings =
                    mappings(at, length, in_.u16(at + 16, "a root complex"), in_.u16(at + 18, "a root complex"));
                node.body = std::move(complex);
                break;
            }
            case RimtType::platform_device: {
                RimtPlatformDevice device;
                bool terminated = false;
                device.path = in_.text(at + 12, at + length, terminated);
                if (!terminated) in_.note(at + 12, "the name of a platform device has no end");
                device.mappings =
                    mappings(at, length, in_.u16(at + 8, "a platform device"), in_.u16(at + 10, "a platform device"));
                node.body = std::move(device);
                break;
            }
        }
    }

    RimtIommu iommu(std::uint64_t at, std::uint16_t length) {
        RimtIommu one;
        bool terminated = false;
        one.hardware_id = in_.text(at + 8, at + 16, terminated);
        one.base = in_.u64(at + 16, "an IOMMU");
        one.flags = in_.u32(at + 24, "an IOMMU");
        one.proximity = in_.u32(at + 28, "an IOMMU");
        one.segment = in_.u16(at + 32, "an IOMMU");
        one.bdf = in_.u16(at + 34, "an IOMMU");
        const std::uint64_t count = in_.u16(at + 36, "an IOMMU"), offset = in_.u16(at + 38, "an IOMMU");
        if (count != 0 && (offset < kNodeHeader || offset + count * kWireBytes > length)) {
            in_.note(at + 36, fmt::format("{} interrupt wires at +{:#x} do not fit their node of {} bytes; there are "
                                          "none",
                                          count, offset, length));
            return one;
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t wire = at + offset + i * kWireBytes;
            one.wires.push_back({in_.u32(wire, "an interrupt wire"), in_.u32(wire + 4, "an interrupt wire")});
        }
        return one;
    }

    std::vector<RimtMapping> mappings(std::uint64_t at, std::uint16_t length, std::uint64_t offset,
                                      std::uint64_t count) {
        std::vector<RimtMapping> all;
        if (count == 0 || offset == 0) return all;
        if (offset < kNodeHeader || offset + count * kMappingBytes > length) {
            in_.fail(at,
                     fmt::format("{} ID mappings at +{:#x} do not fit their node of {} bytes", count, offset, length));
        }
        total_ += count;
        if (total_ > kMaxDecodedEntries) in_.fail(at, "too many ID mappings", {}, ExitStatus::limit);
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t here = at + offset + i * kMappingBytes;
            RimtMapping one;
            one.source_base = in_.u32(here, "an ID mapping");
            one.ids = in_.u32(here + 4, "an ID mapping");
            one.dest_base = in_.u32(here + 8, "an ID mapping");
            one.dest_offset = in_.u32(here + 12, "an ID mapping");
            one.flags = in_.u32(here + 16, "an ID mapping");
            all.push_back(one);
        }
        return all;
    }

    void resolve() {
        for (RimtNode& node : rimt_.nodes) {
            std::vector<RimtMapping>* list = nullptr;
            if (auto* const complex = std::get_if<RimtRootComplex>(&node.body)) list = &complex->mappings;
            if (auto* const device = std::get_if<RimtPlatformDevice>(&node.body)) list = &device->mappings;
            if (list == nullptr) continue;
            for (RimtMapping& one : *list) {
                const auto found = by_offset_.find(one.dest_offset);
                if (found != by_offset_.end() && rimt_.nodes[found->second].is_iommu()) {
                    one.target = found->second;
                    continue;
                }
                in_.note(node.offset, fmt::format("an ID mapping of the {} at {:#x} leads to {:#x}, no IOMMU's offset; "
                                                  "nothing translates there",
                                                  rimt_type_name(node.type), node.offset, one.dest_offset));
            }
        }
    }

    TableReader in_;
    Rimt rimt_;
    std::map<std::uint64_t, std::size_t> by_offset_;
    std::uint64_t total_ = 0;
};

}  // namespace

const RimtRootComplex* Rimt::root_complex(unsigned segment) const {
    for (const RimtNode& node : nodes) {
        const auto* const complex = std::get_if<RimtRootComplex>(&node.body);
        if (complex != nullptr && complex->segment == segment) return complex;
    }
    return nullptr;
}

std::string rimt_type_name(std::uint8_t type) {
    switch (static_cast<RimtType>(type)) {
        case RimtType::iommu:
            return "iommu";
        case RimtType::root_complex:
            return "root-complex";
        case RimtType::platform_device:
            return "platform-device";
    }
    return fmt::format("type-{}", type);
}

Rimt read_rimt(const Table& table, std::vector<Oddity>& oddities) { return RimtReader(table, oddities).read(); }

}  // namespace xlate::firmware::acpi
