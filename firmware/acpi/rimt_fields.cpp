#include "firmware/acpi/fields.hpp"
#include "firmware/acpi/rimt.hpp"

namespace xlate::firmware::acpi {
namespace {

Fields of_mapping(const RimtMapping& mapping) {
    Fields fields;
    fields.hex("source_base", mapping.source_base).hex("ids", mapping.ids).hex("dest_base", mapping.dest_base);
    fields.hex("dest_offset", mapping.dest_offset).hex("flags", mapping.flags);
    return fields;
}

struct Body {
    Fields& to;

    void operator()(const std::monostate&) const {}
    void operator()(const RimtIommu& iommu) const {
        to.text("hardware_id", iommu.hardware_id).hex("base", iommu.base).hex("flags", iommu.flags);
        to.number("proximity", iommu.proximity).number("segment", iommu.segment).hex("bdf", iommu.bdf);
        to.list("wires", iommu.wires, [](const RimtIommu::Wire& wire) {
            Fields fields;
            fields.number("irq", wire.irq).hex("flags", wire.flags);
            return fields;
        });
    }
    void operator()(const RimtRootComplex& complex) const {
        to.hex("flags", complex.flags).number("segment", complex.segment);
        to.list("mappings", complex.mappings, of_mapping);
    }
    void operator()(const RimtPlatformDevice& device) const {
        to.text("path", device.path).list("mappings", device.mappings, of_mapping);
    }
};

}  // namespace

Fields fields_of(const Rimt& rimt) {
    Fields all;
    all.number("node_count", rimt.node_count).list("nodes", rimt.nodes, [](const RimtNode& node) {
        Fields fields;
        fields.hex("offset", node.offset).text("type", rimt_type_name(node.type)).number("length", node.length);
        fields.number("revision", node.revision).number("id", node.id);
        std::visit(Body{fields}, node.body);
        return fields;
    });
    return all;
}

}  // namespace xlate::firmware::acpi
