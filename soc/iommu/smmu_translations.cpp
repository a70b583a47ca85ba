// The way of a translation through the TCU: link, look-ups, configuration, walk, link.
#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "iommu/smmuv3/purpose.hpp"
#include "soc/iommu/smmu_device.hpp"

namespace xlate::soc {

using iommu::Step;
using iommu::StepKind;
using iommu::Structure;
using iommu::smmuv3::Purpose;

void SmmuDevice::enter_flight(TranslationJob& job) {
    job.generation = generation_;
    ++in_flight_[generation_ ? 1 : 0];
    if (watch_ == nullptr || job.prefetch || !enabled()) return;
    watch_->on_arrival(*job.transaction);
}

void SmmuDevice::leave_flight(bool generation) {
    --in_flight_[generation ? 1 : 0];
    if (syncing()) check_sync();
}

void SmmuDevice::returned(std::uint16_t tag, Transaction& transaction) {
    leave_flight((tag & 0x4000U) != 0);
    tbus_[tag & 0x3FFFU]->returned(transaction);
}

void SmmuDevice::charge(TranslationJob& job, Part part) { job.transaction->ledger.charge(part, job.time(agenda())); }

/// The engine's request for the job's transaction.
void SmmuDevice::begin_request(TranslationJob& job) {
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
    job.engine.start(smmu_, request);
}

void SmmuDevice::decide_globally(TranslationJob& job) {
    begin_request(job);
    const Step& step = job.engine.step(smmu_, job.reply);
    if (step.kind == StepKind::done || step.kind == StepKind::fault) {
        job.result = step.result;
        if (step.kind == StepKind::done) job.result.response = iommu::Response::ok;
        return;
    }
    // It was switched on since the job came: the client may be answered as if it had come before.
    job.result.response = iommu::Response::abort;
    job.result.fault = 0;
}

void SmmuDevice::translate(TranslationJob& job) {
    job.priority = params_.tcu.priorities ? job.transaction->priority : std::uint8_t{0};
    xlate_slots_.take(job, &go<&SmmuDevice::send_link>);
}

void SmmuDevice::send_link(TranslationJob& job) {
    charge(job, Part::iommu_queue);
    job.ahead = runs_ahead();
    job.tbu->link_to_tcu().enter(job, clock_ * Cycles{1}, &go<&SmmuDevice::cross_link>);
}

void SmmuDevice::cross_link(TranslationJob& job) {
    const Cycles rest{job.tbu->params().link_to_tcu.count - 1};
    wait_for(agenda(), *this, job, clock_ * rest, &go<&SmmuDevice::begin_engine>);
}

void SmmuDevice::begin_engine(TranslationJob& job) {
    charge(job, Part::link);
    job.walking = false;
    begin_request(job);
    counter_groups_.catch_up(0);
    run(job);
}

void SmmuDevice::run(TranslationJob& job) {
    const Step& step = job.engine.step(smmu_, job.reply);
    job.step = &step;
    switch (step.kind) {
        case StepKind::lookup:
            on_lookup(job, step.lookup);
            return;
        case StepKind::access:
            switch (step.access.purpose) {
                case Purpose::ste_l1:
                case Purpose::ste:
                case Purpose::cd_l1:
                case Purpose::cd:
                    // Stage 2 has found the CD: that was a walk of its own.
                    if (job.walking) end_walk(job);
                    ++counts_.config_reads;
                    if (step.access.purpose == Purpose::ste) ++counts_.ste_fetches;
                    if (step.access.purpose == Purpose::cd) ++counts_.cd_fetches;
                    job.part = step.access.purpose <= Purpose::ste ? Part::ste : Part::cd;
                    ports_[0]->access(job, step.access, &go<&SmmuDevice::fetched>);
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
            kick();
            return;
        case StepKind::idle:
        case StepKind::executed:
        case StepKind::sync:
            break;
    }
    XLATE_CHECK(false, "a translation made a step that is not one of a translation");
}

void SmmuDevice::on_lookup(TranslationJob& job, const iommu::Lookup& lookup) {
    const TcuParams& tcu = params_.tcu;
    switch (lookup.structure) {
        case Structure::config_cache:
            job.part = Part::config_cache;
            config_.enter(job, clock_ * tcu.config_cache.latency, &go<&SmmuDevice::looked_up>);
            return;
        case Structure::tlb:
            job.part = Part::tcu_tlb;
            tlb_.enter(job, clock_ * tcu.tlb.latency, &go<&SmmuDevice::looked_up>);
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

void SmmuDevice::looked_up(TranslationJob& job) {
    charge(job, job.part);
    run(job);
}

void SmmuDevice::begin_walk(TranslationJob& job) {
    const std::optional<std::uint64_t> space = job.engine.walked_space();
    if (params_.tcu.merge_walks && space) {
        const bool walked = std::any_of(walking_.begin(), walking_.end(), [&](const TranslationJob* other) {
            return other->page == job.page && other->engine.walked_space() == space;
        });
        if (walked) {
            ++counts_.merged_walks;
            merged_.push_back(&job);
            return;
        }
        walking_.push_back(&job);
    }
    walk_slots_.take(job, &go<&SmmuDevice::start_walk>);
}

/// Its walk is over. They start again: the translation is in the TLB, or one of them walks next.
void SmmuDevice::let_go_of_merged(const TranslationJob& leader) {
    const auto at = std::find(walking_.begin(), walking_.end(), &leader);
    if (at == walking_.end()) return;
    walking_.erase(at);
    std::vector<TranslationJob*> again;
    const auto same = [&](const TranslationJob* job) { return job->page == leader.page; };
    std::copy_if(merged_.begin(), merged_.end(), std::back_inserter(again), same);
    merged_.erase(std::remove_if(merged_.begin(), merged_.end(), same), merged_.end());
    for (TranslationJob* job : again) {
        job->at = std::max(job->at, leader.time(agenda()));
        charge(*job, Part::iommu_queue);
        job->ahead = runs_ahead();
        job->engine.again();
        run(*job);
    }
}

/// A walk slot has been taken. The step for which it was needed is still the engine's last one.
void SmmuDevice::start_walk(TranslationJob& job) {
    charge(job, Part::iommu_queue);
    job.ahead = runs_ahead();
    job.walking = true;
    job.fetched = false;
    job.walk_start = job.time(agenda());
    ++counts_.walks;
    resumed_walk(job);
}

void SmmuDevice::resumed_walk(TranslationJob& job) {
    const Step& step = *job.step;
    if (step.kind == StepKind::access) {
        first_fetch(job);
        return;
    }
    const CacheTiming& ipa = params_.tcu.ipa_cache;
    if (job.pending_ipa) {
        ipa_.enter(job, clock_ * ipa.latency, &go<&SmmuDevice::looked_up>);
    } else {
        walk_cache_.enter(job, clock_ * params_.tcu.walk_cache.latency, &go<&SmmuDevice::looked_up>);
    }
}

/// One walker cycle before the first read of a walk, and one after each read.
void SmmuDevice::first_fetch(TranslationJob& job) {
    if (job.fetched) {
        fetch(job);
        return;
    }
    job.fetched = true;
    cycle_.enter(job, clock_ * Cycles{1}, &go<&SmmuDevice::fetch>);
}

void SmmuDevice::fetch(TranslationJob& job) {
    charge(job, Part::walk_other);
    const iommu::MemoryAccess& access = job.step->access;
    if (access.purpose == Purpose::httu) {
        job.part = Part::httu;
    } else {
        const auto distance = static_cast<unsigned>(access.purpose) - static_cast<unsigned>(Purpose::s1_level0);
        job.part = static_cast<Part>(static_cast<unsigned>(Part::s1_level0) + distance);
        ++counts_.walk_reads;
    }
    ports_[0]->access(job, access, &go<&SmmuDevice::fetched>);
}

void SmmuDevice::fetched(TranslationJob& job) {
    charge(job, job.part);
    job.ahead = runs_ahead();
    if (watch_ != nullptr) watch_->on_access(job);
    if (job.walking) {
        cycle_.enter(job, clock_ * Cycles{1}, &go<&SmmuDevice::looked_up>);
    } else {
        run(job);
    }
}

void SmmuDevice::end_walk(TranslationJob& job) {
    job.walking = false;
    const SimTime now = job.time(agenda());
    counts_.walk.add(now - job.walk_start);
    if (context_.trace != nullptr) {
        context_.trace->span(component_name(), "walk", job.walk_start, now, job.transaction->iova);
    }
    walk_slots_.give(now);
    if (params_.tcu.merge_walks) let_go_of_merged(job);
}

void SmmuDevice::finish(TranslationJob& job, const iommu::Result& result) {
    job.result = result;
    if (job.step->kind == StepKind::done) {
        job.result.response = iommu::Response::ok;
        job.result.fault = 0;
    }
    if (watch_ != nullptr && job.result.response == iommu::Response::ok && job.result.entry.permissions.bits != 0 &&
        job.transaction->ats.type == iommu::AtsType::translation_request) {
        watch_->on_answer(job);
    }
    if (smmu_.outputs_pending()) kick();
    counter_groups_.catch_up(0);
    job.tbu->link_from_tcu().enter(job, clock_ * Cycles{1}, &go<&SmmuDevice::send_back>);
}

void SmmuDevice::send_back(TranslationJob& job) {
    const Cycles rest{job.tbu->params().link_from_tcu.count - 1};
    job.ahead = false;  // what the TBU learns, it learns when the answer is there
    wait_for(agenda(), *this, job, clock_ * rest, &go<&SmmuDevice::arrived_back>);
}

void SmmuDevice::arrived_back(TranslationJob& job) {
    charge(job, Part::link);
    xlate_slots_.give();
    job.ahead = runs_ahead();
    job.tbu->answered(job);
}

}  // namespace xlate::soc
