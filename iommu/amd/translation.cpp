#include "iommu/amd/translation.hpp"

#include <algorithm>

#include "iommu/amd/iommu.hpp"
#include "iommu/amd/space.hpp"
#include "iommu/tables/layout_amd.hpp"

namespace xlate::iommu::amd {

namespace {

constexpr std::uint8_t kReads =
    Permissions::kUserRead | Permissions::kUserExecute | Permissions::kPrivilegedRead | Permissions::kPrivilegedExecute;
constexpr std::uint8_t kWrites = Permissions::kUserWrite | Permissions::kPrivilegedWrite;
constexpr std::uint8_t kExecutes = Permissions::kUserExecute | Permissions::kPrivilegedExecute;
constexpr std::uint8_t kUsers = Permissions::kUserRead | Permissions::kUserWrite | Permissions::kUserExecute;

bool is_interrupt(std::uint64_t address) { return address >= kInterruptFirst && address <= kInterruptLast; }

std::uint8_t rights(bool readable, bool writable) {
    return static_cast<std::uint8_t>((readable ? kReads : 0) | (writable ? kWrites : 0));
}

}  // namespace

void Translation::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

void Translation::start_prefetch(const Prefetch& prefetch) {
    Request request;
    request.sid = prefetch.sid;
    request.ssid = prefetch.ssid;
    request.address = prefetch.address.value_or(0);
    request.length = 1;
    request.prefetch = true;
    start(request);
}

std::optional<std::uint64_t> Translation::walked_space() const {
    return state_ == State::guest || state_ == State::host ? std::optional(space_) : std::nullopt;
}

const Step& Translation::step(const Reply& reply) {
    while (!advance(reply)) {
    }
    return step_;
}

bool Translation::advance(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::device:
            switch (device_.advance(iommu_, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(device_.fault());
                case Progress::done:
                    located_ = true;
                    return located();
            }
            return true;
        case State::interrupt:
            step_ = interrupt_.step(reply);
            if (step_.kind == StepKind::done || step_.kind == StepKind::fault) return end_interrupt();
            return true;
        case State::tlb:
            state_ = State::tlb_looked_up;
            step_.kind = StepKind::lookup;
            step_.lookup = {Structure::tlb, 1, 0};
            return true;
        case State::tlb_looked_up:
            return look_up();
        case State::guest:
            switch (guest_.advance(iommu_, device_.entry(), reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(guest_.fault());
                case Progress::done:
                    break;
            }
            output_ = guest_.output();
            if (!nested_) return finish();
            host_.start(output_.address, device_.entry(), space_tag::host(device_.entry().domain()), request_.debug);
            state_ = State::host;
            return false;
        case State::host:
            switch (host_.advance(iommu_, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(host_.fault());
                case Progress::done:
                    return finish_host();
            }
            return true;
        case State::finished:
            return true;
    }
    return true;
}

bool Translation::begin() {
    step_ = {};
    output_ = {};
    located_ = guest_tables_ = nested_ = no_access_ = false;
    epoch_ = iommu_.epoch();
    if (!counted_ && !request_.debug && !request_.prefetch) ++iommu_.counters.translations;
    counted_ = true;
    if (!iommu_.registers.on(control::EN)) return pass(Permissions::kAll, true);
    device_.start(static_cast<std::uint16_t>(value(request_.sid)), request_.debug);
    state_ = State::device;
    return false;
}

/// The device's entry is there. What it says of requests before any table.
bool Translation::located() {
    const Dte& entry = device_.entry();
    if (!entry.valid()) return pass(Permissions::kAll, true);
    const bool iotlb = dte::IOTLB.test(entry.words[1]);
    if (request_.ats != AtsType::untranslated && !iotlb) return fail(Event::invalid_device_request);
    if (request_.ats == AtsType::translated) return pass(device_rights(), false);
    // A write there is an interrupt; with a process id it is none.
    if (is_interrupt(request_.address) && !request_.ssid) {
        if (is_ats()) return denied();
        if (!request_.write) return fail(Event::invalid_device_request);
        return begin_interrupt();
    }
    const Registers& registers = iommu_.registers;
    if (registers.excluded(request_.address) && !request_.ssid &&
        (excl::ALLOW.test(registers.excl_base) || dte::EX.test(entry.words[1]))) {
        return pass(Permissions::kAll, true);
    }
    return by_tables();
}

/// A request carries no data here: the message is its device's first, entry 0 of its table.
bool Translation::begin_interrupt() {
    InterruptRequest message;
    message.device = static_cast<std::uint16_t>(value(request_.sid));
    message.address = request_.address;
    message.debug = request_.debug;
    interrupt_.start(message);
    state_ = State::interrupt;
    return false;
}

bool Translation::end_interrupt() {
    state_ = State::finished;
    if (step_.kind == StepKind::fault) {
        if (!request_.debug) ++iommu_.counters.faults;
        return true;
    }
    CachedTranslation entry;
    entry.va = align_down(request_.address, std::uint64_t{1} << kPageBits);
    entry.pa = align_down(interrupt_.outcome().address, std::uint64_t{1} << kPageBits);
    entry.stream = stream_tag(request_.sid, request_.ssid);
    entry.permissions = {kWrites};
    entry.attributes = request_.incoming;
    complete(entry, false);
    step_.result.pa = PhysAddr{interrupt_.outcome().address};
    return true;
}

std::uint8_t Translation::device_rights() const {
    return rights(device_.entry().readable(), device_.entry().writable());
}

bool Translation::by_tables() {
    const Dte& entry = device_.entry();
    const bool gv = dte::GV.test(entry.words[0]) && iommu_.registers.guest_translation();
    guest_tables_ = gv && (request_.ssid || dte::GIOV.test(entry.words[0]));
    if (request_.ssid && !gv) return fail(Event::io_page_fault);
    if (!entry.translation_valid() && entry.mode() != 0) return fail(Event::io_page_fault);
    const bool host_tables = entry.translation_valid() && entry.mode() != 0;
    nested_ = guest_tables_ && host_tables;
    if (!guest_tables_ && !host_tables) return pass(device_rights(), true);
    const std::uint32_t pasid = request_.ssid ? value(*request_.ssid) : 0;
    if (!nested_ && pasid == 0 && !request_.debug) iommu_.note_tables(entry.domain(), guest_tables_);
    space_ = guest_tables_ ? space_tag::guest(entry.domain(), pasid, nested_) : space_tag::host(entry.domain());
    if (iommu_.tlb.enabled() && !is_ats() && !request_.debug) {
        state_ = State::tlb;
        return false;
    }
    return walk();
}

/// An entry without the rights that are needed says nothing: the tables may give more by now, or tell what is wrong.
bool Translation::look_up() {
    const CachedTranslation* hit = iommu_.tlb.peek(space_, request_.address);
    if (hit != nullptr && (hit->permissions.bits & device_rights() & Permissions::needed(request_)) != 0) {
        iommu_.tlb.note_hit(*hit);
        ++iommu_.counters.tlb_hits;
        CachedTranslation entry = *hit;
        entry.stream = stream_tag(request_.sid, request_.ssid);
        entry.permissions.bits &= device_rights();
        return complete(entry, true);
    }
    iommu_.tlb.note_miss();
    ++iommu_.counters.tlb_misses;
    return walk();
}

bool Translation::walk() {
    const Dte& entry = device_.entry();
    if (!request_.debug) ++iommu_.counters.walks;
    if (guest_tables_) {
        const std::uint32_t pasid = request_.ssid ? value(*request_.ssid) : 0;
        const bool write = wants_write() && !request_.prefetch && entry.writable();
        guest_.start(request_.address, pasid, entry, space_, nested_, write, request_.debug);
        state_ = State::guest;
    } else {
        host_.start(request_.address, entry, space_, request_.debug);
        state_ = State::host;
    }
    return false;
}

/// Both stages are one from here on.
bool Translation::finish_host() {
    const StageOutput& host = host_.output();
    const StageOutput guest = output_;
    output_ = host;
    if (guest_tables_) {
        output_.log2_bytes = std::min(host.log2_bytes, guest.log2_bytes);
        output_.writable = host.writable && guest.writable;
        output_.executable = guest.executable;
        output_.user = guest.user;
    }
    return finish();
}

bool Translation::finish() {
    unsigned log2 = output_.log2_bytes;
    // A large page that has addresses of another kind in it is kept in pieces.
    const auto holds = [&](std::uint64_t first, std::uint64_t last) {
        const std::uint64_t base = request_.address & ~low_mask(log2);
        return base <= last && first <= base + low_mask(log2);
    };
    const Registers& registers = iommu_.registers;
    const bool near_exclusion = excl::EN.test(registers.excl_base) && holds(registers.excl_base & excl::ADDRESS.mask(),
                                                                            registers.excl_limit | low_mask(kPageBits));
    if (holds(kInterruptFirst, kInterruptLast) || near_exclusion) log2 = kPageBits;

    CachedTranslation entry;
    entry.log2_bytes = static_cast<std::uint8_t>(log2);
    entry.granule = kPageBits;
    entry.leaf_log2_bytes = output_.log2_bytes > log2 ? output_.log2_bytes : 0;
    entry.va = request_.address & ~low_mask(log2);
    entry.pa = output_.address & ~low_mask(log2);
    entry.space = space_;
    entry.stream = stream_tag(request_.sid, request_.ssid);
    entry.permissions.bits = rights(output_.readable, output_.writable);
    if (!output_.executable) entry.permissions.bits &= static_cast<std::uint8_t>(~kExecutes);
    if (!output_.user) entry.permissions.bits &= static_cast<std::uint8_t>(~kUsers);
    // What the table lets the domain do, not what this device's entry does: others share the domain.
    if (!request_.debug && !is_ats() && iommu_.tlb.enabled() && epoch_ == iommu_.epoch()) iommu_.tlb.fill(entry);
    entry.permissions.bits &= device_rights();
    if (request_.prefetch) return complete(entry, false);
    if (is_ats()) {
        if (entry.permissions.bits == 0) no_access_ = true;
        return complete(entry, false);
    }
    if (!entry.permissions.allows(request_)) return denied();
    return complete(entry, !request_.debug);
}

bool Translation::denied() {
    WalkFault fault;
    fault.present = fault.permission = true;
    return fail(fault);
}

/// The address as it was.
bool Translation::pass(std::uint8_t permissions, bool cacheable) {
    CachedTranslation entry;
    entry.va = entry.pa = align_down(request_.address, std::uint64_t{1} << kPageBits);
    entry.stream = stream_tag(request_.sid, request_.ssid);
    entry.bypass = true;
    entry.permissions = {permissions};
    entry.attributes = request_.incoming;
    if (is_ats()) {
        no_access_ = permissions == 0;
    } else if (!entry.permissions.allows(request_)) {
        return denied();
    }
    return complete(entry, cacheable && !request_.debug && !is_ats());
}

bool Translation::complete(CachedTranslation entry, bool cacheable) {
    step_.kind = StepKind::done;
    step_.result = {};
    step_.result.entry = entry;
    step_.result.pa = PhysAddr{entry.pa + (request_.address & low_mask(entry.log2_bytes))};
    step_.result.attributes = entry.attributes;
    step_.result.cacheable = cacheable;
    step_.result.epoch = epoch_;
    state_ = State::finished;
    return true;
}

bool Translation::fail(Event event) {
    WalkFault fault;
    fault.event = event;
    return fail(fault);
}

bool Translation::fail(const WalkFault& fault) {
    // An endpoint that asks is told that it has no rights: nothing is wrong.
    if (is_ats() && fault.event == Event::io_page_fault && !fault.reserved) {
        no_access_ = true;
        CachedTranslation entry;
        entry.va = align_down(request_.address, std::uint64_t{1} << kPageBits);
        entry.space = space_;
        entry.stream = stream_tag(request_.sid, request_.ssid);
        return complete(entry, false);
    }
    step_.kind = StepKind::fault;
    step_.result = {};
    step_.result.fault = static_cast<std::uint16_t>(fault.event);
    step_.result.response = Response::abort;
    step_.result.epoch = epoch_;
    step_.result.stage2 = state_ == State::host && guest_tables_;
    if (!request_.debug && !request_.prefetch) {
        ++iommu_.counters.faults;
        FaultSubject subject;
        subject.device = static_cast<std::uint16_t>(value(request_.sid));
        subject.pasid = request_.ssid ? std::optional(value(*request_.ssid)) : std::nullopt;
        subject.address = request_.address;
        subject.write = wants_write();
        subject.execute = request_.instruction;
        subject.user = !request_.privileged;
        subject.translation_request = is_ats();
        step_.result.recorded = iommu_.report(fault, subject, located_ ? &device_.entry() : nullptr);
    }
    state_ = State::finished;
    return true;
}

}  // namespace xlate::iommu::amd
