#include "bench/floor.hpp"

#include <sys/mman.h>

#include <cstring>
#include <stdexcept>

namespace xlate::bench {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kRoot = 0;  // the level 0 table is the first page of memory
constexpr unsigned kWalkDelay = 240, kHitDelay = 4, kMemoryDelay = 60, kResponseDelay = 5, kIssueDelay = 2;

}  // namespace

Floor::Floor(const FloorParams& params)
    : params_(params), next_table_(kRoot + kPage), transactions_(params.outstanding) {
    if (params.outstanding >= kSlots - kIssueDelay) throw std::logic_error("more outstanding than the wheel has slots");
    const std::uint64_t pages = params.working_set_bytes / kPage;
    const std::uint64_t table_bytes = (pages / 512 + 8) * kPage * 2;
    memory_bytes_ = table_bytes + params.working_set_bytes;
    void* at = mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::runtime_error("no memory for the floor");
    madvise(at, memory_bytes_, params.host_huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    memory_ = static_cast<std::uint8_t*>(at);
    // Frames in an order that is not that of the pages: an odd multiplier permutes a power of two.
    for (std::uint64_t page = 0; page < pages; ++page) {
        const std::uint64_t frame = page * 0x9E3779B1 % pages;
        map(page * kPage, table_bytes + frame * kPage);
        memory_[table_bytes + frame * kPage] = static_cast<std::uint8_t>(page);
    }
    tags_.fill(~std::uint64_t{0});
}

Floor::~Floor() { munmap(memory_, memory_bytes_); }

std::uint64_t Floor::load(std::uint64_t pa) const {
    std::uint64_t word;
    std::memcpy(&word, memory_ + pa, sizeof word);
    return word;
}

void Floor::map(std::uint64_t va, std::uint64_t pa) {
    std::uint64_t table = kRoot;
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        const std::uint64_t at = table + 8 * (va >> shift & 511);
        std::uint64_t next = load(at);
        if (next == 0) {
            next = next_table_ | 3;
            next_table_ += kPage;
            std::memcpy(memory_ + at, &next, sizeof next);
        }
        table = next & ~(kPage - 1);
    }
    const std::uint64_t leaf = pa | 3;
    std::memcpy(memory_ + table + 8 * (va >> 12 & 511), &leaf, sizeof leaf);
}

std::uint64_t Floor::walk(std::uint64_t va) const {
    std::uint64_t table = kRoot;
    for (int shift = 39; shift >= 12; shift -= 9) {
        const std::uint64_t descriptor = load(table + 8 * (va >> shift & 511));
        if ((descriptor & 1) == 0) throw std::logic_error("the floor's tables have a hole");
        table = descriptor & ~(kPage - 1);
    }
    return table;
}

std::uint64_t Floor::random_bits() {
    random_state_ ^= random_state_ << 13;
    random_state_ ^= random_state_ >> 7;
    random_state_ ^= random_state_ << 17;
    return random_state_;
}

void Floor::schedule(Transaction& transaction, unsigned delay, void (Floor::*fire)(Transaction&)) {
    const std::size_t slot = (time_ + delay) % kSlots;
    transaction.fire = fire;
    transaction.next = slots_[slot];
    slots_[slot] = &transaction;
    occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    ++pending_;
}

void Floor::run(std::uint64_t transactions) {
    to_issue_ = transactions;
    // Spread over time, as a master with an issue interval spreads them; in lockstep the host would predict every
    // branch.
    unsigned start = kIssueDelay;
    for (Transaction& transaction : transactions_) schedule(transaction, start++, &Floor::issue);
    while (pending_ > 0) {
        std::size_t slot = time_ % kSlots;
        while (slots_[slot] == nullptr) {
            const std::uint64_t bits = occupied_[slot / 64] >> (slot % 64);
            const std::uint64_t step = bits != 0 ? static_cast<std::uint64_t>(__builtin_ctzll(bits)) : 64 - slot % 64;
            time_ += step;
            slot = time_ % kSlots;
        }
        Transaction* transaction = slots_[slot];
        slots_[slot] = nullptr;
        occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
        while (transaction != nullptr) {
            Transaction* next = transaction->next;
            --pending_;
            (this->*transaction->fire)(*transaction);
            transaction = next;
        }
    }
}

void Floor::issue(Transaction& transaction) {
    if (issued_ == to_issue_) return;
    const std::uint64_t line = params_.random ? random_bits() : issued_;
    ++issued_;
    transaction.issued = time_;
    transaction.va = line * 64 % params_.working_set_bytes;
    schedule(transaction, 1, &Floor::look_up);
}

void Floor::look_up(Transaction& transaction) {
    const std::uint64_t page = transaction.va / kPage;
    const std::size_t set = page % kSets * kWays;
    std::size_t oldest = set;
    for (std::size_t way = set; way < set + kWays; ++way) {
        if (tags_[way] == page) {
            ++hits_;
            used_[way] = completed_;
            transaction.pa = frames_[way] + transaction.va % kPage;
            schedule(transaction, kHitDelay, &Floor::access_memory);
            return;
        }
        if (used_[way] < used_[oldest]) oldest = way;
    }
    const std::uint64_t frame = walk(transaction.va);
    tags_[oldest] = page;
    frames_[oldest] = frame;
    used_[oldest] = completed_;
    transaction.pa = frame + transaction.va % kPage;
    schedule(transaction, kWalkDelay, &Floor::access_memory);
}

void Floor::access_memory(Transaction& transaction) {
    if (params_.copy_payload) std::memcpy(transaction.data.data(), memory_ + transaction.pa, transaction.data.size());
    schedule(transaction, kMemoryDelay, &Floor::complete);
}

void Floor::complete(Transaction& transaction) {
    ++completed_;
    latency_sum_ += time_ - transaction.issued;
    payload_sum_ += transaction.data[0] + transaction.pa;
    schedule(transaction, kResponseDelay, &Floor::issue);
}

}  // namespace xlate::bench
