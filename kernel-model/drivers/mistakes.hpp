// Mistakes that real IOMMU drivers have made, each a switch: to show what a sanitizer finds, and to test that it does.
// None is on unless asked for. Source: ours; docs/spec/iommu-hardware.md 1.12 says what each breaks.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::kernel {

enum class Mistake : unsigned char {
    unmap_without_tlbi,
    tlbi_without_sync,
    return_before_sync,
    ste_without_cfgi,
    cd_without_cfgi,
    wrong_asid,
    wrong_stream,
    short_range,
    leaf_only_walk,
    table_freed_before_sync,
    split_in_place,
    ste_valid_first,
    cmdq_before_base,
    flush_without_tlbi,
    page_freed_while_mapped,
    unmap_without_atc_inv,
    attach_without_zap,
    zap_first_file_only,
    zap_before_clear,
    flush_cache_only,
    reused_domain_id,
    commands_last,
    attach_not_awaited,
    detach_forgotten,
    map_overlapping,
    reserved_not_avoided,
    irte_not_written,
};
inline constexpr std::size_t kMistakes = 27;

/// "unmap-without-tlbi": as configs have it.
std::string_view name(Mistake mistake);
/// One sentence.
std::string_view sentence(Mistake mistake);
std::optional<Mistake> find_mistake(std::string_view name);
std::vector<std::string> mistake_names();

/// Those that are switched on.
class Mistakes {
public:
    bool has(Mistake mistake) const { return on_[static_cast<std::size_t>(mistake)]; }
    void add(Mistake mistake) { on_.set(static_cast<std::size_t>(mistake)); }

private:
    std::bitset<kMistakes> on_;
};

}  // namespace xlate::kernel
