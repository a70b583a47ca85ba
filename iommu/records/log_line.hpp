// Pieces of a pasted line: hexadecimal words, numbers behind a name, PCI addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xlate::iommu::records {

/// A hexadecimal word as it is written.
struct Token {
    std::uint64_t value = 0;
    std::size_t digits = 0;
    unsigned line = 0;
    unsigned column = 0;
};

/// "0x1f", or at least eight digits.
std::optional<Token> token_of(std::string_view text);

bool has(std::string_view line, std::string_view what);

/// The hexadecimal number behind `key` in `line`, with 0x or without.
std::optional<std::uint64_t> number_after(std::string_view line, std::string_view key);
/// The decimal one.
std::optional<std::uint64_t> decimal_after(std::string_view line, std::string_view key);

/// The requester id of the last "bb:dd.f" of `text`; 0 if it has none. Kernels 5.10 to 5.12 write "0xbb:0xdd.f".
std::uint64_t pci_id(std::string_view text);

/// Whether a kernel's line names an IOMMU or its driver and tells of a fault, an error or a timeout, and is not one of
/// those that only accompany a record ("FSYNR0 = ...").
bool tells_of_fault(std::string_view line);

/// "arm-smmu-v3 9050000.iommu: ": who says it, without time stamps before; empty if the line does not tell.
std::string_view speaker_of(std::string_view line);

}  // namespace xlate::iommu::records
