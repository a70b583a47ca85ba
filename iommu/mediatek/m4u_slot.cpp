#include "iommu/mediatek/m4u_slot.hpp"

#include "iommu/slot_steps.hpp"

namespace xlate::iommu::mediatek {

void Slot::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

std::optional<std::uint64_t> Slot::walked_space() const {
    const bool walks = state_ >= State::directory_cache && state_ <= State::level2;
    return walks ? std::optional<std::uint64_t>(port_.bank) : std::nullopt;
}

const Step& Slot::step(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::tlb: {
            const CachedTranslation* entry =
                request_.debug ? mmu_.tlb_.peek(port_.bank, port_.iova) : mmu_.tlb_.lookup(port_.bank, port_.iova);
            if (entry != nullptr) return translated(*entry);
            if (!request_.debug) {
                ++mmu_.counters_.tlb_misses;
                ++mmu_.counters_.walks;
            }
            return lookup(Structure::walk_cache, State::directory_cache);
        }
        case State::directory_cache: {
            const WalkCacheEntry* entry = mmu_.directory_.lookup(port_.bank, port_.iova, kSectionBits);
            if (entry != nullptr) return read_level2(entry->table);
            const std::uint64_t root = table_base(mmu_.get(port_.bank, reg::PT_BASE));
            const std::uint32_t index = l1_index(port_.iova, mmu_.parameters_.soc.input_bits);
            return read(root + std::uint64_t{index} * kWordBytes, Purpose::level1, State::level1);
        }
        case State::level1:
            if (reply.abort) return fault(Fault::walk_aborted);
            return level1(static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes)));
        case State::level2: {
            if (reply.abort) return fault(Fault::walk_aborted);
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            const std::uint64_t type = l2::TYPE.get(word);
            if (type == 0) return fault(Fault::l2_invalid);
            const unsigned bits = type == l2::TYPE_LARGE ? kLargeBits : kPageBits;
            return leaf(keep(word, 31, bits) | high_bits(word), bits);
        }
        case State::finished:
            return step_;
    }
    return step_;
}

const Step& Slot::begin() {
    epoch_ = mmu_.epoch();
    if (request_.ats != AtsType::untranslated || request_.unsupported) return fault(Fault::unsupported);
    port_ = mmu_.port_of(request_.sid, request_.address);
    if (!port_.enabled) return pass();
    if (!counted_ && !request_.debug) ++mmu_.counters_.translations;
    counted_ = true;
    if (port_.iova >> mmu_.parameters_.soc.input_bits != 0) return fault(Fault::out_of_range);
    return lookup(Structure::tlb, State::tlb);
}

const Step& Slot::lookup(Structure structure, State next) {
    state_ = next;
    lookup_step(step_, structure, structure == Structure::walk_cache ? 2 : 0);
    return step_;
}

const Step& Slot::read(std::uint64_t address, AccessPurpose purpose, State next) {
    state_ = next;
    read_step(step_, request_, address, kWordBytes, purpose);
    step_.access.input = port_.iova;
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    return step_;
}

const Step& Slot::read_level2(std::uint64_t table) {
    return read(table + std::uint64_t{l2_index(port_.iova)} * kWordBytes, Purpose::level2, State::level2);
}

const Step& Slot::level1(std::uint32_t word) {
    const std::uint64_t type = l1::TYPE.get(word);
    if (type == 0) return fault(Fault::l1_invalid);
    if (type != l1::TYPE_TABLE) {
        const unsigned bits = l1::SUPER.test(word) ? kSupersectionBits : kSectionBits;
        return leaf(keep(word, 31, bits) | high_bits(word), bits);
    }
    const std::uint64_t table = keep(word, 31, 10) | (mmu_.parameters_.soc.table_high_bits ? high_bits(word) : 0);
    if (epoch_ == mmu_.epoch() && !request_.debug) {
        WalkCacheEntry entry;
        entry.space = port_.bank;
        entry.base = port_.iova & ~low_mask(kSectionBits);
        entry.table = table;
        entry.shift = kSectionBits;
        entry.granule = kPageBits;
        entry.level = 2;
        mmu_.directory_.fill(entry);
    }
    return read_level2(table);
}

const Step& Slot::leaf(std::uint64_t pa, unsigned log2_bytes) {
    CachedTranslation entry;
    entry.va = port_.iova & ~low_mask(log2_bytes);
    entry.pa = pa;
    entry.space = port_.bank;
    entry.log2_bytes = entry.leaf_log2_bytes = static_cast<std::uint8_t>(log2_bytes);
    entry.granule = kPageBits;
    entry.level = log2_bytes >= kSectionBits ? 2 : 3;
    entry.permissions.bits = Permissions::kAll;
    const std::uint32_t range = mmu_.get(0, reg::VLD_PA_RNG);
    const std::uint64_t to = pa + (port_.iova & low_mask(log2_bytes));
    if (range != 0 && (to >> 30 < vld_pa_rng::START.get(range) || to >> 30 > vld_pa_rng::END.get(range))) {
        return fault(Fault::invalid_pa, to);
    }
    if (!request_.debug && epoch_ == mmu_.epoch()) mmu_.tlb_.fill(entry);
    return translated(entry);
}

// A port keeps what the master itself sends: where the larb has put other bits above, it keeps nothing.
const Step& Slot::translated(const CachedTranslation& entry) {
    state_ = State::finished;
    step_.kind = StepKind::done;
    step_.result = {};
    step_.result.entry = entry;
    step_.result.entry.stream = stream_tag(request_.sid, request_.ssid);
    step_.result.entry.attributes = request_.incoming;
    step_.result.attributes = request_.incoming;
    step_.result.pa = PhysAddr{entry.pa + (port_.iova & low_mask(entry.log2_bytes))};
    step_.result.cacheable = !request_.debug && port_.iova == request_.address;
    step_.result.epoch = epoch_;
    return step_;
}

const Step& Slot::pass() {
    state_ = State::finished;
    done_step(step_, request_, request_.address, epoch_);
    step_.result.entry.bypass = true;
    return step_;
}

const Step& Slot::fault(Fault fault, std::uint64_t pa) {
    state_ = State::finished;
    fault_step(step_, fault == Fault::unsupported ? Response::abort : Response::read_zero_write_ignored,
               static_cast<std::uint16_t>(fault), epoch_);
    if (request_.debug || request_.prefetch) return step_;
    ++mmu_.counters_.faults;
    step_.result.recorded = fault != Fault::unsupported;
    if (step_.result.recorded) mmu_.raise(fault, port_.bank, request_.sid, port_.iova, pa, request_.write);
    return step_;
}

}  // namespace xlate::iommu::mediatek
