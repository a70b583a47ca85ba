#include "firmware/acpi/tables.hpp"

#include <fmt/format.h>

#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {

const Table* Tables::find(std::string_view signature) const {
    for (const Table& table : tables) {
        if (table.signature == signature) return &table;
    }
    return nullptr;
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
        const bool may_repeat = table.signature == "SSDT" || table.signature == "PSDT";
        const Table* const before = may_repeat ? nullptr : all.find(table.signature);
        if (before != nullptr) {
            all.oddities.push_back(
                {place(table, 0), fmt::format("a second {}: the one in {} counts", table.signature, before->file)});
        } else if (table.signature == "IORT") {
            all.iort = read_iort(table, all.oddities);
        } else if (table.signature == "VIOT") {
            all.viot = read_viot(table, all.oddities);
        } else if (table.signature == "DMAR") {
            all.dmar = read_dmar(table, all.oddities);
        } else if (table.signature == "IVRS") {
            all.ivrs = read_ivrs(table, all.oddities);
        } else if (table.signature == "RIMT") {
            all.rimt = read_rimt(table, all.oddities);
        } else if (table.signature == "MCFG") {
            all.mcfg = read_mcfg(table, all.oddities);
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
