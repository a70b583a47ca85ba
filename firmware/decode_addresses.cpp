// `reg` and `ranges`: where a device stands on its bus, and at which address a CPU finds it.
// Source: Devicetree Specification v0.4, section 2.3; PCI Bus Binding to IEEE 1275 for three-cell addresses.
#include <algorithm>

#include <fmt/format.h>

#include "firmware/decode.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {
namespace {

/// An address on some bus: up to three cells (a fourth is not kept).
struct BusAddress {
    std::uint32_t high = 0;
    std::uint64_t low = 0;
};

BusAddress read_address(const Cells& cells, std::size_t at, std::size_t count) {
    BusAddress address;
    if (count >= 3) address.high = cells[at + count - 3];
    address.low = cells.number(at, count);
    return address;
}

constexpr std::uint32_t kPciSpace = 0x0300'0000;  // phys.hi: configuration, I/O, 32-bit or 64-bit memory

class AddressDecoder {
public:
    explicit AddressDecoder(Decoder& decoder) : decoder_(decoder) {}

    void decode(NodeIndex at) {
        if (decoder_.property(at, Known::reg) == nullptr || !decoder_.node(at).parent) return;
        const NodeIndex bus = *decoder_.node(at).parent;
        const std::size_t address_cells = decoder_.node(bus).address_cells;
        const std::size_t size_cells = decoder_.node(bus).size_cells;
        const std::size_t entry = address_cells + size_cells;
        if (address_cells > kMaxAddressCells || size_cells > kMaxAddressCells || entry == 0) {
            decoder_.oddity(at, Known::reg,
                            fmt::format("can't be read with the {} address and {} size cells of {}", address_cells,
                                        size_cells, decoder_.node(bus).path));
            return;
        }
        const Cells cells = decoder_.cells(at, Known::reg);
        if (cells.size() % entry != 0) {
            decoder_.oddity(at, Known::reg,
                            fmt::format("{} cells are not a whole number of entries of {} + {}", cells.size(),
                                        address_cells, size_cells));
        }
        const std::size_t count = cells.size() / entry;
        decoder_.spend_entries(count);
        std::vector<std::string_view> names = decoder_.texts(at, Known::reg_names);
        names.resize(std::max(names.size(), count));
        std::vector<Reg> regs(count);
        for (std::size_t i = 0; i < count; ++i) {
            const BusAddress address = read_address(cells, i * entry, address_cells);
            regs[i].address = address.low;
            regs[i].high = address.high;
            regs[i].size = cells.number(i * entry + address_cells, size_cells);
            if (address_cells > 0) regs[i].cpu_address = translate(bus, address);
            regs[i].name = names[i];
        }
        decoder_.node(at).regs = std::move(regs);
    }

private:
    bool is_pci(NodeIndex bus) {
        return decoder_.node(bus).address_cells == 3 && (decoder_.first_text_is(bus, Known::device_type, "pci") ||
                                                         decoder_.first_text_is(bus, Known::device_type, "pciex"));
    }

    /// From bus to bus up to the root; each level replaces the address by the matching row of `ranges`.
    std::optional<std::uint64_t> translate(NodeIndex bus, BusAddress address) {
        for (;;) {
            const Node& node = decoder_.node(bus);
            if (!node.parent) return address.low;
            if (!node.has_ranges) return std::nullopt;
            const Cells rows = decoder_.cells(bus, Known::ranges);
            if (rows.size() != 0) {
                const std::optional<BusAddress> above = through(bus, rows, address);
                if (!above) return std::nullopt;
                address = *above;
            }
            bus = *node.parent;
        }
    }

    std::optional<BusAddress> through(NodeIndex bus, const Cells& rows, BusAddress address) {
        const std::size_t child_cells = decoder_.node(bus).address_cells;
        const std::size_t parent_cells = decoder_.node(*decoder_.node(bus).parent).address_cells;
        const std::size_t size_cells = decoder_.node(bus).size_cells;
        if (child_cells > kMaxAddressCells || parent_cells > kMaxAddressCells || size_cells > kMaxAddressCells) {
            return std::nullopt;
        }
        const std::size_t row = child_cells + parent_cells + size_cells;
        if (row == 0) return std::nullopt;
        const std::uint32_t high_mask = is_pci(bus) ? kPciSpace : ~std::uint32_t{0};
        for (std::size_t at = 0; at + row <= rows.size(); at += row) {
            decoder_.spend_steps(1);
            const BusAddress child = read_address(rows, at, child_cells);
            const std::uint64_t size = rows.number(at + child_cells + parent_cells, size_cells);
            if (((child.high ^ address.high) & high_mask) != 0) continue;
            if (address.low < child.low || address.low - child.low >= size) continue;
            BusAddress above = read_address(rows, at + child_cells, parent_cells);
            above.low += address.low - child.low;
            return above;
        }
        return std::nullopt;
    }

    Decoder& decoder_;
};

}  // namespace

void decode_addresses(Decoder& decoder) {
    AddressDecoder addresses(decoder);
    for (std::uint32_t i = 0; i < decoder.size(); ++i) {
        const NodeIndex at{i};
        addresses.decode(at);
        const Node& node = decoder.node(at);
        if (!node.reachable) continue;
        if (!decoder.first_text_is(at, Known::device_type, "memory")) continue;
        for (const Reg& reg : node.regs) {
            if (reg.size != 0) decoder.out().memory.push_back({reg.cpu_address.value_or(reg.address), reg.size});
        }
    }
}

}  // namespace xlate::firmware
