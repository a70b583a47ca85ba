#include "firmware/acpi/table.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::string_view kRsdp = "RSD PTR ";
constexpr std::uint64_t kRsdpBytes = 20;
constexpr std::uint64_t kShortBytes = 8;  ///< signature and length, which every other table has

constexpr std::array kTitles{
    std::pair{std::string_view("APIC"), std::string_view("interrupt controllers and processors (MADT)")},
    std::pair{std::string_view("BERT"), std::string_view("boot errors")},
    std::pair{std::string_view("BGRT"), std::string_view("boot graphics")},
    std::pair{std::string_view("DBG2"), std::string_view("debug ports")},
    std::pair{std::string_view("DMAR"), std::string_view("Intel VT-d remapping units")},
    std::pair{std::string_view("DSDT"), std::string_view("device namespace (AML)")},
    std::pair{std::string_view("EINJ"), std::string_view("error injection")},
    std::pair{std::string_view("ERST"), std::string_view("error records")},
    std::pair{std::string_view("FACP"), std::string_view("fixed hardware (FADT)")},
    std::pair{std::string_view("FACS"), std::string_view("firmware control structure")},
    std::pair{std::string_view("GTDT"), std::string_view("generic timers")},
    std::pair{std::string_view("HEST"), std::string_view("hardware error sources")},
    std::pair{std::string_view("HMAT"), std::string_view("memory attributes")},
    std::pair{std::string_view("HPET"), std::string_view("high precision event timer")},
    std::pair{std::string_view("IORT"), std::string_view("I/O remapping table")},
    std::pair{std::string_view("IVRS"), std::string_view("AMD I/O virtualization units")},
    std::pair{std::string_view("MCFG"), std::string_view("PCI configuration space")},
    std::pair{std::string_view("NFIT"), std::string_view("NVDIMMs")},
    std::pair{std::string_view("PCCT"), std::string_view("platform communication channels")},
    std::pair{std::string_view("PPTT"), std::string_view("processor topology")},
    std::pair{std::string_view("RHCT"), std::string_view("RISC-V harts")},
    std::pair{std::string_view("RIMT"), std::string_view("RISC-V I/O mapping table")},
    std::pair{std::string_view("RSDT"), std::string_view("list of tables, 32-bit")},
    std::pair{std::string_view("SDEI"), std::string_view("software delegated exceptions")},
    std::pair{std::string_view("SLIT"), std::string_view("distances between nodes")},
    std::pair{std::string_view("SPCR"), std::string_view("serial console")},
    std::pair{std::string_view("SRAT"), std::string_view("affinity of processors and memory")},
    std::pair{std::string_view("SSDT"), std::string_view("more of the device namespace (AML)")},
    std::pair{std::string_view("TPM2"), std::string_view("trusted platform module")},
    std::pair{std::string_view("VIOT"), std::string_view("virtual I/O translation table")},
    std::pair{std::string_view("WAET"), std::string_view("emulated devices of Windows guests")},
    std::pair{std::string_view("XSDT"), std::string_view("list of tables, 64-bit")},
    std::pair{std::string_view("RSD "), std::string_view("root pointer (RSDP)")},
};

[[noreturn]] void refuse(const std::string& file, std::uint64_t offset, std::string what, std::string expected = {},
                         ExitStatus status = ExitStatus::bad_firmware) {
    Diagnostic finding;
    finding.where.file = file;
    finding.where.offset = offset;
    finding.what = std::move(what);
    finding.expected = std::move(expected);
    throw InputError(std::move(finding), status);
}

bool is_rsdp(ByteView bytes) {
    return bytes.size() >= kRsdp.size() && std::equal(kRsdp.begin(), kRsdp.end(), bytes.begin());
}

bool is_signature(ByteView bytes) {
    if (bytes.size() < 4) return false;
    return std::all_of(bytes.begin(), bytes.begin() + 4, [](std::uint8_t c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '!';
    });
}

/// A signature and a length are all that the FACS shares with the others.
bool has_no_header(ByteView bytes) { return std::memcmp(bytes.data(), "FACS", 4) == 0; }

std::string trimmed(const std::uint8_t* text, std::size_t size) {
    std::string result(reinterpret_cast<const char*>(text), size);
    while (!result.empty() && (result.back() == '\0' || result.back() == ' ')) result.pop_back();
    return result;
}

std::uint8_t sum(ByteView bytes) {
    unsigned total = 0;
    for (const std::uint8_t byte : bytes) total += byte;
    return static_cast<std::uint8_t>(total);
}

/// The root pointer is no table, but acpidump hands it out among them.
Table read_rsdp(const std::vector<std::uint8_t>& bytes, const std::string& file) {
    Table table;
    table.file = file;
    table.signature = "RSD ";
    table.revision = bytes[15];
    table.length = kRsdpBytes;
    table.file_size = bytes.size();
    table.bytes.assign(bytes.begin(), bytes.begin() + kRsdpBytes);
    table.checksum_ok = sum(table.bytes) == 0;
    return table;
}

}  // namespace

bool looks_like_table(ByteView bytes) {
    if (is_rsdp(bytes)) return true;
    return is_signature(bytes);
}

std::uint32_t read_table_length(ByteView head, std::uint64_t file_bytes, const std::string& file) {
    if (file_bytes > kMaxTableBytes) {
        refuse(file, kMaxTableBytes, fmt::format("the table is larger than {} MiB", kMaxTableBytes >> 20), {},
               ExitStatus::limit);
    }
    if (is_rsdp(head)) {
        if (head.size() < kRsdpBytes) refuse(file, head.size(), "the file ends inside the root pointer", "20 bytes");
        return kRsdpBytes;
    }
    if (head.size() < kShortBytes) {
        refuse(file, head.size(), fmt::format("the file ends after {} bytes, inside the header", head.size()),
               "an ACPI table of at least 36 bytes");
    }
    if (!is_signature(head)) {
        refuse(file, 0,
               fmt::format("'{}' is not the signature of an ACPI table",
                           printable({reinterpret_cast<const char*>(head.data()), 4})),
               "four capital letters or digits");
    }
    const bool is_facs = has_no_header(head);
    if (!is_facs && head.size() < kHeaderBytes) {
        refuse(file, head.size(), fmt::format("the file ends after {} bytes, inside the header", head.size()),
               "at least 36 bytes");
    }
    const auto length = static_cast<std::uint32_t>(load_le(head.data() + 4, 4));
    const std::uint64_t least = is_facs ? kShortBytes : kHeaderBytes;
    if (length < least) {
        refuse(file, 4, fmt::format("the table says that it is {} bytes long, less than its header", length),
               fmt::format("at least {}", least));
    }
    if (length > file_bytes) {
        refuse(file, 4,
               fmt::format("the table says that it is {} bytes long, but the file has only {}", length, file_bytes));
    }
    return length;
}

Table read_table(const std::vector<std::uint8_t>& bytes, const std::string& file, std::vector<Oddity>& oddities) {
    const std::uint32_t length = read_table_length(bytes, bytes.size(), file);
    if (is_rsdp(bytes)) return read_rsdp(bytes, file);
    Table table;
    table.file = file;
    table.file_size = bytes.size();
    table.signature.assign(reinterpret_cast<const char*>(bytes.data()), 4);
    table.length = length;
    table.bytes.assign(bytes.begin(), bytes.begin() + table.length);
    if (has_no_header(bytes)) return table;
    table.revision = bytes[8];
    table.oem_id = trimmed(bytes.data() + 10, 6);
    table.oem_table_id = trimmed(bytes.data() + 16, 8);
    const std::uint8_t total = sum(table.bytes);
    table.checksum_ok = total == 0;
    if (!table.checksum_ok) {
        oddities.push_back({place(table, 9), fmt::format("checksum: the bytes of the {} add up to {:#04x}, not 0; the "
                                                         "table is used all the same, as Linux does with a warning",
                                                         table.signature, total)});
    }
    if (bytes.size() > table.length) {
        oddities.push_back({place(table, table.length),
                            fmt::format("{} bytes follow the table; they are ignored", bytes.size() - table.length)});
    }
    return table;
}

std::string_view table_title(std::string_view signature) {
    for (const auto& [known, title] : kTitles) {
        if (known == signature) return title;
    }
    return {};
}

std::string place(const Table& table, std::uint64_t offset) { return fmt::format("{}+{:#x}", table.file, offset); }

std::string TableReader::text(std::uint64_t offset, std::uint64_t limit, bool& terminated) const {
    std::string result;
    terminated = false;
    for (std::uint64_t at = offset; at < std::min(limit, size()); ++at) {
        if (table_.bytes[at] == 0) {
            terminated = true;
            break;
        }
        result += static_cast<char>(table_.bytes[at]);
    }
    return result;
}

void TableReader::fail(std::uint64_t offset, std::string what, std::string expected, ExitStatus status) const {
    refuse(table_.file, offset, table_.signature + ": " + what, std::move(expected), status);
}

void TableReader::note(std::uint64_t offset, std::string what) {
    if (oddities_.size() > kMaxOddities) return;
    if (oddities_.size() == kMaxOddities) what = "more oddities than are kept";
    oddities_.push_back({place(table_, offset), std::move(what)});
}

std::uint64_t TableReader::word(std::uint64_t offset, unsigned bytes, std::string_view what) const {
    if (!holds(offset, bytes)) {
        fail(size(), fmt::format("the table ends after {} bytes, inside {}", size(), what),
             fmt::format("at least {}", offset + bytes));
    }
    return load_le(table_.bytes.data() + offset, bytes);
}

}  // namespace xlate::firmware::acpi
