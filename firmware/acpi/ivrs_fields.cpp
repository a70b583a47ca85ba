#include <fmt/format.h>

#include "firmware/acpi/fields.hpp"
#include "firmware/acpi/ivrs.hpp"

namespace xlate::firmware::acpi {
namespace {

Fields of_entry(const IvhdEntry& entry) {
    using Kind = IvhdEntry::Kind;
    Fields one;
    one.hex("type", entry.type).text("kind", name(entry.kind)).hex("devid", entry.devid);
    one.text("device", fmt::format("{:02x}:{:02x}.{:x}", entry.devid >> 8, entry.devid >> 3 & 31, entry.devid & 7));
    if (entry.last != entry.devid) one.hex("last", entry.last);
    one.hex("settings", entry.settings);
    if (entry.kind == Kind::alias_select || entry.kind == Kind::alias_range) one.hex("alias", entry.alias);
    if (entry.kind == Kind::extended_select || entry.kind == Kind::extended_range) one.hex("extended", entry.extended);
    if (entry.kind == Kind::special) {
        one.number("handle", entry.handle);
        if (entry.variety == 1 || entry.variety == 2)
            one.text("variety", entry.variety == 1 ? "ioapic" : "hpet");
        else
            one.number("variety", entry.variety);
    }
    if (entry.kind == Kind::acpi_hid) one.text("hid", entry.hid).text("cid", entry.cid).text("uid", entry.uid);
    return one;
}

struct Body {
    Fields& to;

    void operator()(const std::monostate&) const {}
    void operator()(const Ivhd& unit) const {
        to.hex("flags", unit.flags).hex("devid", unit.devid).hex("capability", unit.capability).hex("base", unit.base);
        to.number("segment", unit.segment).hex("info", unit.info).hex("features", unit.features);
        if (unit.type != 0x10) {
            to.hex("extended_features", unit.extended_features);
            to.hex("extended_features2", unit.extended_features2);
        }
        to.list("entries", unit.entries, of_entry);
    }
    void operator()(const Ivmd& memory) const {
        to.hex("flags", memory.flags).hex("devid", memory.devid).hex("last", memory.last).hex("base", memory.base);
        to.hex("memory_length", memory.length);
    }
};

}  // namespace

Fields fields_of(const Ivrs& ivrs) {
    Fields all;
    all.hex("info", ivrs.info).hex("used_type", ivrs.used_type());
    all.list("blocks", ivrs.blocks, [](const IvrsBlock& block) {
        Fields fields;
        fields.hex("offset", block.offset).text("type", ivrs_type_name(block.type)).number("length", block.length);
        std::visit(Body{fields}, block.body);
        return fields;
    });
    return all;
}

}  // namespace xlate::firmware::acpi
