// What a hypervisor keeps below the kernel, so that nested translation can be run without one: a second stage (Sv39x4)
// that maps guest-physical addresses to themselves, memory in pages of 4 KiB, all else in the largest leaves that fit.
// Ours (soc.iommu.riscv.like: nested): in a machine the hypervisor writes it into the device contexts, and tags the
// guest's invalidations with its GSCID; here the driver does both.
// Not modelled: traps, a guest-physical space that differs from the machine's.
#pragma once

#include <cstdint>
#include <optional>

#include "firmware/description.hpp"
#include "kernel-model/pgtable/table_memory.hpp"

namespace xlate::kernel {

/// Makes the tables. iohgatp of every device context; nothing: there is no memory for them.
std::optional<std::uint64_t> make_identity_second_stage(TableMemory& memory, const firmware::Description& description);

}  // namespace xlate::kernel
