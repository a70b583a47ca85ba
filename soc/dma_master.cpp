#include "soc/dma_master.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::soc {

DmaMaster::DmaMaster(const sc_core::sc_module_name& module_name, const std::string& name, const Context& context,
                     const MasterConfig& config, std::uint64_t seed, PayloadMode payload)
    : sc_core::sc_module(module_name),
      Component(name),
      port("port", *this, 0),
      context_(context),
      traffic_(config.traffic),
      payload_(payload),
      pattern_(config.traffic, seed, config.device),
      mix_(seed, "soc.master." + config.device + ".mix") {
    stats_.device = config.device;
    context_.agenda.add_component(*this);
    issue_.bind<&DmaMaster::issue>(this);
}

void DmaMaster::start(std::vector<DmaRegion> regions) {
    pattern_.cover(std::move(regions));
    if (!running_) next_issue_ = context_.agenda.now() + traffic_.start_delay;
    running_ = true;
    stats_.started = true;
    consider();
}

void DmaMaster::submit(Iova iova, std::uint64_t size, bool write, std::function<void(bool ok)> done) {
    XLATE_CHECK(size > 0, stats_.device);
    Job& job = jobs_.emplace_back();
    job.next = iova.value;
    job.left = size;
    job.write = write;
    job.done = std::move(done);
    job.owner = this;
    stats_.started = true;
    consider();
}

bool DmaMaster::idle() const { return in_flight_ == 0 && jobs_.empty() && !pattern_left(); }

MasterStats DmaMaster::stats() const {
    MasterStats result = stats_;
    result.in_flight = in_flight_;
    return result;
}

/// Something may have become possible: looks at it in phase `arrive`, so that all masters' requests of an instant
/// are there before anybody chooses among them.
void DmaMaster::consider() {
    if (issue_.scheduled() || at_port_ != nullptr || in_flight_ >= traffic_.outstanding) return;
    const bool job_left = std::any_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.left > 0; });
    if (!job_left && !pattern_left()) return;
    context_.agenda.schedule(issue_, std::max(context_.agenda.now(), next_issue_), Phase::arrive, *this);
}

Transaction& DmaMaster::make(std::uint64_t address, std::uint32_t size, bool write) {
    Transaction& transaction = context_.pool.take(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND,
                                                  PhysAddr{address}, size, payload_ == PayloadMode::full);
    transaction.stream = stream_;
    if (traffic_.substream) transaction.substream = SubstreamId{*traffic_.substream};
    transaction.privileged = traffic_.privileged;
    transaction.priority = traffic_.priority;
    transaction.source_rank = rank();
    transaction.number = stats_.issued;
    transaction.ledger.start(context_.agenda.now());
    if (write && transaction.moves_data()) {
        // Bytes that tell which transaction wrote them.
        for (std::uint32_t i = 0; i < size; ++i) {
            transaction.payload().get_data_ptr()[i] = static_cast<std::uint8_t>(stats_.issued * 31 + i);
        }
    }
    return transaction;
}

void DmaMaster::issue() {
    const SimTime now = context_.agenda.now();
    const auto waiting = std::find_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.left > 0; });
    Transaction* made = nullptr;
    if (waiting != jobs_.end()) {
        Job& job = *waiting;
        const std::uint64_t to_page_end = 4096 - (job.next & 4095);
        const auto size =
            static_cast<std::uint32_t>(std::min({job.left, to_page_end, std::uint64_t{traffic_.size_bytes}}));
        made = &make(job.next, size, job.write);
        made->holder_data = &job;
        job.next += size;
        job.left -= size;
        ++job.unfinished;
    } else {
        const Ratio share = traffic_.read_share;
        const bool always = share.numerator == share.denominator;
        const bool read = always || (share.numerator != 0 && mix_.chance(share.numerator, share.denominator));
        made = &make(pattern_.next(), traffic_.size_bytes, !read);
        ++issued_by_pattern_;
    }
    if (stats_.issued == 0) stats_.first_issue = now;
    ++stats_.issued;
    ++in_flight_;
    next_issue_ = now + traffic_.interval;
    if (++in_burst_ >= traffic_.burst) {
        in_burst_ = 0;
        next_issue_ += traffic_.burst_gap;
    }
    if (port.free()) {
        made->ledger.charge(Part::issue, now);
        port.send(*made);
    } else {
        at_port_ = made;
    }
    consider();
}

void DmaMaster::on_accepted(unsigned) {
    if (at_port_ == nullptr || !port.free()) return;
    Transaction& transaction = *at_port_;
    at_port_ = nullptr;
    transaction.ledger.charge(Part::issue, context_.agenda.now());
    port.send(transaction);
    consider();
}

void DmaMaster::on_response(unsigned, Transaction& transaction) {
    const SimTime now = context_.agenda.now();
    transaction.ledger.charge(Part::response, now);
    const Ledger& ledger = transaction.ledger;
    const bool ok = transaction.ok();
    const bool write = transaction.write();
    if (ok) {
        ++(write ? stats_.writes : stats_.reads);
        stats_.bytes += transaction.size();
    } else {
        ++stats_.faults;
        context_.faults.on_fault(stats_.device, transaction);
    }
    stats_.latency.add(ledger.elapsed());
    for (std::size_t i = 0; i < kParts; ++i) stats_.parts_fs[i] += ledger.fs(static_cast<Part>(i));
    stats_.last_completion = now;
    context_.stream.add(now, *this, ok ? EventStream::Kind::completion : EventStream::Kind::fault, transaction.iova);
    if (context_.trace != nullptr) {
        context_.trace->transaction(stats_.device, transaction.number, transaction.iova, write, ledger.started(), now,
                                    !ok);
    }
    --in_flight_;
    auto* job = static_cast<Job*>(transaction.holder_data);
    context_.pool.give_back(transaction);
    if (job != nullptr) {
        job->ok = job->ok && ok;
        if (--job->unfinished == 0 && job->left == 0) {
            job->report.bind(job, [](void* self, AgendaEntry&) {
                auto& finished = *static_cast<Job*>(self);
                finished.owner->report(finished);
            });
            context_.agenda.schedule(job->report, now, Phase::act, *this);
        }
    }
    consider();
}

void DmaMaster::report(Job& job) {
    const auto done = std::move(job.done);
    const bool ok = job.ok;
    job.done = nullptr;
    while (!jobs_.empty() && jobs_.front().left == 0 && jobs_.front().unfinished == 0 &&
           jobs_.front().done == nullptr && !jobs_.front().report.scheduled()) {
        jobs_.pop_front();
    }
    if (done) done(ok);
}

}  // namespace xlate::soc
