// What the pages of small families have in common: tables of markdown, made from rows in the code and from data sheets.
// A page itself says what its model decides where nothing is documented (iommu/<family>/page.cpp).
#pragma once

#include <cstdint>
#include <string>

#include "base/span.hpp"
#include "iommu/cache.hpp"
#include "iommu/instance.hpp"

namespace xlate::iommu {

/// A register, command, bit or word: "functional", "stored" or "absent", and a note.
struct PageRow {
    const char* name;
    std::uint32_t code;
    const char* support;
    const char* note;
};

/// The first lines: a title, the function that makes the page, its folder, the specification's section.
std::string page_head(const char* title, const char* function, const char* folder, const char* section);
/// `format`: of the code, "0x{:02x}"; empty: no column for it.
void page_table(std::string& page, const char* heading, const char* first, Span<PageRow> rows, const char* format);
/// Codes 1 to `last`, by the sheet's names.
void page_faults(std::string& page, const InstanceSpec& spec, std::uint16_t last);
/// One cache a row of the sheet's structures, in their order.
void page_structures(std::string& page, const InstanceSpec& spec, Span<CacheParams> caches);
void page_counters(std::string& page, const InstanceSpec& spec);

}  // namespace xlate::iommu
