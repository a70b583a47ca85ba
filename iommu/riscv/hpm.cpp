#include "iommu/riscv/hpm.hpp"

#include "iommu/riscv/address_space.hpp"

namespace xlate::iommu::riscv {

namespace {

/// With DMASK the low ones of `pattern`, and the zero above them, are not compared.
bool id_matches(std::uint64_t pattern, std::uint64_t id, bool partial) {
    const std::uint64_t ignored = partial ? pattern ^ (pattern + 1) : 0;
    return ((pattern ^ id) & ~ignored & low_mask(24)) == 0;
}

}  // namespace

bool hpm_matches(std::uint64_t word, HpmEvent event, const HpmSubject& subject) {
    namespace sel = iohpmevt;
    if (sel::EVENT_ID.get(word) != static_cast<std::uint64_t>(event)) return false;
    const std::uint64_t process = sel::PID_PSCID.get(word), device = sel::DID_GSCID.get(word);
    const bool partial = sel::DMASK.test(word);
    if (!sel::IDT.test(word)) {
        if (sel::PV_PSCV.test(word) && subject.requester.pid != std::optional(static_cast<std::uint32_t>(process))) {
            return false;
        }
        return !sel::DV_GSCV.test(word) || id_matches(device, subject.requester.did, partial);
    }
    if (sel::PV_PSCV.test(word)) {
        const std::uint64_t space = subject.space.value_or(0);
        if (!space_tag::PSCV.test(space) || space_tag::PSCID.get(space) != process) return false;
    }
    if (!sel::DV_GSCV.test(word)) return true;
    return subject.device && subject.device->nested() && id_matches(device, subject.device->gscid(), partial);
}

bool hpm_count(Registers& registers, const RiscvParams& params, HpmEvent event, const HpmSubject& subject) {
    bool overflow = false;
    for (unsigned i = 0; i < params.hpm_counters; ++i) {
        if ((registers.iocntinh >> (i + 1) & 1) != 0 || !hpm_matches(registers.iohpmevt[i], event, subject)) continue;
        registers.iohpmctr[i] = (registers.iohpmctr[i] + 1) & low_mask(params.hpm_bits);
        if (registers.iohpmctr[i] != 0 || iohpmevt::OF.test(registers.iohpmevt[i])) continue;
        registers.iohpmevt[i] |= iohpmevt::OF.mask();
        overflow = true;
    }
    return overflow;
}

}  // namespace xlate::iommu::riscv
