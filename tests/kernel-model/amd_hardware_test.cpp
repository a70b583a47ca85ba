// The driver of AMD-Vi with the hardware behind its registers, without time: what it writes to bring it up, in order;
// device table entries; groups by ACS, alias and IVRS's alias; unity ranges; parameters; what was mapped is translated,
// and nothing else; invalidations; events. Expected words are the specification's and Linux 6.1's
// (docs/spec/iommu-hardware.md section 4, kernel-probe.md section 5).
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <memory>

#include "firmware/acpi/describe.hpp"
#include "firmware/acpi/table_writer.hpp"
#include "iommu/amd/iommu.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/drivers/amd/ivrs.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/amd_format.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using firmware::acpi::TableWriter;
using iommu::StepKind;
namespace amd = xlate::iommu::amd;

namespace {

constexpr std::uint64_t kBase = 0xFED80000;
constexpr unsigned kLastBus = 4;

struct Write {
    std::uint64_t offset, value;
    friend bool operator==(const Write& a, const Write& b) { return a.offset == b.offset && a.value == b.value; }
};
std::ostream& operator<<(std::ostream& out, const Write& write) {
    return out << std::hex << write.offset << "=" << write.value;
}

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
TableWriter usual_ivrs() {
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

firmware::Description board_of(const TableWriter& ivrs) {
    TableWriter mcfg("MCFG", 1);
    mcfg.u64(0).u64(0xE0000000).u16(0).u8(0).u8(255).u32(0);
    firmware::Description description = firmware::acpi::read_acpi({{"ivrs", ivrs.finish()}, {"mcfg", mcfg.finish()}});
    description.memory = {{0x40000000, 0x40000000}};
    return description;
}

PciFunction function(unsigned device, unsigned number = 0, PciKind kind = PciKind::endpoint) {
    PciFunction made;
    made.device = device;
    made.function = number;
    made.kind = kind;
    if (!is_bridge(kind)) made.driver = "nvme";
    return made;
}

PciRoot usual_bus() {
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

amd::AmdParams params_of(const char* like) {
    amd::AmdParams params;
    params.ext_feat = amd::ext_feat_by_name(like);
    return params;
}

struct Boot {
    explicit Boot(const std::string& release = "linux-6.12", const KernelParameters& parameters = {},
                  const TableWriter& ivrs = usual_ivrs(), const char* like = "qemu",
                  const std::function<void(BootConfig&)>& change = {})
        : description(board_of(ivrs)), machine(params_of(like)), variant(find_variant(release)) {
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

constexpr std::uint64_t kAttached = 0x6000000000000003;  // V, TV, IR, IW

}  // namespace

TEST_CASE("amd_iommu and its hardware: what brings it up, in Linux's order", "[kernel-model][amd]") {
    Boot run;
    INFO(run.k->console.text());
    using namespace amd::reg;
    const amd::Registers& registers = run.machine.unit.registers;
    const std::vector<Write> expected{
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},  // all off
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},      // HTTUN, PASSPW, RESPASSPW, ISOC: IVHD says no
        {CONTROL, 0x400},  // COH
        {CONTROL, 0x480},  // INVTO 1 s
        {DEVTAB, registers.devtab},
        {CMDBUF, registers.commands.base},
        {CONTROL, 0x480},
        {CMD_HEAD, 0},
        {CMD_TAIL, 0},
        {CONTROL, 0x1480},
        {EVTLOG, registers.events.base},
        {EVT_HEAD, 0},
        {EVT_TAIL, 0},
        {CONTROL, 0x1484},
        {CONTROL, 0x1485},
        {CMD_TAIL, 0x10},
        {CMD_TAIL, 0x20},
    };
    REQUIRE(run.machine.writes.size() > expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(run.machine.writes[i] == expected[i]);
    }
    // 0x500 devices: 40 KiB, a power of two is 64 KiB.
    CHECK(amd::devtab::SIZE.get(registers.devtab) == 15);
    CHECK(amd::ring::LENGTH.get(registers.commands.base) == 9);
    REQUIRE(run.machine.commands.size() > 2);
    CHECK(run.machine.commands[0] == amd::EntryWords{0x8000000000000000, 0});
    CHECK(run.machine.commands[1][0] >> 60 == 1);
    CHECK((run.machine.commands[1][0] & 7) == 1);
    CHECK(run.machine.commands[1][1] == 1);
    CHECK(registers.on(amd::control::EVTINT));
    for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
}

TEST_CASE("amd_iommu: groups by ACS, alias and IVRS's alias; its own function stays out", "[kernel-model][amd]") {
    for (const char* const release : {"linux-6.1", "linux-6.12", "base"}) {
        INFO(release);
        const Boot run(release);
        INFO(run.k->console.text());
        CHECK_FALSE(run.group("0000:00:00.2"));
        CHECK(run.device("0000:00:00.2").iommu.empty());
        CHECK(run.group("0000:00:00.0"));
        CHECK(run.group("0000:01:00.0"));
        CHECK(run.group("0000:01:00.0") != run.group("0000:00:02.0"));  // ACS was asked for early
        // Behind a conventional bridge all are one, the bridge included.
        CHECK(run.group("0000:02:01.0") == run.group("0000:00:04.0"));
        CHECK(run.group("0000:02:02.0") == run.group("0000:00:04.0"));
        // IVRS: 00:05.0 sends under the id of 00:05.1.
        CHECK(run.group("0000:00:05.0"));
        CHECK(run.group("0000:00:05.0") == run.group("0000:00:05.1"));
        CHECK(run.device("0000:00:03.0").iommu == "ivhd0");
        CHECK(run.device("0000:00:03.0").domain == DomainType::dma_fq);
        for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
    }
}

TEST_CASE("amd_iommu: entries of the device table", "[kernel-model][amd]") {
    Boot run;
    const amd::DteWords nic = run.machine.dte(devid(0, 3));
    CHECK((nic[0] & ~amd::dte::ROOT.mask()) == (kAttached | amd::dte::MODE.of(3)));
    CHECK(amd::dte::DOMAIN_ID.get(nic[1]) != 0);
    CHECK(nic[2] == 0);
    // A device that is not there: nothing of it passes.
    CHECK(run.machine.dte(devid(0, 9)) == amd::DteWords{3, 0, 0, 0});
    CHECK(run.machine.dte(devid(0, 0, 2)) == amd::DteWords{3, 0, 0, 0});
    // Aliases have copies: IVRS's, and the bridge's.
    CHECK(run.machine.dte(devid(0, 5)) == run.machine.dte(devid(0, 5, 1)));
    CHECK(run.machine.dte(devid(2, 1)) == run.machine.dte(devid(0, 4)));
    // Two groups, two domains.
    CHECK(amd::dte::DOMAIN_ID.get(run.machine.dte(devid(0, 3))[1]) !=
          amd::dte::DOMAIN_ID.get(run.machine.dte(devid(1, 0))[1]));
}

TEST_CASE("amd_iommu: what was mapped is translated, and nothing else", "[kernel-model][amd]") {
    const char* like = "qemu";
    SECTION("as QEMU's") { SUCCEED("chosen"); }
    SECTION("as the first chips") {
        like = "v1";
        SUCCEED("chosen");
    }
    SECTION("all that is modelled") {
        like = "full";
        SUCCEED("chosen");
    }
    Boot run("linux-6.12", {}, usual_ivrs(), like);
    INFO(run.k->console.text());
    REQUIRE(run.machine.masters.size() == 2);
    for (const auto& [name, plan] : run.machine.masters) {
        const std::uint16_t id = name == "0000:01:00.0" ? devid(1, 0) : devid(0, 3);
        REQUIRE(plan.buffers.size() == 1);
        const DmaBuffer& buffer = plan.buffers.front();
        for (std::uint64_t at = 0; at < buffer.size; at += 0x3100) {
            const iommu::Step step = run.translate(id, buffer.iova.value + at, at % 2 == 0);
            REQUIRE(step.kind == StepKind::done);
            CHECK(run.domain(name)->iova_to_phys(Iova{buffer.iova.value + at}) == step.result.pa);
        }
        CHECK(run.translate(id, buffer.iova.value + buffer.size).kind == StepKind::fault);
    }
    CHECK(run.machine.unit.counters.faults == 2);
    CHECK(run.k->console.text().find("0000:00:03.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x") !=
          std::string::npos);
    CHECK(run.k->console.text().find("flags=0x0000]") != std::string::npos);
}

TEST_CASE("amd_iommu: a strict unmap is one invalidation of a block around it, tables included, and a wait",
          "[kernel-model][amd]") {
    KernelParameters strict;
    strict.iommu_strict = true;
    Boot run("linux-6.12", strict);
    const Ptr<IommuDomain> domain = run.domain("0000:00:03.0");
    CHECK(domain->type == DomainType::dma);
    const std::uint64_t id = amd::dte::DOMAIN_ID.get(run.machine.dte(devid(0, 3))[1]);
    run.task([&] {
        CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x10000, true, true) == 0);
        run.machine.commands.clear();
        CHECK(domain->unmap(Iova{0x10000000}, 0x10000) == 0x10000);
        CHECK(run.machine.commands.empty());
        domain->iotlb_sync(Iova{0x10000000}, 0x10000);
    });
    REQUIRE(run.machine.commands.size() == 2);
    // Section 17: 64 KiB at 0x10000000; PDE besides.
    CHECK(run.machine.commands[0] == amd::EntryWords{0x3000000000000000 | id << 32, 0x10007003});
    CHECK(run.machine.commands[1][0] >> 60 == 1);
    CHECK(run.translate(devid(0, 3), 0x10000000).kind == StepKind::fault);
}

TEST_CASE("amd_iommu: pages of any power of two, and one level more when an address asks for it",
          "[kernel-model][amd]") {
    Boot run;
    const Ptr<IommuDomain> domain = run.domain("0000:00:03.0");
    run.task([&] {
        CHECK(domain->map(Iova{0x20000000}, PhysAddr{0x50000000}, 0x8000, true, false) == 0);
        CHECK(domain->map(Iova{0x8000000000}, PhysAddr{0x50010000}, 0x1000, true, true) == 0);
    });
    CHECK(amd::dte::MODE.get(run.machine.dte(devid(0, 3))[0]) == 4);
    CHECK(run.translate(devid(0, 3), 0x20007010, true).result.pa.value == 0x50007010);
    CHECK(run.translate(devid(0, 3), 0x20007010, false).kind == StepKind::fault);
    const iommu::Step step = run.translate(devid(0, 3), 0x20001000, true);
    CHECK(step.result.entry.log2_bytes == 15);
    CHECK(run.translate(devid(0, 3), 0x8000000ABC).result.pa.value == 0x50010ABC);
    CHECK(domain->iova_to_phys(Iova{0x8000000ABC}) == PhysAddr{0x50010ABC});
    CHECK_FALSE(domain->iova_to_phys(Iova{0x800000000000}));
    run.task([&] {
        CHECK(domain->unmap(Iova{0x20000000}, 0x8000) == 0x8000);
        domain->flush_iotlb_all();
    });
    CHECK(run.translate(devid(0, 3), 0x20007010, true).kind == StepKind::fault);
}

TEST_CASE("amd_iommu: unity ranges are mapped one to one, and reserved with MSIs and HyperTransport",
          "[kernel-model][amd]") {
    Boot run;
    INFO(run.k->console.text());
    CHECK(run.translate(devid(0, 6), 0x7FE01008, true).result.pa.value == 0x7FE01008);
    CHECK(run.translate(devid(0, 3), 0x7FE01008, true).kind == StepKind::fault);
    std::vector<std::string> regions;
    for (const GroupResult& group : run.boot->groups()) {
        if (group.devices.front() != "0000:00:06.0") continue;
        for (const ReservedRegion& one : group.reserved_regions) {
            regions.push_back(fmt::format("{:x}+{:x} {}", one.start, one.length, name(one.kind)));
        }
    }
    CHECK(regions ==
          std::vector<std::string>{"7fe00000+2000 direct", "fee00000+100000 msi", "fd00000000+300000000 reserved"});
}

TEST_CASE("amd_iommu: parameters of the kernel", "[kernel-model][amd]") {
    KernelParameters parameters;
    SECTION("iommu=pt: identity, no tables") {
        parameters.iommu_passthrough = true;
        Boot run("linux-6.12", parameters);
        CHECK(run.device("0000:00:03.0").domain == DomainType::identity);
        CHECK(run.machine.dte(devid(0, 3))[0] == kAttached);
        CHECK(run.translate(devid(0, 3), 0x12345678, true).result.pa.value == 0x12345678);
    }
    SECTION("amd_iommu=off: the hardware is left alone") {
        parameters.x86.amd = false;
        Boot run("linux-6.12", parameters);
        CHECK(run.machine.writes.empty());
        CHECK_FALSE(run.group("0000:00:03.0"));
        CHECK(run.device("0000:00:03.0").state == "bound");
    }
    SECTION("iommu=off") {
        parameters.x86.iommu = false;
        Boot run("linux-6.12", parameters);
        CHECK(run.machine.writes.empty());
    }
}

TEST_CASE("amd_iommu: mistakes leave behind what the right driver drops", "[kernel-model][amd]") {
    const auto boot_with = [](const std::optional<Mistake>& mistake) {
        KernelParameters strict;
        strict.iommu_strict = true;
        return std::make_unique<Boot>("linux-6.12", strict, usual_ivrs(), "qemu", [&](BootConfig& config) {
            if (mistake) config.mistakes.add(*mistake);
        });
    };
    SECTION("of an unmap") {
        const auto stale = [&](const std::optional<Mistake>& mistake) {
            const std::unique_ptr<Boot> run = boot_with(mistake);
            const Ptr<IommuDomain> domain = run->domain("0000:00:03.0");
            run->task([&] { CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x4000, true, true) == 0); });
            for (unsigned i = 0; i < 4; ++i)
                REQUIRE(run->translate(devid(0, 3), 0x10000000 + i * 0x1000).kind == StepKind::done);
            run->task([&] {
                CHECK(domain->unmap(Iova{0x10000000}, 0x4000) == 0x4000);
                domain->iotlb_sync(Iova{0x10000000}, 0x4000);
            });
            return run->translate(devid(0, 3), 0x10003000).kind == StepKind::done;
        };
        CHECK_FALSE(stale(std::nullopt));
        CHECK(stale(Mistake::unmap_without_tlbi));
        CHECK(stale(Mistake::wrong_asid));
    }
    SECTION("of an entry of the device table") {
        const auto stale = [&](const std::optional<Mistake>& mistake) {
            const std::unique_ptr<Boot> run = boot_with(mistake);
            run->translate(devid(0, 3), 0x1000);
            run->task([&] { run->boot->iommu().iommu_release_device(*run->boot->find_device("0000:00:03.0")); });
            run->machine.unit.logs.clear();
            // The entry in memory says blocked; the cached one still names tables.
            iommu::Request request;
            request.sid = StreamId{devid(0, 3)};
            request.address = 0x1000;
            const std::uint64_t reads = run->machine.unit.counters.dte_misses;
            run->machine.untimed.translate(request);
            return run->machine.unit.counters.dte_misses == reads;
        };
        CHECK_FALSE(stale(std::nullopt));
        CHECK(stale(Mistake::ste_without_cfgi));
    }
    SECTION("of a domain id") {
        const auto stale = [&](const std::optional<Mistake>& mistake) {
            const std::unique_ptr<Boot> run = boot_with(mistake);
            Ptr<IommuDomain> domain = run->domain("0000:00:03.0");
            run->task([&] { CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x1000, true, true) == 0); });
            REQUIRE(run->translate(devid(0, 3), 0x10000000).kind == StepKind::done);
            // The domain goes with its device, mapped as it is; the next one gets its id.
            Device& dev = *run->boot->find_device("0000:00:03.0");
            run->task([&] {
                run->boot->iommu().iommu_release_device(dev);
                CHECK(run->boot->iommu().iommu_probe_device(dev, "test") == 0);
            });
            return run->translate(devid(0, 3), 0x10000000).kind == StepKind::done;
        };
        CHECK_FALSE(stale(std::nullopt));
        CHECK(stale(Mistake::reused_domain_id));
    }
    SECTION("of a wait") {
        for (const bool wrong : {false, true}) {
            const std::unique_ptr<Boot> run =
                boot_with(wrong ? std::optional(Mistake::tlbi_without_sync) : std::nullopt);
            const Ptr<IommuDomain> domain = run->domain("0000:00:03.0");
            run->task([&] { CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x1000, true, true) == 0); });
            run->machine.commands.clear();
            run->task([&] {
                domain->unmap(Iova{0x10000000}, 0x1000);
                domain->iotlb_sync(Iova{0x10000000}, 0x1000);
            });
            CHECK(run->machine.commands.size() == (wrong ? 1 : 2));
        }
    }
}

// Words: docs/spec/iommu-hardware.md section 4 (GV, GIOV, GLX, the GCR3 address in three pieces; x86-64 tables).
TEST_CASE("amd_iommu: v2 tables behind a GCR3 table of one entry", "[kernel-model][amd]") {
    KernelParameters parameters;
    parameters.iommu_strict = true;
    const bool asked = GENERATE(true, false);  // asked for; by default from 6.13 on
    if (asked) parameters.x86.amd_v2 = true;
    Boot run(asked ? "linux-6.12" : "linux-6.16", parameters, usual_ivrs(), "full");
    INFO(run.k->console.text());
    const std::uint16_t id = devid(0, 3);
    const amd::DteWords words = run.machine.dte(id);
    CHECK((words[0] & 0x3) == 3);      // V, TV
    CHECK((words[0] >> 9 & 7) == 0);   // no host tables
    CHECK((words[0] >> 54 & 3) == 3);  // GIOV, GV
    CHECK((words[0] >> 56 & 3) == 0);  // one level of GCR3 table
    CHECK((words[0] >> 61 & 3) == 3);  // IR, IW
    const std::uint64_t gcr3 =
        (words[0] >> 58 & 7) << 12 | (words[1] >> 16 & 0xFFFF) << 15 | (words[1] >> 43 & 0x1FFFFF) << 31;
    const std::uint64_t root = run.machine.load(gcr3);
    CHECK((root & 1) == 1);
    const Ptr<IommuDomain> domain = run.domain("0000:00:03.0");
    run.task([&] { CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x2000, true, true) == 0); });
    // Of four levels the index of each: 0, 0, 0x80, 0.
    std::uint64_t table = root & ~std::uint64_t{0xFFF};
    for (const unsigned index : {0U, 0U, 0x80U}) {
        const std::uint64_t word = run.machine.load(table + 8 * index);
        CHECK((word & 0xFFF) == 0x007);  // P, RW, US
        table = word & ~std::uint64_t{0xFFF};
    }
    CHECK(run.machine.load(table + 8) == 0x50001067);  // P, RW, US, A, D
    REQUIRE(run.translate(id, 0x10001000).kind == StepKind::done);
    CHECK(run.translate(id, 0x10001234).result.pa.value == 0x50001234);
    run.machine.commands.clear();
    run.task([&] {
        CHECK(domain->unmap(Iova{0x10000000}, 0x2000) == 0x2000);
        domain->iotlb_sync(Iova{0x10000000}, 0x2000);
    });
    REQUIRE(run.machine.commands.size() == 2);
    CHECK((run.machine.commands[0][0] >> 60) == 3);      // INVALIDATE_IOMMU_PAGES
    CHECK((run.machine.commands[0][0] & 0xFFFFF) == 0);  // PASID 0
    CHECK((run.machine.commands[0][1] & 7) == 7);        // a block, PDEs too, GN
    CHECK(run.translate(id, 0x10001000).kind != StepKind::done);
}

TEST_CASE("amd_iommu: without guest tables in every unit v2 falls back to v1, and says so", "[kernel-model][amd]") {
    KernelParameters parameters;
    parameters.x86.amd_v2 = true;
    Boot run("linux-6.12", parameters);
    CHECK(run.k->console.text().find("Cannot enable v2 page table for DMA-API. Fallback to v1.") != std::string::npos);
    CHECK((run.machine.dte(devid(0, 3))[0] >> 9 & 7) != 0);
}

TEST_CASE("amd_iommu: a device leaves and comes back", "[kernel-model][amd]") {
    Boot run;
    Device* dev = run.boot->find_device("0000:00:03.0");
    const std::uint64_t before = amd::dte::DOMAIN_ID.get(run.machine.dte(devid(0, 3))[1]);
    run.task([&] { run.boot->iommu().iommu_release_device(*dev); });
    CHECK(run.machine.dte(devid(0, 3)) == amd::DteWords{3, 0, 0, 0});
    CHECK(run.translate(devid(0, 3), 0x1000).kind == StepKind::fault);
    run.task([&] { CHECK(run.boot->iommu().iommu_probe_device(*dev, "test") == 0); });
    // The id was free again.
    CHECK(amd::dte::DOMAIN_ID.get(run.machine.dte(devid(0, 3))[1]) == before);
    CHECK((run.machine.dte(devid(0, 3))[0] & 0x6000000000000003) == kAttached);
}

TEST_CASE("ivrs: which unit serves whom", "[kernel-model][amd]") {
    const firmware::Description description = board_of(usual_ivrs());
    const IvrsTables tables = read_ivrs_tables(description);
    REQUIRE(tables.units.size() == 1);
    CHECK(tables.units[0].name == "ivhd0");
    const IvrsSegment& segment = tables.segments.at(0);
    CHECK(segment.last_bdf == devid(kLastBus, 31, 7));
    CHECK(segment.rlookup.count(devid(0, 0, 2)) == 0);
    CHECK(segment.rlookup.count(devid(0, 3)) == 1);
    CHECK(segment.alias_of(devid(0, 5)) == devid(0, 5, 1));
    CHECK(segment.alias_of(devid(3, 9, 1)) == devid(0, 4));
    CHECK(segment.alias_of(devid(0, 3)) == devid(0, 3));
    REQUIRE(tables.unity_maps.size() == 1);
    CHECK(tables.unity_maps[0].start == 0x7FE00000);
    CHECK(tables.unity_maps[0].end == 0x7FE02000);
    CHECK(tables.unity_maps[0].first == devid(0, 6));
}

TEST_CASE("amd format: words are the specification's", "[kernel-model][amd]") {
    const AmdV1Format format;
    CHECK(format.leaf(PhysAddr{0x456789000}, {}, 5, 0x1000) == (0x7000000000000001 | 0x456789000));
    CHECK(format.leaf(PhysAddr{0x456780000}, {}, 5, 0x10000) == (0x7000000000000001 | 0xE00 | 0x456787000));
    CHECK(format.leaf(PhysAddr{0x40000000}, {}, 4, 0x200000) == (0x7000000000000001 | 0x40000000));
    CHECK(format.table(PhysAddr{0x83000000}, 3) == (0x6000000000000001 | 0x400 | 0x83000000));
    CHECK(format.leaf_bytes(0x456787E01, 5) == 0x10000);
    CHECK(format.leaf_address(0x456787E01, 5).value == 0x456780000);
}

// docs/spec/published-figures.md section C, column "AMD v1", new and old code; within 20 %.
TEST_CASE("amd-iommu: maps and unmaps take the CPU time that was measured for them", "[kernel-model][amd]") {
    struct Row {
        const char* variant;
        double map_1, map_256, unmap_1, unmap_256;
    };
    const Row row = GENERATE(Row{"linux-6.12", 66, 1909, 88, 6498}, Row{"linux-6.19", 53, 386, 69, 353});
    Boot run(row.variant);
    const auto domain = run.boot->find_device("0000:01:00.0")->iommu_group.peek()->domain.peek();
    const auto took = [&](const std::function<void()>& body) {
        SimTime spent{};
        run.k->spawn("test", 0, [&] {
            const SimTime since = run.k->now();
            body();
            spent = run.k->now() - since;
        });
        run.machine.run(run.k->sched);
        return static_cast<double>(spent.fs) / 1e6;
    };
    const Iova at{0x10000000};
    // A first page has the tables made.
    took([&] { REQUIRE(domain->map(Iova{at.value + 0x1FF000}, PhysAddr{0x50000000}, 0x1000, true, true) == 0); });
    for (unsigned pages : {1U, 256U}) {
        const std::uint64_t bytes = pages * 4096;
        // Not aligned to a larger page, which AMD's tables would take in place of 256.
        const PhysAddr memory{0x60001000};
        CHECK(took([&] { domain->map(Iova{at.value + 0x2000}, memory, bytes, true, true); }) ==
              Approx(pages == 1 ? row.map_1 : row.map_256).epsilon(0.2));
        CHECK(took([&] { domain->unmap(Iova{at.value + 0x2000}, bytes); }) ==
              Approx(pages == 1 ? row.unmap_1 : row.unmap_256).epsilon(0.2));
    }
}
