// From a description back to a flattened device tree, so that a generated board takes the same way as a real one.
#pragma once

#include <cstdint>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::firmware {

/// Version 17. What was read comes out again: raw properties are written as they stand. What a generator filled in
/// without raw properties is encoded from the decoded fields: compatible, status, cells, reg, interrupts (always in the
/// extended form), empty ranges, the IOMMU and DMA properties; `memory` becomes nodes at the end if the tree has none.
/// A node that is referred to and has no phandle gets the next free one. Left to raw properties: ranges with rows,
/// device_type, #interrupt-cells, interconnects, #stream-id-cells.
/// Reading the result gives the same nodes with the same decoded fields.
/// Errors: InputError (bad_firmware) if a value does not fit the cells it is written in; InternalError if `nodes` is no
/// tree.
std::vector<std::uint8_t> write_device_tree(const Description& description);

}  // namespace xlate::firmware
