// Ids and masks that an IOMMU's family does not have or its driver does not take, and that firmware names all the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "firmware/iommu_families.hpp"

namespace xlate::firmware {

/// How many ids, from 0 on, hardware of this kind has, and of SMMUv3 Linux's two-level stream table; none: any number,
/// the instance says it (DART's NUM_SIDS below 256), or each entry is looked at (SMMUv1, v2: refused_stream()), or the
/// driver refuses those that are not there (MediaTek, Qualcomm).
/// Source: docs/spec/iommu-hardware.md sections 5, 9 and 16; Linux ipmmu-vmsa.c (num_utlbs), arm-smmu-v3.h
/// (STRTAB_L1_SZ_SHIFT 20, STRTAB_SPLIT 8: 2^17 entries that lead to 2^8 each).
std::optional<std::uint32_t> id_count(const Node& provider);

/// Why Linux's driver refuses a master with this id and mask whatever else there is: "mask 0x8000 is beyond the 15 bits
/// of an SMMU without extended ids (-22)"; none: it does not. Of SMMUv1, v2 and v3.
/// Source: IHI 0062, SMMU_IDR0.NUMSIDB (15 at most; 16 with EXIDS, which ThunderX has); Linux arm_smmu_probe_device().
std::optional<std::string> refused_stream(const Node& provider, const StreamMatch& stream);

/// How many context banks an SMMUv2 can have by its interrupts, one each; none: no SMMUv2, or it lists none. Its driver
/// refuses hardware with more (-19).
std::optional<unsigned> context_banks(const Node& provider);

/// How many stream match groups the masters that name this SMMUv1 or v2 need at once: matches that no other of them
/// covers. PCI functions, which have one each, are not counted.
unsigned stream_matches(const Description& description, NodeIndex provider);

struct IdBeyond {
    NodeIndex iommu{};
    std::string what;  ///< "id 0x46 (/codec: iommus) is none that it has: 0x0 to 0x1f"
};
/// One for each IOMMU that is there: the highest id that leads to it.
std::vector<IdBeyond> ids_beyond(const Description& description);

}  // namespace xlate::firmware
