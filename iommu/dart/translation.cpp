#include "iommu/dart/translation.hpp"

#include "iommu/dart/dart.hpp"
#include "iommu/dart/purpose.hpp"
#include "iommu/slot_steps.hpp"

namespace xlate::iommu::dart {

using dart_table::Words;
namespace pte = dart_table::pte;

void Translation::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

std::optional<std::uint64_t> Translation::walked_space() const {
    const bool walks = state_ >= State::cache && state_ <= State::fetched;
    return walks ? std::optional<std::uint64_t>(stream_) : std::nullopt;
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
        case State::tlb:
            state_ = State::tlb_looked_up;
            lookup_step(step_, Structure::tlb);
            return true;
        case State::tlb_looked_up:
            if (const CachedTranslation* hit = dart_.tlb.lookup(stream_, request_.address)) {
                CachedTranslation entry = *hit;
                entry.stream = stream_tag(request_.sid, request_.ssid);
                if (entry.permissions.allows(request_)) return complete(entry, true);
                return fail(request_.write ? FaultCode::write : FaultCode::read);
            }
            if (!request_.debug) {
                ++dart_.counters.tlb_misses;
                ++dart_.counters.walks;
            }
            return root();
        case State::cache:
            state_ = State::cache_looked_up;
            lookup_step(step_, Structure::walk_cache, 3 - probe_);
            return true;
        case State::cache_looked_up:
            return cached();
        case State::fetch:
            return read_word();
        case State::fetched:
            return take_word(reply);
        case State::finished:
            return true;
    }
    return true;
}

bool Translation::begin() {
    step_ = {};
    epoch_ = dart_.epoch();
    stream_ = value(request_.sid);
    if (!counted_ && !request_.debug) ++dart_.counters.translations;
    counted_ = true;
    const DartParams& params = dart_.params();
    if (stream_ >= params.streams || !dart_.registers.stream_enabled(stream_)) return fail(FaultCode::blocked);
    const std::uint32_t tcr = dart_.registers.tcr(stream_);
    const bool first = params.generation == Generation::t8020;
    const Field& bypass_bit = first ? t8020::tcr::BYPASS_DART : t8110::tcr::BYPASS_DART;
    const Field& translate_bit = first ? t8020::tcr::TRANSLATE : t8110::tcr::TRANSLATE;
    if (bypass_bit.test(tcr) && params.bypass_support) return bypass();
    if (!translate_bit.test(tcr)) return fail(FaultCode::blocked);
    top_ = !first && t8110::tcr::FOUR_LEVEL.test(tcr) ? 2 : 1;
    state_ = State::tlb;
    return false;
}

/// The table base of the address, and then down.
bool Translation::root() {
    const DartParams& params = dart_.params();
    const bool first = params.generation == Generation::t8020;
    const unsigned covered = dart_table::shift(params.page_log2, top_ + 1U);
    const std::uint64_t index = request_.address >> covered;
    if (index >= (first ? t8020::kTtbrs : 1U)) return fail(FaultCode::no_ttbr);
    const std::uint32_t ttbr = dart_.registers.ttbr(stream_, static_cast<unsigned>(index));
    const Field& valid = first ? t8020::ttbr::VALID : t8110::ttbr::VALID;
    if (!valid.test(ttbr)) return fail(FaultCode::no_ttbr);
    table_ = first ? t8020::ttbr::ADDRESS.get(ttbr) << t8020::ttbr::kShift
                   : t8110::ttbr::ADDRESS.get(ttbr) << t8110::ttbr::kShift;
    above_ = top_;
    probe_ = 1;
    state_ = State::cache;
    return false;
}

/// The nearest table that a walk cache knows; else one level further up, in the end the root.
bool Translation::cached() {
    const unsigned shift = dart_table::shift(dart_.params().page_log2, probe_);
    if (const WalkCacheEntry* entry = dart_.walk[probe_ - 1U].lookup(stream_, request_.address, shift)) {
        table_ = entry->table;
        above_ = static_cast<std::uint8_t>(probe_ - 1);
        state_ = State::fetch;
        return false;
    }
    ++probe_;
    state_ = probe_ <= top_ ? State::cache : State::fetch;
    return false;
}

bool Translation::read_word() {
    const unsigned page = dart_.params().page_log2;
    const std::uint64_t index =
        (request_.address >> dart_table::shift(page, above_)) & low_mask(dart_table::index_bits(page));
    read_step(step_, request_, table_ + index * dart_table::kWordBytes, dart_table::kWordBytes, word_purpose(above_));
    if (!request_.debug) ++dart_.counters.walk_reads;
    state_ = State::fetched;
    return true;
}

/// What a word that is not there is called, by its level.
FaultCode Translation::missing_word() const {
    return above_ == 0 ? FaultCode::no_pte : above_ == 1 ? FaultCode::no_pmd : FaultCode::no_pgd;
}

bool Translation::take_word(const Reply& reply) {
    const std::uint64_t word = load_le(reply.data.data(), dart_table::kWordBytes);
    if (reply.abort || !pte::VALID.test(word)) return fail(missing_word());
    if (above_ == 0) return leaf(word);
    const DartParams& params = dart_.params();
    table_ = dart_table::address(word, params.words);
    if (!request_.debug && epoch_ == dart_.epoch()) {
        const unsigned shift = dart_table::shift(params.page_log2, above_);
        WalkCacheEntry entry;
        entry.space = stream_;
        entry.base = align_down(request_.address, std::uint64_t{1} << shift);
        entry.table = table_;
        entry.shift = static_cast<std::uint8_t>(shift);
        entry.granule = params.page_log2;
        entry.level = static_cast<std::uint8_t>(3 - above_);
        dart_.walk[above_ - 1U].fill(entry);
    }
    --above_;
    state_ = State::fetch;
    return false;
}

bool Translation::leaf(std::uint64_t word) {
    const DartParams& params = dart_.params();
    const bool dart1 = params.words == Words::dart1;
    const bool no_read = (dart1 ? pte::DART1_NO_READ : pte::DART2_NO_READ).test(word);
    const bool no_write = (dart1 ? pte::DART1_NO_WRITE : pte::DART2_NO_WRITE).test(word);
    CachedTranslation entry;
    entry.log2_bytes = entry.granule = params.page_log2;
    entry.va = align_down(request_.address, std::uint64_t{1} << params.page_log2);
    entry.pa = dart_table::address(word, params.words);
    entry.space = stream_;
    entry.stream = stream_tag(request_.sid, request_.ssid);
    constexpr std::uint8_t kReads = Permissions::kUserRead | Permissions::kPrivilegedRead | Permissions::kUserExecute |
                                    Permissions::kPrivilegedExecute;
    constexpr std::uint8_t kWrites = Permissions::kUserWrite | Permissions::kPrivilegedWrite;
    entry.permissions.bits = static_cast<std::uint8_t>((no_read ? 0 : kReads) | (no_write ? 0 : kWrites));
    if (!dart1 && pte::DART2_NO_CACHE.test(word)) entry.attributes = {0x44, 2};
    if (!entry.permissions.allows(request_)) return fail(request_.write ? FaultCode::write : FaultCode::read);

    // A part of a page is checked at each access, and so not kept. Which code it ends with is not known: that of the
    // right that is missing.
    const unsigned unit = params.page_log2 - 12;
    const std::uint64_t offset = request_.address & low_mask(params.page_log2);
    const std::uint64_t start = pte::SUBPAGE_START.get(word) << unit;
    const std::uint64_t end = (pte::SUBPAGE_END.get(word) << unit) + low_mask(unit);
    const bool checked = !dart1 || !pte::SP_DIS.test(word);
    const bool whole = start == 0 && end == low_mask(params.page_log2);
    if (checked && (offset < start || offset + request_.length - 1 > end)) {
        return fail(request_.write ? FaultCode::write : FaultCode::read);
    }
    const bool cacheable = !request_.debug && (!checked || whole);
    if (cacheable && epoch_ == dart_.epoch()) dart_.tlb.fill(entry);
    return complete(entry, cacheable);
}

bool Translation::bypass() {
    CachedTranslation entry;
    entry.va = entry.pa = align_down(request_.address, 4096);
    entry.space = stream_;
    entry.stream = stream_tag(request_.sid, request_.ssid);
    entry.bypass = true;
    entry.permissions = {Permissions::kAll};
    entry.attributes = request_.incoming;
    if (!request_.debug) ++dart_.counters.bypassed;
    return complete(entry, !request_.debug);
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

bool Translation::fail(FaultCode code) {
    fault_step(step_, Response::abort, static_cast<std::uint16_t>(code), epoch_);
    state_ = State::finished;
    if (request_.debug || request_.prefetch) return true;
    ++dart_.counters.faults;
    if (code == FaultCode::blocked) ++dart_.counters.blocked;
    dart_.record(code, stream_, request_.address);
    step_.result.recorded = code != FaultCode::blocked;
    return true;
}

}  // namespace xlate::iommu::dart
