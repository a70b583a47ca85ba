// What a TLM payload does to simulated memory, without time: for every part that has the bytes.
#pragma once

#include <tlm>

#include "soc/bus/physical_memory.hpp"

namespace xlate::soc {

/// Moves the payload's bytes. All of them have to be memory.
void move_bytes(PhysicalMemory& bytes, tlm::tlm_generic_payload& payload);
/// For transport_dbg: the bytes moved, 0 where not all are memory.
unsigned debug_access(PhysicalMemory& bytes, tlm::tlm_generic_payload& payload);

}  // namespace xlate::soc
