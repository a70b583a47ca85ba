// What the PARAMS registers of a DART say.
#include "study/config/families/families.hpp"

namespace xlate::study {

void visit_dart(ParameterVisitor& v, IommuConfig& iommu) {
    static const std::vector<std::string> kPages{"16 KiB", "4 KiB"};
    v.map("dart", "Apple's DART only.", [&] {
        std::uint8_t& log2 = iommu.params.hardware.dart_page_log2;
        std::size_t page = log2 == 12 ? 1 : 0;
        v.choice("page_size", "PARAMS1.PAGE_SHIFT; larger than the kernel's page: its groups are identity.", page,
                 kPages);
        log2 = page == 1 ? 12 : 14;
    });
}

}  // namespace xlate::study
