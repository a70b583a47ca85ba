#include "kernel-model/drivers/mistakes.hpp"

#include <array>

namespace xlate::kernel {
namespace {

struct Row {
    std::string_view name;
    std::string_view sentence;
};
constexpr std::array<Row, kMistakes> kRows{{
    {"unmap-without-tlbi", "a strict unmap clears the tables and invalidates nothing"},
    {"tlbi-without-sync", "an unmap gives its TLBI, and no SYNC behind it"},
    {"return-before-sync", "an unmap queues TLBI and SYNC, and does not wait"},
    {"ste-without-cfgi",
     "stream table, context or device table entries are rewritten without CFGI_STE or what the IOMMU has for it"},
    {"cd-without-cfgi", "at its first unmap a domain gets a new ASID in its context descriptor, without CFGI_CD"},
    {"wrong-asid", "TLBIs name the next ASID"},
    {"wrong-stream", "CFGI_STE names the neighbouring stream"},
    {"short-range", "TLBIs by address end one page early"},
    {"leaf-only-walk", "a table is freed after a TLBI for leaves only"},
    {"table-freed-before-sync", "a table is freed while its TLBI is still in the queue"},
    {"split-in-place", "an unmap goes page by page, so that a block is replaced by a table while it is valid"},
    {"ste-valid-first", "the first word of a stream table entry is written before the others"},
    {"cmdq-before-base", "the command queue is enabled before its base is programmed"},
    {"flush-without-tlbi", "the flush of lazy mode gives the addresses back and invalidates nothing"},
    {"page-freed-while-mapped", "a client frees its buffers before it unmaps them"},
    {"unmap-without-atc-inv", "an unmap gives its TLBI, and no ATC_INV to the endpoints that cache translations"},
    {"attach-without-zap", "an IOMMU gets another directory and keeps what it has cached (Rockchip, Exynos)"},
    {"zap-first-file-only",
     "of several register files or SysMMUs the first alone is told of an unmap (Rockchip, Exynos)"},
    {"zap-before-clear", "an unmap drops translations before it clears their words (Rockchip, Exynos)"},
    {"flush-cache-only", "an unmap flushes the cache before a master, and not the root behind it (IPMMU)"},
    {"reused-domain-id", "a domain's id is used again, and what is cached under it is not dropped (VT-d, AMD-Vi)"},
    {"commands-last", "context descriptor and stream table entry are stored at once, and commands follow"},
    {"attach-not-awaited", "ATTACH is queued, and its answer not waited for (virtio-iommu)"},
    {"detach-forgotten", "a device leaves without DETACH (virtio-iommu)"},
    {"map-overlapping", "MAP covers a page more than was asked for (virtio-iommu)"},
    {"reserved-not-avoided", "regions that PROBE gave are not kept free (virtio-iommu)"},
    {"irte-not-written",
     "a device gets its message, and the interrupt remapping entry behind it stays empty (VT-d, AMD-Vi)"},
}};

}  // namespace

std::string_view name(Mistake mistake) { return kRows[static_cast<std::size_t>(mistake)].name; }
std::string_view sentence(Mistake mistake) { return kRows[static_cast<std::size_t>(mistake)].sentence; }

std::optional<Mistake> find_mistake(std::string_view name) {
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        if (kRows[i].name == name) return static_cast<Mistake>(i);
    }
    return std::nullopt;
}

std::vector<std::string> mistake_names() {
    std::vector<std::string> names;
    for (const Row& row : kRows) names.emplace_back(row.name);
    return names;
}

}  // namespace xlate::kernel
