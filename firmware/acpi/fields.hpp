// What a decoded table says, as named values in the order of the table: one form for every kind of table, so that
// whoever prints tables (xlate inspect) has no branch for one of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xlate::firmware::acpi {

struct Field;

struct FieldValue {
    enum class Kind : std::uint8_t {
        none,  ///< the table is too old to have it
        flag,
        number,
        hex,   ///< an address, an offset, an id
        text,  ///< as it stands in the table: any bytes
        list,
        fields
    };
    Kind kind = Kind::none;
    std::uint64_t number = 0;  ///< of a flag: 0 or 1
    std::string text;
    std::vector<FieldValue> list;
    std::vector<Field> fields;
};

struct Field {
    std::string_view name;  ///< a literal
    FieldValue value;
};

/// One structure, field by field.
class Fields {
public:
    Fields& none(std::string_view name) { return add(name, FieldValue::Kind::none, 0); }
    Fields& flag(std::string_view name, bool value) { return add(name, FieldValue::Kind::flag, value ? 1 : 0); }
    Fields& number(std::string_view name, std::uint64_t value) { return add(name, FieldValue::Kind::number, value); }
    Fields& hex(std::string_view name, std::uint64_t value) { return add(name, FieldValue::Kind::hex, value); }
    Fields& text(std::string_view name, std::string_view value) {
        add(name, FieldValue::Kind::text, 0);
        all_.back().value.text = value;
        return *this;
    }
    Fields& list(std::string_view name, std::vector<FieldValue> values) {
        add(name, FieldValue::Kind::list, 0);
        all_.back().value.list = std::move(values);
        return *this;
    }
    /// A structure for each element of `of`, as `tell(const Element&) -> Fields` has it.
    template <class Elements, class Tell>
    Fields& list(std::string_view name, const Elements& of, Tell tell) {
        std::vector<FieldValue> values;
        for (const auto& one : of) values.push_back(tell(one).value());
        return list(name, std::move(values));
    }

    FieldValue value() && {
        FieldValue made;
        made.kind = FieldValue::Kind::fields;
        made.fields = std::move(all_);
        return made;
    }
    const std::vector<Field>& all() const& { return all_; }
    const std::vector<Field>& all() && = delete;  // it would not outlive the call

private:
    Fields& add(std::string_view name, FieldValue::Kind kind, std::uint64_t number) {
        Field& field = all_.emplace_back();
        field.name = name;
        field.value.kind = kind;
        field.value.number = number;
        return *this;
    }

    std::vector<Field> all_;
};

}  // namespace xlate::firmware::acpi
