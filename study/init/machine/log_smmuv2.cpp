#include "study/init/machine/log_smmuv2.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include <fmt/format.h>

#include "iommu/smmuv2/layout.hpp"
#include "study/init/machine/log_number.hpp"

namespace xlate::study {
namespace {

namespace smmu = iommu::smmuv2;
namespace gr0 = smmu::gr0;

constexpr std::uint64_t kMostCount = 128;  // of groups and of banks, in a config

/// Page sizes by the table formats that have them, as Linux adds them up.
constexpr std::uint64_t kShort = 0x01110000, kLong4k = 0x40200000, k16k = 0x02004000, k64k = 0x20000000,
                        kPages4k = 0x1000;

bool has(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }
bool has_all(std::uint64_t bits, std::uint64_t of) { return (bits & of) == of; }

/// Whether the registers have a code for so many bits of an address.
bool has_code(std::uint64_t bits) {
    return bits <= 48 && smmu::address_bits(smmu::address_code(static_cast<unsigned>(bits))) == bits;
}
std::uint64_t code_of(std::uint64_t bits) { return smmu::address_code(static_cast<unsigned>(bits)); }

}  // namespace

bool LogSmmuV2::take(std::string_view text) {
    if (text == "SMMUv1 with:" || text == "SMMUv2 with:") {
        *this = {};  // probed again
        version_ = text[5] == '1' ? 1 : 2;
    } else if (text == "stage 1 translation") {
        stage1_ = true;
    } else if (text == "stage 2 translation") {
        stage2_ = true;
    } else if (text == "nested translation") {
        nested_ = true;
    } else if (text == "address translation ops") {
        ops_ = true;
    } else if (text == "coherent table walk" || text == "non-coherent table walk") {
        coherent_ = text[0] == 'c';
    } else if (has(text, "IDR0.CTTW overridden by FW configuration")) {
        overridden_ = true;
    } else {
        return take_count(text);
    }
    return true;
}

bool LogSmmuV2::take_count(std::string_view text) {
    if (const auto groups = number_behind(text, "stream matching with ")) {
        groups_ = groups;
    } else if (const std::size_t at = text.find(" context banks ("); at != std::string_view::npos) {
        const auto banks = number_behind(text.substr(0, at), "");
        if (!banks) return false;
        banks_ = banks;
        stage2_banks_ = number_behind(text, "(");
    } else if (const auto sizes = number_behind(text, "Supported page sizes: ")) {
        page_sizes_ = sizes;
    } else if (const auto va = number_behind(text, "Stage-1: ")) {
        va_bits_ = va;
        ipa_bits_ = number_behind(text, "-> ");
    } else if (const auto ipa = number_behind(text, "Stage-2: ")) {
        ipa_bits_ = ipa;
        pa_bits_ = number_behind(text, "-> ");
    } else if (const auto mappings = number_behind(text, "preserved ")) {
        preserved_ = mappings;
    } else {
        return false;
    }
    return true;
}

std::string LogSmmuV2::missing() const {
    if (version_ == 0) return "the line of its version";
    if (!stage1_ && !stage2_) return "the lines of its stages";
    if (!groups_) return "the line of its stream matching";
    if (!page_sizes_) return "the line of its page sizes";
    if ((stage1_ && (!va_bits_ || !ipa_bits_)) || (stage2_ && (!ipa_bits_ || !pa_bits_)))
        return "the lines of its address sizes";
    for (const auto& bits : {va_bits_, ipa_bits_, pa_bits_}) {
        if (bits && !has_code(*bits)) return fmt::format("a code for {}-bit addresses", *bits);
    }
    return "";
}

std::uint32_t LogSmmuV2::idr0() const {
    namespace idr0 = smmu::idr0;
    constexpr std::uint64_t kStreamBits = 15;  // the most without extended stream ids; its driver does not print it
    const bool walks = coherent_ != overridden_;
    const auto flag = [](bool on) { return std::uint64_t{on}; };
    return static_cast<std::uint32_t>(
        idr0::S1TS.of(flag(stage1_)) | idr0::S2TS.of(flag(stage2_)) | idr0::NTS.of(flag(nested_)) |
        // SMMUv1's driver does not read it.
        idr0::ATOSNS.of(flag(version_ == 1 || !ops_)) | idr0::CTTW.of(flag(walks)) | idr0::SMS.of(1) |
        idr0::NUMSMRG.of(std::min(*groups_, kMostCount)) | idr0::NUMSIDB.of(kStreamBits) |
        idr0::NUMIRPT.of(std::min(banks_.value_or(1), kMostCount)) |
        idr0::PTFS_NO_AARCH32S.of(flag(!has_all(*page_sizes_, kShort))) |
        idr0::PTFS_NO_AARCH32.of(flag(!has_all(*page_sizes_, kLong4k))));
}

std::uint32_t LogSmmuV2::idr2() const {
    namespace idr2 = smmu::idr2;
    const bool v2 = version_ == 2;
    const auto flag = [](bool on) { return std::uint64_t{on}; };
    const bool wide = has_all(*page_sizes_, k64k);
    return static_cast<std::uint32_t>(idr2::IAS.of(code_of(*ipa_bits_)) |
                                      idr2::OAS.of(code_of(pa_bits_.value_or(*ipa_bits_))) |
                                      idr2::UBS.of(v2 ? code_of(va_bits_.value_or(*ipa_bits_)) : 0) |
                                      idr2::PTFS_4K.of(flag(v2 ? has_all(*page_sizes_, kLong4k) : wide)) |
                                      idr2::PTFS_16K.of(flag(v2 && has_all(*page_sizes_, k16k))) |
                                      idr2::PTFS_64K.of(flag(wide)) | idr2::VMID16S.of(flag(v2)));
}

std::string LogSmmuV2::entry() const {
    std::string keys;
    const auto add = [&](const char* key, std::uint64_t value) {
        keys += fmt::format("{}{}: {}", keys.empty() ? "" : ", ", key, std::min(value, kMostCount));
    };
    if (groups_) add("stream_groups", *groups_);
    if (banks_) add("context_banks", *banks_);
    std::string text = keys.empty() ? "" : fmt::format("smmuv2: {{ {} }}", keys);
    if (missing().empty())
        text +=
            fmt::format("{}registers: {{ {:#x}: {:#010x}, {:#x}: {:#010x} }}", text.empty() ? "" : ", ",
                        static_cast<std::uint32_t>(gr0::IDR0), idr0(), static_cast<std::uint32_t>(gr0::IDR2), idr2());
    return text;
}

std::vector<std::string> LogSmmuV2::notes() const {
    std::vector<std::string> all;
    if (const std::string what = missing(); !what.empty()) {
        all.push_back(
            fmt::format("the log lacks {}: what it says of stages, walks, page and address sizes is not taken", what));
    } else {
        all.push_back(fmt::format(
            "registers: IDR0 and IDR2 as its lines have them; they do not tell the bits of stream ids ({}) and of "
            "VMIDs ({}){}",
            15, version_ == 2 ? 16 : 8, pa_bits_ ? "" : ", nor those of output addresses (as the IPA's)"));
        const std::uint64_t formats = (has_all(*page_sizes_, kShort) ? kShort | kPages4k : 0) |
                                      (has_all(*page_sizes_, kLong4k) ? kLong4k | kPages4k : 0) |
                                      (has_all(*page_sizes_, k16k) ? k16k : 0) |
                                      (has_all(*page_sizes_, k64k) ? k64k | 0x10000 : 0);
        if (formats != *page_sizes_)
            all.push_back(
                fmt::format("Supported page sizes {:#x}: no formats of tables add up to them; here they are "
                            "{:#x}",
                            *page_sizes_, formats));
    }
    for (const auto& [count, what] : {std::pair(groups_, "register groups"), std::pair(banks_, "context banks")}) {
        if (count.value_or(0) > kMostCount)
            all.push_back(fmt::format("{} {}: {} are the most here", *count, what, kMostCount));
    }
    // Without stage 1 all of them are.
    if (stage2_banks_.value_or(0) != 0 && stage1_)
        all.push_back(fmt::format("{} context banks for stage 2 only: no key says it", *stage2_banks_));
    if (preserved_.value_or(0) != 0)
        all.push_back(
            fmt::format("{} boot mappings: the log does not say of which streams; `registers` takes SMRs and "
                        "S2CRs",
                        *preserved_));
    return all;
}

}  // namespace xlate::study
