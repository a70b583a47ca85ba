// Everything that a Soc owns, wired up from firmware and config.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "soc/agenda.hpp"
#include "soc/crossbar.hpp"
#include "soc/dma_master.hpp"
#include "soc/event_stream.hpp"
#include "soc/memory.hpp"
#include "soc/physical_memory.hpp"
#include "soc/soc.hpp"

namespace xlate::soc {

struct Soc::Parts : FaultListener {
    Parts(const firmware::Description& from, const SocConfig& with);
    ~Parts() override;

    Outcome run();
    SocStats stats() const;
    DmaMaster* find_master(const std::string& device);
    void on_fault(const std::string& device, const Transaction& transaction) override;

    const firmware::Description& description;
    const SocConfig config;
    std::vector<std::string> warnings;
    TraceSink* trace = nullptr;
    std::vector<FaultRecord> faults;
    std::uint64_t faults_total = 0;
    bool ran = false;

    TransactionPool pool;
    PhysicalMemory bytes;
    EventStream stream;
    Agenda agenda;
    Crossbar crossbar;
    Memory memory;
    std::vector<std::unique_ptr<DmaMaster>> masters;  ///< in the order of the config
};

}  // namespace xlate::soc
