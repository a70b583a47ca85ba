#include <utility>

#include "base/huge_pages.hpp"
#include "firmware/decode.hpp"
#include "firmware/description.hpp"
#include "firmware/flat_tree.hpp"

namespace xlate::firmware {

Description read_device_tree(std::vector<std::uint8_t> blob, const std::string& name) {
    Description description;
    description.origin = Description::Origin::device_tree;
    constexpr std::size_t kHeapOfByte = 6;  // paths, lists and texts, for each byte of a tree with many small nodes
    expect_heap(blob.size() * kHeapOfByte);
    read_flat_tree(std::move(blob), name, description);
    Decoder decoder(description);
    decode_identity(decoder);
    decode_addresses(decoder);
    decode_interrupts(decoder);
    decode_dma(decoder);
    decode_iommus(decoder);
    decode_reservations(decoder);
    note_oddities(decoder);
    return description;
}

}  // namespace xlate::firmware
