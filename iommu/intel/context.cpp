#include "iommu/intel/context.hpp"

#include "iommu/intel/vtd.hpp"

namespace xlate::iommu::vtd {

namespace {

std::uint64_t pasid_tag(std::uint16_t sid, std::uint32_t pasid) {
    return stream_tag(StreamId{sid}, SubstreamId{pasid});
}

Reason check_legacy(const Context& entry, const VtdParams& params) {
    const std::uint64_t low = entry.words[0], high = entry.words[1];
    if ((low & context::kReserved0) != 0 || (high & context::kReserved1) != 0) return Reason::context_reserved;
    const std::uint64_t type = context::TT.get(low), aw = context::AW.get(high);
    // The table pointer is not looked at where nothing is walked.
    if (type != context::PASS_THROUGH && params.beyond(context::table(low))) return Reason::context_reserved;
    if (entry.did() >> params.domain_bits() != 0) return Reason::context_reserved;
    switch (type) {
        case context::TRANSLATE:
            break;
        case context::DEVICE_TLB:
            if (!params.has(ecap::DT)) return Reason::context_invalid;
            break;
        case context::PASS_THROUGH:
            // 9.3: AW must be the largest that there is.
            if (!params.has(ecap::PT) || aw != params.largest_aw()) return Reason::context_invalid;
            break;
        default:
            return Reason::context_invalid;
    }
    return aw != 0 && aw <= 3 && params.has_levels(context::levels(aw)) ? Reason::none : Reason::context_invalid;
}

Reason check_scalable(const Context& entry, const VtdParams& params) {
    const auto& words = entry.words;
    if ((words[0] & scalable_context::kReserved0) != 0 || (words[1] & scalable_context::kReserved1) != 0 ||
        words[2] != 0 || words[3] != 0 || params.beyond(scalable_context::directory(words[0]))) {
        return Reason::sm_context_reserved;
    }
    return Reason::none;
}

}  // namespace

Reason check(const Context& context, const VtdParams& params, bool scalable) {
    return scalable ? check_scalable(context, params) : check_legacy(context, params);
}

Reason check(const PasidEntry& entry, const VtdParams& params) {
    const auto& words = entry.words;
    std::uint64_t reserved =
        (words[0] & pasid::kReserved0) | (words[1] & pasid::kReserved1) | (words[2] & pasid::kReserved2);
    reserved |= words[3] & ~low_mask(12);
    for (unsigned i = 4; i < 8; ++i) reserved |= words[i];
    if (reserved != 0 || entry.did() >> params.domain_bits() != 0) return Reason::sm_pasid_reserved;
    const std::uint64_t type = entry.type();
    const bool first = type == pasid::FIRST_LEVEL || type == pasid::NESTED;
    const bool second = type == pasid::SECOND_LEVEL || type == pasid::NESTED;
    if (!first && !second && type != pasid::PASS_THROUGH) return Reason::sm_pasid_invalid;
    if (type == pasid::PASS_THROUGH && !params.has(ecap::PT)) return Reason::sm_pasid_invalid;
    if (type == pasid::NESTED && !params.has(ecap::NEST)) return Reason::sm_pasid_invalid;
    if (second) {
        const std::uint64_t aw = pasid::AW.get(words[0]);
        if (!params.has(ecap::SLTS) || aw == 0 || aw > 3 || !params.has_levels(context::levels(aw))) {
            return Reason::sm_pasid_invalid;
        }
        if (params.beyond(pasid::table(words[0]))) return Reason::sm_pasid_reserved;
        if (pasid::SLADE.test(words[0]) && !params.has(ecap::SLADS)) return Reason::sm_pasid_invalid;
    }
    if (first) {
        const std::uint64_t paging = pasid::FLPM.get(words[2]);
        const bool modelled = paging == 0 || (paging == 1 && cap::FS5LP.test(params.cap));
        if (!params.has(ecap::FLTS) || !modelled) return Reason::sm_pasid_invalid;
    }
    return Reason::none;
}

void ContextWalk::read(Step& step, std::uint64_t address, std::uint32_t size, AccessPurpose purpose, State next) {
    state_ = next;
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{address};
    step.access.size = size;
    step.access.purpose = purpose;
}

Progress ContextWalk::advance(Vtd& unit, const Reply& reply, Step& step) {
    const bool scalable = unit.scalable();
    for (;;) {
        switch (state_) {
            case State::begin:
                epoch_ = unit.epoch();
                located_ = false;
                context_ = {};
                if (unit.table_mode() > (unit.params().has(ecap::SMTS) ? rtaddr::SCALABLE : rtaddr::LEGACY)) {
                    return fail(Reason::sm_table_address);
                }
                state_ = State::root;
                if (!unit.context_cache.enabled() || debug_) break;
                state_ = State::looked_up;
                step.kind = StepKind::lookup;
                step.lookup = {Structure::config_cache, 1, 0};
                return Progress::step;
            case State::looked_up: {
                const Context* hit = unit.context_cache.lookup(stream_tag(StreamId{sid_}, std::nullopt));
                if (hit != nullptr) {
                    context_ = *hit;
                    located_ = true;
                    return Progress::done;
                }
                ++unit.counters.context_misses;
                state_ = State::root;
                break;
            }
            case State::root: {  // 9.1, 9.2
                std::uint64_t at = unit.root_table() + static_cast<std::uint64_t>(sid_ >> 8) * kRootEntryBytes;
                if (scalable && (sid_ & 0x80) != 0) at += 8;
                if (!debug_) ++unit.counters.config_reads;
                read(step, at, scalable ? 8 : kRootEntryBytes, Purpose::root_entry, State::root_entry);
                return Progress::step;
            }
            case State::root_entry: {
                if (reply.abort) return fail(scalable ? Reason::sm_root_access : Reason::root_access);
                const std::uint64_t low = load_le(&reply.data[0], 8);
                const std::uint64_t high = scalable ? 0 : load_le(&reply.data[8], 8);
                if (!root::P.test(low)) return fail(scalable ? Reason::sm_root_not_present : Reason::root_not_present);
                if ((low & root::kReserved) != 0 || high != 0 || unit.params().beyond(root::table(low))) {
                    return fail(scalable ? Reason::sm_root_reserved : Reason::root_reserved);
                }
                table_ = root::table(low);
                state_ = State::context;
                break;
            }
            case State::context: {  // 9.3, 9.4
                const std::uint32_t bytes = scalable ? kScalableContextBytes : kContextEntryBytes;
                const std::uint64_t index = static_cast<std::uint64_t>(sid_) & (scalable ? 0x7F : 0xFF);
                if (!debug_) ++unit.counters.config_reads;
                read(step, table_ + index * bytes, bytes, Purpose::context_entry, State::entry);
                return Progress::step;
            }
            case State::entry: {
                if (reply.abort) return fail(scalable ? Reason::sm_context_access : Reason::context_access);
                for (unsigned i = 0; i < (scalable ? 4U : 2U); ++i) context_.words[i] = load_le(&reply.data[8 * i], 8);
                located_ = true;
                if (!context::P.test(context_.words[0])) {
                    return fail(scalable ? Reason::sm_context_not_present : Reason::context_not_present);
                }
                const Reason wrong = check(context_, unit.params(), scalable);
                if (wrong != Reason::none) return fail(wrong);
                if (!debug_ && epoch_ == unit.epoch()) {
                    unit.context_cache.fill(stream_tag(StreamId{sid_}, std::nullopt), context_);
                }
                return Progress::done;
            }
        }
    }
}

Progress PasidWalk::advance(Vtd& unit, const Context& context, const Reply& reply, Step& step) {
    const auto access = [&](std::uint64_t address, std::uint32_t size, AccessPurpose purpose, State next) {
        if (!debug_) ++unit.counters.config_reads;
        state_ = next;
        step.kind = StepKind::access;
        step.access = {};
        step.access.address = PhysAddr{address};
        step.access.size = size;
        step.access.purpose = purpose;
        return Progress::step;
    };
    for (;;) {
        switch (state_) {
            case State::begin:
                epoch_ = unit.epoch();
                entry_ = {};
                state_ = State::directory;
                if (!unit.pasid_cache.enabled() || debug_) break;
                state_ = State::looked_up;
                step.kind = StepKind::lookup;
                step.lookup = {Structure::config_cache, 1, 1};
                return Progress::step;
            case State::looked_up: {
                const PasidEntry* hit = unit.pasid_cache.lookup(pasid_tag(sid_, pasid_));
                if (hit != nullptr) {
                    entry_ = *hit;
                    return Progress::done;
                }
                ++unit.counters.pasid_misses;
                state_ = State::directory;
                break;
            }
            case State::directory:  // 9.5
                return access(scalable_context::directory(context.words[0]) +
                                  pasid_directory::index(pasid_) * kPasidDirectoryBytes,
                              kPasidDirectoryBytes, Purpose::pasid_directory, State::directory_entry);
            case State::directory_entry: {
                if (reply.abort) return fail(Reason::sm_directory_access);
                const std::uint64_t word = load_le(&reply.data[0], 8);
                entry_.silent = pasid_directory::FPD.test(word);
                if (!pasid_directory::P.test(word)) return fail(Reason::sm_directory_not_present);
                if ((word & pasid_directory::kReserved) != 0 || unit.params().beyond(pasid_directory::table(word))) {
                    return fail(Reason::sm_directory_reserved);
                }
                table_ = pasid_directory::table(word);
                state_ = State::table;
                break;
            }
            case State::table:  // 9.6
                return access(table_ + pasid::index(pasid_) * kPasidEntryBytes, kPasidEntryBytes, Purpose::pasid_entry,
                              State::entry);
            case State::entry: {
                if (reply.abort) return fail(Reason::sm_pasid_access);
                for (unsigned i = 0; i < 8; ++i) entry_.words[i] = load_le(&reply.data[8 * i], 8);
                entry_.silent = entry_.silent || pasid::FPD.test(entry_.words[0]);
                if (!pasid::P.test(entry_.words[0])) return fail(Reason::sm_pasid_not_present);
                const Reason wrong = check(entry_, unit.params());
                if (wrong != Reason::none) return fail(wrong);
                if (!debug_ && epoch_ == unit.epoch()) unit.pasid_cache.fill(pasid_tag(sid_, pasid_), entry_);
                return Progress::done;
            }
        }
    }
}

}  // namespace xlate::iommu::vtd
