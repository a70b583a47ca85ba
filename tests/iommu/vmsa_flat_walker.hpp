// A second reading of the architecture for SMMUv1 and SMMUv2: translates one access by reading the tables of a context
// bank straight from memory. No caches, no resumption, none of the engine's headers: written from
// docs/spec/iommu-hardware.md sections 1.10 and 2 and DDI 0406C B3 alone, to disagree with the engine where one is
// wrong.
#pragma once

#include <cstdint>
#include <functional>

namespace xlate::tests::vmsa {

/// One context bank as software wrote it.
struct BankWords {
    std::uint32_t sctlr = 0, tcr = 0, tcr2 = 0, mair0 = 0, mair1 = 0;
    std::uint64_t ttbr0 = 0, ttbr1 = 0;
    bool va64 = false;
};

struct Machine {
    std::function<std::uint64_t(std::uint64_t, unsigned)> read;  ///< address, bytes: little-endian
    unsigned oas_bits = 48, ias_bits = 48;
    bool sign49 = true;  ///< the bus has 49 bits (ID2.UBS is 5)
};

struct Access {
    std::uint64_t va = 0;
    bool write = false, instruction = false, privileged = false;
};

struct Outcome {
    bool ok = false;
    std::uint64_t pa = 0;
    unsigned code = 0;  ///< bit of FSR: 1 TF, 2 AFF, 3 PF, 7 ASF
    bool s2 = false;
    bool s1_walk = false;  ///< stage 2, while stage 1's tables were read
    unsigned level = 0;
    std::uint64_t ipa = 0;  ///< of a stage 2 fault
};

/// nullptr: no such stage. At least one is there, both are legal and on.
Outcome translate(const Machine& machine, const BankWords* stage1, const BankWords* stage2, const Access& access);

}  // namespace xlate::tests::vmsa
