// MADT (signature "APIC"): processors, and where messages become interrupts.
// Source: ACPI specification 6.5, section 5.2.12.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {

struct Madt {
    struct Its {
        std::uint32_t id = 0;
        std::uint64_t base = 0;
    };
    struct MsiFrame {
        std::uint64_t base = 0;
        std::optional<std::uint16_t> spi_base;  ///< none: the frame's own register says it
    };
    std::vector<std::uint32_t> processors;  ///< ids of those that are enabled
    std::vector<Its> its;
    std::vector<MsiFrame> msi_frames;
    std::vector<std::uint8_t> io_apics;  ///< their ids
};

/// A structure that does not fit ends the list with a note. Errors: InputError for a table without its fixed part.
Madt read_madt(const Table& table, std::vector<Oddity>& oddities);

}  // namespace xlate::firmware::acpi
