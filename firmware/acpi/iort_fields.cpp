#include "firmware/acpi/fields.hpp"
#include "firmware/acpi/iort.hpp"

namespace xlate::firmware::acpi {
namespace {

Fields of_interrupt(const IortInterrupt& one) {
    Fields fields;
    fields.number("gsiv", one.gsiv).number("flags", one.flags);
    return fields;
}

Fields of_mapping(const IdMapping& mapping) {
    Fields fields;
    fields.hex("input_base", mapping.input_base).hex("id_count", mapping.ids());
    fields.hex("output_base", mapping.output_base).hex("output_reference", mapping.output_reference);
    fields.flag("single", mapping.single());
    return fields;
}

struct Body {
    Fields& to;

    void memory(const IortMemory& of) const {
        to.number("cache_coherent", of.cache_coherent).number("memory_flags", of.flags);
    }

    void operator()(const std::monostate&) const {}
    void operator()(const ItsGroup& its) const {
        std::vector<FieldValue> ids;
        for (const std::uint32_t id : its.ids) {
            FieldValue& one = ids.emplace_back();
            one.kind = FieldValue::Kind::number;
            one.number = id;
        }
        to.list("its_ids", std::move(ids));
    }
    void operator()(const NamedComponent& component) const {
        to.text("name", component.path).hex("flags", component.flags);
        memory(component.memory);
        to.number("address_limit", component.address_limit);
    }
    void operator()(const RootComplex& complex) const {
        memory(complex.memory);
        to.number("ats", complex.ats).number("segment", complex.segment);
        to.number("address_limit", complex.address_limit);
    }
    void operator()(const Smmu& smmu) const {
        to.hex("base", smmu.base).hex("span", smmu.span).number("model", smmu.model).hex("flags", smmu.flags);
        to.list("global_interrupts", smmu.global_interrupts, of_interrupt);
        to.list("context_interrupts", smmu.context_interrupts, of_interrupt);
        to.list("pmu_interrupts", smmu.pmu_interrupts, of_interrupt);
    }
    void operator()(const SmmuV3& smmu) const {
        to.hex("base", smmu.base).hex("flags", smmu.flags).hex("vatos", smmu.vatos).number("model", smmu.model);
        to.number("event_gsiv", smmu.event_gsiv).number("pri_gsiv", smmu.pri_gsiv);
        to.number("gerror_gsiv", smmu.gerror_gsiv).number("sync_gsiv", smmu.sync_gsiv);
    }
    void operator()(const Pmcg& group) const {
        to.hex("base", group.page0);
        group.page1 ? to.hex("page1", *group.page1) : to.none("page1");
        to.number("overflow_gsiv", group.overflow_gsiv).hex("node_reference", group.node_reference);
    }
    void operator()(const Rmr& rmr) const {
        to.hex("flags", rmr.flags).list("ranges", rmr.ranges, [](const Rmr::Range& range) {
            Fields fields;
            fields.hex("base", range.base).hex("length", range.length);
            return fields;
        });
    }
};

}  // namespace

Fields fields_of(const Iort& iort) {
    Fields all;
    all.number("node_count", iort.node_count).list("nodes", iort.nodes, [](const IortNode& node) {
        Fields fields;
        fields.hex("offset", node.offset).text("type", iort_type_name(node.type)).number("length", node.length);
        fields.number("revision", node.revision).number("identifier", node.identifier);
        std::visit(Body{fields}, node.body);
        fields.list("mappings", node.mappings, of_mapping);
        return fields;
    });
    return all;
}

}  // namespace xlate::firmware::acpi
