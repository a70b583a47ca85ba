#include "soc/masters/dma_master.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::soc {

DmaMaster::DmaMaster(const sc_core::sc_module_name& module_name, const std::string& name, const Context& context,
                     const MasterConfig& config, std::uint64_t seed, PayloadMode payload)
    : sc_core::sc_module(module_name),
      Component(name),
      port("port", *this, 0),
      context_(context),
      payload_(payload),
      transfers_(config.traffic.transfers),
      traffic_(config.traffic),
      mix_(seed, "soc.master." + config.device + ".mix"),
      pattern_(config.traffic, seed, config.device) {
    stats_.device = config.device;
    context_.agenda.add_component(*this);
    issue_.bind<&DmaMaster::issue>(this);
    issue_.fetch_by([](void* self, unsigned steps) { static_cast<const DmaMaster*>(self)->fetch(steps); });
}

void DmaMaster::fetch(unsigned steps) const {
    if (steps == 3) {
        fetch_lines(&context_, &stats_.first_issue);
        return;
    }
    if (steps == 2) {
        planned_.fetch();
        stats_.latency.fetch();
    }
    if (near_ != nullptr) near_->fetch(steps);
}

void DmaMaster::start(std::vector<DmaRegion> regions) {
    pattern_.cover(std::move(regions));
    if (!running_) {
        recording_began_ = context_.agenda.now() + traffic_.start_delay;
        next_issue_ = recorded() && traffic_.keep_gaps ? recorded_time(0) : recording_began_;
    }
    running_ = true;
    stats_.started = true;
    consider();
}

void DmaMaster::stop() {
    transfers_ = std::min(transfers_, issued_by_pattern_);
    if (jobs_to_issue_ == 0 && issue_.scheduled()) context_.agenda.cancel(issue_);
    consider();
}

DmaMaster::Job& DmaMaster::add_job(Iova iova, std::uint64_t size, bool write, std::function<void(bool ok)> done) {
    XLATE_CHECK(size > 0, stats_.device);
    Job& job = jobs_.emplace_back();
    job.next = iova.value;
    job.left = size;
    job.write = write;
    job.done = std::move(done);
    job.owner = this;
    ++jobs_to_issue_;
    stats_.started = true;
    return job;
}

void DmaMaster::submit(Iova iova, std::uint64_t size, bool write, std::function<void(bool ok)> done) {
    add_job(iova, size, write, std::move(done));
    consider();
}

void DmaMaster::send_message(Iova address, std::function<void(bool ok)> done) {
    constexpr std::uint64_t kMessageBytes = 4;
    add_job(address, kMessageBytes, true, std::move(done)).message = true;
    consider();
}

bool DmaMaster::idle() const {
    return in_flight_ == planned_.size() && (planned_.empty() || planned_.last_due() <= context_.agenda.now()) &&
           jobs_.empty() && !pattern_left();
}

MasterStats DmaMaster::stats() const {
    MasterStats result = stats_;
    result.in_flight = in_flight_ - planned_.size();  // those are counted as what they will be
    return result;
}

/// What was planned and is back by now is not in flight any more.
void DmaMaster::reclaim() {
    while (!planned_.empty() && planned_.first_due() <= context_.agenda.now()) {
        planned_.take_first();
        --in_flight_;
    }
}

/// When the next may be issued, as far as it is known; kTimeNever: when somebody comes back.
SimTime DmaMaster::when_possible() const {
    const SimTime wanted = std::max(context_.agenda.now(), next_issue_);
    if (in_flight_ < traffic_.outstanding) return wanted;
    return planned_.empty() ? kTimeNever : std::max(wanted, planned_.first_due());
}

/// Something may have become possible: looks at it in phase `arrive`, so that all masters' requests of an instant
/// are there before anybody chooses among them.
void DmaMaster::consider() {
    if (at_port_ != nullptr || issuing_) return;
    reclaim();
    SimTime at = kTimeNever;
    if (jobs_to_issue_ != 0 || pattern_left()) {
        at = when_possible();
    } else if (!planned_.empty()) {
        at = planned_.last_due();  // nothing happens then but that it is over
    }
    if (issue_.scheduled()) {
        if (issue_.time() <= at) return;
        context_.agenda.cancel(issue_);
    }
    if (at != kTimeNever) context_.agenda.schedule(issue_, at, Phase::arrive, *this);
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
    if (jobs_to_issue_ != 0) {
        reclaim();
        const auto waiting = std::find_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.left > 0; });
        if (in_flight_ < traffic_.outstanding) issue_job(*waiting);
    } else if (recorded()) {
        issue_recorded();
    } else if (way_ != nullptr) {
        issue_ahead();
    } else {
        issue_pattern();
    }
    consider();
}

void DmaMaster::issue_job(Job& job) {
    const std::uint64_t to_page_end = 4096 - (job.next & 4095);
    const auto size = static_cast<std::uint32_t>(std::min({job.left, to_page_end, std::uint64_t{traffic_.size_bytes}}));
    Transaction& made = make(job.next, size, job.write);
    made.holder_data = &job;
    made.message = job.message;
    job.next += size;
    job.left -= size;
    if (job.left == 0) --jobs_to_issue_;
    ++job.unfinished;
    count_issue(context_.agenda.now());
    send(made);
}

bool DmaMaster::next_is_read() {
    const Ratio share = traffic_.read_share;
    return share.numerator == share.denominator ||
           (share.numerator != 0 && mix_.chance(share.numerator, share.denominator));
}

void DmaMaster::issue_pattern() {
    const bool read = next_is_read();
    Transaction& made = make(pattern_.next(), traffic_.size_bytes, !read);
    ++issued_by_pattern_;
    count_issue(context_.agenda.now());
    send(made);
}

/// The recording again and again, one `interval` between its last access and its first.
SimTime DmaMaster::recorded_time(std::uint64_t number) const {
    const std::vector<RecordedAccess>& all = *traffic_.recorded;
    const SimTime lap = all.back().at + traffic_.interval;
    return recording_began_ + lap * (number / all.size()) + all[number % all.size()].at;
}

void DmaMaster::issue_recorded() {
    const RecordedAccess& next = (*traffic_.recorded)[issued_by_pattern_ % traffic_.recorded->size()];
    Transaction& made = make(pattern_.place(next.offset, next.size), next.size, next.write);
    ++issued_by_pattern_;
    count_issue(context_.agenda.now());
    if (traffic_.keep_gaps) next_issue_ = recorded_time(issued_by_pattern_);
    send(made);
}

void DmaMaster::count_issue(SimTime at) {
    if (context_.trace != nullptr) context_.trace->issued(stats_.device, stats_.issued, at);
    if (stats_.issued == 0) stats_.first_issue = at;
    ++stats_.issued;
    ++in_flight_;
    next_issue_ = at + traffic_.interval;
    if (++in_burst_ >= traffic_.burst) {
        in_burst_ = 0;
        next_issue_ += traffic_.burst_gap;
    }
}

void DmaMaster::send(Transaction& transaction) {
    if (port.free()) {
        transaction.ledger.charge(Part::issue, context_.agenda.now());
        port.send(transaction);
    } else {
        at_port_ = &transaction;
    }
}

/// One after the other, for as long as nobody else has anything to do before the next.
void DmaMaster::issue_ahead() {
    issuing_ = true;
    for (;;) {
        reclaim();
        if (!pattern_left() || in_flight_ >= traffic_.outstanding) break;
        const bool read = next_is_read();
        const std::uint64_t address = pattern_.next();
        ++issued_by_pattern_;
        if (!plan(address, !read)) {
            Transaction& made = make(address, traffic_.size_bytes, !read);
            count_issue(context_.agenda.now());
            send(made);
        }
        if (at_port_ != nullptr || !pattern_left()) break;
        const SimTime next = when_possible();
        if (next == kTimeNever || (next > context_.agenda.now() && !context_.agenda.go_on_at(next))) break;
    }
    issuing_ = false;
}

bool DmaMaster::plan(std::uint64_t address, bool write) {
    if (payload_ == PayloadMode::full) return false;
    const SimTime now = context_.agenda.now();
    PlannedAccess access;
    access.stream = stream_;
    if (traffic_.substream) access.substream = SubstreamId{*traffic_.substream};
    access.address = address;
    access.size = traffic_.size_bytes;
    access.write = write;
    access.privileged = traffic_.privileged;
    access.now = now;
    access.at = now;
    access.charged = now;
    access.parts = &stats_.parts_fs;
    if (!way_->plan(access)) return false;
    const std::uint64_t number = stats_.issued;
    count_issue(now);
    next_issue_ = std::max(next_issue_, access.accepted);
    ++(write ? stats_.writes : stats_.reads);
    stats_.bytes += access.size;
    stats_.latency.add(access.at - now);
    stats_.last_completion = std::max(stats_.last_completion, access.at);
    context_.stream.add(access.at, *this, EventStream::Kind::completion, address);
    if (context_.trace != nullptr) {
        context_.trace->transaction(stats_.device, number, address, write, now, access.at, false);
        trace_transfer(number, address, access.size, write ? "write" : "read", now, access.at);
    }
    planned_.add(access.at, {});
    return true;
}

void DmaMaster::on_accepted(unsigned) {
    if (at_port_ == nullptr || !port.free()) return;
    Transaction& transaction = *at_port_;
    at_port_ = nullptr;
    transaction.ledger.charge(Part::issue, context_.agenda.now());
    port.send(transaction);
    consider();
}

void DmaMaster::completed(Transaction& transaction, SimTime at, bool message) {
    transaction.ledger.charge(Part::response, at);
    const Ledger& ledger = transaction.ledger;
    const bool ok = transaction.ok();
    const bool write = transaction.write();
    if (!ok) {
        ++stats_.faults;
        context_.faults.on_fault(stats_.device, transaction);
    } else if (message) {
        ++stats_.messages;
    } else {
        ++(write ? stats_.writes : stats_.reads);
        stats_.bytes += transaction.size();
    }
    if (message) {
        stats_.messages_fs += ledger.elapsed().fs;
    } else {
        stats_.latency.add(ledger.elapsed());
        for (std::size_t i = 0; i < kParts; ++i) stats_.parts_fs[i] += ledger.fs(static_cast<Part>(i));
        stats_.last_completion = std::max(stats_.last_completion, at);
    }
    context_.stream.add(at, *this, ok ? EventStream::Kind::completion : EventStream::Kind::fault, transaction.iova);
    if (context_.trace == nullptr) return;
    context_.trace->ended(stats_.device, transaction.number, ledger, at);
    if (message) {
        context_.trace->message(stats_.device, transaction.number, transaction.iova, ledger.started(), at, !ok);
    } else {
        context_.trace->transaction(stats_.device, transaction.number, transaction.iova, write, ledger.started(), at,
                                    !ok);
    }
    trace_transfer(transaction.number, transaction.iova, transaction.size(),
                   !ok       ? "fault"
                   : message ? "message"
                   : write   ? "write"
                             : "read",
                   ledger.started(), at);
}

void DmaMaster::trace_transfer(std::uint64_t number, std::uint64_t address, std::uint32_t size, const char* what,
                               SimTime start, SimTime end) {
    if (!context_.trace->steps) return;
    TraceStep step;
    step.component = stats_.device;
    step.what = what;
    step.start = start;
    step.end = end;
    step.address = address;
    step.size = size;
    step.source = rank();
    step.number = number;
    context_.trace->step(step);
}

bool DmaMaster::will_return(Transaction& transaction, SimTime at) {
    if (transaction.holder_data != nullptr) return false;
    completed(transaction, at);
    context_.pool.give_back(transaction);
    planned_.add(at, {});
    consider();
    return true;
}

void DmaMaster::on_response(unsigned, Transaction& transaction) {
    const SimTime now = context_.agenda.now();
    auto* job = static_cast<Job*>(transaction.holder_data);
    completed(transaction, now, job != nullptr && job->message);
    const bool ok = transaction.ok();
    --in_flight_;
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
