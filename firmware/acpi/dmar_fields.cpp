#include "firmware/acpi/dmar.hpp"
#include "firmware/acpi/fields.hpp"

namespace xlate::firmware::acpi {
namespace {

FieldValue number(std::uint64_t value) {
    FieldValue one;
    one.kind = FieldValue::Kind::number;
    one.number = value;
    return one;
}

struct Body {
    Fields& to;

    void operator()(const std::monostate&) const {}
    void operator()(const Drhd& unit) const {
        to.number("flags", unit.flags).flag("include_pci_all", unit.include_all());
        to.number("segment", unit.segment).hex("base", unit.base);
    }
    void operator()(const Rmrr& region) const {
        to.number("segment", region.segment).hex("base", region.base).hex("end", region.end);
    }
    void operator()(const Atsr& ports) const { to.number("flags", ports.flags).number("segment", ports.segment); }
    void operator()(const Rhsa& affinity) const {
        to.hex("base", affinity.base).number("proximity_domain", affinity.proximity_domain);
    }
    void operator()(const Andd& device) const {
        to.number("device_number", device.device_number).text("name", device.name);
    }
    void operator()(const Satc& caches) const { to.number("flags", caches.flags).number("segment", caches.segment); }
    void operator()(const Sidp& properties) const { to.number("segment", properties.segment); }
};

Fields of_scope(const DeviceScope& scope) {
    std::vector<FieldValue> path;
    for (const auto& [device, function] : scope.path) {
        FieldValue& step = path.emplace_back();
        step.kind = FieldValue::Kind::list;
        step.list = {number(device), number(function)};
    }
    Fields fields;
    fields.text("type", scope_type_name(scope.type)).number("enumeration_id", scope.enumeration_id);
    fields.number("start_bus", scope.start_bus).list("path", std::move(path));
    return fields;
}

}  // namespace

Fields fields_of(const Dmar& dmar) {
    Fields all;
    all.number("host_address_width", dmar.host_address_width).hex("flags", dmar.flags);
    all.list("structures", dmar.structures, [](const DmarStructure& structure) {
        Fields fields;
        fields.hex("offset", structure.offset).text("type", dmar_type_name(structure.type));
        fields.number("length", structure.length);
        std::visit(Body{fields}, structure.body);
        if (const auto* const scopes = structure.scopes()) fields.list("scopes", *scopes, of_scope);
        return fields;
    });
    return all;
}

}  // namespace xlate::firmware::acpi
