#include "soc/smmu_device.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/registers.hpp"

namespace xlate::soc {

using iommu::AccessPurpose;
using iommu::Step;
using iommu::StepKind;
using iommu::Structure;
using iommu::smmuv3::Invalidation;

namespace {

iommu::smmuv3::SmmuParams engine_params(const IommuParams& params, const std::string& name, std::uint64_t seed) {
    iommu::smmuv3::SmmuParams result;
    result.features = params.features;
    result.seed = seed;
    result.name = name;
    const TcuParams& tcu = params.tcu;
    result.caches.config = tcu.config_cache.shape;
    result.caches.tlb = tcu.tlb.shape;
    result.caches.ipa = tcu.ipa_cache.shape;
    result.caches.walk_enabled = tcu.walk_cache.enabled;
    for (unsigned level = 0; level < 4; ++level) {
        const auto shape = [&](std::uint32_t entries) {
            iommu::CacheParams cache{entries != 0, entries, tcu.walk_cache.ways, tcu.walk_cache.replacement};
            if (entries == 0) cache.entries = tcu.walk_cache.ways;
            return cache;
        };
        result.caches.walk_s1[level] = shape(tcu.walk_cache.s1_entries[level]);
        result.caches.walk_s2[level] = shape(tcu.walk_cache.s2_entries[level]);
    }
    return result;
}

}  // namespace

std::vector<std::string> SmmuDevice::bus_port_names(const IommuParams& params, const std::vector<std::string>& tbus) {
    std::vector<std::string> names{"tcu"};
    if (!params.one_port) {
        for (const std::string& tbu : tbus) names.push_back("tbu_" + tbu);
    }
    return names;
}

SmmuDevice::SmmuDevice(const sc_core::sc_module_name& module_name, const Context& context, const IommuSite& site,
                       const IommuParams& params, std::uint64_t seed)
    : sc_core::sc_module(module_name),
      Component(site.name),
      registers("registers", *this, 0),
      context_(context),
      site_(site),
      params_(params),
      clock_(params.clock),
      smmu_(engine_params(params, site.name, seed)),
      ports_(make_ports()),
      counter_groups_(context.agenda, *this, context.interrupts, context.stream, *ports_[0], params.clock,
                      params.tcu.interrupt_wire, params.pmcg, site.counters, site.tbus.size() + 1),
      xlate_slots_(context.agenda, *this, params.tcu.xlate_slots),
      walk_slots_(context.agenda, *this, params.tcu.walk_slots),
      config_(context.agenda, *this, params.tcu.config_cache.slots),
      tlb_(context.agenda, *this, params.tcu.tlb.slots),
      ipa_(context.agenda, *this, params.tcu.ipa_cache.slots),
      walk_cache_(context.agenda, *this, params.tcu.walk_cache.slots),
      cycle_(context.agenda, *this, 1) {
    context_.agenda.add_component(*this);
    for (std::size_t i = 0; i < site.tbus.size(); ++i) {
        tbus_.push_back(std::make_unique<Tbu>(*this, site.tbus[i], static_cast<unsigned>(i), params.tbu, clock_, seed,
                                              *ports_[params.one_port ? 0 : i + 1]));
    }
    for (Engine* engine : {&commands_, &outputs_, &gatos_}) engine->device = this;
    for (std::size_t i = 0; i < wires_.size(); ++i) {
        wires_[i].device = this;
        wires_[i].interrupt = static_cast<iommu::smmuv3::Interrupt>(i);
        wires_[i].bind(&wires_[i], [](void* self, AgendaEntry&) {
            const auto& wire = *static_cast<Wire*>(self);
            SmmuDevice& device = *wire.device;
            device.context_.stream.add(device.agenda().now(), device, EventStream::Kind::interrupt,
                                       static_cast<std::uint64_t>(wire.interrupt));
            device.context_.interrupts.on_interrupt(device.site_.node, iommu::smmuv3::name(wire.interrupt));
        });
    }
    ack_.bind<&SmmuDevice::ack>(this);
    planned_back_.bind<&SmmuDevice::check_sync>(this);
    for (const CounterSite& counters : site.counters) {
        const bool inside = counters.page0 >= site.base && counters.page0 - site.base < iommu::smmuv3::kRegisterBytes;
        if (!inside && !counter_port_) counter_port_ = std::make_unique<TargetPort>("counters", *this, 1);
    }
    if (iommu::smmuv3::Pmcg* group = counter_groups_.pmcg(0)) smmu_.add_pmcg(*group);
    smmu_.reset();
    smmu_.add_sink(*this);
}

SmmuDevice::~SmmuDevice() = default;

std::vector<std::unique_ptr<BusPort>> SmmuDevice::make_ports() {
    std::vector<std::unique_ptr<BusPort>> ports;
    for (const std::string& port : bus_port_names(params_, site_.tbus)) {
        const std::uint32_t width = port == "tcu" ? params_.tcu.port_width_bytes : params_.tbu.port_width_bytes;
        ports.push_back(std::make_unique<BusPort>(systemc_name(port + "_bus"), context_.agenda, *this, context_.pool,
                                                  *this, clock_, width));
    }
    return ports;
}

template <void (SmmuDevice::*Next)(TranslationJob&)>
void SmmuDevice::go(Visitor& visitor) {
    auto& job = static_cast<TranslationJob&>(visitor);
    (job.tbu->device().*Next)(job);
}

template <void (SmmuDevice::*Next)()>
void SmmuDevice::on(Visitor& visitor) {
    (static_cast<Engine&>(visitor).device->*Next)();
}

bool SmmuDevice::enabled() const { return smmu_.registers.enabled(iommu::smmuv3::cr0::SMMUEN); }

void SmmuDevice::enter_flight(TranslationJob& job) {
    job.generation = generation_;
    ++in_flight_[generation_ ? 1 : 0];
}

void SmmuDevice::leave_flight(bool generation) {
    --in_flight_[generation ? 1 : 0];
    if (syncing_) check_sync();
}

void SmmuDevice::returned(std::uint16_t tag, Transaction& transaction) {
    leave_flight((tag & 0x4000U) != 0);
    tbus_[tag & 0x3FFFU]->returned(transaction);
}

void SmmuDevice::charge(TranslationJob& job, Part part) { job.transaction->ledger.charge(part, job.time(agenda())); }

void SmmuDevice::plan_ahead(const std::vector<PlannedWay*>& ways, const PhysicalMemory& bytes) {
    fast_ = true;
    for (Station* station : {&config_, &tlb_, &ipa_, &walk_cache_, &cycle_}) station->keep_calendars();
    for (std::size_t i = 0; i < ports_.size(); ++i) ports_[i]->plan_ahead(*ways[i], bytes);
    for (const auto& tbu : tbus_) tbu->plan_ahead();
}

// Registers.

bool SmmuDevice::on_request(unsigned port, Transaction& transaction) {
    register_free_ = std::max(register_free_, agenda().now()) + clock_ * params_.tcu.register_access;
    transaction.step.bind(this, port == 0 ? &SmmuDevice::register_step : &SmmuDevice::counter_step);
    agenda().schedule(transaction.step, register_free_, Phase::arrive, *this);
    return true;
}

void SmmuDevice::register_step(void* owner, AgendaEntry& entry) {
    auto& device = *static_cast<SmmuDevice*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    device.access_register(transaction);
    device.registers.respond(transaction);
}

void SmmuDevice::counter_step(void* owner, AgendaEntry& entry) {
    auto& device = *static_cast<SmmuDevice*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    device.access_register(transaction);
    device.counter_port_->respond(transaction);
}

void SmmuDevice::access_register(Transaction& transaction) {
    const std::uint64_t address = transaction.address();
    const unsigned size = transaction.size();
    std::uint8_t* bytes = transaction.payload().get_data_ptr();
    transaction.set_response(tlm::TLM_OK_RESPONSE);
    if (size != 4 && size != 8) {
        transaction.set_response(tlm::TLM_BURST_ERROR_RESPONSE);
    } else if (transaction.write()) {
        ++counts_.register_writes;
        const std::uint64_t value = load_le(bytes, size);
        context_.stream.add(agenda().now(), *this, EventStream::Kind::register_write,
                            (address - site_.base) ^ (value << 20));
        write_register(address, size, value);
        kick();
    } else {
        ++counts_.register_reads;
        store_le(bytes, size, read_register(address, size));
        context_.stream.add(agenda().now(), *this, EventStream::Kind::register_read, address - site_.base);
    }
}

std::uint64_t SmmuDevice::read_register(std::uint64_t address, unsigned size) {
    std::uint64_t value = 0;
    if (!counter_groups_.empty() && counter_groups_.read(address, size, value)) return value;
    return smmu_.read_register(static_cast<std::uint32_t>(address - site_.base), size);
}

void SmmuDevice::write_register(std::uint64_t address, unsigned size, std::uint64_t value) {
    if (!counter_groups_.empty() && counter_groups_.write(address, size, value)) return;
    smmu_.write_register(static_cast<std::uint32_t>(address - site_.base), size, value);
}

unsigned SmmuDevice::on_debug(unsigned, tlm::tlm_generic_payload& payload) {
    const unsigned size = payload.get_data_length();
    const std::uint64_t address = payload.get_address();
    if (size != 4 && size != 8) return 0;
    if (payload.is_read()) store_le(payload.get_data_ptr(), size, peek(address, size));
    if (payload.is_write()) poke(address, size, load_le(payload.get_data_ptr(), size));
    return size;
}

void SmmuDevice::poke(std::uint64_t address, unsigned size, std::uint64_t value) {
    write_register(address, size, value);
    if (smmu_.ack_pending()) smmu_.apply_acks();
    kick();
}

bool SmmuDevice::has_register(std::uint64_t address) const {
    if (address >= site_.base && address - site_.base < iommu::smmuv3::kRegisterBytes) return true;
    const auto in = [&](std::uint64_t base) { return address >= base && address - base < CounterSite::kPageBytes; };
    return std::any_of(site_.counters.begin(), site_.counters.end(), [&](const CounterSite& counters) {
        return in(counters.page0) || (counters.page1 && in(*counters.page1));
    });
}

// Translations.

void SmmuDevice::decide_globally(TranslationJob& job) {
    iommu::Request request;
    request.sid = job.transaction->stream;
    request.ssid = job.transaction->substream;
    request.address = job.transaction->address();
    request.length = job.transaction->size();
    request.write = job.transaction->write();
    job.engine.start(smmu_, request);
    const Step& step = job.engine.step(smmu_, job.reply);
    if (step.kind == StepKind::done || step.kind == StepKind::fault) {
        job.result = step.result;
        if (step.kind == StepKind::done) job.result.response = iommu::Response::ok;
        return;
    }
    // It was switched on since the job came: the client may be answered as if it had come before.
    job.result.response = iommu::Response::abort;
    job.result.fault = 0;
}

void SmmuDevice::translate(TranslationJob& job) { xlate_slots_.take(job, &go<&SmmuDevice::send_link>); }

void SmmuDevice::send_link(TranslationJob& job) {
    charge(job, Part::iommu_queue);
    job.ahead = runs_ahead();
    job.tbu->link_to_tcu().enter(job, clock_ * Cycles{1}, &go<&SmmuDevice::cross_link>);
}

void SmmuDevice::cross_link(TranslationJob& job) {
    const Cycles rest{params_.tbu.link_to_tcu.count - 1};
    wait_for(agenda(), *this, job, clock_ * rest, &go<&SmmuDevice::begin_engine>);
}

void SmmuDevice::begin_engine(TranslationJob& job) {
    charge(job, Part::link);
    const Transaction& transaction = *job.transaction;
    iommu::Request request;
    request.sid = transaction.stream;
    request.ssid = transaction.substream;
    request.address = transaction.address();
    request.length = transaction.size();
    request.write = transaction.write();
    request.instruction = transaction.instruction && !request.write;
    request.privileged = transaction.privileged;
    request.id = (std::uint64_t{job.tbu->number()} << 32) | job.number;
    job.walking = false;
    job.engine.start(smmu_, request);
    counter_groups_.catch_up(0);
    run(job);
}

void SmmuDevice::run(TranslationJob& job) {
    const Step& step = job.engine.step(smmu_, job.reply);
    job.step = &step;
    switch (step.kind) {
        case StepKind::lookup:
            on_lookup(job, step.lookup);
            return;
        case StepKind::access:
            switch (step.access.purpose) {
                case AccessPurpose::ste_l1:
                case AccessPurpose::ste:
                case AccessPurpose::cd_l1:
                case AccessPurpose::cd:
                    // Stage 2 has found the CD: that was a walk of its own.
                    if (job.walking) end_walk(job);
                    ++counts_.config_reads;
                    if (step.access.purpose == AccessPurpose::ste) ++counts_.ste_fetches;
                    if (step.access.purpose == AccessPurpose::cd) ++counts_.cd_fetches;
                    job.part = step.access.purpose <= AccessPurpose::ste ? Part::ste : Part::cd;
                    ports_[0]->access(job, step.access, &go<&SmmuDevice::fetched>);
                    return;
                default:
                    if (!job.walking) {
                        walk_slots_.take(job, &go<&SmmuDevice::start_walk>);
                    } else {
                        first_fetch(job);
                    }
                    return;
            }
        case StepKind::done:
        case StepKind::fault:
            if (job.walking) end_walk(job);
            finish(job, step.result);
            return;
        case StepKind::stalled:
            if (job.walking) end_walk(job);
            stalled_.push_back(&job);
            leave_flight(job.generation);
            job.tbu->stalled(job);
            kick();
            return;
        case StepKind::idle:
        case StepKind::executed:
        case StepKind::sync:
            break;
    }
    XLATE_CHECK(false, "a translation made a step that is not one of a translation");
}

void SmmuDevice::on_lookup(TranslationJob& job, const iommu::Lookup& lookup) {
    const TcuParams& tcu = params_.tcu;
    switch (lookup.structure) {
        case Structure::config_cache:
            job.part = Part::config_cache;
            config_.enter(job, clock_ * tcu.config_cache.latency, &go<&SmmuDevice::looked_up>);
            return;
        case Structure::tlb:
            job.part = Part::tcu_tlb;
            tlb_.enter(job, clock_ * tcu.tlb.latency, &go<&SmmuDevice::looked_up>);
            return;
        case Structure::ipa_cache:
        case Structure::walk_cache:
            job.part = Part::walk_cache;
            job.pending_ipa = lookup.structure == Structure::ipa_cache;
            if (!job.walking) {
                walk_slots_.take(job, &go<&SmmuDevice::start_walk>);
            } else {
                resumed_walk(job);
            }
            return;
    }
}

void SmmuDevice::looked_up(TranslationJob& job) {
    charge(job, job.part);
    run(job);
}

/// A walk slot has been taken. The step for which it was needed is still the engine's last one.
void SmmuDevice::start_walk(TranslationJob& job) {
    charge(job, Part::iommu_queue);
    job.ahead = runs_ahead();
    job.walking = true;
    job.fetched = false;
    job.walk_start = job.time(agenda());
    ++counts_.walks;
    resumed_walk(job);
}

void SmmuDevice::resumed_walk(TranslationJob& job) {
    const Step& step = *job.step;
    if (step.kind == StepKind::access) {
        first_fetch(job);
        return;
    }
    const CacheTiming& ipa = params_.tcu.ipa_cache;
    if (job.pending_ipa) {
        ipa_.enter(job, clock_ * ipa.latency, &go<&SmmuDevice::looked_up>);
    } else {
        walk_cache_.enter(job, clock_ * params_.tcu.walk_cache.latency, &go<&SmmuDevice::looked_up>);
    }
}

/// One walker cycle before the first read of a walk, and one after each read.
void SmmuDevice::first_fetch(TranslationJob& job) {
    if (job.fetched) {
        fetch(job);
        return;
    }
    job.fetched = true;
    cycle_.enter(job, clock_ * Cycles{1}, &go<&SmmuDevice::fetch>);
}

void SmmuDevice::fetch(TranslationJob& job) {
    charge(job, Part::walk_other);
    const iommu::MemoryAccess& access = job.step->access;
    if (access.purpose == AccessPurpose::httu) {
        job.part = Part::httu;
    } else {
        const auto distance = static_cast<unsigned>(access.purpose) - static_cast<unsigned>(AccessPurpose::s1_level0);
        job.part = static_cast<Part>(static_cast<unsigned>(Part::s1_level0) + distance);
        ++counts_.walk_reads;
    }
    ports_[0]->access(job, access, &go<&SmmuDevice::fetched>);
}

void SmmuDevice::fetched(TranslationJob& job) {
    charge(job, job.part);
    job.ahead = runs_ahead();
    if (job.walking) {
        cycle_.enter(job, clock_ * Cycles{1}, &go<&SmmuDevice::looked_up>);
    } else {
        run(job);
    }
}

void SmmuDevice::end_walk(TranslationJob& job) {
    job.walking = false;
    const SimTime now = job.time(agenda());
    counts_.walk.add(now - job.walk_start);
    if (context_.trace != nullptr) {
        context_.trace->span(component_name(), "walk", job.walk_start, now, job.transaction->iova);
    }
    walk_slots_.give(now);
}

void SmmuDevice::finish(TranslationJob& job, const iommu::Result& result) {
    job.result = result;
    if (job.step->kind == StepKind::done) {
        job.result.response = iommu::Response::ok;
        job.result.fault = 0;
    }
    if (smmu_.outputs_pending()) kick();
    counter_groups_.catch_up(0);
    job.tbu->link_from_tcu().enter(job, clock_ * Cycles{1}, &go<&SmmuDevice::send_back>);
}

void SmmuDevice::send_back(TranslationJob& job) {
    const Cycles rest{params_.tbu.link_from_tcu.count - 1};
    job.ahead = false;  // what the TBU learns, it learns when the answer is there
    wait_for(agenda(), *this, job, clock_ * rest, &go<&SmmuDevice::arrived_back>);
}

void SmmuDevice::arrived_back(TranslationJob& job) {
    charge(job, Part::link);
    xlate_slots_.give();
    job.ahead = runs_ahead();
    job.tbu->answered(job);
}

// The SMMU's own machines.

/// Something may have come to be done: looks at all machines that stand still.
void SmmuDevice::kick() {
    if (!commands_.running && smmu_.commands_pending()) {
        commands_.running = true;
        step_commands();
    }
    if (!gatos_.running && smmu_.gatos_pending()) {
        gatos_.running = true;
        step_gatos();
    }
    after_engine();
}

void SmmuDevice::after_engine() {
    if (!outputs_.running && smmu_.outputs_pending()) {
        outputs_.running = true;
        step_outputs();
    }
    while (const auto interrupt = smmu_.take_interrupt()) {
        Wire& wire = wires_[static_cast<std::size_t>(*interrupt)];
        // A pulse that follows within the wire's delay joins the one under way: the handler will see both causes.
        if (wire.scheduled()) continue;
        agenda().schedule_after(wire, params_.tcu.interrupt_wire, Phase::act, *this);
    }
    while (const auto id = smmu_.take_resumed()) {
        const auto at = std::find_if(stalled_.begin(), stalled_.end(), [&](const TranslationJob* job) {
            return ((std::uint64_t{job->tbu->number()} << 32) | job->number) == *id;
        });
        if (at == stalled_.end()) continue;
        TranslationJob& job = **at;
        stalled_.erase(at);
        charge(job, Part::stall);
        job.ahead = runs_ahead();
        enter_flight(job);
        run(job);
    }
    schedule_ack();
}

void SmmuDevice::schedule_ack() {
    if (!smmu_.ack_pending() || ack_.scheduled() || commands_.running || outputs_.running) return;
    // The change goes to every TBU and back.
    const Cycles round{params_.tbu.link_to_tcu.count + params_.tbu.link_from_tcu.count};
    agenda().schedule_after(ack_, clock_ * round, Phase::arrive, *this);
}

void SmmuDevice::ack() {
    smmu_.apply_acks();
    kick();
}

void SmmuDevice::step_commands() {
    const Step& step = smmu_.step_commands(commands_.reply);
    switch (step.kind) {
        case StepKind::access:
            if (step.access.purpose == AccessPurpose::command) {
                ports_[0]->access(commands_, step.access, &on<&SmmuDevice::command_fetched>);
            } else {
                ports_[0]->access(commands_, step.access, &on<&SmmuDevice::step_commands>);
            }
            return;
        case StepKind::executed:
            ++counts_.commands;
            context_.stream.add(agenda().now(), *this, EventStream::Kind::command, step.opcode);
            if (context_.trace != nullptr) {
                context_.trace->instant(component_name(),
                                        iommu::smmuv3::name(static_cast<iommu::smmuv3::Opcode>(step.opcode)),
                                        agenda().now(), step.opcode);
            }
            wait_for(agenda(), *this, commands_, clock_ * Cycles{1}, &on<&SmmuDevice::step_commands>);
            after_engine();
            return;
        case StepKind::sync:
            ++counts_.commands;
            ++counts_.syncs;
            context_.stream.add(agenda().now(), *this, EventStream::Kind::command, step.opcode);
            syncing_ = true;
            sync_start_ = agenda().now();
            sync_not_before_ = last_planned_;
            generation_ = !generation_;
            check_sync();
            return;
        default:
            commands_.running = false;
            after_engine();
            return;
    }
}

void SmmuDevice::command_fetched() {
    wait_for(agenda(), *this, commands_, clock_ * params_.tcu.command_decode, &on<&SmmuDevice::step_commands>);
}

void SmmuDevice::check_sync() {
    if (messages_out_ != 0 || in_flight_[generation_ ? 0 : 1] != 0) return;
    if (sync_not_before_ > agenda().now()) {
        if (!planned_back_.scheduled()) agenda().schedule(planned_back_, sync_not_before_, Phase::arrive, *this);
        return;
    }
    syncing_ = false;
    const SimTime now = agenda().now();
    counts_.sync.add(now - sync_start_);
    if (context_.trace != nullptr) context_.trace->span(component_name(), "CMD_SYNC", sync_start_, now, 0);
    commands_.reply.abort = false;
    wait_for(agenda(), *this, commands_, clock_ * Cycles{1}, &on<&SmmuDevice::step_commands>);
}

void SmmuDevice::step_outputs() {
    const Step& step = smmu_.step_outputs(outputs_.reply);
    if (step.kind == StepKind::access) {
        ports_[0]->access(outputs_, step.access, &on<&SmmuDevice::step_outputs>);
        return;
    }
    outputs_.running = false;
    after_engine();
}

void SmmuDevice::step_gatos() {
    const Step& step = smmu_.step_gatos(gatos_.reply);
    switch (step.kind) {
        case StepKind::access:
            ports_[0]->access(gatos_, step.access, &on<&SmmuDevice::step_gatos>);
            return;
        case StepKind::lookup:
            wait_for(agenda(), *this, gatos_, clock_ * Cycles{1}, &on<&SmmuDevice::step_gatos>);
            return;
        default:
            gatos_.running = false;
            return;
    }
}

// Invalidations reach a TBU by its link; its answer comes back the same way.

void SmmuDevice::invalidate(const Invalidation& invalidation) {
    if (invalidation.kind == Invalidation::Kind::atc) return;
    for (const auto& tbu : tbus_) {
        if (free_messages_.empty()) {
            Message& made = messages_.emplace_back();
            made.device = this;
            made.bind(&made, [](void* self, AgendaEntry&) {
                auto& message = *static_cast<Message*>(self);
                message.device->message_step(message);
            });
            free_messages_.push_back(&made);
        }
        Message& message = *free_messages_.back();
        free_messages_.pop_back();
        message.tbu = tbu.get();
        message.invalidation = invalidation;
        message.applied = false;
        ++messages_out_;
        const Cycles way{params_.tbu.link_to_tcu.count + params_.tcu.invalidate_apply.count};
        agenda().schedule_after(message, clock_ * way, Phase::arrive, *this);
    }
}

void SmmuDevice::message_step(Message& message) {
    if (!message.applied) {
        message.applied = true;
        message.tbu->invalidate(message.invalidation);
        agenda().schedule_after(message, clock_ * params_.tbu.link_from_tcu, Phase::arrive, *this);
        return;
    }
    --messages_out_;
    free_messages_.push_back(&message);
    if (syncing_) check_sync();
}

IommuStats SmmuDevice::stats() const {
    IommuStats result = counts_;
    result.name = component_name();
    result.path = site_.path;
    result.arch = "smmuv3";
    const auto add = [](LookupStats& to, const iommu::CacheCounters& from) {
        to.lookups += from.lookups;
        to.hits += from.hits;
    };
    for (const auto& tbu : tbus_) tbu->add_to(result);
    add(result.tcu_tlb, smmu_.tlb.counters());
    add(result.config_cache, smmu_.config_cache.counters());
    for (const auto& cache : smmu_.walk_s1) add(result.walk_cache, cache.counters());
    for (const auto& cache : smmu_.walk_s2) add(result.walk_cache, cache.counters());
    result.events = smmu_.events.written;
    return result;
}

}  // namespace xlate::soc
