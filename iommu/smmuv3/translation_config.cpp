// The configuration of a translation: STE, CD, what they allow. Sections 1.5, 1.6 and 1.9, steps 2 to 4.
#include "iommu/smmuv3/smmu.hpp"
#include "iommu/smmuv3/translation.hpp"

namespace xlate::iommu::smmuv3 {

/// Section 1.9, steps 2 and 3, with the STE in hand.
bool Translation::ste_done(Smmu& smmu) {
    const Features& f = smmu.features();
    if (!ste::V.test(ste_words_)) return fail(smmu, EventCode::C_BAD_STE);
    if (ste::Config.get(ste_words_) < ste::CONFIG_BYPASS) return quiet_abort(smmu);
    if (illegal_ste(ste_words_, f)) return fail(smmu, EventCode::C_BAD_STE);
    config_.ste = decode_ste(ste_words_, f);
    configured_ = true;
    config_.cd_index = request_.ssid ? value(*request_.ssid) : 0;
    config_.s1 = config_.ste.s1 && stages_ != Stages::stage2;
    config_.s1_bypassed_by_dss = false;
    const SteConfig& ste_config = config_.ste;
    // A single CD, or none, has no substreams.
    if (request_.ssid &&
        (!ste_config.s1 || ste_config.s1_cd_max == 0 || (config_.cd_index >> ste_config.s1_cd_max) != 0)) {
        return bad_substream(smmu);
    }
    if (ste_config.s1 && ste_config.s1_cd_max > 0) {
        if (!request_.ssid) {
            if (ste_config.s1dss == ste::S1DSS_TERMINATE) return fail(smmu, EventCode::F_STREAM_DISABLED);
            if (ste_config.s1dss == ste::S1DSS_BYPASS) {
                config_.s1 = false;
                config_.s1_bypassed_by_dss = true;
            }
        } else if (ste_config.s1dss == ste::S1DSS_SSID0 && config_.cd_index == 0) {
            return fail(smmu, EventCode::F_STREAM_DISABLED);
        }
    }
    if (const auto refused = ats_refusal(smmu)) return fail(smmu, *refused);
    // Translated traffic meets stage 2 at most: its CD is not looked at, and the result is not kept.
    if (!config_.s1 || request_.ats == AtsType::translated) {
        make_space(smmu);
        keep_config(smmu);
        state_ = State::configured;
        return false;
    }
    apply_overrides();
    if (ste_config.s1_cd_max == 0 || ste_config.s1_format == ste::S1FMT_LINEAR) {
        return locate_cd(ste_config.s1_context_ptr + std::uint64_t{config_.cd_index} * kCdBytes, State::cd_pointer,
                         State::cd);
    }
    const unsigned split = ste_config.s1_format == ste::S1FMT_4K_L2 ? 6 : 10;
    const std::uint64_t bytes = std::uint64_t{l1cd::kBytes}
                                << (ste_config.s1_cd_max > split ? ste_config.s1_cd_max - split : 0);
    const std::uint64_t array = align_down(ste_config.s1_context_ptr, bytes < 64 ? 64 : bytes);
    return locate_cd(array + std::uint64_t{config_.cd_index >> split} * l1cd::kBytes, State::cd_l1_pointer,
                     State::cd_l1);
}

/// A CD pointer is an IPA if stage 2 is on.
bool Translation::locate_cd(std::uint64_t address, State through_stage2, State direct) {
    pointer_ = address;
    state_ = direct;
    if (config_.ste.s2) {
        stage2_.start(address, Stage2Use::cd);
        state_ = through_stage2;
    }
    return false;
}

bool Translation::cd_done(Smmu& smmu, const Reply& reply) {
    if (reply.abort) return fail(smmu, EventCode::F_CD_FETCH, pointer_);
    const CdWords words = words_from_bytes<8>(reply.data.data());
    const bool e2h = cr2::E2H.test(smmu.registers.cr2);
    if (illegal_cd(words, ste_words_, smmu.features(), e2h)) return fail(smmu, EventCode::C_BAD_CD);
    config_.stage1 = decode_cd(words, config_.ste, smmu.features(), e2h);
    make_space(smmu);
    keep_config(smmu);
    state_ = State::configured;
    return false;
}

void Translation::make_space(const Smmu& smmu) {
    const SteConfig& ste_config = config_.ste;
    if (config_.s1) {
        config_.regime = ste_config.strw == ste::STRW_EL2
                             ? (cr2::E2H.test(smmu.registers.cr2) ? Regime::el2_e2h : Regime::el2)
                             : (ste_config.s2 ? Regime::ns_el1_nested : Regime::ns_el1);
        const bool el2 = ste_config.strw == ste::STRW_EL2;
        config_.space = space_tag::make(config_.regime, el2 ? std::uint16_t{0} : ste_config.vmid, config_.stage1.asid,
                                        config_.stage1.aset);
    } else {
        config_.regime = ste_config.s2 ? Regime::ns_stage2 : Regime::bypass;
        config_.space = space_tag::make(config_.regime, ste_config.s2 ? ste_config.vmid : std::uint16_t{0}, 0, false);
    }
}

void Translation::keep_config(Smmu& smmu) {
    if (request_.debug || request_.ats == AtsType::translated || stages_ != Stages::all || epoch_ != smmu.epoch())
        return;
    smmu.config_cache.fill(config_);
}

void Translation::apply_overrides() {
    effective_ = request_;
    if (!configured_) return;
    const SteConfig& ste_config = config_.ste;
    if (ste_config.privcfg >= 2) effective_.privileged = ste_config.privcfg == 3;
    if (ste_config.instcfg >= 2) effective_.instruction = ste_config.instcfg == 3;
    if (effective_.write) effective_.instruction = false;
}

/// Section 1.9, step 3: what ATS traffic may not do.
std::optional<EventCode> Translation::ats_refusal(const Smmu& smmu) const {
    if (request_.ats == AtsType::untranslated) return std::nullopt;
    const bool checked = smmu.registers.enabled(cr0::ATSCHK);
    unsigned eats = config_.ste.eats;
    if (eats == ste::EATS_S1CHK && !checked) eats = 0;
    if (eats == ste::EATS_DPT) eats = 0;
    if (eats != 0) return std::nullopt;
    return request_.ats == AtsType::translation_request ? EventCode::F_BAD_ATS_TREQ : EventCode::F_TRANSL_FORBIDDEN;
}

}  // namespace xlate::iommu::smmuv3
