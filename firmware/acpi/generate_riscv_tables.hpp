// Of a generated RISC-V board: the tables that other machines have none of. Private to firmware/.
#pragma once

#include "firmware/acpi/table_writer.hpp"
#include "firmware/board_layout.hpp"

namespace xlate::firmware::acpi {

/// Harts, and the PLIC that all wires lead to.
TableWriter riscv_madt(const BoardSpec& board);
/// What the harts can do: one instruction set string for all.
TableWriter rhct(const BoardSpec& board);
/// IOMMUs of the platform with their wires, then root complexes and platform devices with their ID mappings.
TableWriter rimt(const BoardLayout& layout);

}  // namespace xlate::firmware::acpi
