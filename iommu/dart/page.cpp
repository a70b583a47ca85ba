#include "iommu/dart/page.hpp"

#include "iommu/dart/dart.hpp"
#include "iommu/page_rows.hpp"

namespace xlate::iommu::dart {
namespace {

constexpr PageRow kT8020[] = {
    {"PARAMS1", PARAMS1, "functional", "PAGE_SHIFT [27:24]: 12 or 14"},
    {"PARAMS2", PARAMS2, "functional", "BYPASS_SUPPORT 0"},
    {"STREAM_COMMAND", t8020::STREAM_COMMAND, "functional",
     "INVALIDATE 20 drops what is kept of the streams in STREAM_SELECT; BUSY 2 until older translations are done; "
     "other "
     "operations do nothing"},
    {"STREAM_SELECT", t8020::STREAM_SELECT, "functional", "a bit a stream"},
    {"ERROR", t8020::ERROR, "functional",
     "first fault latched: FLAG 31, STREAM [27:24], CODE [11:0]; write 1 to clear"},
    {"ERROR_ADDR_LO, _HI", t8020::ERROR_ADDR_LO, "functional", "of the latched fault"},
    {"CONFIG", t8020::CONFIG, "functional", "LOCK 15: TCR and TTBR ignore writes; the other bits are stored"},
    {"STREAMS_ENABLE", t8020::STREAMS_ENABLE, "functional", "a bit a stream; one that is off is blocked"},
    {"TCR", t8020::TCR0, "functional",
     "a register a stream: TRANSLATE 7, BYPASS_DART 8; 0 blocks; BYPASS_DAPF 12 is stored"},
    {"TTBR", t8020::TTBR0, "functional",
     "four a stream, a quarter of the addresses each: VALID 31, page number [30:0]"},
};
constexpr PageRow kT8110[] = {
    {"PARAMS3", t8110::PARAMS3, "functional", "VA_WIDTH [21:16], PA_WIDTH [29:24], version"},
    {"PARAMS4", t8110::PARAMS4, "functional", "NUM_SIDS [8:0]; NUM_CLIENTS is stored"},
    {"TLB_CMD", t8110::TLB_CMD, "functional",
     "OP [10:8]: 0 all streams, 1 STREAM [7:0]; BUSY 31 until older translations are done"},
    {"ERROR", t8110::ERROR, "functional",
     "first fault latched: FLAG 31, STREAM [27:20], CODE [14:0]; write 1 to clear"},
    {"ERROR_MASK", t8110::ERROR_MASK, "functional", "codes that raise no interrupt"},
    {"ERROR_ADDR_LO, _HI", t8110::ERROR_ADDR_LO, "functional", "of the latched fault"},
    {"ERROR_STREAMS", t8110::ERROR_STREAMS, "functional", "a bit a stream that has faulted"},
    {"PROTECT, UNPROTECT, PROTECT_LOCK", t8110::PROTECT, "functional", "TTBR_TCR 0: TCR and TTBR ignore writes"},
    {"ENABLE, DISABLE", t8110::ENABLE, "functional", "a bit a stream; one that is off is blocked"},
    {"TCR", t8110::TCR0, "functional",
     "TRANSLATE 0, BYPASS_DART 1, FOUR_LEVEL 3; 0 blocks; BYPASS_DAPF 2 and the REMAP fields are stored"},
    {"TTBR", t8110::TTBR0, "functional", "one a stream: VALID 0, address [41:14] at [29:2]"},
};
constexpr PageRow kWords[] = {
    {"VALID 0", 0, "functional", "a table word is its address and VALID alone"},
    {"DART1: address [35:12], SP_DIS 1, no write 7, no read 8", 0, "functional", ""},
    {"DART2: address >> 4 at [37:10], no write 2, no read 3", 0, "functional",
     "address bits 13:12 have no place: 4 KiB pages do not work with these words, on hardware either"},
    {"DART2: NO_CACHE 1", 0, "functional", "the access's memory attribute"},
    {"sub-page start [63:52], end [51:40]", 0, "functional",
     "unless SP_DIS is set: the part of a page that gives access"},
};

}  // namespace

std::string dart_page() {
    std::string page = page_head("Apple DART", "dart_page", "iommu/dart/", "`docs/spec/iommu-hardware.md` 5");
    page += R"(
Two generations: that of the M1 (`apple,t8103-dart`, and `apple,t6000-dart` with DART2 words: 16 streams, four table bases a stream) and
`apple,t8110-dart` (up to 256 streams, one base, four levels). `soc.iommu.dart` says what firmware does not: page size, bypass, lock,
streams, widths.

Decided here, since no source says it: an access of a blocked stream leaves no record; a part of a page that gives no access answers as a
missing right; a table that cannot be read answers as a missing word.

Not modelled: the address filter (DAPF), remapping of streams, clients.
)";
    page_table(page, "Registers: t8103, t6000", "Register | Offset", {kT8020, std::size(kT8020)}, "0x{:03x}");
    page_table(page, "Registers: t8110, where they differ", "Register | Offset", {kT8110, std::size(kT8110)},
               "0x{:04x}");
    page_table(page, "Words of the tables", "Word", {kWords, std::size(kWords)}, "");
    page_faults(page, sheet(), static_cast<std::uint16_t>(FaultCode::blocked));
    const DartParams parameters;
    const CacheParams caches[] = {parameters.tlb, parameters.walk, parameters.walk};
    page_structures(page, sheet(), {caches, std::size(caches)});
    page_counters(page, sheet());
    return page;
}

}  // namespace xlate::iommu::dart
