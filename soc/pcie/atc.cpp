#include "soc/atc.hpp"

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
      cache_({params.shape, iommu::smmuv3::TlbTagging::endpoint}, seed, name + ".atc"),
      look_up_(agenda, component, params.slots) {}

void Atc::enable(bool on) {
    if (on && !enabled_) {
        cache_.clear();
        ++epoch_;
    }
    enabled_ = on;
}

void Atc::accept(Transaction& transaction) {
    if (free_passengers_.empty()) free_passengers_.push_back(&passengers_.emplace_back());
    Passenger& passenger = *free_passengers_.back();
    free_passengers_.pop_back();
    passenger.atc = this;
    passenger.transaction = &transaction;
    passenger.tag = iommu::stream_tag(transaction.stream, transaction.substream);
    passenger.asked = false;
    look_up_.enter(passenger, params_.latency, &Atc::looked_up_step);
}

void Atc::looked_up_step(Visitor& visitor) {
    auto& passenger = static_cast<Passenger&>(visitor);
    passenger.atc->looked_up(passenger);
}

void Atc::looked_up(Passenger& passenger) {
    passenger.transaction->ledger.charge(Part::ats, agenda_.now());
    const CachedTranslation* entry = cache_.lookup(passenger.tag, passenger.transaction->address());
    if (entry != nullptr && allows(*entry, *passenger.transaction)) {
        go_translated(passenger, *entry);
    } else {
        ask(passenger);
    }
}

void Atc::ask(Passenger& passenger) {
    const std::uint64_t page = passenger.transaction->address() >> 12;
    const bool write = passenger.transaction->write();
    // A request that asks for writing serves readers as well.
    const auto same = std::find_if(asks_.begin(), asks_.end(), [&](const Ask& other) {
        return other.page == page && other.tag == passenger.tag && (other.write || !write) && !other.waiting.empty();
    });
    if (same != asks_.end()) {
        same->waiting.push_back(&passenger);
        return;
    }
    Ask& made = asks_.emplace_back();
    made.atc = this;
    made.page = page;
    made.tag = passenger.tag;
    made.write = write;
    made.waiting.push_back(&passenger);
    send_asks();
}

void Atc::send_asks() {
    for (Ask& ask : asks_) {
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
    Ask& ask = *static_cast<Ask*>(transaction.holder_data);
    const bool ok = transaction.ok();
    pool_.give_back(transaction);
    --under_way_;
    answered(ask, ok);
    while (!asks_.empty() && asks_.front().waiting.empty()) asks_.pop_front();
    send_asks();
    return true;
}

void Atc::answered(Ask& ask, bool ok) {
    if (ask.epoch != epoch_) {
        ask.sent = false;  // overtaken by an invalidation: asks again
        return;
    }
    if (ok && ask.answer.permissions.bits != 0) {
        ask.answer.stream = ask.tag;
        cache_.fill(ask.answer);
    }
    std::vector<Passenger*> waiting;
    waiting.swap(ask.waiting);
    for (Passenger* passenger : waiting) {
        passenger->transaction->ledger.charge(Part::ats, agenda_.now());
        if (!ok) {
            go_plain(*passenger);
        } else if (allows(ask.answer, *passenger->transaction)) {
            go_translated(*passenger, ask.answer);
        } else if (params_.pri) {
            wait_for_page(*passenger);
        } else {
            deny(*passenger);
        }
    }
}

Transaction& Atc::leave(Passenger& passenger) {
    Transaction& transaction = *passenger.transaction;
    free_passengers_.push_back(&passenger);
    return transaction;
}

void Atc::go_translated(Passenger& passenger, const CachedTranslation& entry) {
    Transaction& transaction = leave(passenger);
    transaction.payload().set_address(entry.pa + (transaction.iova & low_mask(entry.log2_bytes)));
    transaction.ats.type = AtsType::translated;
    transaction.ats.generation = generation_;
    ++translated_[generation_ ? 1 : 0];
    ++counts_.translated;
    up_(transaction);
}

void Atc::go_plain(Passenger& passenger) {
    ++counts_.refused;
    up_(leave(passenger));
}

void Atc::deny(Passenger& passenger) {
    Transaction& transaction = leave(passenger);
    ++counts_.denied;
    transaction.refused_by = &component_.component_name();
    transaction.set_response(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    back_(transaction);
}

// Page requests: each is the last and only one of its group.

void Atc::wait_for_page(Passenger& passenger) {
    const std::uint64_t page = passenger.transaction->address() >> 12;
    const bool write = passenger.transaction->write();
    const auto same = std::find_if(page_asks_.begin(), page_asks_.end(), [&](const PageAsk& other) {
        return other.page == page && other.tag == passenger.tag && other.write == write;
    });
    PageAsk& ask = same != page_asks_.end() ? *same : page_asks_.emplace_back();
    ask.page = page;
    ask.tag = passenger.tag;
    ask.write = write;
    ask.waiting.push_back(&passenger);
    send_page_asks();
}

void Atc::send_page_asks() {
    constexpr std::uint16_t kPageGroups = 512;
    for (PageAsk& ask : page_asks_) {
        if (pages_under_way_ >= params_.page_requests) return;
        if (ask.group) continue;
        // Fewer are under way than there are: a free one comes.
        const auto taken = [&] {
            return std::any_of(page_asks_.begin(), page_asks_.end(),
                               [&](const PageAsk& other) { return other.group == next_group_; });
        };
        while (taken()) next_group_ = static_cast<std::uint16_t>((next_group_ + 1) % kPageGroups);
        ask.group = next_group_;
        next_group_ = static_cast<std::uint16_t>((next_group_ + 1) % kPageGroups);
        const Transaction& first = *ask.waiting.front()->transaction;
        iommu::smmuv3::PageRequest request;
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

void Atc::answer_page(const iommu::smmuv3::PageResponse& response) {
    const auto at = std::find_if(page_asks_.begin(), page_asks_.end(),
                                 [&](const PageAsk& ask) { return ask.group == response.prg_index; });
    if (at == page_asks_.end()) return;  // an answer to nothing
    std::vector<Passenger*> waiting;
    waiting.swap(at->waiting);
    page_asks_.erase(at);
    --pages_under_way_;
    const bool granted = response.code == 0;
    ++(granted ? counts_.pages_granted : counts_.pages_refused);
    for (Passenger* passenger : waiting) {
        passenger->transaction->ledger.charge(Part::stall, agenda_.now());
        if (granted) {
            ask(*passenger);
        } else {
            deny(*passenger);
        }
    }
    send_page_asks();
}

void Atc::invalidate(const iommu::smmuv3::Invalidation& invalidation, std::function<void()> done) {
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
