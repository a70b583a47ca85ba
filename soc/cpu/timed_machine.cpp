#include "soc/cpu/timed_machine.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::soc {

TimedMachine::Cpu::Cpu(const std::string& name, TimedMachine& owner, unsigned number)
    : Component(name), machine(owner), port(systemc_name(name), owner, number) {
    dispatch.bind(this, [](void* self, AgendaEntry&) {
        auto& cpu = *static_cast<Cpu*>(self);
        cpu.machine.run_next(cpu);
    });
}

std::vector<std::string> TimedMachine::cpu_names(const CpuParams& params) {
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < params.count; ++i) names.push_back("cpu" + std::to_string(i));
    return names;
}

TimedMachine::TimedMachine(const sc_core::sc_module_name& module_name, Agenda& agenda, TransactionPool& pool,
                           PhysicalMemory& bytes, const CpuParams& params, FindMaster find_master, ControlAts control,
                           ReadCapability capability)
    : sc_core::sc_module(module_name),
      agenda_(agenda),
      pool_(pool),
      bytes_(bytes),
      params_(params),
      find_master_(std::move(find_master)),
      control_ats_(std::move(control)),
      capability_(std::move(capability)) {
    for (const std::string& name : cpu_names(params)) {
        cpus_.push_back(std::make_unique<Cpu>(name, *this, static_cast<unsigned>(cpus_.size())));
        agenda_.add_component(*cpus_.back());
    }
}

TimedMachine::~TimedMachine() = default;

// Tasks.

TimedMachine::Context& TimedMachine::context(kernel::Task& task) {
    if (task.machine_data == 0) {
        Context& made = contexts_.emplace_back();
        made.task = &task;
        made.cpu = cpus_[task.cpu % cpus_.size()].get();
        made.machine = this;
        made.entry.bind(&made, [](void* self, AgendaEntry&) {
            auto& waiting = *static_cast<Context*>(self);
            waiting.machine->go_on(waiting);
        });
        task.machine_data = contexts_.size();
    }
    return contexts_[task.machine_data - 1];
}

TimedMachine::Context* TimedMachine::current() {
    if (scheduler_ == nullptr) return nullptr;
    kernel::Task* task = scheduler_->current_or_null();
    return task == nullptr ? nullptr : &context(*task);
}

void TimedMachine::task_ready(kernel::Task& task) {
    Context& ready = context(task);
    ready.cpu->waited_fs -= agenda_.now().fs;
    ready.cpu->ready.push_back(&ready);
    dispatch(*ready.cpu);
}

void TimedMachine::dispatch(Cpu& cpu) {
    if (cpu.running != nullptr || cpu.ready.empty() || cpu.dispatch.scheduled()) return;
    const bool same = cpu.last == nullptr || cpu.last == cpu.ready.front();
    agenda_.schedule_after(cpu.dispatch, same ? SimTime{} : params_.context_switch, Phase::act, cpu);
}

void TimedMachine::run_next(Cpu& cpu) {
    Context& next = *cpu.ready.front();
    cpu.ready.pop_front();
    cpu.waited_fs += agenda_.now().fs;
    cpu.busy_fs -= agenda_.now().fs;
    cpu.running = &next;
    cpu.last = &next;
    resume(next);
}

void TimedMachine::resume(Context& context) {
    XLATE_CHECK(scheduler_ != nullptr, "a task is ready and no kernel is attached");
    Cpu& cpu = *context.cpu;
    scheduler_->resume(*context.task);
    const bool keeps_cpu = context.task->state == kernel::TaskState::suspended && !context.asleep;
    if (keeps_cpu) return;
    cpu.running = nullptr;
    cpu.busy_fs += agenda_.now().fs;
    dispatch(cpu);
}

/// What the task waited for has come: time has passed, or the bus has answered.
void TimedMachine::go_on(Context& context) {
    if (!context.asleep) {
        resume(context);
        return;
    }
    context.asleep = false;
    context.cpu->waited_fs -= agenda_.now().fs;
    context.cpu->ready.push_back(&context);
    dispatch(*context.cpu);
}

void TimedMachine::add_uses(std::vector<ResourceUse>& all) const {
    const std::uint64_t now = agenda_.now().fs;
    for (const auto& cpu : cpus_) {
        all.push_back(single(ResourceKind::cpu, cpu->component_name(), "",
                             cpu->busy_fs + (cpu->running != nullptr ? now : 0),
                             cpu->waited_fs + cpu->ready.size() * now));
    }
}

void TimedMachine::suspend_until(Context& context, SimTime at) {
    agenda_.schedule(context.entry, at, Phase::act, *context.cpu);
    scheduler_->suspend();
}

void TimedMachine::at_point(kernel::Task& task, const kernel::Point& point) {
    // What the task reads or writes next, others may see: so what it owes is paid before.
    Context& here = context(task);
    if (here.debt.fs == 0 || point.kind == kernel::PointKind::memory) return;
    pass(SimTime{});
}

void TimedMachine::pass(SimTime time) {
    Context* here = current();
    if (here == nullptr) return;
    const SimTime until = now() + time + here->debt;
    here->debt = {};
    if (until == now()) return;
    suspend_until(*here, until);
}

void TimedMachine::sleep(SimTime time) {
    Context* here = current();
    if (here == nullptr) return;
    const SimTime until = now() + time + here->debt;
    here->debt = {};
    here->asleep = true;
    suspend_until(*here, until);
}

// The bus.

Transaction& TimedMachine::make(Cpu& cpu, tlm::tlm_command command, PhysAddr address, std::uint32_t size,
                                bool moves_data) {
    Transaction& transaction = pool_.take(command, address, size, moves_data);
    transaction.source_rank = cpu.rank();
    transaction.number = cpu.count++;
    transaction.privileged = true;
    transaction.ledger.start(now());
    return transaction;
}

void TimedMachine::send_at(Transaction& transaction, Cpu& cpu, SimTime at) {
    transaction.step.bind(&cpu, [](void* self, AgendaEntry& entry) {
        auto& sender = *static_cast<Cpu*>(self);
        sender.machine.send(sender, Transaction::of_step(entry));
    });
    agenda_.schedule(transaction.step, at, Phase::arrive, cpu);
}

void TimedMachine::send(Cpu& cpu, Transaction& transaction) {
    transaction.ledger.charge(Part::issue, now());
    if (cpu.at_door.empty() && cpu.port.free()) {
        cpu.port.send(transaction);
    } else {
        cpu.at_door.push_back(&transaction);
    }
}

void TimedMachine::on_accepted(unsigned port) {
    Cpu& cpu = *cpus_[port];
    while (!cpu.at_door.empty() && cpu.port.free()) {
        Transaction& next = *cpu.at_door.front();
        cpu.at_door.pop_front();
        cpu.port.send(next);
    }
}

void TimedMachine::on_response(unsigned, Transaction& transaction) {
    auto* reader = static_cast<Context*>(transaction.holder_data);
    if (reader != nullptr) {
        // Nobody there: reads as zero.
        reader->data = transaction.ok() ? load_le(transaction.payload().get_data_ptr(), transaction.size()) : 0;
        agenda_.schedule(reader->entry, now(), Phase::act, *reader->cpu);
    }
    pool_.give_back(transaction);
}

std::uint64_t TimedMachine::mmio_read(PhysAddr address, unsigned size) {
    Context* here = current();
    XLATE_CHECK(here != nullptr, "MMIO outside of a task");
    Transaction& transaction = make(*here->cpu, tlm::TLM_READ_COMMAND, address, size, true);
    transaction.holder_data = here;
    send_at(transaction, *here->cpu, now() + here->debt + params_.mmio_issue);
    here->debt = {};
    scheduler_->suspend();
    return here->data;
}

void TimedMachine::mmio_write(PhysAddr address, unsigned size, std::uint64_t value) {
    Context* here = current();
    XLATE_CHECK(here != nullptr, "MMIO outside of a task");
    if (watch_ != nullptr) watch_->on_register_write(address, size, value);
    Transaction& transaction = make(*here->cpu, tlm::TLM_WRITE_COMMAND, address, size, true);
    store_le(transaction.payload().get_data_ptr(), size, value);
    const SimTime start = now() + here->debt;
    here->debt = {};
    send_at(transaction, *here->cpu, start + params_.mmio_issue);
    suspend_until(*here, start + std::max(params_.mmio_issue, params_.posted_write));
}

void TimedMachine::memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) {
    if (bytes_.contains(address, size)) {
        bytes_.read(address, bytes, size);
    } else {
        std::fill_n(bytes, size, std::uint8_t{0});
    }
    if (Context* here = current()) here->debt += params_.memory_access * (1 + size / kLineBytes);
}

void TimedMachine::memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) {
    if (!bytes_.contains(address, size)) return;
    if (watch_ != nullptr) watch_->before_store(address, size);
    bytes_.write(address, bytes, size);
    if (watch_ != nullptr) watch_->after_store(address, size);
    Context* here = current();
    if (here == nullptr) return;
    here->debt += params_.memory_access * (1 + size / kLineBytes);
    Cpu& cpu = *here->cpu;
    const std::uint64_t last = (address.value + size - 1) / kLineBytes;
    for (std::uint64_t line = address.value / kLineBytes; line <= last; ++line) {
        if (line == cpu.line) continue;
        cpu.line = line;
        Transaction& transaction = make(cpu, tlm::TLM_WRITE_COMMAND, PhysAddr{line * kLineBytes}, kLineBytes, false);
        send_at(transaction, cpu, now());
    }
}

// Timers, interrupts, masters.

kernel::TimerId TimedMachine::set_timer(SimTime delay, std::function<void()> fire) {
    auto timer = std::make_unique<Timer>();
    timer->id = static_cast<kernel::TimerId>(next_timer_++);
    timer->fire = std::move(fire);
    timer->machine = this;
    if (scheduler_ != nullptr) {
        timer->cause = scheduler_->host_clock;
        if (kernel::Task* setter = scheduler_->current_or_null()) {
            timer->cause.join(setter->clock);
            setter->clock.tick(setter->slot);
        }
    }
    timer->entry.bind(timer.get(), [](void* self, AgendaEntry&) {
        auto& expired = *static_cast<Timer*>(self);
        TimedMachine& machine = *expired.machine;
        const auto own = std::move(machine.timers_.at(expired.id));
        machine.timers_.erase(expired.id);
        if (machine.scheduler_ == nullptr) {
            own->fire();
            return;
        }
        std::swap(own->cause, machine.scheduler_->host_clock);
        own->fire();
        std::swap(own->cause, machine.scheduler_->host_clock);
    });
    agenda_.schedule_after(timer->entry, delay, Phase::act, *cpus_.front());
    const kernel::TimerId id = timer->id;
    timers_.emplace(id, std::move(timer));
    return id;
}

void TimedMachine::cancel_timer(kernel::TimerId timer) {
    const auto at = timers_.find(timer);
    if (at == timers_.end()) return;
    agenda_.cancel(at->second->entry);
    timers_.erase(at);
}

void TimedMachine::connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler) {
    handlers_[{device, std::move(name)}] = std::move(handler);
}

void TimedMachine::on_interrupt(firmware::NodeIndex device, std::string_view name, unsigned index) {
    // By name, or by the place in `interrupts`. A device with one line for all has it under "combined", or without a
    // name.
    for (const std::string& known :
         {std::string(name), std::to_string(index), std::string("combined"), std::string()}) {
        const auto at = handlers_.find({device, known});
        if (at == handlers_.end()) continue;
        at->second();
        return;
    }
    ++dropped_interrupts_;
}

void TimedMachine::start_master(const std::string& device, const kernel::DmaPlan& plan) {
    std::vector<DmaRegion> regions;
    for (const kernel::DmaBuffer& buffer : plan.buffers) regions.push_back({buffer.iova, buffer.size});
    unsigned port = 0;
    while (DmaMaster* const master = find_master_(device, port++)) master->start(regions);
}

void TimedMachine::submit_dma(const std::string& device, Iova iova, std::uint64_t size, bool write,
                              std::function<void(bool ok)> done) {
    DmaMaster* master = find_master_(device, 0);
    if (master != nullptr) {
        master->submit(iova, size, write, std::move(done));
        return;
    }
    // No such hardware: the transfer never happens, and its driver is told so.
    set_timer(SimTime{}, [done = std::move(done)] { done(false); });
}

void TimedMachine::send_message(const std::string& device, Iova address, std::function<void(bool ok)> done) {
    DmaMaster* const master = find_master_(device, 0);
    if (master != nullptr) {
        master->send_message(address, std::move(done));
    } else {
        set_timer(SimTime{}, [done = std::move(done)] { done(false); });
    }
}

}  // namespace xlate::soc
