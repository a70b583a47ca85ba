// The timed machine: CPUs that run kernel tasks, one at a time each, and their way to the bus.
// A task runs in no time of its own; what costs time is what it asks for: pass(), sleep(), MMIO, memory.
//   tasks     FIFO run queue a CPU; a switch to another task costs CpuParams::context_switch. No preemption.
//   MMIO      reads wait for the bus; writes are posted: the CPU goes on after CpuParams::posted_write. Accesses of
//             one CPU to one device arrive in order.
//   memory    caches are coherent: a store is seen by everybody when the CPU has done it; its line goes out as a
//             posted bus write that only takes bandwidth. Loads and stores cost CpuParams::memory_access each, paid
//             at the task's next point.
//   timers, interrupts   call their handlers on the host side, in phase `act`.
#pragma once

#include <systemc>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernel-model/core/machine.hpp"
#include "soc/bus/physical_memory.hpp"
#include "soc/bus/ports.hpp"
#include "soc/iommu/device.hpp"
#include "soc/iommu/observer.hpp"
#include "soc/masters/dma_master.hpp"
#include "soc/measure/usage.hpp"

namespace xlate::soc {

class TimedMachine final : public sc_core::sc_module, public Initiator, public InterruptSink, public kernel::Machine {
public:
    /// Finds the hardware of a Linux device name, or nullptr.
    /// Its first port, or port number `port` of several; null: it has none.
    using FindMaster = std::function<DmaMaster*(const std::string& device, unsigned port)>;
    /// The ATS control of a Linux device name; does nothing if it has none.
    using ControlAts = std::function<void(const std::string& device, bool enable)>;
    /// Machine::iommu_capability().
    using ReadCapability = std::function<std::uint32_t(firmware::NodeIndex iommu, unsigned offset)>;
    TimedMachine(const sc_core::sc_module_name& module_name, Agenda& agenda, TransactionPool& pool,
                 PhysicalMemory& bytes, const CpuParams& params, FindMaster find_master, ControlAts control,
                 ReadCapability capability);
    ~TimedMachine() override;

    /// Whose tasks run here.
    void attach(kernel::Scheduler& scheduler) { scheduler_ = &scheduler; }
    /// Looks on from now on; nullptr: nobody.
    void set_watch(SoftwareObserver* watch) { watch_ = watch; }
    InitiatorPort& port(std::size_t cpu) { return cpus_[cpu]->port; }
    static std::vector<std::string> cpu_names(const CpuParams& params);

    void on_interrupt(firmware::NodeIndex device, std::string_view name, unsigned index) override;
    std::uint64_t dropped_interrupts() const { return dropped_interrupts_; }
    void add_uses(std::vector<ResourceUse>& all) const;

    // kernel::Dispatcher
    void task_ready(kernel::Task& task) override;
    void at_point(kernel::Task& task, const kernel::Point& point) override;
    // kernel::Machine
    SimTime now() const override { return agenda_.now(); }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override;
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override;
    void memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) override;
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override;
    void annotate(const kernel::Annotation& annotation) override {
        if (watch_ != nullptr) watch_->on_annotation(annotation);
    }
    void pass(SimTime time) override;
    void sleep(SimTime time) override;
    kernel::TimerId set_timer(SimTime delay, std::function<void()> fire) override;
    void cancel_timer(kernel::TimerId timer) override;
    void connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler) override;
    void control_ats(const std::string& device, bool enable) override { control_ats_(device, enable); }
    std::uint32_t iommu_capability(firmware::NodeIndex iommu, unsigned offset) override {
        return capability_(iommu, offset);
    }
    void start_master(const std::string& device, const kernel::DmaPlan& plan) override;
    void submit_dma(const std::string& device, Iova iova, std::uint64_t size, bool write,
                    std::function<void(bool ok)> done) override;
    void send_message(const std::string& device, Iova address, std::function<void(bool ok)> done) override;

private:
    static constexpr std::size_t kLineBytes = 64;

    struct Cpu;
    /// What the machine knows of a task.
    struct Context {
        kernel::Task* task = nullptr;
        Cpu* cpu = nullptr;
        TimedMachine* machine = nullptr;
        AgendaEntry entry;       ///< when it goes on
        bool asleep = false;     ///< gave its CPU away
        SimTime debt;            ///< cost of memory accesses, not yet paid
        std::uint64_t data = 0;  ///< what an MMIO read brought
    };
    struct Cpu : Component {
        Cpu(const std::string& name, TimedMachine& owner, unsigned number);
        TimedMachine& machine;
        InitiatorPort port;
        std::deque<Context*> ready;
        Context* running = nullptr;
        Context* last = nullptr;
        AgendaEntry dispatch;
        std::deque<Transaction*> at_door;
        std::uint64_t line = ~std::uint64_t{0};  ///< last line written
        std::uint64_t count = 0;
        std::uint64_t busy_fs = 0, waited_fs = 0;  ///< see usage.hpp
    };
    struct Timer {
        AgendaEntry entry;
        std::function<void()> fire;
        kernel::TimerId id{};
        TimedMachine* machine = nullptr;
        kernel::VectorClock cause;  ///< what its setter had done: whatever the timer starts comes after it
    };

    void on_accepted(unsigned port) override;
    void on_response(unsigned port, Transaction& transaction) override;

    Context& context(kernel::Task& task);
    Context* current();
    void dispatch(Cpu& cpu);
    void run_next(Cpu& cpu);
    void resume(Context& context);
    void go_on(Context& context);
    void suspend_until(Context& context, SimTime at);
    void send(Cpu& cpu, Transaction& transaction);
    Transaction& make(Cpu& cpu, tlm::tlm_command command, PhysAddr address, std::uint32_t size, bool moves_data);
    void send_at(Transaction& transaction, Cpu& cpu, SimTime at);

    Agenda& agenda_;
    TransactionPool& pool_;
    PhysicalMemory& bytes_;
    const CpuParams params_;
    FindMaster find_master_;
    ControlAts control_ats_;
    ReadCapability capability_;
    kernel::Scheduler* scheduler_ = nullptr;
    SoftwareObserver* watch_ = nullptr;
    std::vector<std::unique_ptr<Cpu>> cpus_;
    std::deque<Context> contexts_;
    std::map<kernel::TimerId, std::unique_ptr<Timer>> timers_;
    std::uint64_t next_timer_ = 1;
    std::map<std::pair<firmware::NodeIndex, std::string>, std::function<void()>> handlers_;
    std::uint64_t dropped_interrupts_ = 0;
};

}  // namespace xlate::soc
