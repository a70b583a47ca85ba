// Fault records, commands, contexts, table words and queue registers of the RISC-V IOMMU.
// Source: docs/spec/iommu-hardware.md section 9.
#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/records/record.hpp"
#include "iommu/riscv/iommu.hpp"

namespace xlate::iommu::records {
namespace {

namespace rv = iommu::riscv;
namespace pte = iommu::riscv_table::pte;
using Show = RecordField::Show;

RecordField row(std::string_view name, unsigned word, const Field& field, Show show = Show::flag,
                std::string_view values = {}) {
    return {name, word, field.lsb, field.width, show, values};
}

constexpr std::string_view kTtyp =
    "0 none|1 read for execute|2 read|3 write|5 translated read for execute|6 translated read|7 translated write|8 ATS "
    "request|9 message";
constexpr std::string_view kModes = "0 Bare|8 Sv39 (Sv32 with SXL)|9 Sv48|10 Sv57";

/// Bits of iotval2 of a guest page fault: the access was for a table of the first stage, and wrote it.
constexpr std::uint64_t kImplicit = 1, kImplicitWrite = 2;

Reading read_fault(const Words& words) {
    const auto cause = static_cast<std::uint16_t>(rv::fault::CAUSE.get(words[0]));
    Reading reading;
    reading.headline = fmt::format("{}, device {:#x} ({})", rv::fault_name(cause), rv::fault::DID.get(words[0]),
                                   requester_text(rv::fault::DID.get(words[0])));
    if (words.size() < 4) return reading;
    if (words[2] != 0) reading.headline += fmt::format(", iova {:#x}", words[2]);
    using rv::Cause;
    switch (static_cast<Cause>(cause)) {
        case Cause::disallowed:
            reading.notes.emplace_back("ddtp.iommu_mode is Off: no driver has switched the IOMMU on");
            break;
        case Cause::ddt_invalid:
            reading.notes.emplace_back(
                "the device has no valid context: no domain is attached, it was blocked, or it uses an id that "
                "firmware "
                "does not give it");
            break;
        case Cause::ddt_misconfigured:
            reading.notes.emplace_back(
                "a reserved bit is set in the context, or it asks for what the capabilities lack");
            break;
        case Cause::type_disallowed:
            reading.notes.emplace_back(
                "the device id is wider than the directory, or ATS or a process id came that the context does not "
                "allow");
            break;
        case Cause::instruction_page:
        case Cause::read_page:
        case Cause::write_page:
            reading.notes.emplace_back(
                "the address is not mapped, without the right, without A or D, or its bits above the mode's are no "
                "copies");
            break;
        case Cause::instruction_guest_page:
        case Cause::read_guest_page:
        case Cause::write_guest_page:
            reading.notes.push_back(fmt::format("of guest address {:#x}{}", words[3] & ~std::uint64_t{3},
                                                (words[3] & kImplicit) == 0 ? ""
                                                : (words[3] & kImplicitWrite) != 0
                                                    ? ", written for a table of the first stage (its A and D bits)"
                                                    : ", read for a table of the first stage"));
            break;
        case Cause::msi_write:
            reading.notes.emplace_back("an own interrupt's message found no memory: iotval is its address");
            break;
        default:
            break;
    }
    return reading;
}

Reading read_command(const Words& words) {
    Reading reading;
    const rv::CommandWords command{words[0], words[1]};
    const std::uint64_t opcode = rv::cmd::OPCODE.get(words[0]);
    reading.headline =
        rv::command_name(rv::command_code(static_cast<rv::Opcode>(opcode), rv::cmd::FUNC3.get(words[0])));
    if (const auto invalidation = rv::decode_invalidation(command)) {
        reading.headline = rv::describe(*invalidation);
    } else if (opcode == static_cast<std::uint64_t>(rv::Opcode::IOFENCE) && rv::cmd::AV.test(words[0])) {
        reading.headline +=
            fmt::format(", writes {:#x} to {:#x}", rv::cmd::DATA.get(words[0]), rv::cmd::ADDR_WORD.get(words[1]) << 2);
    }
    rv::RiscvParams all;
    all.capabilities = rv::capabilities_by_name("full");
    if (rv::illegal_command(command, all, true)) {
        reading.notes.emplace_back("illegal on any RISC-V IOMMU of version 1.0: the queue stops with cmd_ill");
    }
    return reading;
}

Reading read_context(const Words& words) {
    Reading reading;
    if (!rv::tc::V.test(words[0])) {
        reading.headline = "not valid: accesses end in cause 258";
        return reading;
    }
    const std::uint64_t mode = rv::atp::MODE.get(words[3]), root = rv::atp::PPN.get(words[3]) << 12;
    if (rv::tc::PDTV.test(words[0])) {
        reading.headline = fmt::format("process directory of {} levels at {:#x}", mode, root);
    } else if (mode == rv::atp::BARE) {
        reading.headline = "first stage Bare";
    } else {
        reading.headline = fmt::format("Sv{} tables at {:#x}, PSCID {}", 39 + 9 * (mode - rv::atp::SV39), root,
                                       rv::ta::PSCID.get(words[2]));
    }
    if (rv::atp::MODE.get(words[1]) != rv::atp::BARE) {
        reading.headline += fmt::format(", guest tables at {:#x}, GSCID {}", rv::atp::PPN.get(words[1]) << 12,
                                        rv::atp::GSCID.get(words[1]));
    }
    rv::DeviceContext context;
    for (std::size_t i = 0; i < words.size() && i < context.words.size(); ++i) context.words[i] = words[i];
    rv::RiscvParams all;
    all.capabilities = rv::capabilities_by_name("full");
    if (rv::misconfigured(context, all, {})) reading.notes.emplace_back("misconfigured: accesses end in cause 259");
    return reading;
}

Reading read_pte(const Words& words) {
    Reading reading;
    const std::uint64_t word = words[0];
    if (!pte::V.test(word)) {
        reading.headline = "not valid: a page fault";
        return reading;
    }
    const std::uint64_t at = pte::PPN.get(word) << 12;
    if (!pte::R.test(word) && !pte::X.test(word)) {
        reading.headline =
            pte::W.test(word) ? "reserved: writable and not readable" : fmt::format("a table at {:#x}", at);
        return reading;
    }
    reading.headline =
        fmt::format("a page at {:#x}, {}{}{}, {}", at, pte::R.test(word) ? "r" : "-", pte::W.test(word) ? "w" : "-",
                    pte::X.test(word) ? "x" : "-", pte::U.test(word) ? "user" : "supervisor");
    if (!pte::U.test(word)) {
        reading.notes.emplace_back("a request without a process id is a user's: it faults here");
    }
    if (!pte::A.test(word)) reading.notes.emplace_back("A is clear: a page fault unless SADE or GADE sets it");
    return reading;
}

/// "Fault 258 devid: 0x229 iotval: 44237600 iotval2: 0".
std::optional<LineRecord> read_line(std::string_view line) {
    namespace fault = rv::fault;
    if (!has(line, " devid: 0x") || !has(line, " iotval: ")) return std::nullopt;
    return LineRecord{
        "fault",
        {fault::CAUSE.of(decimal_after(line, "Fault ").value_or(0)) |
             fault::DID.of(number_after(line, "devid: 0x").value_or(0)),
         0, number_after(line, " iotval: ").value_or(0), number_after(line, " iotval2: ").value_or(0)},
        {"the line has neither the transaction's type nor its process id: TTYP, PV, PID and PRIV read as 0"}};
}

/// Linux riscv/iommu.c: riscv_iommu_cmdq_process(), riscv_iommu_fltq_process(), riscv_iommu_queue_send(),
/// riscv_iommu_queue_consume(), riscv_iommu_cmd_sync(), riscv_iommu_iodir_set_mode(), from 6.13 on.
std::string_view meaning(std::string_view line) {
    if (!has(line, "riscv")) return {};
    constexpr std::string_view kStands =
        "the IOMMU does not take commands, and what was unmapped may still be in its caches";
    constexpr LineMeaning kMeanings[] = {
        {" illegal:1",
         "a command is illegal (cmd_ill): the IOMMU has stopped there, until the driver clears the error as it did "
         "here"},
        {" timeout:1", "a command did not complete in time (cmd_to), as an endpoint does not answer an invalidation"},
        {" overflow:1",
         "the fault queue was full (fqof): faults came faster than the kernel read them, and there were more than the "
         "log shows"},
        {"error; memory fault:1", "the IOMMU could not write its fault queue to memory (fqmf): records are lost"},
        {"error; fault:1", "the IOMMU could not read its command queue from memory (cqmf): no command was done"},
        {"command execution timeout", kStands},
        {"command enqueue failed", kStands},
        {"queue access timeout", "a queue's register does not give a valid position: the IOMMU does not answer"},
        {"timeout when setting ddtp", "the IOMMU did not take its device directory (ddtp stays busy): it is not used"}};
    return meaning_in(kMeanings, line);
}

}  // namespace

std::vector<RecordFamily> riscv_records() {
    RecordFamily family{"riscv", {}};
    family.place = 4;
    family.line = read_line;
    family.meaning = meaning;
    namespace f = rv::fault;
    family.kinds.push_back(
        {"fault",
         "RISC-V IOMMU fault record",
         4,
         64,
         {row("CAUSE", 0, f::CAUSE, Show::number), row("TTYP", 0, f::TTYP, Show::number, kTtyp),
          row("DID", 0, f::DID, Show::hex), row("PV", 0, f::PV), row("PID", 0, f::PID, Show::hex),
          row("PRIV", 0, f::PRIV), row("iotval", 2, {0, 64}, Show::hex), row("iotval2", 3, {0, 64}, Show::hex)},
         read_fault});
    family.kinds.push_back({"command",
                            "RISC-V IOMMU command",
                            2,
                            64,
                            {row("opcode", 0, rv::cmd::OPCODE, Show::number, "1 IOTINVAL|2 IOFENCE|3 IODIR|4 ATS"),
                             row("func3", 0, rv::cmd::FUNC3, Show::number)},
                            read_command});
    family.kinds.push_back(
        {"context",
         "RISC-V IOMMU device context (its first 32 bytes)",
         4,
         64,
         {row("V", 0, rv::tc::V), row("EN_ATS", 0, rv::tc::EN_ATS), row("EN_PRI", 0, rv::tc::EN_PRI),
          row("T2GPA", 0, rv::tc::T2GPA), row("DTF", 0, rv::tc::DTF), row("PDTV", 0, rv::tc::PDTV),
          row("PRPR", 0, rv::tc::PRPR), row("GADE", 0, rv::tc::GADE), row("SADE", 0, rv::tc::SADE),
          row("DPE", 0, rv::tc::DPE), row("SBE", 0, rv::tc::SBE), row("SXL", 0, rv::tc::SXL),
          row("iohgatp.MODE", 1, rv::atp::MODE, Show::number, kModes), row("fsc.MODE", 3, rv::atp::MODE, Show::number)},
         read_context});
    family.kinds.push_back(
        {"pte",
         "RISC-V page table entry",
         1,
         64,
         {row("V", 0, pte::V), row("R", 0, pte::R), row("W", 0, pte::W), row("X", 0, pte::X), row("U", 0, pte::U),
          row("G", 0, pte::G), row("A", 0, pte::A), row("D", 0, pte::D),
          row("PBMT", 0, pte::PBMT, Show::number, "0 PMA|1 NC|2 IO|3 reserved"), row("N", 0, pte::N)},
         read_pte});
    return {family};
}

}  // namespace xlate::iommu::records
