#include "iommu/smmuv3/smmu.hpp"

#include <algorithm>

namespace xlate::iommu::smmuv3 {

namespace {

std::vector<WalkCache> make_walk_caches(const CacheParams (&shapes)[4], const SmmuParams& params, const char* stage) {
    std::vector<WalkCache> caches;
    for (unsigned level = 0; level < 4; ++level) {
        CacheParams shape = shapes[level];
        shape.enabled = shape.enabled && params.caches.walk_enabled;
        caches.emplace_back(shape, params.seed, params.name + ".walk_cache." + stage + ".l" + std::to_string(level));
    }
    return caches;
}

}  // namespace

Smmu::Smmu(const SmmuParams& params)
    : registers(params),
      config_cache(params.caches.config, params.seed, params.name + ".config_cache"),
      tlb({params.caches.tlb, TlbTagging::address_space, space_tag::ASID.mask()}, params.seed, params.name + ".tlb"),
      ipa_cache({params.caches.ipa, TlbTagging::address_space, space_tag::ASID.mask()}, params.seed,
                params.name + ".ipa_cache"),
      walk_s1(make_walk_caches(params.caches.walk_s1, params, "s1")),
      walk_s2(make_walk_caches(params.caches.walk_s2, params, "s2")),
      stalls(params.features.stall_max),
      params_(params) {
    commands_.emplace_back();
    for (std::uint32_t i = 0; i < ecmdq_count(params.features); ++i) commands_.emplace_back(i);
    command_steps_.resize(commands_.size());
}

bool Smmu::partition(const std::shared_ptr<const CachePartitions>& partitions) {
    tlb.partition(partitions);
    ipa_cache.partition(partitions);
    for (std::vector<WalkCache>* caches : {&walk_s1, &walk_s2}) {
        for (WalkCache& cache : *caches) cache.partition(partitions);
    }
    return true;
}

void Smmu::reset() {
    stalls.terminate_all();
    registers.reset(params_);
    for (Commands& queue : commands_) queue.clear();
    prefetches_.clear();
    events.clear();
    interrupts.clear();
    gatos_running_ = false;
    translates_ = false;
    invalidate(Invalidation{});
}

std::uint64_t Smmu::register_bytes(unsigned) const { return smmuv3::register_bytes(params_.features); }

std::uint64_t Smmu::read_register(std::uint64_t offset, unsigned size, unsigned) const {
    return registers.read(static_cast<std::uint32_t>(offset), size);
}

void Smmu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned) {
    registers.write(static_cast<std::uint32_t>(offset), size, value);
}

bool Smmu::ack_pending() const {
    return registers.cr0 != registers.cr0ack || registers.irq_ctrl != registers.irq_ctrlack ||
           gbpa::UPDATE.test(registers.gbpa) ||
           std::any_of(registers.ecmdqs.begin(), registers.ecmdqs.end(),
                       [](const EcmdqRegisters& queue) { return queue.en != queue.enack; });
}

void Smmu::apply_acks() {
    Registers& r = registers;
    if (gbpa::UPDATE.test(r.gbpa)) {
        r.gbpa &= ~static_cast<std::uint32_t>(gbpa::UPDATE.mask());
        r.gbpa_effective = r.gbpa;
    }
    // An interrupt source goes off only when none of its messages is in flight.
    std::uint32_t irq = r.irq_ctrl;
    const auto wait_for = [&](Interrupt source, Field enable) {
        if (interrupts.msi_pending(source)) irq |= r.irq_ctrlack & static_cast<std::uint32_t>(enable.mask());
    };
    wait_for(Interrupt::gerror, irq_ctrl::GERROR_IRQEN);
    wait_for(Interrupt::eventq, irq_ctrl::EVENTQ_IRQEN);
    wait_for(Interrupt::priq, irq_ctrl::PRIQ_IRQEN);
    r.irq_ctrlack = irq;

    // An enhanced queue that goes off does so after the command that is being executed.
    for (std::size_t i = 0; i < r.ecmdqs.size(); ++i) {
        EcmdqRegisters& queue = r.ecmdqs[i];
        queue.enack = queue.en || (queue.enack && commands_[i + 1].busy());
    }

    std::uint32_t next = r.cr0;
    // CMDQEN 1 -> 0: after the command that is being executed. EVENTQEN, PRIQEN: after the record that is being
    // written.
    if (commands_[0].busy()) next |= r.cr0ack & static_cast<std::uint32_t>(cr0::CMDQEN.mask());
    if (!events.quiet()) next |= r.cr0ack & static_cast<std::uint32_t>(cr0::EVENTQEN.mask() | cr0::PRIQEN.mask());
    const bool was_on = cr0::SMMUEN.test(r.cr0ack);
    r.cr0ack = next;
    translates_ = cr0::SMMUEN.test(next);
    if (was_on && !cr0::SMMUEN.test(next)) {
        stalls.terminate_all();
        // The TCU's caches may keep what they have; TBUs must not go on by theirs.
        ++epoch_;
        tell(Invalidation{});
    }
}

const Step& Smmu::step_commands(const Reply& reply, std::uint32_t queue) {
    commands_[queue].step(*this, reply, command_steps_[queue]);
    return command_steps_[queue];
}

std::optional<Prefetch> Smmu::take_prefetch() {
    if (prefetches_.empty()) return std::nullopt;
    const Prefetch first = prefetches_.front();
    prefetches_.erase(prefetches_.begin());
    return first;
}

bool Smmu::outputs_pending() const { return events.pending(registers, interrupts); }

const Step& Smmu::step_outputs(const Reply& reply) {
    events.step(reply, registers, interrupts, output_step_);
    return output_step_;
}

bool Smmu::gatos_pending() const { return registers.gatos_ctrl != 0; }

const Step& Smmu::step_gatos(const Reply& reply) {
    Registers& r = registers;
    if (!gatos_pending()) {
        gatos_step_.kind = StepKind::idle;
        return gatos_step_;
    }
    const auto finish = [&](std::uint64_t par) -> const Step& {
        r.gatos_par = par;
        r.gatos_ctrl = 0;
        gatos_running_ = false;
        gatos_step_.kind = StepKind::idle;
        return gatos_step_;
    };
    const auto failure = [](std::uint64_t code, std::uint64_t reason, std::uint64_t address) {
        return gatos_par::FAULT.of(1) | gatos_par::REASON.of(reason) | gatos_par::FAULTCODE.of(code) |
               keep(address, 51, 12);
    };
    constexpr std::uint64_t kBadRequest = 0xFF;
    constexpr std::uint64_t kInternal = 0xFD;
    if (!r.enabled(cr0::SMMUEN)) return finish(failure(kInternal, 0, 0));
    if (!gatos_running_) {
        const auto type = gatos_addr::TYPE.get(r.gatos_addr);
        if (type == 0) return finish(failure(kBadRequest, 0, 0));
        Request request;
        request.sid = StreamId{static_cast<std::uint32_t>(gatos_sid::STREAMID.get(r.gatos_sid))};
        if (gatos_sid::SSID_VALID.test(r.gatos_sid)) {
            request.ssid = SubstreamId{static_cast<std::uint32_t>(gatos_sid::SUBSTREAMID.get(r.gatos_sid))};
        }
        request.address = keep(r.gatos_addr, 63, 12);
        request.write = !gatos_addr::RnW.test(r.gatos_addr);
        request.instruction = gatos_addr::InD.test(r.gatos_addr) && !request.write;
        request.privileged = gatos_addr::PnU.test(r.gatos_addr);
        gatos_.start_operation(request, static_cast<Translation::Stages>(type));
        gatos_running_ = true;
    }
    const Step& step = gatos_.step(*this, reply);
    const Result& result = step.result;
    switch (step.kind) {
        case StepKind::done: {
            const unsigned log2_bytes = result.entry.log2_bytes;
            std::uint64_t par =
                gatos_par::SH.of(result.attributes.shareability) | gatos_par::ATTR.of(result.attributes.mair);
            if (log2_bytes <= 12) {
                par |= keep(result.pa.value, 51, 12);
            } else {
                // The lowest set address bit N says 2^(N+1) bytes.
                par |= gatos_par::SIZE.of(1) | keep(result.pa.value, 51, log2_bytes) |
                       (std::uint64_t{1} << (log2_bytes - 1));
            }
            return finish(par);
        }
        case StepKind::fault: {
            // Nothing was recorded; a quiet abort has no event code of its own.
            const std::uint64_t code = result.fault != 0 ? result.fault : kInternal;
            const std::uint64_t reason = result.stage2 ? std::uint64_t{result.fault_class} + 1 : 0;
            return finish(failure(code, reason, result.stage2 ? result.ipa : 0));
        }
        default:
            return step;
    }
}

std::optional<Interrupt> Smmu::take_interrupt() { return interrupts.take(); }

std::optional<std::uint64_t> Smmu::take_resumed() {
    const auto answered = stalls.take_resumed();
    return answered ? answered : events.take_resumed();
}

bool Smmu::page_request(const PageRequest& request) {
    return events.page_request(request, params_.features.pps != 0, registers, interrupts);
}

std::optional<PageResponse> Smmu::take_page_response() { return events.take_page_response(); }

void Smmu::invalidate(const Invalidation& invalidation) {
    ++epoch_;
    config_cache.invalidate(invalidation);
    if (!invalidation.is_config()) {
        tlb.invalidate(invalidation);
        ipa_cache.invalidate(invalidation);
        for (WalkCache& cache : walk_s1) cache.invalidate(invalidation);
        for (WalkCache& cache : walk_s2) cache.invalidate(invalidation);
    }
    tell(invalidation);
}

}  // namespace xlate::iommu::smmuv3
