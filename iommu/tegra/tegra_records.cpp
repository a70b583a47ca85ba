// Registers and table words of Tegra's SMMU. Source: docs/spec/iommu-hardware.md section 7.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// Tegra264's MC_ERR_STATUS: fewer types, and the high address bits in a register of their own.
constexpr Field kType264{28, 2};

Reading read_error_t264(const Words& words) {
    constexpr const char* kTypes[] = {"an unknown type", "no memory is there", "memory of the secure world",
                                      "memory of a carve-out"};
    Reading reading;
    reading.headline = kTypes[kType264.get(words[0])];
    reading.headline += tg::err_status::RW.test(words[0]) ? ", of a write" : ", of a read";
    return reading;
}

/// Regions of memory whose violations have a status register of their own: no type, and more address bits on Tegra264.
struct Region {
    std::string_view kind, title, interrupt;
    const char* what;
};
constexpr Region kRegions[] = {
    {"vpr-status", "Tegra MC_ERR_VPR_STATUS", "VPR violation", "memory of protected video (VPR)"},
    {"sec-status", "Tegra MC_ERR_SEC_STATUS", "Secure carveout violation", "memory of the secure carve-out"},
    {"mts-status", "Tegra MC_ERR_MTS_STATUS", "MTS carveout violation", "memory of the CPUs' firmware (MTS)"}};
constexpr Field kRegionAddress{20, 8};

template <std::size_t I>
Reading read_region(const Words& words) {
    Reading reading;
    reading.headline = kRegions[I].what;
    reading.headline += tg::err_status::RW.test(words[0]) ? ", of a write" : ", of a read";
    reading.notes.push_back(fmt::format("address bits above 31: {:#x}", kRegionAddress.get(words[0])));
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

/// What a line of the memory controller has: who, which access, which interrupt, what the type of the status is.
struct Line {
    std::string_view client;
    bool write = false;
    std::optional<bool> secure;  ///< nothing: the line does not say, which drivers do of accesses that are not
    std::uint64_t address = 0;
    std::string_view interrupt;  ///< "EMEM address decode error"
    std::string_view type;       ///< "SMMU translation error [--S]"; "(null)" or "NA" of a status that has none
};

/// "tegra-mc 70019000.memory-controller: display0a: read @0x0000000080000000: EMEM address decode error (SMMU
/// translation error [-R-])".
std::optional<Line> parse(std::string_view line) {
    struct Access {
        std::string_view words;
        bool write;
        std::optional<bool> secure;
    };
    static constexpr Access kAccesses[] = {{"read", false, {}},
                                           {"write", true, {}},
                                           {"secure read", false, true},
                                           {"secure write", true, true},
                                           {"non-secure read", false, false},
                                           {"non-secure write", true, false}};
    constexpr std::string_view kAt = " @0x", kColon = ": ", kOpen = " (";
    const std::size_t at = line.find(kAt);
    if (at == std::string_view::npos) return std::nullopt;
    const std::size_t before = line.rfind(kColon, at), behind = line.find(kColon, at);
    const auto address = number_after(line, kAt);
    if (before == std::string_view::npos || behind == std::string_view::npos || !address) return std::nullopt;
    const std::string_view words = line.substr(before + kColon.size(), at - before - kColon.size());
    const std::string_view reason = line.substr(behind + kColon.size());
    const std::size_t open = reason.find(kOpen);
    for (const Access& access : kAccesses) {
        if (words != access.words || open == std::string_view::npos) continue;
        const std::size_t space = before == 0 ? std::string_view::npos : line.rfind(' ', before - 1);
        Line parsed{{}, access.write, access.secure, *address, reason.substr(0, open), {}};
        if (space != std::string_view::npos) parsed.client = line.substr(space + 1, before - space - 1);
        parsed.type = reason.substr(open + kOpen.size());
        parsed.type = parsed.type.substr(0, parsed.type.rfind(')'));
        return parsed;
    }
    return std::nullopt;
}

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

/// MC_ERR_STATUS of what the line names; the client's and the address stand in others.
std::optional<LineRecord> read_status(const Line& line, std::uint64_t access) {
    namespace error = tg::err_status;
    constexpr std::string_view kNames[] = {"EMEM decode error", "TrustZone violation", "Carveout violation"};
    constexpr std::uint32_t kTypes[] = {error::TYPE_DECERR_EMEM, error::TYPE_TRUSTZONE, error::TYPE_CARVEOUT};
    const auto* const name = std::find_if(std::begin(kNames), std::end(kNames),
                                          [&](std::string_view one) { return begins(line.type, one); });
    if (name != std::end(kNames)) {
        const auto index = static_cast<std::size_t>(name - std::begin(kNames));
        // Only Tegra264's driver says "non-secure".
        if (line.secure == false) return LineRecord{"err-status-t264", {access | kType264.of(index + 1)}};
        return LineRecord{"err-status",
                          {access | error::TYPE.of(kTypes[index]) | error::ADR_HI.of(line.address >> 32)}};
    }
    if (!begins(line.type, "SMMU translation error")) return std::nullopt;
    const std::size_t rights = line.type.find('[');
    const std::string_view three =
        rights == std::string_view::npos ? std::string_view{} : line.type.substr(rights + 1, 3);
    return LineRecord{"err-status",
                      {access | error::TYPE.of(error::TYPE_INVALID_SMMU_PAGE) |
                       error::READABLE.of(has(three, "R") ? 1 : 0) | error::WRITABLE.of(has(three, "W") ? 1 : 0) |
                       error::NONSECURE.of(has(three, "S") ? 0 : 1) | error::ADR_HI.of(line.address >> 32)}};
}

/// Linux tegra/mc.c, tegra30_mc_handle_irq(), and tegra/tegra264.c, mcf_log_fault().
std::optional<LineRecord> read_line(std::string_view text) {
    namespace error = tg::err_status;
    const std::optional<Line> line = parse(text);
    if (!line) return std::nullopt;
    const std::uint64_t access = error::RW.of(line->write ? 1 : 0) | error::SECURITY.of(line->secure == true ? 1 : 0);
    std::optional<LineRecord> record;
    for (const Region& region : kRegions) {
        if (begins(line->interrupt, region.interrupt))
            record = LineRecord{region.kind, {access | kRegionAddress.of(line->address >> 32)}};
    }
    if (!record) record = read_status(*line, access);
    if (!record) return std::nullopt;
    record->said.push_back(fmt::format("at {:#x}", line->address));
    if (line->client == "unknown") {
        record->said.emplace_back("the driver does not know the client's number");
    } else if (!line->client.empty()) {
        record->said.push_back(fmt::format("client {}", line->client));
    }
    return record;
}

/// Those of registers that no record has.
std::string_view meaning(std::string_view line) {
    if (!has(line, "tegra-mc")) return {};
    constexpr std::string_view kNoRoute = "an access to an address that leads nowhere in the chip: it was refused";
    constexpr LineMeaning kMeanings[] = {
        {": Generalized carveout violation (",
         "an access to memory that firmware keeps for others (a carve-out), and that this client may not use: it was "
         "refused"},
        {": Route Sanity error (", kNoRoute},
        {": GIC_MSI error (", "a write for a message (MSI) that no interrupt controller takes: it was refused"},
        {": SMMU BYPASS ALLOW error status", "an access that goes around the SMMU, and may not: it was refused"},
        {": Reserved PA error status", kNoRoute},
        {": Restricted access violation error status", "an access that this client may not do: it was refused"},
        {": Read response with poison bit error status",
         "a read came back with data that memory knows to be wrong (poison), or from an address without memory"},
        {": Malformed MSI request error status", "a write for a message (MSI) is not formed as one: it was refused"},
        {": Illegal tbugrp_id error status", "an access names a group of TBUs of the SMMU that does not exist"}};
    return meaning_in(kMeanings, line);
}

}  // namespace

std::vector<RecordFamily> tegra_records() {
    RecordFamily family{"tegra", {}};
    family.place = 8;
    family.line = read_line;
    family.meaning = meaning;
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
    const std::vector<RecordField> access{word_row("RW", tg::err_status::RW, Show::flag, "0 read|1 write"),
                                          word_row("SECURITY", tg::err_status::SECURITY)};
    std::vector<RecordField> status = access;
    status.push_back(
        word_row("TYPE", kType264, Show::number, "1 DECERR_EMEM|2 SECURITY_TRUSTZONE|3 SECURITY_CARVEOUT"));
    family.kinds.push_back({"err-status-t264", "Tegra264 MC_ERR_STATUS", 1, 32, status, read_error_t264});
    std::vector<RecordField> region = access;
    region.push_back(word_row("ADR_HI", kRegionAddress, Show::hex));
    constexpr Reading (*kReadRegion[])(const Words&) = {read_region<0>, read_region<1>, read_region<2>};
    for (std::size_t i = 0; i < std::size(kRegions); ++i)
        family.kinds.push_back({kRegions[i].kind, kRegions[i].title, 1, 32, region, kReadRegion[i]});
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
