// A machine's ACPI tables, read together. Source: ACPI specification 6.5, chapter 5.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firmware/acpi/dmar.hpp"
#include "firmware/acpi/fields.hpp"
#include "firmware/acpi/iort.hpp"
#include "firmware/acpi/ivrs.hpp"
#include "firmware/acpi/mcfg.hpp"
#include "firmware/acpi/namespace.hpp"
#include "firmware/acpi/rimt.hpp"
#include "firmware/acpi/table.hpp"
#include "firmware/acpi/viot.hpp"

namespace xlate::firmware::acpi {

struct Tables {
    std::vector<Table> tables;  ///< as given
    std::optional<Iort> iort;
    std::optional<Viot> viot;
    std::optional<Dmar> dmar;
    std::optional<Ivrs> ivrs;
    std::optional<Rimt> rimt;
    std::vector<McfgSegment> mcfg;
    std::vector<NamespaceDevice> devices;  ///< of the DSDT, then of each SSDT
    std::vector<Oddity> oddities;

    const Table* find(std::string_view signature) const;
    /// What `table`, one of these, says; nothing of one that is kept by name only, and of a second of its signature.
    Fields fields_of(const Table& table) const;
};

/// A table and the name of its file, for messages.
using NamedBytes = std::pair<std::string, std::vector<std::uint8_t>>;

/// Tables are told apart by their signatures; those that say nothing of IOMMUs are kept by name only. Of two with one
/// signature (other than the AML ones) the first counts, and the second is noted.
/// Errors: InputError (bad_firmware with a byte offset; limit beyond limits.hpp).
Tables read_tables(const std::vector<NamedBytes>& files);

}  // namespace xlate::firmware::acpi
