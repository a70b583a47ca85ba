#include "iommu/smmuv2/smmu.hpp"
#include "iommu/smmuv2/walk.hpp"
#include "iommu/tables/memory_attributes.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

namespace pte = vmsa8_64::pte;
using vmsa8_64::kDescriptorBytes;

Permissions stage2_permissions(std::uint64_t descriptor) {
    const bool readable = (pte::S2AP.get(descriptor) & pte::S2AP_READ) != 0;
    const bool writable = (pte::S2AP.get(descriptor) & pte::S2AP_WRITE) != 0;
    const bool execute_never = (pte::S2XN.get(descriptor) & 2) != 0;
    std::uint8_t bits = 0;
    if (readable) bits |= Permissions::kUserRead | Permissions::kPrivilegedRead;
    if (writable) bits |= Permissions::kUserWrite | Permissions::kPrivilegedWrite;
    if (readable && !execute_never) bits |= Permissions::kUserExecute | Permissions::kPrivilegedExecute;
    return {bits};
}

std::uint64_t address_of(const Stage2& s2, std::uint64_t descriptor, unsigned low_bit) {
    return s2.format == Format::aarch64 ? vmsa8_64::descriptor_address(descriptor, low_bit, vmsa8_64::OutputForm::plain)
                                        : vmsa7_long::descriptor_address(descriptor, low_bit);
}

}  // namespace

unsigned Stage2Walk::shift(const Stage2& s2, unsigned level) const { return vmsa8_64::level_shift(s2.granule, level); }

Progress Stage2Walk::fail(FaultCode code, bool walk) {
    fault_ = {};
    fault_.code = code;
    fault_.s2 = true;
    fault_.level = level_;
    fault_.walk = walk;
    fault_.s1_walk = table_read_;
    fault_.ipa = ipa_;
    return Progress::fault;
}

Progress Stage2Walk::advance(Smmu& smmu, const Request& request, const Context& context, const Reply& reply,
                             Step& step) {
    const Stage2& s2 = context.stage2;
    const std::uint64_t space = space_tag::make(Regime::stage2, context.vmid, 0);
    for (;;) {
        switch (state_) {
            case State::begin:
                epoch_ = smmu.epoch();
                level_ = s2.format == Format::aarch64 ? 0 : 1;
                if ((ipa_ >> s2.input_bits) != 0) return fail(FaultCode::TF);
                if ((s2.ttb >> s2.output_bits) != 0) return fail(FaultCode::ASF);
                lookup_level_ = 4;
                state_ = State::cache_lookup;
                if (smmu.ipa_cache.enabled() && !request.debug) {
                    state_ = State::ipa_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::ipa_cache, 2, 0};
                    return Progress::step;
                }
                break;
            case State::ipa_looked_up: {
                state_ = State::cache_lookup;
                const CachedTranslation* hit = smmu.ipa_cache.lookup(space, ipa_);
                if (hit == nullptr) break;
                output_.address = hit->pa + (ipa_ - hit->va);
                output_.log2_bytes = output_.leaf_log2_bytes = hit->log2_bytes;
                output_.level = hit->level;
                output_.granule = hit->granule;
                output_.permissions = hit->permissions;
                output_.attributes = hit->attributes;
                if (permitted(request, s2)) return Progress::done;
                break;  // the walk says why
            }
            case State::cache_lookup:
                state_ = State::root;
                while (lookup_level_ > s2.start_level && !request.debug) {
                    --lookup_level_;
                    if (!smmu.walk_s2[lookup_level_].enabled()) continue;
                    state_ = State::cache_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::walk_cache, 2, lookup_level_};
                    return Progress::step;
                }
                break;
            case State::cache_looked_up: {
                state_ = State::cache_lookup;
                const WalkCacheEntry* hit = smmu.walk_s2[lookup_level_].lookup(space, ipa_, shift(s2, lookup_level_));
                if (hit == nullptr) break;
                table_ = hit->table;
                level_ = static_cast<std::uint8_t>(lookup_level_ + 1);
                state_ = State::fetch;
                break;
            }
            case State::root: {
                level_ = s2.start_level;
                // The root, concatenated or not, is as large as the input needs, and aligned to that.
                const std::uint64_t bytes =
                    (std::uint64_t{1} << (s2.input_bits - shift(s2, level_))) * kDescriptorBytes;
                table_ = align_down(s2.ttb, bytes < 16 ? 16 : bytes);
                state_ = State::fetch;
                break;
            }
            case State::fetch: {
                const unsigned low = shift(s2, level_);
                const unsigned width = level_ == s2.start_level ? s2.input_bits - low : vmsa8_64::stride(s2.granule);
                if (!request.debug) ++smmu.counters.walk_reads;
                state_ = State::fetched;
                step.kind = StepKind::access;
                step.access.address = PhysAddr{table_ + ((ipa_ >> low) & low_mask(width)) * kDescriptorBytes};
                step.access.size = kDescriptorBytes;
                step.access.kind = AccessKind::read;
                step.access.purpose = walk_purpose(2, level_);
                step.access.input = ipa_;
                return Progress::step;
            }
            case State::fetched: {
                if (reply.abort) return fail(FaultCode::EF, true);
                descriptor_ = s2.big_endian ? load_be(reply.data.data(), 8) : load_le(reply.data.data(), 8);
                const std::uint64_t type = pte::TYPE.get(descriptor_);
                if (!pte::VALID.test(descriptor_)) return fail(FaultCode::TF);
                if (level_ != 3 && type == pte::TYPE_TABLE) {
                    const std::uint64_t next = address_of(s2, descriptor_, vmsa8_64::page_bits(s2.granule));
                    if (next >> s2.output_bits != 0) return fail(FaultCode::ASF);
                    if (!request.debug && epoch_ == smmu.epoch()) {
                        const unsigned low = shift(s2, level_);
                        smmu.walk_s2[level_].fill(
                            {space, align_down(ipa_, std::uint64_t{1} << low), next, static_cast<std::uint8_t>(low),
                             static_cast<std::uint8_t>(vmsa8_64::page_bits(s2.granule)), level_, TableLimits{}});
                    }
                    table_ = next;
                    ++level_;
                    state_ = State::fetch;
                    break;
                }
                if (level_ != 3 && !vmsa8_64::leaf_allowed(s2.granule, level_, vmsa8_64::OutputForm::plain))
                    return fail(FaultCode::TF);
                if (level_ == 3 && type != pte::TYPE_PAGE) return fail(FaultCode::TF);
                return leaf(smmu, request, context);
            }
        }
    }
}

bool Stage2Walk::permitted(const Request& request, const Stage2& s2) const {
    if (!table_read_) return output_.permissions.allows(request);
    // PTW: a table of stage 1 in Device memory is not to be read.
    const bool device = output_.attributes.mair < 0x10;
    return (output_.permissions.bits & Permissions::kPrivilegedRead) != 0 && !(s2.ptw && device);
}

Progress Stage2Walk::leaf(Smmu& smmu, const Request& request, const Context& context) {
    const Stage2& s2 = context.stage2;
    const unsigned low = shift(s2, level_);
    const std::uint64_t base = address_of(s2, descriptor_, low);
    if (base >> s2.output_bits != 0) return fail(FaultCode::ASF);
    if (!pte::AF.test(descriptor_) && !s2.affd) return fail(FaultCode::AFF);
    output_.address = base + (ipa_ & low_mask(low));
    output_.level = level_;
    output_.granule = static_cast<std::uint8_t>(vmsa8_64::page_bits(s2.granule));
    output_.log2_bytes = static_cast<std::uint8_t>(low);
    output_.permissions = stage2_permissions(descriptor_);
    output_.attributes.mair = mair_of_stage2(static_cast<unsigned>(pte::MemAttr.get(descriptor_)));
    output_.attributes.shareability = static_cast<std::uint8_t>(pte::SH.get(descriptor_));
    if (!permitted(request, s2)) return fail(FaultCode::PF);
    if (pte::CONT.test(descriptor_)) {
        const unsigned group = low + vmsa8_64::contiguous_log2_entries(s2.granule, level_);
        if (group <= s2.input_bits) output_.log2_bytes = static_cast<std::uint8_t>(group);
    }
    output_.leaf_log2_bytes = output_.log2_bytes;
    if (!request.debug && epoch_ == smmu.epoch()) {
        CachedTranslation entry;
        entry.va = align_down(ipa_, std::uint64_t{1} << output_.log2_bytes);
        entry.pa = align_down(output_.address, std::uint64_t{1} << output_.log2_bytes);
        entry.space = space_tag::make(Regime::stage2, context.vmid, 0);
        entry.stream = stream_tag(request.sid, std::nullopt);
        entry.log2_bytes = output_.log2_bytes;
        entry.granule = output_.granule;
        entry.level = level_;
        entry.permissions = output_.permissions;
        entry.attributes = output_.attributes;
        smmu.ipa_cache.fill(entry);
    }
    return Progress::done;
}

}  // namespace xlate::iommu::smmuv2
