// The Exynos driver with SysMMUs behind its registers, without time: what a boot leaves translates what was mapped and
// nothing else, faults end in a panic, a mistake in the driver is a stale translation, a shared SysMMU a list without
// end.
#include <catch2/catch.hpp>

#include <map>
#include <memory>

#include "iommu/exynos/sysmmu.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/exynos/exynos_iommu.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/booted.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace ex = xlate::iommu::exynos;
using iommu::StepKind;

namespace {

constexpr std::uint64_t kBase = 0xFF900000, kStride = 0x10000;
constexpr unsigned kUnits = 3;

class CpuMemory final : public iommu::MemoryPort {
public:
    explicit CpuMemory(std::map<std::uint64_t, std::uint8_t>& bytes) : bytes_(bytes) {}
    bool read(PhysAddr address, std::uint8_t* to, std::uint32_t size) override {
        for (std::uint32_t i = 0; i < size; ++i) to[i] = bytes_[address.value + i];
        return true;
    }
    bool write(PhysAddr, const std::uint8_t*, std::uint32_t) override { return false; }  // it never does

private:
    std::map<std::uint64_t, std::uint8_t>& bytes_;
};

struct Version {
    unsigned major, minor;
    bool vm;
};
constexpr Version kVersions[] = {{1, 0, false}, {2, 0, false}, {3, 2, false}, {3, 3, false},
                                 {5, 2, false}, {7, 4, false}, {7, 4, true}};

/// A machine with three SysMMUs of one version.
class ExynosMachine final : public ImmediateMachine {
public:
    struct Unit {
        Unit(const Version& version, std::uint64_t the_base, CpuMemory& memory)
            : base(the_base), mmu(parameters(version)), untimed(mmu, memory) {}
        static ex::Parameters parameters(const Version& version) {
            ex::Parameters made;
            made.version = ex::make_version(version.major, version.minor);
            made.vm = version.vm;
            return made;
        }
        std::uint64_t base;
        ex::SysMmu mmu;
        iommu::Untimed untimed;
    };
    explicit ExynosMachine(const Version& version) : cpu(memory) {
        for (unsigned i = 0; i < kUnits; ++i)
            units.push_back(std::make_unique<Unit>(version, kBase + i * kStride, cpu));
    }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        Unit* unit = find(address.value);
        return unit == nullptr ? 0 : unit->untimed.read_register(address.value - unit->base, size);
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        if (Unit* unit = find(address.value)) {
            ++writes;
            unit->untimed.write_register(address.value - unit->base, size, value);
        }
    }
    Unit* find(std::uint64_t address) {
        for (auto& unit : units) {
            if (address - unit->base < kStride) return unit.get();
        }
        return nullptr;
    }
    CpuMemory cpu;
    std::vector<std::unique_ptr<Unit>> units;
    unsigned writes = 0;
};

firmware::Reg window(std::uint64_t address, std::uint64_t size) {
    firmware::Reg reg;
    reg.address = address;
    reg.size = size;
    reg.cpu_address = address;
    return reg;
}

constexpr std::uint8_t kClockNames[] = "sysmmu";

/// Nodes 1 to 3 are SysMMUs; then a display of the first two, and a codec of the third.
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
        made.nodes[0].children.push_back(static_cast<firmware::NodeIndex>(made.nodes.size()));
        made.nodes.push_back(std::move(node));
    };
    static const firmware::Property kClocks[] = {{"clocks", {}, 0},
                                                 {"clock-names", {kClockNames, sizeof kClockNames}, 0}};
    for (unsigned i = 0; i < kUnits; ++i) {
        firmware::Node node;
        node.name = fmt::format("sysmmu@{:x}", kBase + i * kStride);
        node.path = "/" + node.name;
        node.compatible = {"samsung,exynos-sysmmu"};
        node.regs.push_back(window(kBase + i * kStride, kStride));
        node.iommu_cells = 0;
        node.phandle = i + 1;
        node.interrupts.resize(1);
        node.properties = {kClocks, 2};
        add(node);
    }
    const auto client = [&](const char* name, std::uint64_t base, std::initializer_list<unsigned> providers) {
        firmware::Node node;
        node.name = fmt::format("{}@{:x}", name, base);
        node.path = "/" + node.name;
        node.compatible = {"xlate,client"};
        node.regs.push_back(window(base, 0x1000));
        node.has_iommus = true;
        for (const unsigned provider : providers) {
            firmware::IommuEntry entry;
            entry.provider = firmware::NodeIndex{provider};
            node.iommus.push_back(entry);
        }
        add(node);
    };
    client("display", 0xA0000000, {1, 2});
    client("codec", 0xA0010000, {3});
    return made;
}

struct Boot : Booted<ExynosMachine> {
    explicit Boot(const Version& version, Mistakes mistakes = {}, bool traffic = true,
                  firmware::Description the_board = board(), const std::string& variant_name = "linux-6.12")
        : Booted(std::move(the_board), variant_name, config(mistakes, traffic), version) {
        for (unsigned i = 0; i < kUnits; ++i) {
            machine.units[i]->untimed.on_wire = [this, i](const iommu::WireSpec&) {
                const auto handler = machine.interrupts.find({static_cast<firmware::NodeIndex>(i + 1), ""});
                REQUIRE(handler != machine.interrupts.end());
                handler->second();
            };
        }
        start();
    }
    static BootConfig config(Mistakes mistakes, bool traffic) {
        BootConfig made;
        made.mistakes = mistakes;
        if (traffic) made.traffic = plans_of({"a0000000.display", "a0010000.codec"}, 64 << 10);
        return made;
    }
    iommu::Step translate(unsigned unit, std::uint64_t iova, bool write = false) {
        return machine.units[unit]->untimed.translate(request(0, iova, write));
    }
    IommuDomain& domain_of(const char* name) { return *domain(name).get(); }
};

bool reported(const Kernel& kernel, const std::string& what) {
    for (const Report& report : kernel.reports.all()) {
        if (report.text().find(what) != std::string::npos) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("exynos driver: what was mapped is translated by each SysMMU of the master", "[kernel-model][exynos]") {
    for (const Version& version : kVersions) {
        INFO(version.major << "." << version.minor << (version.vm ? " vm" : ""));
        Boot run(version);
        REQUIRE(run.machine.masters.size() == 2);
        for (const auto& [device, plan] : run.machine.masters) {
            IommuDomain& domain = run.domain_of(device.c_str());
            CHECK(domain.type == DomainType::dma);
            const std::vector<unsigned> units =
                device == "a0000000.display" ? std::vector<unsigned>{0, 1} : std::vector<unsigned>{2};
            for (const unsigned unit : units) {
                for (const DmaBuffer& buffer : plan.buffers) {
                    for (std::uint64_t at = 0; at < buffer.size; at += 4096) {
                        const iommu::Step step = run.translate(unit, buffer.iova.value + at + 8, at % 8192 != 0);
                        REQUIRE(step.kind == StepKind::done);
                        CHECK(step.result.pa == domain.iova_to_phys(Iova{buffer.iova.value + at + 8}));
                    }
                }
            }
        }
        CHECK(run.boot.groups().size() == 2);
        for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
    }
}

TEST_CASE("exynos driver: sections, large and small pages are mapped, moved and unmapped", "[kernel-model][exynos]") {
    for (const Version& version : kVersions) {
        INFO(version.major << "." << version.minor << (version.vm ? " vm" : ""));
        Boot run(version);
        IommuDomain& domain = run.domain_of("a0000000.display");
        const auto pa = [&](std::uint64_t iova) -> std::uint64_t {
            const iommu::Step step = run.translate(1, iova);
            return step.kind == StepKind::done ? step.result.pa.value : 0;
        };
        run.task([&] {
            CHECK(domain.map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x200000, true, true) == 0);  // sections
            CHECK(domain.map(Iova{0x20010000}, PhysAddr{0x50210000}, 0x10000, true, true) == 0);   // a large page
            CHECK(domain.map(Iova{0x20020000}, PhysAddr{0x50321000}, 0x3000, true, true) == 0);    // small pages
            CHECK(domain.map(Iova{0x20021000}, PhysAddr{0x50321000}, 0x1000, true, true) == -kEADDRINUSE);
            CHECK(domain.map(Iova{0x10010000}, PhysAddr{0x50321000}, 0x1000, true, true) == -kEADDRINUSE);
        });
        CHECK(pa(0x101FFFF8) == 0x501FFFF8);
        CHECK(pa(0x2001F008) == 0x5021F008);
        CHECK(pa(0x20022008) == 0x50323008);
        CHECK(reported(run.k, "exynos_iommu_map: 0x20021000 is mapped"));
        run.task([&] {
            CHECK(domain.unmap(Iova{0x20011000}, 0x1000) == 0);  // a part of a large page
            CHECK(domain.unmap(Iova{0x10010000}, 0x10000) == 0);
            CHECK(domain.unmap(Iova{0x10000000}, 0x200000) == 0x200000);
            CHECK(domain.unmap(Iova{0x20010000}, 0x13000) == 0x13000);
            CHECK(domain.map(Iova{0x10000000}, PhysAddr{0x50400000}, 0x1000, true, true) == 0);
            CHECK(domain.map(Iova{0x20000000}, PhysAddr{0x50500000}, 0x100000, true, true) ==
                  0);  // over an empty table
        });
        CHECK(reported(run.k, "exynos_iommu_unmap: a part of a larger page"));
        CHECK(pa(0x10000008) == 0x50400008);
        CHECK_FALSE(domain.iova_to_phys(Iova{0x10001000}));
        CHECK_FALSE(run.k.reports.crashed());
    }
}

TEST_CASE("exynos driver: addresses of 64 bits are cut to the lower half", "[kernel-model][exynos]") {
    Boot run(kVersions[4]);
    IommuDomain& domain = run.domain_of("a0010000.codec");
    CHECK(domain.aperture_end == ~std::uint64_t{0});
    run.task([&] { CHECK(domain.map(Iova{0xFFFFFFFFABC00000}, PhysAddr{0x50000000}, 0x3000, true, true) == 0); });
    CHECK(run.translate(2, 0xFFFFFFFFABC02010).result.pa.value == 0x50002010);
    CHECK(domain.iova_to_phys(Iova{0xABC02010}) == PhysAddr{0x50002010});
    run.task([&] { CHECK(domain.unmap(Iova{0xFFFFFFFFABC00000}, 0x3000) == 0x3000); });
    CHECK(run.translate(2, 0xFFFFFFFFABC02010).kind != StepKind::done);
}

TEST_CASE("exynos driver: a fault is printed, and the kernel panics", "[kernel-model][exynos]") {
    const auto printed = [](const Version& version, std::uint64_t iova, bool write) {
        Boot run(version);
        run.translate(2, iova, write);
        run.machine.run(run.k.sched);
        CHECK(run.k.reports.crashed());
        CHECK(reported(run.k, "Kernel panic - not syncing: Unrecoverable System MMU Fault!"));
        // Blocked for ever.
        CHECK(run.machine.units[2]->untimed.read_register(ex::reg::STATUS, 4) == 1);
        std::string line;
        for (const ConsoleLine& one : run.k.console.lines()) {
            const std::size_t at = one.text.find("exynos-sysmmu ff920000.sysmmu: a0010000.codec: ");
            if (at != std::string::npos) line = one.text.substr(at + 47);
        }
        return line;
    };
    CHECK(printed(kVersions[3], 0x12345678, true) == "[READ] PAGE FAULT occurred at 0x12345678");  // it cannot tell
    CHECK(printed(kVersions[4], 0x12345678, true) == "[WRITE] PAGE FAULT occurred at 0x12345678");
    CHECK(printed(kVersions[4], 0x12345678, false) == "[READ] PAGE FAULT occurred at 0x12345678");
    CHECK(printed(kVersions[5], 0x12345678, true) == "[WRITE] PAGE FAULT occurred at 0x12345678");
    CHECK(printed(kVersions[6], 0x12345678, false) == "[READ] PAGE FAULT occurred at 0x12345678");
}

TEST_CASE("exynos driver: a right that is not given is a fault of its own", "[kernel-model][exynos]") {
    Boot run(kVersions[3]);
    IommuDomain& domain = run.domain_of("a0010000.codec");
    run.task([&] { CHECK(domain.map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x1000, false, true) == 0); });
    CHECK(run.translate(2, 0x10000000).kind == StepKind::done);
    run.translate(2, 0x10000000, true);
    run.machine.run(run.k.sched);
    CHECK(run.k.console.text().find("[WRITE] ACCESS PROTECTION FAULT occurred at 0x10000000") != std::string::npos);
}

TEST_CASE("exynos driver: no register is written while no master is in use", "[kernel-model][exynos]") {
    Boot run(kVersions[4], {}, false);
    CHECK(run.machine.writes == 0);
    Device& display = run.device("a0000000.display");
    run.task([&] { CHECK(run.system.power.get_sync(display) == 0); });
    CHECK(run.machine.units[0]->mmu.translates());
    CHECK(run.machine.units[1]->mmu.translates());
    CHECK_FALSE(run.machine.units[2]->mmu.translates());
    run.task([&] { run.system.power.put(display); });
    CHECK_FALSE(run.machine.units[0]->mmu.translates());
    CHECK(run.machine.units[1]->untimed.read_register(ex::reg::CFG, 4) == 0);
}

TEST_CASE("exynos driver: mistakes leave a translation behind that the right driver drops", "[kernel-model][exynos]") {
    const auto stale_after_unmap = [](const std::optional<Mistake>& mistake) {
        Mistakes mistakes;
        if (mistake) mistakes.add(*mistake);
        Boot run(kVersions[4], mistakes);
        const DmaBuffer buffer = run.machine.masters.front().second.buffers.front();
        const std::uint64_t last = buffer.iova.value + buffer.size - 4096;
        for (const unsigned unit : {0U, 1U}) REQUIRE(run.translate(unit, last).kind == StepKind::done);
        IommuDomain& domain = run.domain_of("a0000000.display");
        if (mistake == Mistake::zap_before_clear) {
            // An access comes between flush and store.
            run.machine.on_point = [&](Task&, const Point& point) {
                if (std::string(point.step) == "EXU1") run.translate(1, last);
            };
        }
        run.task([&] { CHECK(domain.unmap(buffer.iova, buffer.size) == buffer.size); });
        run.machine.on_point = nullptr;
        return run.translate(1, last).kind == StepKind::done;
    };
    CHECK_FALSE(stale_after_unmap(std::nullopt));
    CHECK(stale_after_unmap(Mistake::unmap_without_tlbi));
    CHECK(stale_after_unmap(Mistake::short_range));
    CHECK(stale_after_unmap(Mistake::zap_first_file_only));
    CHECK(stale_after_unmap(Mistake::zap_before_clear));
}

TEST_CASE("exynos driver: a SysMMU that comes back without a flush translates what was unmapped meanwhile",
          "[kernel-model][exynos]") {
    const auto stale_after_resume = [](bool wrong) {
        Mistakes mistakes;
        if (wrong) mistakes.add(Mistake::attach_without_zap);
        Boot run(kVersions[3], mistakes);
        const DmaBuffer buffer = run.machine.masters.back().second.buffers.front();
        REQUIRE(run.translate(2, buffer.iova.value).kind == StepKind::done);
        Device& codec = run.device("a0010000.codec");
        IommuDomain& domain = run.domain_of("a0010000.codec");
        run.task([&] {
            run.system.power.put(codec);
            CHECK(domain.unmap(buffer.iova, buffer.size) == buffer.size);  // flushes nothing: it is suspended
            CHECK(run.system.power.get_sync(codec) == 0);
        });
        return run.translate(2, buffer.iova.value).kind == StepKind::done;
    };
    CHECK_FALSE(stale_after_resume(false));
    CHECK(stale_after_resume(true));
}

TEST_CASE("exynos driver: a SysMMU that two masters name is a list without an end", "[kernel-model][exynos]") {
    for (const char* const variant : {"linux-6.1", "base", "linux-6.12"}) {
        INFO(variant);
        firmware::Description shared = board();
        shared.nodes.back().iommus.front().provider = firmware::NodeIndex{1};
        Boot run(kVersions[3], {}, true, shared, variant);
        CHECK(run.boot.groups().size() == 2);
        CHECK_FALSE(run.k.reports.crashed());
        // The first one's next mapping in a section of its own.
        IommuDomain& domain = run.domain_of("a0000000.display");
        run.task([&] { domain.map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x1000, true, true); });
        CHECK(run.k.reports.crashed());
        CHECK(reported(run.k, "hard LOCKUP: domain->clients has no end"));
    }
}

TEST_CASE("exynos driver: what its binding asks for", "[kernel-model][exynos]") {
    // As really_probe() returns it.
    const auto probe_result = [](const std::function<void(firmware::Node&)>& change) {
        firmware::Description changed = board();
        change(changed.nodes[3]);
        Boot run(kVersions[3], {}, false, changed);
        int result = 1;
        for (const Event& event : run.k.events.events()) {
            if (event.kind == EventKind::driver_probe && event.device == "ff920000.sysmmu" && event.ret)
                result = *event.ret;
        }
        return result;
    };
    CHECK(probe_result([](firmware::Node&) {}) == 0);
    CHECK(probe_result([](firmware::Node& node) { node.properties = {}; }) == kENOSYS);
    CHECK(probe_result([](firmware::Node& node) { node.interrupts.clear(); }) == kENXIO);
    static constexpr std::uint8_t kBoth[] = "aclk\0pclk";
    static const firmware::Property kTwo[] = {{"clocks", {}, 0}, {"clock-names", {kBoth, sizeof kBoth}, 0}};
    CHECK(probe_result([](firmware::Node& node) { node.properties = {kTwo, 2}; }) == 0);
}
