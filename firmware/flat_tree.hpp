// The flattened form of a device tree: header, reservation block, structure block, strings block.
// Source: Devicetree Specification v0.4, chapter 5.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/span.hpp"
#include "firmware/description.hpp"

namespace xlate::firmware {

/// What the header says, in bytes from the start of the blob.
struct TreeHeader {
    std::uint64_t total = 0;  ///< of the whole blob
    std::uint64_t reservations = 0;
    std::uint64_t structure = 0;
    std::uint64_t structure_end = 0;
    std::uint64_t strings = 0;
    std::uint64_t strings_end = 0;
    std::uint32_t boot_cpuid = 0;
};

/// True if `head` begins with the magic of a device tree blob.
bool looks_like_tree(ByteView head);

/// Checks all that a header can be wrong in. `head`: the first bytes of a file of `file_bytes`, 40 of them if there are
/// so many. Errors: as those of read_flat_tree.
TreeHeader read_tree_header(ByteView head, std::uint64_t file_bytes, const std::string& name);

/// Checks `blob`, keeps it in `raw` of `out`, and fills `nodes` (name, path, parent, children, raw properties),
/// `reservations`, `boot_cpuid` and `source`. Versions 16 and 17. Two readers must agree: ours, which knows byte
/// offsets, and libfdt's full check. Errors: InputError, status bad_firmware with the byte offset of what is wrong;
/// status limit (limits.hpp).
void read_flat_tree(std::vector<std::uint8_t> blob, const std::string& name, Description& out);

}  // namespace xlate::firmware
