// What the ID registers of an SMMUv1 or SMMUv2 say.
#include "study/config/families/families.hpp"

namespace xlate::study {

void visit_smmuv2(ParameterVisitor& v, IommuConfig& iommu) {
    static const std::vector<std::string> kNames{"by-compatible",
                                                 "full",
                                                 "smmu-v1",
                                                 "smmu-v2",
                                                 "mmu-400-like",
                                                 "mmu-401-like",
                                                 "mmu-500-like",
                                                 "qcom-smmu-500-like",
                                                 "nvidia-smmu-500-like",
                                                 "marvell-smmu-500-like",
                                                 "cavium-smmu-v2-like"};
    v.map("smmuv2", "SMMUv1 and v2 only.", [&] {
        std::string& name = iommu.params.hardware.smmuv2;
        std::size_t like = 0;
        for (std::size_t i = 1; i < kNames.size(); ++i) like = kNames[i] == name ? i : like;
        v.choice("like", "What its ID registers say; by-compatible: what firmware calls it.", like, kNames);
        if (like < kNames.size()) name = like == 0 ? "" : kNames[like];
    });
}

}  // namespace xlate::study
