// Bounds on what one firmware blob may cost, far above any real board (the largest known tree: some 4,000 nodes).
// Beyond them the reader stops with InputError (status limit), so that no blob takes unbounded memory or time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xlate::firmware {

inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{64} << 20;
inline constexpr std::size_t kMaxNodes = 400'000;
inline constexpr std::size_t kMaxProperties = 2'000'000;
inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxNameBytes = 255;                         ///< of a node or a property
inline constexpr std::uint64_t kMaxPathBytes = std::uint64_t{256} << 20;  ///< all full paths together
inline constexpr std::uint64_t kMaxDecodedEntries = 4'000'000;            ///< list entries of all decoded properties
inline constexpr std::uint64_t kMaxDecodeSteps = 10'000'000;              ///< rows looked at while translating
inline constexpr std::size_t kMaxOddities = 10'000;
inline constexpr std::size_t kMaxAddressCells = 4;  ///< #address-cells and #size-cells
inline constexpr std::uint64_t kMaxTableBytes = std::uint64_t{16}
                                                << 20;  ///< of one ACPI table (the largest known: AML)
inline constexpr std::size_t kMaxTables = 256;
inline constexpr std::size_t kMaxPciRoots = 1024;
inline constexpr std::size_t kMaxNamespaceDepth = 64;         ///< scopes of an AML table inside each other
inline constexpr std::size_t kMaxNamespaceObjects = 200'000;  ///< of all AML tables

}  // namespace xlate::firmware
