// DRAM or SRAM: one channel, banks, a fixed latency. Oldest first among those whose bank is free.
// Not modelled: rows, refresh, read/write turnaround. The latency is from the start of an access to its response;
// the transfer time (size / bandwidth) only keeps the channel busy.
// Statistics: how busy channel and banks were (usage.hpp); the time is in the transactions' ledgers.
#pragma once

#include <systemc>

#include <vector>

#include "soc/bus/physical_memory.hpp"
#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/measure/trace.hpp"
#include "soc/measure/usage.hpp"
#include "soc/time/agenda.hpp"
#include "soc/time/calendar.hpp"

namespace xlate::soc {

/// Queue: as long as its initiators' limits allow. Bytes move when an access starts.
class Memory final : public sc_core::sc_module, public Component, public Target {
public:
    Memory(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
           const MemoryParams& params, PhysicalMemory& bytes);

    TargetPort port;
    /// Tells `sink`, if there is one then, of each access as it begins.
    void listen(TraceSink*& sink) { sink_ = &sink; }

    /// `fast`: an access that arrives at `arrives` is reserved. Returns when it begins; its answer comes latency()
    /// later.
    SimTime reserve(SimTime arrives, std::uint64_t address, std::uint32_t size);
    SimTime latency() const { return params_.latency; }
    /// Moves the transaction's bytes, now, and sets its response.
    void access(Transaction& transaction);
    const PhysicalMemory& bytes() const { return bytes_; }
    void add_uses(std::vector<ResourceUse>& all) const;

private:
    bool on_request(unsigned port_number, Transaction& transaction) override;
    unsigned on_debug(unsigned port_number, tlm::tlm_generic_payload& payload) override;

    std::size_t bank_of(std::uint64_t address) const;
    bool ready(const Transaction& transaction) const;
    void start(Transaction& transaction);
    void decide();
    static void finish(void* owner, AgendaEntry& entry);
    SimTime transfer_time(std::uint32_t size);

    Agenda& agenda_;
    const MemoryParams params_;
    const std::uint64_t bank_bytes_;  ///< addresses from one bank to the next: of all channels
    PhysicalMemory& bytes_;
    SimTime channel_free_;
    std::vector<SimTime> bank_free_;
    std::vector<Transaction*> waiting_;  ///< oldest first
    AgendaEntry decide_;
    Calendar channel_;  ///< `fast`; in `exact` it only counts
    std::uint64_t bank_busy_fs_ = 0;
    std::uint64_t bank_waited_fs_ = 0;
    TraceSink** sink_ = nullptr;
    std::uint32_t transfer_bytes_ = 0;  ///< of the last call of transfer_time(),
    SimTime transfer_time_;             ///< and what it gave
};

}  // namespace xlate::soc
