// An IOMMU of any family in time: ports around one core. What it does is its iommu::Instance's; when it happens is
// decided here.
//   ports       one target port for each master or host bridge, one target port for registers, one or more initiator
//               ports (BusPort)
//   core        translation slots, the structures of the sheet, walk slots, one walker cycle at a time
//   commands    fetched over the bus, decoded, their invalidations broadcast to the ports by the links
//   drain       a `sync` step waits until the ports have applied all earlier invalidations and all older translations
//               have come back from memory; it may come of a command or of a register with a busy bit
//   outputs     records and messages are bus writes; wires reach the CPU after a delay
// An SMMUv3's TBUs are its ports, its TCU is its core. Not modelled: DVM.
// Source: docs/spec/iommu-anchors.md section B1 (structure and order), docs/spec/iommu-hardware.md section 1.
#pragma once

#include <systemc>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/description.hpp"
#include "iommu/instance.hpp"
#include "soc/iommu/counter_groups.hpp"
#include "soc/iommu/observer.hpp"
#include "soc/iommu/port.hpp"
#include "soc/measure/event_stream.hpp"
#include "soc/measure/trace.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

/// Where interrupts arrive, in phase `act`.
class InterruptSink {
public:
    virtual ~InterruptSink() = default;
    /// `name`: as firmware's `interrupt-names` has it, or empty; `index`: place in `interrupts`.
    virtual void on_interrupt(firmware::NodeIndex device, std::string_view name, unsigned index) = 0;
};

class IommuDevice final : public sc_core::sc_module,
                          public Component,
                          public Target,
                          public TrafficOwner,
                          public iommu::InvalidationSink {
public:
    struct Context {
        Agenda& agenda;
        TransactionPool& pool;
        EventStream& stream;
        InterruptSink& interrupts;
        TraceSink*& trace;
    };
    IommuDevice(const sc_core::sc_module_name& module_name, const Context& context, const IommuSite& site,
                const IommuParams& params, std::uint64_t seed, std::unique_ptr<iommu::Instance> unit);
    ~IommuDevice() override;

    TargetPort registers;
    /// Pages of counter groups that lie outside of the register space; nullptr if there are none.
    TargetPort* counters() { return counter_port_.get(); }
    CounterGroups& counter_groups() { return counter_groups_; }
    IommuPort& tbu(std::size_t index) { return *tbus_[index]; }
    /// Initiator ports towards the interconnect.
    std::size_t bus_ports() const { return ports_.size(); }
    BusPort& bus_port(std::size_t index) { return *ports_[index]; }
    static std::vector<std::string> bus_port_names(const IommuParams& params, const std::vector<std::string>& tbus);

    const iommu::InstanceSpec& spec() const { return spec_; }
    const iommu::Instance& unit() const { return *unit_; }
    iommu::Instance& unit() { return *unit_; }
    /// Words of Hardware::registers that it does not have, a sentence each.
    const std::vector<std::string>& lost_presets() const { return lost_presets_; }
    /// Its register space, by register bank.
    const std::vector<IommuSite::Bank>& banks() const { return banks_; }
    bool in_banks(std::uint64_t address) const { return find_bank(address) != banks_.size(); }

    /// Takes an ATC invalidation from port `tbu` to an endpoint; calls back when it is complete.
    using InvalidateAtc = std::function<void(const iommu::Invalidation&, std::function<void()> done)>;
    /// Takes the answer to a page request to the endpoint.
    using AnswerPage = std::function<void(const iommu::PageResponse&)>;
    void connect_atc(StreamId stream, std::size_t tbu, InvalidateAtc invalidate, AnswerPage answer) {
        atcs_[stream] = {tbu, std::move(invalidate), std::move(answer)};
    }
    /// A page request of an endpoint has come to its port.
    void page_request(const iommu::PageRequest& request);

    IommuStats stats() const;
    void add_uses(std::vector<ResourceUse>& all) const;
    /// Whether `address` is in its register space or in one of its counter groups.
    bool has_register(std::uint64_t address) const;
    /// A register without time; side effects happen as after a timed access.
    std::uint64_t peek(std::uint64_t address, unsigned size) { return read_register(address, size); }
    void poke(std::uint64_t address, unsigned size, std::uint64_t value);

    /// Looks on from now on; nullptr: none.
    void set_watch(TranslationObserver* watch) { watch_ = watch; }
    bool watched() const { return watch_ != nullptr; }

    // For the ports.
    Agenda& agenda() { return context_.agenda; }
    TransactionPool& pool() { return context_.pool; }
    TraceSink* trace_sink() const { return context_.trace; }
    /// Whether a listener asks for each step: most runs have none.
    bool traces_steps() const { return context_.trace != nullptr && context_.trace->steps; }
    std::uint32_t epoch() const { return unit_->epoch(); }
    bool enabled() const { return unit_->translates(); }
    /// Traffic with translated addresses is checked against its stream's configuration.
    bool checks_translated() const { return endpoints_ != nullptr && endpoints_->checks_translated(); }
    std::unique_ptr<TranslationJob> make_job() { return std::make_unique<TranslationJob>(unit_->make_translation()); }
    /// A slot's job, while it is in use. One port after the other uses the same: they stay in the host's caches.
    TranslationJob& take_job() {
        if (free_jobs_.empty()) {
            jobs_.push_back(make_job());
            return *jobs_.back();
        }
        TranslationJob& job = *free_jobs_.back();
        free_jobs_.pop_back();
        return job;
    }
    void give_back(TranslationJob& job) { free_jobs_.push_back(&job); }
    void translate(TranslationJob& job);
    void decide_globally(TranslationJob& job);
    /// At once and without a trace; nothing: refused, or it would write or wait. Memory is read by the core's port.
    std::optional<PhysAddr> translate_debug(iommu::Request request);
    /// Everything between a port and the return from memory counts as in flight, in one of two generations: a drain
    /// starts a new one and waits for the end of the old.
    void enter_flight(TranslationJob& job);
    /// VT-d (6.5.4) drains what is translated; what is being translated meanwhile starts again if an invalidation may
    /// concern it. Others wait for both. A transaction of the first kind is in flight from its answer on.
    bool drains_translated() const { return drains_translated_ && !fast_; }
    /// It has come: who looks on hears of it.
    void note_arrival(const TranslationJob& job);
    /// The same of one that passes at once; returns its generation.
    bool enter_flight() {
        ++in_flight_[generation_ ? 1 : 0];
        return generation_;
    }
    void leave_flight(bool generation);

    /// `fast`: bus ports and ports keep calendars from now on. `ways`: one for each bus port.
    void plan_ahead(const std::vector<PlannedWay*>& ways, const PhysicalMemory& bytes);
    /// Whether translations may run ahead of the agenda: nothing is under way that could change what they find.
    bool runs_ahead() const {
        return fast_ && commands_running_ == 0 && outputs_running_ == 0 && messages_out_ == 0 &&
               !settling_.scheduled() && enabled();
    }
    /// A transaction that is planned leaves the flight at `at`.
    void will_leave_flight(SimTime at) { last_planned_ = std::max(last_planned_, at); }

private:
    template <void (IommuDevice::*Step)(TranslationJob&)>
    static void go(Job& base) {
        auto& job = static_cast<TranslationJob&>(base);
        (job.tbu->device().*Step)(job);
    }
    template <void (IommuDevice::*Step)()>
    static void on(Job& base) {
        (static_cast<Machine&>(base).device->*Step)();
    }
    struct Machine : BusClient {  ///< one of the instance's machines: commands, outputs, operation
        IommuDevice* device = nullptr;
        std::uint32_t number = 0;  ///< as the instance counts them
        bool running = false;
    };
    struct CommandQueue : Machine {      ///< what takes commands, or waits for a drain that a register asked for
        std::uint32_t messages_out = 0;  ///< its invalidations that are not back from the ports
        std::uint32_t atc_out = 0;       ///< and from endpoints
        bool atc_timed_out = false;      ///< since its last drain
        SimTime sync_start;
        SimTime command_start;      ///< when the next one's fetch began, or the last one ended
        std::uint64_t busy_fs = 0;  ///< see usage.hpp
        std::string name;           ///< there; empty: it is the only one
        bool quiet() const { return messages_out == 0 && atc_out == 0; }
    };
    template <void (IommuDevice::*Step)(Machine&)>
    static void on_machine(Job& base) {
        auto& machine = static_cast<Machine&>(base);
        (machine.device->*Step)(machine);
    }
    template <void (IommuDevice::*Step)(CommandQueue&)>
    static void on_queue(Job& base) {
        auto& queue = static_cast<CommandQueue&>(base);
        (queue.device->*Step)(queue);
    }
    struct Prefetch : Machine {  ///< what software asked to fetch, one at a time
        std::unique_ptr<iommu::TranslationSlot> engine;
        const iommu::Step* step = nullptr;  ///< its last one
        bool walking = false;
    };
    struct Message : AgendaEntry {  ///< an invalidation on its way to a port and back
        IommuDevice* device = nullptr;
        IommuPort* tbu = nullptr;
        CommandQueue* queue = nullptr;
        iommu::Invalidation invalidation;
        bool applied = false;
    };
    struct AtcMessage : AgendaEntry {  ///< an ATC invalidation: to the port, and its completion back
        IommuDevice* device = nullptr;
        CommandQueue* queue = nullptr;
        iommu::Invalidation invalidation;
        bool complete = false;
        bool expired = false;
        AgendaEntry patience;
    };
    struct PageMessage : AgendaEntry {  ///< a page request on its way from a port, or an answer on its way to one
        IommuDevice* device = nullptr;
        std::optional<iommu::PageRequest> request;
        iommu::PageResponse response;
    };
    struct Wire : AgendaEntry {
        IommuDevice* device = nullptr;
        unsigned number = 0;
    };

    bool on_request(unsigned port, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;
    void returned(std::uint16_t tag, Transaction& transaction) override;
    void invalidate(const iommu::Invalidation& invalidation) override;

    static void register_step(void* owner, AgendaEntry& entry);
    static void counter_step(void* owner, AgendaEntry& entry);
    void access_register(Transaction& transaction);
    bool is_register_size(unsigned size) const;
    std::uint64_t read_register(std::uint64_t address, unsigned size);
    void write_register(std::uint64_t address, unsigned size, std::uint64_t value);

    void charge(TranslationJob& job, Part part);
    void send_link(TranslationJob& job);
    void cross_link(TranslationJob& job);
    void begin_engine(TranslationJob& job);
    void run(TranslationJob& job);
    void on_lookup(TranslationJob& job, const iommu::Lookup& lookup);
    void enter_structure(Job& job, iommu::Structure structure, Job::Next next);
    void looked_up(TranslationJob& job);
    void start_walk(TranslationJob& job);
    void begin_walk(TranslationJob& job);
    void release_merged(const TranslationJob& leader);
    void first_fetch(TranslationJob& job);
    void fetch(TranslationJob& job);
    void fetched(TranslationJob& job);
    void resumed_walk(TranslationJob& job);
    void end_walk(TranslationJob& job);
    void finish(TranslationJob& job, const iommu::Result& result);
    void trace_step(TraceStep::Kind kind, std::string_view what, const TranslationJob& job, SimTime start);
    void trace_command(const CommandQueue& queue, std::string_view what, SimTime start);
    void send_back(TranslationJob& job);
    void arrived_back(TranslationJob& job);

    void start_commands();
    void wake();
    void step_commands(CommandQueue& queue);
    void command_fetched(CommandQueue& queue);
    void finish_command(CommandQueue& queue);
    void end_drain(CommandQueue& queue);
    bool draining() const { return !(drains_next_.empty() && drains_flight_.empty() && drains_home_.empty()); }
    void start_prefetch();
    void step_prefetch();
    void walk_prefetch();
    void access_prefetch();
    bool outputs_pending() const;
    void pulse(unsigned wire);
    void step_outputs(Machine& machine);
    void step_operation(Machine& machine);
    std::size_t find_bank(std::uint64_t address) const;
    void check_drain();
    void schedule_settling();
    void settle();
    void after_step();
    void message_step(Message& message);
    void send_atc(const iommu::Invalidation& invalidation, CommandQueue& queue);
    void atc_step(AtcMessage& message);
    void atc_ended(CommandQueue& queue);
    PageMessage& new_page_message();
    void page_step(PageMessage& message);
    void send_page_answers();
    void begin_request(TranslationJob& job);

    std::vector<std::unique_ptr<BusPort>> make_ports();

    Context context_;
    const IommuSite site_;
    const IommuParams params_;
    const ClockPeriod clock_;
    std::unique_ptr<iommu::Instance> unit_;
    unsigned pages_answered_log2_ = 0;  ///< iommu::LineWalks::log2_answered(), in pages of 4 KiB
    std::vector<std::string> lost_presets_;
    const iommu::InstanceSpec& spec_;
    iommu::PageRequests* page_requests_;  ///< nullptr: it takes none
    iommu::Endpoints* endpoints_;         ///< nullptr: it knows no translated addresses
    std::vector<IommuSite::Bank> banks_;
    std::vector<std::unique_ptr<BusPort>> ports_;
    std::unique_ptr<TargetPort> counter_port_;
    CounterGroups counter_groups_;
    std::vector<std::unique_ptr<IommuPort>> tbus_;

    Credits xlate_slots_;
    Credits walk_slots_;
    Station config_;
    Station tlb_;
    Station ipa_;
    Station walk_cache_;
    Station cycle_;

    SimTime register_free_;
    std::uint64_t register_busy_fs_ = 0, register_waited_fs_ = 0;
    std::deque<CommandQueue> commands_;   ///< by number
    std::uint32_t commands_running_ = 0;  ///< of those
    CommandQueue* executing_ = nullptr;   ///< whose command takes effect just now
    CommandQueue immediate_;  ///< of invalidations that take effect at a register write: no drain waits for these alone
    std::deque<Machine> outputs_;
    std::uint32_t outputs_running_ = 0;  ///< of those
    std::deque<Machine> operations_;
    Prefetch prefetch_;
    AgendaEntry settling_;
    std::deque<Wire> wires_;
    std::deque<Message> messages_;
    std::vector<Message*> free_messages_;
    std::uint32_t messages_out_ = 0;  ///< of all queues
    struct AtcWay {
        std::size_t tbu;
        InvalidateAtc invalidate;
        AnswerPage answer;
    };
    const PortParams& tbu_before(StreamId stream) const;
    std::map<StreamId, AtcWay> atcs_;
    std::deque<AtcMessage> atc_messages_;
    std::vector<AtcMessage*> free_atc_messages_;
    std::deque<PageMessage> page_messages_;
    std::vector<PageMessage*> free_page_messages_;
    std::vector<TranslationJob*> stalled_;
    std::vector<TranslationJob*> walking_;  ///< merge_walks: one a page and address space
    std::vector<TranslationJob*> merged_;   ///< and those that wait for one of them, oldest first

    std::vector<std::unique_ptr<TranslationJob>> jobs_;  ///< made when first needed
    std::vector<TranslationJob*> free_jobs_;             ///< of those
    const bool drains_translated_;
    std::uint64_t in_flight_[2] = {0, 0};
    bool generation_ = false;
    // Drains of several queues: those that wait for the older generation, those that came since and start the next one
    // together, and those that wait only for their queue's own invalidations any more.
    std::vector<CommandQueue*> drains_flight_;
    std::vector<CommandQueue*> drains_next_;
    std::vector<CommandQueue*> drains_home_;

    bool fast_ = false;
    SimTime last_planned_;      ///< when the last planned transaction will be back
    SimTime drain_not_before_;  ///< that, when the drains under way began
    AgendaEntry planned_back_;  ///< then

    TranslationObserver* watch_ = nullptr;
    IommuStats counts_;  ///< those that are counted here
};

}  // namespace xlate::soc
