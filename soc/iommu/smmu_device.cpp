#include "soc/iommu/smmu_device.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/registers.hpp"

namespace xlate::soc {

namespace {

iommu::smmuv3::SmmuParams engine_params(const IommuParams& params, const std::string& name, std::uint64_t seed) {
    iommu::smmuv3::SmmuParams result;
    result.features = params.features;
    result.seed = seed;
    result.commands_per_fetch = static_cast<std::uint8_t>(params.tcu.commands_per_fetch);
    result.prefetch_commands = params.tcu.prefetch_commands;
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
        tbus_.push_back(std::make_unique<Tbu>(*this, site.tbus[i], static_cast<unsigned>(i),
                                              params.tbu_of(site.tbus[i]), clock_, seed,
                                              *ports_[params.one_port ? 0 : i + 1]));
    }
    for (Engine* engine : {&outputs_, &gatos_}) engine->device = this;
    prefetch_.device = this;
    for (std::uint32_t i = 0; i < smmu_.command_queues(); ++i) {
        commands_.emplace_back().device = this;
        commands_.back().number = i;
    }
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
        const bool inside = counters.page0 >= site.base && counters.page0 - site.base < register_bytes(params.features);
        if (!inside && !counter_port_) counter_port_ = std::make_unique<TargetPort>("counters", *this, 1);
    }
    if (iommu::smmuv3::Pmcg* group = counter_groups_.pmcg(0)) smmu_.add_pmcg(*group);
    smmu_.reset();
    smmu_.add_sink(*this);
}

SmmuDevice::~SmmuDevice() = default;

std::vector<std::unique_ptr<BusPort>> SmmuDevice::make_ports() {
    std::vector<std::unique_ptr<BusPort>> ports;
    const std::vector<std::string> names = bus_port_names(params_, site_.tbus);
    for (std::size_t i = 0; i < names.size(); ++i) {  // the TCU's, and then one for each TBU
        const std::uint32_t width =
            i == 0 ? params_.tcu.port_width_bytes : params_.tbu_of(site_.tbus[i - 1]).port_width_bytes;
        ports.push_back(std::make_unique<BusPort>(systemc_name(names[i] + "_bus"), context_.agenda, *this,
                                                  context_.pool, *this, clock_, width));
    }
    return ports;
}

bool SmmuDevice::enabled() const { return smmu_.registers.enabled(iommu::smmuv3::cr0::SMMUEN); }

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
    if (address >= site_.base && address - site_.base < register_bytes(params_.features)) return true;
    const auto in = [&](std::uint64_t base) { return address >= base && address - base < CounterSite::kPageBytes; };
    return std::any_of(site_.counters.begin(), site_.counters.end(), [&](const CounterSite& counters) {
        return in(counters.page0) || (counters.page1 && in(*counters.page1));
    });
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
