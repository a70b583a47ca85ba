// Large device trees for measuring, made by libfdt's sequential writer.
#pragma once

#include <cstdint>
#include <vector>

namespace xlate::bench {

/// An SMMUv3 and buses of 64 platform masters each, every master with reg, interrupts and iommus: about `nodes` nodes.
/// Throws std::runtime_error if libfdt does not like it.
std::vector<std::uint8_t> big_tree(std::uint32_t nodes);

}  // namespace xlate::bench
