#include "iommu/dart/faults.hpp"

#include "iommu/dart/layout.hpp"

namespace xlate::iommu::dart {

std::string name(FaultCode code) {
    switch (code) {
        case FaultCode::none:
            return "NONE";
        case FaultCode::no_ttbr:
            return "NO_TTBR";
        case FaultCode::no_pgd:
            return "NO_PGD";
        case FaultCode::no_pmd:
            return "NO_PMD";
        case FaultCode::no_pte:
            return "NO_PTE";
        case FaultCode::write:
            return "WRITE_FAULT";
        case FaultCode::read:
            return "READ_FAULT";
        case FaultCode::blocked:
            return "DMA_BLOCKED";
    }
    return "UNKNOWN";
}

std::uint32_t error_code(FaultCode code, Generation generation) {
    const bool first = generation == Generation::t8020;
    switch (code) {
        case FaultCode::no_ttbr:
            return first ? t8020::error::NO_TTBR : t8110::error::NO_TTBR;
        case FaultCode::no_pgd:
            return first ? t8020::error::NO_PMD : t8110::error::NO_PGD;
        case FaultCode::no_pmd:
            return first ? t8020::error::NO_PMD : t8110::error::NO_PMD;
        case FaultCode::no_pte:
            return first ? t8020::error::NO_PTE : t8110::error::NO_PTE;
        case FaultCode::write:
            return first ? t8020::error::WRITE : t8110::error::WRITE;
        case FaultCode::read:
            return first ? t8020::error::READ : t8110::error::READ;
        case FaultCode::none:
        case FaultCode::blocked:
            return 0;
    }
    return 0;
}

}  // namespace xlate::iommu::dart
