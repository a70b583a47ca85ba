#include "iommu/simple/bcm2712.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "iommu/slot_steps.hpp"

namespace xlate::iommu::bcm2712 {

namespace {

constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0},
                                         {"directory_cache", Structure::walk_cache, 1, 2}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses that missed the ports' TLBs and were to be translated"},
    {"tlb_misses", "", "look-ups of the TLB without a hit"},
    {"walks", "", "the same: each walks the tables"},
    {"walk_reads", "", "words read of the directory and tables"},
    {"faults", "", "accesses that were refused or went to the illegal page"},
    {"clears", "", "TLB_CLEAR: everything was dropped"},
    {"shoot_downs", "", "SHOOT_DOWN: four pages were dropped"},
    {"shared_flushes", "", "flushes of the shared cache, at the instance that has its registers"},
};
constexpr AccessPurpose kDirectory{0}, kTable{1};
constexpr PurposeSpec kPurposes[] = {{"directory", AccessRole::walk, 1, 2}, {"table", AccessRole::walk, 1, 3}};

std::string fault_name(std::uint16_t code) {
    switch (static_cast<Fault>(code)) {
        case Fault::none:
            return "NONE";
        case Fault::pt_invalid:
            return "PT_INVALID";
        case Fault::write_violation:
            return "WRITE_VIOLATION";
        case Fault::cap_exceeded:
            return "CAP_EXCEEDED";
        case Fault::bus_error:
            return "BUS_ERROR";
        case Fault::unsupported:
            return "UNSUPPORTED";
    }
    return fmt::format("FAULT_{}", code);
}
std::string describe(const Invalidation& invalidation) {
    return invalidation.by_address ? fmt::format("SHOOT_DOWN 0x{:x}", invalidation.first) : "TLB_CLEAR";
}

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

constexpr std::uint8_t kReads =
    Permissions::kUserRead | Permissions::kUserExecute | Permissions::kPrivilegedRead | Permissions::kPrivilegedExecute;
constexpr std::uint8_t kWrites = Permissions::kUserWrite | Permissions::kPrivilegedWrite;

/// The bit of CTRL that a cause leaves, and the one that makes it a bus error.
struct Cause {
    Field sticky, abort;
};
Cause cause_of(Fault fault) {
    if (fault == Fault::write_violation) return {ctrl::WRITE_VIOLATION, ctrl::WRITE_VIOLATION_ABORT_EN};
    if (fault == Fault::cap_exceeded) return {ctrl::CAP_EXCEEDED, ctrl::CAP_EXCEEDED_ABORT_EN};
    return {ctrl::PT_INVALID, ctrl::PT_INVALID_ABORT_EN};
}

}  // namespace

const InstanceSpec kSpec{"bcm2712",         "Broadcom BCM2712 IOMMU", kPageBits,       Ports::one, {},      {},
                         rows(kStructures), rows(kCounters),          rows(kPurposes), fault_name, nullptr, describe};

Bcm2712::Bcm2712(const Parameters& parameters)
    : parameters_(parameters),
      tlb_({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, "bcm2712.tlb"),
      directory_(parameters.directory, parameters.seed, "bcm2712.directory") {
    at(reg::DEBUG_INFO) = debug_info::kValue;
}

void Bcm2712::reset() {
    file_.fill(0);
    at(reg::DEBUG_INFO) = debug_info::kValue;
    shared_control_ = 0;
    translates_ = false;
    drop();
}

std::uint64_t Bcm2712::register_bytes(unsigned bank) const {
    if (bank == 0) return kRegisterBytes;
    return bank == 1 ? parameters_.shared_cache_bytes : 0;
}

std::uint64_t Bcm2712::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (size != 4 || offset % 4 != 0) return 0;
    if (bank == 1) return offset == shared_cache::CONTROL ? shared_control_ : 0;
    return bank == 0 && offset < kRegisterBytes ? file_[offset / 4] : 0;
}

void Bcm2712::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (size != 4 || offset % 4 != 0) return;
    const auto bits = static_cast<std::uint32_t>(value);
    if (bank == 1 && offset == shared_cache::CONTROL) {
        if (shared_cache::FLUSH.test(bits)) ++counters_.shared_flushes;
        shared_control_ = bits & static_cast<std::uint32_t>(shared_cache::ENABLE.mask());
    }
    if (bank != 0 || offset >= kRegisterBytes) return;
    switch (offset) {
        case reg::CTRL:
            return write_control(bits);
        case reg::SHOOT_DOWN:
            return shoot_down(bits);
        case reg::HIT:
        case reg::MISS:
        case reg::STALL:
        case reg::DEBUG_INFO:
            return;
        case reg::ADDR_CAP:
        case reg::BYPASS_START:
        case reg::BYPASS_END:
            file_[offset / 4] = bits;
            return drop();  // what ports keep may pass or be refused from now on
        default:
            file_[offset / 4] = bits;
            return;
    }
}

void Bcm2712::write_control(std::uint32_t value) {
    constexpr auto kOwn = ctrl::kSticky | ctrl::kCommands;
    const std::uint32_t causes = at(reg::CTRL) & ctrl::kSticky & ~value;
    const bool was = on();
    at(reg::CTRL) = (value & ~kOwn) | causes;
    translates_ = on();
    if (ctrl::STATS_CLEAR.test(value)) at(reg::HIT) = at(reg::MISS) = 0;
    const bool clear = ctrl::TLB_CLEAR.test(value);
    if (clear) ++counters_.clears;
    if (clear || was != on()) drop();
}

void Bcm2712::shoot_down(std::uint32_t value) {
    at(reg::SHOOT_DOWN) = static_cast<std::uint32_t>(shoot_down::page(value));
    if (!shoot_down::SHOOT.test(value)) return;
    ++counters_.shoot_downs;
    constexpr unsigned kShift = kPageBits + shoot_down::kLine;
    const std::uint64_t first = align_down(shoot_down::page(value) << kPageBits, std::uint64_t{1} << kShift);
    drop(true, first, first | low_mask(kShift));
}

void Bcm2712::drop(bool by_address, std::uint64_t first, std::uint64_t last) {
    ++epoch_;
    Invalidation what;
    what.target = Invalidation::Target::translations;
    what.by_address = by_address;
    what.first = first;
    what.last = last;
    tlb_.invalidate(what);
    directory_.invalidate(what);
    tell(what);
}

bool Bcm2712::bypasses(std::uint64_t input) const {
    const std::uint32_t start = at(reg::BYPASS_START), end = at(reg::BYPASS_END);
    const bool from = kEnable.test(start), to = kEnable.test(end);
    if (!from && !to) return false;
    const std::uint64_t chunk = input >> kCapShift;
    const bool inside = (!from || chunk > bypass::limit(start)) && (!to || chunk < bypass::limit(end));
    return inside != bypass::INVERT.test(start);
}

bool Bcm2712::beyond_cap(std::uint64_t input) const {
    if (input >> kInputBits != 0) return true;
    const std::uint32_t cap = at(reg::ADDR_CAP);
    return kEnable.test(cap) && input >> kCapShift > bypass::limit(cap);
}

void Bcm2712::count_lookup(bool hit) {
    if (!hit) ++counters_.tlb_misses;
    if (ctrl::STATS_ENABLE.test(at(reg::CTRL))) ++at(hit ? reg::HIT : reg::MISS);
}

std::unique_ptr<TranslationSlot> Bcm2712::make_translation() { return std::make_unique<Bcm2712Slot>(*this); }

std::vector<std::uint64_t> Bcm2712::counter_values() const {
    return {counters_.translations, counters_.tlb_misses, counters_.tlb_misses,  counters_.walk_reads,
            counters_.faults,       counters_.clears,     counters_.shoot_downs, counters_.shared_flushes};
}

CacheCounters Bcm2712::structure_counters(std::size_t row) const {
    return row == 0 ? tlb_.counters() : directory_.counters();
}

bool Bcm2712::decode(AccessPurpose purpose, std::uint64_t bits, TableWord& out) const {
    const bool directory = purpose == kDirectory;
    out.present = word::VALID.test(bits);
    out.leaf = !directory;
    out.log2_bytes = static_cast<std::uint8_t>(directory ? kDirectoryShift : kPageBits);
    out.target = word::page(static_cast<std::uint32_t>(bits));
    out.target_bytes = directory ? kTableBytes : std::uint64_t{1} << kPageBits;
    out.next = kTable;
    return directory || purpose == kTable;
}

void Bcm2712Slot::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

std::optional<std::uint64_t> Bcm2712Slot::walked_space() const {
    const bool walks = state_ >= State::directory_cache && state_ <= State::table;
    return walks ? std::optional<std::uint64_t>(0) : std::nullopt;
}

const Step& Bcm2712Slot::step(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::tlb: {
            const CachedTranslation* const entry =
                request_.debug ? mmu_.tlb_.peek(0, request_.address) : mmu_.tlb_.lookup(0, request_.address);
            if (!request_.debug) mmu_.count_lookup(entry != nullptr);
            if (entry != nullptr) return mapped(*entry);
            return lookup(Structure::walk_cache, State::directory_cache);
        }
        case State::directory_cache: {
            const WalkCacheEntry* const entry = mmu_.directory_.lookup(0, request_.address, kDirectoryShift);
            if (entry != nullptr) return read_table(entry->table);
            // The sum is one of numbers of pages: software subtracts what the window's start adds.
            const std::uint64_t number = mmu_.at(reg::PT_PA_BASE) + (request_.address >> kChunkShift);
            const std::uint64_t directory = (number & low_mask(28)) << kPageBits;
            return read(directory + std::uint64_t{directory_index(request_.address)} * kWordBytes, kDirectory,
                        State::directory);
        }
        case State::directory: {
            if (reply.abort) return fault(Fault::bus_error);
            const auto bits = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (!word::VALID.test(bits)) return fault(Fault::pt_invalid);
            if (!request_.debug && epoch_ == mmu_.epoch()) {
                WalkCacheEntry entry;
                entry.base = request_.address & ~low_mask(kDirectoryShift);
                entry.table = word::page(bits);
                entry.shift = kDirectoryShift;
                entry.granule = kPageBits;
                entry.level = 2;
                mmu_.directory_.fill(entry);
            }
            return read_table(word::page(bits));
        }
        case State::table: {
            if (reply.abort) return fault(Fault::bus_error);
            const auto bits = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (!word::VALID.test(bits)) return fault(Fault::pt_invalid);
            const unsigned log2 = word::log2_bytes(bits);
            CachedTranslation entry;
            entry.va = align_down(request_.address, std::uint64_t{1} << log2);
            entry.pa = align_down(word::page(bits), std::uint64_t{1} << log2);
            entry.log2_bytes = entry.leaf_log2_bytes = static_cast<std::uint8_t>(log2);
            entry.granule = kPageBits;
            entry.permissions.bits = word::WRITABLE.test(bits) ? kReads | kWrites : kReads;
            if (!request_.debug && epoch_ == mmu_.epoch()) mmu_.tlb_.fill(entry);
            return mapped(entry);
        }
        case State::finished:
            return step_;
    }
    return step_;
}

const Step& Bcm2712Slot::begin() {
    epoch_ = mmu_.epoch();
    if (request_.ats != AtsType::untranslated || request_.unsupported) return fault(Fault::unsupported);
    const bool on = mmu_.on();
    if (on && mmu_.beyond_cap(request_.address)) return fault(Fault::cap_exceeded);
    if (!on || mmu_.bypasses(request_.address)) {
        done(request_.address);
        step_.result.entry.bypass = !on;
        return step_;
    }
    if (!counted_ && !request_.debug) ++mmu_.counters_.translations;
    counted_ = true;
    return lookup(Structure::tlb, State::tlb);
}

const Step& Bcm2712Slot::lookup(Structure structure, State next) {
    state_ = next;
    lookup_step(step_, structure, structure == Structure::walk_cache ? 2 : 0);
    return step_;
}

const Step& Bcm2712Slot::read(std::uint64_t address, AccessPurpose purpose, State next) {
    state_ = next;
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    read_step(step_, request_, address, kWordBytes, purpose);
    return step_;
}

const Step& Bcm2712Slot::read_table(std::uint64_t table) {
    return read(table + std::uint64_t{table_index(request_.address)} * kWordBytes, kTable, State::table);
}

const Step& Bcm2712Slot::mapped(const CachedTranslation& entry) {
    if (request_.write && (entry.permissions.bits & Permissions::kUserWrite) == 0) return fault(Fault::write_violation);
    state_ = State::finished;
    mapped_step(step_, request_, entry, epoch_);
    return step_;
}

const Step& Bcm2712Slot::done(std::uint64_t pa) {
    state_ = State::finished;
    done_step(step_, request_, pa, epoch_);
    return step_;
}

const Step& Bcm2712Slot::fault(Fault fault) {
    const bool counts = !request_.debug && !request_.prefetch;
    const bool recorded = counts && fault != Fault::unsupported;
    const Cause cause = cause_of(fault);
    if (counts) ++mmu_.counters_.faults;
    if (recorded) mmu_.at(reg::CTRL) |= static_cast<std::uint32_t>(cause.sticky.mask());
    const std::uint32_t illegal = mmu_.at(reg::ILLEGAL_ADR);
    if (fault != Fault::unsupported && !cause.abort.test(mmu_.at(reg::CTRL)) && kEnable.test(illegal))
        return done(word::page(illegal) | (request_.address & low_mask(kPageBits)));
    done(0);
    step_.kind = StepKind::fault;
    step_.result.response = Response::abort;
    step_.result.fault = static_cast<std::uint16_t>(fault);
    step_.result.recorded = recorded;
    return step_;
}

}  // namespace xlate::iommu::bcm2712
