#include "iommu/simple/sprd.hpp"

#include <algorithm>

#include "iommu/slot_steps.hpp"

namespace xlate::iommu::sprd {

namespace {

constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses that missed the ports' TLBs while it is on"},
    {"tlb_misses", "", "look-ups of the TLB without a hit"},
    {"walks", "", "table words looked up"},
    {"walk_reads", "", "the same: one word a walk"},
    {"defaulted", "", "accesses that went to the default page: nothing was mapped there"},
    {"updates", "", "UPDATE written: the TLB was dropped"},
};
constexpr AccessPurpose kWord{0};
constexpr PurposeSpec kPurposes[] = {{"word", AccessRole::walk, 1, 3}};

std::string fault_name(std::uint16_t code) {
    return static_cast<Fault>(code) == Fault::unsupported ? "UNSUPPORTED" : "NONE";
}
std::string describe(const Invalidation&) { return "UPDATE"; }

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

}  // namespace

const InstanceSpec kSpec{"sprd",          "Spreadtrum IOMMU", kPageBits,  Ports::one, {},      {}, rows(kStructures),
                         rows(kCounters), rows(kPurposes),    fault_name, nullptr,    describe};

Sprd::Sprd(const Parameters& parameters)
    : parameters_(parameters),
      at_(registers(parameters.version)),
      tlb_({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, "sprd.tlb") {}

void Sprd::reset() {
    cfg_ = first_vpn_ = vpn_range_ = first_ppn_ = default_read_ = default_write_ = auth_ = 0;
    translates_ = false;
    tlb_.clear();
    drop();
}

std::uint64_t Sprd::register_bytes(unsigned) const { return kRegisterBytes; }

std::uint64_t Sprd::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || size != 4) return 0;
    std::uint32_t word = 0;
    if (offset == reg::VERSION) {
        word = static_cast<std::uint32_t>(version::NUMBER.of(static_cast<std::uint64_t>(parameters_.version)));
    }
    if (offset == at_.CFG) return word | cfg_;
    if (offset == at_.FIRST_VPN) return first_vpn_;
    if (offset == at_.VPN_RANGE) return vpn_range_;
    if (offset == at_.FIRST_PPN) return first_ppn_;
    if (offset == at_.DEFAULT_PPN_RD) return default_read_;
    if (offset == at_.DEFAULT_PPN_WR) return default_write_;
    if (offset == at_.AUTH) return auth_;
    return word;
}

void Sprd::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || size != 4) return;
    const auto word = static_cast<std::uint32_t>(value);
    if (offset == at_.UPDATE) {
        ++counters_.updates;
        Invalidation all;
        all.target = Invalidation::Target::translations;
        tlb_.invalidate(all);
        return drop();
    }
    if (offset == at_.CFG) {
        cfg_ = word & cfg::kAll;
        translates_ = cfg::EN.test(cfg_);
        return drop();
    }
    if (offset == at_.FIRST_VPN) first_vpn_ = word;
    if (offset == at_.VPN_RANGE) vpn_range_ = word;
    if (offset == at_.FIRST_PPN) first_ppn_ = word;
    if (offset == at_.DEFAULT_PPN_RD) default_read_ = word;
    if (offset == at_.DEFAULT_PPN_WR) default_write_ = word;
    if (offset == at_.AUTH) auth_ = word;
}

/// What ports keep is asked for anew.
void Sprd::drop() {
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    tell(invalidation);
}

std::unique_ptr<TranslationSlot> Sprd::make_translation() { return std::make_unique<SprdSlot>(*this); }

std::vector<std::uint64_t> Sprd::counter_values() const {
    return {counters_.translations, counters_.tlb_misses, counters_.walk_reads,
            counters_.walk_reads,   counters_.defaulted,  counters_.updates};
}

CacheCounters Sprd::structure_counters(std::size_t) const { return tlb_.counters(); }

bool Sprd::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    out.present = word != 0;
    out.leaf = true;
    out.log2_bytes = kPageBits;
    out.target = page(static_cast<std::uint32_t>(word));
    out.target_bytes = std::uint64_t{1} << kPageBits;
    return purpose == kWord;
}

std::uint64_t Sprd::table_bytes(std::uint64_t) const { return (std::uint64_t{vpn_range_} + 1) * kWordBytes; }

void SprdSlot::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

std::optional<std::uint64_t> SprdSlot::walked_space() const {
    return state_ == State::word ? std::optional<std::uint64_t>(0) : std::nullopt;
}

const Step& SprdSlot::step(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::tlb: {
            const CachedTranslation* const entry =
                request_.debug ? mmu_.tlb_.peek(0, request_.address) : mmu_.tlb_.lookup(0, request_.address);
            if (entry != nullptr) return mapped(*entry);
            if (!request_.debug) ++mmu_.counters_.tlb_misses;
            return read((request_.address >> kPageBits) - mmu_.first_vpn_);
        }
        case State::word: {
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (reply.abort || word == 0) return default_page();
            CachedTranslation entry;
            entry.va = align_down(request_.address, std::uint64_t{1} << kPageBits);
            entry.pa = page(word);
            entry.log2_bytes = entry.granule = entry.leaf_log2_bytes = kPageBits;
            entry.permissions.bits = Permissions::kAll;
            if (!request_.debug && epoch_ == mmu_.epoch()) mmu_.tlb_.fill(entry);
            return mapped(entry);
        }
        case State::finished:
            return step_;
    }
    return step_;
}

const Step& SprdSlot::begin() {
    epoch_ = mmu_.epoch();
    if (request_.ats != AtsType::untranslated || request_.unsupported) {
        state_ = State::finished;
        fault_step(step_, Response::abort, static_cast<std::uint16_t>(Fault::unsupported), epoch_);
        return step_;
    }
    if (!cfg::EN.test(mmu_.cfg_)) {
        done(request_.address);
        step_.result.entry.bypass = true;
        return step_;
    }
    if (!counted_ && !request_.debug) ++mmu_.counters_.translations;
    counted_ = true;
    const std::uint64_t number = request_.address >> kPageBits;
    if (number < mmu_.first_vpn_ || number - mmu_.first_vpn_ > mmu_.vpn_range_) {
        return cfg::VAOR_BYPASS.test(mmu_.cfg_) ? done(request_.address) : default_page();
    }
    state_ = State::tlb;
    lookup_step(step_, Structure::tlb);
    return step_;
}

const Step& SprdSlot::read(std::uint64_t index) {
    state_ = State::word;
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    read_step(step_, request_, page(mmu_.first_ppn_) + index * kWordBytes, kWordBytes, kWord);
    return step_;
}

const Step& SprdSlot::mapped(const CachedTranslation& entry) {
    state_ = State::finished;
    mapped_step(step_, request_, entry, epoch_);
    return step_;
}

const Step& SprdSlot::default_page() {
    if (!request_.debug) ++mmu_.counters_.defaulted;
    const std::uint32_t number = request_.write ? mmu_.default_write_ : mmu_.default_read_;
    return done(page(number) | (request_.address & low_mask(kPageBits)));
}

const Step& SprdSlot::done(std::uint64_t pa) {
    state_ = State::finished;
    done_step(step_, request_, pa, epoch_);
    return step_;
}

}  // namespace xlate::iommu::sprd
