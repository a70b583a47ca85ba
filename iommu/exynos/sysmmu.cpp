#include "iommu/exynos/sysmmu.hpp"

#include <algorithm>

#include "iommu/exynos/slot.hpp"

namespace xlate::iommu::exynos {

namespace {

constexpr std::size_t kWaiting = 256;  // room that is there from the start; more are taken in all the same

}  // namespace

SysMmu::SysMmu(const Parameters& parameters)
    : parameters_(parameters),
      map_(registers_of(parameters.version, parameters.vm)),
      words_(words_of(parameters.version)),
      tlb_({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, parameters.name + ".tlb"),
      flpd_(parameters.flpd, parameters.seed, parameters.name + ".flpd_cache") {
    waiting_.reserve(kWaiting);
}

void SysMmu::reset() {
    ctrl_ = cfg_ = ctrl_vm_ = pt_base_ = flush_start_ = flush_end_ = int_status_ = 0;
    page_fault_addr_ = ar_addr_ = aw_addr_ = slave_addr_ = fault_info_ = 0;
    blocked_ = fault_blocks_ = block_asked_ = draining_ = drain_again_ = line_ = pulse_ = false;
    tlb_.clear();
    flpd_.clear();
    ++epoch_;
    translates_ = false;
    release();
}

std::uint64_t SysMmu::register_bytes(unsigned) const { return parameters_.vm ? reg::kVmBytes : reg::kSmallBytes; }

std::uint64_t SysMmu::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || size != 4) return 0;
    const unsigned major = parameters_.version.major();
    switch (offset) {
        case reg::CTRL:
            return ctrl_;
        case reg::CFG:
            return cfg_;
        case reg::STATUS:
            return status::BLOCKED.of(blocked_ || fault_blocks_ ? 1 : 0);
        case reg::VERSION:
            return version_reg::RAW.of(parameters_.version.raw);
        case reg::CAPA0:
            return major >= 7 ? capa::CAPA1_EXISTS.of(parameters_.vm ? 1 : 0) : 0;
        case reg::CAPA1:
            return capa::VM_REGISTERS.of(parameters_.vm ? 1 : 0);
        case reg::CTRL_VM:
            return parameters_.vm ? ctrl_vm_ : 0;
        default:
            break;
    }
    if (offset == map_.pt_base) return pt_base_;
    if (offset == map_.int_status) return int_status_;
    if (major < 5) {
        if (offset == reg::PAGE_FAULT_ADDR) return page_fault_addr_;
        if (offset == reg::AW_FAULT_ADDR) return aw_addr_;
        if (offset == reg::AR_FAULT_ADDR) return ar_addr_;
        if (offset == reg::DEFAULT_SLAVE_ADDR) return slave_addr_;
        return 0;
    }
    if (offset == map_.flush_start) return flush_start_;
    if (offset == map_.flush_end) return flush_end_;
    if (major < 7) {
        if (offset == reg::FAULT_AR_VA) return ar_addr_;
        return offset == reg::FAULT_AW_VA ? aw_addr_ : 0;
    }
    if (offset == map_.fault_va) return ar_addr_;
    return offset == map_.fault_info ? fault_info_ : 0;
}

void SysMmu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || size != 4) return;
    const auto word = static_cast<std::uint32_t>(value);
    const auto at = static_cast<std::uint32_t>(offset);
    if (at == reg::CTRL) return write_ctrl(word);
    if (at == reg::CFG) {
        cfg_ = word;
        return;
    }
    if (at == reg::CTRL_VM && parameters_.vm) {
        ctrl_vm_ = word;
        translates_ = enabled() || holds();
        return;
    }
    if (at == map_.pt_base) {
        // What is cached of the old tables stays until it is flushed.
        pt_base_ = word;
        return;
    }
    if (at == map_.flush_all) {
        if ((word & 1) != 0) flush_all();
        return;
    }
    if (at == map_.flush_entry) {
        ++counters_.entry_flushes;
        const std::uint32_t page = static_cast<std::uint32_t>(keep(word, 31, kPageBits));
        if ((word & kFlushOne) != 0) flush_pages(page, page, words_ == Words::v1);
        return;
    }
    if (at == map_.int_clear) {
        int_status_ &= ~word;
        return update_line(true);
    }
    if (map_.flush_range == 0) return;
    if (at == map_.flush_start) flush_start_ = word;
    if (at == map_.flush_end) flush_end_ = word;
    if (at == map_.flush_range && (word & 1) != 0) {
        ++counters_.range_flushes;
        flush_pages(static_cast<std::uint32_t>(keep(flush_start_, 31, kPageBits)),
                    static_cast<std::uint32_t>(keep(flush_end_, 31, kPageBits)), false);
    }
}

// Whatever waits comes again when nothing holds it. With BLOCK the owner waits for accesses that are on their way.
void SysMmu::write_ctrl(std::uint32_t word) {
    ctrl_ = word & 7;
    if (!ctrl::BLOCK.test(ctrl_) || !ctrl::ENABLE.test(ctrl_)) {
        blocked_ = fault_blocks_ = block_asked_ = false;
    } else if (!blocked_) {
        ++counters_.blocks;
        block_asked_ = true;
        drain_again_ = draining_;
    }
    translates_ = enabled() || holds();
    release();
    update_line(false);
}

const Step& SysMmu::step_machine(unsigned, const Reply&) {
    machine_step_ = {};
    if (!block_asked_) {
        draining_ = false;
        return machine_step_;
    }
    if (!draining_ || drain_again_) {
        draining_ = true;
        drain_again_ = false;
        machine_step_.kind = StepKind::sync;
        return machine_step_;
    }
    draining_ = block_asked_ = false;
    blocked_ = true;
    return machine_step_;
}

void SysMmu::flush_all() {
    ++counters_.flushes;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    ++epoch_;
    tlb_.invalidate(invalidation);
    flpd_.invalidate(invalidation);
    tell(invalidation);
}

/// Pages first to last, both included; nothing if they are the wrong way round.
void SysMmu::flush_pages(std::uint32_t first, std::uint32_t last, bool with_sections) {
    if (first > last) return;
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    invalidation.by_address = true;
    invalidation.leaf = !with_sections;
    invalidation.first = first;
    invalidation.last = std::uint64_t{last} + low_mask(kPageBits);
    tlb_.invalidate(invalidation);
    if (with_sections) flpd_.invalidate(invalidation);
    tell(invalidation);
}

// Oldest first; what still must wait joins the end again, in the same order.
void SysMmu::release() {
    if (holds()) return;
    for (Slot* slot : waiting_) {
        resumed_.push_back(slot->request().id);
        slot->resume();
    }
    waiting_.clear();
}

std::unique_ptr<TranslationSlot> SysMmu::make_translation() { return std::make_unique<Slot>(*this); }

void SysMmu::raise(Fault fault, std::uint64_t address, bool write) {
    const bool page = fault == Fault::section_invalid || fault == Fault::page_invalid;
    const bool walk = fault == Fault::walk_aborted;
    ++(page ? counters_.page_faults : walk ? counters_.walk_faults : counters_.access_faults);
    const auto low = static_cast<std::uint32_t>(address);
    const bool first = int_status_ == 0;
    unsigned bit = 0;
    if (parameters_.version.major() < 5) {
        bit = page    ? interrupt::V1_PAGE
              : walk  ? interrupt::V1_BUS
              : write ? interrupt::V1_AW_ACCESS
                      : interrupt::V1_AR_ACCESS;
        (page ? page_fault_addr_ : walk ? slave_addr_ : write ? aw_addr_ : ar_addr_) = low;
    } else if (parameters_.version.major() < 7) {
        bit = page ? interrupt::V5_PAGE : walk ? interrupt::V5_WALK : interrupt::V5_ACCESS;
        if (write) bit += interrupt::V5_WRITE;
        (write ? aw_addr_ : ar_addr_) = low;
    } else {
        bit = page ? interrupt::V7_PAGE : walk ? interrupt::V7_WALK : interrupt::V7_ACCESS;
        // One place for all: the first fault stays until it is cleared.
        if (first) {
            ar_addr_ = low;
            fault_info_ = static_cast<std::uint32_t>(interrupt::INFO_WRITE.of(write ? 1 : 0));
        }
    }
    int_status_ |= std::uint32_t{1} << bit;
    fault_blocks_ = fault_stalls();
    update_line(false);
}

void SysMmu::update_line(bool causes_changed) {
    const bool level = int_status_ != 0 && ctrl::INTERRUPT.test(ctrl_);
    if (level && (!line_ || causes_changed)) pulse_ = true;
    line_ = level;
}

std::optional<unsigned> SysMmu::take_wire() {
    if (!pulse_) return std::nullopt;
    pulse_ = false;
    return 0;
}

std::optional<std::uint64_t> SysMmu::take_resumed() {
    if (resumed_.empty()) return std::nullopt;
    const std::uint64_t id = resumed_.front();
    resumed_.pop_front();
    return id;
}

std::vector<std::uint64_t> SysMmu::counter_values() const {
    const Counters& c = counters_;
    return {c.translations, c.tlb_hits, c.page_faults,   c.access_faults, c.walk_faults, c.given_up,
            c.blocks,       c.flushes,  c.entry_flushes, c.range_flushes, c.walks,       c.walk_reads};
}

CacheCounters SysMmu::structure_counters(std::size_t row) const {
    return row == 0 ? tlb_.counters() : flpd_.counters();
}

bool SysMmu::decode(AccessPurpose purpose, std::uint64_t bits, TableWord& out) const {
    const auto word = static_cast<std::uint32_t>(bits);
    const bool first_level = purpose == Purpose::section;
    const Kind kind = first_level ? section_kind(word) : page_kind(word);
    out.present = kind != Kind::fault;
    out.leaf = kind != Kind::table;
    out.log2_bytes = static_cast<std::uint8_t>(first_level ? kSectionBits : kPageBits);
    out.target = out.present ? address(word, kind, words_) : 0;
    out.target_bytes = kind == Kind::table ? kTableBytes : std::uint64_t{1} << log2_bytes(kind);
    out.next = Purpose::page;
    return first_level || purpose == Purpose::page;
}

}  // namespace xlate::iommu::exynos
