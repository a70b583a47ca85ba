#include "soc/foreign/foreign_parts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "soc/bus/byte_access.hpp"

namespace xlate::soc {

namespace {

constexpr const char* kMemoryPath = "soc.memory";
constexpr const char* kInterconnectPath = "soc.interconnect";

std::string master_path(std::size_t number) { return fmt::format("traffic[{}]", number); }

template <typename Factories>
void check_linked(std::vector<Diagnostic>& findings, const Factories& factories, const ForeignPart& wanted,
                  const std::string& path, const char* kind) {
    if (wanted.factory.empty() || factories.count(wanted.factory) != 0) return;
    std::vector<std::string> names;
    for (const auto& [name, factory] : factories) names.push_back(name);
    Diagnostic finding;
    finding.path = path + ".foreign";
    finding.what = fmt::format("no foreign {} '{}' is linked into this program", kind, printable(wanted.factory));
    finding.expected = names.empty() ? fmt::format("a program that registers one (register_foreign_{})", kind)
                                     : fmt::format("one of {}", fmt::join(names, ", "));
    finding.nearest = nearest_name(wanted.factory, names).value_or("");
    findings.push_back(std::move(finding));
}

/// One line of what somebody else's code says.
std::string said(const std::exception& error) {
    const auto* report = dynamic_cast<const sc_core::sc_report*>(&error);
    std::string text =
        report == nullptr ? error.what() : fmt::format("{}: {}", report->get_msg_type(), report->get_msg());
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

}  // namespace

/// Before a foreign memory: it says when, the bytes are moved here.
class ForeignParts::Bytes final : public Target, public Initiator {
public:
    Bytes(const std::string& name, PhysicalMemory& bytes)
        : in(name + "_in", *this, 0), out(name + "_out", *this, 0), bytes_(bytes) {}
    TargetPort in;
    InitiatorPort out;

private:
    bool on_request(unsigned, Transaction& transaction) override {
        if (!out.free()) {
            door_.push_back(&transaction);
            return false;
        }
        send(transaction);
        return true;
    }
    /// Now, since what the module does to the data does not matter.
    void send(Transaction& transaction) {
        if (transaction.write() && transaction.moves_data()) move_bytes(bytes_, transaction.payload());
        out.send(transaction);
    }
    void on_accepted(unsigned) override {
        if (door_.empty() || !out.free()) return;
        Transaction& next = *door_.front();
        door_.pop_back();
        send(next);
        in.accept(next);
    }
    void on_response(unsigned, Transaction& transaction) override {
        if (transaction.ok() && !transaction.write() && transaction.moves_data())
            move_bytes(bytes_, transaction.payload());
        in.respond(transaction);
    }
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override { return debug_access(bytes_, payload); }

    PhysicalMemory& bytes_;
    std::vector<Transaction*> door_;  ///< at most one
};

class ForeignParts::Scope final : public sc_core::sc_module {
public:
    Scope(const sc_core::sc_module_name& module_name, const std::function<void()>& build)
        : sc_core::sc_module(module_name) {
        build();
    }
};

void ForeignParts::within(const std::string& name, const std::function<void()>& build) {
    scopes_.push_back(std::make_unique<Scope>(systemc_name(name).c_str(), build));
}

bool ForeignParts::in(const SocConfig& config) {
    return !config.foreign_memory.factory.empty() || !config.foreign_interconnect.factory.empty() ||
           std::any_of(config.masters.begin(), config.masters.end(),
                       [](const MasterConfig& master) { return !master.foreign.factory.empty(); });
}

std::vector<Diagnostic> ForeignParts::check(const SocConfig& config) {
    std::vector<Diagnostic> findings;
    const ForeignRegistry& all = foreign_registry();
    check_linked(findings, all.memories, config.foreign_memory, kMemoryPath, "memory");
    check_linked(findings, all.interconnects, config.foreign_interconnect, kInterconnectPath, "interconnect");
    for (std::size_t i = 0; i < config.masters.size(); ++i)
        check_linked(findings, all.masters, config.masters[i].foreign, master_path(i), "master");
    if (in(config) && config.fidelity != Fidelity::exact) {
        Diagnostic finding;
        finding.path = "soc.fidelity";
        finding.what = "fidelity: fast plans the ways of accesses, and no foreign part can be planned";
        finding.expected = "soc.fidelity: exact";
        findings.push_back(std::move(finding));
    }
    return findings;
}

ForeignParts::ForeignParts(const SocConfig& config, Agenda& agenda, TransactionPool& pool, EventStream& stream)
    : config_(config), agenda_(agenda), world_("foreign_parts", agenda, pool, stream) {}

ForeignParts::~ForeignParts() = default;

template <typename Part, typename Setup>
std::unique_ptr<Part> ForeignParts::make(const std::map<std::string, ForeignFactory<Part, Setup>>& factories,
                                         const ForeignPart& wanted, Setup setup, const std::string& path) {
    setup.clock = config_.clock;
    setup.seed = config_.seed;
    setup.options = wanted.options;
    Diagnostic finding;
    finding.path = path + ".foreign";
    std::unique_ptr<Part> made;
    try {
        made = factories.at(wanted.factory)(setup);
        if (made == nullptr) finding.what = fmt::format("the factory '{}' made nothing", wanted.factory);
    } catch (const std::exception& error) {
        finding.what = fmt::format("the factory '{}' says: {}", wanted.factory, said(error));
    }
    if (!finding.what.empty()) throw InputError(std::move(finding));
    for (const auto& [option, value] : wanted.options) {
        if (setup.asked().count(option) != 0) continue;
        const std::vector<std::string> known(setup.asked().begin(), setup.asked().end());
        finding.path = key_path(path + ".foreign_options", option);
        finding.what = fmt::format("'{}' has no such option", wanted.factory);
        finding.expected = known.empty() ? "none" : fmt::format("one of {}", fmt::join(known, ", "));
        finding.nearest = nearest_name(option, known).value_or("");
        throw InputError(std::move(finding));
    }
    return made;
}

Outlet& ForeignParts::outlet(const std::string& name, bool says_who) {
    return outlets_.emplace_back(world_, name, systemc_name(name) + "_edge", says_who);
}

Inlet& ForeignParts::inlet(const std::string& name, bool introduced, bool in_order) {
    Inlet::Shape shape{12, 0, true, {}, {}};
    shape.introduced = introduced;
    shape.in_order = in_order;
    return inlets_.emplace_back(world_, name, systemc_name(name) + "_edge", std::move(shape));
}

TargetPort& ForeignParts::add_memory(unsigned channel, PhysicalMemory& bytes) {
    ForeignMemorySetup setup;
    setup.name = channel == 0 ? "memory" : fmt::format("memory_{}", channel);
    setup.channel = channel;
    setup.channels = config_.memory.channels;
    setup.ranges = bytes.ranges();
    const std::string name = "foreign." + setup.name;
    memories_.push_back(make(foreign_registry().memories, config_.foreign_memory, std::move(setup), kMemoryPath));
    within(name + "_edge", [&] {
        bytes_.push_back(std::make_unique<Bytes>("bytes", bytes));
        Outlet& edge = outlet(name, true);
        bytes_.back()->out.socket.bind(edge.port.socket);
        sockets_.push_back(memories_.back()->socket().bind(world_, edge));
    });
    return bytes_.back()->in;
}

std::unique_ptr<ForeignDma> ForeignParts::add_master(std::size_t number, const std::string& name,
                                                     const DmaMaster::Context& context, StreamId stream) {
    const MasterConfig& config = config_.masters[number];
    ForeignMasterSetup setup;
    setup.name = systemc_name("foreign." + config.device);
    setup.device = config.device;
    setup.stream = value(stream);
    std::unique_ptr<ForeignMaster> part =
        make(foreign_registry().masters, config.foreign, std::move(setup), master_path(number));
    auto front =
        std::make_unique<ForeignDma>(systemc_name(name).c_str(), name, context, config, config_.seed, config_.payload);
    front->set_part(*part);
    within("foreign." + config.device + "_edge", [&] {
        Inlet& edge = inlet("foreign." + config.device);
        edge.port.socket.bind(front->entry.socket);
        sockets_.push_back(part->socket().bind(world_, edge));
    });
    masters_.emplace_back(config.device, std::move(part));
    return front;
}

ForeignParts::Ways ForeignParts::add_interconnect(const std::vector<std::string>& initiators,
                                                  const std::vector<std::string>& targets, const AddressMap& map) {
    ForeignInterconnectSetup setup;
    setup.name = "interconnect";
    setup.initiators = initiators;
    setup.targets = targets;
    setup.map = map;
    interconnect_ =
        make(foreign_registry().interconnects, config_.foreign_interconnect, std::move(setup), kInterconnectPath);
    Ways ways;
    within("interconnect_edges", [&] {
        for (std::size_t i = 0; i < initiators.size(); ++i) {
            Outlet& edge = outlet("interconnect.from." + initiators[i], true);
            sockets_.push_back(interconnect_->initiator(i).bind(world_, edge));
            ways.initiators.push_back(&edge.port);
        }
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const bool memory = i < config_.memory.channels;
            Inlet& edge = inlet("interconnect.to." + targets[i], true, !memory);
            sockets_.push_back(interconnect_->target(i).bind(world_, edge));
            ways.targets.push_back(&edge.port);
        }
    });
    return ways;
}

void ForeignParts::run(const std::function<bool()>& over) {
    // In pieces: a foreign module with a clock of its own never runs out of things that happen.
    const sc_core::sc_time piece = systemc_time(us(100));
    try {
        do {
            const sc_core::sc_time next =
                sc_core::sc_pending_activity() ? sc_core::sc_time_to_pending_activity() : sc_core::SC_ZERO_TIME;
            sc_core::sc_start(std::max(piece, next), sc_core::SC_RUN_TO_TIME);
        } while (agenda_.stopped() == Agenda::Stop::none && sc_core::sc_get_status() != sc_core::SC_STOPPED &&
                 sc_core::sc_pending_activity() &&
                 !(over() && std::all_of(masters_.begin(), masters_.end(),
                                         [](const auto& master) { return master.second->idle(); })));
    } catch (const sc_core::sc_report& report) {
        Diagnostic finding;
        finding.path = "soc";
        finding.what = "a foreign part, or its place in the SoC: " + said(report);
        throw InputError(std::move(finding));
    }
}

std::vector<ForeignStats> ForeignParts::stats() const {
    std::vector<ForeignStats> all;
    for (std::size_t i = 0; i < memories_.size(); ++i) {
        const std::string place = i == 0 ? "memory" : fmt::format("memory_{}", i);
        all.push_back({place, config_.foreign_memory.factory, memories_[i]->counters()});
    }
    if (interconnect_ != nullptr)
        all.push_back({"interconnect", config_.foreign_interconnect.factory, interconnect_->counters()});
    for (const auto& [device, part] : masters_) {
        const auto config = std::find_if(config_.masters.begin(), config_.masters.end(),
                                         [own = &device](const MasterConfig& one) { return one.device == *own; });
        all.push_back({device, config->foreign.factory, part->counters()});
    }
    return all;
}

}  // namespace xlate::soc
