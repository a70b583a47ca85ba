#include "iommu/simple/sun50i.hpp"

#include <fmt/format.h>

#include "iommu/simple/sun50i_slot.hpp"

namespace xlate::iommu::sun50i {

namespace {

constexpr std::uint32_t kChannelsOut = 0x8003003F;  ///< RESET: no channel is held

constexpr WireSpec kWires[] = {{{}, 0}};
constexpr MachineSpec kMachines[] = {{"invalidation", MachineRole::commands}};
constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0},
                                         {"directory_cache", Structure::walk_cache, 1, 2}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses that missed the ports' TLBs while it is on"},
    {"tlb_misses", "", "look-ups of the macro-TLB without a hit"},
    {"walks", "", "the same: each walks the tables"},
    {"walk_reads", "", "table words read"},
    {"faults", "", "accesses refused"},
    {"flushes", "", "TLB_FLUSH written"},
    {"line_invalidations", "", "TLB_IVLD_ENABLE and PC_IVLD_ENABLE written"},
};
constexpr PurposeSpec kPurposes[] = {{"directory", AccessRole::walk, 1, 2}, {"table", AccessRole::walk, 1, 3}};

std::string fault_name(std::uint16_t code) { return name(static_cast<Fault>(code)); }

std::string describe(const Invalidation& invalidation) {
    if (!invalidation.by_address) return "TLB_FLUSH";
    return fmt::format("TLB_IVLD {:#x} to {:#x}", invalidation.first, invalidation.last);
}

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

/// Registers that hold what is written, and those that only answer.
bool is_storage(std::uint32_t offset) {
    switch (offset) {
        case reg::AUTO_GATING:
        case reg::WBUF_CTRL:
        case reg::OOO_CTRL:
        case reg::BDY_4KB_PRT_CTRL:
        case reg::TLB_ENABLE:
        case reg::TLB_PREFETCH:
        case reg::TLB_IVLD_ADDR:
        case reg::TLB_IVLD_ADDR_MASK:
        case reg::PC_IVLD_ADDR:
        case reg::DM_AUT_OVWT:
            return true;
        default:
            return false;
    }
}

}  // namespace

std::string name(Fault fault) {
    switch (fault) {
        case Fault::none:
            return "NONE";
        case Fault::l1_invalid:
            return "L1PG_INVALID";
        case Fault::l2_invalid:
            return "L2PG_INVALID";
        case Fault::read_denied:
            return "READ_PERMISSION";
        case Fault::write_denied:
            return "WRITE_PERMISSION";
        case Fault::out_of_range:
            return "OUT_OF_RANGE";
        case Fault::channel_reset:
            return "CHANNEL_IN_RESET";
    }
    return fmt::format("FAULT_{}", static_cast<unsigned>(fault));
}

const InstanceSpec kSpec{"sun50i",          "Allwinner sun50i IOMMU",
                         kPageBits,         Ports::one_per_master,
                         rows(kWires),      rows(kMachines),
                         rows(kStructures), rows(kCounters),
                         rows(kPurposes),   fault_name,
                         nullptr,           describe};

Sun50i::Sun50i(const Parameters& parameters)
    : words_(kRegisterBytes / 4),
      tlb_({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, "sun50i.tlb"),
      directory_(parameters.directory, parameters.seed, "sun50i.directory") {
    reset();
}

void Sun50i::reset() {
    words_.assign(words_.size(), 0);
    set(reg::RESET, kChannelsOut);
    set(reg::TLB_ENABLE, flush::kAll);
    busy_ = draining_ = line_ = pulse_ = false;
    tlb_.clear();
    directory_.clear();
    changed();
}

std::uint64_t Sun50i::register_bytes(unsigned) const { return kRegisterBytes; }

std::uint64_t Sun50i::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || size != 4 || offset % 4 != 0 || offset + 4 > kRegisterBytes) return 0;
    return get(static_cast<std::uint32_t>(offset));
}

void Sun50i::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || size != 4 || offset % 4 != 0 || offset + 4 > kRegisterBytes) return;
    const auto at = static_cast<std::uint32_t>(offset);
    const auto word = static_cast<std::uint32_t>(value);
    if (is_storage(at)) return set(at, word);
    if (at >= reg::DM_AUT0 && at < reg::dm_aut(kDomains)) {
        set(at, word);
        // Rights are looked at with each access: what was kept with the old ones is not used any more.
        tlb_.clear();
        return changed();
    }
    switch (at) {
        case reg::RESET:
            set(at, word);
            return changed();
        case reg::ENABLE:
            set(at, word & 1);
            translates_ = (word & 1) != 0;
            return changed();
        case reg::BYPASS:
            set(at, word & kAllMasters);
            return changed();
        case reg::TTB:
            set(at, static_cast<std::uint32_t>(keep(word, 31, 14)));
            return;
        case reg::TLB_FLUSH:
            set(at, word & flush::kAll);
            return flush(word);
        case reg::TLB_IVLD_ENABLE:
            set(at, word & 1);
            if ((word & 1) != 0) invalidate_lines(get(reg::TLB_IVLD_ADDR), get(reg::TLB_IVLD_ADDR_MASK));
            return;
        case reg::PC_IVLD_ENABLE:
            set(at, word & 1);
            if ((word & 1) != 0) invalidate_directory(get(reg::PC_IVLD_ADDR));
            return;
        case reg::INT_ENABLE:
            set(at, word & interrupt::kAll);
            return update_line(true);
        case reg::INT_CLR:
            set(reg::INT_STA, get(reg::INT_STA) & ~word);
            if (interrupt::L1_INVALID.test(word)) set(reg::L1PG_INT, 0);
            if (interrupt::L2_INVALID.test(word)) set(reg::L2PG_INT, 0);
            return update_line(true);
        default:
            return;
    }
}

/// What ports keep is asked for anew.
void Sun50i::changed() {
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    tell(invalidation);
}

void Sun50i::flush(std::uint32_t which) {
    ++counters_.flushes;
    ++epoch_;
    busy_ = true;
    draining_ = false;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    if (flush::MACRO.test(which)) tlb_.invalidate(invalidation);
    if (flush::WALK_CACHE.test(which)) directory_.invalidate(invalidation);
    for (unsigned master = 0; master < kMasters; ++master) {
        if ((flush::MICRO.get(which) >> master & 1) == 0) continue;
        invalidation.stream = master;
        invalidation.stream_mask = ~std::uint64_t{0};
        tell(invalidation);
    }
}

/// A mask of leading ones is a range; of another one, everything goes.
void Sun50i::invalidate_lines(std::uint32_t address, std::uint32_t mask) {
    ++counters_.line_invalidations;
    ++epoch_;
    busy_ = true;
    draining_ = false;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    const std::uint32_t size = ~mask;
    if ((size & (size + 1)) == 0) {
        invalidation.by_address = true;
        invalidation.leaf = true;
        invalidation.first = address & mask;
        invalidation.last = (address & mask) | size;
    }
    tlb_.invalidate(invalidation);
    tell(invalidation);
}

void Sun50i::invalidate_directory(std::uint32_t address) {
    ++counters_.line_invalidations;
    ++epoch_;
    busy_ = true;
    draining_ = false;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    invalidation.by_address = true;
    invalidation.first = address & ~low_mask(kDirectoryShift);
    invalidation.last = invalidation.first | low_mask(kDirectoryShift);
    directory_.invalidate(invalidation);
}

/// The effect came with the write: what is left is to wait for older translations. The registers then clear themselves.
const Step& Sun50i::step_machine(unsigned, const Reply&) {
    machine_step_ = {};
    if (!busy_) return machine_step_;
    if (!draining_) {
        draining_ = true;
        machine_step_.kind = StepKind::sync;
        return machine_step_;
    }
    busy_ = draining_ = false;
    set(reg::TLB_FLUSH, 0);
    set(reg::TLB_IVLD_ENABLE, 0);
    set(reg::PC_IVLD_ENABLE, 0);
    return machine_step_;
}

bool Sun50i::allowed(unsigned master, unsigned domain, bool write) const {
    const unsigned bit = write ? authority::no_write(domain, master) : authority::no_read(domain, master);
    return (get(reg::dm_aut(domain)) >> bit & 1) == 0;
}

std::unique_ptr<TranslationSlot> Sun50i::make_translation() { return std::make_unique<Slot>(*this); }

void Sun50i::raise(Fault fault, unsigned master, std::uint64_t address, std::uint32_t word) {
    const auto low = static_cast<std::uint32_t>(address);
    const std::uint32_t bit = std::uint32_t{1} << master;
    std::uint32_t cause = bit;
    if (fault == Fault::l1_invalid) {
        cause = static_cast<std::uint32_t>(interrupt::L1_INVALID.of(1));
        set(reg::INT_ERR_ADDR_L1, low);
        set(reg::L1PG_INT, get(reg::L1PG_INT) | bit);
    } else if (fault == Fault::l2_invalid) {
        cause = static_cast<std::uint32_t>(interrupt::L2_INVALID.of(1));
        set(reg::INT_ERR_ADDR_L2, low);
        set(reg::L2PG_INT, get(reg::L2PG_INT) | bit);
    } else {
        set(reg::err_addr(master), low);
        set(reg::err_data(master), word);
    }
    set(reg::INT_STA, get(reg::INT_STA) | cause);
    update_line(false);
}

void Sun50i::update_line(bool causes_changed) {
    const bool level = (get(reg::INT_STA) & get(reg::INT_ENABLE)) != 0;
    if (level && (!line_ || causes_changed)) pulse_ = true;
    line_ = level;
}

std::optional<unsigned> Sun50i::take_wire() {
    if (!pulse_) return std::nullopt;
    pulse_ = false;
    return 0;
}

std::vector<std::uint64_t> Sun50i::counter_values() const {
    return {counters_.translations,      counters_.tlb_misses, counters_.walks,
            counters_.walk_reads,        counters_.faults,     counters_.flushes,
            counters_.line_invalidations};
}

CacheCounters Sun50i::structure_counters(std::size_t row) const {
    return row == 0 ? tlb_.counters() : directory_.counters();
}

bool Sun50i::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const auto bits = static_cast<std::uint32_t>(word);
    const bool directory = purpose == Purpose::directory;
    out.present = directory ? dte::TYPE.get(bits) == dte::TYPE_TABLE : pte::VALID.test(bits);
    out.leaf = !directory;
    out.log2_bytes = static_cast<std::uint8_t>(directory ? kDirectoryShift : kPageBits);
    out.target = directory ? dte::table(bits) : pte::page(bits);
    out.target_bytes = directory ? kTableEntries * kWordBytes : std::uint64_t{1} << kPageBits;
    out.next = Purpose::table;
    return directory || purpose == Purpose::table;
}

}  // namespace xlate::iommu::sun50i
