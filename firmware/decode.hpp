// What the parts of the device tree reader share: the description in the making, an index of the properties that are
// decoded, an index of phandles, and the budget. Private to firmware/.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bits.hpp"
#include "firmware/description.hpp"

namespace xlate::firmware {

/// The properties that the reader decodes; found once, so that no question walks a property list again.
enum class Known : std::uint8_t {
    address_cells,
    compatible,
    device_type,
    dma_coherent,
    dma_noncoherent,
    dma_ranges,
    ibm_phandle,
    interconnect_cells,
    interconnect_names,
    interconnects,
    interrupt_cells,
    interrupt_names,
    interrupt_parent,
    interrupts,
    interrupts_extended,
    iommu_addresses,
    iommu_cells,
    iommu_map,
    iommu_map_mask,
    iommus,
    linux_phandle,
    memory_region,
    mmu_masters,
    phandle,
    ranges,
    reg,
    reg_names,
    size_cells,
    status,
    stream_id_cells,
    count
};

/// A property's value as big-endian cells; a cut-off cell at the end does not count.
class Cells {
public:
    explicit Cells(const Property* property)
        : bytes_(property == nullptr ? nullptr : property->bytes.data()),
          count_(property == nullptr ? 0 : property->bytes.size() / 4) {}
    std::size_t size() const { return count_; }
    std::uint32_t operator[](std::size_t i) const { return static_cast<std::uint32_t>(load_be(bytes_ + 4 * i, 4)); }
    /// The low 64 bits of a number of `cells` cells that starts at cell `i`.
    std::uint64_t number(std::size_t i, std::size_t cells) const {
        std::uint64_t value = 0;
        for (std::size_t k = 0; k < cells; ++k) value = (value << 32) | (*this)[i + k];
        return value;
    }

private:
    const std::uint8_t* bytes_;
    std::size_t count_;
};

class Decoder {
public:
    explicit Decoder(Description& out);

    Description& out() { return out_; }
    std::size_t size() const { return out_.nodes.size(); }
    Node& node(NodeIndex at) { return out_.nodes[index(at)]; }
    const Property* property(NodeIndex at, Known known) const;
    Cells cells(NodeIndex at, Known known) const { return Cells(property(at, known)); }
    std::optional<std::uint32_t> u32(NodeIndex at, Known known) const;
    /// The property as a list of zero-terminated texts, in the blob.
    std::vector<std::string_view> texts(NodeIndex at, Known known);

    /// Whether the first of these texts is `wanted`; costs the same however long the property is.
    bool first_text_is(NodeIndex at, Known known, std::string_view wanted) const;

    /// The first node with this phandle; none for 0.
    std::optional<NodeIndex> by_phandle(std::uint32_t phandle) const;
    void index_phandles();

    /// Notes an oddity; `known` adds the byte offset of that property.
    void oddity(NodeIndex at, std::string what);
    void oddity(NodeIndex at, Known known, std::string what);
    /// Counts decoded entries and steps; past the limit: InputError (status limit).
    void spend_entries(std::uint64_t count);
    void spend_steps(std::uint64_t count);

private:
    Description& out_;
    std::vector<std::array<std::int32_t, static_cast<std::size_t>(Known::count)>> known_;
    std::vector<std::pair<std::uint32_t, NodeIndex>> phandles_;  // sorted
    std::uint64_t entries_ = 0;
    std::uint64_t steps_ = 0;
};

/// "/soc/usb@c000" of a node, or "nothing".
std::string path_of(const Description& description, std::optional<NodeIndex> at);

/// One concept each, in the order in which they need one another. Each fills its fields of every node.
void decode_identity(Decoder& decoder);      // phandle, compatible, status, cells
void decode_addresses(Decoder& decoder);     // regs, ranges, memory
void decode_interrupts(Decoder& decoder);    // interrupts
void decode_dma(Decoder& decoder);           // dma_ranges, dma_parent, dma_ranges_node, dma_coherent
void decode_iommus(Decoder& decoder);        // iommu_cells, iommus, iommu_map, mmu_masters
void decode_reservations(Decoder& decoder);  // device_reservations
/// What is strange although each part could be read. Last: reads all of the above.
void note_oddities(Decoder& decoder);
void note_map(Decoder& decoder, NodeIndex at);  // of its maps alone

}  // namespace xlate::firmware
