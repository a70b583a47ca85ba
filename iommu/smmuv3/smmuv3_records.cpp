// Records of SMMUv3. Source: docs/spec/iommu-hardware.md sections 1.3 to 1.8, 1.10, 1.13.
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "iommu/records/record.hpp"
#include "iommu/smmuv3/bare_words.hpp"
#include "iommu/smmuv3/event_reading.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/log_reader.hpp"

namespace xlate::iommu::records {
namespace {

namespace smmu = iommu::smmuv3;
using Show = RecordField::Show;
using smmu::Opcode;

RecordField row(std::string_view name, const smmu::EntryField& field, Show show = Show::number,
                std::string_view values = {}) {
    return {name, field.word, field.lsb, field.width, show, values};
}
RecordField row(std::string_view name, const Field& field, Show show = Show::number, std::string_view values = {}) {
    return {name, 0, field.lsb, field.width, show, values};
}

template <std::size_t N>
std::array<std::uint64_t, N> array_of(const Words& words) {
    std::array<std::uint64_t, N> all{};
    for (std::size_t i = 0; i < N && i < words.size(); ++i) all[i] = words[i];
    return all;
}

constexpr std::string_view kGranules0 = "0 4 KiB|1 64 KiB|2 16 KiB";
constexpr std::string_view kGranules1 = "1 16 KiB|2 4 KiB|3 64 KiB";
constexpr std::string_view kShareability = "0 non-shareable|2 outer shareable|3 inner shareable";
constexpr std::string_view kCacheability =
    "0 non-cacheable|1 write-back|2 write-through|3 write-back, no write-allocate";
constexpr std::string_view kSizes = "0 32 bits|1 36 bits|2 40 bits|3 42 bits|4 44 bits|5 48 bits|6 52 bits|7 56 bits";
constexpr std::string_view kYes = "0 no|1 yes";

Reading read_command(const Words& words) {
    namespace cmd = smmu::cmd;
    const auto w = array_of<2>(words);
    const auto opcode = static_cast<Opcode>(cmd::OPCODE.get(w));
    Reading reading;
    reading.headline = smmu::name(opcode);
    if (reading.headline == "reserved") {
        reading.headline = fmt::format("reserved opcode {:#04x}", cmd::OPCODE.get(w));
        reading.notes.emplace_back("the SMMU stops at it with CERROR_ILL");
        return reading;
    }
    const auto add = [&](const std::string& text) { reading.headline += ", " + text; };
    const auto sid = [&] { add(fmt::format("sid {:#x}", cmd::SID.get(w))); };
    const auto ssid = [&](bool always) {
        if (always || cmd::SSV.test(w)) add(fmt::format("ssid {:#x}", cmd::SSID.get(w)));
    };
    const auto range = [&](std::uint64_t address, const char* what) {
        add(fmt::format("{} {:#x}", what, address));
        if (cmd::TG.get(w) == 0) return;
        const unsigned shift = static_cast<unsigned>(10 + 2 * cmd::TG.get(w));
        const std::uint64_t granules = (cmd::NUM.get(w) + 1) << cmd::SCALE.get(w);
        add(fmt::format("{} granules of {} KiB", granules, 1U << (shift - 10)));
        if (cmd::TTL.get(w) != 0) add(fmt::format("leaves at level {}", cmd::TTL.get(w)));
    };
    switch (opcode) {
        case Opcode::PREFETCH_CONFIG:
        case Opcode::PREFETCH_ADDR:
            sid(), ssid(false);
            if (opcode == Opcode::PREFETCH_ADDR) add(fmt::format("address {:#x}", cmd::ADDR.address(w)));
            break;
        case Opcode::CFGI_STE:
            sid(), add(cmd::CFGI_LEAF.test(w) ? "leaf only" : "with the tables above");
            break;
        case Opcode::CFGI_STE_RANGE:
            if (cmd::CFGI_RANGE.get(w) == cmd::CFGI_RANGE_ALL) {
                reading.headline = "CMD_CFGI_ALL";
            } else {
                sid(), add(fmt::format("{} streams", std::uint64_t{2} << cmd::CFGI_RANGE.get(w)));
            }
            break;
        case Opcode::CFGI_CD:
            sid(), ssid(true), add(cmd::CFGI_LEAF.test(w) ? "leaf only" : "with the tables above");
            break;
        case Opcode::CFGI_CD_ALL:
        case Opcode::STALL_TERM:
            sid();
            break;
        case Opcode::TLBI_NH_ASID:
        case Opcode::TLBI_EL2_ASID:
        case Opcode::TLBI_S_EL2_ASID:
            add(fmt::format("vmid {:#x}, asid {:#x}", cmd::VMID.get(w), cmd::ASID.get(w)));
            break;
        case Opcode::TLBI_NH_VA:
        case Opcode::TLBI_EL2_VA:
        case Opcode::TLBI_S_EL2_VA:
            add(fmt::format("vmid {:#x}, asid {:#x}", cmd::VMID.get(w), cmd::ASID.get(w)));
            range(cmd::ADDR.address(w), "address");
            add(cmd::TLBI_LEAF.test(w) ? "leaf only" : "with walk caches");
            break;
        case Opcode::TLBI_NH_VAA:
        case Opcode::TLBI_EL2_VAA:
        case Opcode::TLBI_EL3_VA:
        case Opcode::TLBI_S_EL2_VAA:
            add(fmt::format("vmid {:#x}, any asid", cmd::VMID.get(w)));
            range(cmd::ADDR.address(w), "address");
            add(cmd::TLBI_LEAF.test(w) ? "leaf only" : "with walk caches");
            break;
        case Opcode::TLBI_S2_IPA:
        case Opcode::TLBI_S_S2_IPA:
            add(fmt::format("vmid {:#x}", cmd::VMID.get(w)));
            range(cmd::IPA.address(w), "ipa");
            add(cmd::TLBI_LEAF.test(w) ? "leaf only" : "with walk caches");
            break;
        case Opcode::TLBI_NH_ALL:
        case Opcode::TLBI_S12_VMALL:
        case Opcode::TLBI_S_S12_VMALL:
            add(fmt::format("vmid {:#x}", cmd::VMID.get(w)));
            break;
        case Opcode::ATC_INV:
            sid(), ssid(false);
            if (cmd::ATC_SIZE.get(w) >= cmd::ATC_SIZE_ALL) {
                add("all addresses");
            } else {
                add(fmt::format("address {:#x}, {} pages of 4 KiB", cmd::ADDR.address(w),
                                std::uint64_t{1} << cmd::ATC_SIZE.get(w)));
            }
            if (cmd::GLOBAL.test(w)) add("of all substreams");
            break;
        case Opcode::PRI_RESP: {
            constexpr const char* kAnswers[] = {"failure", "invalid request", "success", "reserved"};
            sid(), ssid(false);
            add(fmt::format("page request group {}, {}", cmd::PRGINDEX.get(w), kAnswers[cmd::RESP.get(w)]));
            break;
        }
        case Opcode::RESUME:
            sid();
            add(fmt::format("stall tag {:#x}, {}", cmd::STAG.get(w),
                            cmd::RESUME_RETRY.test(w)   ? "retry"
                            : cmd::RESUME_ABORT.test(w) ? "abort"
                                                        : "terminate"));
            break;
        case Opcode::SYNC: {
            constexpr const char* kSignals[] = {"no signal", "interrupt", "event (SEV)", "reserved signal"};
            add(kSignals[cmd::CS.get(w)]);
            if (cmd::CS.get(w) == cmd::CS_IRQ && cmd::MSIADDR.address(w) != 0)
                add(fmt::format("message {:#x} to {:#x}", cmd::MSIDATA.get(w), cmd::MSIADDR.address(w)));
            break;
        }
        default:
            break;
    }
    return reading;
}

Reading read_page_request(const Words& words) {
    namespace request = smmu::page_request;
    const auto w = array_of<2>(words);
    Reading reading;
    reading.headline = fmt::format("page request, sid {:#x}", request::SID.get(w));
    if (request::SSV.test(w)) reading.headline += fmt::format(", ssid {:#x}", request::SSID.get(w));
    for (const auto& [field, name] :
         {std::pair{&request::READ, "read"}, {&request::WRITE, "write"}, {&request::EXEC, "execute"}}) {
        if (field->test(w)) reading.headline += std::string(", ") + name;
    }
    reading.headline += request::PRIV.test(w) ? ", privileged" : ", unprivileged";
    reading.headline += fmt::format(", iova {:#x}, group {}{}", request::ADDR.address(w), request::PRGINDEX.get(w),
                                    request::LAST.test(w) ? ", last of its group" : "");
    return reading;
}

Reading read_ste(const Words& words) {
    namespace ste = smmu::ste;
    const auto w = array_of<8>(words);
    Reading reading;
    if (!ste::V.test(w)) {
        reading.headline = "invalid (V 0): every transaction of this stream is aborted, C_BAD_STE";
        return reading;
    }
    const std::uint64_t config = ste::Config.get(w);
    const bool stage1 = config == ste::CONFIG_S1 || config == ste::CONFIG_NESTED;
    const bool stage2 = config == ste::CONFIG_S2 || config == ste::CONFIG_NESTED;
    if (config < ste::CONFIG_BYPASS) {
        reading.headline = "abort: every transaction of this stream is aborted, without a record";
    } else if (config == ste::CONFIG_BYPASS) {
        reading.headline = "bypass: addresses go through as they are";
    } else {
        reading.headline = stage1 && stage2 ? "stage 1 and stage 2 translate"
                           : stage1         ? "stage 1 translates"
                                            : "stage 2 translates";
    }
    if (stage1) {
        reading.headline += fmt::format(", context descriptors at {:#x}", ste::S1ContextPtr.address(w));
        const std::uint64_t bits = ste::S1CDMax.get(w);
        reading.notes.push_back(bits == 0 ? "one context descriptor: no substreams"
                                          : fmt::format("{} substreams", std::uint64_t{1} << bits));
        if (bits != 0) {
            constexpr const char* kWithout[] = {"is terminated", "bypasses stage 1", "uses substream 0", "is reserved"};
            reading.notes.push_back(
                fmt::format("a transaction without a substream id {}", kWithout[ste::S1DSS.get(w)]));
        }
    }
    if (stage2)
        reading.headline +=
            fmt::format(", stage 2 tables at {:#x}, vmid {:#x}", ste::S2TTB.address(w), ste::S2VMID.get(w));
    return reading;
}

Reading read_cd(const Words& words) {
    namespace cd = smmu::cd;
    const auto w = array_of<8>(words);
    Reading reading;
    if (!cd::V.test(w)) {
        reading.headline = "invalid (V 0): transactions end in C_BAD_CD";
        return reading;
    }
    reading.headline = fmt::format("asid {:#x}", cd::ASID.get(w));
    reading.headline += cd::EPD0.test(w)
                            ? ", lower half off"
                            : fmt::format(", tables at {:#x} for {} bits", cd::TTB0.address(w), 64 - cd::T0SZ.get(w));
    if (!cd::EPD1.test(w))
        reading.headline += fmt::format(", upper half at {:#x} for {} bits", cd::TTB1.address(w), 64 - cd::T1SZ.get(w));
    if (!cd::R.test(w)) reading.notes.emplace_back("faults of stage 1 are not recorded (R 0)");
    if (cd::S.test(w)) reading.notes.emplace_back("faults of stage 1 stall (S 1)");
    if (!cd::AA64.test(w)) reading.notes.emplace_back("VMSAv8-32 LPAE tables (AA64 0)");
    return reading;
}

Reading read_gerror(const Words& words) {
    namespace gerror = smmu::gerror;
    struct Bit {
        Field field;
        const char* text;
    };
    const Bit bits[] = {
        {gerror::CMDQ_ERR,
         "CMDQ_ERR: the command at CMDQ_CONS is wrong or cannot be read (CMDQ_CONS.ERR says which); commands have "
         "stopped"},
        {gerror::EVENTQ_ABT, "EVENTQ_ABT: writing an event record was aborted by the bus: records are lost"},
        {gerror::PRIQ_ABT, "PRIQ_ABT: writing a page request was aborted by the bus: requests are lost"},
        {gerror::MSI_CMDQ_ABT, "MSI_CMDQ_ABT: the message of a CMD_SYNC was aborted by the bus"},
        {gerror::MSI_EVENTQ_ABT, "MSI_EVENTQ_ABT: the event queue's message was aborted by the bus"},
        {gerror::MSI_PRIQ_ABT, "MSI_PRIQ_ABT: the page request queue's message was aborted by the bus"},
        {gerror::MSI_GERROR_ABT, "MSI_GERROR_ABT: the global error's message was aborted by the bus"},
        {gerror::SFM_ERR, "SFM_ERR: the SMMU is in service failure mode: nothing is translated any more"},
        {gerror::CMDQP_ERR, "CMDQP_ERR: an error of a command queue control page"},
    };
    Reading reading;
    for (const Bit& bit : bits) {
        if (!bit.field.test(words[0])) continue;
        const std::string text = bit.text;
        reading.headline += (reading.headline.empty() ? "" : ", ") + text.substr(0, text.find(':'));
        reading.notes.push_back(text);
    }
    if (reading.headline.empty()) reading.headline = "no error";
    reading.notes.emplace_back("an error is active where GERROR and GERRORN differ: this is read as GERROR ^ GERRORN");
    return reading;
}

Reading read_cmdq_cons(const Words& words) {
    constexpr const char* kErrors[] = {"no error", "CERROR_ILL: the command is illegal",
                                       "CERROR_ABT: the command could not be read",
                                       "CERROR_ATC_INV_SYNC: an endpoint did not answer an ATC invalidation in time"};
    const std::uint64_t error = (words[0] >> 24) & 0x7F;
    Reading reading;
    reading.headline = error < 4 ? kErrors[error] : fmt::format("reserved error {:#x}", error);
    reading.headline += fmt::format(", at position {:#x}", words[0] & 0xFFFFF);
    return reading;
}

/// VINTF_ERR_MAP, and CMDQ_ERR_MAP 0 and 1, 2 and 3 as two words.
Reading read_queue_errors(const Words& words) {
    const auto numbers = [](std::uint64_t bits, unsigned first) {
        std::string text;
        for (unsigned i = 0; i < 64; ++i) {
            if ((bits >> i & 1) != 0) text += fmt::format("{}{}", text.empty() ? "" : ", ", first + i);
        }
        return text;
    };
    const auto w = array_of<3>(words);
    const std::string low = numbers(w[1], 0), high = numbers(w[2], 64);
    const std::string queues = low + (low.empty() || high.empty() ? "" : ", ") + high;
    Reading reading;
    if (w[0] != 0) reading.headline = "errors in virtual interface " + numbers(w[0], 0);
    if (!queues.empty())
        reading.headline += (w[0] != 0 ? ", virtual command queue " : "errors in virtual command queue ") + queues;
    if (reading.headline.empty()) reading.headline = "no error";
    if ((w[0] & 1) != 0)
        reading.notes.emplace_back("interface 0 is the kernel's own: it skips the command in error and goes on");
    if (w[0] > 1) reading.notes.emplace_back("interfaces above 0 belong to virtual machines");
    return reading;
}

/// Stage 1 or 2: `second`.
Reading read_pte(std::uint64_t pte, bool second) {
    namespace field = iommu::vmsa8_64::pte;
    Reading reading;
    if (!field::VALID.test(pte)) {
        reading.headline = "invalid: a translation fault";
        return reading;
    }
    const std::uint64_t address = keep(pte, 47, 12);
    const bool table = field::TYPE.get(pte) == field::TYPE_TABLE;
    std::string rights;
    if (second) {
        rights = (field::S2AP.get(pte) & field::S2AP_READ) != 0 ? "read" : "";
        if ((field::S2AP.get(pte) & field::S2AP_WRITE) != 0) rights += rights.empty() ? "write" : " and write";
        if (rights.empty()) rights = "no access";
    } else {
        rights = field::AP2.test(pte) ? "read only" : "read and write";
        rights += field::AP1.test(pte) ? ", unprivileged too" : ", privileged only";
        rights += field::nG.test(pte) ? ", of one asid" : ", global";
    }
    const std::string leaf = fmt::format("{}{}{}", rights, field::AF.test(pte) ? "" : ", access flag 0: F_ACCESS",
                                         field::CONT.test(pte) ? ", contiguous" : "");
    if (table) {
        reading.headline =
            fmt::format("at level 3 a page at {:#x}, {}; above a table at {:#x}", address, leaf, address);
    } else {
        reading.headline = fmt::format("a block at {:#x}, {}; reserved at level 3", address, leaf);
    }
    reading.notes.emplace_back(
        "addresses as of the 4 KiB granule and 48 bits; a block of level 1 or 2 keeps only the bits above its size");
    return reading;
}

}  // namespace

Reading read_stage1_descriptor(const Words& words) { return read_pte(words[0], false); }

std::vector<RecordFamily> smmuv3_records() {
    namespace cmd = smmu::cmd;
    namespace ste = smmu::ste;
    namespace cd = smmu::cd;
    namespace request = smmu::page_request;
    namespace pte = iommu::vmsa8_64::pte;
    RecordFamily family{"smmuv3", {}};
    family.place = 0;
    family.reader = smmu::make_log_reader;
    family.meaning = smmu::line_meaning;
    family.two_lines = smmu::in_two_lines;
    family.bare = smmu::bare_kinds;
    family.kinds.push_back({"event", "SMMUv3 event record", 4, 64, smmu::event_fields(), smmu::read_event});
    family.kinds.push_back(
        {"command",
         "SMMUv3 command",
         2,
         64,
         {row("OPCODE", cmd::OPCODE, Show::hex), row("word 0", smmu::EntryField{0, 8, 56}, Show::hex),
          row("word 1", smmu::EntryField{1, 0, 64}, Show::hex)},
         read_command});
    family.kinds.push_back({"page-request",
                            "SMMUv3 page request",
                            2,
                            64,
                            {row("SID", request::SID, Show::hex), row("SSV", request::SSV, Show::flag, kYes),
                             row("SSID", request::SSID, Show::hex), row("PRIV", request::PRIV, Show::flag),
                             row("EXEC", request::EXEC, Show::flag), row("READ", request::READ, Show::flag),
                             row("WRITE", request::WRITE, Show::flag), row("LAST", request::LAST, Show::flag),
                             row("PRGINDEX", request::PRGINDEX), row("ADDR", request::ADDR, Show::address)},
                            read_page_request});
    family.kinds.push_back(
        {"ste",
         "SMMUv3 stream table entry",
         8,
         64,
         {row("V", ste::V, Show::flag, kYes),
          row("Config", ste::Config, Show::number, "0 abort|4 bypass|5 stage 1|6 stage 2|7 both stages"),
          row("S1Fmt", ste::S1Fmt, Show::number, "0 linear|1 two levels, 4 KiB leaves|2 two levels, 64 KiB leaves"),
          row("S1ContextPtr", ste::S1ContextPtr, Show::address),
          row("S1CDMax", ste::S1CDMax),
          row("S1DSS", ste::S1DSS, Show::number, "0 terminate|1 bypass|2 substream 0"),
          row("S1CIR", ste::S1CIR, Show::number, kCacheability),
          row("S1COR", ste::S1COR, Show::number, kCacheability),
          row("S1CSH", ste::S1CSH, Show::number, kShareability),
          row("DRE", ste::DRE, Show::flag),
          row("CONT", ste::CONT),
          row("MEV", ste::MEV, Show::flag),
          row("S2FWB", ste::S2FWB, Show::flag),
          row("S1STALLD", ste::S1STALLD, Show::flag),
          row("EATS", ste::EATS, Show::number, "0 no ATS|1 full ATS|2 split-stage ATS|3 DPT"),
          row("STRW", ste::STRW, Show::number, "0 NS-EL1|2 EL2"),
          row("MTCFG", ste::MTCFG, Show::flag),
          row("MemAttr", ste::MemAttr, Show::hex),
          row("SHCFG", ste::SHCFG, Show::number, "0 non-shareable|1 incoming|2 outer shareable|3 inner shareable"),
          row("PRIVCFG", ste::PRIVCFG, Show::number, "0 incoming|2 unprivileged|3 privileged"),
          row("INSTCFG", ste::INSTCFG, Show::number, "0 incoming|2 data|3 instruction"),
          row("S2VMID", ste::S2VMID, Show::hex),
          row("S2T0SZ", ste::S2T0SZ),
          row("S2SL0", ste::S2SL0),
          row("S2TG", ste::S2TG, Show::number, kGranules0),
          row("S2PS", ste::S2PS, Show::number, kSizes),
          row("S2AA64", ste::S2AA64, Show::flag),
          row("S2AFFD", ste::S2AFFD, Show::flag),
          row("S2PTW", ste::S2PTW, Show::flag),
          row("S2HD", ste::S2HD, Show::flag),
          row("S2HA", ste::S2HA, Show::flag),
          row("S2S", ste::S2S, Show::flag),
          row("S2R", ste::S2R, Show::flag),
          row("S2TTB", ste::S2TTB, Show::address)},
         read_ste});
    family.kinds.push_back({"cd",
                            "SMMUv3 context descriptor",
                            8,
                            64,
                            {row("V", cd::V, Show::flag, kYes),
                             row("T0SZ", cd::T0SZ),
                             row("TG0", cd::TG0, Show::number, kGranules0),
                             row("IR0", cd::IR0, Show::number, kCacheability),
                             row("OR0", cd::OR0, Show::number, kCacheability),
                             row("SH0", cd::SH0, Show::number, kShareability),
                             row("EPD0", cd::EPD0, Show::flag),
                             row("T1SZ", cd::T1SZ),
                             row("TG1", cd::TG1, Show::number, kGranules1),
                             row("EPD1", cd::EPD1, Show::flag),
                             row("IPS", cd::IPS, Show::number, kSizes),
                             row("AFFD", cd::AFFD, Show::flag),
                             row("WXN", cd::WXN, Show::flag),
                             row("UWXN", cd::UWXN, Show::flag),
                             row("TBI0", cd::TBI0, Show::flag),
                             row("TBI1", cd::TBI1, Show::flag),
                             row("PAN", cd::PAN, Show::flag),
                             row("AA64", cd::AA64, Show::flag),
                             row("HD", cd::HD, Show::flag),
                             row("HA", cd::HA, Show::flag),
                             row("S", cd::S, Show::flag),
                             row("R", cd::R, Show::flag),
                             row("A", cd::A, Show::flag),
                             row("ASET", cd::ASET, Show::flag),
                             row("ASID", cd::ASID, Show::hex),
                             row("TTB0", cd::TTB0, Show::address),
                             row("TTB1", cd::TTB1, Show::address),
                             row("MAIR", cd::MAIR, Show::hex)},
                            read_cd});
    family.kinds.push_back({"l1std",
                            "SMMUv3 first-level stream table descriptor",
                            1,
                            64,
                            {row("SPAN", smmu::l1std::SPAN), row("L2PTR", smmu::l1std::L2PTR, Show::address)},
                            [](const Words& words) {
                                const std::uint64_t span = smmu::l1std::SPAN.get(words[0]);
                                const std::uint64_t table = words[0] & smmu::l1std::L2PTR.mask();
                                Reading reading;
                                reading.headline = span == 0 ? "no streams: C_BAD_STREAMID"
                                                             : fmt::format("{} entries at {:#x}",
                                                                           std::uint64_t{1} << (span - 1), table);
                                return reading;
                            }});
    const std::vector<RecordField> leaf{row("VALID", pte::VALID, Show::flag, kYes),
                                        row("TYPE", pte::TYPE, Show::number, "1 block|3 table or page"),
                                        row("AttrIndx", pte::AttrIndx),
                                        row("NS", pte::NS, Show::flag),
                                        row("AP[1]", pte::AP1, Show::flag),
                                        row("AP[2]", pte::AP2, Show::flag),
                                        row("SH", pte::SH, Show::number, kShareability),
                                        row("AF", pte::AF, Show::flag),
                                        row("nG", pte::nG, Show::flag),
                                        row("DBM", pte::DBM, Show::flag),
                                        row("CONT", pte::CONT, Show::flag),
                                        row("PXN", pte::PXN, Show::flag),
                                        row("UXN", pte::UXN, Show::flag)};
    const std::vector<RecordField> second{
        row("VALID", pte::VALID, Show::flag, kYes),
        row("TYPE", pte::TYPE, Show::number, "1 block|3 table or page"),
        row("MemAttr", pte::MemAttr, Show::hex),
        row("S2AP", pte::S2AP, Show::number, "0 none|1 read|2 write|3 read and write"),
        row("SH", pte::SH, Show::number, kShareability),
        row("AF", pte::AF, Show::flag),
        row("DBM", pte::DBM, Show::flag),
        row("CONT", pte::CONT, Show::flag),
        row("XN", pte::S2XN)};
    family.kinds.push_back({"pte", "VMSAv8-64 descriptor, stage 1", 1, 64, leaf, read_stage1_descriptor});
    family.kinds.push_back({"pte-s2", "VMSAv8-64 descriptor, stage 2", 1, 64, second,
                            [](const Words& words) { return read_pte(words[0], true); }});
    family.kinds.push_back({"gerror", "SMMU_GERROR ^ SMMU_GERRORN", 1, 32, {}, read_gerror});
    family.kinds.push_back({"cmdq-cons", "SMMU_CMDQ_CONS", 1, 32, {}, read_cmdq_cons});
    family.kinds.push_back(
        {"cmdqv-error", "Tegra241 CMDQV error maps (VINTF_ERR_MAP, CMDQ_ERR_MAP)", 3, 64, {}, read_queue_errors});
    return {family};
}

}  // namespace xlate::iommu::records
