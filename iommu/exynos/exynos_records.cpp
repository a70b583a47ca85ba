// Registers and table words of the Exynos SysMMU. Source: docs/spec/iommu-hardware.md section 16.2.
#include <fmt/format.h>

#include "iommu/exynos/layout.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"

namespace xlate::iommu::records {
namespace {

namespace ex = iommu::exynos;
using Show = RecordField::Show;

RecordField bit(std::string_view name, unsigned at) { return {name, 0, at, 1, Show::flag, {}}; }

/// A word as each shape has it; version 1's comes first.
std::string place(std::uint32_t word, ex::Kind kind) {
    return fmt::format("{:#x} (versions 1 to 3) or {:#x} (5 and later)", ex::address(word, kind, ex::Words::v1),
                       ex::address(word, kind, ex::Words::v5));
}
std::string rights(std::uint32_t word, ex::Kind kind, ex::Words words) {
    const bool reads = ex::may_read(word, kind, words), writes = ex::may_write(word, kind, words);
    return reads ? writes ? "read and write" : "read only" : writes ? "write only" : "no access";
}

Reading read_word(std::uint32_t word, ex::Kind kind) {
    Reading reading;
    switch (kind) {
        case ex::Kind::fault:
            reading.headline = "nothing: a page fault";
            return reading;
        case ex::Kind::table:
            reading.headline = "a second-level table at " + place(word, kind);
            reading.notes.emplace_back(
                "Linux fills unused first-level words with a link to one table of zeros that all domains share");
            return reading;
        case ex::Kind::section:
            reading.headline = "1 MiB at " + place(word, kind);
            break;
        case ex::Kind::large_page:
            reading.headline = "64 KiB at " + place(word, kind);
            break;
        case ex::Kind::small_page:
            reading.headline = "4 KiB at " + place(word, kind);
            break;
    }
    reading.headline += fmt::format(", {} or {}", rights(word, kind, ex::Words::v1), rights(word, kind, ex::Words::v5));
    return reading;
}

Reading read_cfg(const Words& words) {
    std::string text = ex::cfg::EAP.test(words[0]) ? "rights are checked" : "rights are not looked at";
    text += ex::cfg::FLPDCACHE.test(words[0]) ? ", first-level words are cached" : ", first-level words are not cached";
    return {text, {}};
}
Reading read_ctrl(const Words& words) {
    if (!ex::ctrl::ENABLE.test(words[0])) return {"off: everything passes", {}};
    return {ex::ctrl::BLOCK.test(words[0]) ? "blocked: accesses wait" : "on", {}};
}

Reading read_version(const Words& words) {
    const ex::Version version = ex::version_of(static_cast<std::uint32_t>(words[0]));
    return {fmt::format("version {}.{}", version.major(), version.minor()), {}};
}

Reading read_causes(std::uint64_t causes, std::initializer_list<std::pair<unsigned, const char*>> names) {
    Reading reading;
    for (const auto& [at, name] : names) {
        if ((causes >> at & 1) == 0) continue;
        reading.headline += (reading.headline.empty() ? "" : ", ") + std::string(name);
    }
    if (reading.headline.empty()) {
        reading.headline = "no fault";
    } else {
        reading.notes.emplace_back("the SysMMU is blocked until CTRL is written with 5; Linux panics before that");
    }
    return reading;
}

/// "[WRITE] ACCESS PROTECTION FAULT occurred at 0x...": Linux names the fault, not its bit. Before 6.0 "AW ACCESS
/// PROTECTION FAULT", and "PAGE FAULT" alone for versions 1 to 3.
std::optional<LineRecord> read_line(std::string_view line) {
    constexpr std::string_view kNames[] = {"PTW", "PAGE", "MULTI-HIT", "ACCESS PROTECTION", "SECURITY PROTECTION"};
    const auto where = number_after(line, " FAULT occurred at ");
    if (!where) return std::nullopt;
    const std::string at = fmt::format("at iova {:#x}", *where);
    if (has(line, ": PAGE FAULT")) return LineRecord{"int-v1", {1}, {at}};
    std::uint64_t older = 0;
    for (unsigned i = 0; i < std::size(kNames); ++i) {
        if (has(line, fmt::format(": AR {} FAULT", kNames[i]))) older |= std::uint64_t{1} << i;
        if (has(line, fmt::format(": AW {} FAULT", kNames[i]))) older |= std::uint64_t{1} << (16 + i);
    }
    if (older != 0) return LineRecord{"int-v5", {older}, {at}};
    if (!has(line, "] ")) return std::nullopt;
    std::uint64_t causes = has(line, "] BUS ERROR FAULT") ? 1 : 0;
    for (unsigned i = 0; i < std::size(kNames); ++i) {
        if (has(line, fmt::format("] {} FAULT", kNames[i]))) causes |= std::uint64_t{1} << i;
    }
    if (has(line, "[WRITE] ")) causes <<= 16;
    return LineRecord{"int-v5", {causes}, {at}};
}

}  // namespace

std::vector<RecordFamily> exynos_records() {
    namespace at = ex::interrupt;
    RecordFamily family{"exynos", {}};
    family.place = 5;
    family.line = read_line;
    family.kinds.push_back(
        {"int-v5", "Exynos SysMMU interrupt status, versions 5 and 6", 1, 32, {}, [](const Words& words) {
             return read_causes(words[0], {{at::V5_WALK, "table walk, read"},
                                           {at::V5_PAGE, "page fault, read"},
                                           {at::V5_MULTIHIT, "multi-hit, read"},
                                           {at::V5_ACCESS, "access protection, read"},
                                           {at::V5_SECURITY, "security protection, read"},
                                           {at::V5_WRITE + at::V5_WALK, "table walk, write"},
                                           {at::V5_WRITE + at::V5_PAGE, "page fault, write"},
                                           {at::V5_WRITE + at::V5_MULTIHIT, "multi-hit, write"},
                                           {at::V5_WRITE + at::V5_ACCESS, "access protection, write"},
                                           {at::V5_WRITE + at::V5_SECURITY, "security protection, write"}});
         }});
    family.kinds.push_back(
        {"int-v1", "Exynos SysMMU interrupt status, versions 1 to 3", 1, 32, {}, [](const Words& words) {
             return read_causes(words[0], {{at::V1_PAGE, "page fault"},
                                           {at::V1_AR_MULTIHIT, "multi-hit, read"},
                                           {at::V1_AW_MULTIHIT, "multi-hit, write"},
                                           {at::V1_BUS, "bus error"},
                                           {at::V1_AR_SECURITY, "security protection, read"},
                                           {at::V1_AR_ACCESS, "access protection, read"},
                                           {at::V1_AW_SECURITY, "security protection, write"},
                                           {at::V1_AW_ACCESS, "access protection, write"}});
         }});
    family.kinds.push_back(
        {"cfg",
         "Exynos SysMMU CFG",
         1,
         32,
         {word_row("LRU", ex::cfg::LRU), word_row("EAP", ex::cfg::EAP, Show::flag, "0 rights ignored|1 checked"),
          word_row("QOS", ex::cfg::QOS, Show::number), word_row("FLPDCACHE", ex::cfg::FLPDCACHE),
          word_row("SYSSEL", ex::cfg::SYSSEL), word_row("ACGEN", ex::cfg::ACGEN)},
         read_cfg});
    family.kinds.push_back({"ctrl",
                            "Exynos SysMMU CTRL",
                            1,
                            32,
                            {bit("ENABLE", ex::ctrl::ENABLE.lsb), bit("BLOCK", ex::ctrl::BLOCK.lsb),
                             bit("INTERRUPT", ex::ctrl::INTERRUPT.lsb)},
                            read_ctrl});
    family.kinds.push_back({"version", "Exynos SysMMU VERSION", 1, 32, {}, read_version});
    family.kinds.push_back({"lv1", "Exynos SysMMU first-level word", 1, 32, {}, [](const Words& words) {
                                const auto word = static_cast<std::uint32_t>(words[0]);
                                return read_word(word, ex::section_kind(word));
                            }});
    family.kinds.push_back({"lv2", "Exynos SysMMU second-level word", 1, 32, {}, [](const Words& words) {
                                const auto word = static_cast<std::uint32_t>(words[0]);
                                return read_word(word, ex::page_kind(word));
                            }});
    return {family};
}

}  // namespace xlate::iommu::records
