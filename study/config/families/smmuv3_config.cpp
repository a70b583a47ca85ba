// What an SMMUv3's ID registers say.
#include <algorithm>

#include "study/config/families/families.hpp"

namespace xlate::study {

void visit_smmuv3(ParameterVisitor& v, IommuConfig& iommu) {
    static const std::vector<std::string> kNames{"qemu", "mmu-600-like", "full"};
    v.map("features", "What its ID registers say.", [&] {
        std::size_t like = 0;
        while (like + 1 < kNames.size() && kNames[like] != iommu.features) ++like;
        v.choice("like", "What the others start from.", like, kNames);
        iommu::smmuv3::Features& f = iommu.params.hardware.smmuv3;
        if (like < kNames.size() && kNames[like] != iommu.features) {
            iommu.features = kNames[like];
            f = iommu::smmuv3::features_by_name(iommu.features);
        }
        const auto bit = [&](const char* key, const char* sentence, std::uint8_t& field) {
            bool on = field != 0;
            v.boolean(key, sentence, on);
            field = on ? 1 : 0;
        };
        bit("ats", "IDR0.ATS: endpoints may ask it for translations, and send translated accesses.", f.ats);
        bit("pri", "IDR0.PRI: endpoints may send page requests.", f.pri);
        if (f.pri != 0 && f.priqs == 0) f.priqs = 19;
        bit("msi", "IDR0.MSI: it can send its interrupts and the completion of a SYNC as messages.", f.msi);
        bit("sev", "IDR0.SEV: a SYNC can wake CPUs that wait for an event.", f.sev);
        bit("ril", "IDR3.RIL: TLB invalidations by range.", f.ril);
        integer(v, "sid_bits", "IDR1.SIDSIZE: bits of a stream id; not given: more where the firmware's ids need them.",
                f.sidsize, 1, 32);
        integer(v, "ssid_bits", "IDR1.SSIDSIZE: bits of a substream id; 0: none.", f.ssidsize, 0, 20);
        static const std::vector<std::string> kOas{"32", "36", "40", "42", "44", "48"};
        std::size_t oas = std::min<std::size_t>(f.oas, kOas.size() - 1);
        v.choice("oas", "IDR5.OAS: bits of an output address; not given: more where the firmware's memory needs them.",
                 oas, kOas);
        f.oas = static_cast<std::uint8_t>(oas);
        static const std::vector<std::string> kQueues{"0", "1", "2", "4", "8", "16", "32", "64", "128", "256"};
        std::size_t queues = f.ecmdq == 0 ? 0 : std::size_t{1} + f.ecmdq_log2numq;
        v.choice("ecmdq", "IDR1.ECMDQ, IDR6: enhanced command queues, of which each CPU gets one; 0: none.", queues,
                 kQueues);
        f.ecmdq = queues != 0 ? 1 : 0;
        f.ecmdq_log2numq = static_cast<std::uint8_t>(queues != 0 ? queues - 1 : 0);
    });
}

void restart_families(IommuConfig& iommu) {
    iommu.params.hardware.smmuv3 = iommu::smmuv3::features_by_name(iommu.features);
}

}  // namespace xlate::study
