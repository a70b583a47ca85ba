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

/// Whether `line` names an IOMMU or its driver.
bool names_iommu(std::string_view line);

/// Whether a kernel's line names an IOMMU or its driver and tells of a fault, an error or a timeout, and is not one of
/// those that only accompany a record ("FSYNR0 = ...").
bool tells_of_fault(std::string_view line);

/// Whether `line` may be the rest of one that a terminal or a mailer has wrapped: it has no time stamp and no driver's
/// name in front, as a line that a kernel prints has.
bool is_rest_of_line(std::string_view line);

/// Words that only one of a driver's lines has, and what that line says.
struct LineMeaning {
    std::string_view words, meaning;
};
/// The first row whose words `line` has; empty: none.
template <std::size_t N>
std::string_view meaning_in(const LineMeaning (&rows)[N], std::string_view line) {
    for (const LineMeaning& row : rows) {
        if (has(line, row.words)) return row.meaning;
    }
    return {};
}

/// "arm-smmu-v3 9050000.iommu: ": who says it, without time stamps before; empty if the line does not tell.
std::string_view speaker_of(std::string_view line);

}  // namespace xlate::iommu::records
