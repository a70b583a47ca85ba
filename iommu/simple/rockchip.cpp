#include "iommu/simple/rockchip.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "iommu/simple/rockchip_slot.hpp"
#include "iommu/simple/rockchip_spec.hpp"

namespace xlate::iommu::rockchip {
namespace {

constexpr std::size_t kWaiting = 256;  // room that is there from the start; more are taken in all the same

}  // namespace

Rockchip::Bank::Bank(const Parameters& parameters, unsigned index)
    : tlb({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, "rockchip.tlb." + std::to_string(index)),
      directory(parameters.directory, parameters.seed, "rockchip.directory." + std::to_string(index)) {
    pending.reserve(16);
    waiting.reserve(kWaiting);
}

Rockchip::Rockchip(const Parameters& parameters) : parameters_(parameters) {
    XLATE_CHECK(parameters.banks > 0, "an IOMMU without an MMU");
    if (parameters_.wires == 0) parameters_.wires = 1;
    banks_.reserve(parameters.banks);
    for (unsigned i = 0; i < parameters.banks; ++i) banks_.emplace_back(parameters, i);
}

void Rockchip::reset() {
    for (Bank& bank : banks_) {
        take_effect(bank, Command::force_reset);
        bank.auto_gating = 0;
        bank.pending.clear();
    }
    pulses_.clear();
}

unsigned Rockchip::bank_of(const Request& request) const {
    if (parameters_.banks == 1) return 0;
    return request.write ? parameters_.banks - 1 : value(request.sid) % (parameters_.banks - 1);
}

std::uint64_t Rockchip::register_bytes(unsigned /*bank*/) const { return reg::kBytes; }

std::uint64_t Rockchip::read_register(std::uint64_t offset, unsigned size, unsigned index) const {
    if (index >= banks_.size() || size != 4) return 0;
    const Bank& bank = banks_[index];
    switch (offset) {
        case reg::DTE_ADDR:
            return bank.dte_addr;
        case reg::STATUS:
            return status::PAGING.of(bank.paging) | status::FAULT_ACTIVE.of(bank.fault_active) |
                   status::STALL_ACTIVE.of(bank.stall) | status::IDLE.of(bank.active == 0) |
                   status::REPLAY_EMPTY.of(bank.waiting.empty()) | status::FAULT_IS_WRITE.of(bank.fault_is_write) |
                   status::STALL_NOT_ACTIVE.of(!bank.stall);
        case reg::PAGE_FAULT_ADDR:
            return bank.fault_address;
        case reg::INT_RAWSTAT:
            return bank.rawstat;
        case reg::INT_MASK:
            return bank.mask;
        case reg::INT_STATUS:
            return bank.rawstat & bank.mask;
        case reg::AUTO_GATING:
            return bank.auto_gating;
        default:
            return 0;
    }
}

void Rockchip::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned index) {
    if (index >= banks_.size() || size != 4) return;
    Bank& bank = banks_[index];
    const auto word = static_cast<std::uint32_t>(value);
    switch (offset) {
        case reg::DTE_ADDR:
            // Address bits alone: what the driver's test of a register file reads back.
            bank.dte_addr = static_cast<std::uint32_t>(keep(word, 31, parameters_.version == Version::v1 ? 12 : 4));
            return;
        case reg::COMMAND:
            if (word <= static_cast<std::uint32_t>(Command::force_reset)) command(bank, static_cast<Command>(word));
            return;
        case reg::ZAP_ONE_LINE:
            zap(bank, true, word);
            return;
        case reg::INT_CLEAR:
            bank.rawstat &= ~word;
            update_line(bank, true);
            return;
        case reg::INT_MASK:
            bank.mask = word & interrupt::kAll;
            update_line(bank, true);
            return;
        case reg::AUTO_GATING:
            bank.auto_gating = word;
            return;
        default:
            return;
    }
}

// Zaps and PAGE_FAULT_DONE are complete with the write; nothing tells software when they are.
void Rockchip::command(Bank& bank, Command command) {
    if (command == Command::zap_cache) return zap(bank, false, 0);
    if (command == Command::page_fault_done) {
        bank.fault_active = false;
        return release(bank);
    }
    bank.pending.push_back(command);
}

bool Rockchip::settling() const {
    return std::any_of(banks_.begin(), banks_.end(), [](const Bank& bank) { return !bank.pending.empty(); });
}

void Rockchip::settle() {
    for (Bank& bank : banks_) {
        for (const Command command : bank.pending) take_effect(bank, command);
        bank.pending.clear();
    }
}

// What ports have kept goes with every change of what they may do by themselves. The MMU's own TLB keeps what it has
// but for a reset: a driver that comes back with other tables has to zap.
void Rockchip::take_effect(Bank& bank, Command command) {
    switch (command) {
        case Command::enable_paging:
        case Command::disable_paging:
            bank.paging = command == Command::enable_paging;
            if (!bank.paging) bank.stall = false;
            break;
        case Command::enable_stall:
            if (bank.paging) bank.stall = true;
            break;
        case Command::disable_stall:
            bank.stall = false;
            break;
        case Command::force_reset:
            bank.dte_addr = bank.fault_address = bank.rawstat = bank.mask = 0;
            bank.paging = bank.stall = bank.fault_active = bank.fault_is_write = false;
            update_line(bank, false);
            bank.tlb.clear();
            bank.directory.clear();
            break;
        default:
            break;
    }
    update_translates();
    ++epoch_;
    tell(match(bank));
    release(bank);
}

void Rockchip::update_translates() {
    translates_ = std::any_of(banks_.begin(), banks_.end(), [](const Bank& bank) { return bank.paging; });
}

// All translations of an MMU.
Invalidation Rockchip::match(const Bank& bank) const {
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    invalidation.space = index_of(bank);
    invalidation.space_mask = ~std::uint64_t{0};
    invalidation.global_mask = ~std::uint64_t{0};
    return invalidation;
}

// A line is a directory word and a table word: both go.
void Rockchip::zap(Bank& bank, bool by_address, std::uint32_t address) {
    ++counters_.zaps;
    ++epoch_;
    Invalidation invalidation = match(bank);
    invalidation.by_address = by_address;
    if (by_address) {
        invalidation.first = keep(address, 31, kPageBits);
        invalidation.last = invalidation.first + low_mask(kPageBits);
    }
    bank.tlb.invalidate(invalidation);
    bank.directory.invalidate(invalidation);
    tell(invalidation);
}

// All that waits is tried again, oldest first; what still must wait joins the end again, in the same order.
void Rockchip::release(Bank& bank) {
    if (bank.holds()) return;
    for (Slot* slot : bank.waiting) {
        resumed_.push_back(slot->request().id);
        slot->resume();
    }
    bank.waiting.clear();
}

void Rockchip::update_line(Bank& bank, bool causes_changed) {
    const bool level = (bank.rawstat & bank.mask) != 0;
    const unsigned wire = std::min(index_of(bank), parameters_.wires - 1);
    const bool pulse = level && (!bank.line || causes_changed);
    bank.line = level;
    if (pulse && std::find(pulses_.begin(), pulses_.end(), wire) == pulses_.end()) pulses_.push_back(wire);
}

void Rockchip::raise(Bank& bank, std::uint32_t cause, std::uint64_t address, bool write) {
    bank.rawstat |= cause;
    bank.fault_address = static_cast<std::uint32_t>(address);
    bank.fault_is_write = write;
    update_line(bank, false);
}

std::optional<unsigned> Rockchip::take_wire() {
    if (pulses_.empty()) return std::nullopt;
    const unsigned wire = pulses_.front();
    pulses_.pop_front();
    return wire;
}

std::optional<std::uint64_t> Rockchip::take_resumed() {
    if (resumed_.empty()) return std::nullopt;
    const std::uint64_t id = resumed_.front();
    resumed_.pop_front();
    return id;
}

std::unique_ptr<TranslationSlot> Rockchip::make_translation() { return std::make_unique<Slot>(*this); }

std::vector<std::uint64_t> Rockchip::counter_values() const {
    return {counters_.translations, counters_.tlb_hits, counters_.page_faults, counters_.bus_errors,
            counters_.given_up,     counters_.zaps,     counters_.walks,       counters_.walk_reads};
}

bool Rockchip::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const auto bits = static_cast<std::uint32_t>(word);
    const bool directory = purpose == Purpose::directory;
    out.present = dte::VALID.test(bits);
    out.leaf = !directory;
    out.log2_bytes = static_cast<std::uint8_t>(directory ? kDirectoryShift : kPageBits);
    out.target = address(bits, parameters_.version);
    out.target_bytes = kTableBytes;
    out.next = Purpose::table;
    return directory || purpose == Purpose::table;
}

CacheCounters Rockchip::structure_counters(std::size_t row) const {
    CacheCounters sum;
    for (const Bank& bank : banks_) {
        const CacheCounters& one = row == kStructureTlb ? bank.tlb.counters() : bank.directory.counters();
        sum.lookups += one.lookups;
        sum.hits += one.hits;
        sum.fills += one.fills;
        sum.invalidated += one.invalidated;
    }
    return sum;
}

}  // namespace xlate::iommu::rockchip
