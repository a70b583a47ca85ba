#include "iommu/smmuv3/commands.hpp"

#include "iommu/smmuv3/purpose.hpp"
#include "iommu/smmuv3/smmu.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

Opcode opcode_of(const CommandWords& words) { return static_cast<Opcode>(cmd::OPCODE.get(words)); }

}  // namespace

bool illegal_command(const CommandWords& words, const Features& f) {
    const Opcode opcode = opcode_of(words);
    if (cmd::SSec.test(words)) return true;
    if (has_range(opcode) && f.ril != 0 && cmd::TG.test(words) && !cmd::NUM.test(words) && range_scale(words, f) == 0 &&
        range_level(words, f) == 0) {
        return true;
    }
    switch (opcode) {
        case Opcode::PREFETCH_CONFIG:
        case Opcode::PREFETCH_ADDR:
        case Opcode::CFGI_STE:
        case Opcode::CFGI_STE_RANGE:
        case Opcode::TLBI_NSNH_ALL:
            return false;
        case Opcode::CFGI_CD:
        case Opcode::CFGI_CD_ALL:
        case Opcode::TLBI_NH_ALL:
        case Opcode::TLBI_NH_ASID:
        case Opcode::TLBI_NH_VA:
        case Opcode::TLBI_NH_VAA:
            return f.s1p == 0;
        case Opcode::TLBI_EL2_ALL:
        case Opcode::TLBI_EL2_ASID:
        case Opcode::TLBI_EL2_VA:
        case Opcode::TLBI_EL2_VAA:
            return f.hyp == 0;
        case Opcode::TLBI_S12_VMALL:
        case Opcode::TLBI_S2_IPA:
            return f.s2p == 0;
        case Opcode::ATC_INV:
            return f.ats == 0;
        case Opcode::PRI_RESP:
            return f.pri == 0 || cmd::RESP.get(words) == 3;
        case Opcode::RESUME:
        case Opcode::STALL_TERM:
            return f.stall_model == idr0::STALL_MODEL_NONE;
        case Opcode::SYNC:
            return cmd::CS.get(words) == 3;
        // Without MPAM or DPT, and what only the secure queue takes.
        case Opcode::CFGI_VMS_PIDM:
        case Opcode::DPTI_ALL:
        case Opcode::DPTI_PA:
        case Opcode::TLBI_EL3_ALL:
        case Opcode::TLBI_EL3_VA:
        case Opcode::TLBI_S_EL2_ALL:
        case Opcode::TLBI_S_EL2_ASID:
        case Opcode::TLBI_S_EL2_VA:
        case Opcode::TLBI_S_EL2_VAA:
        case Opcode::TLBI_S_S12_VMALL:
        case Opcode::TLBI_S_S2_IPA:
        case Opcode::TLBI_SNH_ALL:
            return true;
    }
    return true;
}

QueueRegisters& Commands::queue(Smmu& smmu) const {
    return ecmdq_ ? smmu.registers.ecmdqs[*ecmdq_] : smmu.registers.cmdq;
}
const QueueRegisters& Commands::queue(const Smmu& smmu) const {
    return ecmdq_ ? smmu.registers.ecmdqs[*ecmdq_] : smmu.registers.cmdq;
}

bool Commands::runnable(const Smmu& smmu) const {
    const Registers& r = smmu.registers;
    const QueueRegisters& q = queue(smmu);
    if (q.empty() || q.inconsistent()) return false;
    if (!ecmdq_) return r.enabled(cr0::CMDQEN) && cr0::CMDQEN.test(r.cr0) && !r.error_active(gerror::CMDQ_ERR);
    const EcmdqRegisters& enhanced = r.ecmdqs[*ecmdq_];
    return enhanced.en && enhanced.enack && !enhanced.error_active();
}

bool Commands::pending(const Smmu& smmu) const {
    return state_ == State::held ? !must_wait(smmu) : busy() || runnable(smmu);
}

/// What the command in hand fills has no room: it stays at the head of its queue, as hardware holds it there.
bool Commands::must_wait(const Smmu& smmu) const {
    if (!smmu.registers.enabled(cr0::SMMUEN)) return false;
    switch (opcode_of(words_)) {
        case Opcode::PREFETCH_CONFIG:
        case Opcode::PREFETCH_ADDR:
            return smmu.params_.prefetch_commands && smmu.prefetches_.size() >= Smmu::kPrefetches;
        case Opcode::PRI_RESP:
            return !smmu.events.room_for_response();
        default:
            return false;
    }
}

void Commands::error(Smmu& smmu, std::uint64_t code) {
    Registers& r = smmu.registers;
    if (ecmdq_) {
        EcmdqRegisters& enhanced = r.ecmdqs[*ecmdq_];
        enhanced.err = !enhanced.err;
        enhanced.err_reason = static_cast<std::uint8_t>(code);
    } else {
        r.cmdq.cons = static_cast<std::uint32_t>(cmdq_cons::ERR.set(r.cmdq.cons, code));
    }
    if (r.raise(ecmdq_ ? gerror::CMDQP_ERR : gerror::CMDQ_ERR)) smmu.interrupts.raise(Interrupt::gerror, r);
    state_ = State::idle;
    buffered_ = 0;
}

/// How many commands the next fetch reads: what is there, in one line of 64 bytes. An access has 16, 32 or 64 bytes.
unsigned Commands::fetchable(const Smmu& smmu) const {
    const QueueRegisters& q = queue(smmu);
    const std::uint64_t address = q.address(q.cons, kCommandBytes);
    unsigned commands = 1;
    std::uint32_t pointer = q.next(q.cons);
    while (commands < smmu.params().commands_per_fetch && ((pointer ^ q.prod) & q.mask()) != 0 &&
           q.address(pointer, kCommandBytes) == address + std::uint64_t{commands} * kCommandBytes &&
           (address >> 6) == (q.address(pointer, kCommandBytes) >> 6)) {
        ++commands;
        pointer = q.next(pointer);
    }
    return commands == 3 ? 2 : commands;
}

/// With the command in hand. False: it was an error.
bool Commands::begin(Smmu& smmu, Step& step) {
    if (illegal_command(words_, smmu.features())) {
        error(smmu, cmdq_cons::CERROR_ILL);
        return false;
    }
    step.opcode = static_cast<std::uint8_t>(cmd::OPCODE.get(words_));
    if (opcode_of(words_) == Opcode::SYNC) {
        state_ = State::sync;
        step.kind = StepKind::sync;
        return true;
    }
    if (must_wait(smmu)) {
        state_ = State::held;
        step.kind = StepKind::idle;
        return true;
    }
    execute(smmu);
    state_ = State::consume;
    step.kind = StepKind::executed;
    return true;
}

void Commands::execute(Smmu& smmu) {
    const Registers& r = smmu.registers;
    const Opcode opcode = opcode_of(words_);
    ++executed[static_cast<std::size_t>(opcode)];
    const StreamId sid{static_cast<std::uint32_t>(cmd::SID.get(words_))};
    switch (opcode) {
        case Opcode::RESUME: {
            const auto tag = static_cast<std::uint16_t>(cmd::STAG.get(words_));
            StallAnswer answer = smmu.features().term_model != 0 ? StallAnswer::abort : StallAnswer::terminate;
            if (cmd::RESUME_RETRY.test(words_)) {
                answer = StallAnswer::retry;
            } else if (cmd::RESUME_ABORT.test(words_)) {
                answer = StallAnswer::abort;
            }
            smmu.stalls.resume(sid, tag, answer);
            return;
        }
        case Opcode::STALL_TERM:
            smmu.stalls.terminate(sid);
            return;
        case Opcode::PRI_RESP:
            if (r.enabled(cr0::SMMUEN)) {
                PageResponse response;
                response.sid = sid;
                if (cmd::SSV.test(words_))
                    response.ssid = SubstreamId{static_cast<std::uint32_t>(cmd::SSID.get(words_))};
                response.prg_index = static_cast<std::uint16_t>(cmd::PRGINDEX.get(words_));
                constexpr std::uint8_t kCodes[4] = {0xF, 1, 0, 0xF};
                response.code = kCodes[cmd::RESP.get(words_)];
                smmu.events.respond(response);
            }
            return;
        case Opcode::PREFETCH_CONFIG:
        case Opcode::PREFETCH_ADDR: {
            const bool wanted = smmu.params_.prefetch_commands && r.enabled(cr0::SMMUEN);
            if (!wanted) return;
            Prefetch prefetch;
            prefetch.sid = sid;
            if (cmd::SSV.test(words_)) prefetch.ssid = SubstreamId{static_cast<std::uint32_t>(cmd::SSID.get(words_))};
            if (opcode == Opcode::PREFETCH_ADDR) prefetch.address = cmd::ADDR.address(words_);
            smmu.prefetches_.push_back(prefetch);
            return;
        }
        case Opcode::ATC_INV:
            if (!r.enabled(cr0::SMMUEN)) return;
            break;
        default:
            break;
    }
    if (const auto invalidation = decode_invalidation(words_, smmu.features(), r.cr0ack, r.cr2))
        smmu.invalidate(*invalidation);
}

void Commands::consume(Smmu& smmu) {
    QueueRegisters& q = queue(smmu);
    q.cons = q.next(q.cons);
    state_ = State::idle;
}

void Commands::step(Smmu& smmu, const Reply& reply, Step& step) {
    switch (state_) {
        case State::idle:
            break;
        case State::fetch:
            if (reply.abort) {
                error(smmu, cmdq_cons::CERROR_ABT);
                break;
            }
            words_ = words_from_bytes<2>(reply.data.data());
            next_ = 0;
            for (unsigned i = 0; i < buffered_; ++i) {
                buffer_[i] = words_from_bytes<2>(reply.data.data() + std::size_t{i + 1} * kCommandBytes);
            }
            if (!begin(smmu, step)) break;
            return;
        case State::held:
            begin(smmu, step);
            return;
        case State::consume:
            consume(smmu);
            break;
        case State::sync: {
            if (reply.abort) {
                error(smmu, cmdq_cons::CERROR_ATC_INV_SYNC);
                break;
            }
            ++executed[static_cast<std::size_t>(Opcode::SYNC)];
            consume(smmu);
            if (cmd::CS.get(words_) != cmd::CS_IRQ) break;
            // The new CONS is visible before the signal.
            smmu.interrupts.pulse(Interrupt::cmdq_sync);
            const std::uint64_t address = cmd::MSIADDR.address(words_);
            if (address == 0 || smmu.features().msi == 0) break;
            state_ = State::sync_msi;
            step.kind = StepKind::access;
            step.access.address = PhysAddr{address};
            step.access.size = 4;
            step.access.kind = AccessKind::write;
            step.access.purpose = Purpose::msi;
            store_le(step.access.data.data(), 4, cmd::MSIDATA.get(words_));
            return;
        }
        case State::sync_msi:
            state_ = State::idle;
            if (reply.abort && smmu.registers.raise(gerror::MSI_CMDQ_ABT)) {
                smmu.interrupts.raise(Interrupt::gerror, smmu.registers);
            }
            break;
    }
    while (runnable(smmu) && buffered_ != 0) {
        --buffered_;
        words_ = buffer_[next_++];
        if (begin(smmu, step)) return;
    }
    if (!runnable(smmu)) {
        buffered_ = 0;
        step.kind = StepKind::idle;
        return;
    }
    const QueueRegisters& q = queue(smmu);
    state_ = State::fetch;
    const unsigned commands = fetchable(smmu);
    buffered_ = static_cast<std::uint8_t>(commands - 1);
    step.kind = StepKind::access;
    step.access.address = PhysAddr{q.address(q.cons, kCommandBytes)};
    step.access.size = commands * kCommandBytes;
    step.access.kind = AccessKind::read;
    step.access.purpose = Purpose::command;
}

}  // namespace xlate::iommu::smmuv3
