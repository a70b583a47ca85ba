#include "iommu/tegra/tegra_smmu.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "iommu/tegra/layout_socs.hpp"
#include "iommu/tegra/slot.hpp"

namespace xlate::iommu::tegra {

namespace {

constexpr std::uint32_t kCauses = 0x00133D40;  ///< every error that some SoC of the family reports

/// The words of client enables, of which the last ones are there only where a SoC has so many clients.
bool is_enable(const Soc& soc, std::uint32_t offset) {
    return std::any_of(soc.clients.begin(), soc.clients.end(),
                       [&](const Client& client) { return client.smmu && reg::client_enable(client.id) == offset; });
}

const Swgroup* swgroup_at(const Soc& soc, std::uint32_t offset) {
    for (const Swgroup& one : soc.swgroups) {
        if (one.reg == offset) return &one;
    }
    return nullptr;
}

}  // namespace

TegraSmmu::TegraSmmu(const Parameters& parameters)
    : parameters_(parameters),
      tlb_({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, "tegra.tlb"),
      ptc_(parameters.ptc, parameters.soc->atom_bytes, parameters.seed, "tegra.ptc") {
    parameters_.register_bytes = std::max<std::uint64_t>(align_down(parameters_.register_bytes, 4), 0x400);
    words_.resize(parameters_.register_bytes / 4);
    reset();
}

void TegraSmmu::reset() {
    words_.assign(words_.size(), 0);
    directories_.assign(soc().asids, 0);
    line_ = pulse_ = translates_ = false;
    tlb_.clear();
    ptc_.clear();
    ++epoch_;
    tell({});
}

std::uint64_t TegraSmmu::register_bytes(unsigned) const { return parameters_.register_bytes; }

std::uint64_t TegraSmmu::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || size != 4 || offset % 4 != 0 || offset + 4 > parameters_.register_bytes) return 0;
    if (offset == reg::SMMU_PTB_DATA) {
        const std::uint32_t asid = get(reg::SMMU_PTB_ASID);
        return asid < directories_.size() ? directories_[asid] : 0;
    }
    return get(static_cast<std::uint32_t>(offset));
}

void TegraSmmu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || size != 4 || offset % 4 != 0 || offset + 4 > parameters_.register_bytes) return;
    const auto at = static_cast<std::uint32_t>(offset);
    const auto word = static_cast<std::uint32_t>(value);
    switch (at) {
        case reg::INTSTATUS:
            set(at, get(at) & ~word);
            return update_line(true);
        case reg::INTMASK:
            set(at, word & kCauses);
            return update_line(true);
        case reg::ERR_STATUS:
        case reg::ERR_ADR:
            return;  // read only
        case reg::SMMU_CONFIG:
            set(at, word & 1);
            translates_ = config::ENABLE.test(word);
            return reconfigured(0, true);
        case reg::SMMU_PTC_CONFIG:
            // What it kept while it was on may be old when it comes on again.
            if (!ptc_config::ENABLE.test(word)) ptc_.clear();
            return set(at, word);
        case reg::SMMU_PTB_ASID:
            return set(at, word & ptb::kAsidMask);
        case reg::SMMU_PTB_DATA: {
            const std::uint32_t asid = get(reg::SMMU_PTB_ASID);
            if (asid < directories_.size()) directories_[asid] = word;
            return;
        }
        case reg::SMMU_TLB_FLUSH:
            set(at, word);
            return flush_tlb(word);
        case reg::SMMU_PTC_FLUSH:
            set(at, word);
            return flush_ptc(word);
        default:
            break;
    }
    if (const Swgroup* const one = swgroup_at(soc(), at)) {
        set(at, word & static_cast<std::uint32_t>(swgroup::ENABLE.mask() | swgroup::ASID.mask()));
        return reconfigured(one->swgroup, false);
    }
    if (is_enable(soc(), at)) return write_enables(at, word);
    set(at, word);
}

/// Bits without a client that can be translated read zero.
void TegraSmmu::write_enables(std::uint32_t offset, std::uint32_t value) {
    std::uint32_t known = 0;
    for (const Client& client : soc().clients) {
        if (client.smmu && reg::client_enable(client.id) == offset) known |= 1U << reg::client_bit(client.id);
    }
    const std::uint32_t changed = (get(offset) ^ value) & known;
    set(offset, value & known);
    for (const Client& client : soc().clients) {
        if (reg::client_enable(client.id) != offset || (changed >> reg::client_bit(client.id) & 1) == 0) continue;
        reconfigured(client.swgroup, false);
    }
}

/// What ports keep of a swgroup, or of all, is asked for anew. The TLB behind them is tagged by ASID and stays.
void TegraSmmu::reconfigured(std::uint32_t swgroup, bool all) {
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::configuration;
    invalidation.stream = swgroup;
    invalidation.stream_mask = all ? 0 : ~std::uint64_t{0};
    tell(invalidation);
}

/// MATCH 1 is not defined: everything goes, as with 0.
void TegraSmmu::flush_tlb(std::uint32_t value) {
    ++counters_.tlb_flushes;
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    invalidation.code = static_cast<std::uint16_t>(tlb_flush::MATCH.get(value));
    const std::uint64_t va = keep(value, 19, 2) << kPageBits;
    if (invalidation.code == tlb_flush::kSection || invalidation.code == tlb_flush::kGroup) {
        const unsigned bits = invalidation.code == tlb_flush::kSection ? kSectionBits : kGroupBits;
        invalidation.by_address = true;
        invalidation.leaf = bits == kGroupBits;  // a directory word goes with its section
        invalidation.first = va & ~low_mask(bits);
        invalidation.last = invalidation.first | low_mask(bits);
    }
    if (tlb_flush::ASID_MATCH.test(value)) {
        invalidation.space = soc().asids == 4 ? tlb_flush::ASID_OF_FOUR.get(value) : tlb_flush::ASID.get(value);
        invalidation.space_mask = invalidation.global_mask = ~std::uint64_t{0};
    }
    tlb_.invalidate(invalidation);
    tell(invalidation);
}

/// No TLB goes with it: only what the walker reads next.
void TegraSmmu::flush_ptc(std::uint32_t value) {
    ++counters_.ptc_flushes;
    ++epoch_;
    if (ptc_flush::TYPE.get(value) == ptc_flush::kAll) return ptc_.clear();
    std::uint64_t address = keep(value, 31, 4);
    if (soc().address_bits > 32 && parameters_.register_bytes > reg::SMMU_PTC_FLUSH_HI) {
        address |= ptc_flush::HI.get(get(reg::SMMU_PTC_FLUSH_HI)) << 32;
    }
    ptc_.drop(address);
}

const Client* TegraSmmu::client_of(std::uint32_t swgroup, bool write) const {
    const Client* any = nullptr;
    for (const Client& client : soc().clients) {
        if (client.swgroup != swgroup) continue;
        if (client.writes == write) return &client;
        if (any == nullptr) any = &client;
    }
    return any;
}

bool TegraSmmu::client_enabled(const Client& client) const {
    return client.smmu && (get(reg::client_enable(client.id)) >> reg::client_bit(client.id) & 1) != 0;
}

std::optional<std::uint64_t> TegraSmmu::space_of_stream(StreamId stream) const {
    const Swgroup* const one = find_swgroup(soc(), value(stream));
    if (one == nullptr || !swgroup::ENABLE.test(get(one->reg))) return ~std::uint64_t{0};
    return swgroup::ASID.get(get(one->reg));
}

std::unique_ptr<TranslationSlot> TegraSmmu::make_translation() { return std::make_unique<Slot>(*this); }

/// `rights`: of the word that refused, if there was one.
void TegraSmmu::raise(Fault fault, const Client* client, std::uint64_t address, bool write, std::uint32_t rights) {
    std::uint64_t status = 0;
    if (fault == Fault::decode_error) {
        // The table's reader is the PTC's own client, number 0.
        status = err_status::TYPE.of(err_status::TYPE_DECERR_EMEM) | err_status::NONSECURE.of(1);
        status |= err_status::ADR_HI.of(address >> 32);
        return latch(static_cast<std::uint32_t>(interrupt::DECERR_EMEM.of(1)), static_cast<std::uint32_t>(status),
                     address);
    }
    status = err_status::TYPE.of(err_status::TYPE_INVALID_SMMU_PAGE) | err_status::RW.of(write ? 1 : 0);
    status |= client->id & soc().client_id_mask;
    const bool page = fault == Fault::read_denied || fault == Fault::write_denied;
    status |= err_status::NONSECURE.of(page ? word::NONSECURE.get(rights) : 1);
    if (page) {
        status |=
            err_status::READABLE.of(word::READABLE.get(rights)) | err_status::WRITABLE.of(word::WRITABLE.get(rights));
    }
    status |= err_status::ADR_HI.of(address >> 32);
    latch(static_cast<std::uint32_t>(interrupt::INVALID_SMMU_PAGE.of(1)), static_cast<std::uint32_t>(status), address);
}

void TegraSmmu::latch(std::uint32_t cause, std::uint32_t status, std::uint64_t address) {
    if (get(reg::INTSTATUS) != 0) {
        ++counters_.faults_lost;
        set(reg::INTSTATUS, get(reg::INTSTATUS) | cause);
        return update_line(false);
    }
    set(reg::ERR_STATUS, status);
    set(reg::ERR_ADR, static_cast<std::uint32_t>(address));
    set(reg::INTSTATUS, cause);
    update_line(false);
}

void TegraSmmu::update_line(bool causes_changed) {
    const bool level = (get(reg::INTSTATUS) & get(reg::INTMASK)) != 0;
    if (level && (!line_ || causes_changed)) pulse_ = true;
    line_ = level;
}

std::optional<unsigned> TegraSmmu::take_wire() {
    if (!pulse_) return std::nullopt;
    pulse_ = false;
    return 0;
}

std::vector<std::uint64_t> TegraSmmu::counter_values() const {
    return {counters_.translations, counters_.passed,      counters_.tlb_misses,
            counters_.walks,        counters_.walk_reads,  counters_.faults,
            counters_.faults_lost,  counters_.tlb_flushes, counters_.ptc_flushes};
}

CacheCounters TegraSmmu::structure_counters(std::size_t row) const {
    return row == 0 ? tlb_.counters() : ptc_.counters();
}

bool TegraSmmu::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const auto bits = static_cast<std::uint32_t>(word);
    const bool directory = purpose == Purpose::directory;
    out.present = word::usable(bits);
    out.leaf = !directory || !word::NEXT.test(bits);
    out.log2_bytes = static_cast<std::uint8_t>(directory ? kSectionBits : kPageBits);
    out.target = word::address(bits, soc().address_bits);
    out.target_bytes = !directory ? std::uint64_t{1} << kPageBits
                       : out.leaf ? std::uint64_t{1} << kSectionBits
                                  : kTableBytes;
    out.next = Purpose::table;
    return directory || purpose == Purpose::table;
}

}  // namespace xlate::iommu::tegra
