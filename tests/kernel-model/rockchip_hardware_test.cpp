// The Rockchip driver with the Rockchip hardware behind its registers, without time: what a boot leaves translates what
// was mapped and nothing else, faults are answered and printed, and a mistake in the driver is a stale translation.
#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <regex>

#include "iommu/simple/rockchip.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/rockchip/rockchip_iommu.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/booted.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace rk = xlate::iommu::rockchip;
using iommu::StepKind;

namespace {

constexpr std::uint64_t kFirstMmu = 0xFF900000, kSecondMmu = 0xFF910000, kFileStride = 0x100;

/// CPU memory, as the walker sees it.
class CpuMemory final : public iommu::MemoryPort {
public:
    explicit CpuMemory(std::map<std::uint64_t, std::uint8_t>& bytes) : bytes_(bytes) {}
    bool read(PhysAddr address, std::uint8_t* to, std::uint32_t size) override {
        for (std::uint32_t i = 0; i < size; ++i) to[i] = bytes_[address.value + i];
        return address.value < limit;
    }
    bool write(PhysAddr, const std::uint8_t*, std::uint32_t) override { return false; }  // it never does
    std::uint64_t limit = ~std::uint64_t{0};

private:
    std::map<std::uint64_t, std::uint8_t>& bytes_;
};

/// A machine with two IOMMUs: the first of two register files, the second of one.
class RockchipMachine final : public ImmediateMachine {
public:
    struct Unit {
        Unit(std::uint64_t the_base, unsigned files, CpuMemory& memory)
            : base(the_base), mmu(parameters(files)), untimed(mmu, memory) {}
        static rk::Parameters parameters(unsigned files) {
            rk::Parameters made;
            made.banks = files;
            return made;
        }
        std::uint64_t base;
        rk::Rockchip mmu;
        iommu::Untimed untimed;
    };
    RockchipMachine() : cpu(memory), first(kFirstMmu, 2, cpu), second(kSecondMmu, 1, cpu) {}

    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        Unit* unit = find(address.value);
        if (unit == nullptr) return 0;
        const std::uint64_t offset = address.value - unit->base;
        return unit->untimed.read_register(offset % kFileStride, size, static_cast<unsigned>(offset / kFileStride));
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        Unit* unit = find(address.value);
        if (unit == nullptr) return;
        const std::uint64_t offset = address.value - unit->base;
        writes.push_back(address.value);
        unit->untimed.write_register(offset % kFileStride, size, value, static_cast<unsigned>(offset / kFileStride));
    }
    Unit* find(std::uint64_t address) {
        for (Unit* unit : {&first, &second}) {
            if (address - unit->base < kFileStride * unit->mmu.register_banks()) return unit;
        }
        return nullptr;
    }

    CpuMemory cpu;
    Unit first, second;
    std::vector<std::uint64_t> writes;
};

firmware::Reg window(std::uint64_t address, std::uint64_t size) {
    firmware::Reg reg;
    reg.address = address;
    reg.size = size;
    reg.cpu_address = address;
    return reg;
}

firmware::Description board() {
    firmware::Description made;
    made.memory = {{0x40000000, 0x40000000}};
    firmware::Node root;
    root.path = "/";
    root.address_cells = 2;
    root.size_cells = 2;
    made.nodes.push_back(root);
    const auto add = [&made](firmware::Node node) {
        node.parent = firmware::NodeIndex{0};
        const auto index = static_cast<firmware::NodeIndex>(made.nodes.size());
        made.nodes[0].children.push_back(index);
        made.nodes.push_back(std::move(node));
        return index;
    };
    const auto mmu = [&](std::uint64_t base, unsigned files, std::uint32_t phandle) {
        firmware::Node node;
        node.name = fmt::format("iommu@{:x}", base);
        node.path = "/" + node.name;
        node.compatible = {"rockchip,iommu"};
        for (unsigned i = 0; i < files; ++i) node.regs.push_back(window(base + i * kFileStride, kFileStride));
        node.iommu_cells = 0;
        node.phandle = phandle;
        node.interrupts.resize(1);
        return add(node);
    };
    const firmware::NodeIndex one = mmu(kFirstMmu, 2, 1);
    const firmware::NodeIndex two = mmu(kSecondMmu, 1, 2);
    static const firmware::Property kNoReset[] = {{"rockchip,disable-mmu-reset", {}, 0}};
    made.nodes[static_cast<std::size_t>(two)].properties = {kNoReset, 1};
    const auto client = [&](std::uint64_t base, firmware::NodeIndex provider) {
        firmware::Node node;
        node.name = fmt::format("codec@{:x}", base);
        node.path = "/" + node.name;
        node.compatible = {"xlate,codec"};
        node.regs.push_back(window(base, 0x1000));
        node.has_iommus = true;
        firmware::IommuEntry entry;
        entry.provider = provider;
        node.iommus.push_back(entry);
        add(node);
    };
    client(0xA0000000, one);
    client(0xA0010000, two);
    return made;
}

struct Boot : Booted<RockchipMachine> {
    explicit Boot(Mistakes mistakes = {}, bool traffic = true, const std::string& variant_name = "linux-6.12")
        : Booted(board(), variant_name, config(mistakes, traffic)) {
        for (RockchipMachine::Unit* unit : {&machine.first, &machine.second}) {
            unit->untimed.on_wire = [this, unit](const iommu::WireSpec&) {
                const unsigned node = unit == &machine.first ? 1 : 2;
                const auto handler = machine.interrupts.find({static_cast<firmware::NodeIndex>(node), "0"});
                if (handler != machine.interrupts.end()) handler->second();
            };
        }
        start();
    }
    static BootConfig config(Mistakes mistakes, bool traffic) {
        BootConfig made;
        made.mistakes = mistakes;
        if (traffic) made.traffic = plans_of({"a0000000.codec", "a0010000.codec"}, 64 << 10);
        return made;
    }
    iommu::Step translate(RockchipMachine::Unit& unit, std::uint64_t iova, bool write) {
        const iommu::Step step = unit.untimed.translate(request(0, iova, write));
        if (step.kind != StepKind::stalled) return step;
        iommu::Step last = step;
        unit.untimed.on_resumed = [&last](std::uint64_t, const iommu::Step& ended) { last = ended; };
        machine.run(k.sched);  // the handler
        unit.untimed.on_resumed = nullptr;
        return last;
    }
    std::string console() const { return k.console.text(); }
};

}  // namespace

TEST_CASE("rockchip driver: what was mapped is translated by every MMU, and nothing else is",
          "[kernel-model][rockchip]") {
    Boot run;
    REQUIRE(run.machine.masters.size() == 2);
    for (const auto& [device, plan] : run.machine.masters) {
        INFO(device);
        RockchipMachine::Unit& unit = device == "a0000000.codec" ? run.machine.first : run.machine.second;
        Device* dev = run.boot.find_device(device);
        const Ptr<IommuDomain> domain = dev->iommu_group.peek()->domain.peek();
        CHECK(domain->type == DomainType::dma);
        for (const DmaBuffer& buffer : plan.buffers) {
            for (std::uint64_t at = 0; at < buffer.size; at += 4096) {
                for (const bool write : {false, true}) {
                    const iommu::Step step = run.translate(unit, buffer.iova.value + at + 8, write);
                    REQUIRE(step.kind == StepKind::done);
                    CHECK(step.result.pa == domain->iova_to_phys(Iova{buffer.iova.value + at + 8}));
                }
            }
        }
        CHECK(run.translate(unit, 0x1000, false).kind == StepKind::fault);
    }
    CHECK(run.boot.groups().size() == 2);
    for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
}

TEST_CASE("rockchip driver: a page fault is printed as Linux prints it, and answered", "[kernel-model][rockchip]") {
    Boot run;
    CHECK(run.translate(run.machine.second, 0x12345678, true).kind == StepKind::fault);
    const std::string log = run.console();
    INFO(log);
    CHECK(log.find("rk_iommu ff910000.iommu: Page fault at 0x0000000012345678 of type write") != std::string::npos);
    CHECK(log.find("rk_iommu ff910000.iommu: iova = 0x0000000012345678: dte_index: 0x48 pte_index: 0x345 "
                   "page_offset: 0x678") != std::string::npos);
    CHECK(std::regex_search(log, std::regex("mmu_dte_addr: 0x00000000[0-9a-f]{8} dte@0x[0-9a-f]{16}: 0x000000 valid: 0 "
                                            "pte@0x0000000000000000: 0x000000 valid: 0 page@0x0000000000000000 "
                                            "flags: 0x0")));
    CHECK(run.machine.second.mmu.read_register(rk::reg::INT_STATUS, 4, 0) == 0);
    SECTION("a bus error too") {
        run.machine.cpu.limit = 0;
        run.machine.second.untimed.write_register(rk::reg::COMMAND, 4, 4, 0);
        CHECK(run.translate(run.machine.second, 0xFFFF0000, false).kind == StepKind::fault);
        run.machine.cpu.limit = ~std::uint64_t{0};
        run.machine.run(run.k.sched);
        CHECK(run.console().find("rk_iommu ff910000.iommu: BUS_ERROR occurred at 0x00000000ffff0000") !=
              std::string::npos);
    }
}

TEST_CASE("rockchip driver: no register is written while no master is in use", "[kernel-model][rockchip]") {
    Boot run({}, false);
    CHECK(run.machine.writes.empty());
    CHECK_FALSE(run.machine.first.mmu.translates());
    // In use, and no longer: paging on and off.
    Device* dev = run.boot.find_device("a0000000.codec");
    REQUIRE(dev != nullptr);
    run.task([&] { CHECK(run.system.power.get_sync(*dev) == 0); });
    CHECK(run.machine.first.mmu.translates());
    CHECK_FALSE(run.machine.second.mmu.translates());
    run.task([&] { run.system.power.put(*dev); });
    CHECK_FALSE(run.machine.first.mmu.translates());
    CHECK(run.machine.first.mmu.read_register(rk::reg::DTE_ADDR, 4, 0) == 0);
    CHECK(run.machine.first.mmu.read_register(rk::reg::INT_MASK, 4, 1) == 0);
}

TEST_CASE("rockchip driver: mistakes leave a translation behind that the right driver drops",
          "[kernel-model][rockchip]") {
    const auto stale_after_unmap = [](const std::optional<Mistake>& mistake) {
        Mistakes mistakes;
        if (mistake) mistakes.add(*mistake);
        Boot run(mistakes);
        const DmaBuffer buffer = run.machine.masters.front().second.buffers.front();
        RockchipMachine::Unit& unit = run.machine.first;
        // Both MMUs know the last page.
        const std::uint64_t last = buffer.iova.value + buffer.size - 4096;
        for (const bool write : {false, true}) REQUIRE(run.translate(unit, last, write).kind == StepKind::done);
        Device* dev = run.boot.find_device("a0000000.codec");
        const Ptr<IommuDomain> domain = dev->iommu_group.peek()->domain.peek();
        if (mistake == Mistake::zap_before_clear) {
            // An access comes between zap and store.
            run.machine.on_point = [&](Task&, const Point& point) {
                if (std::string(point.step) == "RKU1") run.translate(unit, last, true);
            };
        }
        run.task([&] { CHECK(domain->unmap(buffer.iova, buffer.size) == buffer.size); });
        run.machine.on_point = nullptr;
        bool stale = false;
        for (const bool write : {false, true}) {
            stale = run.translate(unit, last, write).kind == StepKind::done || stale;
        }
        return stale;
    };
    CHECK_FALSE(stale_after_unmap(std::nullopt));
    CHECK(stale_after_unmap(Mistake::unmap_without_tlbi));
    CHECK(stale_after_unmap(Mistake::short_range));
    CHECK(stale_after_unmap(Mistake::zap_first_file_only));
    CHECK(stale_after_unmap(Mistake::zap_before_clear));
}

TEST_CASE("rockchip driver: an IOMMU that comes back without a zap translates what was unmapped meanwhile",
          "[kernel-model][rockchip]") {
    const auto stale_after_resume = [](bool wrong) {
        Mistakes mistakes;
        if (wrong) mistakes.add(Mistake::attach_without_zap);
        Boot run(mistakes);
        const DmaBuffer buffer = run.machine.masters.back().second.buffers.front();
        RockchipMachine::Unit& unit = run.machine.second;
        REQUIRE(run.translate(unit, buffer.iova.value, false).kind == StepKind::done);
        Device* dev = run.boot.find_device("a0010000.codec");
        const Ptr<IommuDomain> domain = dev->iommu_group.peek()->domain.peek();
        run.task([&] {
            run.system.power.put(*dev);
            CHECK(domain->unmap(buffer.iova, buffer.size) == buffer.size);  // zaps nothing: it is suspended
            CHECK(run.system.power.get_sync(*dev) == 0);
        });
        return run.translate(unit, buffer.iova.value, false).kind == StepKind::done;
    };
    CHECK_FALSE(stale_after_resume(false));
    CHECK(stale_after_resume(true));
}

TEST_CASE("rockchip driver: two clients of one IOMMU, release by release (F17)", "[kernel-model][rockchip]") {
    for (const char* const variant : {"linux-6.1", "base", "mainline-6.11", "linux-6.12"}) {
        INFO(variant);
        firmware::Description description = board();
        description.nodes.back().iommus.front().provider = firmware::NodeIndex{1};
        RockchipMachine machine;
        const Variant chosen = find_variant(variant);
        Kernel k(machine, chosen);
        KernelSystem system(k, description, {});
        LinuxBoot boot(k, description, system.boot_config());
        boot.start();
        machine.run(k.sched);
        const std::string name = variant;
        const bool twice = name == "base" || name == "mainline-6.11";
        std::size_t doubles = 0;
        for (const Report& report : k.reports.all()) {
            if (report.text().find("list_add double add") != std::string::npos) ++doubles;
        }
        CHECK(doubles == (twice ? 1 : 0));
        REQUIRE(boot.groups().size() == 1);
        CHECK(boot.groups().front().devices.size() == 2);
        k.sched.kill_all();
    }
}

TEST_CASE("rockchip driver: passthrough is identity, and not one register is written", "[kernel-model][rockchip]") {
    firmware::Description description = board();
    RockchipMachine machine;
    const Variant variant = find_variant("linux-6.12");
    Kernel k(machine, variant);
    BootConfig config = Boot::config({}, true);
    config.parameters.iommu_passthrough = true;
    KernelSystem system(k, description, config);
    LinuxBoot boot(k, description, system.boot_config());
    boot.start();
    machine.run(k.sched);
    CHECK(machine.writes.empty());
    for (const GroupResult& group : boot.groups()) CHECK(group.type == DomainType::identity);
    k.sched.kill_all();
}

TEST_CASE("rockchip driver: a lazy domain becomes a strict one, and in 6.1 there is none", "[kernel-model][rockchip]") {
    for (const char* const name : {"linux-6.1", "linux-6.12"}) {
        INFO(name);
        firmware::Description description = board();
        RockchipMachine machine;
        const Variant variant = find_variant(name);
        Kernel k(machine, variant);
        BootConfig config = Boot::config({}, true);
        config.parameters.iommu_strict = false;
        KernelSystem system(k, description, config);
        LinuxBoot boot(k, description, system.boot_config());
        boot.start();
        machine.run(k.sched);
        REQUIRE(boot.groups().size() == 2);
        for (const GroupResult& group : boot.groups()) CHECK(group.type == DomainType::dma);
        // Lazy is 11 in Linux: paging, DMA API and flush queue. The wording is that of corpus dt-sprd-passthrough-6.12.
        CHECK((k.console.text().find("iommu: Failed to allocate default IOMMU domain of type 11 for group (null) - "
                                     "Falling back to IOMMU_DOMAIN_DMA") != std::string::npos) ==
              (variant.release == 601));
        k.sched.kill_all();
    }
}
