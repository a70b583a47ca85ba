#include "iommu/smmuv2/smmu.hpp"
#include "iommu/smmuv2/walk.hpp"
#include "iommu/tables/memory_attributes.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

namespace pte = vmsa8_64::pte;

/// Rights of one privilege level before execute-never bits.
struct Rights {
    bool user_read = false, user_write = false, read = false, write = false;
};

/// `user_xn`, `privileged_xn`: as descriptors say. Source: section 1.10; DDI 0406C B3.7.
Permissions permissions(Rights r, bool user_xn, bool privileged_xn, const Stage1& s1) {
    std::uint8_t bits = 0;
    if (r.user_read) bits |= Permissions::kUserRead;
    if (r.user_write) bits |= Permissions::kUserWrite;
    if (r.read) bits |= Permissions::kPrivilegedRead;
    if (r.write) bits |= Permissions::kPrivilegedWrite;
    if (r.user_read && !user_xn && !(s1.wxn && r.user_write)) bits |= Permissions::kUserExecute;
    // What unprivileged software can write, privileged software does not execute: always in AArch64, else with UWXN.
    const bool written_by_user = r.user_write && (s1.format == Format::aarch64 || s1.uwxn);
    if (r.read && !privileged_xn && !(s1.wxn && r.write) && !written_by_user) bits |= Permissions::kPrivilegedExecute;
    return {bits};
}

}  // namespace

std::uint64_t input_address(const Stage1& s1, std::uint64_t va) {
    if (s1.sign_bit == 0) return va;
    // What is above the sign must be its copy or zero (the bus does not carry it); else it is left, to fault.
    const std::uint64_t above = ~low_mask(s1.sign_bit + 1U);
    if ((va & above) != 0) return va;
    return ((va >> s1.sign_bit) & 1) != 0 ? va | above : va;
}

unsigned select_half(const Stage1& s1, std::uint64_t input) {
    if (s1.format == Format::aarch64) {
        const unsigned upper = static_cast<unsigned>((input >> 55) & 1);
        const Stage1Half& chosen = s1.half[upper];
        const unsigned top = chosen.tbi ? 56 : 64;
        const std::uint64_t above = (input & low_mask(top)) >> chosen.input_bits;
        return above == (upper == 0 ? 0 : low_mask(top - chosen.input_bits)) ? upper : 2;
    }
    if ((input >> 32) != 0) return 2;
    const Stage1Half& lower = s1.half[0];
    if (s1.format == Format::short32) return (input >> lower.input_bits) == 0 ? 0 : 1;
    // T0SZ 0 and T1SZ 0: all is TTBR0's. A size of 0 alone: what the other one leaves.
    const Stage1Half& upper = s1.half[1];
    const bool in_lower = (input >> lower.input_bits) == 0;
    const bool in_upper = upper.input_bits < 32 && (input >> upper.input_bits) == low_mask(32U - upper.input_bits);
    if (lower.input_bits == 32) return in_upper ? 1 : 0;
    if (in_lower) return 0;
    return upper.input_bits == 32 || in_upper ? 1 : 2;
}

unsigned Stage1Walk::shift(const Stage1& s1, unsigned level) const {
    if (s1.format == Format::short32) return level <= 1 ? vmsa7_short::kSectionBits : vmsa7_short::kPageBits;
    return vmsa8_64::level_shift(s1.half[half_].granule, level);
}

Progress Stage1Walk::fail(FaultCode code, bool walk) {
    fault_ = {};
    fault_.code = code;
    fault_.level = level_;
    fault_.walk = walk;
    return Progress::fault;
}

/// Progress::done: the walk goes on.
Progress Stage1Walk::begin(const Request& request, const Stage1& s1) {
    level_ = s1.format == Format::aarch64 ? 0 : 1;
    const std::uint64_t input = input_address(s1, request.address);
    const unsigned chosen = select_half(s1, input);
    if (chosen > 1) return fail(FaultCode::TF);
    half_ = static_cast<std::uint8_t>(chosen);
    const Stage1Half& half = s1.half[half_];
    if (half.disabled) return fail(FaultCode::TF);
    if ((half.ttb >> s1.output_bits) != 0) return fail(FaultCode::ASF);
    va_ = input & low_mask(56);
    limits_ = {};
    return Progress::done;
}

Progress Stage1Walk::advance(Smmu& smmu, const Request& request, const Context& context, const Reply& reply,
                             Step& step) {
    const Stage1& s1 = context.stage1;
    const bool is_short = s1.format == Format::short32;
    const std::uint32_t descriptor_bytes = is_short ? 4 : 8;
    for (;;) {
        const Stage1Half& half = s1.half[half_];
        switch (state_) {
            case State::begin:
                epoch_ = smmu.epoch();
                if (begin(request, s1) == Progress::fault) return Progress::fault;
                lookup_level_ = is_short ? 2 : 4;
                state_ = State::cache_lookup;
                break;
            case State::cache_lookup:
                state_ = State::root;
                while (lookup_level_ > half.start_level && !request.debug) {
                    --lookup_level_;
                    if (!smmu.walk_s1[lookup_level_].enabled()) continue;
                    state_ = State::cache_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::walk_cache, 1, lookup_level_};
                    return Progress::step;
                }
                break;
            case State::cache_looked_up: {
                state_ = State::cache_lookup;
                const WalkCacheEntry* hit =
                    smmu.walk_s1[lookup_level_].lookup(context.space, va_, shift(s1, lookup_level_));
                if (hit == nullptr) break;
                table_ = hit->table;
                limits_ = hit->limits;
                level_ = static_cast<std::uint8_t>(lookup_level_ + 1);
                state_ = State::locate;
                break;
            }
            case State::root: {
                level_ = half.start_level;
                const std::uint64_t bytes =
                    (std::uint64_t{1} << (half.input_bits - shift(s1, level_))) * descriptor_bytes;
                table_ = align_down(half.ttb, bytes < 16 ? 16 : bytes);
                state_ = State::locate;
                break;
            }
            case State::locate: {
                const unsigned low = shift(s1, level_);
                const unsigned whole = is_short ? 8 : vmsa8_64::stride(half.granule);
                const unsigned width = level_ == half.start_level ? half.input_bits - low : whole;
                descriptor_ipa_ = table_ + ((va_ >> low) & low_mask(width)) * descriptor_bytes;
                descriptor_address_ = descriptor_ipa_;
                state_ = State::fetch;
                if (context.s2) {
                    stage2_.start(descriptor_ipa_, true);
                    state_ = State::locating;
                }
                break;
            }
            case State::locating: {
                const Progress progress = stage2_.advance(smmu, request, context, reply, step);
                if (progress == Progress::step) return progress;
                if (progress == Progress::fault) {
                    fault_ = stage2_.fault();
                    return progress;
                }
                descriptor_address_ = stage2_.output().address;
                state_ = State::fetch;
                break;
            }
            case State::fetch:
                if (!request.debug) ++smmu.counters.walk_reads;
                state_ = State::fetched;
                step.kind = StepKind::access;
                step.access.address = PhysAddr{descriptor_address_};
                step.access.size = descriptor_bytes;
                step.access.kind = AccessKind::read;
                step.access.purpose = walk_purpose(1, level_, is_short);
                step.access.input = va_;
                return Progress::step;
            case State::fetched: {
                if (reply.abort) return fail(FaultCode::EF, true);
                const std::uint8_t* bytes = reply.data.data();
                descriptor_ = s1.big_endian ? load_be(bytes, descriptor_bytes) : load_le(bytes, descriptor_bytes);
                const Progress progress =
                    is_short ? short_descriptor(smmu, request, context) : descriptor(smmu, request, context);
                if (progress != Progress::step) return progress;
                break;  // one level down
            }
        }
    }
}

/// Goes on with the table at `next`, one level down.
Progress Stage1Walk::next_table(Smmu& smmu, const Request& request, const Context& context, std::uint64_t next) {
    const Stage1& s1 = context.stage1;
    if (next >> s1.output_bits != 0) return fail(FaultCode::ASF);
    if (!request.debug && epoch_ == smmu.epoch()) {
        const unsigned low = shift(s1, level_);
        smmu.walk_s1[level_].fill(
            {context.space, align_down(va_, std::uint64_t{1} << low), next, static_cast<std::uint8_t>(low),
             static_cast<std::uint8_t>(vmsa8_64::page_bits(s1.half[half_].granule)), level_, limits_});
    }
    table_ = next;
    ++level_;
    state_ = State::locate;
    return Progress::step;
}

Progress Stage1Walk::descriptor(Smmu& smmu, const Request& request, const Context& context) {
    const Stage1& s1 = context.stage1;
    const Granule granule = s1.half[half_].granule;
    const std::uint64_t type = pte::TYPE.get(descriptor_);
    if (!pte::VALID.test(descriptor_)) return fail(FaultCode::TF);
    if (level_ != 3 && type == pte::TYPE_TABLE) {
        limits_.no_write |= pte::APTable1.test(descriptor_);
        limits_.no_user |= pte::APTable0.test(descriptor_);
        limits_.user_xn |= pte::UXNTable.test(descriptor_);
        limits_.privileged_xn |= pte::PXNTable.test(descriptor_);
        const unsigned low = vmsa8_64::page_bits(granule);
        return next_table(smmu, request, context,
                          s1.format == Format::aarch64
                              ? vmsa8_64::descriptor_address(descriptor_, low, vmsa8_64::OutputForm::plain)
                              : vmsa7_long::descriptor_address(descriptor_, low));
    }
    if (level_ != 3 && !vmsa8_64::leaf_allowed(granule, level_, vmsa8_64::OutputForm::plain))
        return fail(FaultCode::TF);
    if (level_ == 3 && type != pte::TYPE_PAGE) return fail(FaultCode::TF);
    return leaf(request, s1);
}

Progress Stage1Walk::leaf(const Request& request, const Stage1& s1) {
    const Stage1Half& half = s1.half[half_];
    const unsigned low = shift(s1, level_);
    const std::uint64_t base = s1.format == Format::aarch64
                                   ? vmsa8_64::descriptor_address(descriptor_, low, vmsa8_64::OutputForm::plain)
                                   : vmsa7_long::descriptor_address(descriptor_, low);
    if (base >> s1.output_bits != 0) return fail(FaultCode::ASF);
    if (!pte::AF.test(descriptor_) && !s1.affd) return fail(FaultCode::AFF);

    const bool writable = !pte::AP2.test(descriptor_) && !limits_.no_write;
    const bool user = s1.hyp || (pte::AP1.test(descriptor_) && !limits_.no_user);
    const bool uxn = pte::UXN.test(descriptor_) || limits_.user_xn;
    // With VMSAv7 the upper bit is of every privilege.
    const bool pxn = pte::PXN.test(descriptor_) || limits_.privileged_xn || (s1.format != Format::aarch64 && uxn);
    output_.permissions = permissions({user, user && writable, true, writable}, uxn, pxn, s1);
    if (s1.hyp) {
        const unsigned one = output_.permissions.bits & 7U;
        output_.permissions.bits = static_cast<std::uint8_t>(one | one << 3);
    }
    if (!output_.permissions.allows(request)) return fail(FaultCode::PF);

    output_.address = base + (va_ & low_mask(low));
    output_.level = level_;
    output_.log2_bytes = static_cast<std::uint8_t>(low);
    if (pte::CONT.test(descriptor_)) {
        const unsigned group = low + vmsa8_64::contiguous_log2_entries(half.granule, level_);
        if (group <= half.input_bits) output_.log2_bytes = static_cast<std::uint8_t>(group);
    }
    output_.leaf_log2_bytes = output_.log2_bytes;
    if (s1.format == Format::long32) keep_clear_of_other_half(s1);
    output_.granule = static_cast<std::uint8_t>(vmsa8_64::page_bits(half.granule));
    output_.attributes.mair = static_cast<std::uint8_t>(s1.mair >> (8 * pte::AttrIndx.get(descriptor_)));
    output_.attributes.shareability =
        static_cast<std::uint8_t>(output_.attributes.mair < 0x10 ? pte::SH_OSH : pte::SH.get(descriptor_));
    output_.global = s1.hyp || !pte::nG.test(descriptor_);
    return Progress::done;
}

/// With sizes of 0 and not 0, one TTBR has what the other one leaves: a block may reach into what is not its own.
void Stage1Walk::keep_clear_of_other_half(const Stage1& s1) {
    const unsigned other = 1U - half_;
    const unsigned bits = s1.half[other].input_bits;
    if (bits >= output_.log2_bytes) return;
    const std::uint64_t region = other == 0 ? 0 : low_mask(32) & ~low_mask(bits);
    if (align_down(region, std::uint64_t{1} << output_.log2_bytes) ==
        align_down(va_, std::uint64_t{1} << output_.log2_bytes)) {
        output_.log2_bytes = static_cast<std::uint8_t>(bits);
    }
}

Progress Stage1Walk::short_descriptor(Smmu& smmu, const Request& request, const Context& context) {
    namespace l1 = vmsa7_short::l1;
    namespace l2 = vmsa7_short::l2;
    const std::uint64_t type = (level_ == 1 ? l1::TYPE : l2::TYPE).get(descriptor_);
    if (type == 0) return fail(FaultCode::TF);
    if (level_ == 1 && type == l1::TYPE_TABLE) {
        limits_.privileged_xn = l1::TABLE_PXN.test(descriptor_);
        return next_table(smmu, request, context, l1::table_address(descriptor_));
    }
    return short_leaf(request, context.stage1);
}

Progress Stage1Walk::short_leaf(const Request& request, const Stage1& s1) {
    namespace l1 = vmsa7_short::l1;
    namespace l2 = vmsa7_short::l2;
    const std::uint64_t d = descriptor_;
    std::uint64_t base = 0;
    unsigned low = 0;
    unsigned tex = 0;
    bool xn = false;
    bool pxn = limits_.privileged_xn;
    const bool section = level_ == 1;
    if (section) {
        const bool super = l1::SUPER.test(d);
        low = super ? vmsa7_short::kSupersectionBits : vmsa7_short::kSectionBits;
        base = super ? l1::supersection_address(d) : l1::section_address(d);
        tex = static_cast<unsigned>(l1::TEX.get(d));
        xn = l1::XN.test(d);
        pxn = l1::PXN.test(d);
    } else {
        const bool large = l2::TYPE.get(d) == l2::TYPE_LARGE;
        low = large ? vmsa7_short::kLargeBits : vmsa7_short::kPageBits;
        base = large ? l2::large_address(d) : l2::small_address(d);
        tex = static_cast<unsigned>((large ? l2::LARGE_TEX : l2::SMALL_TEX).get(d));
        xn = (large ? l2::LARGE_XN : l2::SMALL_XN).test(d);
    }
    if (base >> s1.output_bits != 0) return fail(FaultCode::ASF);

    const std::uint64_t ap = (section ? l1::AP : l2::AP).get(d);
    const bool read_only = (section ? l1::AP2 : l2::AP2).test(d);
    Rights rights;
    if (s1.afe) {
        // AP[0] is the access flag, AP[1] lets unprivileged software in.
        if ((ap & 1) == 0 && !s1.affd) return fail(FaultCode::AFF);
        const bool user = (ap & 2) != 0;
        rights = {user, user && !read_only, true, !read_only};
    } else {
        switch (ap) {
            case 0:
                break;
            case 1:
                rights = {false, false, true, !read_only};
                break;
            case 2:
                rights = {true, false, true, !read_only};
                break;
            default:
                rights = {true, !read_only, true, !read_only};
                break;
        }
    }
    output_.permissions = permissions(rights, xn, xn || pxn, s1);
    if (!output_.permissions.allows(request)) return fail(FaultCode::PF);
    output_.address = base + (va_ & low_mask(low));
    output_.level = level_;
    output_.log2_bytes = static_cast<std::uint8_t>(low);
    output_.leaf_log2_bytes = output_.log2_bytes;
    output_.granule = 12;
    output_.attributes = short_attributes(tex, (section ? l1::C : l2::C).test(d), (section ? l1::B : l2::B).test(d),
                                          (section ? l1::S : l2::S).test(d), s1.tre, s1.mair);
    output_.global = !(section ? l1::nG : l2::nG).test(d);
    return Progress::done;
}

}  // namespace xlate::iommu::smmuv2
