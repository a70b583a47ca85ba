#include "firmware/acpi/table_writer.hpp"

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::size_t kLengthAt = 4;
constexpr std::size_t kChecksumAt = 9;

}  // namespace

TableWriter::TableWriter(std::string_view signature, std::uint8_t revision) {
    XLATE_CHECK(signature.size() == 4, std::string(signature));
    text(signature, 4).u32(0).u8(revision).u8(0);
    text("XLATE", 6).text("TABLE", 8).u32(1).text("XLAT", 4).u32(1);
}

TableWriter& TableWriter::zeros(std::size_t count) {
    bytes_.resize(bytes_.size() + count, 0);
    return *this;
}

TableWriter& TableWriter::text(std::string_view letters, std::size_t width) {
    XLATE_CHECK(width == 0 || letters.size() <= width, std::string(letters));
    bytes_.insert(bytes_.end(), letters.begin(), letters.end());
    return zeros(width == 0 ? 1 : width - letters.size());
}

TableWriter& TableWriter::raw(const std::vector<std::uint8_t>& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
}

TableWriter& TableWriter::patch(std::size_t offset, unsigned bytes, std::uint64_t value) {
    XLATE_CHECK(offset + bytes <= bytes_.size(), fmt::format("{:#x} of {:#x}", offset, bytes_.size()));
    store_le(bytes_.data() + offset, bytes, value);
    return *this;
}

std::vector<std::uint8_t> TableWriter::finish() const {
    std::vector<std::uint8_t> table = bytes_;
    store_le(table.data() + kLengthAt, 4, table.size());
    fix_checksum(table);
    return table;
}

TableWriter& TableWriter::put(std::uint64_t value, unsigned bytes) {
    zeros(bytes);
    store_le(bytes_.data() + bytes_.size() - bytes, bytes, value);
    return *this;
}

void fix_checksum(std::vector<std::uint8_t>& table) {
    XLATE_CHECK(table.size() >= kHeaderBytes, fmt::format("{} bytes", table.size()));
    table[kChecksumAt] = 0;
    unsigned total = 0;
    for (const std::uint8_t byte : table) total += byte;
    table[kChecksumAt] = static_cast<std::uint8_t>(0U - total);
}

}  // namespace xlate::firmware::acpi
