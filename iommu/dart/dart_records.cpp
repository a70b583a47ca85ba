// Registers and table words of Apple's DART, both generations. Source: docs/spec/iommu-hardware.md section 5.
#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "iommu/dart/layout.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
#include "iommu/tables/layout_dart.hpp"

namespace xlate::iommu::records {
namespace {

namespace dart = iommu::dart;
namespace words_of = iommu::dart_table;
namespace pte = iommu::dart_table::pte;
using Show = RecordField::Show;

struct Cause {
    std::uint32_t bit;
    const char* what;
};

template <std::size_t N>
Reading read_error(const Cause (&causes)[N], std::uint64_t code, std::uint64_t stream, bool flag) {
    Reading reading;
    if (!flag) {
        reading.headline = "no error";
        return reading;
    }
    for (const Cause& cause : causes) {
        if ((code & cause.bit) != 0)
            reading.headline += (reading.headline.empty() ? "" : ", ") + std::string(cause.what);
    }
    if (reading.headline.empty()) reading.headline = "an unknown code";
    reading.headline = fmt::format("stream {}: {}", stream, reading.headline);
    reading.notes.emplace_back("the first error since the flag was cleared; its address is in ERROR_ADDR_LO and _HI");
    return reading;
}

Reading read_t8020_error(const Words& words) {
    namespace error = dart::t8020::error;
    const Cause causes[] = {{error::NO_TTBR, "no valid TTBR"},
                            {error::NO_PMD, "no level 1 word"},
                            {error::NO_PTE, "no page"},
                            {error::WRITE, "a write that the page does not allow"},
                            {error::READ, "a read that the page does not allow"}};
    return read_error(causes, error::CODE.get(words[0]), error::STREAM.get(words[0]), error::FLAG.test(words[0]));
}

Reading read_t8110_error(const Words& words) {
    namespace error = dart::t8110::error;
    const Cause causes[] = {{error::NO_TTBR, "no valid TTBR"},
                            {error::NO_PGD, "no level 0 word"},
                            {error::NO_PMD, "no level 1 word"},
                            {error::NO_PTE, "no page"},
                            {error::WRITE, "a write that the page does not allow"},
                            {error::READ, "a read that the page does not allow"}};
    return read_error(causes, error::CODE.get(words[0]), error::STREAM.get(words[0]), error::FLAG.test(words[0]));
}

Reading tcr(bool translate, bool bypass) {
    Reading reading;
    reading.headline = bypass ? "bypass" : translate ? "translate" : "blocked";
    if (!bypass && !translate)
        reading.notes.emplace_back("every access of the stream is refused, and nothing is recorded");
    return reading;
}

Reading read_t8020_tcr(const Words& words) {
    namespace t = dart::t8020::tcr;
    return tcr(t::TRANSLATE.test(words[0]), t::BYPASS_DART.test(words[0]));
}
Reading read_t8110_tcr(const Words& words) {
    namespace t = dart::t8110::tcr;
    Reading reading = tcr(t::TRANSLATE.test(words[0]), t::BYPASS_DART.test(words[0]));
    if (t::FOUR_LEVEL.test(words[0])) reading.headline += ", three levels of tables below the base";
    return reading;
}

Reading read_t8020_ttbr(const Words& words) {
    namespace t = dart::t8020::ttbr;
    Reading reading;
    reading.headline = t::VALID.test(words[0]) ? fmt::format("a table at {:#x}", t::ADDRESS.get(words[0]) << t::kShift)
                                               : "invalid: an access of its quarter ends with NO_TTBR";
    return reading;
}
Reading read_t8110_ttbr(const Words& words) {
    namespace t = dart::t8110::ttbr;
    Reading reading;
    reading.headline = t::VALID.test(words[0]) ? fmt::format("a table at {:#x}", t::ADDRESS.get(words[0]) << t::kShift)
                                               : "invalid: an access ends with NO_TTBR";
    return reading;
}

/// A table word is its address and VALID alone: a leaf has its rights and its part of a page besides.
Reading read_word(const Words& words, words_of::Words kind) {
    Reading reading;
    if (!pte::VALID.test(words[0])) {
        reading.headline = "invalid";
        return reading;
    }
    const bool first = kind == words_of::Words::dart1;
    reading.headline = fmt::format("{:#x}", words_of::address(words[0], kind));
    if ((first ? pte::DART1_NO_READ : pte::DART2_NO_READ).test(words[0])) reading.headline += ", not readable";
    if ((first ? pte::DART1_NO_WRITE : pte::DART2_NO_WRITE).test(words[0])) reading.headline += ", not writable";
    if (!first && pte::DART2_NO_CACHE.test(words[0])) reading.headline += ", not cached";
    const std::uint64_t start = pte::SUBPAGE_START.get(words[0]), end = pte::SUBPAGE_END.get(words[0]);
    const bool checked = !first || !pte::SP_DIS.test(words[0]);
    if (checked && end != 0 && (start != 0 || end != 0xFFF))
        reading.notes.push_back(fmt::format("access to a part of the page: {:#x} to {:#x} of 4096ths", start, end));
    if (!first && (words[0] >> 8 & 3) != 0)
        reading.notes.emplace_back("bits 9:8 are none of the address: DART2 has no place for bits 13:12 of it");
    return reading;
}

/// "translation fault: status:0x83000004 stream:3 code:0x4 (NO PTE FOR IOVA) at 0x1000": which of the two codings it
/// is, the stream says that the driver took from the word; if both have it there, the code and its name.
std::optional<LineRecord> read_line(std::string_view line) {
    constexpr std::pair<std::string_view, std::uint64_t> kNewer[] = {
        {"(NO PGD", 2}, {"(NO PMD", 4}, {"(NO PTE", 8}, {"(WRITE", 16}, {"(READ", 32}};
    const auto status = number_after(line, "translation fault: status:0x");
    if (!status) return std::nullopt;
    const std::uint64_t code = number_after(line, " code:0x").value_or(0);
    bool newer = std::any_of(std::begin(kNewer), std::end(kNewer),
                             [&](const auto& one) { return code == one.second && has(line, one.first); });
    std::vector<std::string> said{fmt::format("at iova {:#x}", number_after(line, " at 0x").value_or(0))};
    if (const auto stream = decimal_after(line, " stream:")) {
        const bool fits_older = dart::t8020::error::STREAM.get(*status) == *stream;
        const bool fits_newer = dart::t8110::error::STREAM.get(*status) == *stream;
        if (fits_older != fits_newer) newer = fits_newer;
        if (!fits_older && !fits_newer)
            said.push_back(fmt::format("the line says stream {}, which the word has in no known coding", *stream));
    }
    return LineRecord{newer ? "t8110-error" : "error", {*status}, std::move(said)};
}

}  // namespace

std::vector<RecordFamily> dart_records() {
    namespace t8020 = dart::t8020;
    namespace t8110 = dart::t8110;
    RecordFamily family{"dart", {}};
    family.place = 7;
    family.line = read_line;
    family.kinds.push_back(
        {"error",
         "DART ERROR (t8103, t6000)",
         1,
         32,
         {word_row("FLAG", t8020::error::FLAG), word_row("STREAM", t8020::error::STREAM, Show::number),
          word_row("CODE", t8020::error::CODE, Show::hex)},
         read_t8020_error});
    family.kinds.push_back(
        {"tcr",
         "DART TCR (t8103, t6000)",
         1,
         32,
         {word_row("TRANSLATE", t8020::tcr::TRANSLATE), word_row("BYPASS_DART", t8020::tcr::BYPASS_DART),
          word_row("BYPASS_DAPF", t8020::tcr::BYPASS_DAPF)},
         read_t8020_tcr});
    family.kinds.push_back(
        {"ttbr",
         "DART TTBR (t8103, t6000)",
         1,
         32,
         {word_row("VALID", t8020::ttbr::VALID), word_row("ADDRESS", t8020::ttbr::ADDRESS, Show::hex)},
         read_t8020_ttbr});
    family.kinds.push_back(
        {"t8110-error",
         "DART ERROR (t8110)",
         1,
         32,
         {word_row("FLAG", t8110::error::FLAG), word_row("STREAM", t8110::error::STREAM, Show::number),
          word_row("CODE", t8110::error::CODE, Show::hex)},
         read_t8110_error});
    family.kinds.push_back(
        {"t8110-tcr",
         "DART TCR (t8110)",
         1,
         32,
         {word_row("TRANSLATE", t8110::tcr::TRANSLATE), word_row("BYPASS_DART", t8110::tcr::BYPASS_DART),
          word_row("BYPASS_DAPF", t8110::tcr::BYPASS_DAPF), word_row("FOUR_LEVEL", t8110::tcr::FOUR_LEVEL)},
         read_t8110_tcr});
    family.kinds.push_back(
        {"t8110-ttbr",
         "DART TTBR (t8110)",
         1,
         32,
         {word_row("VALID", t8110::ttbr::VALID), word_row("ADDRESS", t8110::ttbr::ADDRESS, Show::hex)},
         read_t8110_ttbr});
    const std::vector<RecordField> parts{word_row("SUBPAGE_START", pte::SUBPAGE_START, Show::hex),
                                         word_row("SUBPAGE_END", pte::SUBPAGE_END, Show::hex)};
    std::vector<RecordField> first{word_row("VALID", pte::VALID), word_row("SP_DIS", pte::SP_DIS),
                                   word_row("NO_WRITE", pte::DART1_NO_WRITE), word_row("NO_READ", pte::DART1_NO_READ)};
    std::vector<RecordField> second{word_row("VALID", pte::VALID), word_row("NO_CACHE", pte::DART2_NO_CACHE),
                                    word_row("NO_WRITE", pte::DART2_NO_WRITE), word_row("NO_READ", pte::DART2_NO_READ)};
    for (std::vector<RecordField>* fields : {&first, &second})
        fields->insert(fields->end(), parts.begin(), parts.end());
    family.kinds.push_back({"pte", "DART1 table word (t8103)", 1, 64, first,
                            [](const Words& words) { return read_word(words, words_of::Words::dart1); }});
    family.kinds.push_back({"pte2", "DART2 table word (t6000, t8110)", 1, 64, second,
                            [](const Words& words) { return read_word(words, words_of::Words::dart2); }});
    return {family};
}

}  // namespace xlate::iommu::records
