// One channel of DRAM: banks in groups, rows that stay open, a command a cycle, refresh, turnaround of the data bus, by
// the named timings of soc/bus/dram_timings.hpp.
//   accesses   cut into bursts; an access is taken when its bursts have room in the read or write queue, and moves its
//              bytes then; until then it stays at the door
//   order      writes wait until there are many, or no reads; of the queue that is served, the oldest burst whose row
//   is
//              open goes first (at most kPasses times past the oldest of all), rows are closed and opened ahead of it
//   answers    a read when its last data is there, a write when it is taken; `controller` later
//   refresh    of all banks at once, when it is due: nothing new begins until it is over
//   addresses  burst, bank group, column, bank, row, from below; the bank is mixed with the row's lowest bits
// Not modelled: ranks, refresh of single banks, power-down, commands of two cycles, ECC, on-die termination.
#pragma once

#include <systemc>

#include <deque>
#include <vector>

#include "soc/bus/physical_memory.hpp"
#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/measure/trace.hpp"
#include "soc/measure/usage.hpp"
#include "soc/time/agenda.hpp"

namespace xlate::soc {

/// What a channel did.
struct DramCounts {
    std::uint64_t reads = 0, writes = 0;  ///< bursts
    std::uint64_t row_hits = 0;           ///< of those: their row was open when they were first looked at
    std::uint64_t activates = 0, precharges = 0, refreshes = 0;
    std::uint64_t turnarounds = 0;  ///< of the data bus, either way
};

/// Which bank, row and column an address of a channel has.
struct DramPlace {
    std::uint32_t bank = 0;  ///< of all: group * banks + bank
    std::uint32_t group = 0;
    std::uint64_t row = 0;
};

class Dram final : public sc_core::sc_module, public Component, public Target {
public:
    /// `channel` of `params.channels`. `params.dram` is there.
    Dram(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
         const MemoryParams& params, PhysicalMemory& bytes);

    TargetPort port;
    /// Tells `sink`, if there is one then, of each access when its answer is known: from when it was taken.
    void listen(TraceSink*& sink) { sink_ = &sink; }

    DramPlace place_of(std::uint64_t address) const;
    const DramCounts& counts() const { return counts_; }
    void add_uses(std::vector<ResourceUse>& all) const;
    /// The commands that it gives, as they are given; for tests.
    enum class Command : std::uint8_t { activate, precharge, read, write, refresh };
    struct Given {
        Command command;
        std::uint64_t cycle;
        std::uint32_t bank;
    };
    void record(std::vector<Given>* commands) { record_ = commands; }

private:
    static constexpr std::size_t kReads = 64, kWrites = 64;          ///< bursts that wait
    static constexpr std::size_t kWritesHigh = 48, kWritesLow = 16;  ///< when writes begin and end to be served
    static constexpr std::uint32_t kPasses = 16;
    static constexpr std::uint64_t kNone = ~std::uint64_t{0};

    struct Read {
        Transaction* transaction = nullptr;
        std::size_t left = 0;         ///< bursts: they may pass one another
        std::uint64_t data_over = 0;  ///< cycle
        SimTime taken;
    };
    struct Burst {
        DramPlace place;
        Read* read = nullptr;     ///< nullptr: a write's
        std::uint64_t since = 0;  ///< cycle from which it may be served
        bool seen = false;
    };
    struct Bank {
        std::uint64_t row = kNone;                              ///< that is open
        std::uint64_t activate = 0, precharge = 0, column = 0;  ///< the first cycle in which each is allowed
    };
    struct Group {
        std::uint64_t activate = 0, read = 0, write = 0;
    };

    bool on_request(unsigned, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;
    void take(Transaction& transaction);
    std::size_t bursts_of(const Transaction& transaction) const;
    bool has_room(const Transaction& transaction) const;
    void move_bytes(Transaction& transaction);
    void answer(Transaction& transaction, SimTime taken, SimTime at);
    static void answer_step(void* owner, AgendaEntry& entry);
    void admit();
    void step();
    std::uint64_t refresh(std::uint64_t now);
    void refreshed_while_idle(std::uint64_t now);
    std::uint64_t serve(std::uint64_t now);
    bool writes_go();
    std::uint64_t column_from(const Burst& burst, bool write) const;
    std::uint64_t activate_from(const Burst& burst) const;
    void column(std::size_t index, bool write, std::uint64_t now);
    void activate(const Burst& burst, std::uint64_t now);
    void precharge(std::uint32_t bank, std::uint64_t now);
    void look_again(std::uint64_t cycle);
    void note(Command command, std::uint64_t cycle, std::uint32_t bank);
    std::uint64_t cycle_of(SimTime at) const { return (at.fs + t_.clock.fs - 1) / t_.clock.fs; }
    std::uint64_t now_cycle() const { return cycle_of(agenda_.now()); }

    Agenda& agenda_;
    const DramTimings t_;
    const SimTime controller_;
    const std::uint32_t channels_, channel_bytes_;
    PhysicalMemory& bytes_;
    std::vector<Bank> banks_;
    std::vector<Group> groups_;
    std::deque<Burst> queue_[2];  ///< reads, writes: oldest first
    std::deque<Read> reads_;
    std::vector<Read*> free_reads_;
    Transaction* door_ = nullptr;
    bool serving_writes_ = false;
    std::uint32_t passed_ = 0;  ///< so often the oldest burst was passed
    std::uint64_t next_command_ = 0, activate_any_ = 0, read_any_ = 0, write_any_ = 0;
    std::uint64_t activates_[4] = {0, 0, 0, 0};  ///< the last four, each plus FAW
    std::uint64_t refresh_due_;                  ///< cycle
    bool last_wrote_ = false;
    AgendaEntry step_;
    DramCounts counts_;
    std::uint64_t waited_cycles_ = 0;  ///< bursts, in the queues
    std::vector<Given>* record_ = nullptr;
    TraceSink** sink_ = nullptr;
};

}  // namespace xlate::soc
