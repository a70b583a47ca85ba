// `interrupts`, `interrupts-extended` and whose they are. Interrupt maps of nexus nodes are left to whoever needs them.
// Source: Devicetree Specification v0.4, section 2.4.
#include <algorithm>

#include <fmt/format.h>

#include "firmware/decode.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {
namespace {

class InterruptDecoder {
public:
    explicit InterruptDecoder(Decoder& decoder) : decoder_(decoder) {}

    void decode(NodeIndex at) {
        if (decoder_.property(at, Known::interrupts_extended) != nullptr) {
            decode_extended(at);
        } else if (decoder_.property(at, Known::interrupts) != nullptr) {
            decode_plain(at);
        } else {
            return;
        }
        std::vector<std::string_view> names = decoder_.texts(at, Known::interrupt_names);
        std::vector<Interrupt>& interrupts = decoder_.node(at).interrupts;
        for (std::size_t i = 0; i < interrupts.size() && i < names.size(); ++i) interrupts[i].name = names[i];
    }

private:
    /// Up the tree of interrupts until a node says how many cells it takes. A chain longer than the tree is deep is a
    /// loop.
    std::optional<NodeIndex> controller_of(NodeIndex at) {
        for (std::size_t steps = 0; steps <= 2 * kMaxDepth; ++steps) {
            const std::optional<std::uint32_t> phandle = decoder_.u32(at, Known::interrupt_parent);
            const std::optional<NodeIndex> above = phandle ? decoder_.by_phandle(*phandle) : decoder_.node(at).parent;
            if (!above) return std::nullopt;
            if (decoder_.property(*above, Known::interrupt_cells) != nullptr) return above;
            at = *above;
        }
        return std::nullopt;
    }

    void decode_plain(NodeIndex at) {
        const Cells cells = decoder_.cells(at, Known::interrupts);
        const std::optional<NodeIndex> controller = controller_of(at);
        const std::size_t width = controller ? decoder_.u32(*controller, Known::interrupt_cells).value_or(0) : 0;
        if (width == 0) {
            decoder_.oddity(at, Known::interrupts, "no interrupt controller takes them");
        } else if (cells.size() % width != 0) {
            decoder_.oddity(at, Known::interrupts,
                            fmt::format("{} cells are not a whole number of interrupts of {} ({})", cells.size(), width,
                                        decoder_.node(*controller).path));
        }
        // Without a controller nobody knows where one ends: they stay together.
        const std::size_t step = width == 0 ? std::max<std::size_t>(cells.size(), 1) : width;
        for (std::size_t i = 0; i < cells.size(); i += step)
            add(at, controller, cells, i, std::min(step, cells.size() - i));
    }

    void decode_extended(NodeIndex at) {
        const Cells cells = decoder_.cells(at, Known::interrupts_extended);
        for (std::size_t i = 0; i < cells.size();) {
            const std::uint32_t phandle = cells[i++];
            const std::optional<NodeIndex> controller = decoder_.by_phandle(phandle);
            if (!controller) {
                add(at, std::nullopt, cells, i, 0);
                if (phandle == 0) continue;  // a hole: this interrupt is not connected
                decoder_.oddity(at, Known::interrupts_extended, fmt::format("no node has phandle {:#x}", phandle));
                return;
            }
            const std::size_t width = decoder_.u32(*controller, Known::interrupt_cells).value_or(0);
            const std::size_t left = cells.size() - i;
            if (left < width) {
                decoder_.oddity(at, Known::interrupts_extended,
                                fmt::format("phandle {:#x} ({}) takes {} cells, {} are left", phandle,
                                            decoder_.node(*controller).path, width, left));
            }
            add(at, controller, cells, i, std::min(width, left));
            i += std::min(width, left);
        }
    }

    void add(NodeIndex at, std::optional<NodeIndex> controller, const Cells& cells, std::size_t from,
             std::size_t count) {
        decoder_.spend_entries(1);
        Interrupt interrupt;
        interrupt.controller = controller;
        for (std::size_t k = 0; k < count; ++k) interrupt.cells.push_back(cells[from + k]);
        decoder_.node(at).interrupts.push_back(std::move(interrupt));
    }

    Decoder& decoder_;
};

}  // namespace

void decode_interrupts(Decoder& decoder) {
    InterruptDecoder interrupts(decoder);
    for (std::uint32_t i = 0; i < decoder.size(); ++i) interrupts.decode(NodeIndex{i});
}

}  // namespace xlate::firmware
