// Registers and table words of MediaTek's M4U, both generations. Source: docs/spec/iommu-hardware.md sections 16.3 and
// 17, docs/mediatek-v1.md.
#include <utility>

#include <fmt/format.h>

#include "iommu/mediatek/layout.hpp"
#include "iommu/mediatek/layout_v1.hpp"
#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
#include "iommu/tables/layout_vmsa7_short.hpp"

namespace xlate::iommu::records {
namespace {

namespace mtk = iommu::mediatek;
namespace v1 = iommu::mediatek_v1;
namespace vmsa = iommu::vmsa7_short;
using Show = RecordField::Show;
using Causes = std::pair<std::uint32_t, std::string_view>;

constexpr const char* kProtected =
    "Linux has set a protect buffer: the access went there, not to memory that the table does not name";

constexpr Causes kCauses[] = {{mtk::int_main::TRANSLATION, "no page"},
                              {mtk::int_main::MULTI_HIT, "two TLB entries match"},
                              {mtk::int_main::INVALID_PA, "an address outside the valid range"},
                              {mtk::int_main::REPLACEMENT, "TLB entry replacement fault"},
                              {mtk::int_main::TLB_MISS, "TLB miss fault"},
                              {mtk::int_main::MISS_FIFO, "miss FIFO full"},
                              {mtk::int_main::PREFETCH_FIFO, "prefetch FIFO full"}};

Reading read_interrupts(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    Reading reading;
    for (unsigned mmu = 0; mmu < 2; ++mmu) {
        const std::uint32_t causes = word >> mmu * mtk::int_main::kCausesPerMmu & mtk::int_main::kMmu0;
        if (causes == 0) continue;
        if (!reading.headline.empty()) reading.headline += "; ";
        reading.headline += fmt::format("MMU {}: {}", mmu, names_of_bits(causes, kCauses, ""));
    }
    if (reading.headline.empty()) reading.headline = "no fault";
    if ((word & (mtk::int_main::TRANSLATION | mtk::int_main::TRANSLATION << mtk::int_main::kCausesPerMmu)) != 0)
        reading.notes.emplace_back(kProtected);
    return reading;
}

Reading read_fault_va(const Words& words) {
    namespace va = mtk::fault_va;
    const std::uint64_t low = keep(words[0], 31, mtk::kPageBits);
    Reading reading;
    reading.headline =
        fmt::format("{} at {:#x}", va::WRITE.test(words[0]) ? "write" : "read", low | va::VA34_32.get(words[0]) << 32);
    if (va::VA34_32.test(words[0]))
        reading.notes.push_back(fmt::format("at {:#x} on a part with addresses of 32 bits", low));
    return reading;
}

Reading read_l1(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    Reading reading;
    switch (mtk::l1::TYPE.get(word)) {
        case vmsa::l1::TYPE_FAULT:
            reading.headline = "nothing: a fault";
            break;
        case mtk::l1::TYPE_TABLE:
            reading.headline = fmt::format("a table at {:#x}", vmsa::l1::table_address(word));
            if (mtk::high_bits(word) != 0)
                reading.notes.push_back(
                    fmt::format("at {:#x} on a part whose table words have bits above 31, as mt8192 and later",
                                vmsa::l1::table_address(word) | mtk::high_bits(word)));
            break;
        default: {
            const bool super = mtk::l1::SUPER.test(word);
            reading.headline =
                fmt::format("{} at {:#x}", super ? "16 MiB" : "1 MiB",
                            keep(word, 31, super ? mtk::kSupersectionBits : mtk::kSectionBits) | mtk::high_bits(word));
            break;
        }
    }
    return reading;
}

Reading read_l2(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    Reading reading;
    if (mtk::l2::TYPE.get(word) == vmsa::l2::TYPE_FAULT) {
        reading.headline = "nothing: a fault";
        return reading;
    }
    const bool large = mtk::l2::TYPE.get(word) == mtk::l2::TYPE_LARGE;
    reading.headline = fmt::format("{} at {:#x}", large ? "64 KiB" : "4 KiB",
                                   keep(word, 31, large ? mtk::kLargeBits : mtk::kPageBits) | mtk::high_bits(word));
    return reading;
}

Reading read_pt_base(const Words& words) {
    return {fmt::format("first level at {:#x}", mtk::table_base(static_cast<std::uint32_t>(words[0]))), {}};
}

Reading read_port(const Words& words) {
    namespace larb = mtk::larb;
    if (!larb::EN.test(words[0])) return {"the port passes by the M4U", {}};
    const std::uint64_t bank = larb::BANK.get(words[0]);
    return {fmt::format("the port goes through the M4U, addresses from {:#x} on", bank << 32), {}};
}

/// "fault type=0x1 iova=0x123456000 pa=0x0 master=0xa9c(larb=20 port=7) layer=0 write"; 5.x knows no master.
std::optional<LineRecord> read_line(std::string_view line) {
    const auto type = has(line, " layer=") ? number_after(line, "fault type=0x") : std::nullopt;
    if (!type) return std::nullopt;
    std::vector<std::string> said{fmt::format("{} at iova {:#x}", has(line, "write") ? "write" : "read",
                                              number_after(line, "iova=0x").value_or(0))};
    const auto larb = decimal_after(line, "larb="), port = decimal_after(line, "port=");
    if (larb && port) said.push_back(fmt::format("larb {}, port {}", *larb, *port));
    return LineRecord{"int-main", {*type}, std::move(said)};
}

constexpr Causes kCausesV1[] = {{v1::interrupt::TRANSLATION, "no page"},
                                {v1::interrupt::MULTI_HIT, "two TLB entries match"},
                                {v1::interrupt::INVALID_PA, "an invalid page"},
                                {v1::interrupt::REPLACEMENT, "TLB entry replacement fault"},
                                {v1::interrupt::TABLE_WALK, "table walk fault"},
                                {v1::interrupt::TLB_MISS, "TLB miss fault"},
                                {v1::interrupt::PREFETCH_FIFO, "prefetch FIFO full"},
                                {v1::interrupt::MISS_FIFO, "miss FIFO full"}};

Reading read_interrupts_v1(const Words& words) {
    Reading reading{names_of_bits(words[0], kCausesV1, "no fault"), {}};
    if ((words[0] & (v1::interrupt::TRANSLATION | v1::interrupt::INVALID_PA)) != 0)
        reading.notes.emplace_back(kProtected);
    return reading;
}

Reading read_int_id(const Words& words) {
    const std::uint64_t larb = v1::int_id::LARB.get(words[0]);
    if (larb > v1::int_id::kLastLarb) return {fmt::format("no larb ({})", larb), {}};
    return {fmt::format("larb {}, port {}", v1::int_id::kLastLarb - larb, v1::int_id::PORT.get(words[0])), {}};
}

Reading read_word_v1(const Words& words) {
    const auto word = static_cast<std::uint32_t>(words[0]);
    if (!v1::word::VALID.test(word)) return {"nothing: a fault", {}};
    return {fmt::format("4 KiB at {:#x}", v1::page(word)), {}};
}

/// "fault type=0x1 iova=0x12345000 pa=0x0 larb=0 port=3": this hardware does not say which way.
std::optional<LineRecord> read_line_v1(std::string_view line) {
    const auto type = has(line, " larb=") ? number_after(line, "fault type=0x") : std::nullopt;
    if (!type) return std::nullopt;
    std::vector<std::string> said{fmt::format("at iova {:#x}", number_after(line, "iova=0x").value_or(0))};
    const auto larb = decimal_after(line, "larb="), port = decimal_after(line, "port=");
    if (larb && port) said.push_back(fmt::format("larb {}, port {}", *larb, *port));
    return LineRecord{"fault-st", {*type}, std::move(said)};
}

}  // namespace

static RecordFamily later_records() {
    RecordFamily family{"mediatek"};
    family.place = 11;
    family.line = read_line;
    family.kinds = {{"int-main", "MediaTek M4U FAULT_ST1 (and INT_MAIN)", 1, 32, {}, read_interrupts},
                    {"fault-va",
                     "MediaTek M4U FAULT_VA",
                     1,
                     32,
                     {word_row("VA34_32", mtk::fault_va::VA34_32, Show::hex),
                      word_row("PA34_32", mtk::fault_va::PA34_32, Show::hex),
                      word_row("WRITE", mtk::fault_va::WRITE, Show::flag, "0 read|1 write"),
                      word_row("LAYER", mtk::fault_va::LAYER)},
                     read_fault_va},
                    {"pt-base", "MediaTek M4U PT_BASE", 1, 32, {}, read_pt_base},
                    {"nonsec-con",
                     "MediaTek SMI larb NONSEC_CON",
                     1,
                     32,
                     {word_row("EN", mtk::larb::EN), word_row("BANK", mtk::larb::BANK, Show::number)},
                     read_port},
                    {"l1",
                     "MediaTek M4U first-level word",
                     1,
                     32,
                     {word_row("TYPE", mtk::l1::TYPE, Show::number, "0 fault|1 table|2 section|3 section"),
                      word_row("SUPER", mtk::l1::SUPER)},
                     read_l1},
                    {"l2",
                     "MediaTek M4U second-level word",
                     1,
                     32,
                     {word_row("TYPE", mtk::l2::TYPE, Show::number, "0 fault|1 large page|2 page|3 page")},
                     read_l2}};
    return family;
}

static RecordFamily first_records() {
    RecordFamily family{"mediatek-v1"};
    family.place = 12;
    family.line = read_line_v1;
    family.kinds = {
        {"fault-st", "MediaTek M4U (first generation) FAULT_ST", 1, 32, {}, read_interrupts_v1},
        {"int-id",
         "MediaTek M4U (first generation) INT_ID",
         1,
         32,
         {word_row("PORT", v1::int_id::PORT, Show::number), word_row("LARB", v1::int_id::LARB, Show::number)},
         read_int_id},
        {"word",
         "MediaTek M4U (first generation) table word",
         1,
         32,
         {word_row("VALID", v1::word::VALID), word_row("NONSEC", v1::word::NONSEC)},
         read_word_v1}};
    return family;
}

std::vector<RecordFamily> mediatek_records() { return {later_records(), first_records()}; }

}  // namespace xlate::iommu::records
