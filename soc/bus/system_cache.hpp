// A system-level cache before memory: one slice for each channel, shared by masters' traffic and by what IOMMUs access
// themselves (tables, queues). Tags only: the bytes are those of memory, at once.
//   look-up    each access, `latency` cycles, any number at once (the interconnect lets one in at a time)
//   hit        all its lines are there: answered then. A write leaves them dirty
//   miss       if the policy lets it allocate: each line that is not there is fetched from memory, unless it is under
//   way
//              already or the write covers it whole; answered when all are there. Else it goes on to memory as it is
//   victim     the line of the set that was used least recently; a dirty one is written back, and nothing waits for it
// Not modelled: coherence traffic, prefetching, partitions, bandwidth of the data array.
// Ledger: waiting for and doing the look-up is `system_cache`; fetching is `memory`.
#pragma once

#include <systemc>

#include <cstdint>
#include <deque>
#include <vector>

#include "soc/bus/physical_memory.hpp"
#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/measure/stats.hpp"
#include "soc/measure/usage.hpp"
#include "soc/time/agenda.hpp"

namespace xlate::soc {

class SystemCache final : public sc_core::sc_module, public Component, public Target, public Initiator {
public:
    /// A slice of `memory.channels`; `params.bytes` are of all.
    SystemCache(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
                TransactionPool& pool, ClockPeriod clock, const SystemCacheParams& params, const MemoryParams& memory,
                PhysicalMemory& bytes);

    TargetPort upper;     ///< to the interconnect
    InitiatorPort lower;  ///< to the channel
    const SystemCacheStats& stats() const { return stats_; }
    void add_uses(std::vector<ResourceUse>& all) const;

private:
    struct Line {
        std::uint64_t number = ~std::uint64_t{0};  ///< address / line
        std::uint64_t used = 0;                    ///< by count of uses; 0: never
        bool dirty = false;
    };
    struct Miss;
    /// A line that is being fetched.
    struct Fetch {
        std::uint64_t number = 0;
        bool dirty = false;  ///< a write waits for it
        std::vector<Miss*> waiting;
    };
    /// An access that waits for lines.
    struct Miss {
        Transaction* transaction = nullptr;
        std::size_t left = 0;
        bool ok = true;
    };

    bool on_request(unsigned, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;
    void on_accepted(unsigned) override;
    void on_response(unsigned, Transaction& transaction) override;

    static void looked_up(void* owner, AgendaEntry& entry);
    bool hits(const Transaction& transaction);
    void finish_hit(Transaction& transaction);
    void go_on();
    bool allocates(const Transaction& transaction) const;
    bool covers(const Transaction& transaction, std::uint64_t number) const;
    bool start_miss(Transaction& transaction);
    void answer(Transaction& transaction);
    void send(Transaction& transaction);
    Transaction& own_access(bool write, std::uint64_t number, std::uint8_t priority);
    Line* find(std::uint64_t number);
    void touch(Line& line) { line.used = ++uses_; }
    void insert(std::uint64_t number, bool dirty, std::uint8_t priority);
    std::size_t set_of(std::uint64_t number) const;
    std::uint64_t first_line(const Transaction& t) const { return t.address() / params_.line; }
    std::uint64_t last_line(const Transaction& t) const { return (t.address() + t.size() - 1) / params_.line; }

    Agenda& agenda_;
    TransactionPool& pool_;
    const SimTime latency_;
    const SystemCacheParams params_;
    const std::uint32_t channels_, channel_bytes_;
    PhysicalMemory& bytes_;
    const std::size_t sets_;
    std::vector<Line> lines_;  ///< way after way of a set
    std::uint64_t uses_ = 0;
    std::vector<Fetch> fetches_;  ///< at most params_.misses
    std::deque<Miss> misses_;
    std::vector<Miss*> free_misses_;
    std::deque<Transaction*> held_;       ///< missed, and too many lines are being fetched; in order
    std::deque<Transaction*> to_memory_;  ///< the channel's door is closed
    std::uint64_t count_ = 0;
    SystemCacheStats stats_;
    std::uint64_t busy_fs_ = 0;  ///< fetches under way; see usage.hpp
    std::uint64_t waited_fs_ = 0;
};

}  // namespace xlate::soc
