// Linux's VT-d driver with the hardware behind its registers, without time: a board's tables, its functions, and a boot
// that a test looks into.
#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "firmware/acpi/describe.hpp"
#include "firmware/acpi/table_writer.hpp"
#include "iommu/intel/vtd.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/engines.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

namespace xlate::kernel::tests {

namespace vt = xlate::iommu::vtd;
using firmware::acpi::TableWriter;

inline constexpr std::uint64_t kUnits[] = {0xFED90000, 0xFED91000};
inline constexpr std::uint64_t kReserved = 0x3F000000;

inline void scope(TableWriter& table, unsigned type, unsigned device, unsigned function = 0) {
    table.u8(type).u8(8).u8(0).u8(0).u8(0).u8(0).u8(device).u8(function);
}

/// Unit 0: the function 00:02.0, and what is behind the root port 00:1c.0; unit 1: all else of segment 0. A reserved
/// range of 00:14.0, and one of 00:1d.0.
inline firmware::Description dmar_board(std::uint8_t flags = 1) {
    TableWriter dmar("DMAR", 1);
    dmar.u8(38).u8(flags).zeros(10);
    dmar.u16(0).u16(32).u8(0).u8(0).u16(0).u64(kUnits[0]);
    scope(dmar, 1, 2);
    scope(dmar, 2, 0x1C);
    dmar.u16(0).u16(16).u8(1).u8(0).u16(0).u64(kUnits[1]);
    dmar.u16(1).u16(32).u16(0).u16(0).u64(kReserved).u64(kReserved + 0xFFFFF);
    scope(dmar, 1, 0x14);
    dmar.u16(1).u16(32).u16(0).u16(0).u64(kReserved + 0x200000).u64(kReserved + 0x200FFF);
    scope(dmar, 1, 0x1D);
    TableWriter mcfg("MCFG", 1);
    mcfg.u64(0).u64(0xE0000000).u16(0).u8(0).u8(255).u32(0);
    firmware::Description description = firmware::acpi::read_acpi({{"dmar", dmar.finish()}, {"mcfg", mcfg.finish()}});
    description.memory = {{0x40000000, 0x40000000}};
    return description;
}

struct Write {
    std::uint64_t offset, value;
    friend bool operator==(const Write& a, const Write& b) { return a.offset == b.offset && a.value == b.value; }
};
inline std::ostream& operator<<(std::ostream& out, const Write& write) {
    return out << std::hex << write.offset << "=" << write.value;
}

class VtdMachine final : public ImmediateMachine {
public:
    struct Unit {
        Unit(const vt::VtdParams& params, iommu::MemoryPort& cpu) : unit(params), untimed(unit, cpu) { unit.reset(); }
        vt::Vtd unit;
        iommu::Untimed untimed;
        std::vector<Write> writes;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> descriptors;  ///< waits left out
    };
    explicit VtdMachine(const vt::VtdParams& params) : cpu(memory) {
        for (std::size_t i = 0; i < std::size(kUnits); ++i) units.push_back(std::make_unique<Unit>(params, cpu));
    }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        Unit* const unit = at(address);
        return unit != nullptr ? unit->untimed.read_register(address.value & 0xFFF, size) : 0;
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        Unit* const unit = at(address);
        if (unit == nullptr) return;
        const std::uint64_t offset = address.value & 0xFFF;
        unit->writes.push_back({offset, value});
        if (offset == vt::reg::IQT && unit->unit.queue_on()) {
            for (std::uint64_t place = unit->unit.queue_tail(); place * unit->unit.queue_bytes() != value;
                 place = unit->unit.queue_next(static_cast<std::uint32_t>(place))) {
                const std::uint64_t entry = unit->unit.queue_address(static_cast<std::uint32_t>(place));
                if ((load(entry) & 0xF) != 5) unit->descriptors.emplace_back(load(entry), load(entry + 8));
            }
        }
        unit->untimed.write_register(offset, size, value);
    }
    std::uint64_t load(std::uint64_t address) {
        std::uint8_t bytes[8];
        cpu.read(PhysAddr{address}, bytes, 8);
        return load_le(bytes, 8);
    }
    Unit* at(PhysAddr address) {
        for (std::size_t i = 0; i < std::size(kUnits); ++i) {
            if (address.value - kUnits[i] < 0x1000) return units[i].get();
        }
        return nullptr;
    }

    MachineMemory cpu;
    std::vector<std::unique_ptr<Unit>> units;
};

inline vt::VtdParams params_of(const std::string& like) {
    const vt::Capabilities capabilities = vt::capabilities_by_name(like);
    vt::VtdParams params;
    params.version = capabilities.version;
    params.cap = capabilities.cap;
    params.ecap = capabilities.ecap;
    params.host_bits = 46;
    return params;
}

inline PciFunction function(unsigned device, std::uint32_t class_code, unsigned number = 0) {
    PciFunction made;
    made.device = device;
    made.function = number;
    made.vendor = 0x8086;
    made.product = 0x1000;
    made.class_code = class_code;
    return made;
}

inline std::vector<PciFunction> usual_functions() {
    PciFunction port;
    port.device = 0x1C;
    port.kind = PciKind::root_port;
    PciFunction nvme = function(0, 0x010802);
    nvme.vendor = 0x1B36;
    nvme.product = 0x0010;
    port.below = {nvme};
    PciFunction bridge;
    bridge.device = 0x1E;
    bridge.kind = PciKind::pci_bridge;
    bridge.below = {function(1, 0x020000), function(2, 0x020000)};
    for (PciFunction& below : bridge.below) below.kind = PciKind::conventional;
    PciFunction disk = function(1, 0x010802);
    disk.vendor = 0x1B36;
    disk.product = 0x0010;
    return {disk,   function(2, 0x030000),   function(0x14, 0x0C0330), port, function(0x1D, 0x088000),
            bridge, function(0x1F, 0x060100)};
}

struct Boot {
    explicit Boot(const std::string& variant_name = "linux-6.12", KernelParameters parameters = {},
                  const vt::VtdParams& params = params_of("server"), firmware::Description board = dmar_board(),
                  std::vector<PciFunction> functions = usual_functions())
        : description(std::move(board)), machine(params), variant(find_variant(variant_name)) {
        k = std::make_unique<Kernel>(machine, variant);
        BootConfig made;
        made.parameters = parameters;
        made.arch = Arch::x86;
        made.pci.push_back({"", 0, 0, std::move(functions)});
        TrafficPlan plan;
        plan.device = "0000:00:01.0";
        plan.working_set_bytes = 4 << 20;
        plan.chunk_bytes = 1 << 20;
        made.traffic.push_back(plan);
        system = std::make_unique<KernelSystem>(*k, description, made);
        boot = std::make_unique<LinuxBoot>(*k, description, system->boot_config());
        for (std::size_t i = 0; i < std::size(kUnits); ++i) {
            machine.units[i]->untimed.on_wire = [this, i](const iommu::WireSpec& wire) {
                for (auto& [key, handler] : machine.interrupts) {
                    const firmware::Node& node = description.node(key.first);
                    if (node.regs.front().address == kUnits[i] && key.second == wire.name) handler();
                }
            };
        }
        boot->start();
        machine.run(k->sched);
    }
    ~Boot() { k->sched.kill_all(); }
    vt::Vtd& unit(std::size_t index) { return machine.units[index]->unit; }
    iommu::Step translate(std::size_t index, std::uint32_t sid, std::uint64_t iova, bool write = false) {
        iommu::Request request;
        request.sid = StreamId{sid};
        request.address = iova;
        request.length = 4;
        request.write = write;
        const iommu::Step step = machine.units[index]->untimed.translate(request);
        machine.run(k->sched);  // the handler
        return step;
    }
    template <typename Body>
    void task(Body body) {
        k->spawn("test", 0, body);
        machine.run(k->sched);
    }
    DeviceResult device(const std::string& name) const {
        for (const DeviceResult& one : boot->devices())
            if (one.name == name) return one;
        FAIL(name);
        return {};
    }
    Ptr<IommuDomain> domain(const std::string& name) {
        return boot->find_device(name)->iommu_group.peek()->domain.peek();
    }
    std::pair<std::uint64_t, std::uint64_t> context(std::size_t index, std::uint32_t sid) {
        const std::uint64_t root = machine.load(unit(index).root_table() + (sid >> 8) * 16);
        const std::uint64_t at = vt::root::table(root) + (sid & 0xFF) * 16;
        return vt::root::P.test(root) ? std::pair{machine.load(at), machine.load(at + 8)}
                                      : std::pair<std::uint64_t, std::uint64_t>{};
    }

    firmware::Description description;
    VtdMachine machine;
    Variant variant;
    std::unique_ptr<Kernel> k;
    std::unique_ptr<KernelSystem> system;
    std::unique_ptr<LinuxBoot> boot;
};

}  // namespace xlate::kernel::tests
