// An SMMUv3 in time: TBUs around one TCU. What it does is iommu/smmuv3's; when it happens is decided here.
//   ports       one target port a TBU, one target port for registers, one or more initiator ports (BusPort)
//   TCU         translation slots, configuration cache, TLB, walk caches, walk slots, one walker cycle at a time
//   commands    fetched over the bus, decoded, broadcast to the TBUs by the links; SYNC waits until the TBUs have
//               applied all earlier invalidations and all older translations have come back from memory
//   outputs     event records and messages are bus writes; wires reach the CPU after a delay
// Not modelled: DVM.
// Source: docs/spec/iommu-anchors.md section B1 (structure and order), docs/spec/iommu-hardware.md section 1.
#pragma once

#include <systemc>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "iommu/smmuv3/smmu.hpp"
#include "soc/iommu/counter_groups.hpp"
#include "soc/iommu/tbu.hpp"
#include "soc/iommu/watch.hpp"
#include "soc/measure/event_stream.hpp"
#include "soc/measure/trace.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

/// Where interrupts arrive, in phase `act`.
class InterruptSink {
public:
    virtual ~InterruptSink() = default;
    virtual void on_interrupt(firmware::NodeIndex device, const char* name) = 0;
};

class SmmuDevice final : public sc_core::sc_module,
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
    SmmuDevice(const sc_core::sc_module_name& module_name, const Context& context, const IommuSite& site,
               const IommuParams& params, std::uint64_t seed);
    ~SmmuDevice() override;

    TargetPort registers;
    /// Pages of counter groups that lie outside of the register space; nullptr if there are none.
    TargetPort* counters() { return counter_port_.get(); }
    CounterGroups& counter_groups() { return counter_groups_; }
    Tbu& tbu(std::size_t index) { return *tbus_[index]; }
    /// Initiator ports towards the interconnect.
    std::size_t bus_ports() const { return ports_.size(); }
    BusPort& bus_port(std::size_t index) { return *ports_[index]; }
    static std::vector<std::string> bus_port_names(const IommuParams& params, const std::vector<std::string>& tbus);

    /// Takes an ATC_INV from TBU `tbu` to an endpoint; calls back when it is complete.
    using InvalidateAtc = std::function<void(const iommu::Invalidation&, std::function<void()> done)>;
    /// Takes the answer to a page request to the endpoint.
    using AnswerPage = std::function<void(const iommu::PageResponse&)>;
    void connect_atc(StreamId stream, std::size_t tbu, InvalidateAtc invalidate, AnswerPage answer) {
        atcs_[stream] = {tbu, std::move(invalidate), std::move(answer)};
    }
    /// A page request of an endpoint has come to its TBU.
    void page_request(const iommu::PageRequest& request);

    IommuStats stats() const;
    /// Whether `address` is in its register space or in one of its counter groups.
    bool has_register(std::uint64_t address) const;
    /// A register without time; side effects happen as after a timed access.
    std::uint64_t peek(std::uint64_t address, unsigned size) { return read_register(address, size); }
    void poke(std::uint64_t address, unsigned size, std::uint64_t value);

    /// Looks on from now on; nullptr: nobody.
    void set_watch(TranslationWatch* watch) { watch_ = watch; }
    bool watched() const { return watch_ != nullptr; }

    // For the TBUs.
    Agenda& agenda() { return context_.agenda; }
    TransactionPool& pool() { return context_.pool; }
    std::uint32_t epoch() const { return smmu_.epoch(); }
    bool enabled() const;
    /// CR0.ATSCHK: traffic with translated addresses is checked against its stream's configuration.
    bool checks_translated() const { return smmu_.registers.enabled(iommu::smmuv3::cr0::ATSCHK); }
    /// A slot's job, while it is in use. One TBU after the other uses the same: they stay in the host's caches.
    TranslationJob& take_job() {
        if (free_jobs_.empty()) {
            jobs_.push_back(std::make_unique<TranslationJob>());
            return *jobs_.back();
        }
        TranslationJob& job = *free_jobs_.back();
        free_jobs_.pop_back();
        return job;
    }
    void give_back(TranslationJob& job) { free_jobs_.push_back(&job); }
    void translate(TranslationJob& job);
    void decide_globally(TranslationJob& job);
    /// Everything between a TBU's port and the return from memory counts as in flight, in one of two generations:
    /// a SYNC starts a new one and waits for the end of the old.
    void enter_flight(TranslationJob& job);
    void leave_flight(bool generation);

    /// `fast`: bus ports and TBUs keep calendars from now on. `ways`: one for each bus port.
    void plan_ahead(const std::vector<PlannedWay*>& ways, const PhysicalMemory& bytes);
    /// Whether translations may run ahead of the agenda: nothing is under way that could change what they find.
    bool runs_ahead() const {
        return fast_ && commands_running_ == 0 && !outputs_.running && messages_out_ == 0 && !ack_.scheduled() &&
               enabled();
    }
    /// A transaction that is planned leaves the flight at `at`.
    void will_leave_flight(SimTime at) { last_planned_ = std::max(last_planned_, at); }

private:
    template <void (SmmuDevice::*Step)(TranslationJob&)>
    static void go(Visitor& visitor) {
        auto& job = static_cast<TranslationJob&>(visitor);
        (job.tbu->device().*Step)(job);
    }
    template <void (SmmuDevice::*Step)()>
    static void on(Visitor& visitor) {
        (static_cast<Engine&>(visitor).device->*Step)();
    }
    struct Engine : BusClient {  ///< one of the SMMU's own machines: commands, outputs, address operations
        SmmuDevice* device = nullptr;
        bool running = false;
    };
    struct CommandQueue : Engine {       ///< the consumer of one command queue
        std::uint32_t number = 0;        ///< as the engine counts them: 0 is the SMMU's own, the others enhanced ones
        std::uint32_t messages_out = 0;  ///< its invalidations that are not back from the TBUs
        std::uint32_t atc_out = 0;       ///< and from endpoints
        bool atc_timed_out = false;      ///< since its last SYNC
        SimTime sync_start;
        bool quiet() const { return messages_out == 0 && atc_out == 0; }
    };
    template <void (SmmuDevice::*Step)(CommandQueue&)>
    static void on_queue(Visitor& visitor) {
        auto& queue = static_cast<CommandQueue&>(visitor);
        (queue.device->*Step)(queue);
    }
    struct Prefetch : Engine {  ///< what a CMD_PREFETCH_* asks for, one at a time
        iommu::smmuv3::Translation engine;
        const iommu::Step* step = nullptr;  ///< its last one
        bool walking = false;
    };
    struct Message : AgendaEntry {  ///< an invalidation on its way to a TBU and back
        SmmuDevice* device = nullptr;
        Tbu* tbu = nullptr;
        CommandQueue* queue = nullptr;
        iommu::Invalidation invalidation;
        bool applied = false;
    };
    struct AtcMessage : AgendaEntry {  ///< an ATC_INV: to the TBU, and its completion back
        SmmuDevice* device = nullptr;
        CommandQueue* queue = nullptr;
        iommu::Invalidation invalidation;
        bool complete = false;
        bool expired = false;
        AgendaEntry patience;
    };
    struct PageMessage : AgendaEntry {  ///< a page request on its way from a TBU, or an answer on its way to one
        SmmuDevice* device = nullptr;
        std::optional<iommu::PageRequest> request;
        iommu::PageResponse response;
    };
    struct Wire : AgendaEntry {
        SmmuDevice* device = nullptr;
        iommu::smmuv3::Interrupt interrupt = iommu::smmuv3::Interrupt::gerror;
    };

    bool on_request(unsigned port, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;
    void returned(std::uint16_t tag, Transaction& transaction) override;
    void invalidate(const iommu::Invalidation& invalidation) override;

    static void register_step(void* owner, AgendaEntry& entry);
    static void counter_step(void* owner, AgendaEntry& entry);
    void access_register(Transaction& transaction);
    std::uint64_t read_register(std::uint64_t address, unsigned size);
    void write_register(std::uint64_t address, unsigned size, std::uint64_t value);

    void charge(TranslationJob& job, Part part);
    void send_link(TranslationJob& job);
    void cross_link(TranslationJob& job);
    void begin_engine(TranslationJob& job);
    void run(TranslationJob& job);
    void on_lookup(TranslationJob& job, const iommu::Lookup& lookup);
    void looked_up(TranslationJob& job);
    void start_walk(TranslationJob& job);
    void begin_walk(TranslationJob& job);
    void let_go_of_merged(const TranslationJob& leader);
    void first_fetch(TranslationJob& job);
    void fetch(TranslationJob& job);
    void fetched(TranslationJob& job);
    void resumed_walk(TranslationJob& job);
    void end_walk(TranslationJob& job);
    void finish(TranslationJob& job, const iommu::Result& result);
    void send_back(TranslationJob& job);
    void arrived_back(TranslationJob& job);

    void start_commands();
    void kick();
    void step_commands(CommandQueue& queue);
    void command_fetched(CommandQueue& queue);
    void finish_command(CommandQueue& queue);
    void end_sync(CommandQueue& queue);
    bool syncing() const { return !(syncs_next_.empty() && syncs_draining_.empty() && syncs_home_.empty()); }
    void start_prefetch();
    void step_prefetch();
    void walk_prefetch();
    void access_prefetch();
    void step_outputs();
    void step_gatos();
    void check_sync();
    void schedule_ack();
    void ack();
    void after_engine();
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
    iommu::smmuv3::Smmu smmu_;
    std::vector<std::unique_ptr<BusPort>> ports_;
    std::unique_ptr<TargetPort> counter_port_;
    CounterGroups counter_groups_;
    std::vector<std::unique_ptr<Tbu>> tbus_;

    Credits xlate_slots_;
    Credits walk_slots_;
    Station config_;
    Station tlb_;
    Station ipa_;
    Station walk_cache_;
    Station cycle_;

    SimTime register_free_;
    std::deque<CommandQueue> commands_;   ///< by number
    std::uint32_t commands_running_ = 0;  ///< of those
    CommandQueue* executing_ = nullptr;   ///< whose command takes effect just now
    Engine outputs_;
    Engine gatos_;
    Prefetch prefetch_;
    AgendaEntry ack_;
    std::array<Wire, 4> wires_;
    std::deque<Message> messages_;
    std::vector<Message*> free_messages_;
    std::uint32_t messages_out_ = 0;  ///< of all queues
    struct AtcWay {
        std::size_t tbu;
        InvalidateAtc invalidate;
        AnswerPage answer;
    };
    const TbuParams& tbu_before(StreamId stream) const;
    std::map<StreamId, AtcWay> atcs_;
    std::deque<AtcMessage> atc_messages_;
    std::vector<AtcMessage*> free_atc_messages_;
    std::deque<PageMessage> page_messages_;
    std::vector<PageMessage*> free_page_messages_;
    std::vector<TranslationJob*> stalled_;
    std::vector<TranslationJob*> walking_;  ///< merge_walks: one a page and address space
    std::vector<TranslationJob*> merged_;   ///< and who waits for one of them, oldest first

    std::vector<std::unique_ptr<TranslationJob>> jobs_;  ///< made when first needed
    std::vector<TranslationJob*> free_jobs_;             ///< of those
    std::uint64_t in_flight_[2] = {0, 0};
    bool generation_ = false;
    // SYNCs of several queues: those that wait for the older generation, those that came since and start the next one
    // together, and those that wait only for their queue's own invalidations any more.
    std::vector<CommandQueue*> syncs_draining_;
    std::vector<CommandQueue*> syncs_next_;
    std::vector<CommandQueue*> syncs_home_;

    bool fast_ = false;
    SimTime last_planned_;      ///< when the last planned transaction will be back
    SimTime sync_not_before_;   ///< that, when the SYNCs that drain began
    AgendaEntry planned_back_;  ///< then

    TranslationWatch* watch_ = nullptr;
    IommuStats counts_;  ///< those that are counted here
};

}  // namespace xlate::soc
