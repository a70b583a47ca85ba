// A second reading of the architecture: translates one access by reading STE, CD and tables straight from memory.
// No caches, no resumption, none of the engine's headers: written from docs/spec/iommu-hardware.md sections 1.5 to
// 1.11 alone, to disagree with the engine where one of the two is wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace xlate::tests::flat {

struct Machine {
    std::function<std::uint64_t(std::uint64_t)> read64;
    unsigned oas_bits = 48;  ///< output size; 52 makes the 64K granule's addresses wide
    bool xnx = true;
    bool ds = false;  ///< IDR5.DS: CD.DS and STE.S2DS count
    bool e2h = false;
};

struct Access {
    std::uint64_t va = 0;
    bool write = false;
    bool instruction = false;
    bool privileged = false;
};

struct Outcome {
    bool ok = false;
    std::uint64_t pa = 0;
    unsigned code = 0;  ///< event code if not ok
    bool s2 = false;
    unsigned cls = 2;  ///< CLASS: 0 CD, 1 TT, 2 IN
    bool ttrnw = false;
    std::uint64_t ipa = 0;
    /// Descriptors that hardware must have changed: address and new value.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> updates;
};

/// The STE at `ste_address` is valid and legal, with one CD; so is the CD if it can be reached.
Outcome translate(const Machine& machine, std::uint64_t ste_address, const Access& access);

}  // namespace xlate::tests::flat
