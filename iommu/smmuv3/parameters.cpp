#include "iommu/smmuv3/parameters.hpp"

#include "base/error.hpp"

namespace xlate::iommu::smmuv3 {

Features qemu_like() {
    Features f;
    f.had = 1;
    f.ril = 1;
    f.bbml = 2;
    return f;
}

Features full_features() {
    Features f;
    f.s2p = f.s1p = 1;
    f.httu = 2;
    f.hyp = f.ats = f.asid16 = f.msi = f.sev = f.atos = f.pri = f.vmw = f.vmid16 = f.cd2l = f.atsrecerr = 1;
    f.stall_model = 0;
    f.term_model = 0;
    f.ssidsize = 20;
    f.sidsize = 32;
    f.priqs = 19;
    f.attr_types_ovr = f.attr_perms_ovr = 1;
    f.had = f.xnx = f.pps = f.fwb = f.stt = f.ril = f.e0pd = 1;
    f.bbml = 2;
    f.oas = 6;
    f.ds = f.vax = 1;
    f.stall_max = 32;
    f.aidr = 2;
    return f;
}

Features mmu600_like() {
    Features f;
    f.s2p = f.hyp = f.ats = f.msi = f.sev = f.pri = f.vmid16 = f.cd2l = 1;
    f.httu = 2;
    f.stall_model = 0;
    f.term_model = 0;
    f.ssidsize = 20;
    f.sidsize = 24;
    f.priqs = f.eventqs = f.cmdqs = 19;
    f.attr_types_ovr = f.attr_perms_ovr = 1;
    f.had = f.xnx = f.pps = 1;
    f.oas = 5;
    f.stall_max = 16;
    f.iidr = 0x4830043B;
    return f;
}

Features features_by_name(const std::string& preset) {
    if (preset == "qemu") return qemu_like();
    if (preset == "full") return full_features();
    if (preset == "mmu-600-like") return mmu600_like();
    Diagnostic finding;
    finding.what = "no SMMUv3 features are called '" + printable(preset) + "'";
    finding.expected = "expected qemu, full or mmu-600-like";
    finding.nearest = nearest_name(preset, {"qemu", "full", "mmu-600-like"}).value_or("");
    throw InputError(finding);
}

}  // namespace xlate::iommu::smmuv3
