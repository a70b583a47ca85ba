#include "iommu/records/record.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"

namespace xlate::iommu::records {

std::vector<RecordFamily> gathered_records();  // scripts/gather_families.cmake

namespace {

/// The text of `value` in "0 abort|4 bypass"; empty if it has none.
std::string_view value_text(std::string_view values, std::uint64_t value) {
    const std::string wanted = std::to_string(value);
    for (std::size_t at = 0; at < values.size();) {
        const std::size_t end = std::min(values.find('|', at), values.size());
        const std::string_view one = values.substr(at, end - at);
        const std::size_t blank = one.find(' ');
        if (blank != std::string_view::npos && one.substr(0, blank) == wanted) return one.substr(blank + 1);
        at = end + 1;
    }
    return {};
}

}  // namespace

std::uint64_t RecordField::get(const Words& words) const {
    if (pieces != nullptr) return pieces(words);
    const std::uint64_t bits = word < words.size() ? words[word] : 0;
    return show == Show::address ? bits & Field{lsb, width}.mask() : Field{lsb, width}.get(bits);
}

const std::vector<RecordFamily>& record_families() {
    static const std::vector<RecordFamily> all = [] {
        std::vector<RecordFamily> made = gathered_records();
        std::stable_sort(made.begin(), made.end(),
                         [](const RecordFamily& a, const RecordFamily& b) { return a.place < b.place; });
        return made;
    }();
    return all;
}

const RecordKind* find_record_kind(std::string_view name) {
    for (const RecordFamily& family : record_families()) {
        for (const RecordKind& kind : family.kinds) {
            if (kind.name == name || fmt::format("{}.{}", family.name, kind.name) == name) return &kind;
        }
    }
    return nullptr;
}

std::string record_kind_names() {
    std::string names;
    for (const RecordFamily& family : record_families()) {
        for (const RecordKind& kind : family.kinds)
            names += fmt::format("{}{}.{}", names.empty() ? "" : ", ", family.name, kind.name);
    }
    return names;
}

std::string record_family_names() {
    std::string names;
    for (const RecordFamily& family : record_families())
        names += fmt::format("{}{}", names.empty() ? "" : ", ", family.name);
    return names;
}

std::vector<std::string> field_texts(const RecordKind& kind, const Words& words) {
    std::vector<std::string> texts;
    for (const RecordField& field : kind.fields) {
        if (!field.is_in(words)) continue;
        const std::uint64_t value = field.get(words);
        const std::string_view meaning = value_text(field.values, value);
        if (field.show == RecordField::Show::flag && value == 0 && field.values.empty()) continue;
        const bool decimal = field.show == RecordField::Show::number || field.show == RecordField::Show::flag;
        std::string text =
            decimal ? fmt::format("{} {}", field.name, value) : fmt::format("{} {:#x}", field.name, value);
        if (!meaning.empty()) text += fmt::format(" ({})", meaning);
        texts.push_back(std::move(text));
    }
    return texts;
}

std::string requester_text(std::uint64_t id) {
    return fmt::format("{:02x}:{:02x}.{}", (id >> 8) & 0xFF, (id >> 3) & 0x1F, id & 7);
}

}  // namespace xlate::iommu::records
