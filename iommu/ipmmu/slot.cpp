#include "iommu/ipmmu/slot.hpp"

#include "iommu/slot_steps.hpp"

namespace xlate::iommu::ipmmu {

namespace long_table = vmsa7_long;
namespace pte = vmsa7_long::pte;

void Slot::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

std::optional<std::uint64_t> Slot::walked_space() const {
    const bool walks = state_ >= State::cache && state_ <= State::fetched;
    return walks ? std::optional<std::uint64_t>(context_) : std::nullopt;
}

const Step& Slot::step(const Reply& reply) {
    while (!advance(reply)) {
    }
    return step_;
}

/// True: step_ is to be served.
bool Slot::advance(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::tlb:
            return tlb_looked_up();
        case State::cache:
            state_ = State::cache_looked_up;
            lookup_step(step_, Structure::walk_cache, level_);
            return true;
        case State::cache_looked_up:
            return cache_looked_up();
        case State::fetch:
            return fetch();
        case State::fetched:
            return take_word(reply);
        case State::finished:
            return true;
    }
    return true;
}

bool Slot::begin() {
    step_ = {};
    epoch_ = mmu_.epoch();
    const unsigned utlb = value(request_.sid);
    if (request_.ats != AtsType::untranslated || request_.unsupported) return fail(Fault::unsupported);
    if (utlb >= mmu_.utlbs_.size()) return pass();
    const Ipmmu::Utlb& own = mmu_.utlbs_[utlb];
    if (!imuctr::MMUEN.test(own.imuctr)) return pass();
    context_ = static_cast<unsigned>(imuctr::TTSEL.get(own.imuctr));
    if (context_ >= mmu_.contexts_.size()) return fail(Fault::no_context);
    if (!imctr::MMUEN.test(mmu_.contexts_[context_].imctr)) return pass();
    if (mmu_.shape_.leaves && mmu_.is_root()) return fail(Fault::no_root);
    if (context_ >= mmu_.root_->contexts_.size()) return fail(Fault::no_context);
    if (!imctr::MMUEN.test(context().imctr)) return pass();
    if (!counted_ && !request_.debug) ++mmu_.counters_.translations;
    counted_ = true;
    if (!imttbcr::EAE.test(context().imttbcr)) return fail(Fault::short_descriptors);
    space_ = context_ | kAsidOfSpace.of(imuasid::ASID0.get(own.imuasid));
    state_ = State::tlb;
    lookup_step(step_, Structure::tlb);
    return true;
}

bool Slot::tlb_looked_up() {
    Tlb& tlb = mmu_.root_->tlb_;
    const CachedTranslation* hit =
        request_.debug ? tlb.peek(space_, request_.address) : tlb.lookup(space_, request_.address);
    if (hit != nullptr) {
        if (!hit->permissions.allows(request_)) return fail(Fault::permission);
        return complete(*hit);
    }
    if (!request_.debug) {
        ++mmu_.counters_.tlb_misses;
        ++mmu_.counters_.walks;
    }
    return first_table();
}

/// The root of the tables, unless a walk cache knows a table further down.
bool Slot::first_table() {
    const std::uint32_t ttbcr = context().imttbcr;
    input_bits_ = static_cast<std::uint8_t>(long_table::kInputBits - imttbcr::TSZ0.get(ttbcr));
    const auto level = imttbcr::start_level(mmu_.root_->shape_, ttbcr);
    if (request_.address >> input_bits_ != 0 || !level) return fail(Fault::translation);
    start_level_ = static_cast<std::uint8_t>(*level);
    const unsigned low = long_table::level_shift(start_level_);
    if (input_bits_ <= low) return fail(Fault::translation);
    const std::uint64_t bytes = long_table::kDescriptorBytes << (input_bits_ - low);
    table_ = align_down(keep(context().ttbr0, long_table::kOutputBits - 1, 0), bytes);
    limits_ = {};
    level_ = 3;
    state_ = State::cache_looked_up;
    return cache_looked_up();
}

/// Level 3 stands for "none asked yet". The nearest table first.
bool Slot::cache_looked_up() {
    if (level_ < 3) {
        const WalkCacheEntry* hit =
            walk_cache(level_).lookup(context_, request_.address, long_table::level_shift(level_));
        if (hit != nullptr) {
            table_ = hit->table;
            limits_ = hit->limits;
            ++level_;
            state_ = State::fetch;
            return false;
        }
    }
    while (level_ > start_level_ && !request_.debug) {
        --level_;
        if (!walk_cache(level_).enabled()) continue;
        state_ = State::cache;
        return false;
    }
    level_ = start_level_;
    state_ = State::fetch;
    return false;
}

bool Slot::fetch() {
    const unsigned low = long_table::level_shift(level_);
    const unsigned width = level_ == start_level_ ? input_bits_ - low : long_table::kStride;
    const std::uint64_t index = request_.address >> low & low_mask(width);
    state_ = State::fetched;
    read_step(step_, request_, table_ + index * long_table::kDescriptorBytes, long_table::kDescriptorBytes,
              word_purpose(level_));
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    return true;
}

bool Slot::take_word(const Reply& reply) {
    if (reply.abort) return fail(Fault::walk_abort);
    const std::uint64_t word = load_le(reply.data.data(), long_table::kDescriptorBytes);
    if (!pte::VALID.test(word)) return fail(Fault::translation);
    const bool table_type = pte::TYPE.get(word) == pte::TYPE_TABLE;
    if (level_ == 3 && !table_type) return fail(Fault::translation);  // reserved there
    return level_ != 3 && table_type ? next_table(word) : leaf(word);
}

bool Slot::next_table(std::uint64_t word) {
    if (!pte::NSTable.test(word)) return fail(Fault::permission);
    limits_.no_write |= pte::APTable1.test(word);
    limits_.no_user |= pte::APTable0.test(word);
    limits_.user_xn |= pte::UXNTable.test(word);
    limits_.privileged_xn |= pte::PXNTable.test(word);
    const std::uint64_t next = long_table::descriptor_address(word, long_table::kPageBits);
    if (!request_.debug && epoch_ == mmu_.epoch()) {
        const unsigned low = long_table::level_shift(level_);
        WalkCacheEntry entry;
        entry.space = context_;
        entry.base = align_down(request_.address, std::uint64_t{1} << low);
        entry.table = next;
        entry.shift = static_cast<std::uint8_t>(low);
        entry.granule = long_table::kPageBits;
        entry.level = level_;
        entry.limits = limits_;
        walk_cache(level_).fill(entry);
    }
    table_ = next;
    ++level_;
    state_ = State::fetch;
    return false;
}

bool Slot::leaf(std::uint64_t word) {
    if (!pte::NS.test(word) || !pte::AF.test(word)) return fail(Fault::permission);
    const unsigned low = long_table::level_shift(level_);
    const bool writable = !pte::AP2.test(word) && !limits_.no_write;
    const bool user = pte::AP1.test(word) && !limits_.no_user;
    const bool xn = pte::UXN.test(word) || limits_.user_xn;  // of every privilege
    const bool pxn = xn || pte::PXN.test(word) || limits_.privileged_xn;
    std::uint8_t bits = Permissions::kPrivilegedRead;
    if (writable) bits |= Permissions::kPrivilegedWrite;
    if (!pxn) bits |= Permissions::kPrivilegedExecute;
    if (user) bits |= Permissions::kUserRead;
    if (user && writable) bits |= Permissions::kUserWrite;
    if (user && !xn) bits |= Permissions::kUserExecute;

    CachedTranslation entry;
    entry.va = align_down(request_.address, std::uint64_t{1} << low);
    entry.pa = long_table::descriptor_address(word, low);
    entry.space = space_;
    entry.stream = stream_tag(request_.sid, request_.ssid);
    entry.log2_bytes = entry.leaf_log2_bytes = static_cast<std::uint8_t>(low);
    entry.granule = long_table::kPageBits;
    entry.level = level_;
    entry.global = !pte::nG.test(word);
    entry.permissions.bits = bits;
    entry.attributes.mair = static_cast<std::uint8_t>(context().mair >> (8 * pte::AttrIndx.get(word)));
    entry.attributes.shareability =
        static_cast<std::uint8_t>(entry.attributes.mair < 0x10 ? pte::SH_OSH : pte::SH.get(word));
    if (!entry.permissions.allows(request_)) return fail(Fault::permission);
    if (!request_.debug && epoch_ == mmu_.epoch()) mmu_.root_->tlb_.fill(entry);
    return complete(entry);
}

bool Slot::complete(const CachedTranslation& entry) {
    state_ = State::finished;
    step_.kind = StepKind::done;
    step_.result = {};
    step_.result.entry = entry;
    step_.result.entry.space = space_;
    step_.result.entry.stream = stream_tag(request_.sid, request_.ssid);
    step_.result.attributes = entry.attributes;
    step_.result.pa = PhysAddr{entry.pa + (request_.address & low_mask(entry.log2_bytes))};
    step_.result.cacheable = !request_.debug;
    step_.result.epoch = epoch_;
    return true;
}

bool Slot::pass() {
    if (!counted_ && !request_.debug) ++mmu_.counters_.passed;
    counted_ = true;
    state_ = State::finished;
    done_step(step_, request_, request_.address, epoch_);
    step_.result.entry.bypass = true;
    return true;
}

bool Slot::fail(Fault fault) {
    state_ = State::finished;
    fault_step(step_, Response::read_zero_write_ignored, static_cast<std::uint16_t>(fault), epoch_);
    if (request_.debug || request_.prefetch) return true;
    ++mmu_.counters_.faults;
    const Field* cause = fault == Fault::translation  ? &imstr::TF
                         : fault == Fault::permission ? &imstr::PF
                         : fault == Fault::walk_abort ? &imstr::ABORT
                                                      : nullptr;
    if (cause == nullptr) return true;
    step_.result.recorded = true;
    mmu_.root_->raise(context_, *cause, request_.address);
    return true;
}

}  // namespace xlate::iommu::ipmmu
