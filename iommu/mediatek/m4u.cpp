#include "iommu/mediatek/m4u.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "iommu/mediatek/m4u_slot.hpp"

namespace xlate::iommu::mediatek {

namespace {

/// Not zero: Linux takes a zero that it has saved for registers that were never written.
constexpr std::uint32_t kWrLenCtrlReset = 0x0021'0021;

}  // namespace

M4u::M4u(const Parameters& parameters)
    : parameters_(parameters),
      larb_enabled_(kLarbs, 0),
      tlb_({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, "m4u.tlb"),
      directory_(parameters.directory, parameters.seed, "m4u.directory") {
    XLATE_CHECK(parameters_.soc.banks > 0 && parameters_.soc.banks <= kBanksMax,
                std::string(parameters_.soc.compatible));
    parameters_.wires = std::max(parameters_.wires, 1U);
    for (unsigned i = 0; i < register_banks(); ++i) files_.emplace_back(register_bytes(i) / 4);
    reset();
}

void M4u::reset() {
    for (std::vector<std::uint32_t>& file : files_) std::fill(file.begin(), file.end(), 0);
    set(0, reg::WR_LEN_CTRL, kWrLenCtrlReset);
    std::fill(larb_enabled_.begin(), larb_enabled_.end(), 0);
    infra_enabled_ = 0;
    busy_ = lines_ = 0;
    draining_ = false;
    pulses_.clear();
    tlb_.clear();
    directory_.clear();
    ports_changed();
}

std::uint64_t M4u::register_bytes(unsigned bank) const {
    if (bank == 0) return std::uint64_t{parameters_.soc.banks} * kBankBytes;
    return bank <= parameters_.satellites.size() ? align_down(parameters_.satellites[bank - 1].bytes, 4) : 0;
}

std::uint64_t M4u::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank >= files_.size() || size != 4 || offset % 4 != 0 || offset / 4 >= files_[bank].size()) return 0;
    const std::uint32_t word = files_[bank][offset / 4];
    // A larb that is asked to sleep has nothing under way.
    const bool sleeps = bank > 0 && parameters_.satellites[bank - 1].kind == Satellite::Kind::larb;
    if (sleeps && offset == larb::SLP_CON && (word & larb::kSleepRequest) != 0) return word | larb::kSleepReady;
    return word;
}

void M4u::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank >= files_.size() || size != 4 || offset % 4 != 0 || offset / 4 >= files_[bank].size()) return;
    const auto word = static_cast<std::uint32_t>(value);
    if (bank > 0) return write_satellite(bank - 1, static_cast<std::uint32_t>(offset), word);
    write_own(static_cast<unsigned>(offset / kBankBytes), static_cast<std::uint32_t>(offset % kBankBytes), word);
}

void M4u::write_own(unsigned bank, std::uint32_t offset, std::uint32_t value) {
    if ((parameters_.soc.banks_used >> bank & 1) == 0) return;
    switch (offset) {
        case reg::FAULT_ST1:
        case reg::MMU0_FAULT_VA:
        case reg::MMU0_INVLD_PA:
        case reg::MMU1_FAULT_VA:
        case reg::MMU1_INVLD_PA:
        case reg::MMU0_INT_ID:
        case reg::MMU1_INT_ID:
            return;  // read only
        case reg::INVALIDATE:
            set(bank, offset, value);
            return invalidate(bank, value);
        case reg::CPE_DONE:
            set(bank, offset, 0);
            return;
        case reg::INT_CONTROL0:
            set(bank, offset, value & ~static_cast<std::uint32_t>(int_control::CLR.mask()));
            if (int_control::CLR.test(value)) set(bank, reg::FAULT_ST1, 0);
            return update_line(bank, true);
        case reg::INT_MAIN:
            set(bank, offset, value);
            return update_line(bank, true);
        case reg::PT_BASE:
            set(bank, offset, value);
            if (switched_by_table()) ports_changed();
            return;
        default:
            set(bank, offset, value);
            return;
    }
}

void M4u::write_satellite(std::size_t index, std::uint32_t offset, std::uint32_t value) {
    const Satellite& satellite = parameters_.satellites[index];
    std::uint32_t& stored = files_[index + 1][offset / 4];
    const bool changed = stored != value;
    stored = value;
    if (!changed) return;
    if (satellite.kind == Satellite::Kind::pericfg && offset == pericfg::IOMMU_1) {
        infra_enabled_ = value;
        return ports_changed();
    }
    if (satellite.kind != Satellite::Kind::larb || satellite.larb >= kLarbs) return;
    std::uint32_t& enabled = larb_enabled_[satellite.larb];
    switch (parameters_.soc.larb_kind) {
        case LarbKind::mask_mt8167:
            if (offset != larb::MMU_EN_MT8167) return;
            enabled = value;
            break;
        case LarbKind::mask_mt8173:
            if (offset != larb::MMU_EN_MT8173) return;
            enabled = value;
            break;
        case LarbKind::per_port: {
            if (offset < larb::NONSEC_CON(0) || offset > larb::NONSEC_CON(kPortsPerLarb - 1)) return;
            const std::uint32_t bit = std::uint32_t{1} << (offset - larb::NONSEC_CON(0)) / 4;
            enabled = larb::EN.test(value) ? enabled | bit : enabled & ~bit;
            break;
        }
    }
    ports_changed();
}

/// Its enables are firmware's and have no window here: it translates what comes, once it has a table.
bool M4u::switched_by_table() const {
    return parameters_.soc.infra &&
           std::none_of(parameters_.satellites.begin(), parameters_.satellites.end(),
                        [](const Satellite& one) { return one.kind == Satellite::Kind::pericfg; });
}

/// What ports keep is asked for anew.
void M4u::ports_changed() {
    translates_ =
        infra_enabled_ != 0 || (switched_by_table() && table_base(get(0, reg::PT_BASE)) != 0) ||
        std::any_of(larb_enabled_.begin(), larb_enabled_.end(), [](std::uint32_t ports) { return ports != 0; });
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    tell(invalidation);
}

M4u::Port M4u::port_of(StreamId id, std::uint64_t address) const {
    Port port;
    port.iova = address;
    const unsigned number = mediatek::port_of(value(id));
    if (parameters_.soc.infra) {
        port.enabled =
            switched_by_table() ? table_base(get(0, reg::PT_BASE)) != 0 : (infra_enabled_ >> number & 1) != 0;
        port.bank = parameters_.soc.bank_of_ports(std::uint32_t{1} << number);
        return port;
    }
    const unsigned larb = larb_of(value(id));
    port.enabled = larb < kLarbs && (larb_enabled_[larb] >> number & 1) != 0;
    if (!port.enabled || parameters_.soc.input_bits <= 32 || parameters_.soc.larb_kind != LarbKind::per_port)
        return port;
    for (std::size_t i = 0; i < parameters_.satellites.size(); ++i) {
        const Satellite& satellite = parameters_.satellites[i];
        if (satellite.kind != Satellite::Kind::larb || satellite.larb != larb) continue;
        const std::uint64_t bank = larb::BANK.get(files_[i + 1][larb::NONSEC_CON(number) / 4]);
        // Beyond 34 bits nothing is put right.
        if (address >> parameters_.soc.input_bits == 0) port.iova = (address & low_mask(32)) | bank << 32;
        break;
    }
    return port;
}

void M4u::invalidate(unsigned bank, std::uint32_t what) {
    if (what != invalidate::kRange && what != invalidate::kAll) return;
    if (get(bank, parameters_.soc.inv_sel) == 0) return;  // of no MMU
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    if (what == invalidate::kRange) {
        ++counters_.range_flushes;
        invalidation.by_address = true;
        invalidation.first = invld_address(get(bank, reg::INVLD_START));
        invalidation.last = invld_address(get(bank, reg::INVLD_END)) | low_mask(kPageBits);
        invalidation.space = bank;
        invalidation.space_mask = invalidation.global_mask = ~std::uint64_t{0};
        busy_ |= std::uint32_t{1} << bank;
        draining_ = false;
    } else {
        ++counters_.flushes;
        if (bank != 0) {
            invalidation.space = bank;
            invalidation.space_mask = invalidation.global_mask = ~std::uint64_t{0};
        }
    }
    tlb_.invalidate(invalidation);
    directory_.invalidate(invalidation);
    tell(invalidation);
}

/// The effect came with the write: what is left is to wait for older translations.
const Step& M4u::step_machine(unsigned, const Reply&) {
    machine_step_ = {};
    if (busy_ == 0) return machine_step_;
    if (!draining_) {
        draining_ = true;
        machine_step_.kind = StepKind::sync;
        return machine_step_;
    }
    for (unsigned bank = 0; bank < parameters_.soc.banks; ++bank) {
        if ((busy_ >> bank & 1) == 0) continue;
        set(bank, reg::CPE_DONE, 1);
        set(bank, reg::INVALIDATE, 0);
    }
    busy_ = 0;
    draining_ = false;
    return machine_step_;
}

unsigned M4u::mmu_of(StreamId id) const {
    if (parameters_.soc.infra) return 0;
    const unsigned input = parameters_.soc.place_of(larb_of(value(id))).common;
    if (input >= 8) return 0;
    for (std::size_t i = 0; i < parameters_.satellites.size(); ++i) {
        const bool common = parameters_.satellites[i].kind == Satellite::Kind::smi_common;
        if (!common || smi_common::BUS_SEL / 4 >= files_[i + 1].size()) continue;
        return (files_[i + 1][smi_common::BUS_SEL / 4] >> 2 * input & 3) != 0 ? 1 : 0;
    }
    return 0;
}

std::uint32_t M4u::int_id(StreamId id) const {
    const std::uint32_t port = mediatek::port_of(value(id));
    if (parameters_.soc.infra) return port << 2;
    const Soc::Place place = parameters_.soc.place_of(larb_of(value(id)));
    const std::uint32_t common = place.common & 7, sub = place.sub;
    switch (parameters_.soc.int_id) {
        case IntId::larb:
            return port << 2 | common << 7;
        case IntId::larb_port6:
            return port << 2 | common << 8;
        case IntId::sub_2bits:
            return port << 2 | sub << 7 | common << 9;
        case IntId::sub_3bits:
            return port << 2 | sub << 7 | common << 10;
    }
    return 0;
}

/// The first of each MMU is kept until software clears it.
void M4u::raise(Fault fault, unsigned bank, StreamId id, std::uint64_t iova, std::uint64_t pa, bool write) {
    const unsigned mmu = mmu_of(id);
    const std::uint32_t mine = mmu == 0 ? int_main::kMmu0 : int_main::kMmu1;
    const std::uint32_t status = get(bank, reg::FAULT_ST1);
    if ((status & mine) != 0) {
        ++counters_.lost_faults;
        return;
    }
    const std::uint32_t cause = fault == Fault::invalid_pa ? int_main::INVALID_PA : int_main::TRANSLATION;
    auto va = static_cast<std::uint32_t>(keep(iova, 31, kPageBits) | fault_va::WRITE.of(write ? 1 : 0));
    if (parameters_.soc.input_bits > 32) va |= static_cast<std::uint32_t>(fault_va::VA34_32.of(iova >> 32));
    va |= static_cast<std::uint32_t>(fault_va::PA34_32.of(pa >> 32));
    set(bank, mmu == 0 ? reg::MMU0_FAULT_VA : reg::MMU1_FAULT_VA, va);
    set(bank, mmu == 0 ? reg::MMU0_INVLD_PA : reg::MMU1_INVLD_PA, static_cast<std::uint32_t>(pa));
    set(bank, mmu == 0 ? reg::MMU0_INT_ID : reg::MMU1_INT_ID, int_id(id));
    set(bank, reg::FAULT_ST1, status | cause << (mmu == 0 ? 0 : int_main::kCausesPerMmu));
    update_line(bank, false);
}

void M4u::update_line(unsigned bank, bool causes_changed) {
    const std::uint32_t bit = std::uint32_t{1} << bank;
    const bool level = (get(bank, reg::FAULT_ST1) & get(bank, reg::INT_MAIN)) != 0;
    const bool pulse = level && ((lines_ & bit) == 0 || causes_changed);
    lines_ = level ? lines_ | bit : lines_ & ~bit;
    const unsigned wire = std::min(bank, parameters_.wires - 1);
    if (pulse && std::find(pulses_.begin(), pulses_.end(), wire) == pulses_.end()) pulses_.push_back(wire);
}

std::optional<unsigned> M4u::take_wire() {
    if (pulses_.empty()) return std::nullopt;
    const unsigned wire = pulses_.front();
    pulses_.pop_front();
    return wire;
}

std::unique_ptr<TranslationSlot> M4u::make_translation() { return std::make_unique<Slot>(*this); }

std::vector<std::uint64_t> M4u::counter_values() const {
    return {counters_.translations, counters_.tlb_misses,  counters_.walks,   counters_.walk_reads,
            counters_.faults,       counters_.lost_faults, counters_.flushes, counters_.range_flushes};
}

CacheCounters M4u::structure_counters(std::size_t row) const {
    return row == 0 ? tlb_.counters() : directory_.counters();
}

std::uint64_t M4u::table_bytes(std::uint64_t) const {
    return std::uint64_t{l1_entries(parameters_.soc.input_bits)} * kWordBytes;
}

bool M4u::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const auto bits = static_cast<std::uint32_t>(word);
    out.granule = kPageBits;
    if (purpose == Purpose::level2) {
        const std::uint64_t type = l2::TYPE.get(bits);
        const unsigned size = type == l2::TYPE_LARGE ? kLargeBits : kPageBits;
        out.present = type != 0;
        out.leaf = true;
        out.log2_bytes = kPageBits;
        out.target = keep(bits, 31, size) | high_bits(bits);
        out.target_bytes = std::uint64_t{1} << size;
        return true;
    }
    if (purpose != Purpose::level1) return false;
    const std::uint64_t type = l1::TYPE.get(bits);
    out.present = type != 0;
    out.leaf = type != l1::TYPE_TABLE;
    out.log2_bytes = kSectionBits;
    out.next = Purpose::level2;
    const unsigned size = l1::SUPER.test(bits) ? kSupersectionBits : kSectionBits;
    out.target = out.leaf ? keep(bits, 31, size) | high_bits(bits)
                          : keep(bits, 31, 10) | (parameters_.soc.table_high_bits ? high_bits(bits) : 0);
    out.target_bytes = out.leaf ? std::uint64_t{1} << size : std::uint64_t{kTableEntries} * kWordBytes;
    return true;
}

}  // namespace xlate::iommu::mediatek
