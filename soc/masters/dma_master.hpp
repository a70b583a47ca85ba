// A DMA master: generates traffic over what its driver mapped, or moves what its driver submits.
// Ports: one initiator port, towards its IOMMU, PCIe root or crossbar. Outstanding transactions are limited; a
// transaction that may go but finds the door closed waits at the master's port (part `issue`).
// Statistics: MasterStats; issued == reads + writes + messages + faults + in_flight.
#pragma once

#include <systemc>

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/masters/address_pattern.hpp"
#include "soc/measure/event_stream.hpp"
#include "soc/measure/stats.hpp"
#include "soc/measure/trace.hpp"
#include "soc/time/agenda.hpp"
#include "soc/time/calendar.hpp"
#include "soc/time/fast.hpp"

namespace xlate::soc {

/// Who hears of a transaction that was answered with an error.
class FaultListener {
public:
    virtual ~FaultListener() = default;
    virtual void on_fault(const std::string& device, const Transaction& transaction) = 0;
};

class DmaMaster : public sc_core::sc_module, public Component, public Initiator, public PlannedClient {
public:
    struct Context {
        Agenda& agenda;
        TransactionPool& pool;
        EventStream& stream;
        FaultListener& faults;
        TraceSink*& trace;
    };
    DmaMaster(const sc_core::sc_module_name& module_name, const std::string& name, const Context& context,
              const MasterConfig& config, std::uint64_t seed, PayloadMode payload);

    /// What its transactions carry: wired by hardware.
    void set_stream(StreamId stream) { stream_ = stream; }
    /// What its transactions reach first is there.
    void stands_before(const PlannedWay& next) { near_ = &next; }
    /// `fast`: its own traffic goes by `way` where that can be planned.
    void plan_ahead(PlannedWay& way) {
        way_ = &way;
        near_ = &way;
    }
    bool will_return(Transaction& transaction, SimTime at) override;

    /// The configured traffic over `regions`, from now on. A master that runs already gets the new regions and goes on.
    virtual void start(std::vector<DmaRegion> regions);
    /// Its traffic accesses these offsets into the regions instead of its pattern's, in order and then again.
    void follow(std::vector<std::uint64_t> offsets) { pattern_.follow(std::move(offsets)); }
    /// What it has begun of its traffic is all.
    void stop();
    /// One transfer, in transactions of the configured size that do not cross 4 KiB. `done` is called in phase `act`.
    void submit(Iova iova, std::uint64_t size, bool write, std::function<void(bool ok)> done);
    /// An interrupt: 4 bytes to `address`. On its way as any write; no transfer in the statistics. `done` as there.
    void send_message(Iova address, std::function<void(bool ok)> done);
    /// Nothing in flight and nothing left to issue.
    virtual bool idle() const;

    const std::string& device() const { return stats_.device; }
    MasterStats stats() const;

    InitiatorPort port;

protected:
    void on_accepted(unsigned) override;
    void on_response(unsigned, Transaction& transaction) override;
    void count_issue(SimTime at);
    void send(Transaction& transaction);
    /// Its account is closed: the transaction ends at `at`. `message`: it was an interrupt's.
    void completed(Transaction& transaction, SimTime at, bool message = false);

private:
    struct Job {
        std::uint64_t next;  ///< address
        std::uint64_t left;  ///< bytes not issued
        std::uint64_t unfinished = 0;
        bool write;
        bool message = false;
        bool ok = true;
        std::function<void(bool)> done;
        AgendaEntry report;
        DmaMaster* owner = nullptr;
    };

    Job& add_job(Iova iova, std::uint64_t size, bool write, std::function<void(bool ok)> done);
    void fetch(unsigned steps) const;
    void issue();
    void issue_job(Job& job);
    void issue_pattern();
    void issue_recorded();
    SimTime recorded_time(std::uint64_t number) const;
    void issue_ahead();
    bool plan(std::uint64_t address, bool write);
    bool next_is_read();
    void trace_transfer(std::uint64_t number, std::uint64_t address, std::uint32_t size, const char* what,
                        SimTime start, SimTime end);
    void reclaim();
    SimTime when_possible() const;
    void consider();
    bool recorded() const { return traffic_.recorded != nullptr; }
    bool pattern_left() const { return running_ && issued_by_pattern_ < transfers_; }
    Transaction& make(std::uint64_t address, std::uint32_t size, bool write);
    void report(Job& job);

protected:
    // From here to the middle of stats_: what a transaction reads and writes, see fetch().
    AgendaEntry issue_;
    Context context_;
    const PlannedWay* near_ = nullptr;  ///< what it stands before, for fetch()
    const PayloadMode payload_;
    StreamId stream_{};
    bool running_ = false;
    bool issuing_ = false;  ///< in issue_ahead(), which looks itself at what comes next
    std::uint32_t in_burst_ = 0;
    std::uint32_t in_flight_ = 0;
    std::uint64_t issued_by_pattern_ = 0;
    std::uint64_t transfers_;  ///< it makes so many of them
    SimTime next_issue_;
    Transaction* at_port_ = nullptr;  ///< made, and the port was not free
    std::size_t jobs_to_issue_ = 0;   ///< of jobs_: those with bytes left
    // `fast`.
    struct Nothing {};
    PlannedWay* way_ = nullptr;
    DueList<Nothing> planned_;  ///< completions to come of what counts in in_flight_

    SimTime recording_began_;  ///< Pattern::trace: when its time 0 was
    const TrafficParams traffic_;
    Rng mix_;
    AddressPattern pattern_;
    MasterStats stats_;

private:
    std::deque<Job> jobs_;  ///< oldest first; finished ones leave from the front
};

}  // namespace xlate::soc
