#include "soc/parts.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::soc {

namespace {

/// Before the first SystemC object: the resolution is frozen by the first sc_time. Returns the first name.
const char* prepare_systemc() {
    static bool used = false;
    XLATE_CHECK(!used, "SystemC elaborates once per process: a second Soc needs a process of its own");
    used = true;
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
    // Reports about the library itself would go to stdout, which is for results.
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
    return "agenda";
}

std::vector<std::string> names_of(const std::vector<MasterConfig>& masters) {
    std::vector<std::string> names;
    for (const MasterConfig& master : masters) names.push_back(master.device);
    return names;
}

}  // namespace

Soc::Parts::Parts(const firmware::Description& from, const SocConfig& with)
    : description(from),
      config(with),
      bytes(from.memory),
      agenda(prepare_systemc()),
      crossbar("crossbar", "crossbar", agenda, with.clock, with.interconnect, names_of(with.masters), {"memory"}),
      memory("memory", "memory", agenda, with.memory, bytes) {
    crossbar.target(0).socket.bind(memory.port.socket);
    if (description.memory.empty()) {
        warnings.push_back("the firmware names no memory: every address is memory");
        crossbar.map(0, std::uint64_t{1} << 52, 0);
    }
    for (const firmware::MemoryRange& range : bytes.ranges()) crossbar.map(range.base, range.size, 0);
    const DmaMaster::Context context{agenda, pool, stream, *this, trace};
    for (const MasterConfig& master : config.masters) {
        const std::string name = "master." + master.device;
        masters.push_back(std::make_unique<DmaMaster>(systemc_name(name).c_str(), name, context, master, config.seed,
                                                      config.payload));
        masters.back()->port.socket.bind(crossbar.initiator(masters.size() - 1).socket);
    }
    agenda.rank_components();
    agenda.limit(config.limits.max_time, config.limits.max_events);
}

Soc::Parts::~Parts() = default;

Outcome Soc::Parts::run() {
    XLATE_CHECK(!ran, "a Soc runs once");
    ran = true;
    sc_core::sc_start();
    switch (agenda.stopped()) {
        case Agenda::Stop::time:
            return Outcome::time_limit;
        case Agenda::Stop::entries:
            return Outcome::event_limit;
        case Agenda::Stop::requested:
            return Outcome::interrupted;
        case Agenda::Stop::none:
            break;
    }
    XLATE_CHECK(pool.outstanding() == 0, std::to_string(pool.outstanding()) + " transactions never ended");
    return Outcome::finished;
}

SocStats Soc::Parts::stats() const {
    SocStats result;
    result.end = agenda.now();
    result.events = agenda.fired();
    result.digest = stream.value();
    for (const auto& master : masters) result.masters.push_back(master->stats());
    result.faults = faults;
    result.faults_total = faults_total;
    return result;
}

DmaMaster* Soc::Parts::find_master(const std::string& device) {
    const auto at = std::find_if(masters.begin(), masters.end(),
                                 [&](const auto& master) { return master->stats().device == device; });
    return at == masters.end() ? nullptr : at->get();
}

void Soc::Parts::on_fault(const std::string& device, const Transaction& transaction) {
    ++faults_total;
    if (faults.size() >= kMaxFaultRecords) return;
    FaultRecord record;
    record.time = agenda.now();
    record.id = value(transaction.stream);
    record.iova = transaction.iova;
    record.reason = "DECODE_ERROR";
    record.device = device;
    faults.push_back(std::move(record));
}

}  // namespace xlate::soc
