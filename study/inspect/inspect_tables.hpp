// ACPI tables as `xlate inspect` shows them: decoded, by signature.
#pragma once

#include <string>

#include "firmware/acpi/tables.hpp"

namespace xlate::study {

/// Appends `, "tables": {…}`: each table's signature, length, revision, checksum_ok, file and file_size, and of those
/// that speak of IOMMUs what they hold. Addresses, offsets and ids are texts such as "0x9050000"; numbers otherwise.
/// `id_count` of an ID mapping is the number of ids.
void write_tables_json(const firmware::acpi::Tables& tables, std::string& out);
/// A line for each table.
std::string tables_text(const firmware::acpi::Tables& tables);

}  // namespace xlate::study
