#include "study/diff_kernels/untimed_boot.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "explore/machine/hardware.hpp"
#include "firmware/pci_iommus.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pci/pci_core.hpp"
#include "kernel-model/system.hpp"
#include "soc/topology.hpp"
#include "soc/unit.hpp"
#include "study/config/firmware_parameters.hpp"
#include "study/results/untranslated.hpp"
#include "study/run/assemble.hpp"
#include "study/run/assume_kernel.hpp"
#include "study/run/dmar_scopes.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/pci_roots.hpp"
#include "study/run/run.hpp"

namespace xlate::study {
namespace {

using kernel::Event;
using kernel::EventKind;
using kernel::Task;

/// Tasks in the order in which they became ready; the next timer only when none is left.
class UntimedMachine final : public kernel::Machine {
public:
    UntimedMachine(const firmware::Description& description, const soc::SocConfig& config,
                   const soc::Topology& topology) {
        for (const soc::IommuSite& site : topology.iommus)
            hardware_.add(site.node, description.node(site.node), soc::make_unit(config, site));
    }

    void run(kernel::Scheduler& scheduler) {
        constexpr std::uint64_t kMostSteps = 5'000'000;
        scheduler_ = &scheduler;
        for (std::uint64_t step = 0; step < kMostSteps; ++step) {
            if (!ready_.empty()) {
                Task& task = *ready_.front();
                ready_.pop_front();
                scheduler.resume(task);
            } else if (!timers_.empty()) {
                const auto next = timers_.begin();
                time_ = std::max(time_, next->first.first);
                const std::function<void()> fire = std::move(next->second);
                timers_.erase(next);
                fire();
            } else {
                return;
            }
        }
        throw InputError(Diagnostic{{}, "", fmt::format("the boot has not ended after {} steps", kMostSteps), "", ""},
                         ExitStatus::limit);
    }

    void task_ready(Task& task) override { ready_.push_back(&task); }
    SimTime now() const override { return time_; }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        time_ += kRegisterAccess;
        return hardware_.read_register(address, size);
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        time_ += kRegisterAccess;
        hardware_.write_register(address, size, value);
    }
    void memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) override {
        hardware_.memory.load(address.value, bytes, size);
    }
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override {
        hardware_.memory.store(address.value, bytes, size);
    }
    void pass(SimTime time) override { time_ += time; }
    /// Timers that come due meanwhile fire first: a deferred-probe timeout before a module that is loaded after it.
    void sleep(SimTime time) override {
        Task* const task = scheduler_ == nullptr ? nullptr : scheduler_->current_or_null();
        if (task == nullptr) {
            time_ += time;
            return;
        }
        set_timer(time, [this, task] { ready_.push_back(task); });
        scheduler_->suspend();
    }
    kernel::TimerId set_timer(SimTime delay, std::function<void()> fire) override {
        timers_[{time_ + delay, ++timer_count_}] = std::move(fire);
        return kernel::TimerId{timer_count_};
    }
    void cancel_timer(kernel::TimerId timer) override {
        const auto same = [&](const auto& entry) { return kernel::TimerId{entry.first.second} == timer; };
        const auto found = std::find_if(timers_.begin(), timers_.end(), same);
        if (found != timers_.end()) timers_.erase(found);
    }
    void connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler) override {
        hardware_.connect_interrupt(device, std::move(name), std::move(handler));
    }
    void start_master(const std::string&, const kernel::DmaPlan&) override {}
    void submit_dma(const std::string&, Iova, std::uint64_t, bool, std::function<void(bool ok)> done) override {
        set_timer(us(1), [done = std::move(done)] { done(true); });
    }

private:
    static constexpr SimTime kRegisterAccess = ns(100);
    explore::Hardware hardware_;
    kernel::Scheduler* scheduler_ = nullptr;
    std::deque<Task*> ready_;
    SimTime time_{};
    std::uint64_t timer_count_ = 0;
    std::map<std::pair<SimTime, std::uint64_t>, std::function<void()>> timers_;
};

/// Tasks unwind before what their frames refer to goes.
class Unwound {
public:
    explicit Unwound(kernel::Kernel& kernel) : kernel_(kernel) {}
    ~Unwound() { kernel_.sched.kill_all(); }
    Unwound(const Unwound&) = delete;
    Unwound& operator=(const Unwound&) = delete;

private:
    kernel::Kernel& kernel_;
};

using Walked = std::vector<kernel::IommuCore::WalkedDevice>;

/// The device at which a walk inside of this probe, which came to `ret`, broke off.
std::string broken_off_at(const Walked& walked, const std::vector<Event>& events, std::size_t probe, int ret) {
    for (const auto& one : walked) {
        const bool before_its_end = one.first_event == events.size() ||
                                    events[one.first_event].time <= events[probe].t_end.value_or(events[probe].time);
        if (one.first_event > probe && before_its_end && one.ret == ret) return one.device;
    }
    return {};
}

void add_error(BootedDevice& device, int ret, const std::string& caller) {
    const auto same = [&](const ProbeError& one) { return one.ret == ret && one.caller == caller; };
    if (std::none_of(device.errors.begin(), device.errors.end(), same)) device.errors.push_back({ret, caller});
}

/// The event with which the parse began that found the ids of event `at`: a walk's probe, or the driver's.
std::size_t parse_of(const Walked& walked, const std::vector<Event>& events, std::size_t at) {
    const std::string& device = events[at].device;
    for (const auto& one : walked) {
        if (one.device == device && one.first_event <= at && at < one.end_event) return one.first_event;
    }
    for (std::size_t i = at; i-- > 0;) {
        if (events[i].kind == EventKind::driver_probe && events[i].device == device) return i;
    }
    return 0;
}

/// Access control, of a function that has it.
std::string acs_of(const kernel::Device* device) {
    const auto* const function = dynamic_cast<const kernel::PciDevice*>(device);
    if (function == nullptr) return {};
    const std::uint32_t all = kernel::acs_capability(function->config) & kernel::kAcsIsolation;
    const std::uint32_t set = function->acs_control;
    if (all == 0 && set == 0) return {};
    return set == 0 ? "off" : set == all ? "on" : fmt::format("{:#x}", set);
}

void read_events(const std::vector<Event>& events, const Walked& walked, BootFacts& facts) {
    std::map<std::string, BootedDevice*> by_name;
    for (BootedDevice& device : facts.devices) by_name[device.name] = &device;
    std::map<std::string, std::size_t> parse;
    std::size_t joins = 0;
    for (const auto& one : walked) {
        const auto found = by_name.find(one.device);
        if (found != by_name.end() && one.ret < 0) add_error(*found->second, one.ret, "probe_iommu_group");
    }
    for (std::size_t i = 0; i < events.size(); ++i) {
        const Event& event = events[i];
        const auto found = by_name.find(event.device);
        if (found == by_name.end()) continue;
        BootedDevice& device = *found->second;
        // really_probe turns its driver's own errors round: 34 is -34 of the driver.
        const int ret = -std::abs(event.ret.value_or(0));
        const bool failed = ret != 0 && ret != -kernel::kEPROBE_DEFER;
        switch (event.kind) {
            case EventKind::fwspec_add_ids: {
                const std::size_t began = parse_of(walked, events, i);
                const auto [last, first_time] = parse.try_emplace(event.device, began);
                if (!first_time && last->second != began) device.ids.clear();
                last->second = began;
                device.ids.insert(device.ids.end(), event.ids.begin(), event.ids.end());
                break;
            }
            case EventKind::add_device_to_group:
                device.joined = joins++;
                break;
            case EventKind::iommu_probe_device:
                // At a device's creation no IOMMU is there yet, as a rule.
                if (failed && (event.caller != "iommu_bus_notifier" || ret != -kernel::kENODEV))
                    add_error(device, ret, event.caller);
                break;
            case EventKind::driver_probe:
                device.why.clear();
                if (failed) {
                    const std::string at = broken_off_at(walked, events, i, ret);
                    device.why = at.empty() ? fmt::format("{}", ret) : fmt::format("{} of {}", ret, at);
                }
                break;
            case EventKind::fwspec_init:
            case EventKind::attach_device_to_domain:
                break;
        }
    }
}

/// Of the IOMMU that the device is behind.
firmware::IdCells cells_of(const kernel::LinuxBoot& boot, const kernel::DeviceResult& device) {
    const std::vector<kernel::IommuResult> all = boot.iommus();
    const auto own = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.device == device.iommu; });
    if (device.iommu.empty() || own == all.end()) return firmware::IdCells::id;
    const firmware::Description& description = boot.description();
    for (const firmware::NodeIndex node : description.providers()) {
        if (description.node(node).path == own->path) return firmware::iommu_kind(description.node(node)).cells;
    }
    return firmware::IdCells::id;
}

BootFacts read_facts(kernel::LinuxBoot& boot, const kernel::Kernel& kernel, SeenBoot seen) {
    BootFacts facts;
    std::map<unsigned, std::vector<std::string>> members;
    for (const kernel::GroupResult& group : boot.groups()) {
        members[group.id] = group.devices;
        facts.group_types[group.id] = group.type;
        ++facts.groups;
    }
    for (const kernel::DeviceResult& result : boot.devices()) {
        BootedDevice device;
        device.name = result.name;
        device.driver = result.driver;
        device.state = result.state;
        device.group = result.group;
        device.domain = result.domain;
        device.id_cells = cells_of(boot, result);
        device.acs = acs_of(boot.find_device(result.name));
        if (device.group) {
            for (const std::string& peer : members[*device.group]) {
                if (peer != device.name) device.peers.push_back(peer);
            }
            std::sort(device.peers.begin(), device.peers.end());
        }
        facts.devices.push_back(std::move(device));
    }
    read_events(kernel.events.events(), boot.iommu().walked(), facts);
    // What a device in a group has now is beyond doubt; a parser without iommu_fwspec_add_ids leaves no event.
    const std::vector<kernel::DeviceResult> results = boot.devices();
    for (std::size_t i = 0; i < results.size(); ++i) {
        const kernel::DeviceResult& result = results[i];
        if (result.group && !result.ids.empty()) facts.devices[i].ids = result.ids;
        if (result.state == "deferred" && !result.deferred_reason.empty())
            facts.devices[i].why = result.deferred_reason;
    }
    for (Untranslated& one : untranslated_masters(std::move(seen))) {
        const BootedDevice* const device = facts.find(one.device);
        if (device == nullptr || !device->group) facts.untranslated.emplace(one.device, std::move(one.why));
    }
    for (const kernel::Report& report : kernel.reports.all())
        facts.reports.push_back(fmt::format("{}: {}", kernel::name(report.kind), report.what));
    facts.crashed = kernel.reports.crashed();
    return facts;
}

}  // namespace

const BootedDevice* BootFacts::find(const std::string& device) const {
    const auto found =
        std::find_if(devices.begin(), devices.end(), [&](const BootedDevice& one) { return one.name == device; });
    return found == devices.end() ? nullptr : &*found;
}

std::size_t BootFacts::grouped() const {
    return static_cast<std::size_t>(
        std::count_if(devices.begin(), devices.end(), [](const BootedDevice& one) { return one.group.has_value(); }));
}

BootBoard board_for_boots(Config& config) {
    BootBoard board;
    board.description = load_firmware(config).description;
    std::vector<std::string> assumed = assume_kernel(config, board.description);
    FirmwareParameters parameters = take_firmware_parameters(config, board.description);
    board.notes = settle_pci_roots(config, board.description);
    settle_dmar_scopes(config, board.description);
    for (std::string& one : assumed) {  // a variant is each boot's own
        if (one.rfind("kernel.arch", 0) == 0) board.notes.push_back(std::move(one));
    }
    for (auto* const all : {&parameters.assumed, &parameters.warnings})
        for (std::string& one : *all) board.notes.push_back(std::move(one));
    const auto memory = assume_memory(board.description, config.soc.memory_size, config.soc.memory_base);
    const std::vector<std::string> placed = firmware::place_pci_iommus(board.description);
    Assembly assembly = assemble(config, board.description);
    board.notes.insert(board.notes.end(), placed.begin(), placed.end());
    board.name = config.name;
    board.soc = assembly.soc;
    board.boot = assembly.boot;
    board.boot.traffic.clear();
    for (std::string& one : assembly.assumptions) {
        if (one.rfind("traffic ", 0) != 0 && one.find(": timing starts from") == std::string::npos)
            board.notes.push_back(std::move(one));
    }
    if (memory) board.notes.push_back(*memory);
    for (std::string& one : assembly.warnings) board.notes.push_back(std::move(one));
    for (const std::string& one : soc::make_topology(board.description, board.soc).warnings) board.notes.push_back(one);
    return board;
}

BootFacts boot_untimed(const BootBoard& board, const kernel::Variant& variant) {
    const soc::Topology topology = soc::make_topology(board.description, board.soc);
    UntimedMachine machine(board.description, board.soc, topology);
    kernel::Kernel kernel(machine, variant);
    const kernel::KernelSystem system(kernel, board.description, board.boot);
    kernel::LinuxBoot boot(kernel, board.description, system.boot_config());
    const Unwound unwound(kernel);
    boot.start();
    machine.run(kernel.sched);
    kernel.finish();
    SeenBoot seen{boot, kernel, {}, {}};
    for (const soc::IommuSite& site : topology.iommus) seen.modelled.insert(site.path);
    for (const soc::MasterConfig& master : board.soc.masters) seen.with_traffic.push_back(master.device);
    return read_facts(boot, kernel, std::move(seen));
}

}  // namespace xlate::study
