// What a port's TLBs and the core do for something other than an access: answers to an endpoint that translates itself,
// and pages fetched ahead.
#include "soc/iommu/port.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::AtsType;

/// A request is the core's to answer. A translated address is taken at its word, unless the configuration asks for a
/// look at the stream's configuration: that is kept like a translation, one entry for all addresses. False: looks up as
/// others do.
bool IommuPort::arrived_by_ats(TranslationJob& job) {
    if (job.transaction->ats.type == AtsType::translation_request) {
        ++ats_requests_;
        device_.translate(job);
        return true;
    }
    ++ats_translated_;
    if (device_.checks_translated()) return false;
    wait_for(device_.agenda(), device_, job, clock_ * Cycles{1}, &go<&IommuPort::pass_translated>);
    return true;
}

void IommuPort::pass_translated(TranslationJob& job) {
    charge(job, Part::iommu_queue);
    device_.decide_globally(job);
    job.how = "translated by its endpoint";
    translated(job);
}

/// Of a translation request: it ends here. An error answer is an unsupported request or a completer abort.
void IommuPort::answer_request(TranslationJob& job) {
    Transaction& transaction = *job.transaction;
    charge(job, Part::iommu_queue);
    latency_.add(job.time(device_.agenda()) - job.received);
    if (device_.traces_steps()) trace(job, "answer to an endpoint");
    const bool ok = job.result.response == iommu::Response::ok && job.result.fault == 0;
    if (ok) *transaction.ats.answer = job.result.entry;
    if (!ok) ++faults_;
    transaction.set_response(ok ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
    device_.leave_flight(job.generation);
    free_slot(job);
    port.respond(transaction);
}

/// The page behind what the walk of `job` may answer, for the same stream and with the same rights in question.
void IommuPort::prefetch_after(const TranslationJob& job) {
    const Transaction& first = *job.transaction;
    if (free_prefetches_.empty() || first.ats.type != AtsType::untranslated) return;
    const std::uint64_t page = ((job.page >> pages_answered_log2_) + 1) << pages_answered_log2_;
    const bool asked = std::any_of(asking_.begin(), asking_.end(), [&](const TranslationJob* other) {
        return (other->page ^ page) >> pages_answered_log2_ == 0 && other->stream == job.stream;
    });
    if (asked || main_tlb_.peek(job.stream, page << 12) != nullptr) return;
    TranslationJob& made = *free_prefetches_.back();
    free_prefetches_.pop_back();
    ++prefetches_;
    Transaction& access = device_.pool().take(tlm::TLM_READ_COMMAND, PhysAddr{page << 12}, 64, false);
    access.stream = first.stream;
    access.substream = first.substream;
    access.privileged = first.privileged;
    access.source_rank = first.source_rank;
    access.ledger.start(device_.agenda().now());
    made.transaction = &access;
    made.stream = job.stream;
    made.page = page;
    made.merged = false;
    made.micro_misses = made.main_misses = 0;
    made.how = "";
    made.ahead = false;
    made.at = device_.agenda().now();
    made.received = made.at;
    device_.enter_flight(made);
    asking_.push_back(&made);
    device_.translate(made);
}

void IommuPort::prefetched(TranslationJob& job) {
    if (may_keep(job)) {
        fill_main_tlb(job);
        if (ahead_.size() == kMaxAhead) ahead_.erase(ahead_.begin());
        ahead_.push_back({job.stream, job.page});
    }
    Transaction& access = *job.transaction;
    job.transaction = nullptr;
    device_.leave_flight(job.generation);
    device_.pool().give_back(access);
    // Who has waited for it is its first user, and fetches the next one ahead: with this very job, if there is one
    // alone.
    free_prefetches_.push_back(&job);
    release_page(job);
}

}  // namespace xlate::soc
