// What a run's tasks find below them: registers, memory whose accesses may be late, timers, DMA. Who goes on is decided
// in execution.cpp.
#include <algorithm>
#include <utility>

#include "explore/machine/execution.hpp"

namespace xlate::explore {

namespace {

/// Memory, a page a location, where tasks' stores may be late.
constexpr Resource memory_page(std::uint64_t address) {
    return (Resource{5} << 61) | (address >> 12 << kernel::kFieldBits);
}
/// The same as one task sees it, where each sees stores at a time of its own.
Resource view_page(const Task& by, std::uint64_t address) {
    return memory_page(address) | ((Resource{by.id} + 1) << 48);
}
/// The hardware and what it reads, as one location: what a DMA access depends on.
constexpr Resource kHardware = (Resource{3} << 62) | kernel::kFieldBits;

}  // namespace

bool Execution::fire_next_timer() {
    if (!fires_timers_ || run_->timers.empty()) return false;
    const auto first = std::min_element(run_->timers.begin(), run_->timers.end(), [](const Timer& a, const Timer& b) {
        return a.at != b.at ? a.at < b.at : a.id < b.id;
    });
    Timer timer = std::move(*first);
    run_->timers.erase(first);
    run_->timer_time = timer.at;
    kernel_->sched.host_clock.join(timer.clock);
    timer.fire();
    return true;
}

kernel::TimerId Execution::set_timer(SimTime delay, std::function<void()> fire) {
    Timer timer{++run_->timer_count, run_->timer_time + delay, std::move(fire), kernel_->sched.host_clock};
    if (const Task* task = kernel_->sched.current_or_null()) timer.clock.join(task->clock);
    run_->timers.push_back(std::move(timer));
    return kernel::TimerId{run_->timer_count};
}

void Execution::cancel_timer(kernel::TimerId id) {
    run_->timers.erase(std::remove_if(run_->timers.begin(), run_->timers.end(),
                                      [&](const Timer& timer) { return kernel::TimerId{timer.id} == id; }),
                       run_->timers.end());
}

bool Execution::HardwareChange::ready_for(const Task& task) const {
    for (const Poll& poll : execution_.run_->polls) {
        if (poll.task == &task) return poll.changes != execution_.run_->changes;
    }
    return true;
}

/// Of the IOMMU whose page it is.
void Execution::mmio_point(PhysAddr address, const kernel::Waitable* waits_for) {
    kernel_->sched.point({PointKind::mmio, "MMIO", (address.value >> 12 << kernel::kFieldBits) | (1ULL << 63), "mmio"},
                         waits_for);
}

void Execution::changed_hardware() {
    ++run_->changes;
    kernel_->sched.changed(hardware_change_);
}

/// Of the first page; the others are part of the same step. `by`: as this task sees memory.
void Execution::memory_point(PointKind kind, PhysAddr address, std::size_t size, const Task* by) {
    const auto location = [&](std::uint64_t at) { return by != nullptr ? view_page(*by, at) : memory_page(at); };
    kernel_->sched.point({kind, "MEM", location(address.value), "memory"});
    for (std::uint64_t page = (address.value >> 12) + 1; page <= (address.value + size - 1) >> 12; ++page)
        add_access(kind, location(page << 12), false);
}

void Execution::store_now(PhysAddr address, const std::uint8_t* bytes, std::size_t size) {
    if (!run_->hardware.empty()) used_hardware(false);
    run_->hardware.memory.store(address.value, bytes, size);
    if (schedules_mmio()) changed_hardware();
}

void Execution::wait_for(const LateAccesses::List& accesses, const char* step) {
    for (const auto& one : accesses) {
        if (!one->done) kernel_->sched.join(*one->task, step);
    }
}

void Execution::wait_until_seen(const LateAccesses::List& stores, const Task& by, const char* step) {
    for (const auto& one : stores) {
        if (one->owner == &by || one->seen_by(by)) continue;
        const LateAccess::Sight* const sight = one->sight_of(by);
        kernel_->sched.join(sight != nullptr ? *sight->task : *one->task, step);
    }
}

void Execution::store_late(PhysAddr address, const std::uint8_t* bytes, std::size_t size) {
    Task& owner = kernel_->sched.current();
    const std::shared_ptr<LateAccess> store = run_->late->add_store(owner, address.value, bytes, size);
    store->task = &kernel_->spawn("store of " + owner.name, owner.cpu, [this, store] {
        wait_for(store->after, "MEM");
        memory_point(PointKind::write, PhysAddr{store->address}, store->size);
        std::vector<std::uint8_t> replaced(run_->late->each() ? store->size : 0);
        run_->hardware.memory.load(store->address, replaced.data(), replaced.size());
        store_now(PhysAddr{store->address}, store->bytes.data(), store->size);
        run_->late->stored(store, std::move(replaced));
    });
    if (run_->late->each()) send_to_each(store);
}

/// To the other tasks of the race; those that these make see what memory holds.
void Execution::send_to_each(const std::shared_ptr<LateAccess>& store) {
    for (std::size_t id = run_->race_begin; id < run_->race_end; ++id) {
        const Task& by = task(static_cast<TaskId>(id));
        if (&by != store->owner) store->sights.push_back({&by, nullptr, false});
    }
    for (std::size_t at = 0; at < store->sights.size(); ++at) {
        const Task& by = *store->sights[at].by;
        store->sights[at].task =
            &kernel_->spawn("store of " + store->owner->name + " to " + by.name, by.cpu, [this, store, at, &by] {
                kernel_->sched.join(*store->task, "MEM");
                wait_until_seen(store->behind, by, "MEM");
                memory_point(PointKind::write, PhysAddr{store->address}, store->size, &by);
                store->sights[at].done = true;
            });
    }
}

void Execution::load_late(PhysAddr address, std::size_t size, std::function<void(const std::uint8_t*)> then) {
    if (!stores_late()) {
        std::vector<std::uint8_t> bytes(size);
        memory_read(address, bytes.data(), size);
        return then(bytes.data());
    }
    Task& owner = kernel_->sched.current();
    const std::shared_ptr<LateAccess> load = run_->late->add_load(owner, address.value, size);
    load->task = &kernel_->spawn("load of " + owner.name, owner.cpu, [this, load, then = std::move(then)] {
        wait_for(load->after, "MEM");
        memory_point(PointKind::read, PhysAddr{load->address}, load->size, run_->late->each() ? load->owner : nullptr);
        std::vector<std::uint8_t> bytes(load->size);
        run_->hardware.memory.load(load->address, bytes.data(), load->size);
        run_->late->seen(*load->owner, load->address, bytes.data(), load->size, load.get());
        load->done = true;
        then(bytes.data());
    });
}

void Execution::store_barrier() {
    if (stores_late()) run_->late->barrier(kernel_->sched.current());
}

void Execution::load_barrier() {
    if (stores_late()) wait_for(run_->late->pending_loads(kernel_->sched.current()), "RMB");
}

void Execution::branch() {
    if (stores_late()) run_->late->branch(kernel_->sched.current());
}

void Execution::full_barrier() {
    if (!stores_late()) return;
    const Task& task = kernel_->sched.current();
    wait_for(run_->late->pending(task), "MB");
    for (const auto& store : run_->late->awaited_by_all(task)) {
        for (std::size_t at = 0; at < store->sights.size(); ++at) {
            if (!store->sights[at].done) kernel_->sched.join(*store->sights[at].task, "MB");
        }
    }
}

std::uint64_t Execution::mmio_read(PhysAddr address, unsigned size) {
    if (!schedules_mmio()) return run_->hardware.read_register(address, size);
    const Task* const task = kernel_->sched.current_or_null();
    auto poll = std::find_if(run_->polls.begin(), run_->polls.end(), [&](const Poll& one) { return one.task == task; });
    if (poll == run_->polls.end()) poll = run_->polls.insert(poll, {task, 0, 0});
    const auto at = poll - run_->polls.begin();
    const bool again = poll->address == address.value && poll->changes == run_->changes;
    mmio_point(address, again ? &hardware_change_ : nullptr);
    const std::uint64_t value = run_->hardware.read_register(address, size);
    run_->polls[static_cast<std::size_t>(at)] = {task, address.value, run_->changes};
    return value;
}

void Execution::mmio_write(PhysAddr address, unsigned size, std::uint64_t value) {
    full_barrier();
    if (!schedules_mmio()) return run_->hardware.write_register(address, size, value);
    mmio_point(address, nullptr);
    run_->hardware.write_register(address, size, value);
    changed_hardware();
}

/// A DMA access does not commute with what tasks write to registers and memory; these do with each other.
void Execution::used_hardware(bool dma) {
    if (!keeps_steps_ || !in_step_) return;
    const PointKind kind = dma ? PointKind::write : PointKind::read;
    const auto begin = run_->accesses.begin() + step_.first_access;
    const bool known = std::any_of(begin, run_->accesses.end(), [&](const Access& access) {
        return access.resource == kHardware && access.kind == kind;
    });
    if (!known) add_access(kind, kHardware, false);
}

void Execution::memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) {
    const bool late = stores_late() && size != 0;
    if (late) {
        for (const auto& one : run_->late->pending_loads(kernel_->sched.current())) {
            if (!one->done && one->overlaps(address.value, size)) kernel_->sched.join(*one->task, "MEM");
        }
        memory_point(PointKind::read, address, size, run_->late->each() ? &kernel_->sched.current() : nullptr);
    }
    run_->hardware.memory.load(address.value, bytes, size);
    if (late) run_->late->seen(kernel_->sched.current(), address.value, bytes, size);
}

void Execution::memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) {
    if (stores_late() && size != 0) return store_late(address, bytes, size);
    store_now(address, bytes, size);
}

void Execution::start_master(const std::string& device, const kernel::DmaPlan& plan) {
    for (const kernel::DmaBuffer& buffer : plan.buffers) {
        if (run_->hardware.access(device, buffer.iova, buffer.size, true)) continue;
        kernel_->reports.semantic("its IOMMU refuses DMA to a buffer that its driver has mapped", device);
    }
}

void Execution::submit_dma(const std::string& device, Iova iova, std::uint64_t size, bool write,
                           std::function<void(bool)> done) {
    const bool ok = run_->hardware.access(device, iova, size, write);
    set_timer({}, [done = std::move(done), ok] { done(ok); });
}

}  // namespace xlate::explore
