#include "study/inspect/inspect_tables.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlate::study {
namespace {

using nlohmann::ordered_json;
using namespace firmware::acpi;

/// Printable ASCII: JSON takes only UTF-8.
std::string plain(const std::string& text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        result += byte < 0x20 || byte > 0x7e ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
    }
    return result;
}

ordered_json json_of(const FieldValue& value) {
    using Kind = FieldValue::Kind;
    switch (value.kind) {
        case Kind::none:
            return nullptr;
        case Kind::flag:
            return value.number != 0;
        case Kind::number:
            return value.number;
        case Kind::hex:
            return fmt::format("{:#x}", value.number);
        case Kind::text:
            return plain(value.text);
        case Kind::list: {
            ordered_json all = ordered_json::array();
            for (const FieldValue& one : value.list) all.push_back(json_of(one));
            return all;
        }
        case Kind::fields:
            break;
    }
    ordered_json all = ordered_json::object();
    for (const Field& field : value.fields) all[std::string(field.name)] = json_of(field.value);
    return all;
}

}  // namespace

void write_tables_json(const Tables& tables, std::string& out) {
    ordered_json all = ordered_json::object();
    for (const Table& table : tables.tables) {
        ordered_json one = {{"signature", plain(table.signature)}, {"length", table.length},
                            {"revision", table.revision},          {"checksum_ok", table.checksum_ok},
                            {"file_size", table.file_size},        {"file", plain(table.file)}};
        const Fields fields = tables.fields_of(table);
        for (const Field& field : fields.all()) one[std::string(field.name)] = json_of(field.value);
        std::string key = plain(table.signature);
        for (unsigned n = 2; all.contains(key); ++n) key = fmt::format("{}{}", plain(table.signature), n);
        all[key] = std::move(one);
    }
    const std::string text = all.dump(1);
    out += ",\n \"tables\": ";
    for (const char c : text) {
        out += c;
        if (c == '\n') out += ' ';
    }
}

std::string tables_text(const Tables& tables) {
    std::string out = "ACPI tables\n";
    for (const Table& table : tables.tables) {
        const std::string_view title = table_title(table.signature);
        out += fmt::format("  {}  {}{}, revision {}, {} bytes ({}){}\n", plain(table.signature),
                           title.empty() ? "not known, passed over" : title,
                           table.oem_id.empty() ? "" : ", by " + plain(table.oem_id), table.revision, table.length,
                           plain(table.file), table.checksum_ok ? "" : ", wrong checksum");
    }
    return out;
}

}  // namespace xlate::study
