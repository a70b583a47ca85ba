#include "firmware/acpi/fields.hpp"
#include "firmware/acpi/viot.hpp"

namespace xlate::firmware::acpi {
namespace {

struct Body {
    Fields& to;

    void operator()(const std::monostate&) const {}
    void operator()(const ViotPciRange& range) const {
        to.hex("endpoint_start", range.endpoint_start).number("segment_start", range.segment_start);
        to.number("segment_end", range.segment_end).hex("bdf_start", range.bdf_start).hex("bdf_end", range.bdf_end);
        to.hex("output_node", range.output);
    }
    void operator()(const ViotMmioEndpoint& endpoint) const {
        to.hex("endpoint", endpoint.endpoint).hex("base", endpoint.base).hex("output_node", endpoint.output);
    }
    void operator()(const ViotVirtioPci& pci) const { to.number("segment", pci.segment).hex("bdf", pci.bdf); }
    void operator()(const ViotVirtioMmio& mmio) const { to.hex("base", mmio.base); }
};

}  // namespace

Fields fields_of(const Viot& viot) {
    Fields all;
    all.number("node_count", viot.node_count).list("nodes", viot.nodes, [](const ViotNode& node) {
        Fields fields;
        fields.hex("offset", node.offset).text("type", viot_type_name(node.type)).number("length", node.length);
        std::visit(Body{fields}, node.body);
        return fields;
    });
    return all;
}

}  // namespace xlate::firmware::acpi
