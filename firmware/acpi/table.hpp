// One ACPI table: its header, its checksum, and checked reads of what is behind them.
// Source: ACPI specification 6.5, sections 5.2.6 (header) and 5.2.5 to 5.2.10 (tables without one).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/span.hpp"
#include "firmware/description.hpp"

namespace xlate::firmware::acpi {

inline constexpr std::uint32_t kHeaderBytes = 36;

/// A table as it stands in a file. `bytes` is cut to the table's own length, header included.
struct Table {
    std::string file;       ///< its name, for messages
    std::string signature;  ///< four characters: "IORT"
    std::uint32_t length = 0;
    std::uint8_t revision = 0;
    std::string oem_id;        ///< without the padding
    std::string oem_table_id;  ///< without the padding
    bool checksum_ok = true;   ///< all bytes add up to 0; true for the FACS, which has no checksum
    std::uint64_t file_size = 0;
    std::vector<std::uint8_t> bytes;
};

/// True if `bytes` begin as an ACPI table does: four capitals, digits or underscores, and a length; or with an RSDP.
bool looks_like_table(ByteView bytes);

/// The length that the header names, if there is nothing wrong with it. `head`: the first bytes of a file of
/// `file_bytes`, 36 of them if there are so many. Errors: as those of read_table, and status limit (limits.hpp).
std::uint32_t read_table_length(ByteView head, std::uint64_t file_bytes, const std::string& file);

/// Checks the header. As Linux does, a wrong checksum is noted in `oddities` and the table used.
/// Errors: InputError with a byte offset, status bad_firmware, if the header is cut short or the length that it names
/// is not there.
Table read_table(const std::vector<std::uint8_t>& bytes, const std::string& file, std::vector<Oddity>& oddities);

/// What a table of this signature is, in words: "I/O remapping table"; empty for one that we do not know.
std::string_view table_title(std::string_view signature);

/// Reads a table's fields; nothing outside of it is ever touched.
class TableReader {
public:
    TableReader(const Table& table, std::vector<Oddity>& oddities) : table_(table), oddities_(oddities) {}

    std::uint64_t size() const { return table_.bytes.size(); }
    bool holds(std::uint64_t offset, std::uint64_t bytes) const { return offset <= size() && bytes <= size() - offset; }
    /// Little-endian. A read outside of the table is InputError (bad_firmware): it ends inside `what`.
    std::uint8_t u8(std::uint64_t offset, std::string_view what) const {
        return static_cast<std::uint8_t>(word(offset, 1, what));
    }
    std::uint16_t u16(std::uint64_t offset, std::string_view what) const {
        return static_cast<std::uint16_t>(word(offset, 2, what));
    }
    std::uint32_t u32(std::uint64_t offset, std::string_view what) const {
        return static_cast<std::uint32_t>(word(offset, 4, what));
    }
    std::uint64_t u64(std::uint64_t offset, std::string_view what) const { return word(offset, 8, what); }
    /// Up to a zero byte or `limit`; `terminated` says which.
    std::string text(std::uint64_t offset, std::uint64_t limit, bool& terminated) const;

    [[noreturn]] void fail(std::uint64_t offset, std::string what, std::string expected = {},
                           ExitStatus status = ExitStatus::bad_firmware) const;
    /// Something odd that does not stop the reading.
    void note(std::uint64_t offset, std::string what);
    const Table& table() const { return table_; }

private:
    std::uint64_t word(std::uint64_t offset, unsigned bytes, std::string_view what) const;

    const Table& table_;
    std::vector<Oddity>& oddities_;
};

/// "IORT.dat+0xa0": where an oddity of a table stands.
std::string place(const Table& table, std::uint64_t offset);

}  // namespace xlate::firmware::acpi
