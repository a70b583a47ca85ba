// Registers, TLB entries and table words of OMAP's IOMMU. Source: docs/spec/iommu-hardware.md section 6.
#include <memory>

#include <fmt/format.h>

#include "iommu/omap/layout.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/records/log_reader.hpp"
#include "iommu/records/record.hpp"

namespace xlate::iommu::records {
namespace {

namespace om = iommu::omap;
using Show = RecordField::Show;

constexpr std::string_view kSizes = "0 1M|1 64K|2 4K|3 16M";

std::string size_of(unsigned log2_bytes) {
    return log2_bytes >= om::kSectionBits ? fmt::format("{} MiB", 1U << (log2_bytes - om::kSectionBits))
                                          : fmt::format("{} KiB", 1U << (log2_bytes - 10));
}

Reading read_interrupts(const Words& words) {
    struct Cause {
        Field bit;
        const char* what;
        const char* note;
    };
    const Cause causes[] = {
        {om::interrupt::TLBMISS, "no entry, and the walker is off",
         "the access goes on when an entry for it is loaded"},
        {om::interrupt::TRANSLATION, "the tables have nothing", "the access tries again when the bit is cleared"},
        {om::interrupt::EMUMISS, "a miss of the emulator", ""},
        {om::interrupt::WALK, "memory refused a table", "TTB or a first-level word is wrong"},
        {om::interrupt::MULTIHIT, "two entries match", "one of them was loaded without a flush before"},
    };
    Reading reading;
    for (const Cause& cause : causes) {
        if (!cause.bit.test(words[0])) continue;
        reading.headline += (reading.headline.empty() ? "" : ", ") + std::string(cause.what);
        if (*cause.note != 0) reading.notes.emplace_back(cause.note);
    }
    if (reading.headline.empty()) reading.headline = "no interrupt";
    return reading;
}

Reading read_cam(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    Reading reading;
    const unsigned bits = om::cam::log2_bytes(word);
    reading.headline = !om::cam::V.test(word) ? "an empty entry"
                                              : fmt::format("{} at {:#x}{}", size_of(bits), om::cam::tag(word),
                                                            om::cam::P.test(word) ? ", preserved over GFLUSH" : "");
    return reading;
}

Reading read_lock(const Words& words) {
    Reading reading;
    reading.headline = fmt::format("{} entries locked, the next victim is {}", om::lock::BASE.get(words[0]),
                                   om::lock::VICT.get(words[0]));
    return reading;
}

Reading read_l1(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    Reading reading;
    const auto type = om::l1::TYPE.get(word);
    if (type == om::l1::TYPE_TABLE) {
        reading.headline = fmt::format("a table at {:#x}", om::l1::table(word));
    } else if (type == om::l1::TYPE_SECTION) {
        const unsigned bits = om::l1::log2_bytes(word);
        reading.headline = fmt::format("{} at {:#x}", size_of(bits), align_down(word, std::uint64_t{1} << bits));
    } else {
        reading.headline = "nothing: a translation fault";
    }
    return reading;
}

Reading read_l2(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    Reading reading;
    const unsigned bits = om::l2::log2_bytes(word);
    reading.headline = om::l2::present(word)
                           ? fmt::format("{} at {:#x}", size_of(bits), align_down(word, std::uint64_t{1} << bits))
                           : "nothing: a translation fault";
    return reading;
}

/// "errs:0x00000002 da:0x123abcde pgd:0x... *pgd:px00000000", "... *pgd:0x8f3bd401 pte:0x... *pte:0x00000000": the
/// causes, and the words that Linux finds in its tables.
class Reader : public LogReader {
public:
    bool take(std::string_view line, unsigned number, LogRecords& log) override {
        const auto errors = has(line, " da:0x") ? number_after(line, "errs:0x") : std::nullopt;
        if (!errors) return false;
        const std::uint64_t at = number_after(line, " da:0x").value_or(0);
        log.add("omap.irqstatus", {*errors}, number, {fmt::format("at {:#x}", at)});
        const std::vector<std::string> of{fmt::format("of {:#x}", at)};
        const auto first = number_after(line, has(line, "*pgd:px") ? "*pgd:px" : "*pgd:0x");
        if (first) log.add("omap.l1", {*first}, number, of);
        if (const auto second = number_after(line, "*pte:0x")) log.add("omap.l2", {*second}, number, of);
        return true;
    }
};

std::unique_ptr<LogReader> make_reader() { return std::make_unique<Reader>(); }

/// "iommu fault: da 0x0 flags 0x0": of the handler that a remote processor's driver sets.
std::string_view meaning(std::string_view line) {
    if (!has(line, "iommu fault: da 0x")) return {};
    return "a remote processor's driver is told of a fault at this address, and will restart the processor; OMAP's "
           "driver gives no flags: what fault it was, its own line says (errs:)";
}

}  // namespace

std::vector<RecordFamily> omap_records() {
    namespace interrupt = om::interrupt;
    RecordFamily family{"omap", {}};
    family.place = 3;
    family.reader = make_reader;
    family.meaning = meaning;
    family.kinds.push_back({"irqstatus",
                            "OMAP IRQSTATUS (and IRQENABLE)",
                            1,
                            32,
                            {word_row("TLBMISS", interrupt::TLBMISS), word_row("TRANSLATION", interrupt::TRANSLATION),
                             word_row("EMUMISS", interrupt::EMUMISS), word_row("WALK", interrupt::WALK),
                             word_row("MULTIHIT", interrupt::MULTIHIT)},
                            read_interrupts});
    family.kinds.push_back(
        {"cam",
         "OMAP CAM (and READ_CAM)",
         1,
         32,
         {word_row("PGSZ", om::cam::PGSZ, Show::number, kSizes), word_row("V", om::cam::V), word_row("P", om::cam::P)},
         read_cam});
    family.kinds.push_back(
        {"lock",
         "OMAP LOCK",
         1,
         32,
         {word_row("VICT", om::lock::VICT, Show::number), word_row("BASE", om::lock::BASE, Show::number)},
         read_lock});
    family.kinds.push_back({"l1",
                            "OMAP first-level word",
                            1,
                            32,
                            {word_row("TYPE", om::l1::TYPE, Show::number, "0 none|1 table|2 section|3 none"),
                             word_row("SUPER", om::l1::SUPER), word_row("MIXED", om::l1::MIXED),
                             word_row("ENDIAN", om::l1::ENDIAN), word_row("ELSZ", om::l1::ELSZ, Show::number)},
                            read_l1});
    family.kinds.push_back(
        {"l2",
         "OMAP second-level word",
         1,
         32,
         {word_row("LARGE", om::l2::LARGE), word_row("SMALL", om::l2::SMALL), word_row("MIXED", om::l2::MIXED),
          word_row("ENDIAN", om::l2::ENDIAN), word_row("ELSZ", om::l2::ELSZ, Show::number)},
         read_l2});
    return {family};
}

}  // namespace xlate::iommu::records
