// AMD-Vi's driver with the hardware behind its registers, booted without time: one unit by an IVRS, a bus with an
// alias, a bridge and a unity range.
#pragma once

#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "firmware/acpi/describe.hpp"
#include "firmware/acpi/table_writer.hpp"
#include "iommu/amd/iommu.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/booted.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

namespace xlate::kernel::tests::amd_boot {

namespace amd = xlate::iommu::amd;
using firmware::acpi::TableWriter;
using iommu::StepKind;

inline constexpr std::uint64_t kBase = 0xFED80000;
inline constexpr unsigned kLastBus = 4;

class AmdMachine final : public ImmediateMachine {
public:
    explicit AmdMachine(const amd::AmdParams& params) : cpu(memory), unit(params), untimed(unit, cpu) {}
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        return inside(address) ? untimed.read_register(address.value - kBase, size) : 0;
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        if (!inside(address)) return;
        const std::uint64_t offset = address.value - kBase;
        writes.push_back({offset, value});
        if (offset == amd::reg::CMD_TAIL) {
            const amd::Ring& ring = unit.registers.commands;
            for (std::uint64_t at = ring.tail; at != value; at = ring.next(at)) {
                commands.push_back({load(ring.address(at)), load(ring.address(at) + 8)});
            }
        }
        untimed.write_register(offset, size, value);
    }
    std::uint32_t iommu_capability(firmware::NodeIndex, unsigned offset) override {
        return unit.pci_capability(offset);
    }
    bool inside(PhysAddr address) const { return address.value - kBase < amd::kRegisterBytes; }
    std::uint64_t load(std::uint64_t address) {
        std::uint8_t bytes[8];
        cpu.read(PhysAddr{address}, bytes, 8);
        return load_le(bytes, 8);
    }
    amd::DteWords dte(std::uint16_t devid) {
        amd::DteWords words{};
        for (unsigned i = 0; i < 4; ++i) {
            words[i] = load(unit.registers.device_table() + devid * std::uint64_t{amd::kDteBytes} + 8 * i);
        }
        return words;
    }

    MachineMemory cpu;
    amd::Iommu unit;
    iommu::Untimed untimed;
    std::vector<Write> writes;
    std::vector<amd::EntryWords> commands;
};

constexpr std::uint16_t devid(unsigned bus, unsigned device, unsigned function = 0) {
    return static_cast<std::uint16_t>(bus << 8 | device << 3 | function);
}

/// One unit for buses 0 to 4. 00:05.0 sends as 00:05.1; bus 3 as its bridge, 00:04.0; 00:06.0 has a unity range.
inline TableWriter usual_ivrs() {
    TableWriter table("IVRS", 2);
    table.u32(0x203041).zeros(8);
    table.u8(0x10).u8(0).u16(24 + 8 + 8 + 12 + 8).u16(2).u16(0x40).u64(kBase).u16(0).u16(0).u32(0);
    table.u8(3).u16(0).u8(0).u8(4).u16(devid(kLastBus, 31, 7)).u8(0);
    table.u8(0x42).u16(devid(0, 5)).u8(0).u8(0).u16(devid(0, 5, 1)).u8(0);
    table.u8(0x43).u16(devid(3, 0)).u8(0).u8(0).u16(devid(0, 4)).u8(0).u8(4).u16(devid(3, 31, 7)).u8(0);
    table.u8(0x48).u16(0).u8(0xD7).u8(4).u16(devid(0, 0x14)).u8(1);
    table.u8(0x21).u8(0x07).u16(32).u16(devid(0, 6)).u16(0).u64(0).u64(0x7FE00000).u64(0x2000);
    return table;
}

inline firmware::Description board_of(const TableWriter& ivrs) {
    TableWriter mcfg("MCFG", 1);
    mcfg.u64(0).u64(0xE0000000).u16(0).u8(0).u8(255).u32(0);
    firmware::Description description = firmware::acpi::read_acpi({{"ivrs", ivrs.finish()}, {"mcfg", mcfg.finish()}});
    description.memory = {{0x40000000, 0x40000000}};
    return description;
}

inline PciFunction function(unsigned device, unsigned number = 0, PciKind kind = PciKind::endpoint) {
    PciFunction made;
    made.device = device;
    made.function = number;
    made.kind = kind;
    if (!is_bridge(kind)) made.driver = "nvme";
    return made;
}

inline PciRoot usual_bus() {
    PciRoot root;
    PciFunction own = function(0, 2);
    own.driver = "none";
    PciFunction port = function(2, 0, PciKind::root_port);
    port.below = {function(0)};
    PciFunction bridge = function(4, 0, PciKind::pci_bridge);
    bridge.below = {function(1, 0, PciKind::conventional), function(2, 0, PciKind::conventional)};
    root.functions = {
        function(0, 0, PciKind::host_bridge), own, port, function(3), bridge, function(5), function(5, 1), function(6)};
    return root;
}

inline amd::AmdParams params_of(const char* like, bool np_cache) {
    amd::AmdParams params;
    params.np_cache = np_cache;
    params.ext_feat = amd::ext_feat_by_name(like);
    return params;
}

struct Boot {
    explicit Boot(const std::string& release = "linux-6.12", const KernelParameters& parameters = {},
                  const TableWriter& ivrs = usual_ivrs(), const char* like = "qemu",
                  const std::function<void(BootConfig&)>& change = {}, bool np_cache = false)
        : description(board_of(ivrs)), machine(params_of(like, np_cache)), variant(find_variant(release)) {
        k = std::make_unique<Kernel>(machine, variant);
        BootConfig config;
        config.arch = Arch::x86;
        config.parameters = parameters;
        config.pci.push_back(usual_bus());
        for (const char* const name : {"0000:01:00.0", "0000:00:03.0"}) {
            TrafficPlan plan;
            plan.device = name;
            plan.working_set_bytes = plan.chunk_bytes = 1 << 20;
            config.traffic.push_back(plan);
        }
        if (change) change(config);
        system = std::make_unique<KernelSystem>(*k, description, config);
        boot = std::make_unique<LinuxBoot>(*k, description, system->boot_config());
        machine.untimed.on_wire = [this](const iommu::WireSpec&) {
            for (auto& [key, handler] : machine.interrupts) {
                if (key.second == "0") handler();
            }
        };
        boot->start();
        machine.run(k->sched);
    }
    ~Boot() { k->sched.kill_all(); }

    DeviceResult device(const std::string& name) const {
        for (const DeviceResult& one : boot->devices()) {
            if (one.name == name) return one;
        }
        FAIL(name);
        return {};
    }
    std::optional<unsigned> group(const std::string& name) const { return device(name).group; }
    Ptr<IommuDomain> domain(const std::string& name) {
        return boot->find_device(name)->iommu_group.peek()->domain.peek();
    }
    iommu::Step translate(std::uint16_t id, std::uint64_t iova, bool write = false) {
        iommu::Request request;
        request.sid = StreamId{id};
        request.address = iova;
        request.length = 4;
        request.write = write;
        const iommu::Step step = machine.untimed.translate(request);
        machine.run(k->sched);  // the handler
        return step;
    }
    template <typename Body>
    void task(Body body) {
        k->spawn("test", 0, body);
        machine.run(k->sched);
    }

    firmware::Description description;
    AmdMachine machine;
    Variant variant;
    std::unique_ptr<Kernel> k;
    std::unique_ptr<KernelSystem> system;
    std::unique_ptr<LinuxBoot> boot;
};

inline constexpr std::uint64_t kAttached = 0x6000000000000003;  // V, TV, IR, IW

}  // namespace xlate::kernel::tests::amd_boot
