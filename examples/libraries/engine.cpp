// An IOMMU engine alone, without SystemC and without time: every family, as it is when the power comes on, is asked for
// one translation. A platform with a clock of its own steps the engine itself (xlate/iommu/instance.hpp).
#include <cstdio>
#include <string>

#include <xlate/iommu/families.hpp>
#include <xlate/iommu/memory_port.hpp>
#include <xlate/iommu/untimed.hpp>

int main() {
    using namespace xlate;
    iommu::SparseMemory memory;
    for (const iommu::Family& family : iommu::families()) {
        iommu::InstanceParams params;
        params.facts.register_bytes = {0x20000};
        params.name = "unit";
        const auto unit = family.make(params);
        unit->reset();
        iommu::Untimed untimed(*unit, memory);
        iommu::Request request;
        request.address = 0x1000;
        const iommu::Step& step = untimed.translate(request);
        std::printf("%-12s 0x1000 %s\n", std::string(family.name).c_str(),
                    step.kind == iommu::StepKind::done ? "passes" : "is refused");
    }
    return iommu::families().size() > 10 ? 0 : 1;
}
