#include "iommu/omap/omap.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "iommu/omap/slot.hpp"

namespace xlate::iommu::omap {
namespace {

constexpr unsigned kMostEntries = 32;
constexpr std::size_t kWaiting = 256;  // room that is there from the start; more are taken in all the same
constexpr std::uint32_t kLockBits = 0x7DF0;
constexpr std::uint32_t kSysconfigBits = 0x0000031D;  // SOFTRESET reads 0

std::uint64_t cause_of(Fault fault) {
    switch (fault) {
        case Fault::tlb_miss:
            return interrupt::TLBMISS.of(1);
        case Fault::translation:
            return interrupt::TRANSLATION.of(1);
        case Fault::walk:
            return interrupt::WALK.of(1);
        case Fault::multi_hit:
            return interrupt::MULTIHIT.of(1);
        default:
            return 0;
    }
}

}  // namespace

Omap::Omap(const Parameters& parameters) : parameters_(parameters) {
    XLATE_CHECK(parameters.entries > 0 && parameters.entries <= kMostEntries,
                "a TLB of " + std::to_string(parameters.entries) + " entries");
    tlb_.resize(parameters.entries);
    waiting_.reserve(kWaiting);
    resumed_.reserve(kWaiting);
}

void Omap::reset() {
    status_ = enable_ = cntl_ = fault_address_ = ttb_ = lock_ = cam_ = ram_ = gp_ = sysconfig_ = 0;
    translates_ = false;
    tlb_.assign(tlb_.size(), {});
    update_line(false);
    pulse_ = false;
    changed();
    resume([](const Slot&) { return true; });
}

std::uint64_t Omap::register_bytes(unsigned) const { return kRegisterBytes; }

std::uint64_t Omap::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || size != 4) return 0;
    switch (offset) {
        case reg::REVISION:
            return parameters_.revision;
        case reg::SYSCONFIG:
            return sysconfig_;
        case reg::SYSSTATUS:
            return sysstatus::RESETDONE.of(1);
        case reg::IRQSTATUS:
            return status_;
        case reg::IRQENABLE:
            return enable_;
        case reg::WALKING_ST:
            return walking_ != 0 ? 1 : 0;
        case reg::CNTL:
            return cntl_;
        case reg::FAULT_AD:
            return fault_address_;
        case reg::TTB:
            return ttb_;
        case reg::LOCK:
            return lock_;
        case reg::CAM:
            return cam_;
        case reg::RAM:
            return ram_;
        case reg::READ_CAM:
            return victim() != nullptr ? victim()->cam : 0;
        case reg::READ_RAM:
            return victim() != nullptr ? victim()->ram : 0;
        case reg::GP_REG:
            return gp_;
        default:
            return 0;
    }
}

void Omap::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || size != 4) return;
    const auto word = static_cast<std::uint32_t>(value);
    const bool go = (word & 1) != 0;
    switch (offset) {
        case reg::SYSCONFIG:
            if (sysconfig::SOFTRESET.test(word)) return reset();
            sysconfig_ = word & kSysconfigBits;
            return;
        case reg::IRQSTATUS:
            status_ &= ~word;
            update_line(true);
            // A miss waits for its entry; everything else tries again, oldest first.
            if (status_ == 0) resume([](const Slot& slot) { return !slot.waits_for_entry(); });
            return;
        case reg::IRQENABLE:
            enable_ = word & interrupt::kAll;
            return update_line(true);
        case reg::CNTL:
            cntl_ = word & cntl::kAll;
            translates_ = cntl::MMU_EN.test(cntl_);
            changed();
            if (!translates_) resume([](const Slot&) { return true; });
            return;
        case reg::TTB:
            ttb_ = static_cast<std::uint32_t>(keep(word, 31, 14));
            return;
        case reg::LOCK:
            lock_ = word & kLockBits;
            return;
        case reg::LD_TLB:
            if (go) load();
            return;
        case reg::CAM:
            cam_ = word & ~std::uint32_t{0xFF0};
            return;
        case reg::RAM:
            ram_ = word & ~std::uint32_t{0xC3F};
            return;
        case reg::GFLUSH:
            if (go) flush_all();
            return;
        case reg::FLUSH_ENTRY:
            if (go) flush_entry();
            return;
        case reg::GP_REG:
            gp_ = word & 1;
            return;
        default:
            return;
    }
}

Omap::Match Omap::find(std::uint32_t address) const {
    Match match;
    for (const Entry& entry : tlb_) {
        if (!cam::matches(entry.cam, address)) continue;
        match.several = match.entry != nullptr;
        if (match.several) return match;
        match.entry = &entry;
    }
    return match;
}

const Omap::Entry* Omap::victim() const {
    const auto at = lock::VICT.get(lock_);
    return at < tlb_.size() ? &tlb_[at] : nullptr;
}

// By the walker. A victim among the locked entries, where software that reads them has left it, or beyond the last one
// is none (ours): the first entry that is not locked goes. With all of them locked nothing is kept.
void Omap::fill(const Entry& entry) {
    const auto base = lock::BASE.get(lock_);
    if (base >= tlb_.size()) return;
    auto at = lock::VICT.get(lock_);
    if (at < base || at >= tlb_.size()) at = base;
    tlb_[at] = entry;
    ++tlb_counters_.fills;
    const auto next = at + 1 == tlb_.size() ? base : at + 1;
    lock_ = static_cast<std::uint32_t>(lock::VICT.set(lock_, next));
}

// By software: at the victim, which stays. What ports and shadows know of these addresses is over.
void Omap::load() {
    const auto at = lock::VICT.get(lock_);
    if (at >= tlb_.size()) return;
    ++counters_.loads;
    ++tlb_counters_.fills;
    tlb_[at] = {cam_, ram_};
    ++epoch_;
    dropped(tlb_[at]);
    const std::uint32_t loaded = cam_;
    resume([loaded](const Slot& slot) { return slot.waits_for_entry() && cam::matches(loaded, slot.address()); });
}

void Omap::flush_all() {
    ++counters_.flushes;
    ++epoch_;
    for (Entry& entry : tlb_) {
        if (!cam::V.test(entry.cam) || cam::P.test(entry.cam)) continue;
        entry = {};
        ++tlb_counters_.invalidated;
    }
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    tell(invalidation);
}

// Of the page that CAM names, preserved or not.
void Omap::flush_entry() {
    ++counters_.flushes;
    ++epoch_;
    for (Entry& entry : tlb_) {
        if (!cam::matches(entry.cam, cam::tag(cam_))) continue;
        const Entry was = entry;
        entry = {};
        ++tlb_counters_.invalidated;
        dropped(was);
    }
    Entry named;
    named.cam = cam_;
    dropped(named);
}

void Omap::dropped(const Entry& entry) {
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    invalidation.by_address = true;
    const unsigned bits = cam::log2_bytes(entry.cam);
    invalidation.first = align_down(cam::tag(entry.cam), std::uint64_t{1} << bits);
    invalidation.last = invalidation.first | low_mask(bits);
    tell(invalidation);
}

void Omap::changed() {
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    tell(invalidation);
}

std::unique_ptr<TranslationSlot> Omap::make_translation() { return std::make_unique<Slot>(*this); }

bool Omap::raise(Fault fault, std::uint32_t address) {
    if (status_ != 0) return false;
    ++counters_.faults;
    fault_address_ = address;
    status_ |= static_cast<std::uint32_t>(cause_of(fault));
    update_line(false);
    return true;
}

void Omap::update_line(bool causes_changed) {
    const bool level = (status_ & enable_) != 0;
    if (level && (!line_ || causes_changed)) pulse_ = true;
    line_ = level;
}

std::optional<unsigned> Omap::take_wire() {
    if (!pulse_) return std::nullopt;
    pulse_ = false;
    return 0;
}

template <typename Wanted>
void Omap::resume(Wanted wanted) {
    std::size_t kept = 0;
    for (Slot* const slot : waiting_) {
        if (!wanted(*slot)) {
            waiting_[kept++] = slot;
            continue;
        }
        resumed_.push_back(slot->id());
        slot->go_on();
    }
    waiting_.resize(kept);
}

std::optional<std::uint64_t> Omap::take_resumed() {
    if (resumed_taken_ == resumed_.size()) {
        resumed_.clear();
        resumed_taken_ = 0;
        return std::nullopt;
    }
    return resumed_[resumed_taken_++];
}

std::vector<std::uint64_t> Omap::counter_values() const {
    return {counters_.translations, counters_.tlb_misses, counters_.walks, counters_.walk_reads,
            counters_.faults,       counters_.flushes,    counters_.loads};
}

CacheCounters Omap::structure_counters(std::size_t) const { return tlb_counters_; }

}  // namespace xlate::iommu::omap
