#include "iommu/page_rows.hpp"

#include <fmt/format.h>

namespace xlate::iommu {

std::string page_head(const char* title, const char* function, const char* folder, const char* section) {
    return fmt::format(R"(# {}: what the model does

Made by `{}()` from the tables in `{}`; a test fails when the two disagree.
Run the tests of `iommu` with `XLATE_UPDATE_DOCS=1` to write it anew.

- *functional*: acts as the specification ({}) says.
- *stored*: kept and read back, or accepted, without effect.
- *absent*: reads 0, and writes go nowhere.
)",
                       title, function, folder, section);
}

void page_table(std::string& page, const char* heading, const char* first, Span<PageRow> rows, const char* format) {
    page += fmt::format("\n## {}\n\n| {} | Support | Note |\n|---|{}---|---|\n", heading, first,
                        *format != 0 ? "---|" : "");
    for (const PageRow& row : rows) {
        page += fmt::format("| {} |", row.name);
        if (*format != 0) page += fmt::format(" {} |", fmt::format(fmt::runtime(format), row.code));
        page += fmt::format(" {} | {} |\n", row.support, row.note);
    }
}

void page_faults(std::string& page, const InstanceSpec& spec, std::uint16_t last) {
    page += "\n## Faults\n\n| Code | Name in results |\n|---|---|\n";
    for (std::uint16_t code = 1; code <= last; ++code)
        page += fmt::format("| {} | {} |\n", code, spec.fault_name(code));
}

void page_structures(std::string& page, const InstanceSpec& spec, Span<CacheParams> caches) {
    page += "\n## Structures\n\n| Key | Entries |\n|---|---|\n";
    for (std::size_t i = 0; i < spec.structures.size() && i < caches.size(); ++i) {
        const CacheParams& cache = caches[i];
        page += fmt::format("| {} | {}, {} (estimate) |\n", spec.structures[i].name, cache.entries,
                            cache.ways == 0 ? std::string("fully associative") : fmt::format("{} ways", cache.ways));
    }
}

void page_counters(std::string& page, const InstanceSpec& spec) {
    page += "\n## Counters\n\n| Key | What it counts |\n|---|---|\n";
    for (const CounterSpec& counter : spec.counters) {
        page += fmt::format("| {} | {} |\n", counter.name, counter.sentence);
    }
}

}  // namespace xlate::iommu
