// Registers and table words of the Exynos SysMMU. Source: docs/spec/iommu-hardware.md section 16.2.
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "iommu/exynos/layout.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/records/log_reader.hpp"
#include "iommu/records/record.hpp"

namespace xlate::iommu::records {
namespace {

namespace ex = iommu::exynos;
using Show = RecordField::Show;

constexpr unsigned kWordBits = 32;
constexpr unsigned kReservedV7 = 3;  ///< the fourth bit of a virtual machine

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

constexpr const char* kBlocked = "the SysMMU is blocked until CTRL is written with 5; Linux panics before that";

Reading read_causes(std::uint64_t causes, std::initializer_list<std::pair<unsigned, const char*>> names) {
    Reading reading;
    for (const auto& [at, name] : names) {
        if ((causes >> at & 1) == 0) continue;
        reading.headline += (reading.headline.empty() ? "" : ", ") + std::string(name);
    }
    if (reading.headline.empty()) {
        reading.headline = "no fault";
    } else {
        reading.notes.emplace_back(kBlocked);
    }
    return reading;
}

/// Four bits a virtual machine.
Reading read_v7(const Words& words) {
    namespace at = ex::interrupt;
    constexpr std::pair<unsigned, const char*> kNames[] = {{at::V7_WALK, "table walk"},
                                                           {at::V7_PAGE, "page fault"},
                                                           {at::V7_ACCESS, "access protection"},
                                                           {kReservedV7, "a reserved fault"}};
    Reading reading;
    for (unsigned machine = 0; machine < kWordBits / at::V7_FAULTS; ++machine) {
        for (const auto& [bit, name] : kNames) {
            if ((words[0] >> (machine * at::V7_FAULTS + bit) & 1) == 0) continue;
            reading.headline += (reading.headline.empty() ? "" : ", ") + std::string(name);
            if (machine != 0) reading.headline += fmt::format(" of virtual machine {}", machine);
        }
    }
    if (reading.headline.empty()) return {"no fault", {}};
    reading.notes.emplace_back("read or write, says bit 20 of the fault information");
    reading.notes.emplace_back(kBlocked);
    return reading;
}

/// "[WRITE] ACCESS PROTECTION FAULT occurred at 0x...": Linux names the fault, neither its bit nor the version. Before
/// 6.0 "AW ACCESS PROTECTION FAULT", and "PAGE FAULT" or "BUS ERROR FAULT" alone for versions 1 to 3.
std::optional<LineRecord> read_line(std::string_view line) {
    namespace bits = ex::interrupt;
    constexpr std::string_view kNames[] = {"PTW", "PAGE", "MULTI-HIT", "ACCESS PROTECTION", "SECURITY PROTECTION"};
    const auto where = number_after(line, " FAULT occurred at ");
    if (!where) return std::nullopt;
    std::vector<std::string> said{fmt::format("at iova {:#x}", *where)};
    if (const auto base = number_after(line, "(page table base: "))
        said.push_back(fmt::format("first level at {:#x}", *base));
    const auto one = [](unsigned at) { return std::uint64_t{1} << at; };
    if (has(line, ": PAGE FAULT")) return LineRecord{"int-v1", {one(bits::V1_PAGE)}, std::move(said)};
    if (has(line, ": BUS ERROR FAULT") || has(line, "[READ] BUS ERROR FAULT"))
        return LineRecord{"int-v1", {one(bits::V1_BUS)}, std::move(said)};
    const bool write = has(line, ": [WRITE] ");
    if (!write && !has(line, ": [READ] ")) {
        for (unsigned i = 0; i < std::size(kNames); ++i) {
            for (const auto& [way, first] : {std::pair("AR", 0U), std::pair("AW", bits::V5_WRITE)}) {
                if (has(line, fmt::format(": {} {} FAULT", way, kNames[i])))
                    return LineRecord{"int-v5", {one(first + i)}, std::move(said)};
            }
        }
        return std::nullopt;
    }
    if (has(line, "] RESERVED FAULT")) {
        said.front() = fmt::format("{} {}", write ? "write" : "read", said.front());
        return LineRecord{"int-v7", {one(kReservedV7)}, std::move(said)};
    }
    for (unsigned i = 0; i < std::size(kNames); ++i) {
        if (!has(line, fmt::format("] {} FAULT", kNames[i]))) continue;
        said.emplace_back("the line does not say the SysMMU's version: the bit is that of versions 5 and 6");
        return LineRecord{"int-v5", {one(i + (write ? bits::V5_WRITE : 0))}, std::move(said)};
    }
    return std::nullopt;
}

/// What Linux prints below a fault: "Page table base: 0x44a14000", "Lv1 entry: 0x4205001", "Lv2 entry: 0x...".
class Reader : public LogReader {
public:
    bool take(std::string_view line, unsigned number, LogRecords& log) override {
        if (const auto base = number_after(line, "Page table base: "); base && has(line, "sysmmu")) {
            if (log.size() == 0 || !is_fault(log.last().kind)) return false;
            log.last().said.push_back(fmt::format("first level at {:#x}", *base));
            return true;
        }
        if (const auto first = number_after(line, "Lv1 entry: ")) {
            log.add("exynos.lv1", {*first}, number);
            return true;
        }
        const auto second = number_after(line, "Lv2 entry: ");
        if (second) log.add("exynos.lv2", {*second}, number);
        return second.has_value();
    }

private:
    static bool is_fault(const RecordKind* kind) {
        return kind == find_record_kind("exynos.int-v1") || kind == find_record_kind("exynos.int-v5") ||
               kind == find_record_kind("exynos.int-v7");
    }
};

std::unique_ptr<LogReader> make_reader() { return std::make_unique<Reader>(); }

}  // namespace

std::vector<RecordFamily> exynos_records() {
    namespace at = ex::interrupt;
    RecordFamily family{"exynos", {}};
    family.place = 5;
    family.line = read_line;
    family.reader = make_reader;
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
    family.kinds.push_back({"int-v7", "Exynos SysMMU interrupt status, version 7", 1, 32, {}, read_v7});
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
