#include "iommu/smmuv2/smmu.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

std::vector<WalkCache> walk_caches(const SmmuParams& params, const CacheParams (&shapes)[4], const char* stage) {
    std::vector<WalkCache> caches;
    for (unsigned level = 0; level < 4; ++level) {
        CacheParams shape = shapes[level];
        shape.enabled = shape.enabled && params.caches.walk_enabled;
        caches.emplace_back(shape, params.seed, params.name + ".walk." + stage + "." + std::to_string(level));
    }
    return caches;
}

}  // namespace

Smmu::Smmu(const SmmuParams& params)
    : registers(params),
      tlb({params.caches.tlb, TlbTagging::address_space, space_tag::ASID.mask()}, params.seed, params.name + ".tlb"),
      ipa_cache({params.caches.ipa, TlbTagging::address_space, 0}, params.seed, params.name + ".ipa"),
      walk_s1(walk_caches(params, params.caches.walk_s1, "s1")),
      walk_s2(walk_caches(params, params.caches.walk_s2, "s2")),
      params_(params),
      covered_(params.features.numcb + 1U, false),
      again_(params.features.numcb + 1U, false),
      lines_(params.global_interrupts + params.context_interrupts, false),
      pulses_(lines_.size(), false) {
    operations_.reserve(16);
    update_translates();
}

void Smmu::reset() {
    registers.reset(params_);
    tlb.clear();
    ipa_cache.clear();
    for (WalkCache& cache : walk_s1) cache.clear();
    for (WalkCache& cache : walk_s2) cache.clear();
    stalls.terminate_all();
    covered_.assign(covered_.size(), false);
    again_.assign(again_.size(), false);
    sync_given_ = false;
    syncs_active_ = 0;
    operations_.clear();
    operation_running_ = false;
    lines_.assign(lines_.size(), false);
    pulses_.assign(pulses_.size(), false);
    update_translates();
    invalidate({});
}

void Smmu::invalidate(const Invalidation& invalidation) {
    ++epoch_;
    tlb.invalidate(invalidation);
    ipa_cache.invalidate(invalidation);
    for (WalkCache& cache : walk_s1) cache.invalidate(invalidation);
    for (WalkCache& cache : walk_s2) cache.invalidate(invalidation);
    tell(invalidation);
}

void Smmu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned /*bank*/) {
    const Write write = registers.write(offset, size, value);
    switch (write.effect) {
        case Effect::none:
            return;
        case Effect::global:
            update_translates();
            invalidate(configuration(0, 0, TlbOp::global));
            update_wires();
            return;
        case Effect::mapping:
            return mapping_changed(write);
        case Effect::context:
            forget_bank(write.index, TlbOp::bank);
            stalls.release(write.index);
            update_wires();
            return;
        case Effect::gfsr:
            update_wires();
            rearm(0);
            return;
        case Effect::fsr:
        case Effect::resume: {
            Bank& bank = registers.banks[write.index];
            if (write.effect == Effect::resume) {
                const bool terminate = resume::TNR.test(write.value);
                stalls.resume(write.index, terminate ? Stalls::Answer::terminate : Stalls::Answer::retry);
                bank.fsr &= ~static_cast<std::uint32_t>(fsr::SS.mask());
            }
            if (!bank.faulted()) stalls.release(write.index);
            update_wires();
            if (const auto wire = wire_of_bank(write.index)) rearm(*wire);
            return;
        }
        case Effect::tlbi:
            ++counters.invalidations;
            return write.index == Write::kGlobal ? global_invalidation(write) : bank_invalidation(write);
        case Effect::sync: {
            const bool global = write.index == Write::kGlobal;
            const std::size_t at = global ? covered_.size() - 1 : write.index;
            const bool busy = global ? registers.sync_active : registers.bank_sync_active[write.index];
            if (!busy) ++syncs_active_;
            if (global) registers.sync_active = true;
            if (!global) registers.bank_sync_active[write.index] = true;
            if (sync_given_) again_[at] = true;
            return;
        }
        case Effect::ats:
            operations_.push_back({write.index, write.offset, write.value});
            return;
    }
}

void Smmu::global_invalidation(const Write& write) {
    const auto vmid = static_cast<std::uint16_t>(registers.vmid16() ? write.value : write.value & 0xFF);
    switch (write.offset) {
        case gr0::TLBIVMID:
            return invalidate(by_vmid(vmid));
        case gr0::TLBIVMIDS1:
            return invalidate(stage1_of_vmid(vmid, TlbOp::vmid_s1));
        case gr0::TLBIALLNSNH:
            return invalidate(all_nsnh());
        case gr0::TLBIALLH:
            return invalidate(all_hyp());
        case gr0::TLBIVAH:
            return invalidate(by_va_hyp(write.value, false));
        case gr0::TLBIVAH64:
        case gr0::TLBIVALH64:
            return invalidate(by_va_hyp(tlbiva::VA.get(write.value) << 12, write.offset == gr0::TLBIVALH64));
        default:
            return;
    }
}

void Smmu::bank_invalidation(const Write& write) {
    const Bank& bank = registers.banks[write.index];
    const std::uint16_t vmid = registers.vmid(write.index);
    const bool wide = bank.aarch64();
    const bool hyp = bank.type() == cbar::TYPE_S1_TRANS_S2_BYPASS && cbar::HYPC.test(bank.cbar);
    const bool asid16 = wide && tcr2::AS.test(bank.tcr2);
    const std::uint64_t va =
        wide ? tlbiva::VA.get(write.value) << 12 : tlbiva::A32_VA.get(write.value) << tlbiva::A32_VA.lsb;
    std::uint64_t asid = wide ? tlbiva::ASID.get(write.value) : tlbiva::A32_ASID.get(write.value);
    if (write.offset == cb::TLBIASID) asid = tlbiasid::ASID.get(write.value);
    const auto tag = static_cast<std::uint16_t>(asid16 ? asid : asid & 0xFF);
    const bool leaf = write.offset == cb::TLBIVAL || write.offset == cb::TLBIVAAL || write.offset == cb::TLBIIPAS2L;
    switch (write.offset) {
        case cb::TLBIALL:
            if (hyp) return invalidate(all_hyp());
            return invalidate(bank.type() == cbar::TYPE_S2_TRANS ? by_vmid(vmid)
                                                                 : stage1_of_vmid(vmid, TlbOp::bank_all));
        case cb::TLBIASID:
            return invalidate(hyp ? all_hyp() : by_asid(vmid, tag));
        case cb::TLBIVA:
        case cb::TLBIVAL:
            return invalidate(hyp ? by_va_hyp(va, leaf) : by_va(vmid, tag, va, leaf));
        case cb::TLBIVAA:
        case cb::TLBIVAAL:
            return invalidate(hyp ? by_va_hyp(va, leaf) : by_va_any_asid(vmid, va, leaf));
        case cb::TLBIIPAS2:
        case cb::TLBIIPAS2L:
            return invalidate(by_ipa(vmid, tlbiva::IPA.get(write.value) << 12, leaf));
        default:
            return;
    }
}

/// Ports forget the streams that a group had, and those that it has now.
void Smmu::mapping_changed(const Write& write) {
    const bool exid = registers.exid();
    const auto valid = [&](std::uint32_t smr, std::uint32_t s2cr) {
        return exid ? s2cr::EXIDVALID.test(s2cr) : smr::VALID.test(smr);
    };
    if (features().sms == 0) return forget_streams(write.index, 0, TlbOp::stream);
    const auto smr_before = static_cast<std::uint32_t>(write.value);
    const auto s2cr_before = static_cast<std::uint32_t>(write.value >> 32);
    const std::uint32_t smr_now = registers.smr[write.index];
    if (valid(smr_before, s2cr_before)) forget_streams(write.index, smr_before, TlbOp::stream);
    if (registers.smr_valid(write.index) && (smr_now != smr_before || !valid(smr_before, s2cr_before))) {
        forget_streams(write.index, smr_now, TlbOp::stream);
    }
}

void Smmu::forget_streams(unsigned group, std::uint32_t word, TlbOp op) {
    if (features().sms == 0) return invalidate(configuration(group, ~std::uint64_t{0}, op));
    const bool exid = registers.exid();
    const std::uint64_t id = exid ? smr::EXID.get(word) : smr::ID.get(word);
    const std::uint64_t mask = exid ? smr::EXMASK.get(word) : smr::MASK.get(word);
    // A substream tag is above: the SMMU knows none.
    invalidate(configuration(id & ~mask, low_mask(32) & ~mask, op));
}

/// Ports forget the streams whose context is `bank`, as stage 1 or as stage 2.
void Smmu::forget_bank(unsigned bank, TlbOp op) {
    for (unsigned group = 0; group < registers.groups(); ++group) {
        const std::uint32_t word = registers.s2cr[group];
        if (s2cr::TYPE.get(word) != s2cr::TYPE_TRANS) continue;
        if (features().sms != 0 && !registers.smr_valid(group)) continue;
        const std::uint64_t own = s2cr::CBNDX.get(word);
        if (own >= registers.banks.size()) continue;
        const Bank& first = registers.banks[own];
        const bool behind = first.type() == cbar::TYPE_S1_TRANS_S2_TRANS && cbar::CBNDX.get(first.cbar) == bank;
        if (own == bank || behind) forget_streams(group, features().sms != 0 ? registers.smr[group] : 0, op);
    }
}

const Step& Smmu::step_sync(const Reply& /*reply*/) {
    const std::size_t last = covered_.size() - 1;
    if (sync_given_) {
        sync_given_ = false;
        ++counters.syncs;
        for (std::size_t i = 0; i <= last; ++i) {
            if (!covered_[i] || again_[i]) continue;
            covered_[i] = false;
            if (i == last) registers.sync_active = false;
            if (i != last) registers.bank_sync_active[i] = false;
            --syncs_active_;
        }
        again_.assign(again_.size(), false);
    }
    sync_step_.kind = StepKind::idle;
    if (syncs_active_ == 0) return sync_step_;
    for (std::size_t i = 0; i <= last; ++i) {
        covered_[i] = i == last ? registers.sync_active : registers.bank_sync_active[i];
    }
    sync_given_ = true;
    sync_step_.kind = StepKind::sync;
    return sync_step_;
}

}  // namespace xlate::iommu::smmuv2
