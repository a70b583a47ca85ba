#include "soc/bus/dram.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "soc/bus/byte_access.hpp"

namespace xlate::soc {

Dram::Dram(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
           const MemoryParams& params, PhysicalMemory& bytes)
    : sc_core::sc_module(module_name),
      Component(name),
      port("port", *this, 0),
      agenda_(agenda),
      t_(*params.dram),
      controller_(params.controller),
      channels_(params.channels),
      channel_bytes_(params.channel_bytes),
      bytes_(bytes),
      banks_(std::size_t{t_.groups} * t_.banks),
      groups_(t_.groups),
      refresh_due_(t_.REFI == 0 ? kNone : t_.REFI) {
    agenda_.add_component(*this);
    step_.bind<&Dram::step>(this);
}

DramPlace Dram::place_of(std::uint64_t address) const {
    // Only every `channels`-th piece is this channel's.
    std::uint64_t rest =
        address / (std::uint64_t{channel_bytes_} * channels_) * channel_bytes_ + address % channel_bytes_;
    rest /= t_.burst_bytes;
    DramPlace place;
    place.group = static_cast<std::uint32_t>(rest % t_.groups);
    rest /= t_.groups;
    rest /= t_.row_bytes / t_.burst_bytes;
    const auto bank = static_cast<std::uint32_t>(rest % t_.banks);
    place.row = rest / t_.banks;
    place.bank = place.group * t_.banks + static_cast<std::uint32_t>((bank ^ place.row) % t_.banks);
    return place;
}

std::size_t Dram::bursts_of(const Transaction& transaction) const {
    const std::uint64_t first = transaction.address() / t_.burst_bytes;
    const std::uint64_t last = (transaction.address() + std::max(transaction.size(), 1U) - 1) / t_.burst_bytes;
    return static_cast<std::size_t>(last - first + 1);
}

/// One with more bursts than a queue holds goes when the queue is empty.
bool Dram::has_room(const Transaction& transaction) const {
    const std::deque<Burst>& queue = queue_[transaction.write() ? 1 : 0];
    const std::size_t most = transaction.write() ? kWrites : kReads;
    return queue.empty() || queue.size() + bursts_of(transaction) <= most;
}

bool Dram::on_request(unsigned, Transaction& transaction) {
    if (door_ != nullptr || !has_room(transaction)) {
        XLATE_CHECK(door_ == nullptr, component_name());
        door_ = &transaction;
        return false;
    }
    take(transaction);
    return true;
}

void Dram::take(Transaction& transaction) {
    move_bytes(transaction);
    std::deque<Burst>& queue = queue_[transaction.write() ? 1 : 0];
    const std::uint64_t now = now_cycle();
    if (queue_[0].empty() && queue_[1].empty()) refreshed_while_idle(now);
    const std::size_t bursts = bursts_of(transaction);
    Read* read = nullptr;
    if (!transaction.write()) {
        if (free_reads_.empty()) free_reads_.push_back(&reads_.emplace_back());
        read = free_reads_.back();
        free_reads_.pop_back();
        *read = {&transaction, bursts, 0, agenda_.now()};
    }
    for (std::size_t i = 0; i < bursts; ++i) {
        Burst burst;
        burst.place = place_of(transaction.address() / t_.burst_bytes * t_.burst_bytes + i * t_.burst_bytes);
        burst.since = now;
        burst.read = read;
        queue.push_back(burst);
    }
    if (transaction.write()) answer(transaction, agenda_.now(), agenda_.now() + controller_);
    look_again(now);
}

void Dram::move_bytes(Transaction& transaction) {
    transaction.set_response(tlm::TLM_OK_RESPONSE);
    if (!transaction.moves_data()) return;
    const PhysAddr address{transaction.address()};
    if (transaction.write()) {
        bytes_.write(address, transaction.payload().get_data_ptr(), transaction.size());
    } else {
        bytes_.read(address, transaction.payload().get_data_ptr(), transaction.size());
    }
}

void Dram::answer(Transaction& transaction, SimTime taken, SimTime at) {
    if (sink_ != nullptr && *sink_ != nullptr) trace_memory(*sink_, *this, transaction, taken, at);
    transaction.step.bind(this, &Dram::answer_step);
    agenda_.schedule(transaction.step, at, Phase::arrive, *this);
}

void Dram::answer_step(void* owner, AgendaEntry& entry) {
    static_cast<Dram*>(owner)->port.respond(Transaction::of_step(entry));
}

void Dram::admit() {
    while (door_ != nullptr && has_room(*door_)) {
        Transaction& waiting = *door_;
        door_ = nullptr;
        take(waiting);
        port.accept(waiting);
    }
}

void Dram::look_again(std::uint64_t cycle) {
    if (cycle == kNone) return;
    const SimTime at = std::max(agenda_.now(), SimTime{cycle * t_.clock.fs});
    if (step_.scheduled()) {
        if (step_.time() <= at) return;
        agenda_.cancel(step_);
    }
    agenda_.schedule(step_, at, Phase::decide, *this);
}

/// One command, or none yet; and when to look again.
void Dram::step() {
    const std::uint64_t now = now_cycle();
    if (queue_[0].empty() && queue_[1].empty()) return;
    std::uint64_t next = next_command_;
    if (now >= next_command_) next = now >= refresh_due_ ? refresh(now) : serve(now);
    if (refresh_due_ > now) next = std::min(next, refresh_due_);
    look_again(std::max(next, now + 1));
}

/// Refreshes that fell due while nothing waited have happened meanwhile, each as soon as it could.
void Dram::refreshed_while_idle(std::uint64_t now) {
    while (refresh_due_ <= now) {
        std::uint64_t from = refresh_due_;
        for (Bank& bank : banks_) {
            from = std::max(from, bank.row == kNone ? bank.activate : std::max(bank.precharge, refresh_due_) + t_.RP);
            bank.row = kNone;
        }
        for (Bank& bank : banks_) bank.activate = from + t_.RFC;
        ++counts_.refreshes;
        refresh_due_ += t_.REFI;
    }
}

/// Closes rows, and refreshes when all are closed.
std::uint64_t Dram::refresh(std::uint64_t now) {
    const bool open = std::any_of(banks_.begin(), banks_.end(), [](const Bank& bank) { return bank.row != kNone; });
    std::uint64_t next = kNone;
    if (open) {
        for (std::uint32_t i = 0; i < banks_.size(); ++i) {
            if (banks_[i].row == kNone) continue;
            if (banks_[i].precharge <= now) {
                precharge(i, now);
                return now + 1;
            }
            next = std::min(next, banks_[i].precharge);
        }
        return next;
    }
    std::uint64_t from = 0;
    for (const Bank& bank : banks_) from = std::max(from, bank.activate);
    if (from > now) return from;
    note(Command::refresh, now, 0);
    ++counts_.refreshes;
    refresh_due_ += t_.REFI;
    for (Bank& bank : banks_) bank.activate = now + t_.RFC;
    next_command_ = now + 1;
    return now + t_.RFC;
}

bool Dram::writes_go() {
    if (serving_writes_) {
        serving_writes_ = !queue_[1].empty() && (queue_[1].size() > kWritesLow || queue_[0].empty());
    } else {
        serving_writes_ = queue_[1].size() >= kWritesHigh || queue_[0].empty();
    }
    return serving_writes_;
}

std::uint64_t Dram::column_from(const Burst& burst, bool write) const {
    const Group& group = groups_[burst.place.group];
    return std::max({banks_[burst.place.bank].column, write ? group.write : group.read, write ? write_any_ : read_any_,
                     burst.since});
}

std::uint64_t Dram::activate_from(const Burst& burst) const {
    return std::max({banks_[burst.place.bank].activate, groups_[burst.place.group].activate, activate_any_,
                     activates_[0], burst.since});
}

/// Row hits first, then rows that have to be opened, then those that have to be closed; each time the oldest.
std::uint64_t Dram::serve(std::uint64_t now) {
    const bool write = writes_go();
    std::deque<Burst>& queue = queue_[write ? 1 : 0];
    std::uint64_t next = kNone;
    for (std::size_t i = 0; i < queue.size(); ++i) {
        Burst& burst = queue[i];
        const bool open = banks_[burst.place.bank].row == burst.place.row;
        if (!burst.seen) {
            burst.seen = true;
            if (open) ++counts_.row_hits;
        }
        if (!open || (i != 0 && passed_ >= kPasses)) continue;
        const std::uint64_t from = column_from(burst, write);
        if (from <= now) {
            column(i, write, now);
            return now + 1;
        }
        next = std::min(next, from);
    }
    for (std::size_t i = 0; i < queue.size(); ++i) {
        const Burst& burst = queue[i];
        Bank& bank = banks_[burst.place.bank];
        if (bank.row == burst.place.row) continue;
        // An older burst of the same bank goes first; one that still wants the open row keeps it open.
        const auto same = [&](const Burst& other) { return other.place.bank == burst.place.bank; };
        const auto end = queue.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::any_of(queue.begin(), end, same)) continue;
        const bool wanted = passed_ < kPasses && std::any_of(end, queue.end(), [&](const Burst& other) {
                                return same(other) && other.place.row == bank.row;
                            });
        if (bank.row != kNone && wanted) continue;
        const std::uint64_t from = bank.row == kNone ? activate_from(burst) : std::max(bank.precharge, burst.since);
        if (from <= now) {
            if (bank.row == kNone) {
                activate(burst, now);
            } else {
                precharge(burst.place.bank, now);
            }
            return now + 1;
        }
        next = std::min(next, from);
    }
    return next;
}

void Dram::note(Command command, std::uint64_t cycle, std::uint32_t bank) {
    if (record_ != nullptr) record_->push_back({command, cycle, bank});
    next_command_ = cycle + 1;
}

void Dram::activate(const Burst& burst, std::uint64_t now) {
    note(Command::activate, now, burst.place.bank);
    ++counts_.activates;
    Bank& bank = banks_[burst.place.bank];
    bank.row = burst.place.row;
    bank.column = now + t_.RCD;
    bank.precharge = now + t_.RAS;
    bank.activate = now + t_.RAS + t_.RP;
    groups_[burst.place.group].activate = now + t_.RRD_L;
    activate_any_ = now + t_.RRD_S;
    std::rotate(std::begin(activates_), std::begin(activates_) + 1, std::end(activates_));
    activates_[3] = now + t_.FAW;
}

void Dram::precharge(std::uint32_t index, std::uint64_t now) {
    note(Command::precharge, now, index);
    ++counts_.precharges;
    Bank& bank = banks_[index];
    bank.row = kNone;
    bank.activate = std::max(bank.activate, now + t_.RP);
}

void Dram::column(std::size_t index, bool write, std::uint64_t now) {
    std::deque<Burst>& queue = queue_[write ? 1 : 0];
    const Burst burst = queue[index];
    note(write ? Command::write : Command::read, now, burst.place.bank);
    ++(write ? counts_.writes : counts_.reads);
    if (write != last_wrote_) ++counts_.turnarounds;
    last_wrote_ = write;
    waited_cycles_ += now - burst.since;
    passed_ = index == 0 ? 0 : passed_ + 1;
    queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(index));
    Bank& bank = banks_[burst.place.bank];
    for (std::uint32_t i = 0; i < groups_.size(); ++i) {
        const bool same = i == burst.place.group;
        const std::uint64_t again = now + std::max(same ? t_.CCD_L : t_.CCD_S, t_.burst);
        Group& group = groups_[i];
        if (write) {
            group.write = std::max(group.write, again);
            group.read = std::max(group.read, now + t_.CWL + t_.burst + (same ? t_.WTR_L : t_.WTR_S));
        } else {
            group.read = std::max(group.read, again);
        }
    }
    if (write) {
        bank.precharge = std::max(bank.precharge, now + t_.CWL + t_.burst + t_.WR);
    } else {
        bank.precharge = std::max(bank.precharge, now + t_.RTP);
        const std::uint64_t data_over = now + t_.CL + t_.burst + t_.RTW;
        write_any_ = std::max(write_any_, data_over > t_.CWL ? data_over - t_.CWL : 0);
        Read& read = *burst.read;
        read.data_over = std::max(read.data_over, now + t_.CL + t_.burst);
        if (--read.left == 0) {
            answer(*read.transaction, read.taken, SimTime{read.data_over * t_.clock.fs} + controller_);
            free_reads_.push_back(&read);
        }
    }
    admit();
}

void Dram::add_uses(std::vector<ResourceUse>& all) const {
    const std::uint64_t busy = (counts_.reads + counts_.writes) * t_.burst * t_.clock.fs;
    all.push_back(single(ResourceKind::memory, component_name(), "", busy, waited_cycles_ * t_.clock.fs));
}

unsigned Dram::on_debug(unsigned, tlm::tlm_generic_payload& payload) { return debug_access(bytes_, payload); }

}  // namespace xlate::soc
