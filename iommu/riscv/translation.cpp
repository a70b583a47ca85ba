// Numbers are the steps of "Process to translate an IOVA"; those in msi_* of "Process to translate addresses of MSIs".
#include "iommu/riscv/translation.hpp"

#include <algorithm>

#include "iommu/riscv/address_space.hpp"
#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/purpose.hpp"

namespace xlate::iommu::riscv {

void Translation::start(const Request& request) {
    request_ = request;
    message_.reset();
    counted_ = false;
    state_ = State::begin;
}

void Translation::start_message(const Request& request, std::uint32_t data) {
    start(request);
    message_ = data;
}

MessageFate Translation::message_fate() const {
    if (!outcome_.mrif_message) return {};
    return {outcome_.mrif_notice ? MessageFate::Kind::notice : MessageFate::Kind::kept, outcome_.mrif_nid};
}

std::optional<std::uint64_t> Translation::walked_space() const {
    const bool files = state_ >= State::mrif_pending && state_ <= State::mrif_enabled;
    const bool walks = state_ >= State::first && state_ <= State::second && !files;
    return walks ? std::optional(space_) : std::nullopt;
}

const Step& Translation::step(const Reply& reply) {
    while (!advance(reply)) {
    }
    return step_;
}

bool Translation::advance(const Reply& reply) {
    const DeviceContext& context = device_.context();
    switch (state_) {
        case State::begin:
            return begin();
        case State::device:
            switch (device_.advance(iommu_, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(device_.cause());
                case Progress::done:
                    return located_device();
            }
            return true;
        case State::process:
            switch (process_.advance(iommu_, requester_, context, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(process_.fault());
                case Progress::done:
                    return located_process();
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
            switch (first_.advance(iommu_, requester_, context, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(first_.fault());
                case Progress::done:
                    gpa_ = first_.output();
                    return translated_gpa();
            }
            return true;
        case State::msi:
            state_ = State::msi_read;
            step_.kind = StepKind::access;
            step_.access = {};
            step_.access.address =
                PhysAddr{context.address(dc::MSIPTP) + context.interrupt_file(gpa_.address) * kMsiEntryBytes};  // 6, 7
            step_.access.size = kMsiEntryBytes;
            step_.access.purpose = Purpose::msi_entry;
            step_.access.input = gpa_.address;
            return true;
        case State::msi_read:
            return take_msi_entry(reply);
        case State::mrif_pending:
        case State::mrif_swapped:
        case State::mrif_enabled:
            return take_mrif(reply);
        case State::second:
            switch (second_.advance(iommu_, requester_, context, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault: {
                    WalkFault fault = second_.fault();
                    if (fault.kind == WalkFault::Kind::guest_page) fault.iotval2 = gpa_.address & ~std::uint64_t{3};
                    return fail(fault);
                }
                case Progress::done:
                    return finish(second_.output());
            }
            return true;
        case State::unrecorded:
            return record_fault();
        case State::finished:
            return true;
    }
    return true;
}

bool Translation::begin() {
    step_ = {};
    beside_count_ = 0;
    outcome_ = {};
    located_ = false;
    epoch_ = iommu_.epoch();
    requester_.did = value(request_.sid);
    requester_.pid = request_.ssid ? std::optional(value(*request_.ssid)) : std::nullopt;
    requester_.debug = request_.debug;
    requester_.later = iommu_.params().fills_at_end ? &fills_ : nullptr;
    fills_.clear();
    kinds_.write = is_ats() ? !request_.no_write : request_.write;
    // What endpoints translate themselves has an intent to execute only with a process id. It needs no right to read.
    const bool reads = is_ats() || !request_.write;
    kinds_.execute =
        reads && request_.instruction && (request_.ats == AtsType::untranslated || request_.ssid.has_value());
    kinds_.read = reads && !kinds_.execute;
    kinds_.privileged = request_.ssid.has_value() && request_.privileged;
    kinds_.check = !is_ats();
    if (!counted_ && !request_.debug) {
        ++iommu_.counters.translations;
        if (is_ats()) ++iommu_.counters.ats_requests;
        if (request_.ats == AtsType::translated) ++iommu_.counters.ats_translated;
        iommu_.count(is_ats()                              ? HpmEvent::ats_requests
                     : request_.ats == AtsType::translated ? HpmEvent::translated_requests
                                                           : HpmEvent::untranslated_requests,
                     {requester_});
    }
    counted_ = true;
    const std::uint64_t mode = iommu_.registers.ddtp_mode();
    if (mode == ddtp::OFF) return fail(Cause::disallowed);  // 1
    if (mode == ddtp::BARE) {                               // 2
        return request_.ats == AtsType::untranslated ? pass(false) : fail(Cause::type_disallowed);
    }
    device_.start(requester_);  // 3 to 6
    state_ = State::device;
    return false;
}

bool Translation::located_device() {
    const DeviceContext& context = device_.context();
    const bool pdtv = context.test(tc::PDTV);
    located_ = true;
    // 7
    if (request_.ats != AtsType::untranslated && !context.test(tc::EN_ATS)) return fail(Cause::type_disallowed);
    if (request_.ssid) {
        if (!pdtv) return fail(Cause::type_disallowed);
        const unsigned levels = context.pdt_levels();
        const unsigned bits = levels == 1 ? 8 : levels == 2 ? 17 : kProcessIdBits;
        if (value(*request_.ssid) >> bits != 0) return fail(Cause::type_disallowed);
    }
    if (request_.ats == AtsType::translated) {
        if (!context.test(tc::T2GPA)) return pass(true);  // 8
        return stages(atp::BARE, 0, 0, false);            // 9
    }
    if (!pdtv) return stages(context.mode(dc::FSC), context.address(dc::FSC), context.pscid(), false);  // 10
    // 11 to 13
    if ((!request_.ssid && !context.test(tc::DPE)) || context.pdt_levels() == 0) {
        return stages(atp::BARE, 0, 0, false);
    }
    process_.start(request_.ssid ? value(*request_.ssid) : 0);  // 14
    state_ = State::process;
    return false;
}

bool Translation::located_process() {
    const ProcessContext& context = process_.context();
    if (kinds_.privileged && !ta::ENS.test(context.ta)) return fail(Cause::type_disallowed);  // 15
    return stages(atp::MODE.get(context.fsc), atp::PPN.get(context.fsc) << kPageBits,
                  static_cast<std::uint32_t>(ta::PSCID.get(context.ta)), ta::SUM.test(context.ta));  // 16
}

/// 17. Translations of this address space may be known.
bool Translation::stages(std::uint64_t mode, std::uint64_t root, std::uint32_t pscid, bool sum) {
    const DeviceContext& context = device_.context();
    mode_ = first_stage_mode(mode, context.sxl());
    sum_ = sum;
    if (mode_ == Mode::bare) {
        space_ = context.nested() ? space_tag::second_stage(context.gscid()) : 0;
        gpa_ = {};
        gpa_.address = request_.address;
        gpa_.log2_bytes = 30;
    } else {
        space_ = space_tag::first_stage(context.nested(), context.gscid(), pscid, sum);
        first_.start(request_.address, mode_, root, space_, sum, kinds_);
    }
    outcome_.bare_first = mode_ == Mode::bare;
    outcome_.bare = outcome_.bare_first && !context.nested();
    // What no table says is not kept, nor what ATS asks for.
    const bool known = !outcome_.bare && !is_ats() && iommu_.tlb.enabled() && !request_.debug;
    if (known) {
        state_ = State::tlb;
    } else if (mode_ != Mode::bare) {
        if (!request_.debug) ++iommu_.counters.walks;
        state_ = State::first;
    } else {
        if (!request_.debug && !outcome_.bare) ++iommu_.counters.walks;
        return translated_gpa();
    }
    return false;
}

/// An entry without the rights that are needed says nothing: the tables may give more by now, or tell what is wrong.
bool Translation::look_up() {
    const CachedTranslation* hit = iommu_.tlb.peek(space_, request_.address);
    if (hit != nullptr && hit->permissions.allows(request_)) {
        iommu_.tlb.note_hit(*hit);
        CachedTranslation entry = *hit;
        entry.stream = stream_tag(request_.sid, request_.ssid);
        return complete(entry, request_.ats == AtsType::untranslated);
    }
    iommu_.tlb.note_miss();
    ++iommu_.counters.tlb_misses;
    ++iommu_.counters.walks;
    iommu_.count(HpmEvent::tlb_misses, {requester_, device_.context(), space_});
    if (mode_ == Mode::bare) return translated_gpa();
    state_ = State::first;
    return false;
}

/// 18. Is it the page of a virtual interrupt file?
bool Translation::translated_gpa() {
    const DeviceContext& context = device_.context();
    if (context.is_interrupt_file(gpa_.address)) {
        state_ = State::msi;
        return false;
    }
    second_.start(gpa_.address, SecondStage::Use::final, kinds_);  // 19
    state_ = State::second;
    return false;
}

bool Translation::take_msi_entry(const Reply& reply) {
    if (iommu_.is_poisoned(step_.access)) return fail(Cause::msi_corrupt);  // 8
    if (reply.abort) return fail(Cause::msi_load);                          // 7
    const std::uint64_t entry = iommu_.load(reply, 0, 8), second = iommu_.load(reply, 8, 8);
    if (!msipte::V.test(entry)) return fail(Cause::msi_invalid);       // 9
    if (msipte::C.test(entry)) return fail(Cause::msi_misconfigured);  // 10: no custom format
    StageOutput page;
    page.log2_bytes = kPageBits;
    page.executable = false;
    switch (msipte::M.get(entry)) {
        case msipte::BASIC:  // 13
            if ((entry & msipte::kBasicReserved) != 0) return fail(Cause::msi_misconfigured);
            page.address = (msipte::PPN.get(entry) << kPageBits) | (gpa_.address & low_mask(kPageBits));
            break;
        case msipte::MRIF:  // 14
            if (!iommu_.params().has(caps::MSI_MRIF)) return fail(Cause::msi_misconfigured);
            if ((entry & msipte::kMrifReserved0) != 0 || (second & msipte::kMrifReserved1) != 0) {
                return fail(Cause::msi_misconfigured);
            }
            outcome_.mrif = true;
            outcome_.mrif_address = msipte::MRIF_ADDR.get(entry) << 9;
            outcome_.mrif_nid =
                static_cast<std::uint16_t>(msipte::NID_LOW.get(second) | (msipte::NID_10.get(second) << 10));
            page.address = (msipte::NPPN.get(second) << kPageBits) | (gpa_.address & low_mask(kPageBits));
            break;
        default:  // 12
            return fail(Cause::msi_misconfigured);
    }
    if (kinds_.execute && !is_ats()) return fail(Cause::instruction_access);  // 16
    outcome_.msi = true;
    if (!request_.debug) ++iommu_.counters.msis;
    const bool stores = outcome_.mrif && message_ && request_.write && !request_.debug;
    return stores && request_.ats == AtsType::untranslated ? store_message(page) : finish(page);
}

/// Memory-resident interrupt files: 16 bytes for 64 identities, pending bits and then enable bits. Discarded without a
/// trace: identities that no file has, and places in the page that are no register of an interrupt file.
/// Source: RISC-V Advanced Interrupt Architecture, memory-resident interrupt files. Ours: identity 0 is discarded.
bool Translation::store_message(const StageOutput& page) {
    constexpr std::uint64_t kLittle = 0, kBig = 4;
    constexpr std::uint32_t kIdentities = 2048;
    outcome_.mrif_message = true;
    notice_ = page;
    notice_.address = align_down(page.address, std::uint64_t{1} << kPageBits);
    const std::uint64_t offset = gpa_.address & low_mask(kPageBits);
    std::array<std::uint8_t, 4> bytes{};
    store_le(bytes.data(), bytes.size(), *message_);
    identity_ = static_cast<std::uint32_t>(offset == kBig ? load_be(bytes.data(), bytes.size()) : *message_);
    const bool there = offset == kLittle || (offset == kBig && iommu_.params().has(caps::END));
    if (!there || identity_ == 0 || identity_ >= kIdentities) return finish_message();
    return access_mrif(State::mrif_pending, 0);
}

/// A notice goes to the beginning of its page.
bool Translation::finish_message() {
    finish(notice_);
    step_.result.pa = PhysAddr{notice_.address};
    return true;
}

bool Translation::access_mrif(State next, std::uint64_t offset) {
    state_ = next;
    step_.kind = StepKind::access;
    step_.access = {};
    step_.access.address = PhysAddr{outcome_.mrif_address + std::uint64_t{identity_} / 64 * 16 + offset};
    step_.access.size = 8;
    step_.access.purpose = Purpose::msi;
    step_.access.input = gpa_.address;
    return true;
}

/// The file is little-endian, whatever the IOMMU's structures are. Its pending bit is set by compare-and-swap, and the
/// enable bit looked at after that.
bool Translation::take_mrif(const Reply& reply) {
    if (iommu_.is_poisoned(step_.access)) return fail(Cause::mrif_corrupt);
    if (reply.abort) return fail(Cause::mrif_access);
    const std::uint64_t word = load_le(reply.data.data(), 8), bit = std::uint64_t{1} << identity_ % 64;
    switch (state_) {
        case State::mrif_swapped:
            if (word == step_.access.expected) {
                outcome_.mrif_stored = true;
                return access_mrif(State::mrif_enabled, 8);
            }
            [[fallthrough]];  // another one has written there: what it holds now
        case State::mrif_pending:
            access_mrif(State::mrif_swapped, 0);
            step_.access.kind = AccessKind::compare_and_swap;
            step_.access.expected = word;
            store_le(step_.access.data.data(), 8, word | bit);
            return true;
        default:
            outcome_.mrif_notice = (word & bit) != 0;
            return finish_message();
    }
}

/// 20. Both stages have been passed.
bool Translation::finish(const StageOutput& second) {
    const DeviceContext& context = device_.context();
    outcome_.pbmt = gpa_.pbmt != 0 ? gpa_.pbmt : second.pbmt;
    outcome_.readable = gpa_.readable && second.readable;
    outcome_.writable = gpa_.writable && second.writable && gpa_.dirty && second.dirty;
    outcome_.executable = request_.instruction && gpa_.executable && second.executable && outcome_.readable;
    outcome_.global = gpa_.global && request_.ssid.has_value() && !outcome_.msi;
    outcome_.supervisor_address = second.address;

    CachedTranslation entry = entry_of(gpa_, second, request_.address);
    // An interrupt file's page is asked for again each time: no command invalidates it alone.
    if (epoch_ == iommu_.epoch()) fills_.apply(iommu_, requester_.did);
    const bool cacheable = !request_.debug && !outcome_.msi;
    if (cacheable && !is_ats() && !outcome_.bare) {
        if (iommu_.tlb.enabled() && epoch_ == iommu_.epoch()) iommu_.tlb.fill(entry);
        if (iommu_.params().reads_lines) note_beside();
    }
    if (is_ats()) {
        outcome_.guest_address = context.test(tc::T2GPA);
        if (outcome_.guest_address) entry.pa = gpa_.address & ~low_mask(entry.log2_bytes);
        if (outcome_.mrif) return complete(entry, false);
    }
    return complete(entry, cacheable && request_.ats == AtsType::untranslated);
}

CachedTranslation Translation::entry_of(const StageOutput& gpa, const StageOutput& second, std::uint64_t iova) const {
    const bool bare_first = mode_ == Mode::bare;
    unsigned log2 = std::min(gpa.log2_bytes, second.log2_bytes);
    // A large page with a virtual interrupt file in it is kept in pieces that have none.
    if (device_.context().near_interrupt_file(gpa.address, log2)) log2 = kPageBits;
    CachedTranslation entry;
    entry.log2_bytes = static_cast<std::uint8_t>(log2);
    entry.granule = kPageBits;
    entry.leaf_log2_bytes = gpa.log2_bytes > log2 && !bare_first ? gpa.log2_bytes : 0;
    entry.va = iova & ~low_mask(log2);
    entry.pa = second.address & ~low_mask(log2);
    entry.space = space_;
    entry.stream = stream_tag(request_.sid, request_.ssid);
    entry.global = gpa.global && !bare_first;
    entry.bypass = outcome_.bare && !outcome_.msi;
    const bool writable = gpa.writable && second.writable && gpa.dirty && second.dirty;
    const auto rights = static_cast<std::uint8_t>(
        (gpa.readable && second.readable ? Permissions::kUserRead : 0) | (writable ? Permissions::kUserWrite : 0) |
        (gpa.executable && second.executable ? Permissions::kUserExecute : 0));
    if (bare_first || gpa.user) entry.permissions.bits |= rights;
    if (bare_first || !gpa.user) entry.permissions.bits |= static_cast<std::uint8_t>(rights << 3);
    if (!bare_first && gpa.user && sum_) {
        constexpr std::uint8_t kData = Permissions::kUserRead | Permissions::kUserWrite;
        entry.permissions.bits |= static_cast<std::uint8_t>((rights & kData) << 3);
    }
    const std::uint8_t pbmt = gpa.pbmt != 0 ? gpa.pbmt : second.pbmt;
    entry.attributes = pbmt == riscv_table::pte::PBMT_NC   ? MemoryAttributes{0x44, 2}
                       : pbmt == riscv_table::pte::PBMT_IO ? MemoryAttributes{0x00, 2}
                       : entry.bypass                      ? request_.incoming
                                                           : MemoryAttributes{};
    return entry;
}

/// What the lines of last-level words say of the pages around this one.
void Translation::note_beside() {
    const DeviceContext& context = device_.context();
    const std::uint64_t own = request_.address >> kPageBits, first = align_down(own, kLinePages);
    for (std::uint64_t page = first; page < first + kLinePages; ++page) {
        const std::uint64_t iova = page << kPageBits;
        std::optional<StageOutput> gpa;
        if (mode_ == Mode::bare) {
            gpa = gpa_;
            gpa->address = iova;
        } else {
            gpa = first_.beside(iommu_, iova);
        }
        if (page == own || !gpa || context.is_interrupt_file(gpa->address)) continue;
        const std::optional<StageOutput> second = second_.beside(iommu_, gpa->address);
        if (!second) continue;
        beside_[beside_count_] = entry_of(*gpa, *second, iova);
        if (iommu_.tlb.enabled() && epoch_ == iommu_.epoch()) iommu_.tlb.fill(beside_[beside_count_]);
        ++beside_count_;
    }
}

/// 2, 8: the address as it was.
bool Translation::pass(bool by_configuration) {
    outcome_.bare = true;
    CachedTranslation entry;
    entry.va = entry.pa = align_down(request_.address, std::uint64_t{1} << kPageBits);
    entry.stream = stream_tag(request_.sid, request_.ssid);
    entry.bypass = true;
    entry.permissions = {Permissions::kAll};
    entry.attributes = request_.incoming;
    return complete(entry, !request_.debug && !by_configuration);
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

}  // namespace xlate::iommu::riscv
