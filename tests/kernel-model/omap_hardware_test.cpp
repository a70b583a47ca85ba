// OMAP's driver with OMAP's hardware behind its registers, without time: a camera that attaches an ARM mapping, a DSP
// behind two MMUs that attaches a plain domain; what is mapped is translated, what is unmapped is not, faults are
// printed, locked entries come back from a suspension, and later kernels refuse the clients or leave them alone.
#include <catch2/catch.hpp>

#include <map>
#include <memory>

#include "iommu/omap/omap.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/omap/omap_iommu_domain.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/booted.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace om = xlate::iommu::omap;
using iommu::StepKind;

namespace {

constexpr std::uint64_t kIspMmu = 0x480BD400, kDspMmu0 = 0x40D01000, kDspMmu1 = 0x40D02000, kSystem = 0x40D00000;

class OmapMachine final : public ImmediateMachine {
public:
    struct Unit {
        Unit(std::uint64_t the_base, unsigned entries, MachineMemory& memory)
            : base(the_base), mmu(om::Parameters{entries, 0x20}), untimed(mmu, memory) {}
        std::uint64_t base;
        om::Omap mmu;
        iommu::Untimed untimed;
    };
    OmapMachine() : cpu(memory), isp(kIspMmu, 8, cpu), dsp0(kDspMmu0, 32, cpu), dsp1(kDspMmu1, 32, cpu) {}

    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        Unit* const unit = find(address.value);
        return unit != nullptr ? unit->untimed.read_register(address.value - unit->base, size)
                               : registers[address.value];
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        Unit* const unit = find(address.value);
        if (unit == nullptr) {
            registers[address.value] = value;
        } else {
            unit->untimed.write_register(address.value - unit->base, size, value);
        }
    }
    Unit* find(std::uint64_t address) {
        for (Unit* unit : {&isp, &dsp0, &dsp1}) {
            if (address - unit->base < om::kRegisterBytes) return unit;
        }
        return nullptr;
    }
    MachineMemory cpu;
    Unit isp, dsp0, dsp1;
};

firmware::Reg window(std::uint64_t address, std::uint64_t size) {
    firmware::Reg reg;
    reg.address = address;
    reg.size = size;
    reg.cpu_address = address;
    return reg;
}

/// `modules`: the DSP's MMUs are in modules of their own, whose insides are no devices before their driver comes.
firmware::Description board(bool bus_errors, bool modules) {
    firmware::Description made;
    made.memory = {{0x80000000, 0x40000000}};
    firmware::Node root;
    root.path = "/";
    made.nodes.push_back(root);
    const auto last = [&made] { return static_cast<firmware::NodeIndex>(made.nodes.size() - 1); };
    const auto add = [&](const char* name, const char* compatible, std::uint64_t base,
                         firmware::NodeIndex parent = {}) -> firmware::Node& {
        firmware::Node node;
        node.name = fmt::format("{}@{:x}", name, base);
        firmware::Node& above = made.nodes[static_cast<std::size_t>(parent)];
        node.path = (above.path == "/" ? "" : above.path) + "/" + node.name;
        node.compatible = {compatible};
        node.regs.push_back(window(base, 0x100));
        node.parent = parent;
        above.children.push_back(static_cast<firmware::NodeIndex>(made.nodes.size()));
        made.nodes.push_back(std::move(node));
        return made.nodes.back();
    };
    const auto mmu = [&](const char* compatible, std::uint64_t base, const firmware::Property* properties,
                         std::size_t count) {
        firmware::NodeIndex parent{};
        if (modules && compatible == std::string_view("ti,dra7-dsp-iommu")) {
            add("target-module", "ti,sysc", base);
            parent = last();
        }
        firmware::Node& node = add("mmu", compatible, base, parent);
        node.iommu_cells = 0;
        node.interrupts.resize(1);
        node.properties = {properties, count};
        return last();
    };
    const auto client = [&](const char* name, const char* compatible, std::uint64_t base,
                            const std::vector<firmware::NodeIndex>& providers) {
        firmware::Node& node = add(name, compatible, base);
        node.has_iommus = true;
        for (const firmware::NodeIndex provider : providers) {
            firmware::IommuEntry entry;
            entry.provider = provider;
            node.iommus.push_back(entry);
        }
    };
    static const std::uint8_t kEight[] = {0, 0, 0, 8}, kZero[] = {0, 0, 0, 7, 0, 0, 0, 0},
                              kOne[] = {0, 0, 0, 7, 0, 0, 0, 1};
    static const firmware::Property kIsp[] = {{"ti,#tlb-entries", {kEight, 4}, 0}, {"ti,iommu-bus-err-back", {}, 0}};
    static const firmware::Property kFirst[] = {{"ti,syscon-mmuconfig", {kZero, 8}, 0}};
    static const firmware::Property kSecond[] = {{"ti,syscon-mmuconfig", {kOne, 8}, 0}};
    add("dsp-system", "syscon", kSystem).phandle = 7;
    const firmware::NodeIndex isp_mmu = mmu("ti,omap2-iommu", kIspMmu, kIsp, bus_errors ? 2 : 1);
    client("isp", "ti,omap3-isp", 0x480BC000, {isp_mmu});
    const firmware::NodeIndex first = mmu("ti,dra7-dsp-iommu", kDspMmu0, kFirst, 1);
    const firmware::NodeIndex second = mmu("ti,dra7-dsp-iommu", kDspMmu1, kSecond, 1);
    client("dsp", "ti,dra7-dsp", 0x40800000, {first, second});
    return made;
}

struct Boot : Booted<OmapMachine> {
    explicit Boot(const std::string& variant_name = "linux-6.1", Mistakes mistakes = {}, bool bus_errors = true)
        : Booted(board(bus_errors, true), variant_name, config(mistakes)) {
        for (OmapMachine::Unit* unit : {&machine.isp, &machine.dsp0, &machine.dsp1}) {
            unit->untimed.on_wire = [this, unit](const iommu::WireSpec&) {
                for (std::size_t i = 0; i < description.nodes.size(); ++i) {
                    if (description.nodes[i].regs.empty() || description.nodes[i].regs[0].address != unit->base)
                        continue;
                    const auto handler = machine.interrupts.find({static_cast<firmware::NodeIndex>(i), ""});
                    if (handler != machine.interrupts.end()) handler->second();
                }
            };
        }
        start();
    }
    static BootConfig config(Mistakes mistakes) {
        BootConfig made;
        made.arch = Arch::arm;
        made.mistakes = mistakes;
        made.traffic = plans_of({"480bc000.isp", "40800000.dsp"}, 64 << 10);
        for (TrafficPlan& plan : made.traffic) plan.segments_per_chunk = 4;
        return made;
    }
    iommu::Step translate(OmapMachine::Unit& unit, std::uint64_t address) {
        const iommu::Step step = unit.untimed.translate(request(0, address));
        machine.run(k.sched);  // the handler
        return step;
    }
};

}  // namespace

TEST_CASE("omap driver: clients attach domains of their own, and every MMU translates what they map",
          "[kernel-model][omap]") {
    Boot run;
    for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
    CHECK(run.boot.groups().size() == 2);
    CHECK(run.machine.registers[kSystem + 0x18] == 0x11);  // both MMUs of the DSP
    const auto check = [&](const char* name, const std::vector<OmapMachine::Unit*>& units, std::uint64_t lowest) {
        INFO(name);
        const Ptr<IommuDomain> domain = run.device(name).iommu_group.peek()->domain.peek();
        REQUIRE(domain);
        const std::vector<DmaBuffer> buffers = run.buffers(name);
        REQUIRE_FALSE(buffers.empty());
        CHECK(buffers.front().iova.value == lowest);
        for (const DmaBuffer& buffer : buffers) {
            for (std::uint64_t at = 0; at < buffer.size; at += 4096) {
                const Iova iova{buffer.iova.value + at + 8};
                for (OmapMachine::Unit* unit : units) {
                    const iommu::Step step = run.translate(*unit, iova.value);
                    REQUIRE(step.kind == StepKind::done);
                    CHECK(step.result.pa == domain->iova_to_phys(iova));
                }
            }
        }
    };
    check("480bc000.isp", {&run.machine.isp}, 0x40000000);
    check("40800000.dsp", {&run.machine.dsp0, &run.machine.dsp1}, 0x80000000);
    CHECK(run.translate(run.machine.isp, 0x30000000).kind == StepKind::fault);
}

TEST_CASE("omap driver: what is unmapped is in no TLB, unless the driver forgets to look", "[kernel-model][omap]") {
    const bool forgets = GENERATE(false, true);
    Mistakes mistakes;
    if (forgets) mistakes.add(Mistake::unmap_without_tlbi);
    Boot run("linux-6.1", mistakes);
    Device& isp = run.device("480bc000.isp");
    std::optional<Iova> mapped;
    run.task(
        [&] { mapped = run.system.dma.dma_map_single(isp, PhysAddr{0x90000000}, 0x11000, DmaDirection::to_device); });
    REQUIRE(mapped);
    // A large page and a small one.
    CHECK(run.translate(run.machine.isp, mapped->value + 0x4000).result.pa.value == 0x90004000);
    CHECK(run.translate(run.machine.isp, mapped->value + 0x10004).result.pa.value == 0x90010004);
    run.task([&] { run.system.dma.dma_unmap_single(isp, *mapped, 0x11000); });
    const StepKind expected = forgets ? StepKind::done : StepKind::fault;
    CHECK(run.translate(run.machine.isp, mapped->value + 0x4000).kind == expected);
    CHECK(run.translate(run.machine.isp, mapped->value + 0x10004).kind == expected);
}

TEST_CASE("omap driver: a fault is printed as Linux prints it, and interrupts are off from then on",
          "[kernel-model][omap]") {
    const bool bus_errors = GENERATE(true, false);
    Boot run("linux-6.1", {}, bus_errors);
    const iommu::Step step = run.translate(run.machine.isp, 0x30123004);
    CHECK(step.kind == (bus_errors ? StepKind::fault : StepKind::stalled));
    const std::string log = run.k.console.text();
    INFO(log);
    CHECK(log.find("omap-iommu 480bd400.mmu: 480bd400.mmu: errs:0x00000002 da:0x30123004 pgd:") != std::string::npos);
    CHECK(log.find("*pgd:px00000000") != std::string::npos);
    CHECK(run.machine.isp.untimed.read_register(om::reg::IRQENABLE, 4) == 0);
    // A stalled access tries again as the cause is cleared, and stalls for ever.
    CHECK(run.machine.isp.untimed.stalled() == (bus_errors ? 0 : 1));
    CHECK(run.machine.isp.untimed.read_register(om::reg::IRQSTATUS, 4) == (bus_errors ? 0 : 2));
    // Beside something that is mapped: its word is printed too.
    const std::uint64_t near = run.buffers("40800000.dsp").front().iova.value + 0x80000;
    run.translate(run.machine.dsp0, near);
    CHECK(run.k.console.text().find(fmt::format("da:{:#010x}", near)) != std::string::npos);
    CHECK(run.k.console.text().find("*pte:0x00000000") != std::string::npos);
}

TEST_CASE("omap driver: locked entries come back after a suspension, the others do not", "[kernel-model][omap]") {
    Boot run;
    iommu::Untimed& mmu = run.machine.isp.untimed;
    const auto write = [&](std::uint32_t offset, std::uint64_t value) { mmu.write_register(offset, 4, value); };
    write(om::reg::LOCK, 0);
    write(om::reg::CAM, 0x00ABC00E);
    write(om::reg::RAM, 0x9ABCD000);
    write(om::reg::LD_TLB, 1);
    write(om::reg::LOCK, 1 << 10 | 1 << 4);
    const std::uint64_t mapped = run.buffers("480bc000.isp").front().iova.value;
    CHECK(run.translate(run.machine.isp, mapped).kind == StepKind::done);
    auto* const obj = static_cast<OmapIommu*>(run.device("480bd400.mmu").driver_data);
    run.task([&] { obj->runtime_suspend(); });
    CHECK(mmu.read_register(om::reg::CNTL, 4) == 0);
    run.machine.isp.mmu.reset();  // powered off
    run.task([&] { obj->runtime_resume(); });
    CHECK(mmu.read_register(om::reg::CNTL, 4) == 6);
    CHECK(mmu.read_register(om::reg::LOCK, 4) == (1 << 10 | 1 << 4));
    CHECK(run.translate(run.machine.isp, 0x00ABC123).result.pa.value == 0x9ABCD123);
    CHECK(run.machine.isp.mmu.structure_counters(0).fills == 3);  // loaded twice, walked once
    CHECK(run.translate(run.machine.isp, mapped).kind == StepKind::done);
    CHECK(run.machine.isp.mmu.structure_counters(0).fills == 4);
}

TEST_CASE("omap driver: a client that goes leaves its MMUs off and its tables freed", "[kernel-model][omap]") {
    Boot run;
    const std::uint64_t before = run.system.pages.bytes_in_use();
    Device& dsp = run.device("40800000.dsp");
    run.task([&] { run.boot.drivers().device_release_driver(dsp); });
    for (OmapMachine::Unit* unit : {&run.machine.dsp0, &run.machine.dsp1}) {
        CHECK(unit->untimed.read_register(om::reg::CNTL, 4) == 0);
        CHECK(run.translate(*unit, 0x80000000).result.pa.value == 0x80000000);
    }
    CHECK(run.machine.registers[kSystem + 0x18] == 0);
    CHECK(run.system.pages.bytes_in_use() + 2 * 16384 < before);
    CHECK_FALSE(dsp.iommu_group.peek()->domain.peek());
    // And comes back.
    run.task([&] { run.boot.drivers().device_attach(dsp); });
    CHECK(run.machine.dsp0.untimed.read_register(om::reg::CNTL, 4) == 6);
    for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
}

TEST_CASE(
    "omap driver: after patch 1 the architecture's mapping is in the clients' way (D-1); in 6.12 none has a group",
    "[kernel-model][omap]") {
    struct Row {
        const char* variant;
        std::size_t groups;
        const char* says;
        bool translated;
    };
    const Row row =
        GENERATE(Row{"base", 2, "", true}, Row{"series-v1@1", 2, "isp: failed to attach device to VA mapping", false},
                 Row{"linux-6.12", 0, "isp: failed to create ARM IOMMU mapping", false});
    Boot run(row.variant);
    CAPTURE(row.variant);
    INFO(run.k.console.text());
    CHECK(run.boot.groups().size() == row.groups);
    CHECK(run.k.console.text().find(row.says) != std::string::npos);
    CHECK((run.device("480bc000.isp").driver.peek() != nullptr) == row.translated);
    CHECK(run.buffers("480bc000.isp").empty() == !row.translated);
    CHECK(run.device("40800000.dsp").driver.peek() != nullptr);  // it is the boot of its firmware that fails
    CHECK(run.buffers("40800000.dsp").empty() == !row.translated);
}

TEST_CASE("omap driver: a client that names an instance without a driver ends the registration of another one",
          "[kernel-model][omap]") {
    Boot good;
    CHECK(good.boot.iommus().size() == 2);  // the DSP's second MMU is none of the core's
    const firmware::Description flat = board(true, false);
    const Variant variant = find_variant("linux-6.1");
    OmapMachine machine;
    Kernel k(machine, variant);
    KernelSystem system(k, flat, Boot::config({}));
    LinuxBoot boot(k, flat, system.boot_config());
    boot.start();
    machine.run(k.sched);
    // The camera's MMU registers first: its walk meets the DSP, whose MMUs are devices without a driver yet. Then the
    // DSP's: its walk meets the camera.
    CHECK(boot.find_device("480bd400.mmu")->driver.peek() == nullptr);
    CHECK(boot.find_device("40d01000.mmu")->driver.peek() == nullptr);
    CHECK(boot.find_device("40d02000.mmu")->driver.peek() != nullptr);
    CHECK(boot.groups().empty());
    k.sched.kill_all();
}
