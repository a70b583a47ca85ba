#include "soc/iommu/port.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::AtsType;
using iommu::CachedTranslation;
using iommu::Permissions;
using iommu::Request;
using iommu::TlbTagging;

namespace {

bool allows(const CachedTranslation& entry, const Transaction& transaction) {
    Request request;
    request.write = transaction.write();
    request.instruction = transaction.instruction && !request.write;
    request.privileged = transaction.privileged;
    return entry.permissions.allows(request);
}

/// Without a width all bytes of a write are one beat, which takes no time.
PortParams with_width(PortParams params) {
    if (params.port_width_bytes == 0) params.port_width_bytes = 1U << 31;
    return params;
}

}  // namespace

IommuPort::IommuPort(IommuDevice& device, const std::string& name, unsigned number, const PortParams& params,
                     ClockPeriod clock, std::uint64_t seed, BusPort& out)
    : port(systemc_name("tbu_" + name), *this, number),
      wire_(device.agenda(), device, 1),
      micro_(device.agenda(), device, params.micro_tlb.slots),
      micro_tlb_({params.micro_tlb.shape, TlbTagging::stream}, seed,
                 device.component_name() + "." + name + ".micro_tlb"),
      device_(device),
      out_(out),
      clock_(clock),
      beat_{params.port_width_bytes == 0 ? 0 : clock.fs},
      number_(number),
      free_slots_(params.xlate_slots),
      beats_free_(params.write_buffer_beats),
      params_(with_width(params)),
      main_(device.agenda(), device, params.main_tlb.slots),
      main_tlb_({params.main_tlb.shape, TlbTagging::stream}, seed, device.component_name() + "." + name + ".main_tlb"),
      link_to_tcu_(device.agenda(), device, 1),
      link_from_tcu_(device.agenda(), device, 1),
      name_(name) {
    pages_answered_log2_ = iommu::log2_answered(device.unit()) - 12;
    if (pages_answered_log2_ != 0) lines_ = dynamic_cast<const iommu::LineWalks*>(&device.unit());
    admission_.bind<&IommuPort::admit_when_free>(this);
    for (std::uint32_t i = 0; i < params.prefetch; ++i) {
        prefetch_jobs_.push_back(device_.make_job());
        prefetch_jobs_.back()->tbu = this;
        prefetch_jobs_.back()->number = kFirstPrefetch + i;
        prefetch_jobs_.back()->prefetch = true;
        free_prefetches_.push_back(prefetch_jobs_.back().get());
    }
}

TranslationJob& IommuPort::take_job() {
    --free_slots_;
    TranslationJob& job = device_.take_job();
    job.tbu = this;
    if (free_numbers_.empty()) {
        job.number = slots_used_++;
    } else {
        job.number = free_numbers_.back();
        free_numbers_.pop_back();
    }
    return job;
}

void IommuPort::give_back(TranslationJob& job) {
    free_numbers_.push_back(job.number);
    device_.give_back(job);
}

void IommuPort::charge(TranslationJob& job, Part part) {
    job.transaction->ledger.charge(part, job.time(device_.agenda()));
}

/// That it leaves the port now. Only where a listener asks for it.
void IommuPort::trace(const TranslationJob& job, const char* what) const {
    const Transaction& transaction = *job.transaction;
    TraceStep step;
    step.kind = TraceStep::Kind::translation;
    step.component = device_.component_name();
    step.place = name_;
    step.what = what;
    step.start = job.received;
    step.end = job.time(device_.agenda());
    step.address = transaction.iova;
    step.size = transaction.size();
    step.source = transaction.source_rank;
    step.number = transaction.number;
    device_.trace_sink()->step(step);
}

/// For the counters that software reads. A TLB miss is one of the main TLB, or of the only one.
void IommuPort::count(StreamId stream, PortEvent event) { device_.counter_groups().count(number_ + 1, event, stream); }

std::uint32_t IommuPort::beats(const Transaction& transaction) const {
    if (!transaction.write()) return 0;
    return (transaction.size() + params_.port_width_bytes - 1) / params_.port_width_bytes;
}

bool IommuPort::has_room(const Transaction& transaction) const {
    // A write that is larger than the whole buffer goes when the buffer is empty.
    const std::uint32_t needed = std::min(beats(transaction), params_.write_buffer_beats);
    return free_slots_ != 0 && needed <= beats_free_;
}

bool IommuPort::on_request(unsigned, Transaction& transaction) {
    if (params_.ideal && pass_at_once(transaction)) return true;
    const bool missed = missed_;
    missed_ = false;
    if (!leaving_.empty()) reclaim(device_.agenda().now());
    if (!has_room(transaction)) {
        pending_ = &transaction;
        door_ = free_slots_ == 0 ? Door::slots : Door::buffer;
        door_since_ = device_.agenda().now();
        schedule_admission();
        return false;
    }
    begin(transaction, missed);
    return true;
}

/// PortParams::ideal.
bool IommuPort::pass_at_once(Transaction& transaction) {
    if (!device_.enabled() || transaction.ats.type != AtsType::untranslated) return false;
    Request request;
    request.sid = transaction.stream;
    request.ssid = transaction.substream;
    request.address = transaction.address();
    request.length = transaction.size();
    request.write = transaction.write();
    request.instruction = transaction.instruction && !request.write;
    request.privileged = transaction.privileged;
    const std::optional<PhysAddr> place = device_.translate_debug(request);
    if (!place) return false;
    ++translations_;
    latency_.add({});
    const bool generation = device_.enter_flight();
    transaction.payload().set_address(place->value);
    out_.send(transaction, static_cast<std::uint16_t>(number_ | (generation ? 0x4000U : 0U)));
    return true;
}

bool IommuPort::in_flight_late(const TranslationJob& job) const {
    return device_.drains_translated() && job.transaction->ats.type == AtsType::untranslated;
}

void IommuPort::begin(Transaction& transaction, bool sure_miss) {
    TranslationJob& job = take_job();
    beats_free_ -= std::min(beats(transaction), params_.write_buffer_beats);
    job.transaction = &transaction;
    job.stream = iommu::stream_tag(transaction.stream, transaction.substream);
    if (transaction.ats.type == AtsType::translated) job.stream |= kTranslatedTag;
    job.page = transaction.address() >> 12;
    job.merged = false;
    job.micro_misses = job.main_misses = 0;
    job.ready = false;
    job.how = "";
    job.fate = {};
    job.ahead = device_.runs_ahead();
    job.at = admission_free_;
    job.sure_miss = sure_miss && job.ahead;
    charge(job, Part::iommu_queue);
    wire_.enter(job, beat_ * Cycles{std::max(1U, beats(transaction))}, &go<&IommuPort::arrived>);
}

void IommuPort::arrived(TranslationJob& job) {
    charge(job, Part::issue);
    job.received = job.time(device_.agenda());
    ++translations_;
    count(job.transaction->stream, PortEvent::transaction);
    device_.note_arrival(job);
    if (!in_flight_late(job)) device_.enter_flight(job);
    const bool request = job.transaction->ats.type == AtsType::translation_request;
    if (params_.keep_order && !request) order_[job.transaction->write() ? 1 : 0].push_back(&job);
    if (!device_.enabled()) {
        wait_for(device_.agenda(), device_, job, clock_ * Cycles{1}, &go<&IommuPort::globally>);
    } else if (job.transaction->ats.type != AtsType::untranslated && arrived_by_ats(job)) {
        return;
    } else if (micro_tlb_.enabled()) {
        micro_.enter(job, clock_ * params_.micro_tlb.latency, &go<&IommuPort::micro_looked_up>);
    } else {
        look_up_main(job);
    }
}

/// Nothing is translated: global bypass or abort; no look-up, no core.
void IommuPort::globally(TranslationJob& job) {
    charge(job, Part::iommu_queue);
    device_.decide_globally(job);
    job.how = "off";
    if (job.result.response == iommu::Response::ok && (job.stream & kTranslatedTag) == 0) {
        note_bypass(job.result.entry);
    }
    translated(job);
}

void IommuPort::micro_looked_up(TranslationJob& job) {
    charge(job, Part::micro_tlb);
    const CachedTranslation* entry = nullptr;
    if (job.sure_miss) {
        micro_tlb_.note_miss();
    } else {
        entry = micro_tlb_.lookup(job.stream, job.transaction->address());
    }
    // A hit that does not allow the access says nothing: the tables may, or the core records the fault.
    if (entry != nullptr && allows(*entry, *job.transaction)) {
        job.how = "micro-TLB hit";
        hit(job, *entry, micro_tlb_);
        translated(job);
    } else {
        if (entry == nullptr && !main_tlb_.enabled()) count(job.transaction->stream, PortEvent::tlb_miss);
        if (entry == nullptr) ++job.micro_misses;
        look_up_main(job);
    }
}

void IommuPort::look_up_main(TranslationJob& job) {
    if (main_tlb_.enabled()) {
        main_.enter(job, clock_ * params_.main_tlb.latency, &go<&IommuPort::main_looked_up>);
    } else {
        hold_or_ask(job);
    }
}

void IommuPort::main_looked_up(TranslationJob& job) {
    charge(job, Part::main_tlb);
    const CachedTranslation* entry = nullptr;
    if (job.sure_miss) {
        main_tlb_.note_miss();
        job.sure_miss = false;
    } else {
        entry = main_tlb_.lookup(job.stream, job.transaction->address());
    }
    if (entry != nullptr && allows(*entry, *job.transaction)) {
        job.how = job.merged ? "shared miss" : "main TLB hit";
        hit(job, *entry, main_tlb_);
        job.result.entry = *entry;
        job.result.epoch = device_.epoch();
        job.result.cacheable = true;
        if (params_.prefetch != 0) {
            const auto fetched = std::find(ahead_.begin(), ahead_.end(), Page{job.stream, job.page});
            if (fetched != ahead_.end()) {
                ahead_.erase(fetched);
                prefetch_after(job);
            }
        }
        if (micro_tlb_.enabled()) {
            micro_.pass(job, &go<&IommuPort::fill_micro>);
        } else {
            translated(job);
        }
    } else {
        if (entry == nullptr) count(job.transaction->stream, PortEvent::tlb_miss);
        if (entry == nullptr) ++job.main_misses;
        hold_or_ask(job);
    }
}

void IommuPort::hit(TranslationJob& job, const CachedTranslation& entry, iommu::Tlb& tlb) {
    job.result.response = iommu::Response::ok;
    job.result.fault = 0;
    job.result.pa = PhysAddr{entry.pa + (job.transaction->address() & low_mask(entry.log2_bytes))};
    if ((job.stream & kTranslatedTag) == 0) note_bypass(entry);
    if (!was_no_lookup(entry)) return;
    job.how = "bypassed";
    tlb.take_back(1, 0);
    take_back_misses(job);
}

/// Traffic with a translated address is not counted: it was translated before.
void IommuPort::note_bypass(const CachedTranslation& entry) {
    if (entry.bypass) ++bypassed_;
}

/// The port keeps what the core said of a stream, which costs the same time; it counts as no look-up.
bool IommuPort::was_no_lookup(const CachedTranslation& entry) const {
    return entry.bypass && !device_.spec().bypass_is_lookup;
}

void IommuPort::take_back_misses(const TranslationJob& job) {
    micro_tlb_.take_back(0, job.micro_misses);
    main_tlb_.take_back(0, job.main_misses);
}

bool IommuPort::may_keep(const TranslationJob& job) const {
    const iommu::Result& result = job.result;
    return result.response == iommu::Response::ok && result.fault == 0 && result.cacheable &&
           result.epoch == device_.epoch();
}

/// Filling needs a slot of the TLB's port, though no time: it waits for the look-ups that are there.
void IommuPort::fill_main(TranslationJob& job) {
    charge(job, Part::main_tlb);
    if (may_keep(job)) fill_main_tlb(job);
    if (params_.prefetch != 0 && may_keep(job)) prefetch_after(job);
    release_page(job);
    if (micro_tlb_.enabled() && may_keep(job)) {
        micro_.pass(job, &go<&IommuPort::fill_micro>);
    } else {
        translated(job);
    }
}

/// What was asked for, and last, so that it stays, behind its neighbours that the walk has read with it.
void IommuPort::fill_main_tlb(const TranslationJob& job) {
    if (lines_ != nullptr && job.transaction->ats.type == AtsType::untranslated) {
        for (const CachedTranslation& neighbour : lines_->beside(*job.engine)) main_tlb_.fill(neighbour);
    }
    main_tlb_.fill(job.result.entry);
}

/// Whether the walk of `asking` may answer `other`, too.
bool IommuPort::answers(const TranslationJob& asking, const TranslationJob& other) const {
    return (asking.page ^ other.page) >> pages_answered_log2_ == 0 && asking.stream == other.stream;
}

void IommuPort::fill_micro(TranslationJob& job) {
    charge(job, Part::micro_tlb);
    if (may_keep(job)) micro_tlb_.fill(job.result.entry);
    translated(job);
}

void IommuPort::hold_or_ask(TranslationJob& job) {
    const bool asked =
        std::any_of(asking_.begin(), asking_.end(), [&](const TranslationJob* other) { return answers(*other, job); });
    if (asked) {
        if (!job.merged) ++merged_;
        job.merged = true;
        holding_.push_back(&job);
        return;
    }
    asking_.push_back(&job);
    device_.translate(job);
}

void IommuPort::release_page(TranslationJob& job) {
    const auto at = std::find(asking_.begin(), asking_.end(), &job);
    if (at == asking_.end()) return;  // it stalled, and gave the page up then
    asking_.erase(at);
    // They look again: the entry may be there, or one of them asks next.
    std::vector<TranslationJob*> again;
    for (TranslationJob* other : holding_) {
        if (answers(job, *other)) again.push_back(other);
    }
    if (again.empty()) return;
    holding_.erase(std::remove_if(holding_.begin(), holding_.end(),
                                  [&](const TranslationJob* other) { return answers(job, *other); }),
                   holding_.end());
    if (params_.youngest_first) std::reverse(again.begin(), again.end());
    for (TranslationJob* other : again) {
        other->at = std::max(other->at, job.time(device_.agenda()));
        other->ahead = device_.runs_ahead();
        charge(*other, Part::iommu_queue);
        look_up_main(*other);
    }
}

void IommuPort::answered(TranslationJob& job) {
    iommu::Result& result = job.result;
    job.how = job.result.entry.bypass ? "bypassed" : job.fetched ? "walk" : "core TLB hit";
    if (job.prefetch) {
        main_.pass(job, &go<&IommuPort::prefetched>);
        return;
    }
    if (job.transaction->ats.type == AtsType::translation_request) {
        translated(job);
        return;
    }
    // No drain waits for it: what an invalidation may have changed since it began is no answer.
    if (in_flight_late(job) && result.response == iommu::Response::ok && result.epoch != device_.epoch()) {
        device_.translate(job);
        return;
    }
    if ((job.stream & kTranslatedTag) == 0) {
        if (result.response == iommu::Response::ok) note_bypass(result.entry);
        if (result.response == iommu::Response::ok && was_no_lookup(result.entry)) take_back_misses(job);
    } else if (result.entry.bypass) {
        result.cacheable = true;
        result.entry.va = result.entry.pa = 0;
        result.entry.log2_bytes = 52;
        result.entry.stream = job.stream;
    } else {
        result.entry.stream = job.stream;
    }
    if (main_tlb_.enabled() && may_keep(job)) {
        main_.pass(job, &go<&IommuPort::fill_main>);
    } else {
        fill_main(job);
    }
}

void IommuPort::stalled(TranslationJob& job) { release_page(job); }

void IommuPort::translated(TranslationJob& job) {
    if (job.transaction->ats.type == AtsType::translation_request) {
        if (job.ahead) {
            job.come_back(device_.agenda(), device_, &go<&IommuPort::answer_request>);
        } else {
            answer_request(job);
        }
        return;
    }
    if (in_flight_late(job)) device_.enter_flight(job);
    job.ready = true;
    if (!params_.keep_order) {
        depart(job);
        return;
    }
    release_in_order();
}

/// In order: reads among themselves, writes among themselves.
void IommuPort::release_in_order() {
    for (std::vector<TranslationJob*>& queue : order_) {
        while (!queue.empty() && queue.front()->ready) {
            TranslationJob& first = *queue.front();
            queue.erase(queue.begin());
            SimTime& last_out = last_out_[first.transaction->write() ? 1 : 0];
            first.at = std::max(first.time(device_.agenda()), last_out);
            last_out = first.at;
            depart(first);
        }
    }
}

void IommuPort::depart(TranslationJob& job) {
    charge(job, Part::iommu_queue);
    if (job.result.response != iommu::Response::ok) {
        if (job.ahead) {
            job.come_back(device_.agenda(), device_, &go<&IommuPort::refuse>);
        } else {
            refuse(job);
        }
        return;
    }
    if (job.fate.kind == iommu::MessageFate::Kind::kept) {
        if (job.ahead) {
            job.come_back(device_.agenda(), device_, &go<&IommuPort::keep>);
        } else {
            keep(job);
        }
        return;
    }
    const Transaction& transaction = *job.transaction;
    const SimTime beats = out_.beats(transaction.size(), transaction.write());
    if (job.ahead && beats.fs != 0) {
        // The interconnect is shared: it is reserved when the transaction is there, not before.
        job.at = out_.wire().reserve(job.time(device_.agenda()), beats);
        job.come_back(device_.agenda(), device_, &go<&IommuPort::left>);
        return;
    }
    out_.wire().enter(job, beats, &go<&IommuPort::left>);
}

void IommuPort::left(TranslationJob& job) {
    Transaction& transaction = *job.transaction;
    charge(job, Part::link);
    latency_.add(job.time(device_.agenda()) - job.received);
    if (device_.traces_steps()) trace(job, job.how);
    transaction.payload().set_address(job.result.pa.value);
    if (job.fate.kind == iommu::MessageFate::Kind::notice) transaction.replace_word(job.fate.data);
    if (job.ahead) {
        left_ahead(job);
        return;
    }
    const auto tag = static_cast<std::uint16_t>(number_ | (job.generation ? 0x4000U : 0U));
    free_slot(job);
    out_.send(transaction, tag);
}

void IommuPort::refuse(TranslationJob& job) {
    Transaction& transaction = *job.transaction;
    latency_.add(job.time(device_.agenda()) - job.received);
    if (device_.traces_steps()) trace(job, "refused");
    ++faults_;
    transaction.fault = job.result.fault;
    transaction.refused_by = &device_.component_name();
    if (job.result.response == iommu::Response::read_zero_write_ignored) {
        // The client sees a good answer: zeros, or a write that went nowhere.
        if (!transaction.write() && transaction.moves_data()) {
            std::fill_n(transaction.payload().get_data_ptr(), transaction.size(), std::uint8_t{0});
        }
        transaction.set_response(tlm::TLM_OK_RESPONSE);
    } else {
        transaction.set_response(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    }
    device_.leave_flight(job.generation);
    free_slot(job);
    port.respond(transaction);
}

/// A message that the IOMMU has put into a table: its master sees that it was written.
void IommuPort::keep(TranslationJob& job) {
    Transaction& transaction = *job.transaction;
    latency_.add(job.time(device_.agenda()) - job.received);
    if (device_.traces_steps()) trace(job, "kept");
    transaction.set_response(tlm::TLM_OK_RESPONSE);
    device_.leave_flight(job.generation);
    free_slot(job);
    port.respond(transaction);
}

void IommuPort::free_slot(TranslationJob& job) {
    const std::uint32_t held = std::min(beats(*job.transaction), params_.write_buffer_beats);
    if (held != 0)
        count_buffer(held, job.time(device_.agenda()) - job.received + beat_ * Cycles{beats(*job.transaction)});
    job.transaction = nullptr;
    if (job.at > device_.agenda().now()) {
        leaving_.add(job.at, {held, &job});
        schedule_admission();
        return;
    }
    beats_free_ += held;
    ++free_slots_;
    give_back(job);
    admit();
}

void IommuPort::admit() {
    if (pending_ == nullptr || !has_room(*pending_)) return;
    Transaction& waiting = *pending_;
    pending_ = nullptr;
    door_fs_[static_cast<std::size_t>(door_)] += (device_.agenda().now() - door_since_).fs;
    begin(waiting, false);
    port.accept(waiting);
}

void IommuPort::returned(Transaction& transaction) {
    transaction.payload().set_address(transaction.iova);
    transaction.restore_word();
    port.respond(transaction);
}

void IommuPort::invalidate(const iommu::Invalidation& invalidation) {
    micro_tlb_.invalidate(invalidation);
    main_tlb_.invalidate(invalidation);
}

/// Through the tables as they are, without time: no cache is asked or filled. It does not cross a page.
unsigned IommuPort::on_debug(unsigned, tlm::tlm_generic_payload& payload) {
    const auto* who = payload.get_extension<Transaction>();
    Request request;
    if (who != nullptr) {
        request.sid = who->stream;
        request.ssid = who->substream;
        request.privileged = who->privileged;
        request.ats = who->ats.type == AtsType::translated ? AtsType::translated : AtsType::untranslated;
    }
    request.address = payload.get_address();
    request.length = payload.get_data_length();
    request.write = payload.is_write();
    const std::optional<PhysAddr> place = device_.translate_debug(request);
    if (!place) return 0;
    payload.set_address(place->value);
    const unsigned done = out_.port.socket->transport_dbg(payload);
    payload.set_address(request.address);
    return done;
}

void IommuPort::add_uses(std::vector<ResourceUse>& all) const {
    const std::string& device = device_.component_name();
    const auto door = [&](Door which) {
        const bool now = pending_ != nullptr && door_ == which;
        return door_fs_[static_cast<std::size_t>(which)] + (now ? (device_.agenda().now() - door_since_).fs : 0);
    };
    const ResourceUse wire = wire_.use(ResourceKind::port, device, name_);
    all.push_back(wire);
    // A slot is held while its beats wait and come in, and from the last one until the transaction leaves.
    all.push_back({ResourceKind::port_slots, device, name_, params_.xlate_slots,
                   wire.busy_fs + wire.waited_fs + latency_.sum_fs(), door(Door::slots), door(Door::slots)});
    all.push_back({ResourceKind::write_buffer, device, name_, params_.write_buffer_beats, buffer_fs_,
                   door(Door::buffer), door(Door::buffer)});
    if (micro_tlb_.enabled()) all.push_back(micro_.use(ResourceKind::micro_tlb, device, name_));
    if (main_tlb_.enabled()) all.push_back(main_.use(ResourceKind::main_tlb, device, name_));
    all.push_back(link_to_tcu_.use(ResourceKind::link_to_core, device, name_));
    all.push_back(link_from_tcu_.use(ResourceKind::link_from_core, device, name_));
}

void IommuPort::add_to(IommuStats& stats) const {
    const auto add = [](LookupStats& to, const iommu::CacheCounters& from) {
        to.lookups += from.lookups;
        to.hits += from.hits;
    };
    stats.translations += translations_;
    stats.bypassed += bypassed_;
    stats.ats_requests += ats_requests_;
    stats.ats_translated += ats_translated_;
    stats.faults += faults_;
    stats.merged += merged_;
    stats.prefetches += prefetches_;
    add(stats.micro_tlb, micro_tlb_.counters());
    add(stats.main_tlb, main_tlb_.counters());
    stats.translation.merge(latency_);
}

}  // namespace xlate::soc
