#include "iommu/ipmmu/ipmmu.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "iommu/ipmmu/slot.hpp"

namespace xlate::iommu::ipmmu {

namespace {

constexpr std::uint64_t kAddressBits = (std::uint64_t{1} << vmsa7_long::kOutputBits) - 1;

std::uint64_t with_low(std::uint64_t old, std::uint32_t word) { return (old & ~low_mask(32)) | word; }
std::uint64_t with_high(std::uint64_t old, std::uint32_t word) {
    return (old & low_mask(32)) | std::uint64_t{word} << 32;
}

}  // namespace

Ipmmu::Ipmmu(const Parameters& parameters)
    : parameters_(parameters),
      shape_(shape(parameters.generation)),
      contexts_(shape_.contexts),
      utlbs_(shape_.utlbs),
      root_(this),
      tlb_({parameters.tlb, TlbTagging::address_space, kAsidOfSpace.mask()}, parameters.seed, parameters.name + ".tlb"),
      level1_(parameters.level1, parameters.seed, parameters.name + ".level1"),
      level2_(parameters.level2, parameters.seed, parameters.name + ".level2") {}

void Ipmmu::connect(Ipmmu& root) {
    XLATE_CHECK(shape_.leaves && is_root() && root.is_root() && &root != this, "an IPMMU that is no cache of that one");
    root_ = &root;
    root.caches_.push_back(this);
}

void Ipmmu::reset() {
    std::fill(contexts_.begin(), contexts_.end(), Context{});
    std::fill(utlbs_.begin(), utlbs_.end(), Utlb{});
    flushing_ = draining_ = 0;
    line_ = pulse_ = false;
    tlb_.clear();
    level1_.clear();
    level2_.clear();
    translates_ = false;
    Invalidation all;
    all.target = Invalidation::Target::translations;
    drop(all);
}

std::uint64_t Ipmmu::register_bytes(unsigned) const { return parameters_.register_bytes; }

Ipmmu::Place Ipmmu::place(std::uint64_t offset) const {
    for (unsigned i = 0; i < contexts_.size(); ++i) {
        const std::uint64_t start = context_register(shape_, i, 0);
        if (offset >= start && offset < start + kContextBytes)
            return {Place::Kind::context, i, static_cast<std::uint32_t>(offset - start)};
    }
    for (unsigned i = 0; i < utlbs_.size(); ++i) {
        const std::uint64_t start = utlb_register(shape_, i, 0);
        if (offset >= start && offset < start + kUtlbBytes)
            return {Place::Kind::utlb, i, static_cast<std::uint32_t>(offset - start)};
    }
    return {};
}

std::uint64_t Ipmmu::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || size != 4 || offset % 4 != 0 || offset + 4 > parameters_.register_bytes) return 0;
    const Place at = place(offset);
    if (at.kind == Place::Kind::utlb) {
        const Utlb& utlb = utlbs_[at.index];
        return at.offset == reg::IMUCTR ? utlb.imuctr : at.offset == reg::IMUASID ? utlb.imuasid : 0;
    }
    if (at.kind == Place::Kind::none) return 0;
    const Context& context = contexts_[at.index];
    switch (at.offset) {
        case reg::IMCTR: {
            // A root's flush is not complete while a cache of it flushes the same context.
            const bool busy = (flushing_ >> at.index & 1) != 0 ||
                              std::any_of(caches_.begin(), caches_.end(),
                                          [&](const Ipmmu* cache) { return (cache->flushing_ >> at.index & 1) != 0; });
            return context.imctr | imctr::FLUSH.of(busy);
        }
        case reg::IMTTBCR:
            return context.imttbcr;
        case reg::IMBUSCR:
            return context.imbuscr;
        case reg::IMTTLBR0:
            return context.ttbr0 & low_mask(32);
        case reg::IMTTUBR0:
            return context.ttbr0 >> 32;
        case reg::IMTTLBR1:
            return context.ttbr1 & low_mask(32);
        case reg::IMTTUBR1:
            return context.ttbr1 >> 32;
        case reg::IMSTR:
            return context.imstr;
        case reg::IMMAIR0:
            return context.mair & low_mask(32);
        case reg::IMMAIR1:
            return context.mair >> 32;
        case reg::IMELAR:
            return context.fault_address & low_mask(32);
        case reg::IMEUAR:
            return context.fault_address >> 32;
        default:
            return 0;
    }
}

void Ipmmu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || size != 4 || offset % 4 != 0 || offset + 4 > parameters_.register_bytes) return;
    const Place at = place(offset);
    const auto word = static_cast<std::uint32_t>(value);
    if (at.kind == Place::Kind::context) write_context(at.index, at.offset, word);
    if (at.kind == Place::Kind::utlb) write_utlb(at.index, at.offset, word);
}

void Ipmmu::write_context(unsigned index, std::uint32_t offset, std::uint32_t word) {
    Context& context = contexts_[index];
    switch (offset) {
        case reg::IMCTR:
            return write_imctr(index, word);
        case reg::IMTTBCR:
            context.imttbcr = word;
            return;
        case reg::IMBUSCR:
            context.imbuscr = word;
            return;
        case reg::IMTTLBR0:
            context.ttbr0 = with_low(context.ttbr0, word);
            return;
        case reg::IMTTUBR0:
            context.ttbr0 = with_high(context.ttbr0, word) & kAddressBits;
            return;
        case reg::IMTTLBR1:
            context.ttbr1 = with_low(context.ttbr1, word);
            return;
        case reg::IMTTUBR1:
            context.ttbr1 = with_high(context.ttbr1, word) & kAddressBits;
            return;
        case reg::IMSTR:
            // Cleared by zeroes; with the flags the address goes.
            context.imstr &= word;
            if (context.imstr == 0) context.fault_address = 0;
            return update_line(true);
        case reg::IMMAIR0:
            context.mair = with_low(context.mair, word);
            return;
        case reg::IMMAIR1:
            context.mair = with_high(context.mair, word);
            return;
        default:
            return;
    }
}

void Ipmmu::write_imctr(unsigned index, std::uint32_t word) {
    Context& context = contexts_[index];
    const bool was_on = imctr::MMUEN.test(context.imctr);
    context.imctr = word & static_cast<std::uint32_t>(imctr::MMUEN.mask() | imctr::INTEN.mask());
    // What ports keep is asked for anew when a context goes on or off; TLBs keep what they have.
    if (was_on != imctr::MMUEN.test(word)) drop_context(index);
    if (imctr::FLUSH.test(word)) flush_context(index);
    update_line(true);
}

void Ipmmu::write_utlb(unsigned index, std::uint32_t offset, std::uint32_t word) {
    Utlb& utlb = utlbs_[index];
    if (offset == reg::IMUASID) {
        utlb.imuasid = word & static_cast<std::uint32_t>(imuasid::ASID0.mask());
        return changed(index);
    }
    if (offset != reg::IMUCTR) return;
    utlb.imuctr = word & static_cast<std::uint32_t>(imuctr::MMUEN.mask() | imuctr::TTSEL.mask());
    if (imuctr::FLUSH.test(word)) ++counters_.utlb_flushes;
    translates_ =
        std::any_of(utlbs_.begin(), utlbs_.end(), [](const Utlb& one) { return imuctr::MMUEN.test(one.imuctr); });
    changed(index);
}

/// What ports keep goes, of this instance and of its caches; TLB and walk caches are not asked.
void Ipmmu::drop(const Invalidation& invalidation) {
    ++epoch_;
    tell(invalidation);
    for (Ipmmu* cache : caches_) cache->drop(invalidation);
}

void Ipmmu::drop_context(unsigned index) {
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    invalidation.space = index;
    invalidation.space_mask = invalidation.global_mask = kContextOfSpace.mask();
    drop(invalidation);
}

/// What one micro-TLB keeps, of this instance.
void Ipmmu::changed(unsigned utlb) {
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::configuration;
    invalidation.stream = utlb;
    invalidation.stream_mask = ~std::uint64_t{0};
    ++epoch_;
    tell(invalidation);
}

void Ipmmu::flush_context(unsigned index) {
    ++counters_.flushes;
    flushing_ |= std::uint32_t{1} << index;
    draining_ &= ~(std::uint32_t{1} << index);
    if (!is_root()) {
        // A cache has micro-TLBs alone: the TLB behind them is the root's to flush.
        for (unsigned i = 0; i < utlbs_.size(); ++i) {
            if (imuctr::TTSEL.get(utlbs_[i].imuctr) == index) changed(i);
        }
        return;
    }
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    invalidation.space = index;
    invalidation.space_mask = invalidation.global_mask = kContextOfSpace.mask();
    tlb_.invalidate(invalidation);
    level1_.invalidate(invalidation);
    level2_.invalidate(invalidation);
    drop(invalidation);
}

/// The effect came with the write: what is left is to wait for older translations.
const Step& Ipmmu::step_machine(unsigned, const Reply&) {
    machine_step_ = {};
    if (flushing_ != draining_) {
        draining_ = flushing_;
        machine_step_.kind = StepKind::sync;
        return machine_step_;
    }
    flushing_ = draining_ = 0;
    return machine_step_;
}

std::unique_ptr<TranslationSlot> Ipmmu::make_translation() { return std::make_unique<Slot>(*this); }

void Ipmmu::raise(unsigned index, const Field& cause, std::uint64_t address) {
    Context& context = contexts_[index];
    if (context.imstr == 0) {
        context.fault_address = address;
    } else {
        ++counters_.faults_lost;
    }
    context.imstr |= static_cast<std::uint32_t>(cause.of(1));
    update_line(false);
}

void Ipmmu::update_line(bool causes_changed) {
    const bool level = std::any_of(contexts_.begin(), contexts_.end(), [](const Context& context) {
        return context.imstr != 0 && imctr::INTEN.test(context.imctr);
    });
    if (level && (!line_ || causes_changed)) pulse_ = true;
    line_ = level;
}

std::optional<unsigned> Ipmmu::take_wire() {
    if (!pulse_) return std::nullopt;
    pulse_ = false;
    return 0;
}

std::vector<std::uint64_t> Ipmmu::counter_values() const {
    const Counters& c = counters_;
    return {c.translations, c.passed,  c.tlb_misses,   c.walks,      c.walk_reads,
            c.faults,       c.flushes, c.utlb_flushes, c.faults_lost};
}

CacheCounters Ipmmu::structure_counters(std::size_t row) const {
    return row == 0 ? tlb_.counters() : row == 1 ? level2_.counters() : level1_.counters();
}

unsigned Ipmmu::word_bytes() const { return vmsa7_long::kDescriptorBytes; }

bool Ipmmu::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    namespace pte = vmsa7_long::pte;
    const unsigned level = static_cast<unsigned>(purpose) + 1;
    if (level > 3) return false;
    out = {};
    out.log2_bytes = static_cast<std::uint8_t>(vmsa7_long::level_shift(level));
    const std::uint64_t type = pte::TYPE.get(word);
    if (!pte::VALID.test(word) || (level == 3 && type != pte::TYPE_PAGE)) return true;
    out.present = true;
    out.leaf = level == 3 || type != pte::TYPE_TABLE;
    const unsigned low = out.leaf ? out.log2_bytes : vmsa7_long::kPageBits;
    out.target = vmsa7_long::descriptor_address(word, low);
    out.target_bytes = std::uint64_t{1} << low;
    out.global = out.leaf && !pte::nG.test(word);
    if (!out.leaf) out.next = word_purpose(level + 1);
    return true;
}

std::optional<std::uint64_t> Ipmmu::space_of_stream(StreamId stream) const {
    constexpr std::uint64_t kNone = ~std::uint64_t{0};
    const unsigned utlb = value(stream);
    if (utlb >= utlbs_.size() || !imuctr::MMUEN.test(utlbs_[utlb].imuctr)) return kNone;
    return imuctr::TTSEL.get(utlbs_[utlb].imuctr);
}

}  // namespace xlate::iommu::ipmmu
