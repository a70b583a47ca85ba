#include "soc/bus/system_cache.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::soc {

SystemCache::SystemCache(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
                         TransactionPool& pool, ClockPeriod clock, const SystemCacheParams& params,
                         const MemoryParams& memory, PhysicalMemory& bytes)
    : sc_core::sc_module(module_name),
      Component(name),
      upper("upper", *this, 0),
      lower("lower", *this, 0),
      agenda_(agenda),
      pool_(pool),
      latency_(clock * params.latency),
      params_(params),
      channels_(memory.channels),
      channel_bytes_(memory.channel_bytes),
      bytes_(bytes),
      sets_(static_cast<std::size_t>(params.bytes / memory.channels / params.line / params.ways)),
      lines_(sets_ * params.ways) {
    agenda_.add_component(*this);
    fetches_.reserve(params_.misses);
}

/// Only every `channels`-th piece of the address space comes here.
std::size_t SystemCache::set_of(std::uint64_t number) const {
    const std::uint64_t address = number * params_.line;
    const std::uint64_t own =
        address / (std::uint64_t{channel_bytes_} * channels_) * channel_bytes_ + address % channel_bytes_;
    return static_cast<std::size_t>((channels_ == 1 ? number : own / params_.line) % sets_);
}

SystemCache::Line* SystemCache::find(std::uint64_t number) {
    const auto set = lines_.begin() + static_cast<std::ptrdiff_t>(set_of(number) * params_.ways);
    const auto at = std::find_if(set, set + params_.ways, [&](const Line& line) { return line.number == number; });
    return at == set + params_.ways ? nullptr : &*at;
}

bool SystemCache::allocates(const Transaction& transaction) const {
    switch (params_.allocate) {
        case CacheAllocation::all:
            return true;
        case CacheAllocation::none:
            return false;
        case CacheAllocation::walks:
            return transaction.of_iommu;
        case CacheAllocation::reads:
            return !transaction.write();
    }
    return true;
}

bool SystemCache::on_request(unsigned, Transaction& transaction) {
    transaction.ledger.charge(Part::memory, agenda_.now());
    transaction.step.bind(this, &SystemCache::looked_up);
    agenda_.schedule(transaction.step, agenda_.now() + latency_, Phase::arrive, *this);
    return true;
}

void SystemCache::looked_up(void* owner, AgendaEntry& entry) {
    auto& cache = *static_cast<SystemCache*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    LookupStats& stats = transaction.of_iommu ? cache.stats_.walks : cache.stats_.traffic;
    for (std::uint64_t line = cache.first_line(transaction); line <= cache.last_line(transaction); ++line) {
        ++stats.lookups;
        stats.hits += cache.find(line) != nullptr ? 1 : 0;
    }
    if (cache.hits(transaction)) {
        cache.finish_hit(transaction);
    } else if (!cache.allocates(transaction)) {
        ++cache.stats_.bypassed;
        transaction.ledger.charge(Part::system_cache, cache.agenda_.now());
        cache.send(transaction);
    } else {
        cache.waited_fs_ -= cache.agenda_.now().fs;
        cache.held_.push_back(&transaction);
        cache.go_on();
    }
}

bool SystemCache::hits(const Transaction& transaction) {
    for (std::uint64_t line = first_line(transaction); line <= last_line(transaction); ++line) {
        if (find(line) == nullptr) return false;
    }
    return true;
}

void SystemCache::finish_hit(Transaction& transaction) {
    for (std::uint64_t number = first_line(transaction); number <= last_line(transaction); ++number) {
        Line& line = *find(number);
        touch(line);
        line.dirty = line.dirty || transaction.write();
    }
    transaction.ledger.charge(Part::system_cache, agenda_.now());
    answer(transaction);
}

/// Misses begin in their order.
void SystemCache::go_on() {
    while (!held_.empty()) {
        Transaction& next = *held_.front();
        const bool hit = hits(next);  // by now
        if (!hit && !start_miss(next)) return;
        held_.pop_front();
        waited_fs_ += agenda_.now().fs;
        if (hit) finish_hit(next);
    }
}

/// Of a write: whether it brings the whole line.
bool SystemCache::covers(const Transaction& transaction, std::uint64_t number) const {
    const std::uint64_t base = number * params_.line;
    return transaction.write() && transaction.address() <= base &&
           transaction.address() + transaction.size() >= base + params_.line;
}

/// False: too many lines are being fetched for it to begin.
bool SystemCache::start_miss(Transaction& transaction) {
    const auto under_way = [&](std::uint64_t number) {
        return std::find_if(fetches_.begin(), fetches_.end(), [&](const Fetch& one) { return one.number == number; });
    };
    std::size_t wanted = 0;
    for (std::uint64_t number = first_line(transaction); number <= last_line(transaction); ++number) {
        if (find(number) == nullptr && !covers(transaction, number) && under_way(number) == fetches_.end()) ++wanted;
    }
    // More lines than can be fetched at once go when nothing else is.
    if (wanted != 0 && !fetches_.empty() && fetches_.size() + wanted > params_.misses) return false;
    transaction.ledger.charge(Part::system_cache, agenda_.now());
    Miss* miss = nullptr;
    for (std::uint64_t number = first_line(transaction); number <= last_line(transaction); ++number) {
        if (Line* line = find(number)) {
            touch(*line);
            line->dirty = line->dirty || transaction.write();
            continue;
        }
        auto fetch = under_way(number);
        if (fetch == fetches_.end() && covers(transaction, number)) {
            insert(number, true, transaction.priority);
            continue;
        }
        if (miss == nullptr) {
            if (free_misses_.empty()) free_misses_.push_back(&misses_.emplace_back());
            miss = free_misses_.back();
            free_misses_.pop_back();
            *miss = {&transaction, 0, true};
        }
        if (fetch == fetches_.end()) {
            busy_fs_ -= agenda_.now().fs;
            fetches_.emplace_back();
            fetch = fetches_.end() - 1;
            fetch->number = number;
            ++stats_.fetches;
            send(own_access(false, number, transaction.priority));
        }
        fetch->dirty = fetch->dirty || transaction.write();
        fetch->waiting.push_back(miss);
        ++miss->left;
    }
    if (miss == nullptr) answer(transaction);
    return true;
}

Transaction& SystemCache::own_access(bool write, std::uint64_t number, std::uint8_t priority) {
    Transaction& made = pool_.take(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND,
                                   PhysAddr{number * params_.line}, params_.line, false);
    made.source_rank = rank();
    made.number = count_++;
    made.priority = priority;
    made.ledger.start(agenda_.now());
    return made;
}

void SystemCache::insert(std::uint64_t number, bool dirty, std::uint8_t priority) {
    const auto set = lines_.begin() + static_cast<std::ptrdiff_t>(set_of(number) * params_.ways);
    Line& victim =
        *std::min_element(set, set + params_.ways, [](const Line& a, const Line& b) { return a.used < b.used; });
    if (victim.used != 0 && victim.dirty) {
        ++stats_.written_back;
        send(own_access(true, victim.number, priority));
    }
    victim.number = number;
    victim.dirty = dirty;
    touch(victim);
}

void SystemCache::answer(Transaction& transaction) {
    transaction.set_response(tlm::TLM_OK_RESPONSE);
    if (transaction.moves_data()) {
        const PhysAddr address{transaction.address()};
        if (transaction.write()) {
            bytes_.write(address, transaction.payload().get_data_ptr(), transaction.size());
        } else {
            bytes_.read(address, transaction.payload().get_data_ptr(), transaction.size());
        }
    }
    upper.respond(transaction);
}

void SystemCache::add_uses(std::vector<ResourceUse>& all) const {
    const std::uint64_t now = agenda_.now().fs;
    const std::uint64_t busy = busy_fs_ + fetches_.size() * now;
    all.push_back({ResourceKind::system_cache, component_name(), "", params_.misses, busy, busy / params_.misses,
                   waited_fs_ + held_.size() * now});
}

void SystemCache::send(Transaction& transaction) {
    if (to_memory_.empty() && lower.free()) {
        lower.send(transaction);
    } else {
        to_memory_.push_back(&transaction);
    }
}

void SystemCache::on_accepted(unsigned) {
    while (!to_memory_.empty() && lower.free()) {
        Transaction& next = *to_memory_.front();
        to_memory_.pop_front();
        lower.send(next);
    }
}

void SystemCache::on_response(unsigned, Transaction& transaction) {
    if (transaction.source_rank != rank()) {
        upper.respond(transaction);
        return;
    }
    const bool write = transaction.write(), ok = transaction.ok();
    const std::uint64_t number = first_line(transaction);
    const std::uint8_t priority = transaction.priority;
    pool_.give_back(transaction);
    if (write) return;
    const auto at =
        std::find_if(fetches_.begin(), fetches_.end(), [&](const Fetch& one) { return one.number == number; });
    XLATE_CHECK(at != fetches_.end(), component_name());
    const Fetch done = std::move(*at);
    fetches_.erase(at);
    busy_fs_ += agenda_.now().fs;
    if (ok) insert(number, done.dirty, priority);
    for (Miss* miss : done.waiting) {
        miss->ok = miss->ok && ok;
        if (--miss->left != 0) continue;
        free_misses_.push_back(miss);
        if (miss->ok) {
            answer(*miss->transaction);
        } else {
            miss->transaction->set_response(tlm::TLM_ADDRESS_ERROR_RESPONSE);
            upper.respond(*miss->transaction);
        }
    }
    go_on();
}

unsigned SystemCache::on_debug(unsigned, tlm::tlm_generic_payload& payload) {
    return lower.socket->transport_dbg(payload);
}

}  // namespace xlate::soc
