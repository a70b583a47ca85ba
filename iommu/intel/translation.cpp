#include "iommu/intel/translation.hpp"

#include <algorithm>

#include "iommu/intel/address_space.hpp"
#include "iommu/intel/vtd.hpp"
#include "iommu/tables/layout_vtd.hpp"

namespace xlate::iommu::vtd {

namespace {

/// What passes untranslated is kept in pieces of this size.
constexpr unsigned kPassLog2 = 21;

/// Some byte of the 2^log2 around `address` is an interrupt's.
bool near_interrupts(std::uint64_t address, unsigned log2) {
    const std::uint64_t low = address & ~low_mask(log2);
    return low < kInterruptBase + kInterruptBytes && kInterruptBase <= low + low_mask(log2);
}

}  // namespace

void Translation::start(const Request& request) {
    request_ = request;
    data_ = 0;
    counted_ = false;
    state_ = State::begin;
}

void Translation::start_message(const Request& request, std::uint32_t data) {
    start(request);
    data_ = data;
}

std::optional<std::uint64_t> Translation::walked_space() const {
    // A nested walk ends at a second-level table, but what is kept is the first level's.
    return state_ == State::first || state_ == State::second ? std::optional(space_) : std::nullopt;
}

const Step& Translation::step(const Reply& reply) {
    while (!advance(reply)) {
    }
    return step_;
}

bool Translation::scalable() const { return unit_.scalable(); }

bool Translation::advance(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::context:
            switch (context_.advance(unit_, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(context_.reason());
                case Progress::done:
                    return located_context();
            }
            return true;
        case State::pasid:
            switch (pasid_walk_.advance(unit_, context_.context(), reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    pasid_located_ = true;
                    return fail(pasid_walk_.reason());
                case Progress::done:
                    pasid_located_ = true;
                    return located_pasid();
            }
            return true;
        case State::tlb:
            state_ = State::tlb_looked_up;
            step_.kind = StepKind::lookup;
            step_.lookup = {Structure::tlb, 1, 0};
            return true;
        case State::tlb_looked_up:
            return look_up();
        case State::first:
            switch (first_.advance(unit_, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(first_.fault(), first_.second_failed());
                case Progress::done:
                    guest_ = first_.output();
                    if (levels_ == Levels::nested) return second_level(guest_.address);
                    return finish(nullptr, guest_);
            }
            return true;
        case State::second:
            switch (second_.advance(unit_, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(second_.fault(), true);
                case Progress::done:
                    return finish(levels_ == Levels::nested ? &guest_ : nullptr, second_.output());
            }
            return true;
        case State::interrupt_lookup:
            state_ = State::interrupt_looked_up;
            step_.kind = StepKind::lookup;
            step_.lookup = {Structure::config_cache, 1, 2};
            return true;
        case State::interrupt_looked_up: {
            const InterruptEntry* hit = unit_.interrupt_cache.lookup(index_);
            if (hit != nullptr) return take_interrupt(*hit);
            state_ = State::interrupt_entry;
            step_.kind = StepKind::access;
            step_.access = {};
            step_.access.address =
                PhysAddr{irta::address(unit_.interrupt_table()) + std::uint64_t{index_} * kIrteBytes};
            step_.access.size = kIrteBytes;
            step_.access.purpose = Purpose::interrupt_entry;
            return true;
        }
        case State::interrupt_entry: {
            if (reply.abort) return fail_interrupt(Reason::ir_access);
            const InterruptEntry entry{load_le(&reply.data[0], 8), load_le(&reply.data[8], 8)};
            return take_interrupt(entry);
        }
        case State::finished:
            return true;
    }
    return true;
}

bool Translation::begin() {
    step_ = {};
    outcome_ = {};
    pasid_located_ = false;
    levels_ = Levels::none;
    space_ = 0;
    epoch_ = unit_.epoch();
    kinds_ = {};
    kinds_.write = is_ats() ? !request_.no_write : request_.write;
    kinds_.execute = request_.ssid && request_.instruction && !request_.write && unit_.params().has(ecap::ERS);
    kinds_.read = !request_.write || is_ats();
    kinds_.supervisor = request_.ssid && request_.privileged;
    kinds_.check = !is_ats();
    kinds_.debug = request_.debug;
    if (!counted_ && !request_.debug) {
        ++unit_.counters.translations;
        if (is_ats()) ++unit_.counters.ats_requests;
        if (request_.ats == AtsType::translated) ++unit_.counters.ats_translated;
    }
    counted_ = true;
    const bool plain = request_.ats == AtsType::untranslated;
    if (in_interrupt_range(request_.address) && plain && !request_.ssid) return begin_interrupt();
    if (!gcmd::TE.test(unit_.status())) {
        // 6.2.1: nothing is translated, so that a request for a translation has no answer.
        if (!plain) return refuse(Reason::none, 0, true);
        return pass(false);
    }
    if (request_.unsupported || value(request_.sid) > 0xFFFF) return refuse(Reason::none, 0, true);
    if (request_.ssid && !scalable()) return fail(Reason::sm_pasid_in_legacy);
    context_.start(static_cast<std::uint16_t>(value(request_.sid)), request_.debug);
    state_ = State::context;
    return false;
}

bool Translation::located_context() {
    const Context& entry = context_.context();
    if (!scalable()) {
        const std::uint64_t type = context::TT.get(entry.words[0]);
        // 3.4.2: device TLBs only with TT 1.
        if (request_.ats != AtsType::untranslated && type != context::DEVICE_TLB) return fail(Reason::request_blocked);
        const unsigned levels = context::levels(context::AW.get(entry.words[1]));
        const unsigned bits = std::min(unit_.params().guest_bits(), vtd_table::input_bits(levels));
        if (request_.address >> bits != 0) return fail(Reason::address_beyond_width);
        if (type == context::PASS_THROUGH || request_.ats == AtsType::translated) return pass(true);
        levels_ = Levels::second;
        space_ = space_tag::second_level(entry.did());
        second_table_ = {context::table(entry.words[0]), levels, space_, false, false};
        return walk();
    }
    const std::uint64_t word = entry.words[0];
    if (request_.ats != AtsType::untranslated && !scalable_context::DTE.test(word)) {
        return fail(Reason::sm_no_device_tlb);
    }
    if (request_.ssid) {
        if (!scalable_context::PASIDE.test(word)) return fail(Reason::sm_no_pasid);
        pasid_ = value(*request_.ssid);
        if (pasid_directory::index(pasid_) >= scalable_context::entries(word)) return fail(Reason::sm_pasid_too_large);
    } else {
        pasid_ = 0;
        if (unit_.params().has(ecap::RPS)) {
            pasid_ = static_cast<std::uint32_t>(scalable_context::RID_PASID.get(entry.words[1]));
            if (pasid_directory::index(pasid_) >= scalable_context::entries(word)) {
                return fail(Reason::sm_rid_pasid_too_large);
            }
        }
        kinds_.supervisor = unit_.params().has(ecap::SRS) && scalable_context::RID_PRIV.test(entry.words[1]);
    }
    if (request_.ats == AtsType::translated) return pass(true);
    pasid_walk_.start(static_cast<std::uint16_t>(value(request_.sid)), pasid_, request_.debug);
    state_ = State::pasid;
    return false;
}

bool Translation::located_pasid() {
    const PasidEntry& entry = pasid_walk_.entry();
    const std::uint64_t type = entry.type(), flags = entry.words[2];
    if (!request_.ssid && !request_.debug)
        unit_.note_tables(entry.did(), type == pasid::FIRST_LEVEL ? std::optional(pasid_) : std::nullopt);
    if (type == pasid::PASS_THROUGH) return pass(true);
    if (kinds_.execute && !pasid::ERE.test(flags)) return fail(Reason::sm_no_execute_requests);
    if (type != pasid::FIRST_LEVEL) {
        const std::uint64_t space = space_tag::second_level(entry.did());
        second_table_ = {pasid::table(entry.words[0]), entry.second_levels(), space, pasid::SLADE.test(entry.words[0]),
                         type == pasid::NESTED};
    }
    if (type == pasid::SECOND_LEVEL) {
        levels_ = Levels::second;
        space_ = second_table_.space;
        const unsigned bits = std::min(unit_.params().guest_bits(), vtd_table::input_bits(second_table_.levels));
        if (request_.address >> bits != 0) return fail(Reason::sm_beyond_width);
        return walk();
    }
    // 5D: a supervisor's request, which the entry does not take.
    if (kinds_.supervisor && !pasid::SRE.test(flags)) return fail(Reason::sm_no_supervisor);
    levels_ = type == pasid::NESTED ? Levels::nested : Levels::first;
    space_ = space_tag::first_level(entry.did(), pasid_, levels_ == Levels::nested);
    if (!FirstLevel::canonical(request_.address, entry.first_levels())) return fail(Reason::sm_not_canonical);
    // 5.14: requests with a PASID have no business in the interrupt range.
    if (in_interrupt_range(request_.address)) return fail(Reason::sm_interrupt_address);
    first_table_.root = pasid::table(flags);
    first_table_.levels = entry.first_levels();
    first_table_.space = space_;
    first_table_.write_protect = pasid::WPE.test(flags);
    first_table_.no_execute = pasid::NXE.test(flags);
    first_table_.extended_accessed = pasid::EAFE.test(flags) && unit_.params().has(ecap::EAFS);
    first_table_.nested = levels_ == Levels::nested;
    first_table_.second = second_table_;
    return walk();
}

/// Translations of this address space may be known. What an endpoint asks for is not kept here.
bool Translation::walk() {
    if (!is_ats() && unit_.tlb.enabled() && !request_.debug) {
        state_ = State::tlb;
        return false;
    }
    if (!request_.debug) ++unit_.counters.walks;
    if (levels_ == Levels::second) return second_level(request_.address);
    first_.start(request_.address, first_table_, kinds_);
    state_ = State::first;
    return false;
}

/// An entry without the rights that are needed says nothing: the tables may give more by now, or tell what is wrong.
bool Translation::look_up() {
    const CachedTranslation* hit = unit_.tlb.peek(space_, request_.address);
    const std::uint8_t needed =
        Permissions::needed(request_.write, kinds_.execute && !request_.write, kinds_.supervisor);
    if (hit != nullptr && (hit->permissions.bits & needed) != 0) {
        unit_.tlb.note_hit(*hit);
        CachedTranslation entry = *hit;
        entry.stream = stream_tag(request_.sid, request_.ssid);
        return complete(for_requester(entry), request_.ats == AtsType::untranslated);
    }
    unit_.tlb.note_miss();
    ++unit_.counters.iotlb_misses;
    ++unit_.counters.walks;
    if (levels_ == Levels::second) return second_level(request_.address);
    first_.start(request_.address, first_table_, kinds_);
    state_ = State::first;
    return false;
}

bool Translation::second_level(std::uint64_t address) {
    second_.start(address, second_table_, kinds_);
    state_ = State::second;
    return false;
}

/// `first`: of a nested translation.
bool Translation::finish(const StageOutput* first, const StageOutput& last) {
    unsigned log2 = last.log2_bytes;
    if (first != nullptr) log2 = std::min<unsigned>(log2, first->log2_bytes);
    // 3.14: what the tables lead to the interrupt range is no memory.
    if (in_interrupt_range(last.address)) {
        return fail(scalable() ? Reason::sm_interrupt_address : Reason::interrupt_address);
    }
    if (near_interrupts(request_.address, log2) || near_interrupts(last.address, log2)) log2 = vtd_table::kPageBits;
    const bool first_level = levels_ == Levels::first || levels_ == Levels::nested;
    const StageOutput& own = first != nullptr ? *first : last;
    outcome_.readable = last.readable && own.readable;
    const bool table_writable = last.writable && (first == nullptr || first->writable);
    const bool dirty = last.dirty && own.dirty;
    outcome_.writable = table_writable && dirty;
    CachedTranslation entry;
    entry.log2_bytes = static_cast<std::uint8_t>(log2);
    entry.granule = vtd_table::kPageBits;
    entry.leaf_log2_bytes = own.log2_bytes > log2 ? own.log2_bytes : 0;
    entry.va = request_.address & ~low_mask(log2);
    entry.pa = last.address & ~low_mask(log2);
    entry.space = space_;
    entry.stream = stream_tag(request_.sid, request_.ssid);
    std::uint8_t user = 0, supervisor = 0;
    if (outcome_.readable) user |= Permissions::kUserRead;
    if (outcome_.writable) user |= Permissions::kUserWrite;
    if (outcome_.readable && own.executable) user |= Permissions::kUserExecute;
    supervisor = static_cast<std::uint8_t>(user << 3);
    // A supervisor without WPE writes where a user may not.
    const bool over = first_level && !first_table_.write_protect && last.writable && dirty;
    if (over) supervisor |= Permissions::kPrivilegedWrite;
    if (first_level && !own.user) user = 0;
    entry.permissions.bits = static_cast<std::uint8_t>(user | supervisor);
    entry.attributes = MemoryAttributes{};
    // Flushes of other pages while it was on its way do not touch it.
    const bool current = !request_.debug && unit_.undisturbed(epoch_, entry);
    if (current && !is_ats() && unit_.tlb.enabled()) unit_.tlb.fill(entry);
    const bool done = complete(for_requester(entry), !request_.debug && request_.ats == AtsType::untranslated);
    if (current) step_.result.epoch = unit_.epoch();
    return done;
}

/// Requests without a PASID carry no privilege: theirs is the context entry's.
CachedTranslation Translation::for_requester(CachedTranslation entry) const {
    if (!request_.ssid && kinds_.supervisor)
        entry.permissions.bits = static_cast<std::uint8_t>(entry.permissions.bits >> 3);
    return entry;
}

/// The address as it was: translation is off, the domain passes all, or the endpoint has translated it.
bool Translation::pass(bool by_configuration) {
    const bool plain = request_.ats == AtsType::untranslated;
    if (plain && unit_.is_protected(request_.address)) return refuse(Reason::none, 0, true);
    const bool split = near_interrupts(request_.address, kPassLog2) || pmen::EPM.test(unit_.registers.get(reg::PMEN));
    const unsigned log2 = split ? vtd_table::kPageBits : kPassLog2;
    CachedTranslation entry;
    entry.log2_bytes = static_cast<std::uint8_t>(log2);
    entry.granule = vtd_table::kPageBits;
    entry.va = entry.pa = request_.address & ~low_mask(log2);
    entry.stream = stream_tag(request_.sid, request_.ssid);
    if (by_configuration && plain) {
        entry.space = space_tag::second_level(scalable() ? pasid_walk_.entry().did() : context_.context().did());
    }
    entry.bypass = true;
    entry.permissions = {Permissions::kAll};
    entry.attributes = request_.incoming;
    outcome_.readable = outcome_.writable = true;
    return complete(entry, !request_.debug && plain);
}

bool Translation::complete(const CachedTranslation& entry, bool cacheable) {
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

Reason Translation::reason_of(WalkFault fault, bool of_second) const {
    const bool sm = scalable();
    switch (fault) {
        case WalkFault::none:
            return Reason::none;
        case WalkFault::root_access:
            if (!sm) return Reason::context_invalid;
            return of_second ? Reason::sm_second_root : Reason::sm_first_root;
        case WalkFault::access:
            if (!sm) return Reason::entry_access;
            return of_second ? Reason::sm_second_access : Reason::sm_first_access;
        case WalkFault::not_present:
            if (!sm) return kinds_.write ? Reason::no_write : Reason::no_read;
            return of_second ? Reason::sm_second_not_present : Reason::sm_first_not_present;
        case WalkFault::no_read:
            return sm ? Reason::sm_no_read : Reason::no_read;
        case WalkFault::no_write:
            return sm ? Reason::sm_no_write : Reason::no_write;
        case WalkFault::reserved:
            if (!sm) return Reason::entry_reserved;
            return of_second ? Reason::sm_second_reserved : Reason::sm_first_reserved;
        case WalkFault::beyond_width:
            if (!sm) return Reason::address_beyond_width;
            return levels_ == Levels::nested ? Reason::sm_second_beyond_width : Reason::sm_beyond_width;
        case WalkFault::supervisor:
            return Reason::sm_supervisor_page;
        case WalkFault::no_execute:
            return Reason::sm_no_execute;
        case WalkFault::update:
            return of_second ? Reason::sm_second_update : Reason::sm_first_update;
        case WalkFault::nested_width:
            return Reason::sm_nested_beyond_width;
        case WalkFault::nested_root:
            return Reason::sm_nested_root;
        case WalkFault::nested_entry:
            return Reason::sm_nested_entry;
        case WalkFault::nested_update:
            return Reason::sm_nested_update;
    }
    return Reason::none;
}

bool Translation::fail(WalkFault fault, bool of_second) {
    // 4.1.1: an endpoint that asks is told that it has no rights; nothing is wrong, something is not there.
    const bool recoverable = fault == WalkFault::not_present || fault == WalkFault::no_read ||
                             fault == WalkFault::no_write || fault == WalkFault::supervisor ||
                             fault == WalkFault::nested_root || fault == WalkFault::nested_entry;
    if (is_ats() && recoverable) {
        outcome_ = {};
        outcome_.no_access = true;
        CachedTranslation entry;
        entry.va = request_.address & ~low_mask(vtd_table::kPageBits);
        entry.space = space_;
        entry.stream = stream_tag(request_.sid, request_.ssid);
        return complete(entry, false);
    }
    return fail(reason_of(fault, of_second));
}

bool Translation::fail(Reason reason) {
    const bool silent = is_qualified(reason) && ((context_.located() && context_.context().silent()) ||
                                                 (pasid_located_ && pasid_walk_.entry().silent));
    outcome_.unsupported_request = reason < Reason::entry_access || reason == Reason::request_blocked;
    return refuse(reason, frcd::page(request_.address), silent);
}

bool Translation::refuse(Reason reason, std::uint64_t low, bool silent) {
    step_.kind = StepKind::fault;
    step_.result = {};
    step_.result.fault = static_cast<std::uint16_t>(reason);
    step_.result.response = Response::abort;
    step_.result.epoch = epoch_;
    step_.result.stage2 = levels_ == Levels::second || (levels_ == Levels::nested && state_ == State::second);
    state_ = State::finished;
    if (request_.debug) return true;
    ++unit_.counters.faults;
    if (silent || request_.prefetch || reason == Reason::none) return true;
    FaultRecord record;
    record.low = low;
    const std::uint64_t type = request_.ats == AtsType::translation_request ? 1
                               : request_.ats == AtsType::translated        ? 2
                                                                            : 0;
    const bool read = is_ats() || !request_.write;
    record.high = frcd::SID.of(value(request_.sid)) | frcd::FR.of(static_cast<std::uint64_t>(reason)) |
                  frcd::AT.of(type) | frcd::T1.of(read ? 1 : 0);
    if (request_.ssid) {
        record.high |= frcd::PP.of(1) | frcd::PV.of(value(*request_.ssid)) | frcd::EXE.of(kinds_.execute ? 1 : 0) |
                       frcd::PRIV.of(kinds_.supervisor ? 1 : 0);
    }
    step_.result.recorded = unit_.outputs.report(record, unit_.registers);
    return true;
}

}  // namespace xlate::iommu::vtd
