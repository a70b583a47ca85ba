// IVRS: the AMD-Vi units and which devices are behind which.
// Source: AMD I/O Virtualization Technology (IOMMU) specification 3.08, chapter 5; docs/spec/iommu-hardware.md 10.3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {

class Fields;

/// One device entry of an IVHD. Fields that its kind does not have are 0 or empty.
struct IvhdEntry {
    enum class Kind : std::uint8_t {
        padding,
        all,
        select,
        range,  ///< a start and its end
        alias_select,
        alias_range,
        extended_select,
        extended_range,
        special,  ///< IOAPIC or HPET
        acpi_hid,
        unknown
    };
    std::uint64_t offset = 0;
    std::uint8_t type = 0;  ///< as the table has it; of a range that of its start
    Kind kind = Kind::unknown;
    std::uint16_t devid = 0;
    std::uint16_t last = 0;      ///< of a range, inclusive; otherwise devid
    std::uint8_t settings = 0;   ///< INIT, EINT, NMI, SYSMGT, LINT pass
    std::uint16_t alias = 0;     ///< the id that its requests carry
    std::uint32_t extended = 0;  ///< bit 31: ATS requests are blocked
    std::uint8_t handle = 0;
    std::uint8_t variety = 0;  ///< 1 IOAPIC, 2 HPET
    std::string hid;
    std::string cid;
    std::string uid;  ///< an integer as decimal digits
};

struct Ivhd {
    static constexpr std::uint64_t kRegisterBytes = 0x4000;
    std::uint8_t type = 0;   ///< 0x10, 0x11 or 0x40
    std::uint8_t flags = 0;  ///< HtTunEn, PassPW, ResPassPW, Isoc, IotlbSup, ...
    std::uint16_t devid = 0;
    std::uint16_t capability = 0;  ///< offset in its own configuration space
    std::uint64_t base = 0;
    std::uint16_t segment = 0;
    std::uint16_t info = 0;
    std::uint32_t features = 0;            ///< type 0x10: feature reporting; others: attributes
    std::uint64_t extended_features = 0;   ///< types 0x11 and 0x40
    std::uint64_t extended_features2 = 0;  ///< types 0x11 and 0x40
    std::vector<IvhdEntry> entries;
};

struct Ivmd {
    std::uint8_t type = 0;   ///< 0x20 all, 0x21 one, 0x22 a range
    std::uint8_t flags = 0;  ///< bit 0: unity, 1: read, 2: write, 3: exclusion
    std::uint16_t devid = 0;
    std::uint16_t last = 0;  ///< of a range, inclusive
    std::uint64_t base = 0;
    std::uint64_t length = 0;
};

struct IvrsBlock {
    std::uint64_t offset = 0;
    std::uint8_t type = 0;
    std::uint16_t length = 0;
    std::variant<std::monostate, Ivhd, Ivmd> body;
};

struct Ivrs {
    std::uint32_t info = 0;  ///< EFRSup, GVASize, PASize, VASize, ...
    std::vector<IvrsBlock> blocks;

    /// The highest type of IVHD: Linux uses only blocks of that type. 0 if there is none.
    std::uint8_t used_type() const;
};

/// Errors: InputError (bad_firmware) if a block does not fit the table.
Ivrs read_ivrs(const Table& table, std::vector<Oddity>& oddities);
/// What it says, for whoever prints tables.
Fields fields_of(const Ivrs& ivrs);

/// "ivhd-40", "ivmd-21"; "type-9".
std::string ivrs_type_name(std::uint8_t type);
std::string_view name(IvhdEntry::Kind kind);

}  // namespace xlate::firmware::acpi
