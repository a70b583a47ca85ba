#include "iommu/mediatek/m4u_v1.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "iommu/slot_steps.hpp"

namespace xlate::iommu::mediatek_v1 {

namespace {

constexpr WireSpec kWires[] = {{{}, 0}};
constexpr MachineSpec kMachines[] = {{"invalidation", MachineRole::commands}};
constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses of ports that are switched to the M4U and missed the ports' TLBs"},
    {"tlb_misses", "", "look-ups of the TLB without a hit"},
    {"walks", "", "table words looked up"},
    {"walk_reads", "", "the same: one word a walk"},
    {"faults", "", "accesses that went to the protect buffer"},
    {"lost_faults", "", "of those, faults that were not recorded: an earlier one was not cleared"},
    {"flushes", "", "INVALIDATE of everything"},
    {"range_flushes", "", "INVALIDATE of a range"},
};
constexpr AccessPurpose kWord{0};
constexpr PurposeSpec kPurposes[] = {{"word", AccessRole::walk, 1, 3}};

std::string fault_name(std::uint16_t code) {
    switch (static_cast<Fault>(code)) {
        case Fault::none:
            return "NONE";
        case Fault::translation:
            return "TRANSLATION";
        case Fault::table_walk:
            return "TABLE_WALK";
        case Fault::out_of_range:
            return "OUT_OF_RANGE";
        case Fault::unsupported:
            return "UNSUPPORTED";
    }
    return fmt::format("FAULT_{}", code);
}

std::string describe(const Invalidation& invalidation) {
    if (!invalidation.by_address) return "INVALIDATE all";
    return fmt::format("INVALIDATE {:#x} to {:#x}", invalidation.first, invalidation.last);
}

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

constexpr std::uint64_t kReadOnly[] = {reg::FAULT_ST, reg::FAULT_VA, reg::INVLD_PA, reg::INT_ID};

}  // namespace

const InstanceSpec kSpec{"mediatek-v1",     "MediaTek M4U, first generation",
                         kPageBits,         Ports::one_per_master,
                         rows(kWires),      rows(kMachines),
                         rows(kStructures), rows(kCounters),
                         rows(kPurposes),   fault_name,
                         nullptr,           describe};

M4uV1::M4uV1(const Parameters& parameters)
    : parameters_(parameters),
      secure_con_(smi_secure::kWords, 0),
      tlb_({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, "m4u_v1.tlb") {
    for (unsigned i = 0; i < register_banks(); ++i) files_.emplace_back(register_bytes(i) / 4);
}

void M4uV1::reset() {
    for (std::vector<std::uint32_t>& file : files_) std::fill(file.begin(), file.end(), 0);
    std::fill(secure_con_.begin(), secure_con_.end(), 0);
    busy_ = draining_ = line_ = pulse_ = false;
    tlb_.clear();
    ports_changed();
}

std::uint64_t M4uV1::register_bytes(unsigned bank) const {
    if (bank == 0) return kRegisterBytes;
    return bank <= parameters_.satellites.size() ? align_down(parameters_.satellites[bank - 1].bytes, 4) : 0;
}

std::uint64_t M4uV1::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank >= files_.size() || size != 4 || offset % 4 != 0 || offset / 4 >= files_[bank].size()) return 0;
    return files_[bank][offset / 4];
}

void M4uV1::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank >= files_.size() || size != 4 || offset % 4 != 0 || offset / 4 >= files_[bank].size()) return;
    const auto bits = static_cast<std::uint32_t>(value);
    if (bank == 0) return write_own(static_cast<std::uint32_t>(offset), bits);
    files_[bank][offset / 4] = bits;
    if (!parameters_.satellites[bank - 1].smi_common || offset < smi_secure::CON) return;
    const std::uint64_t index = (offset - smi_secure::CON) / 4;
    if (index >= secure_con_.size() || secure_con_[index] == bits) return;
    secure_con_[index] = bits;
    ports_changed();
}

void M4uV1::write_own(std::uint32_t offset, std::uint32_t value) {
    if (std::find(std::begin(kReadOnly), std::end(kReadOnly), offset) != std::end(kReadOnly)) return;
    if (offset == reg::CPE_DONE) return set(offset, 0);
    if (offset == reg::INT_CONTROL) {
        set(offset, value & ~static_cast<std::uint32_t>(interrupt::CLR.mask()));
        if (interrupt::CLR.test(value)) set(reg::FAULT_ST, 0);
        return update_line(true);
    }
    set(offset, value);
    if (offset == reg::INVALIDATE) invalidate(value);
}

bool M4uV1::switched_on(StreamId id) const {
    const std::uint32_t number = value(id);
    if (number / 8 >= secure_con_.size()) return false;
    return (secure_con_[number / 8] >> number % 8 * 4 & smi_secure::kVirtual) != 0;
}

/// What ports keep is asked for anew.
void M4uV1::ports_changed() {
    constexpr std::uint32_t kAnyVirtual = 0x88888888;
    translates_ = std::any_of(secure_con_.begin(), secure_con_.end(),
                              [](std::uint32_t eight) { return (eight & kAnyVirtual) != 0; });
    ++epoch_;
    Invalidation all;
    all.target = Invalidation::Target::translations;
    tell(all);
}

void M4uV1::invalidate(std::uint32_t what) {
    if ((what != invalidate::kRange && what != invalidate::kAll) || get(reg::INV_SEL) == 0) return;
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    if (what == invalidate::kRange) {
        ++counters_.range_flushes;
        invalidation.by_address = true;
        invalidation.first = page(get(reg::INVLD_START));
        invalidation.last = page(get(reg::INVLD_END)) | low_mask(kPageBits);
        busy_ = true;
        draining_ = false;
    } else {
        ++counters_.flushes;
    }
    tlb_.invalidate(invalidation);
    tell(invalidation);
}

/// The effect came with the write: what is left is to wait for older translations.
const Step& M4uV1::step_machine(unsigned, const Reply&) {
    machine_step_ = {};
    if (!busy_) return machine_step_;
    if (!draining_) {
        draining_ = true;
        machine_step_.kind = StepKind::sync;
        return machine_step_;
    }
    set(reg::CPE_DONE, 1);
    set(reg::INVALIDATE, 0);
    busy_ = draining_ = false;
    return machine_step_;
}

/// The first is kept until software clears it.
void M4uV1::raise(Fault fault, StreamId id, std::uint64_t iova) {
    if (get(reg::FAULT_ST) != 0) {
        ++counters_.lost_faults;
        return;
    }
    const unsigned larb = larb_of(value(id)), port = port_of(value(id));
    set(reg::FAULT_VA, static_cast<std::uint32_t>(page(static_cast<std::uint32_t>(iova))));
    set(reg::INVLD_PA, 0);
    set(reg::INT_ID,
        static_cast<std::uint32_t>(int_id::LARB.of(int_id::kLastLarb - larb) | int_id::PORT.of(port & 15)));
    set(reg::FAULT_ST, fault == Fault::table_walk ? interrupt::TABLE_WALK : interrupt::TRANSLATION);
    update_line(false);
}

void M4uV1::update_line(bool causes_changed) {
    const bool level = (get(reg::FAULT_ST) & get(reg::INT_CONTROL) & interrupt::kAll) != 0;
    pulse_ = pulse_ || (level && (!line_ || causes_changed));
    line_ = level;
}

std::optional<unsigned> M4uV1::take_wire() {
    if (!pulse_) return std::nullopt;
    pulse_ = false;
    return 0;
}

std::unique_ptr<TranslationSlot> M4uV1::make_translation() { return std::make_unique<M4uV1Slot>(*this); }

std::vector<std::uint64_t> M4uV1::counter_values() const {
    return {counters_.translations, counters_.tlb_misses,  counters_.walk_reads, counters_.walk_reads,
            counters_.faults,       counters_.lost_faults, counters_.flushes,    counters_.range_flushes};
}

CacheCounters M4uV1::structure_counters(std::size_t) const { return tlb_.counters(); }

bool M4uV1::decode(AccessPurpose purpose, std::uint64_t bits, TableWord& out) const {
    out.present = word::VALID.test(bits);
    out.leaf = true;
    out.log2_bytes = kPageBits;
    out.granule = kPageBits;
    out.target = page(static_cast<std::uint32_t>(bits));
    out.target_bytes = std::uint64_t{1} << kPageBits;
    return purpose == kWord;
}

void M4uV1Slot::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

std::optional<std::uint64_t> M4uV1Slot::walked_space() const {
    return state_ == State::word ? std::optional<std::uint64_t>(0) : std::nullopt;
}

const Step& M4uV1Slot::step(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::tlb: {
            const CachedTranslation* const entry =
                request_.debug ? mmu_.tlb_.peek(0, request_.address) : mmu_.tlb_.lookup(0, request_.address);
            if (entry != nullptr) return mapped(*entry);
            if (!request_.debug) ++mmu_.counters_.tlb_misses;
            return read();
        }
        case State::word: {
            if (reply.abort) return fault(Fault::table_walk);
            const auto bits = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (!word::VALID.test(bits)) return fault(Fault::translation);
            CachedTranslation entry;
            entry.va = align_down(request_.address, std::uint64_t{1} << kPageBits);
            entry.pa = page(bits);
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

const Step& M4uV1Slot::begin() {
    epoch_ = mmu_.epoch();
    if (request_.ats != AtsType::untranslated || request_.unsupported) return fault(Fault::unsupported);
    if (!mmu_.switched_on(request_.sid)) {
        done(request_.address);
        step_.result.entry.bypass = true;
        return step_;
    }
    if (!counted_ && !request_.debug) ++mmu_.counters_.translations;
    counted_ = true;
    if (request_.address >> kInputBits != 0) return fault(Fault::out_of_range);
    state_ = State::tlb;
    lookup_step(step_, Structure::tlb);
    return step_;
}

const Step& M4uV1Slot::read() {
    state_ = State::word;
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    read_step(step_, request_, mmu_.get(reg::PT_BASE) + (request_.address >> kPageBits) * kWordBytes, kWordBytes,
              kWord);
    return step_;
}

const Step& M4uV1Slot::mapped(const CachedTranslation& entry) {
    state_ = State::finished;
    mapped_step(step_, request_, entry, epoch_);
    return step_;
}

const Step& M4uV1Slot::done(std::uint64_t pa) {
    state_ = State::finished;
    done_step(step_, request_, pa, epoch_);
    return step_;
}

const Step& M4uV1Slot::fault(Fault fault) {
    state_ = State::finished;
    fault_step(step_, fault == Fault::unsupported ? Response::abort : Response::read_zero_write_ignored,
               static_cast<std::uint16_t>(fault), epoch_);
    if (request_.debug || request_.prefetch) return step_;
    ++mmu_.counters_.faults;
    step_.result.recorded = fault != Fault::unsupported;
    if (step_.result.recorded) mmu_.raise(fault, request_.sid, request_.address);
    return step_;
}

}  // namespace xlate::iommu::mediatek_v1
