// The way of a translation through the core: link, look-ups, configuration, walk, link.
#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::AccessRole;
using iommu::Step;
using iommu::StepKind;
using iommu::Structure;

void IommuDevice::enter_flight(TranslationJob& job) {
    job.generation = generation_;
    ++in_flight_[generation_ ? 1 : 0];
}

void IommuDevice::note_arrival(const TranslationJob& job) {
    if (watch_ == nullptr || job.prefetch || !enabled()) return;
    watch_->on_arrival(*job.transaction);
}

void IommuDevice::leave_flight(bool generation) {
    --in_flight_[generation ? 1 : 0];
    if (draining()) check_drain();
}

void IommuDevice::returned(std::uint16_t tag, Transaction& transaction) {
    leave_flight((tag & 0x4000U) != 0);
    tbus_[tag & 0x3FFFU]->returned(transaction);
}

void IommuDevice::charge(TranslationJob& job, Part part) { job.transaction->ledger.charge(part, job.time(agenda())); }

/// The engine's request for the job's transaction.
void IommuDevice::begin_request(TranslationJob& job) {
    const Transaction& transaction = *job.transaction;
    iommu::Request request;
    request.sid = transaction.stream;
    request.ssid = transaction.substream;
    request.address = transaction.address();
    request.length = transaction.size();
    request.write = transaction.write();
    request.instruction = transaction.instruction && !request.write;
    request.privileged = transaction.privileged;
    request.ats = transaction.ats.type;
    request.no_write = transaction.ats.no_write;
    request.prefetch = job.prefetch;
    request.id = (std::uint64_t{job.tbu->number()} << 32) | job.number;
    if (const std::optional<std::uint32_t> word = job.prefetch ? std::nullopt : transaction.word_written())
        job.engine->start_message(request, *word);
    else
        job.engine->start(request);
}

void IommuDevice::decide_globally(TranslationJob& job) {
    begin_request(job);
    const Step& step = job.engine->step(job.reply);
    if (step.kind == StepKind::done || step.kind == StepKind::fault) {
        job.result = step.result;
        if (step.kind == StepKind::done) job.result.response = iommu::Response::ok;
        return;
    }
    // It was switched on since the job came: the client may be answered as if it had come before.
    job.result.response = iommu::Response::abort;
    job.result.fault = 0;
}

void IommuDevice::translate(TranslationJob& job) {
    job.priority = params_.tcu.priorities ? job.transaction->priority : std::uint8_t{0};
    xlate_slots_.take(job, &go<&IommuDevice::send_link>);
}

void IommuDevice::send_link(TranslationJob& job) {
    charge(job, Part::iommu_queue);
    job.ahead = runs_ahead();
    job.tbu->link_to_tcu().enter(job, clock_ * Cycles{1}, &go<&IommuDevice::cross_link>);
}

void IommuDevice::cross_link(TranslationJob& job) {
    const Cycles rest{job.tbu->params().link_to_tcu.count - 1};
    wait_for(agenda(), *this, job, clock_ * rest, &go<&IommuDevice::begin_engine>);
}

void IommuDevice::begin_engine(TranslationJob& job) {
    charge(job, Part::link);
    job.walking = false;
    job.fetched = false;
    begin_request(job);
    counter_groups_.catch_up(0);
    run(job);
}

void IommuDevice::run(TranslationJob& job) {
    const Step& step = job.engine->step(job.reply);
    job.step = &step;
    switch (step.kind) {
        case StepKind::lookup:
            on_lookup(job, step.lookup);
            return;
        case StepKind::access:
            switch (const AccessRole role = spec_.purpose(step.access.purpose).role; role) {
                case AccessRole::device_config:
                case AccessRole::process_config:
                    // Stage 2 has found the process's configuration: that was a walk of its own.
                    if (job.walking) end_walk(job);
                    job.part = role == AccessRole::device_config ? Part::ste : Part::cd;
                    job.read_start = job.time(agenda());
                    ports_[0]->access(job, step.access, &go<&IommuDevice::fetched>);
                    return;
                default:
                    if (!job.walking) {
                        begin_walk(job);
                    } else {
                        first_fetch(job);
                    }
                    return;
            }
        case StepKind::done:
        case StepKind::fault:
            if (job.walking) end_walk(job);
            finish(job, step.result);
            return;
        case StepKind::stalled:
            if (job.walking) end_walk(job);
            stalled_.push_back(&job);
            leave_flight(job.generation);
            job.tbu->stalled(job);
            wake();
            return;
        case StepKind::idle:
        case StepKind::executed:
        case StepKind::sync:
            break;
    }
    XLATE_CHECK(false, "a translation made a step that is not one of a translation");
}

void IommuDevice::on_lookup(TranslationJob& job, const iommu::Lookup& lookup) {
    switch (lookup.structure) {
        case Structure::config_cache:
            job.part = Part::config_cache;
            enter_structure(job, lookup.structure, &go<&IommuDevice::looked_up>);
            return;
        case Structure::tlb:
            job.part = Part::tcu_tlb;
            enter_structure(job, lookup.structure, &go<&IommuDevice::looked_up>);
            return;
        case Structure::ipa_cache:
        case Structure::walk_cache:
            job.part = Part::walk_cache;
            job.pending_ipa = lookup.structure == Structure::ipa_cache;
            if (!job.walking) {
                begin_walk(job);
            } else {
                resumed_walk(job);
            }
            return;
    }
}

/// The look-up takes a slot of the structure's port.
void IommuDevice::enter_structure(Job& job, Structure structure, Job::Next next) {
    const CoreParams& core = params_.tcu;
    switch (structure) {
        case Structure::config_cache:
            config_.enter(job, clock_ * core.config_cache.latency, next);
            return;
        case Structure::tlb:
            tlb_.enter(job, clock_ * core.tlb.latency, next);
            return;
        case Structure::ipa_cache:
            ipa_.enter(job, clock_ * core.ipa_cache.latency, next);
            return;
        case Structure::walk_cache:
            walk_cache_.enter(job, clock_ * core.walk_cache.latency, next);
            return;
    }
}

void IommuDevice::looked_up(TranslationJob& job) {
    charge(job, job.part);
    run(job);
}

void IommuDevice::begin_walk(TranslationJob& job) {
    const std::optional<std::uint64_t> space =
        params_.tcu.merge_walks ? job.engine->walked_space() : std::optional<std::uint64_t>();
    if (space) {
        const bool walked = std::any_of(walking_.begin(), walking_.end(), [&](const TranslationJob* other) {
            return (other->page ^ job.page) >> pages_answered_log2_ == 0 && other->engine->walked_space() == space;
        });
        if (walked) {
            ++counts_.merged_walks;
            merged_.push_back(&job);
            return;
        }
        walking_.push_back(&job);
    }
    walk_slots_.take(job, &go<&IommuDevice::start_walk>);
}

/// Its walk is over. They start again: the translation is in the TLB, or one of them walks next.
void IommuDevice::release_merged(const TranslationJob& leader) {
    const auto at = std::find(walking_.begin(), walking_.end(), &leader);
    if (at == walking_.end()) return;
    walking_.erase(at);
    std::vector<TranslationJob*> again;
    const auto same = [&](const TranslationJob* job) { return (job->page ^ leader.page) >> pages_answered_log2_ == 0; };
    std::copy_if(merged_.begin(), merged_.end(), std::back_inserter(again), same);
    merged_.erase(std::remove_if(merged_.begin(), merged_.end(), same), merged_.end());
    for (TranslationJob* job : again) {
        job->at = std::max(job->at, leader.time(agenda()));
        charge(*job, Part::iommu_queue);
        job->ahead = runs_ahead();
        job->engine->again();
        run(*job);
    }
}

/// A walk slot has been taken. The step for which it was needed is still the engine's last one.
void IommuDevice::start_walk(TranslationJob& job) {
    charge(job, Part::iommu_queue);
    job.ahead = runs_ahead();
    job.walking = true;
    job.fetched = false;
    job.walk_start = job.time(agenda());
    resumed_walk(job);
}

void IommuDevice::resumed_walk(TranslationJob& job) {
    const Step& step = *job.step;
    if (step.kind == StepKind::access) {
        first_fetch(job);
        return;
    }
    enter_structure(job, job.pending_ipa ? Structure::ipa_cache : Structure::walk_cache, &go<&IommuDevice::looked_up>);
}

/// walk_step before the first read of a walk, and after each read.
void IommuDevice::first_fetch(TranslationJob& job) {
    if (job.fetched) {
        fetch(job);
        return;
    }
    job.fetched = true;
    cycle_.enter(job, clock_ * params_.tcu.walk_step, &go<&IommuDevice::fetch>);
}

void IommuDevice::fetch(TranslationJob& job) {
    charge(job, Part::walk_other);
    const iommu::MemoryAccess& access = job.step->access;
    const iommu::PurposeSpec& purpose = spec_.purpose(access.purpose);
    if (purpose.role == AccessRole::walk) {
        const Part first = purpose.stage == 2 ? Part::s2_level0 : Part::s1_level0;
        job.part = static_cast<Part>(static_cast<unsigned>(first) + purpose.level);
    } else {
        job.part = Part::httu;
    }
    job.read_start = job.time(agenda());
    ports_[0]->access(job, access, &go<&IommuDevice::fetched>);
}

void IommuDevice::fetched(TranslationJob& job) {
    charge(job, job.part);
    if (traces_steps()) trace_step(TraceStep::Kind::read, soc::name(job.part), job, job.read_start);
    job.ahead = runs_ahead();
    if (watch_ != nullptr) watch_->on_access(job);
    if (job.walking) {
        cycle_.enter(job, clock_ * params_.tcu.walk_step, &go<&IommuDevice::looked_up>);
    } else {
        run(job);
    }
}

void IommuDevice::end_walk(TranslationJob& job) {
    job.walking = false;
    const SimTime now = job.time(agenda());
    counts_.walk.add(now - job.walk_start);
    if (traces_steps()) {
        trace_step(TraceStep::Kind::walk, job.prefetch ? "walk ahead" : "walk", job, job.walk_start);
    } else if (context_.trace != nullptr) {
        context_.trace->span(component_name(), "walk", job.walk_start, now, job.transaction->iova);
    }
    walk_slots_.give(now);
    if (params_.tcu.merge_walks) release_merged(job);
}

/// That it ends now. Only where a listener asks for it.
void IommuDevice::trace_step(TraceStep::Kind kind, std::string_view what, const TranslationJob& job, SimTime start) {
    const bool read = kind == TraceStep::Kind::read;
    TraceStep step;
    step.kind = kind;
    step.component = component_name();
    step.place = job.tbu->name();
    step.what = what;
    step.start = start;
    step.end = job.time(agenda());
    step.address = read ? job.step->access.address.value : job.transaction->iova;
    step.size = read ? job.step->access.size : 0;
    step.source = job.transaction->source_rank;
    step.number = job.transaction->number;
    step.own = job.prefetch;
    for (std::size_t i = 0; kind == TraceStep::Kind::walk && i < spec_.structures.size(); ++i) {
        if (spec_.structures[i].kind != Structure::walk_cache) continue;
        const iommu::CacheCounters counters = unit_->structure_counters(i);
        step.lookups += counters.lookups;
        step.hits += counters.hits;
    }
    context_.trace->step(step);
}

void IommuDevice::finish(TranslationJob& job, const iommu::Result& result) {
    job.result = result;
    if (job.step->kind == StepKind::done) {
        job.result.response = iommu::Response::ok;
        job.result.fault = 0;
        if (job.transaction->word_written()) job.fate = job.engine->message_fate();
    }
    if (watch_ != nullptr && job.result.response == iommu::Response::ok && job.result.entry.permissions.bits != 0 &&
        job.transaction->ats.type == iommu::AtsType::translation_request) {
        watch_->on_answer(job);
    }
    // One that went well has recorded nothing. Of one that did not, some hardware writes a record to memory; some has
    // it in registers and a line that rises.
    if (job.step->kind != StepKind::done) {
        if (outputs_pending()) {
            wake();
        } else {
            after_step();
        }
    }
    counter_groups_.catch_up(0);
    job.tbu->link_from_tcu().enter(job, clock_ * Cycles{1}, &go<&IommuDevice::send_back>);
}

void IommuDevice::send_back(TranslationJob& job) {
    const Cycles rest{job.tbu->params().link_from_tcu.count - 1};
    job.ahead = false;  // what the TBU learns, it learns when the answer is there
    wait_for(agenda(), *this, job, clock_ * rest, &go<&IommuDevice::arrived_back>);
}

void IommuDevice::arrived_back(TranslationJob& job) {
    charge(job, Part::link);
    xlate_slots_.give();
    job.ahead = runs_ahead();
    job.tbu->answered(job);
}

}  // namespace xlate::soc
