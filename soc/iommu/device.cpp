#include "soc/iommu/device.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/registers.hpp"

namespace xlate::soc {

std::vector<std::string> IommuDevice::bus_port_names(const IommuParams& params, const std::vector<std::string>& tbus) {
    std::vector<std::string> names{"tcu"};
    if (!params.one_port) {
        for (const std::string& tbu : tbus) names.push_back("tbu_" + tbu);
    }
    return names;
}

IommuDevice::IommuDevice(const sc_core::sc_module_name& module_name, const Context& context, const IommuSite& site,
                         const IommuParams& params, std::uint64_t seed, std::unique_ptr<iommu::Instance> unit)
    : sc_core::sc_module(module_name),
      Component(site.name),
      registers("registers", *this, 0),
      context_(context),
      site_(site),
      params_(params),
      clock_(params.clock),
      unit_(std::move(unit)),
      spec_(unit_->spec()),
      page_requests_(unit_->page_requests()),
      endpoints_(unit_->endpoints()),
      ports_(make_ports()),
      counter_groups_(context.agenda, *this, context.interrupts, context.stream, *ports_[0], params.clock,
                      params.tcu.interrupt_wire, params.pmcg, site.counters, site.tbus.size() + 1),
      xlate_slots_(context.agenda, *this, params.tcu.xlate_slots),
      walk_slots_(context.agenda, *this, params.tcu.walk_slots),
      config_(context.agenda, *this, params.tcu.config_cache.slots),
      tlb_(context.agenda, *this, params.tcu.tlb.slots),
      ipa_(context.agenda, *this, params.tcu.ipa_cache.slots),
      walk_cache_(context.agenda, *this, params.tcu.walk_cache.slots),
      cycle_(context.agenda, *this, 1),
      drains_translated_(spec_.arch == "vt-d") {
    context_.agenda.add_component(*this);
    pages_answered_log2_ = iommu::log2_answered(*unit_) - 12;
    for (unsigned i = 0; i < unit_->register_banks() && i < site.banks.size(); ++i) {
        banks_.push_back({site.banks[i].base, unit_->register_bytes(i)});
    }
    for (std::size_t i = 0; i < site.tbus.size(); ++i) {
        tbus_.push_back(std::make_unique<IommuPort>(*this, site.tbus[i], static_cast<unsigned>(i),
                                                    params.tbu_of(site.tbus[i]), clock_, seed,
                                                    *ports_[params.one_port ? 0 : i + 1]));
    }
    prefetch_.device = this;
    prefetch_.engine = unit_->make_translation();
    immediate_.device = this;
    for (unsigned i = 0; i < unit_->machines(); ++i) {
        Machine* machine = nullptr;
        switch (unit_->machine(i).role) {
            case iommu::MachineRole::commands:
                machine = &commands_.emplace_back();
                break;
            case iommu::MachineRole::outputs:
                machine = &outputs_.emplace_back();
                break;
            case iommu::MachineRole::operation:
                machine = &operations_.emplace_back();
                break;
        }
        machine->device = this;
        machine->number = i;
    }
    if (commands_.size() > 1) {
        for (CommandQueue& queue : commands_) queue.name = std::to_string(queue.number);
    }
    for (unsigned i = 0; i < unit_->wires(); ++i) {
        Wire& wire = wires_.emplace_back();
        wire.device = this;
        wire.number = i;
        wire.bind(&wire, [](void* self, AgendaEntry&) {
            const auto& from = *static_cast<Wire*>(self);
            from.device->pulse(from.number);
        });
    }
    settling_.bind<&IommuDevice::settle>(this);
    planned_back_.bind<&IommuDevice::check_drain>(this);
    for (const CounterSite& counters : site.counters) {
        if (!in_banks(counters.page0) && !counter_port_) {
            counter_port_ = std::make_unique<TargetPort>("counters", *this, 1);
        }
    }
    counter_groups_.attach(*unit_);
    unit_->reset();
    const iommu::Family* family = iommu::find_family(site.family);
    lost_presets_ = iommu::preset_registers(*unit_, params.hardware,
                                            family != nullptr ? family->id_registers : Span<std::uint32_t>{});
    unit_->add_sink(*this);
}

void IommuDevice::pulse(unsigned wire) {
    context_.stream.add(agenda().now(), *this, EventStream::Kind::interrupt, wire);
    const iommu::WireSpec spec = unit_->wire(wire);
    const std::size_t own = site_.interrupt_names.size();
    if (spec.name.empty() && spec.index >= own && spec.index - own < site_.part_wires.size()) {
        const IommuSite::PartWire& part = site_.part_wires[spec.index - own];
        return context_.interrupts.on_interrupt(part.node, part.name, 0);
    }
    const bool named = !spec.name.empty() || spec.index >= own;
    context_.interrupts.on_interrupt(site_.node, named ? spec.name : site_.interrupt_names[spec.index], spec.index);
}

IommuDevice::~IommuDevice() = default;

std::vector<std::unique_ptr<BusPort>> IommuDevice::make_ports() {
    std::vector<std::unique_ptr<BusPort>> ports;
    const std::vector<std::string> names = bus_port_names(params_, site_.tbus);
    for (std::size_t i = 0; i < names.size(); ++i) {  // the core's, and then one for each port
        const std::uint32_t width =
            i == 0 ? params_.tcu.port_width_bytes : params_.tbu_of(site_.tbus[i - 1]).port_width_bytes;
        ports.push_back(std::make_unique<BusPort>(systemc_name(names[i] + "_bus"), context_.agenda, *this,
                                                  context_.pool, *this, clock_, width));
    }
    return ports;
}

void IommuDevice::plan_ahead(const std::vector<PlannedWay*>& ways, const PhysicalMemory& bytes) {
    fast_ = true;
    for (Station* station : {&config_, &tlb_, &ipa_, &walk_cache_, &cycle_}) station->keep_calendars();
    for (std::size_t i = 0; i < ports_.size(); ++i) ports_[i]->plan_ahead(*ways[i], bytes);
    for (const auto& tbu : tbus_) tbu->plan_ahead();
}

// Registers.

bool IommuDevice::on_request(unsigned port, Transaction& transaction) {
    const SimTime start = std::max(register_free_, agenda().now());
    const SimTime length = clock_ * params_.tcu.register_access;
    register_waited_fs_ += (start - agenda().now()).fs;
    register_busy_fs_ += length.fs;
    register_free_ = start + length;
    transaction.step.bind(this, port == 0 ? &IommuDevice::register_step : &IommuDevice::counter_step);
    agenda().schedule(transaction.step, register_free_, Phase::arrive, *this);
    return true;
}

void IommuDevice::register_step(void* owner, AgendaEntry& entry) {
    auto& device = *static_cast<IommuDevice*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    device.access_register(transaction);
    device.registers.respond(transaction);
}

void IommuDevice::counter_step(void* owner, AgendaEntry& entry) {
    auto& device = *static_cast<IommuDevice*>(owner);
    Transaction& transaction = Transaction::of_step(entry);
    device.access_register(transaction);
    device.counter_port_->respond(transaction);
}

void IommuDevice::access_register(Transaction& transaction) {
    const std::uint64_t address = transaction.address();
    const unsigned size = transaction.size();
    std::uint8_t* bytes = transaction.payload().get_data_ptr();
    transaction.set_response(tlm::TLM_OK_RESPONSE);
    if (!is_register_size(size)) {
        transaction.set_response(tlm::TLM_BURST_ERROR_RESPONSE);
    } else if (transaction.write()) {
        ++counts_.register_writes;
        const std::uint64_t value = load_le(bytes, size);
        context_.stream.add(agenda().now(), *this, EventStream::Kind::register_write,
                            (address - banks_[0].base) ^ (value << 20));
        write_register(address, size, value);
        wake();
    } else {
        ++counts_.register_reads;
        store_le(bytes, size, read_register(address, size));
        context_.stream.add(agenda().now(), *this, EventStream::Kind::register_read, address - banks_[0].base);
    }
}

bool IommuDevice::is_register_size(unsigned size) const {
    return size == 4 || size == 8 || (site_.narrow_registers && (size == 1 || size == 2));
}

std::size_t IommuDevice::find_bank(std::uint64_t address) const {
    std::size_t bank = 0;
    while (bank < banks_.size() && address - banks_[bank].base >= banks_[bank].bytes) ++bank;
    return bank;
}

std::uint64_t IommuDevice::read_register(std::uint64_t address, unsigned size) {
    std::uint64_t value = 0;
    if (!counter_groups_.empty() && counter_groups_.read(address, size, value)) return value;
    const std::size_t bank = find_bank(address);
    if (bank == banks_.size()) return 0;
    return unit_->read_register(address - banks_[bank].base, size, static_cast<unsigned>(bank));
}

void IommuDevice::write_register(std::uint64_t address, unsigned size, std::uint64_t value) {
    if (!counter_groups_.empty() && counter_groups_.write(address, size, value)) return;
    const std::size_t bank = find_bank(address);
    if (bank == banks_.size()) return;
    unit_->write_register(address - banks_[bank].base, size, value, static_cast<unsigned>(bank));
}

unsigned IommuDevice::on_debug(unsigned, tlm::tlm_generic_payload& payload) {
    const unsigned size = payload.get_data_length();
    const std::uint64_t address = payload.get_address();
    if (!is_register_size(size)) return 0;
    if (payload.is_read()) store_le(payload.get_data_ptr(), size, peek(address, size));
    if (payload.is_write()) poke(address, size, load_le(payload.get_data_ptr(), size));
    return size;
}

void IommuDevice::poke(std::uint64_t address, unsigned size, std::uint64_t value) {
    write_register(address, size, value);
    if (unit_->settling()) unit_->settle();
    wake();
}

bool IommuDevice::has_register(std::uint64_t address) const {
    if (in_banks(address)) return true;
    const auto in = [&](std::uint64_t base) { return address >= base && address - base < CounterSite::kPageBytes; };
    return std::any_of(site_.counters.begin(), site_.counters.end(), [&](const CounterSite& counters) {
        return in(counters.page0) || (counters.page1 && in(*counters.page1));
    });
}

void IommuDevice::add_uses(std::vector<ResourceUse>& all) const {
    const std::string& own = component_name();
    for (const auto& tbu : tbus_) tbu->add_uses(all);
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        const std::string_view part = i == 0 ? std::string_view() : std::string_view(site_.tbus[i - 1]);
        all.push_back(ports_[i]->wire().use(ResourceKind::bus_port, own, part));
    }
    all.push_back(xlate_slots_.use(ResourceKind::core_slots, own, ""));
    all.push_back(walk_slots_.use(ResourceKind::walk_slots, own, ""));
    all.push_back(config_.use(ResourceKind::config_cache, own, ""));
    if (params_.tcu.tlb.shape.enabled) all.push_back(tlb_.use(ResourceKind::core_tlb, own, ""));
    if (params_.tcu.ipa_cache.shape.enabled) all.push_back(ipa_.use(ResourceKind::ipa_cache, own, ""));
    all.push_back(walk_cache_.use(ResourceKind::walk_cache, own, ""));
    all.push_back(cycle_.use(ResourceKind::walker, own, ""));
    all.push_back(single(ResourceKind::registers, own, "", register_busy_fs_, register_waited_fs_));
    for (const CommandQueue& queue : commands_) {
        const std::uint64_t busy = queue.busy_fs + (queue.running ? context_.agenda.now().fs : 0);
        all.push_back(single(ResourceKind::commands, own, queue.name, busy, 0));
    }
    all.push_back(single(ResourceKind::drain, own, "", counts_.sync.sum_fs(), counts_.sync.sum_fs()));
}

IommuStats IommuDevice::stats() const {
    IommuStats result = counts_;
    result.name = component_name();
    result.path = site_.path;
    result.arch = spec_.arch;
    for (const auto& tbu : tbus_) tbu->add_to(result);
    for (std::size_t i = 0; i < spec_.structures.size(); ++i) {
        const iommu::CacheCounters counters = unit_->structure_counters(i);
        const LookupStats lookups{counters.lookups, counters.hits};
        result.structures.emplace_back(spec_.structures[i].name, lookups);
        switch (spec_.structures[i].kind) {
            case iommu::Structure::config_cache:
                result.config_cache.add(lookups);
                break;
            case iommu::Structure::tlb:
                result.tcu_tlb.add(lookups);
                break;
            case iommu::Structure::walk_cache:
                result.walk_cache.add(lookups);
                break;
            case iommu::Structure::ipa_cache:
                break;
        }
    }
    const std::vector<std::uint64_t> values = unit_->counter_values();
    for (std::size_t i = 0; i < values.size(); ++i) result.counters.emplace_back(spec_.counters[i].name, values[i]);
    result.walks = result.counter("walks");
    result.walk_reads = result.counter("walk_reads");
    return result;
}

}  // namespace xlate::soc
