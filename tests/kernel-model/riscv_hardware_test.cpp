// The driver of the RISC-V IOMMU with the hardware behind its registers, without time: what it writes to bring it up,
// in order; contexts; what was mapped is translated, and nothing else; invalidations; what it refuses. Expected words
// are the specification's and Linux 6.13's (docs/spec/iommu-hardware.md section 9).
#include <catch2/catch.hpp>

#include <map>
#include <memory>

#include "firmware/description.hpp"
#include "iommu/riscv/iommu.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/booted.hpp"
#include "tests/kernel-model/immediate_machine.hpp"
#include "tests/places.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace rv = xlate::iommu::riscv;
using iommu::StepKind;

namespace {

constexpr std::uint64_t kBase = 0x03010000;
constexpr std::uint32_t kGpu = 0x10001, kDma0 = 0x10002, kDma1 = 0x10003;

class CpuMemory final : public iommu::MemoryPort {
public:
    explicit CpuMemory(std::map<std::uint64_t, std::uint8_t>& bytes) : bytes_(bytes) {}
    bool read(PhysAddr address, std::uint8_t* to, std::uint32_t size) override {
        for (std::uint32_t i = 0; i < size; ++i) to[i] = bytes_[address.value + i];
        return true;
    }
    bool write(PhysAddr address, const std::uint8_t* from, std::uint32_t size) override {
        for (std::uint32_t i = 0; i < size; ++i) bytes_[address.value + i] = from[i];
        return true;
    }
    std::uint64_t load(std::uint64_t address) {
        std::uint8_t bytes[8];
        read(PhysAddr{address}, bytes, 8);
        return load_le(bytes, 8);
    }

private:
    std::map<std::uint64_t, std::uint8_t>& bytes_;
};

class RiscvMachine final : public ImmediateMachine {
public:
    explicit RiscvMachine(const rv::RiscvParams& params) : cpu(memory), unit(params), untimed(unit, cpu) {}
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        return inside(address) ? untimed.read_register(address.value - kBase, size) : 0;
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        if (!inside(address)) return;
        writes.push_back({address.value - kBase, value});
        // A tail tells of commands.
        if (address.value - kBase == rv::reg::CQT) {
            const rv::Queue& queue = unit.registers.cq;
            for (std::uint32_t at = queue.tail; at != value; at = queue.next(at)) {
                const std::uint64_t entry = queue.address(at, rv::kCommandBytes);
                commands.push_back({cpu.load(entry), cpu.load(entry + 8)});
            }
        }
        untimed.write_register(address.value - kBase, size, value);
    }
    bool inside(PhysAddr address) const { return address.value - kBase < rv::kRegisterBytes; }

    CpuMemory cpu;
    rv::Iommu unit;
    iommu::Untimed untimed;
    std::vector<Write> writes;
    std::vector<rv::CommandWords> commands;
};

rv::RiscvParams params_of(const std::string& like) {
    rv::RiscvParams params;
    params.capabilities = rv::capabilities_by_name(like);
    params.wires = 4;
    return params;
}

struct Boot {
    explicit Boot(const rv::RiscvParams& params = params_of("qemu"), KernelParameters parameters = {},
                  const std::function<void(RiscvMachine&)>& before = {},
                  const std::function<void(firmware::Description&)>& change = {})
        : description(firmware::read_device_tree(
              firmware::read_file(std::string(xlate::tests::binary_dir()) + "/boards/riscv.dtb"), "riscv.dtb")),
          machine(params),
          variant(find_variant("mainline-6.15.1")) {
        if (change) change(description);
        if (before) before(machine);
        machine.writes.clear();
        k = std::make_unique<Kernel>(machine, variant);
        system = std::make_unique<KernelSystem>(*k, description, config(parameters));
        boot = std::make_unique<LinuxBoot>(*k, description, system->boot_config());
        machine.untimed.on_wire = [this](const iommu::WireSpec& wire) {
            for (auto& [key, handler] : machine.interrupts) {
                if (key.second == std::to_string(wire.index)) handler();
            }
        };
        boot->start();
        machine.run(k->sched);
    }
    ~Boot() { k->sched.kill_all(); }
    static BootConfig config(const KernelParameters& parameters) {
        BootConfig made;
        made.parameters = parameters;
        made.arch = Arch::riscv;
        for (const char* const name : {"4000000.gpu", "4010000.dma"}) {
            TrafficPlan plan;
            plan.device = name;
            plan.working_set_bytes = 4 << 20;
            plan.chunk_bytes = 4 << 20;
            made.traffic.push_back(plan);
        }
        return made;
    }
    iommu::Step translate(std::uint32_t did, std::uint64_t iova, bool write = false) {
        iommu::Request request;
        request.sid = StreamId{did};
        request.address = iova;
        request.write = write;
        request.id = ++ids;
        const iommu::Step step = machine.untimed.translate(request);
        machine.run(k->sched);  // the handler
        return step;
    }
    template <typename Body>
    void task(Body body) {
        k->spawn("test", 0, body);
        machine.run(k->sched);
    }
    Ptr<IommuDomain> domain(const std::string& device) {
        return boot->find_device(device)->iommu_group.peek()->domain.peek();
    }
    /// The context of a device id, by the directory in memory.
    rv::DeviceContext context(std::uint32_t did) {
        const rv::RiscvParams& params = machine.unit.params();
        const auto levels = static_cast<unsigned>(machine.unit.registers.ddtp_mode() - rv::ddtp::BARE);
        std::uint64_t at = rv::ddtp::PPN.get(machine.unit.registers.ddtp) << 12;
        for (unsigned level = levels - 1; level > 0; --level) {
            at = rv::directory::PPN.get(
                     machine.cpu.load(at + rv::device_index(level, params.extended_context()).of(did) * 8))
                 << 12;
        }
        const unsigned bytes = params.extended_context() ? 64 : 32;
        rv::DeviceContext found;
        for (unsigned i = 0; i < bytes / 8; ++i) {
            found.words[i] = machine.cpu.load(
                at + rv::device_index(0, params.extended_context()).of(did) * std::uint64_t{bytes} + 8 * i);
        }
        return found;
    }

    firmware::Description description;
    RiscvMachine machine;
    Variant variant;
    std::unique_ptr<Kernel> k;
    std::unique_ptr<KernelSystem> system;
    std::unique_ptr<LinuxBoot> boot;
    std::uint64_t ids = 0;
};

const DmaBuffer& first_buffer(Boot& run, const std::string& device) {
    for (const auto& [name, plan] : run.machine.masters) {
        if (name == device) return plan.buffers.front();
    }
    throw std::runtime_error("no such master");
}

void check_mappings(Boot& run) {
    INFO(run.k->console.text());
    REQUIRE(run.machine.masters.size() == 2);
    for (const auto& [device, plan] : run.machine.masters) {
        const Ptr<IommuDomain> domain = run.domain(device);
        REQUIRE(domain->type == DomainType::dma);
        const std::vector<std::uint32_t> own =
            device == "4000000.gpu" ? std::vector<std::uint32_t>{kGpu} : std::vector<std::uint32_t>{kDma0, kDma1};
        for (const std::uint32_t did : own) {
            for (const DmaBuffer& buffer : plan.buffers) {
                for (std::uint64_t at = 0; at < buffer.size; at += 0x11000) {
                    const iommu::Step step = run.translate(did, buffer.iova.value + at + 8, at % 2 == 0);
                    REQUIRE(step.kind == StepKind::done);
                    CHECK(domain->iova_to_phys(Iova{buffer.iova.value + at + 8}) == step.result.pa);
                }
            }
        }
    }
    CHECK(run.machine.unit.counters.faults == 0);
    for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
}

}  // namespace

TEST_CASE("riscv-iommu and its hardware: what brings it up, in Linux's order", "[kernel-model][riscv]") {
    Boot run;
    INFO(run.k->console.text());
    using namespace rv::reg;
    const std::uint64_t ddt = rv::ddtp::PPN.get(run.machine.unit.registers.ddtp);
    const std::vector<Write> expected{
        {FCTL, 2},
        {ICVEC, 0x2310},
        {DDTP, 0},
        {CQB, 0x1F},
        {CQB, run.machine.unit.registers.cq.base},
        {FQB, 0x1F},
        {FQB, run.machine.unit.registers.fq.base},
        {CQT, 0},
        {CQCSR, 0x103},
        {IPSR, 1},
        {FQH, 0},
        {FQCSR, 0x103},
        {IPSR, 2},
        {DDTP, ddt << 10 | 4},
        {CQT, 1},
        {CQT, 2},
        {CQT, 3},
    };
    REQUIRE(run.machine.writes.size() > expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(run.machine.writes[i] == expected[i]);
    }
    CHECK(rv::queue_base::LOG2SZ.get(run.machine.unit.registers.cq.base) == 12);
    CHECK(rv::queue_base::LOG2SZ.get(run.machine.unit.registers.fq.base) == 11);
    REQUIRE(run.machine.commands.size() > 3);
    CHECK(run.machine.commands[0] == rv::CommandWords{3, 0});
    CHECK(run.machine.commands[1] == rv::CommandWords{1, 0});
    CHECK(run.machine.commands[2] == rv::CommandWords{0x3002, 0});
}

TEST_CASE("riscv-iommu and its hardware: what was mapped is translated, by whatever it has", "[kernel-model][riscv]") {
    rv::RiscvParams params = params_of("qemu");
    SECTION("Sv57, contexts of 64 bytes") { SUCCEED("chosen"); }
    SECTION("Sv39, contexts of 32 bytes, no ATS") {
        params = params_of("base");
        SUCCEED("chosen");
    }
    SECTION("A and D set by the hardware") {
        params = params_of("full");
        SUCCEED("chosen");
    }
    SECTION("one line for all") {
        params.wires = 1;
        SUCCEED("chosen");
    }
    Boot run(params);
    check_mappings(run);
    const rv::DeviceContext gpu = run.context(kGpu);
    const std::uint64_t mode = params.has(rv::caps::Sv57) ? rv::atp::SV57 : rv::atp::SV39;
    CHECK(gpu.mode(rv::dc::FSC) == mode);
    CHECK(gpu.test(rv::tc::V));
    CHECK(gpu.test(rv::tc::SADE) == params.has(rv::caps::AMO_HWAD));
    CHECK(run.context(kDma0).words == run.context(kDma1).words);
    CHECK(gpu.pscid() != run.context(kDma0).pscid());
    if (params.has(rv::caps::AMO_HWAD)) CHECK(run.machine.unit.counters.updates > 0);
}

TEST_CASE("riscv-iommu and its hardware: the directory has as many levels as the hardware takes",
          "[kernel-model][riscv]") {
    rv::RiscvParams params = params_of("qemu");
    params.max_ddt_levels = 2;
    Boot run(params);
    CHECK(run.machine.unit.registers.ddtp_mode() == rv::ddtp::LVL2);
    // Two levels of the extended format hold 15 bits: the platform masters' ids do not fit.
    CHECK(run.boot->find_device("4000000.gpu")->iommu_group.peek().get() == nullptr);
}

TEST_CASE("riscv-iommu and its hardware: faults are printed, and their pending bit is cleared",
          "[kernel-model][riscv]") {
    Boot run;
    CHECK(run.translate(0x77, 0x12345000).kind == StepKind::fault);
    CHECK(run.translate(kGpu, 0x4000).kind == StepKind::fault);
    const std::string log = run.k->console.text();
    INFO(log);
    CHECK(log.find("Fault 258 devid: 0x77 iotval: 12345000 iotval2: 0") != std::string::npos);
    CHECK(log.find("Fault 13 devid: 0x10001 iotval: 4000 iotval2: 0") != std::string::npos);
    CHECK(run.machine.unit.registers.ipsr == 0);
    CHECK(run.machine.unit.registers.fq.head == 2);
}

TEST_CASE("riscv-iommu and its hardware: an unmap goes page by page, or all at once from 2 MiB on",
          "[kernel-model][riscv]") {
    Boot run;
    const DmaBuffer buffer = first_buffer(run, "4000000.gpu");
    const Ptr<IommuDomain> domain = run.domain("4000000.gpu");
    const std::uint64_t pscid = run.context(kGpu).pscid();
    const std::uint64_t all = 1 | std::uint64_t{1} << 32 | pscid << 12;
    REQUIRE(run.translate(kGpu, buffer.iova.value).kind == StepKind::done);
    const auto unmap = [&](std::uint64_t at, std::uint64_t bytes) {
        run.machine.commands.clear();
        run.task([&] {
            CHECK(domain->unmap(Iova{at}, bytes) == bytes);
            domain->iotlb_sync(Iova{at}, bytes);
        });
        return run.machine.commands;
    };
    // What the tables have: leaves of 2 MiB where the buffer has them.
    const std::uint64_t last = buffer.iova.value + buffer.size - (2 << 20);
    const auto large = unmap(last, 2 << 20);
    REQUIRE(large.size() == 2);
    CHECK(large[0] == rv::CommandWords{all, 0});
    CHECK(large[1] == rv::CommandWords{0x3002, 0});
    CHECK(run.translate(kGpu, last).kind == StepKind::fault);
    CHECK(run.translate(kGpu, buffer.iova.value).kind == StepKind::done);
    std::uint64_t mapped = 0;
    run.task([&] {
        mapped = 0x7000000;
        CHECK(domain->map(Iova{mapped}, PhysAddr{0x90000000}, 0x3000, true, true) == 0);
    });
    CHECK(run.translate(kGpu, mapped + 0x2000, true).result.pa.value == 0x90002000);
    const auto small = unmap(mapped, 0x3000);
    REQUIRE(small.size() == 4);
    for (std::uint64_t i = 0; i < 3; ++i) {
        CHECK(small[i] == rv::CommandWords{all | 1 << 10, (mapped + i * 0x1000) >> 2});
    }
    CHECK(run.translate(kGpu, mapped + 0x2000, true).kind == StepKind::fault);
}

// Words are the specification's: iohgatp, GV and GSCID of IOTINVAL.VMA.
TEST_CASE("riscv-iommu and its hardware: below a guest there is a second stage, page by page",
          "[kernel-model][riscv]") {
    Boot run(params_of("nested"));
    check_mappings(run);
    const rv::DeviceContext gpu = run.context(kGpu);
    CHECK(gpu.mode(rv::dc::FSC) == rv::atp::SV39);
    CHECK(gpu.mode(rv::dc::IOHGATP) == rv::atp::SV39);  // Sv39x4
    CHECK(gpu.gscid() == 1);
    CHECK(run.context(kDma0).words[rv::dc::IOHGATP] == gpu.words[rv::dc::IOHGATP]);
    // Three levels down: memory is mapped to itself by pages, all else by leaves as large as fit.
    const auto leaf_of = [&](std::uint64_t gpa) {
        std::uint64_t table = gpu.address(rv::dc::IOHGATP);
        CHECK(table % 0x4000 == 0);
        for (unsigned above = 2;; --above) {
            const std::uint64_t index = (gpa >> (12 + 9 * above)) & (above == 2 ? 0x7FF : 0x1FF);
            const std::uint64_t word = run.machine.cpu.load(table + 8 * index);
            const std::uint64_t target = (word >> 10 & low_mask(44)) << 12;
            if ((word & 0xE) != 0) {
                CHECK((word & 0xFF) == 0xDF);  // V, R, W, X, U, A, D
                CHECK(target == (gpa & ~low_mask(12 + 9 * above)));
                return above;
            }
            table = target;
        }
    };
    CHECK(leaf_of(0x80000000) == 0);
    CHECK(leaf_of(0x80000000 + (std::uint64_t{1} << 30) - 4096) == 0);
    CHECK(leaf_of(kBase) == 2);
    CHECK(leaf_of(std::uint64_t{1} << 40) == 2);

    run.machine.commands.clear();
    const DmaBuffer buffer = first_buffer(run, "4000000.gpu");
    const Ptr<IommuDomain> domain = run.domain("4000000.gpu");
    REQUIRE(run.translate(kGpu, buffer.iova.value).kind == StepKind::done);
    run.task([&] {
        domain->unmap(buffer.iova, buffer.size);
        domain->iotlb_sync(buffer.iova, buffer.size);
    });
    REQUIRE(run.machine.commands.size() >= 2);
    const std::uint64_t first = run.machine.commands[0][0];
    CHECK((first & 0x3FF) == 1);         // IOTINVAL.VMA
    CHECK((first >> 32 & 3) == 3);       // PSCV, GV
    CHECK((first >> 44 & 0xFFFF) == 1);  // GSCID
    CHECK(run.translate(kGpu, buffer.iova.value).kind == StepKind::fault);
}

TEST_CASE("riscv-iommu and its hardware: identity is a context without tables", "[kernel-model][riscv]") {
    KernelParameters parameters;
    parameters.iommu_passthrough = true;
    Boot run(params_of("qemu"), parameters);
    CHECK(run.domain("4000000.gpu")->type == DomainType::identity);
    CHECK(run.context(kGpu).test(rv::tc::V));
    CHECK(run.context(kGpu).words[rv::dc::FSC] == 0);
    const iommu::Step step = run.translate(kGpu, 0x123456789, true);
    CHECK(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x123456789);
}

TEST_CASE("riscv-iommu and its hardware: what it refuses to drive", "[kernel-model][riscv]") {
    SECTION("a directory that is in use") {
        Boot run(params_of("qemu"), {}, [](RiscvMachine& machine) {
            machine.untimed.write_register(rv::reg::DDTP, 8, rv::ddtp::LVL1 | rv::ddtp::PPN.of(0x80000));
        });
        INFO(run.k->console.text());
        CHECK(run.k->console.text().find("error -16: unexpected device state") != std::string::npos);
        CHECK(run.machine.writes.empty() == false);  // fctl
        CHECK(run.boot->find_device("4000000.gpu")->iommu_group.peek().get() == nullptr);
    }
    SECTION("one without interrupts") {
        Boot run(params_of("qemu"), {}, {}, [](firmware::Description& description) {
            for (firmware::Node& node : description.nodes) {
                if (node.is_compatible("riscv,iommu")) node.interrupts.clear();
            }
        });
        CHECK(run.k->console.text().find("no IRQ resources provided") != std::string::npos);
        CHECK(run.machine.writes.empty());
    }
    SECTION("one that walks no tables") {
        rv::RiscvParams params = params_of("base");
        params.capabilities &= ~rv::caps::Sv39.mask();
        Boot run(params);
        CHECK(run.k->console.text().find("cannot find supported page table mode") != std::string::npos);
    }
}
