#include "iommu/riscv/commands.hpp"

#include <fmt/format.h>

#include "iommu/riscv/address_space.hpp"
#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/purpose.hpp"

namespace xlate::iommu::riscv {

namespace {

Opcode opcode_of(const CommandWords& words) { return static_cast<Opcode>(cmd::OPCODE.get(words[0])); }
std::uint8_t code_of(const CommandWords& words) { return command_code(opcode_of(words), cmd::FUNC3.get(words[0])); }

constexpr std::uint64_t kHead = cmd::OPCODE.mask() | cmd::FUNC3.mask();

bool illegal_iotinval(const CommandWords& words, const RiscvParams& params) {
    std::uint64_t known =
        kHead | cmd::AV.mask() | cmd::PSCID.mask() | cmd::PSCV.mask() | cmd::GV.mask() | cmd::GSCID.mask();
    std::uint64_t known1 = cmd::ADDR_PAGE.mask();
    if (params.has(caps::NL)) known |= cmd::NL.mask();
    if (params.has(caps::S)) known1 |= cmd::S.mask();
    const std::uint64_t func3 = cmd::FUNC3.get(words[0]);
    if ((words[0] & ~known) != 0 || (words[1] & ~known1) != 0 || func3 > cmd::GVMA) return true;
    return func3 == cmd::GVMA && cmd::PSCV.test(words[0]);
}

bool illegal_iodir(const CommandWords& words, const RiscvParams& params) {
    if ((words[0] & ~(kHead | cmd::PID.mask() | cmd::DV.mask() | cmd::DID.mask())) != 0 || words[1] != 0) return true;
    const std::uint64_t pid = cmd::PID.get(words[0]);
    switch (cmd::FUNC3.get(words[0])) {
        case cmd::INVAL_DDT:
            return pid != 0;
        case cmd::INVAL_PDT: {
            const unsigned bits = params.has(caps::PD20) ? 20 : params.has(caps::PD17) ? 17 : 8;
            return !cmd::DV.test(words[0]) || pid >> bits != 0;
        }
        default:
            return true;
    }
}

bool illegal_iofence(const CommandWords& words, bool wired) {
    const std::uint64_t known =
        kHead | cmd::AV.mask() | cmd::WSI.mask() | cmd::PR.mask() | cmd::PW.mask() | cmd::DATA.mask();
    if ((words[0] & ~known) != 0 || (words[1] & ~cmd::ADDR_WORD.mask()) != 0) return true;
    return cmd::FUNC3.get(words[0]) != cmd::FENCE_C || (cmd::WSI.test(words[0]) && !wired);
}

bool illegal_ats(const CommandWords& words, const RiscvParams& params) {
    const std::uint64_t known =
        kHead | cmd::PID.mask() | cmd::PV.mask() | cmd::DSV.mask() | cmd::RID.mask() | cmd::DSEG.mask();
    return !params.has(caps::ATS) || (words[0] & ~known) != 0 || cmd::FUNC3.get(words[0]) > cmd::ATS_PRGR;
}

/// The device that an ATS command names.
StreamId ats_stream(const CommandWords& words) {
    std::uint64_t id = cmd::RID.get(words[0]);
    if (cmd::DSV.test(words[0])) id |= cmd::DSEG.get(words[0]) << 16;
    return StreamId{static_cast<std::uint32_t>(id)};
}

/// Addresses as PCIe codes ranges: of `address`, with `large` the trailing ones above bit 11 say how many pages.
void set_range(Invalidation& invalidation, std::uint64_t address, bool large) {
    std::uint64_t bytes = 4096;
    if (large) {
        while ((address & bytes) != 0 && bytes != std::uint64_t{1} << 63) bytes <<= 1;
        bytes <<= 1;
    }
    if (large && bytes == 0) {
        invalidation.first = 0;
        invalidation.last = ~std::uint64_t{0};
        return;
    }
    invalidation.first = address & ~(bytes - 1);
    invalidation.last = invalidation.first + (bytes - 1);
}

}  // namespace

std::string command_name(std::uint16_t code) {
    switch (code) {
        case command_code(Opcode::IOTINVAL, cmd::VMA):
            return "IOTINVAL.VMA";
        case command_code(Opcode::IOTINVAL, cmd::GVMA):
            return "IOTINVAL.GVMA";
        case command_code(Opcode::IOFENCE, cmd::FENCE_C):
            return "IOFENCE.C";
        case command_code(Opcode::IODIR, cmd::INVAL_DDT):
            return "IODIR.INVAL_DDT";
        case command_code(Opcode::IODIR, cmd::INVAL_PDT):
            return "IODIR.INVAL_PDT";
        case command_code(Opcode::ATS, cmd::ATS_INVAL):
            return "ATS.INVAL";
        case command_code(Opcode::ATS, cmd::ATS_PRGR):
            return "ATS.PRGR";
        default:
            return fmt::format("command {:#x}", code);
    }
}

std::string describe(const Invalidation& invalidation) {
    // Code 0: not one that was given, but the one that would have done.
    const auto would_do = invalidation.is_endpoint() ? command_code(Opcode::ATS, cmd::ATS_INVAL)
                                                     : command_code(Opcode::IOTINVAL, cmd::VMA);
    std::string text = command_name(invalidation.code != 0 ? invalidation.code : would_do);
    if (invalidation.stream_mask != 0) text += fmt::format(" device {:#x}", value(stream_of(invalidation.stream)));
    if (space_tag::GSCID.test(invalidation.space_mask) && space_tag::GV.test(invalidation.space)) {
        text += fmt::format(" GSCID {}", space_tag::GSCID.get(invalidation.space));
    }
    if (space_tag::PSCV.test(invalidation.space_mask)) {
        text += fmt::format(" PSCID {}", space_tag::PSCID.get(invalidation.space));
    }
    if (invalidation.by_address) text += fmt::format(" {:#x}", invalidation.first);
    return text;
}

bool illegal_command(const CommandWords& words, const RiscvParams& params, bool wired) {
    switch (opcode_of(words)) {
        case Opcode::IOTINVAL:
            return illegal_iotinval(words, params);
        case Opcode::IODIR:
            return illegal_iodir(words, params);
        case Opcode::IOFENCE:
            return illegal_iofence(words, wired);
        case Opcode::ATS:
            return illegal_ats(words, params);
    }
    return true;
}

std::optional<Invalidation> decode_invalidation(const CommandWords& words) {
    using Target = Invalidation::Target;
    Invalidation invalidation;
    invalidation.code = code_of(words);
    const std::uint64_t gscid = cmd::GSCID.get(words[0]);
    const bool gv = cmd::GV.test(words[0]);
    switch (invalidation.code) {
        case command_code(Opcode::IOTINVAL, cmd::VMA): {
            invalidation.target = Target::translations;
            invalidation.space = gv ? space_tag::second_stage(static_cast<std::uint16_t>(gscid)) : 0;
            invalidation.space_mask = space_tag::GV.mask() | (gv ? space_tag::GSCID.mask() : 0);
            invalidation.global_mask = invalidation.space_mask;
            if (cmd::PSCV.test(words[0])) {
                invalidation.keeps_global = true;
                invalidation.space |= space_tag::PSCV.of(1) | space_tag::PSCID.of(cmd::PSCID.get(words[0]));
                invalidation.space_mask |= space_tag::PSCV.mask() | space_tag::PSCID.mask();
            }
            if (cmd::AV.test(words[0])) {
                invalidation.by_address = true;
                invalidation.leaf = !cmd::NL.test(words[0]);
                set_range(invalidation, cmd::ADDR_PAGE.get(words[1]) << kPageBits, cmd::S.test(words[1]));
            }
            return invalidation;
        }
        case command_code(Opcode::IOTINVAL, cmd::GVMA):
            // Entries hold both stages in one, and so go whatever guest address they are of.
            invalidation.target = Target::translations;
            invalidation.space = space_tag::second_stage(gv ? static_cast<std::uint16_t>(gscid) : 0);
            invalidation.space_mask = space_tag::GV.mask() | (gv ? space_tag::GSCID.mask() : 0);
            invalidation.global_mask = invalidation.space_mask;
            return invalidation;
        case command_code(Opcode::IODIR, cmd::INVAL_DDT):
            invalidation.target = Target::configuration;
            if (cmd::DV.test(words[0])) {
                invalidation.stream =
                    stream_tag(StreamId{static_cast<std::uint32_t>(cmd::DID.get(words[0]))}, std::nullopt);
                invalidation.stream_mask = low_mask(32);
            }
            return invalidation;
        case command_code(Opcode::IODIR, cmd::INVAL_PDT):
            // A request without a process id may be process 0's (DPE): whether there is one is not compared.
            invalidation.target = Target::configuration;
            invalidation.stream = stream_tag(StreamId{static_cast<std::uint32_t>(cmd::DID.get(words[0]))},
                                             SubstreamId{static_cast<std::uint32_t>(cmd::PID.get(words[0]))});
            invalidation.stream_mask = low_mask(52);
            return invalidation;
        case command_code(Opcode::ATS, cmd::ATS_INVAL): {
            invalidation.target = Target::endpoint;
            const bool pv = cmd::PV.test(words[0]);
            invalidation.stream = stream_tag(
                ats_stream(words),
                pv ? std::optional(SubstreamId{static_cast<std::uint32_t>(cmd::PID.get(words[0]))}) : std::nullopt);
            invalidation.stream_mask = low_mask(53);
            invalidation.by_address = true;
            set_range(invalidation, words[1] & ~low_mask(kPageBits), cmd::ATS_S.test(words[1]));
            return invalidation;
        }
        default:
            return std::nullopt;
    }
}

bool Commands::runnable(const Iommu& iommu) {
    const Queue& queue = iommu.registers.cq;
    constexpr std::uint64_t kErrors = queue_csr::MF.mask() | queue_csr::CMD_TO.mask() | queue_csr::CMD_ILL.mask();
    return queue.active() && (queue.errors & kErrors) == 0 && !queue.empty();
}

bool Commands::pending(const Iommu& iommu) const { return busy() || runnable(iommu); }

void Commands::stop(Iommu& iommu, Field error) {
    iommu.registers.cq.raise(error);
    iommu.outputs.raise(Interrupt::command, iommu.registers);
    state_ = State::idle;
}

/// With the command in hand. False: it was an error.
bool Commands::begin(Iommu& iommu, Step& step) {
    if (illegal_command(words_, iommu.params(), iommu.registers.wired())) {
        stop(iommu, queue_csr::CMD_ILL);
        return false;
    }
    step.opcode = code_of(words_);
    if (opcode_of(words_) == Opcode::IOFENCE) {
        state_ = State::sync;
        step.kind = StepKind::sync;
        return true;
    }
    execute(iommu);
    state_ = State::complete;
    step.kind = StepKind::executed;
    return true;
}

void Commands::execute(Iommu& iommu) {
    ++executed[code_of(words_) % executed.size()];
    if (const auto invalidation = decode_invalidation(words_)) {
        iommu.invalidate(*invalidation);
        return;
    }
    // ATS.PRGR
    PageResponse response;
    response.sid = ats_stream(words_);
    if (cmd::PV.test(words_[0])) {
        response.ssid = SubstreamId{static_cast<std::uint32_t>(cmd::PID.get(words_[0]))};
    }
    response.prg_index = static_cast<std::uint16_t>(cmd::PRG_INDEX.get(words_[1]));
    response.code = static_cast<std::uint8_t>(cmd::PRG_CODE.get(words_[1]));
    iommu.outputs.respond(response);
}

void Commands::complete(Iommu& iommu) {
    Queue& queue = iommu.registers.cq;
    queue.head = queue.next(queue.head);
    state_ = State::idle;
}

void Commands::end_fence(Iommu& iommu) {
    ++executed[command_code(Opcode::IOFENCE, cmd::FENCE_C)];
    complete(iommu);
    if (!cmd::WSI.test(words_[0])) return;
    iommu.registers.cq.raise(queue_csr::FENCE_W_IP);
    iommu.outputs.raise(Interrupt::command, iommu.registers);
}

void Commands::step(Iommu& iommu, const Reply& reply, Step& step) {
    switch (state_) {
        case State::idle:
            break;
        case State::fetch:
            if (reply.abort || iommu.is_poisoned(step.access)) {
                stop(iommu, queue_csr::MF);
                break;
            }
            words_ = {iommu.load(reply, 0, 8), iommu.load(reply, 8, 8)};
            if (!begin(iommu, step)) break;
            return;
        case State::complete:
            complete(iommu);
            break;
        case State::sync:
            if (reply.abort) {  // an ATC did not answer
                stop(iommu, queue_csr::CMD_TO);
                break;
            }
            if (!cmd::AV.test(words_[0])) {
                end_fence(iommu);
                break;
            }
            state_ = State::fence;
            step.kind = StepKind::access;
            step.access = {};
            step.access.address = PhysAddr{cmd::ADDR_WORD.get(words_[1]) << 2};
            step.access.size = 4;
            step.access.kind = AccessKind::write;
            step.access.purpose = Purpose::fence;
            (iommu.registers.big_endian() ? &store_be : &store_le)(step.access.data.data(), 4,
                                                                   cmd::DATA.get(words_[0]));
            return;
        case State::fence:
            if (reply.abort) {
                stop(iommu, queue_csr::MF);
            } else {
                end_fence(iommu);
            }
            break;
    }
    if (!runnable(iommu)) {
        step.kind = StepKind::idle;
        return;
    }
    const Queue& queue = iommu.registers.cq;
    state_ = State::fetch;
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{queue.address(queue.head, kCommandBytes)};
    step.access.size = kCommandBytes;
    step.access.purpose = Purpose::command;
}

}  // namespace xlate::iommu::riscv
