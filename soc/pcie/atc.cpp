#include "soc/pcie/atc.hpp"

#include <algorithm>

namespace xlate::soc {

using iommu::AtsType;
using iommu::CachedTranslation;
using iommu::Permissions;

namespace {

constexpr std::uint32_t kAnswerBytes = 8;

bool allows(const CachedTranslation& entry, const Transaction& transaction) {
    const bool instruction = transaction.instruction && !transaction.write();
    return (entry.permissions.bits & Permissions::needed(transaction.write(), instruction, transaction.privileged)) !=
           0;
}

}  // namespace

Atc::Atc(Agenda& agenda, const Component& component, TransactionPool& pool, const std::string& name,
         const AtcParams& params, std::uint64_t seed, Send up, Send back, AskPage ask_page)
    : agenda_(agenda),
      component_(component),
      pool_(pool),
      params_(params),
      up_(std::move(up)),
      back_(std::move(back)),
      ask_page_(std::move(ask_page)),
      cache_({params.shape, iommu::TlbTagging::endpoint}, seed, name + ".atc"),
      look_up_(agenda, component, params.slots) {}

void Atc::enable(bool on) {
    if (on && !enabled_) {
        cache_.clear();
        ++epoch_;
    }
    enabled_ = on;
}

void Atc::accept(Transaction& transaction) {
    if (free_pending_.empty()) free_pending_.push_back(&pending_.emplace_back());
    PendingAccess& access = *free_pending_.back();
    free_pending_.pop_back();
    access.atc = this;
    access.transaction = &transaction;
    access.tag = iommu::stream_tag(transaction.stream, transaction.substream);
    access.asked = false;
    look_up_.enter(access, params_.latency, &Atc::looked_up_step);
}

void Atc::looked_up_step(Job& job) {
    auto& access = static_cast<PendingAccess&>(job);
    access.atc->looked_up(access);
}

void Atc::looked_up(PendingAccess& access) {
    access.transaction->ledger.charge(Part::ats, agenda_.now());
    const CachedTranslation* entry = cache_.lookup(access.tag, access.transaction->address());
    if (entry != nullptr && allows(*entry, *access.transaction)) {
        go_translated(access, *entry);
    } else {
        ask(access);
    }
}

void Atc::ask(PendingAccess& access) {
    const std::uint64_t page = access.transaction->address() >> 12;
    const bool write = access.transaction->write();
    // A request that asks for writing serves readers as well.
    const auto same = std::find_if(asks_.begin(), asks_.end(), [&](const PendingRequest& other) {
        return other.page == page && other.tag == access.tag && (other.write || !write) && !other.waiting.empty();
    });
    if (same != asks_.end()) {
        same->waiting.push_back(&access);
        return;
    }
    PendingRequest& made = asks_.emplace_back();
    made.atc = this;
    made.page = page;
    made.tag = access.tag;
    made.write = write;
    made.waiting.push_back(&access);
    send_asks();
}

void Atc::send_asks() {
    for (PendingRequest& ask : asks_) {
        if (under_way_ >= params_.requests) return;
        if (ask.sent || ask.waiting.empty()) continue;
        const Transaction& first = *ask.waiting.front()->transaction;
        Transaction& request = pool_.take(tlm::TLM_READ_COMMAND, PhysAddr{ask.page << 12}, kAnswerBytes, false);
        request.stream = first.stream;
        request.substream = first.substream;
        request.privileged = first.privileged;
        request.priority = first.priority;
        request.source_rank = first.source_rank;
        request.number = first.number;
        request.holder_data = &ask;
        request.ats.type = AtsType::translation_request;
        request.ats.no_write = !ask.write;
        request.ats.answer = &ask.answer;
        request.ledger.start(agenda_.now());
        ask.sent = true;
        ask.epoch = epoch_;
        ++under_way_;
        ++counts_.requests;
        up_(request);
    }
}

bool Atc::returned(Transaction& transaction) {
    if (transaction.ats.type == AtsType::translated) {
        --translated_[transaction.ats.generation ? 1 : 0];
        drain();
        return false;
    }
    if (transaction.ats.type != AtsType::translation_request) return false;
    PendingRequest& ask = *static_cast<PendingRequest*>(transaction.holder_data);
    const bool ok = transaction.ok();
    pool_.give_back(transaction);
    --under_way_;
    answered(ask, ok);
    while (!asks_.empty() && asks_.front().waiting.empty()) asks_.pop_front();
    send_asks();
    return true;
}

void Atc::answered(PendingRequest& ask, bool ok) {
    if (ask.epoch != epoch_) {
        ask.sent = false;  // overtaken by an invalidation: asks again
        return;
    }
    if (ok && ask.answer.permissions.bits != 0) {
        ask.answer.stream = ask.tag;
        cache_.fill(ask.answer);
    }
    std::vector<PendingAccess*> waiting;
    waiting.swap(ask.waiting);
    for (PendingAccess* access : waiting) {
        access->transaction->ledger.charge(Part::ats, agenda_.now());
        if (!ok) {
            go_plain(*access);
        } else if (allows(ask.answer, *access->transaction)) {
            go_translated(*access, ask.answer);
        } else if (params_.pri) {
            wait_for_page(*access);
        } else {
            deny(*access);
        }
    }
}

Transaction& Atc::leave(PendingAccess& access) {
    Transaction& transaction = *access.transaction;
    free_pending_.push_back(&access);
    return transaction;
}

void Atc::go_translated(PendingAccess& access, const CachedTranslation& entry) {
    Transaction& transaction = leave(access);
    transaction.payload().set_address(entry.pa + (transaction.iova & low_mask(entry.log2_bytes)));
    transaction.ats.type = AtsType::translated;
    transaction.ats.generation = generation_;
    ++translated_[generation_ ? 1 : 0];
    ++counts_.translated;
    up_(transaction);
}

void Atc::go_plain(PendingAccess& access) {
    ++counts_.refused;
    up_(leave(access));
}

void Atc::deny(PendingAccess& access) {
    Transaction& transaction = leave(access);
    ++counts_.denied;
    transaction.refused_by = &component_.component_name();
    transaction.set_response(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    back_(transaction);
}

// Page requests: each is the last and only one of its group.

void Atc::wait_for_page(PendingAccess& access) {
    const std::uint64_t page = access.transaction->address() >> 12;
    const bool write = access.transaction->write();
    const auto same = std::find_if(page_asks_.begin(), page_asks_.end(), [&](const PendingPageRequest& other) {
        return other.page == page && other.tag == access.tag && other.write == write;
    });
    PendingPageRequest& ask = same != page_asks_.end() ? *same : page_asks_.emplace_back();
    ask.page = page;
    ask.tag = access.tag;
    ask.write = write;
    ask.waiting.push_back(&access);
    send_page_asks();
}

void Atc::send_page_asks() {
    constexpr std::uint16_t kPageGroups = 512;
    for (PendingPageRequest& ask : page_asks_) {
        if (pages_under_way_ >= params_.page_requests) return;
        if (ask.group) continue;
        // Fewer are under way than there are: a free one comes.
        const auto taken = [&] {
            return std::any_of(page_asks_.begin(), page_asks_.end(),
                               [&](const PendingPageRequest& other) { return other.group == next_group_; });
        };
        while (taken()) next_group_ = static_cast<std::uint16_t>((next_group_ + 1) % kPageGroups);
        ask.group = next_group_;
        next_group_ = static_cast<std::uint16_t>((next_group_ + 1) % kPageGroups);
        const Transaction& first = *ask.waiting.front()->transaction;
        iommu::PageRequest request;
        request.sid = first.stream;
        request.ssid = first.substream;
        request.address = ask.page << 12;
        request.read = !ask.write;
        request.write = ask.write;
        request.privileged = first.privileged;
        request.last = true;
        request.prg_index = *ask.group;
        ++pages_under_way_;
        ++counts_.page_requests;
        ask_page_(request);
    }
}

void Atc::answer_page(const iommu::PageResponse& response) {
    const auto at = std::find_if(page_asks_.begin(), page_asks_.end(),
                                 [&](const PendingPageRequest& ask) { return ask.group == response.prg_index; });
    if (at == page_asks_.end()) return;  // an answer to nothing
    std::vector<PendingAccess*> waiting;
    waiting.swap(at->waiting);
    page_asks_.erase(at);
    --pages_under_way_;
    const bool granted = response.code == 0;
    ++(granted ? counts_.pages_granted : counts_.pages_refused);
    for (PendingAccess* access : waiting) {
        access->transaction->ledger.charge(Part::stall, agenda_.now());
        if (granted) {
            ask(*access);
        } else {
            deny(*access);
        }
    }
    send_page_asks();
}

void Atc::invalidate(const iommu::Invalidation& invalidation, std::function<void()> done) {
    ++counts_.invalidations;
    ++epoch_;
    cache_.invalidate(invalidation);
    next_.push_back(std::move(done));
    drain();
}

/// Whoever waits for the older generation goes when it has come home; then those that came since start a new one.
void Atc::drain() {
    for (;;) {
        if (draining_.empty()) {
            if (next_.empty()) return;
            draining_.swap(next_);
            generation_ = !generation_;
        }
        if (translated_[generation_ ? 0 : 1] != 0) return;
        std::vector<std::function<void()>> complete;
        complete.swap(draining_);
        for (const auto& done : complete) done();
    }
}

AtcStats Atc::stats() const {
    AtcStats result = counts_;
    result.enabled = enabled_;
    result.cache.lookups = cache_.counters().lookups;
    result.cache.hits = cache_.counters().hits;
    return result;
}

}  // namespace xlate::soc
