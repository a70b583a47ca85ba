// Writes an ACPI table byte by byte; header, length and checksum are its own business.
// Source: ACPI specification 6.5, section 5.2.6.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace xlate::firmware::acpi {

class TableWriter {
public:
    TableWriter(std::string_view signature, std::uint8_t revision);

    /// Little-endian, behind what stands there already.
    TableWriter& u8(std::uint64_t value) { return put(value, 1); }
    TableWriter& u16(std::uint64_t value) { return put(value, 2); }
    TableWriter& u32(std::uint64_t value) { return put(value, 4); }
    TableWriter& u64(std::uint64_t value) { return put(value, 8); }
    TableWriter& zeros(std::size_t count);
    /// The letters, then zeros up to `width`; 0: with one zero.
    TableWriter& text(std::string_view letters, std::size_t width = 0);
    TableWriter& raw(const std::vector<std::uint8_t>& bytes);
    /// Over what stands at `offset`, which must be there.
    TableWriter& patch(std::size_t offset, unsigned bytes, std::uint64_t value);

    std::size_t size() const { return bytes_.size(); }
    std::vector<std::uint8_t> finish() const;

private:
    TableWriter& put(std::uint64_t value, unsigned bytes);

    std::vector<std::uint8_t> bytes_;
};

/// Sets the checksum of a table whose bytes somebody has changed. It must have a whole header.
void fix_checksum(std::vector<std::uint8_t>& table);

}  // namespace xlate::firmware::acpi
