// A kernel on a machine with hardware behind its registers, and the board that it boots: what tests of single drivers
// share. Each of them connects its interrupts, and calls start().
#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "firmware/description.hpp"
#include "iommu/engine.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/system.hpp"

namespace xlate::kernel::tests {

/// A register write, as an expectation lists it.
struct Write {
    std::uint64_t offset, value;
    friend bool operator==(const Write& a, const Write& b) { return a.offset == b.offset && a.value == b.value; }
};
inline std::ostream& operator<<(std::ostream& out, const Write& write) {
    return out << std::hex << write.offset << "=" << write.value;
}

/// Clients that map one buffer of `bytes` each.
inline std::vector<TrafficPlan> plans_of(std::initializer_list<const char*> devices, std::uint64_t bytes) {
    std::vector<TrafficPlan> plans;
    for (const char* const device : devices) {
        TrafficPlan& plan = plans.emplace_back();
        plan.device = device;
        plan.working_set_bytes = plan.chunk_bytes = bytes;
    }
    return plans;
}

template <class BoardMachine>
struct Booted {
    template <class... Arguments>
    Booted(firmware::Description board, const std::string& release, const BootConfig& config, Arguments&&... of_machine)
        : description(std::move(board)),
          machine(std::forward<Arguments>(of_machine)...),
          variant(find_variant(release)),
          k(machine, variant),
          system(k, description, config),
          boot(k, description, system.boot_config()) {}
    Booted(const Booted&) = delete;
    Booted& operator=(const Booted&) = delete;
    ~Booted() { k.sched.kill_all(); }

    void start() {
        boot.start();
        machine.run(k.sched);
    }
    template <typename Body>
    void task(Body body) {
        k.spawn("test", 0, body);
        machine.run(k.sched);
    }
    Device& device(const std::string& name) {
        Device* const found = boot.find_device(name);
        REQUIRE(found != nullptr);
        return *found;
    }
    Ptr<IommuDomain> domain(const std::string& name) { return device(name).iommu_group.peek()->domain.peek(); }
    std::vector<DmaBuffer> buffers(const std::string& name) const {
        for (const auto& [master, plan] : machine.masters) {
            if (master == name) return plan.buffers;
        }
        return {};
    }
    iommu::Request request(std::uint32_t sid, std::uint64_t iova, bool write = false) {
        iommu::Request made;
        made.sid = StreamId{sid};
        made.address = iova;
        made.write = write;
        made.id = ++ids;
        return made;
    }

    firmware::Description description;
    BoardMachine machine;
    Variant variant;
    Kernel k;
    KernelSystem system;
    LinuxBoot boot;
    std::uint64_t ids = 0;
};

}  // namespace xlate::kernel::tests
