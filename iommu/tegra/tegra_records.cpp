// Registers and table words of Tegra's SMMU. Source: docs/spec/iommu-hardware.md section 7.
#include <utility>

#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
#include "iommu/tegra/layout.hpp"

namespace xlate::iommu::records {
namespace {

namespace tg = iommu::tegra;
using Show = RecordField::Show;

/// Of Tegra124 and later; 30 and 114 have fewer, and zeros above.
constexpr unsigned kAddressBits = 34;

Reading read_error(const Words& words) {
    namespace error = tg::err_status;
    Reading reading;
    switch (error::TYPE.get(words[0])) {
        case error::TYPE_DECERR_EMEM:
            reading.headline = "no memory is there";
            break;
        case error::TYPE_TRUSTZONE:
            reading.headline = "memory of the secure world";
            break;
        case error::TYPE_CARVEOUT:
            reading.headline = "memory of a carve-out";
            break;
        case error::TYPE_INVALID_SMMU_PAGE:
            reading.headline = "the SMMU has no page, or not the right";
            reading.notes.push_back(fmt::format("what its word allows: {}, {}, {}",
                                                error::READABLE.test(words[0]) ? "reads" : "no reads",
                                                error::WRITABLE.test(words[0]) ? "writes" : "no writes",
                                                error::NONSECURE.test(words[0]) ? "not secure" : "secure"));
            break;
        default:
            reading.headline = "an unknown type";
            break;
    }
    reading.headline += error::RW.test(words[0]) ? ", of a write" : ", of a read";
    reading.notes.push_back(
        fmt::format("address bits above 31: {:#x}; the others are in ERR_ADR", error::ADR_HI.get(words[0])));
    return reading;
}

Reading read_interrupts(const Words& words) {
    struct Cause {
        Field bit;
        const char* what;
    };
    const Cause causes[] = {
        {tg::interrupt::DECERR_EMEM, "no memory at an address"},
        {tg::interrupt::SECURITY_VIOLATION, "a security violation"},
        {tg::interrupt::INVALID_SMMU_PAGE, "no page in the SMMU"},
        {tg::interrupt::INVALID_APB_ASID_UPDATE, "an ASID register was written while it was in use"}};
    Reading reading;
    for (const Cause& cause : causes) {
        if (cause.bit.test(words[0]))
            reading.headline += (reading.headline.empty() ? "" : ", ") + std::string(cause.what);
    }
    if (reading.headline.empty()) reading.headline = "no interrupt";
    return reading;
}

Reading read_tlb_flush(const Words& words) {
    namespace flush = tg::tlb_flush;
    const std::uint64_t va = keep(words[0], 19, 0) << tg::kPageBits;
    Reading reading;
    switch (flush::MATCH.get(words[0])) {
        case flush::kSection:
            reading.headline = fmt::format("the section of 4 MiB at {:#x}", keep(va, 31, tg::kSectionBits));
            break;
        case flush::kGroup:
            reading.headline = fmt::format("the group of 16 KiB at {:#x}", keep(va, 31, tg::kGroupBits));
            break;
        default:
            reading.headline = "everything";
            break;
    }
    reading.headline += flush::ASID_MATCH.test(words[0]) ? fmt::format(" of ASID {}", flush::ASID.get(words[0]))
                                                         : std::string(" of every ASID");
    if (flush::ASID_MATCH.test(words[0]))
        reading.notes.push_back(fmt::format("on Tegra30 and 114: ASID {}", flush::ASID_OF_FOUR.get(words[0])));
    return reading;
}

Reading read_swgroup(const Words& words) {
    Reading reading;
    reading.headline = tg::swgroup::ENABLE.test(words[0])
                           ? fmt::format("translated by ASID {}", tg::swgroup::ASID.get(words[0]))
                           : "off: its clients pass untranslated";
    return reading;
}

Reading read_word(const Words& words, bool directory) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    Reading reading;
    if (!tg::word::usable(word)) {
        reading.headline = "nothing: neither readable nor writable";
        return reading;
    }
    const char* const what = !directory ? "a page" : tg::word::NEXT.test(word) ? "a table" : "a page of 4 MiB";
    reading.headline = fmt::format("{} at {:#x}", what, tg::word::address(word, kAddressBits));
    reading.headline += tg::word::READABLE.test(word) ? ", readable" : ", not readable";
    reading.headline += tg::word::WRITABLE.test(word) ? ", writable" : ", not writable";
    return reading;
}

/// "display0a: read @0x0000000080000000: EMEM address decode error (SMMU translation error [-R-])": the names of what
/// stood in the register; the client's and the address stand in others.
std::optional<LineRecord> read_line(std::string_view line) {
    namespace error = tg::err_status;
    const auto address = number_after(line, " @0x");
    if (!address || !(has(line, ": read @0x") || has(line, ": write @0x") || has(line, ": secure ")))
        return std::nullopt;
    std::uint64_t word =
        error::RW.of(has(line, "write @0x") ? 1 : 0) | error::SECURITY.of(has(line, ": secure ") ? 1 : 0);
    if (has(line, "(EMEM decode error")) word |= error::TYPE.of(error::TYPE_DECERR_EMEM);
    if (has(line, "(TrustZone violation")) word |= error::TYPE.of(error::TYPE_TRUSTZONE);
    if (has(line, "(Carveout violation")) word |= error::TYPE.of(error::TYPE_CARVEOUT);
    if (const std::size_t rights = line.find("(SMMU translation error ["); rights != std::string_view::npos) {
        const std::string_view three = line.substr(line.find('[', rights) + 1, 3);
        word |= error::TYPE.of(error::TYPE_INVALID_SMMU_PAGE) | error::READABLE.of(has(three, "R") ? 1 : 0) |
                error::WRITABLE.of(has(three, "W") ? 1 : 0) | error::NONSECURE.of(has(three, "S") ? 0 : 1);
    }
    if (error::TYPE.get(word) == 0) return std::nullopt;
    word |= error::ADR_HI.of(*address >> 32);
    // Behind the device's name: "tegra-mc 70019000.memory-controller: display0a: read @...".
    const std::size_t end = line.rfind(": ", line.find(" @0x"));
    const std::size_t start = end == 0 || end == std::string_view::npos ? end : line.rfind(' ', end - 1);
    std::vector<std::string> said{fmt::format("at {:#x}", *address)};
    if (start != std::string_view::npos && end > start)
        said.push_back(fmt::format("client {}", line.substr(start + 1, end - start - 1)));
    return LineRecord{"err-status", {word}, std::move(said)};
}

}  // namespace

std::vector<RecordFamily> tegra_records() {
    RecordFamily family{"tegra", {}};
    family.place = 8;
    family.line = read_line;
    family.kinds.push_back(
        {"err-status",
         "Tegra MC_ERR_STATUS",
         1,
         32,
         {word_row("TYPE", tg::err_status::TYPE, Show::number,
                   "2 DECERR_EMEM|3 SECURITY_TRUSTZONE|4 SECURITY_CARVEOUT|6 INVALID_SMMU_PAGE"),
          word_row("RW", tg::err_status::RW, Show::flag, "0 read|1 write"),
          word_row("ADR_HI", tg::err_status::ADR_HI, Show::hex), word_row("SECURITY", tg::err_status::SECURITY),
          word_row("READABLE", tg::err_status::READABLE), word_row("WRITABLE", tg::err_status::WRITABLE),
          word_row("NONSECURE", tg::err_status::NONSECURE)},
         read_error});
    family.kinds.push_back({"intstatus",
                            "Tegra MC_INTSTATUS (and MC_INTMASK)",
                            1,
                            32,
                            {word_row("DECERR_EMEM", tg::interrupt::DECERR_EMEM),
                             word_row("SECURITY_VIOLATION", tg::interrupt::SECURITY_VIOLATION),
                             word_row("INVALID_SMMU_PAGE", tg::interrupt::INVALID_SMMU_PAGE),
                             word_row("INVALID_APB_ASID_UPDATE", tg::interrupt::INVALID_APB_ASID_UPDATE)},
                            read_interrupts});
    family.kinds.push_back(
        {"tlb-flush",
         "Tegra SMMU_TLB_FLUSH",
         1,
         32,
         {word_row("MATCH", tg::tlb_flush::MATCH, Show::number, "0 all|2 section|3 group"),
          word_row("ASID", tg::tlb_flush::ASID, Show::number), word_row("ASID_MATCH", tg::tlb_flush::ASID_MATCH)},
         read_tlb_flush});
    family.kinds.push_back(
        {"swgroup",
         "Tegra SMMU_*_ASID",
         1,
         32,
         {word_row("ENABLE", tg::swgroup::ENABLE), word_row("ASID", tg::swgroup::ASID, Show::number)},
         read_swgroup});
    const std::vector<RecordField> rights{word_row("READABLE", tg::word::READABLE),
                                          word_row("WRITABLE", tg::word::WRITABLE),
                                          word_row("NONSECURE", tg::word::NONSECURE)};
    std::vector<RecordField> directory = rights;
    directory.push_back(word_row("NEXT", tg::word::NEXT));
    family.kinds.push_back({"pde", "Tegra SMMU directory word", 1, 32, directory,
                            [](const Words& words) { return read_word(words, true); }});
    family.kinds.push_back(
        {"pte", "Tegra SMMU table word", 1, 32, rights, [](const Words& words) { return read_word(words, false); }});
    return {family};
}

}  // namespace xlate::iommu::records
