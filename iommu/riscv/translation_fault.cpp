// A translation that ends in a fault: its cause, its record, and what the requester hears.
// Source: RISC-V IOMMU specification, "Fault/Event-Queue", "PCIe ATS translation request handling".
#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/translation.hpp"

namespace xlate::iommu::riscv {

namespace {

/// Faults that are no translation's own, which DTF does not silence.
bool reported_with_dtf(Cause cause) {
    switch (cause) {
        case Cause::disallowed:
        case Cause::ddt_load:
        case Cause::ddt_invalid:
        case Cause::ddt_misconfigured:
        case Cause::ddt_corrupt:
        case Cause::internal:
        case Cause::msi_write:
            return true;
        default:
            return false;
    }
}

/// An ATS request is told that it has no rights: nothing is wrong, something is not there.
bool answered_without_rights(Cause cause) {
    switch (cause) {
        case Cause::instruction_page:
        case Cause::read_page:
        case Cause::write_page:
        case Cause::instruction_guest_page:
        case Cause::read_guest_page:
        case Cause::write_guest_page:
        case Cause::pdt_invalid:
        case Cause::msi_invalid:
            return true;
        default:
            return false;
    }
}

/// The device is misplaced or switched off, not its tables wrong.
bool is_unsupported_request(Cause cause) { return cause >= Cause::disallowed && cause <= Cause::type_disallowed; }

}  // namespace

Cause Translation::by_access(Cause execute, Cause read, Cause write) const {
    return kinds_.execute ? execute : kinds_.read ? read : write;
}

Ttyp Translation::ttyp() const {
    if (is_ats()) return Ttyp::ats_request;
    const bool translated = request_.ats == AtsType::translated;
    if (request_.write) return translated ? Ttyp::translated_write : Ttyp::untranslated_write;
    if (kinds_.execute) return translated ? Ttyp::translated_exec : Ttyp::untranslated_exec;
    return translated ? Ttyp::translated_read : Ttyp::untranslated_read;
}

bool Translation::fail(const WalkFault& fault) {
    switch (fault.kind) {
        case WalkFault::Kind::cause:
            return fail(fault.cause, fault.iotval2);
        case WalkFault::Kind::page:
            return fail(by_access(Cause::instruction_page, Cause::read_page, Cause::write_page));
        case WalkFault::Kind::guest_page:
            return fail(by_access(Cause::instruction_guest_page, Cause::read_guest_page, Cause::write_guest_page),
                        fault.iotval2);
        case WalkFault::Kind::access:
            return fail(by_access(Cause::instruction_access, Cause::read_access, Cause::write_access));
    }
    return true;
}

bool Translation::fail(Cause cause, std::uint64_t iotval2) {
    outcome_.bare = false;
    if (is_ats() && answered_without_rights(cause)) {
        const bool bare_first = outcome_.bare_first;
        outcome_ = {};
        outcome_.bare_first = bare_first;
        outcome_.no_access = true;
        CachedTranslation entry;
        entry.va = align_down(request_.address, std::uint64_t{1} << kPageBits);
        entry.space = space_;
        entry.stream = stream_tag(request_.sid, request_.ssid);
        return complete(entry, false);
    }
    step_.result = {};
    step_.result.fault = static_cast<std::uint16_t>(cause);
    step_.result.response = Response::abort;
    step_.result.epoch = epoch_;
    step_.result.stage2 = cause >= Cause::instruction_guest_page && cause <= Cause::write_guest_page;
    step_.result.ipa = iotval2;
    outcome_.unsupported_request = is_unsupported_request(cause);
    record_ = {};
    record_[0] = fault::CAUSE.of(static_cast<std::uint64_t>(cause)) |
                 fault::TTYP.of(static_cast<std::uint64_t>(ttyp())) | fault::DID.of(value(request_.sid));
    if (request_.ssid) {
        record_[0] |=
            fault::PV.of(1) | fault::PID.of(value(*request_.ssid)) | fault::PRIV.of(request_.privileged ? 1 : 0);
    }
    record_[2] = request_.address;
    record_[3] = iotval2;
    // DTF is known only where a context has been found, and silences only what comes behind it.
    const bool silent = !reported_with_dtf(cause) && located_ && device_.context().test(tc::DTF);
    if (request_.debug || request_.prefetch || silent) return end_fault();
    return record_fault();
}

/// The client gets its answer when the record is on its way: without room for it, both wait.
bool Translation::record_fault() {
    const auto reported = iommu_.outputs.report(record_, request_.id, iommu_.registers);
    if (reported == Outputs::Reported::no_room) {
        state_ = State::unrecorded;
        step_.kind = StepKind::stalled;
        return true;
    }
    step_.result.recorded = reported == Outputs::Reported::recorded;
    return end_fault();
}

bool Translation::end_fault() {
    step_.kind = StepKind::fault;
    state_ = State::finished;
    if (!request_.debug) ++iommu_.counters.faults;
    return true;
}

}  // namespace xlate::iommu::riscv
