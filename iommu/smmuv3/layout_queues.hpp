// Command, event and page-request queue entries, and builders of each command.
// Source: docs/spec/iommu-hardware.md sections 1.3, 1.7, 1.8, 1.13.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bits.hpp"
#include "base/ids.hpp"
#include "iommu/smmuv3/layout_structures.hpp"

namespace xlate::iommu::smmuv3 {

inline constexpr std::uint32_t kCommandBytes = 16;
inline constexpr std::uint32_t kEventBytes = 32;
inline constexpr std::uint32_t kPageRequestBytes = 16;
using CommandWords = std::array<std::uint64_t, 2>;
using EventWords = std::array<std::uint64_t, 4>;
using PageRequestWords = std::array<std::uint64_t, 2>;

enum class Opcode : std::uint8_t {
    PREFETCH_CONFIG = 0x01,
    PREFETCH_ADDR = 0x02,
    CFGI_STE = 0x03,
    CFGI_STE_RANGE = 0x04,  ///< with RANGE 31: CFGI_ALL
    CFGI_CD = 0x05,
    CFGI_CD_ALL = 0x06,
    CFGI_VMS_PIDM = 0x07,
    TLBI_NH_ALL = 0x10,
    TLBI_NH_ASID = 0x11,
    TLBI_NH_VA = 0x12,
    TLBI_NH_VAA = 0x13,
    TLBI_EL3_ALL = 0x18,
    TLBI_EL3_VA = 0x1A,
    TLBI_EL2_ALL = 0x20,
    TLBI_EL2_ASID = 0x21,
    TLBI_EL2_VA = 0x22,
    TLBI_EL2_VAA = 0x23,
    TLBI_S12_VMALL = 0x28,
    TLBI_S2_IPA = 0x2A,
    TLBI_NSNH_ALL = 0x30,
    ATC_INV = 0x40,
    PRI_RESP = 0x41,
    RESUME = 0x44,
    STALL_TERM = 0x45,
    SYNC = 0x46,
    TLBI_S_EL2_ALL = 0x50,
    TLBI_S_EL2_ASID = 0x51,
    TLBI_S_EL2_VA = 0x52,
    TLBI_S_EL2_VAA = 0x53,
    TLBI_S_S12_VMALL = 0x58,
    TLBI_S_S2_IPA = 0x5A,
    TLBI_SNH_ALL = 0x60,
    DPTI_ALL = 0x70,
    DPTI_PA = 0x73,
};

/// Fields of commands; which command has which is in section 1.7.
namespace cmd {
inline constexpr EntryField OPCODE{0, 0, 8}, SSec{0, 10, 1}, SSV{0, 11, 1}, SSID{0, 12, 20}, SID{0, 32, 32};
inline constexpr EntryField CFGI_LEAF{1, 0, 1}, CFGI_RANGE{1, 0, 5}, PREFETCH_SIZE{1, 0, 5};
inline constexpr EntryField NUM{0, 12, 5}, SCALE{0, 20, 6}, VMID{0, 32, 16}, ASID{0, 48, 16}, TLBI_LEAF{1, 0, 1},
    TTL{1, 8, 2}, TG{1, 10, 2}, ADDR{1, 12, 52}, IPA{1, 12, 40};
inline constexpr EntryField GLOBAL{0, 9, 1}, ATC_SIZE{1, 0, 6};
inline constexpr EntryField PRGINDEX{1, 0, 9}, RESP{1, 12, 2};
inline constexpr EntryField RESUME_RETRY{0, 12, 1}, RESUME_ABORT{0, 13, 1}, STAG{1, 0, 16};
inline constexpr EntryField CS{0, 12, 2}, MSH{0, 22, 2}, MSIATTR{0, 24, 4}, MSIDATA{0, 32, 32}, MSIADDR{1, 2, 50};
inline constexpr std::uint64_t TG_4K = 1, TG_16K = 2, TG_64K = 3;
inline constexpr std::uint64_t CS_NONE = 0, CS_IRQ = 1, CS_SEV = 2;
inline constexpr std::uint64_t RESP_FAILURE = 0, RESP_INVALID = 1, RESP_SUCCESS = 2;
inline constexpr std::uint64_t CFGI_RANGE_ALL = 31, ATC_SIZE_ALL = 52;
}  // namespace cmd

/// The operands of range invalidation (IDR3.RIL): (num + 1) << scale granules from the address up. tg 0: one address.
struct TlbiRange {
    std::uint8_t num = 0;
    std::uint8_t scale = 0;
    std::uint8_t ttl = 0;
    std::uint8_t tg = 0;
};

namespace command {

constexpr CommandWords make(Opcode opcode) { return {static_cast<std::uint64_t>(opcode), 0}; }
constexpr CommandWords with_sid(Opcode opcode, StreamId sid, std::optional<SubstreamId> ssid = std::nullopt) {
    CommandWords words = make(opcode);
    cmd::SID.set(words, value(sid));
    if (ssid) {
        cmd::SSV.set(words, 1);
        cmd::SSID.set(words, value(*ssid));
    }
    return words;
}
constexpr CommandWords prefetch_config(StreamId sid) { return with_sid(Opcode::PREFETCH_CONFIG, sid); }
constexpr CommandWords cfgi_ste(StreamId sid, bool leaf) {
    CommandWords words = with_sid(Opcode::CFGI_STE, sid);
    cmd::CFGI_LEAF.set(words, leaf ? 1 : 0);
    return words;
}
constexpr CommandWords cfgi_ste_range(StreamId sid, unsigned range) {
    CommandWords words = with_sid(Opcode::CFGI_STE_RANGE, sid);
    cmd::CFGI_RANGE.set(words, range);
    return words;
}
constexpr CommandWords cfgi_all() { return cfgi_ste_range(StreamId{0}, cmd::CFGI_RANGE_ALL); }
/// SSV is not an operand: the SSID field always counts.
constexpr CommandWords cfgi_cd(StreamId sid, SubstreamId ssid, bool leaf) {
    CommandWords words = with_sid(Opcode::CFGI_CD, sid);
    cmd::SSID.set(words, value(ssid));
    cmd::CFGI_LEAF.set(words, leaf ? 1 : 0);
    return words;
}
constexpr CommandWords cfgi_cd_all(StreamId sid) { return with_sid(Opcode::CFGI_CD_ALL, sid); }
/// TLBI_*_ALL, *_ASID, S12_VMALL, NSNH_ALL.
constexpr CommandWords tlbi(Opcode opcode, std::uint16_t vmid = 0, std::uint16_t asid = 0) {
    CommandWords words = make(opcode);
    cmd::VMID.set(words, vmid);
    cmd::ASID.set(words, asid);
    return words;
}
/// TLBI_*_VA, *_VAA, S2_IPA.
constexpr CommandWords tlbi_address(Opcode opcode, std::uint16_t vmid, std::uint16_t asid, std::uint64_t address,
                                    bool leaf, TlbiRange range = {}) {
    CommandWords words = tlbi(opcode, vmid, asid);
    cmd::ADDR.set_address(words, address);
    cmd::TLBI_LEAF.set(words, leaf ? 1 : 0);
    cmd::NUM.set(words, range.num);
    cmd::SCALE.set(words, range.scale);
    cmd::TTL.set(words, range.ttl);
    cmd::TG.set(words, range.tg);
    return words;
}
/// `log2_pages` 4 KiB pages at `address`, which is aligned to them; 52: everything.
constexpr CommandWords atc_inv(StreamId sid, std::optional<SubstreamId> ssid, std::uint64_t address,
                               unsigned log2_pages, bool global = false) {
    CommandWords words = with_sid(Opcode::ATC_INV, sid, ssid);
    cmd::GLOBAL.set(words, global ? 1 : 0);
    cmd::ADDR.set_address(words, address);
    cmd::ATC_SIZE.set(words, log2_pages);
    return words;
}
constexpr CommandWords pri_resp(StreamId sid, std::optional<SubstreamId> ssid, std::uint16_t prg_index,
                                std::uint64_t resp) {
    CommandWords words = with_sid(Opcode::PRI_RESP, sid, ssid);
    cmd::PRGINDEX.set(words, prg_index);
    cmd::RESP.set(words, resp);
    return words;
}
enum class Resume : std::uint8_t { terminate, retry, abort };
constexpr CommandWords resume(StreamId sid, std::uint16_t stag, Resume action) {
    CommandWords words = with_sid(Opcode::RESUME, sid);
    cmd::RESUME_RETRY.set(words, action == Resume::retry ? 1 : 0);
    cmd::RESUME_ABORT.set(words, action == Resume::abort ? 1 : 0);
    cmd::STAG.set(words, stag);
    return words;
}
constexpr CommandWords stall_term(StreamId sid) { return with_sid(Opcode::STALL_TERM, sid); }
/// `cs`: cmd::CS_NONE, CS_IRQ without MSI, CS_SEV.
constexpr CommandWords sync(std::uint64_t cs) {
    CommandWords words = make(Opcode::SYNC);
    cmd::CS.set(words, cs);
    return words;
}
/// Completion by a 4-byte write of `data`, inner shareable write-back memory.
constexpr CommandWords sync_msi(std::uint64_t address, std::uint32_t data) {
    CommandWords words = sync(cmd::CS_IRQ);
    cmd::MSH.set(words, 3);
    cmd::MSIATTR.set(words, 0xF);
    cmd::MSIDATA.set(words, data);
    cmd::MSIADDR.set_address(words, address);
    return words;
}

}  // namespace command

enum class EventCode : std::uint8_t {
    F_UUT = 0x01,
    C_BAD_STREAMID = 0x02,
    F_STE_FETCH = 0x03,
    C_BAD_STE = 0x04,
    F_BAD_ATS_TREQ = 0x05,
    F_STREAM_DISABLED = 0x06,
    F_TRANSL_FORBIDDEN = 0x07,
    C_BAD_SUBSTREAMID = 0x08,
    F_CD_FETCH = 0x09,
    C_BAD_CD = 0x0A,
    F_WALK_EABT = 0x0B,
    F_TRANSLATION = 0x10,
    F_ADDR_SIZE = 0x11,
    F_ACCESS = 0x12,
    F_PERMISSION = 0x13,
    F_TLB_CONFLICT = 0x20,
    F_CFG_CONFLICT = 0x21,
    E_PAGE_REQUEST = 0x24,
    F_VMS_FETCH = 0x25,
};

namespace event {
inline constexpr EntryField TYPE{0, 0, 8}, SSV{0, 11, 1}, SSID{0, 12, 20}, SID{0, 32, 32};
inline constexpr EntryField STAG{1, 0, 16}, REASON{1, 0, 16}, GPCF{1, 16, 1}, STALL{1, 31, 1}, PnU{1, 33, 1},
    InD{1, 34, 1}, RnW{1, 35, 1}, NSIPA{1, 38, 1}, S2{1, 39, 1}, CLASS{1, 40, 2}, TTRnW{1, 44, 1};
inline constexpr EntryField InputAddr{2, 0, 64}, IPA{3, 12, 40}, FetchAddr{3, 3, 49};
inline constexpr std::uint64_t CLASS_CD = 0, CLASS_TT = 1, CLASS_IN = 2;
}  // namespace event

namespace page_request {
inline constexpr EntryField SID{0, 0, 32}, SSID{0, 32, 20}, PRIV{0, 58, 1}, EXEC{0, 59, 1}, READ{0, 60, 1},
    WRITE{0, 61, 1}, LAST{0, 62, 1}, SSV{0, 63, 1}, PRGINDEX{1, 0, 9}, ADDR{1, 12, 52};
}

/// The specification's name of an event; "reserved" if there is none.
constexpr const char* name(EventCode code) {
    switch (code) {
        case EventCode::F_UUT:
            return "F_UUT";
        case EventCode::C_BAD_STREAMID:
            return "C_BAD_STREAMID";
        case EventCode::F_STE_FETCH:
            return "F_STE_FETCH";
        case EventCode::C_BAD_STE:
            return "C_BAD_STE";
        case EventCode::F_BAD_ATS_TREQ:
            return "F_BAD_ATS_TREQ";
        case EventCode::F_STREAM_DISABLED:
            return "F_STREAM_DISABLED";
        case EventCode::F_TRANSL_FORBIDDEN:
            return "F_TRANSL_FORBIDDEN";
        case EventCode::C_BAD_SUBSTREAMID:
            return "C_BAD_SUBSTREAMID";
        case EventCode::F_CD_FETCH:
            return "F_CD_FETCH";
        case EventCode::C_BAD_CD:
            return "C_BAD_CD";
        case EventCode::F_WALK_EABT:
            return "F_WALK_EABT";
        case EventCode::F_TRANSLATION:
            return "F_TRANSLATION";
        case EventCode::F_ADDR_SIZE:
            return "F_ADDR_SIZE";
        case EventCode::F_ACCESS:
            return "F_ACCESS";
        case EventCode::F_PERMISSION:
            return "F_PERMISSION";
        case EventCode::F_TLB_CONFLICT:
            return "F_TLB_CONFLICT";
        case EventCode::F_CFG_CONFLICT:
            return "F_CFG_CONFLICT";
        case EventCode::E_PAGE_REQUEST:
            return "E_PAGE_REQUEST";
        case EventCode::F_VMS_FETCH:
            return "F_VMS_FETCH";
    }
    return "reserved";
}

/// The specification's name of a command; "reserved" if there is none.
constexpr const char* name(Opcode opcode) {
    switch (opcode) {
        case Opcode::PREFETCH_CONFIG:
            return "CMD_PREFETCH_CONFIG";
        case Opcode::PREFETCH_ADDR:
            return "CMD_PREFETCH_ADDR";
        case Opcode::CFGI_STE:
            return "CMD_CFGI_STE";
        case Opcode::CFGI_STE_RANGE:
            return "CMD_CFGI_STE_RANGE";
        case Opcode::CFGI_CD:
            return "CMD_CFGI_CD";
        case Opcode::CFGI_CD_ALL:
            return "CMD_CFGI_CD_ALL";
        case Opcode::CFGI_VMS_PIDM:
            return "CMD_CFGI_VMS_PIDM";
        case Opcode::TLBI_NH_ALL:
            return "CMD_TLBI_NH_ALL";
        case Opcode::TLBI_NH_ASID:
            return "CMD_TLBI_NH_ASID";
        case Opcode::TLBI_NH_VA:
            return "CMD_TLBI_NH_VA";
        case Opcode::TLBI_NH_VAA:
            return "CMD_TLBI_NH_VAA";
        case Opcode::TLBI_EL3_ALL:
            return "CMD_TLBI_EL3_ALL";
        case Opcode::TLBI_EL3_VA:
            return "CMD_TLBI_EL3_VA";
        case Opcode::TLBI_EL2_ALL:
            return "CMD_TLBI_EL2_ALL";
        case Opcode::TLBI_EL2_ASID:
            return "CMD_TLBI_EL2_ASID";
        case Opcode::TLBI_EL2_VA:
            return "CMD_TLBI_EL2_VA";
        case Opcode::TLBI_EL2_VAA:
            return "CMD_TLBI_EL2_VAA";
        case Opcode::TLBI_S12_VMALL:
            return "CMD_TLBI_S12_VMALL";
        case Opcode::TLBI_S2_IPA:
            return "CMD_TLBI_S2_IPA";
        case Opcode::TLBI_NSNH_ALL:
            return "CMD_TLBI_NSNH_ALL";
        case Opcode::ATC_INV:
            return "CMD_ATC_INV";
        case Opcode::PRI_RESP:
            return "CMD_PRI_RESP";
        case Opcode::RESUME:
            return "CMD_RESUME";
        case Opcode::STALL_TERM:
            return "CMD_STALL_TERM";
        case Opcode::SYNC:
            return "CMD_SYNC";
        case Opcode::TLBI_S_EL2_ALL:
            return "CMD_TLBI_S_EL2_ALL";
        case Opcode::TLBI_S_EL2_ASID:
            return "CMD_TLBI_S_EL2_ASID";
        case Opcode::TLBI_S_EL2_VA:
            return "CMD_TLBI_S_EL2_VA";
        case Opcode::TLBI_S_EL2_VAA:
            return "CMD_TLBI_S_EL2_VAA";
        case Opcode::TLBI_S_S12_VMALL:
            return "CMD_TLBI_S_S12_VMALL";
        case Opcode::TLBI_S_S2_IPA:
            return "CMD_TLBI_S_S2_IPA";
        case Opcode::TLBI_SNH_ALL:
            return "CMD_TLBI_SNH_ALL";
        case Opcode::DPTI_ALL:
            return "CMD_DPTI_ALL";
        case Opcode::DPTI_PA:
            return "CMD_DPTI_PA";
    }
    return "reserved";
}

}  // namespace xlate::iommu::smmuv3
