#include "firmware/acpi/tables.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

/// A kind of table that is decoded: a row is all that a new one needs here and in whatever prints tables.
struct Decoder {
    std::string_view signature;
    void (*read)(Tables& all, const Table& table);
    Fields (*fields)(const Tables& all);
};
const Decoder kDecoders[] = {
    {"IORT", [](Tables& all, const Table& table) { all.iort = read_iort(table, all.oddities); },
     [](const Tables& all) { return fields_of(*all.iort); }},
    {"VIOT", [](Tables& all, const Table& table) { all.viot = read_viot(table, all.oddities); },
     [](const Tables& all) { return fields_of(*all.viot); }},
    {"DMAR", [](Tables& all, const Table& table) { all.dmar = read_dmar(table, all.oddities); },
     [](const Tables& all) { return fields_of(*all.dmar); }},
    {"IVRS", [](Tables& all, const Table& table) { all.ivrs = read_ivrs(table, all.oddities); },
     [](const Tables& all) { return fields_of(*all.ivrs); }},
    {"RIMT", [](Tables& all, const Table& table) { all.rimt = read_rimt(table, all.oddities); },
     [](const Tables& all) { return fields_of(*all.rimt); }},
    {"MCFG", [](Tables& all, const Table& table) { all.mcfg = read_mcfg(table, all.oddities); },
     [](const Tables& all) { return fields_of(all.mcfg); }},
};

const Decoder* decoder_of(const Table& table) {
    for (const Decoder& one : kDecoders) {
        if (one.signature == table.signature) return &one;
    }
    return nullptr;
}

}  // namespace

namespace {

/// The newest revision of each table whose layout is known here.
constexpr std::pair<std::string_view, unsigned> kRevisions[] = {{"APIC", 7}, {"DMAR", 2}, {"IORT", 7}, {"IVRS", 3},
                                                                {"MCFG", 1}, {"RIMT", 1}, {"VIOT", 1}};

void check_revision(const Table& table, std::vector<Oddity>& oddities) {
    for (const auto& [signature, newest] : kRevisions) {
        if (table.signature != signature || table.revision <= newest) continue;
        oddities.push_back({place(table, 8), fmt::format("revision {} of the {} is not known: read as revision {}",
                                                         table.revision, signature, newest)});
    }
}

}  // namespace

const Table* Tables::find(std::string_view signature) const {
    for (const Table& table : tables) {
        if (table.signature == signature) return &table;
    }
    return nullptr;
}

Fields Tables::fields_of(const Table& table) const {
    const Decoder* const decoder = find(table.signature) == &table ? decoder_of(table) : nullptr;
    return decoder == nullptr ? Fields{} : decoder->fields(*this);
}

Tables read_tables(const std::vector<NamedBytes>& files) {
    Tables all;
    if (files.size() > kMaxTables) {
        Diagnostic finding;
        finding.where.file = files[kMaxTables].first;
        finding.what = fmt::format("more than {} tables", kMaxTables);
        throw InputError(std::move(finding), ExitStatus::limit);
    }
    for (const auto& [file, bytes] : files) {
        Table table = read_table(bytes, file, all.oddities);
        check_revision(table, all.oddities);
        const bool may_repeat = table.signature == "SSDT" || table.signature == "PSDT";
        const Table* const before = may_repeat ? nullptr : all.find(table.signature);
        if (before != nullptr) {
            all.oddities.push_back(
                {place(table, 0), fmt::format("a second {}: the one in {} counts", table.signature, before->file)});
        } else if (const Decoder* const decoder = decoder_of(table)) {
            decoder->read(all, table);
        }
        all.tables.push_back(std::move(table));
    }
    if (const Table* const dsdt = all.find("DSDT")) read_namespace(*dsdt, all.devices, all.oddities);
    for (const Table& table : all.tables) {
        if (table.signature == "SSDT" || table.signature == "PSDT") read_namespace(table, all.devices, all.oddities);
    }
    return all;
}

}  // namespace xlate::firmware::acpi
