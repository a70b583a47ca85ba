// The driver of Arm SMMUv1 and v2 with that hardware behind its registers, without time: what was mapped is translated
// and nothing else, faults reach the handlers and are printed, and a mistake in the driver is a stale translation.
#include <catch2/catch.hpp>

#include "iommu/smmuv2/smmu.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "tests/kernel-model/arm_smmu_board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using iommu::StepKind;
namespace hardware = xlate::iommu::smmuv2;

namespace {

/// CPU memory, as the walker sees it.
class CpuMemory final : public iommu::MemoryPort {
public:
    explicit CpuMemory(std::map<std::uint64_t, std::uint8_t>& bytes) : bytes_(bytes) {}
    bool read(PhysAddr address, std::uint8_t* to, std::uint32_t size) override {
        for (std::uint32_t i = 0; i < size; ++i) to[i] = bytes_[address.value + i];
        return true;
    }
    bool write(PhysAddr, const std::uint8_t*, std::uint32_t) override { return false; }

private:
    std::map<std::uint64_t, std::uint8_t>& bytes_;
};

class SmmuMachine final : public ImmediateMachine {
public:
    explicit SmmuMachine(const hardware::SmmuParams& params) : cpu(memory), smmu(params), untimed(smmu, cpu) {}
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        if (!ours(address)) return 0;
        return untimed.read_register(address.value - kArmSmmuBase, size);
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        if (ours(address)) untimed.write_register(address.value - kArmSmmuBase, size, value);
    }
    bool ours(PhysAddr address) const { return address.value - kArmSmmuBase < smmu.register_bytes(); }

    CpuMemory cpu;
    hardware::Smmu smmu;
    iommu::Untimed untimed;
};

constexpr unsigned kBanks = 8;

hardware::SmmuParams hardware_like(hardware::Features features) {
    hardware::SmmuParams params;
    params.features = features;
    params.features.numcb = kBanks;
    params.features.numsmrg = 16;
    params.context_interrupts = kBanks;
    return params;
}

/// One that translates for software, so that the driver asks it.
hardware::Features mmu500_with_operations() {
    hardware::Features features = hardware::mmu500_like();
    features.atosns = 0;
    return features;
}

struct Options {
    hardware::Features features = mmu500_with_operations();
    std::string compatible = "arm,mmu-500";
    BootConfig config;
};

/// Two masters: streams 0x10 (with 0x11) and 0x20.
struct Boot {
    explicit Boot(Options options = {})
        : params(hardware_like(options.features)),
          machine(params),
          variant(find_variant("linux-6.12")),
          k(machine, variant),
          smmu(board.smmu({options.compatible}, 1, machine.smmu.register_bytes(), kBanks)),
          first(board.master(smmu, {{0x10}, {0x11}})),
          second(board.master(smmu, {{0x20}})),
          system(k, board.description, with_traffic(options.config)),
          boot(k, board.description, system.boot_config()) {
        machine.untimed.on_wire = [this](const iommu::WireSpec& wire) {
            const auto handler = machine.interrupts.find({smmu, std::string(wire.name)});
            if (handler != machine.interrupts.end()) handler->second();
        };
        boot.start();
        machine.run(k.sched);
    }
    ~Boot() { k.sched.kill_all(); }
    BootConfig with_traffic(BootConfig config) const {
        for (const std::string& name : {first, second}) {
            TrafficPlan plan;
            plan.device = name;
            plan.working_set_bytes = 64 << 10;
            plan.chunk_bytes = 64 << 10;
            config.traffic.push_back(plan);
        }
        return config;
    }
    iommu::Step translate(std::uint32_t stream, std::uint64_t iova, bool write = false) {
        iommu::Request request;
        request.sid = StreamId{stream};
        request.address = iova;
        request.write = write;
        request.id = ++ids;
        const iommu::Step step = machine.untimed.translate(request);
        machine.run(k.sched);  // handlers
        return step;
    }
    const DmaPlan& plan(const std::string& device) const {
        for (const auto& [name, plan] : machine.masters) {
            if (name == device) return plan;
        }
        FAIL("no plan of " << device);
        return machine.masters.front().second;
    }
    Ptr<IommuDomain> domain(const std::string& device) {
        return boot.find_device(device)->iommu_group.peek()->domain.peek();
    }
    template <typename Body>
    void task(Body body) {
        k.spawn("test", 0, body);
        machine.run(k.sched);
    }
    bool said(const std::string& text) const { return k.console.text().find(text) != std::string::npos; }

    hardware::SmmuParams params;
    SmmuMachine machine;
    Variant variant;
    Kernel k;
    ArmSmmuBoard board;
    firmware::NodeIndex smmu;
    std::string first, second;
    KernelSystem system;
    LinuxBoot boot;
    std::uint64_t ids = 0;
};

void check_translated(Boot& run) {
    REQUIRE(run.machine.masters.size() == 2);
    for (const auto& [device, streams] :
         {std::pair{run.first, std::vector<std::uint32_t>{0x10, 0x11}}, {run.second, {0x20}}}) {
        const Ptr<IommuDomain> domain = run.domain(device);
        for (const DmaBuffer& buffer : run.plan(device).buffers) {
            for (const std::uint32_t stream : streams) {
                for (std::uint64_t at = 0; at < buffer.size; at += 4096) {
                    const std::uint64_t iova = buffer.iova.value + at + 8;
                    const iommu::Step step = run.translate(stream, iova, (at & 4096) != 0);
                    INFO(device << " stream " << stream << " iova " << iova);
                    REQUIRE(step.kind == StepKind::done);
                    // The driver's own answer; on hardware that translates for software, by that.
                    std::optional<PhysAddr> known;
                    run.task([&] { known = domain->iova_to_phys(Iova{iova}); });
                    CHECK(step.result.pa == known);
                }
            }
        }
    }
    CHECK(run.machine.smmu.counters.illegal_contexts == 0);
    for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
}

}  // namespace

TEST_CASE("arm-smmu driver and hardware: what was mapped is translated, in every format and stage",
          "[kernel-model][smmuv2]") {
    Options options;
    SECTION("VMSAv8-64 stage 1") { SUCCEED("chosen"); }
    SECTION("VMSAv8-64 stage 2") {
        options.features.s1ts = options.features.nts = 0;
        SUCCEED("chosen");
    }
    SECTION("VMSAv8-64 stage 1, no snooping") {
        options.features.cttw = 0;
        SUCCEED("chosen");
    }
    SECTION("VMSAv7 long") {
        options.features.ptfs_4k = options.features.ptfs_16k = options.features.ptfs_64k = 0;
        SUCCEED("chosen");
    }
    SECTION("VMSAv7 long stage 2") {
        options.features.ptfs_4k = options.features.ptfs_16k = options.features.ptfs_64k = 0;
        options.features.s1ts = options.features.nts = 0;
        SUCCEED("chosen");
    }
    SECTION("VMSAv7 short, on a 32-bit kernel") {
        options.config.arch = Arch::arm;
        SUCCEED("chosen");
    }
    SECTION("VMSAv7 long, on a 32-bit kernel") {
        options.config.arch = Arch::arm;
        options.config.parameters.arm_lpae = true;
        SUCCEED("chosen");
    }
    SECTION("an MMU-400") {
        options.features = hardware::mmu400_like();
        options.compatible = "arm,mmu-400";
        SUCCEED("chosen");
    }
    SECTION("lazy") {
        options.config.parameters.iommu_strict = false;
        SUCCEED("chosen");
    }
    Boot run(options);
    INFO(run.k.console.text());
    check_translated(run);
}

// MMU-401 has CBA2R, and Juno's masters are translated by contexts of the 64-bit format with a granule of 4 KiB.
TEST_CASE("arm-smmu driver and hardware: an MMU-401 under a 4 KiB kernel translates", "[kernel-model][smmuv2]") {
    Options options;
    options.features = hardware::mmu401_like();
    options.compatible = "arm,mmu-401";
    Boot run(options);
    const DmaBuffer buffer = run.plan(run.second).buffers.front();
    CHECK(run.translate(0x20, buffer.iova.value).kind == StepKind::done);
}

TEST_CASE("arm-smmu driver and hardware: a stream that nothing matches is blocked, and said",
          "[kernel-model][smmuv2]") {
    Boot run;
    CHECK(run.translate(0x77, 0x1000).kind == StepKind::fault);
    INFO(run.k.console.text());
    CHECK(run.said("Blocked unknown Stream ID 0x77; boot with \"arm-smmu.disable_bypass=0\" to allow"));
    Options open;
    open.config.parameters.arm_smmu_disable_bypass = false;
    Boot passing(open);
    const iommu::Step step = passing.translate(0x77, 0x1000);
    CHECK(step.kind == StepKind::done);
    CHECK(step.result.pa == PhysAddr{0x1000});
}

TEST_CASE("arm-smmu driver and hardware: mistakes leave a translation behind that the right driver drops",
          "[kernel-model][smmuv2]") {
    const auto stale_after_unmap = [](std::optional<Mistake> mistake) {
        Options options;
        if (mistake) options.config.mistakes.add(*mistake);
        Boot run(options);
        const DmaBuffer buffer = run.plan(run.second).buffers.front();
        const std::uint64_t last = buffer.iova.value + buffer.size - 4096;
        REQUIRE(run.translate(0x20, last).kind == StepKind::done);
        run.task([&] {
            const Ptr<IommuDomain> domain = run.domain(run.second);
            CHECK(domain->unmap(buffer.iova, buffer.size) == buffer.size);
            domain->iotlb_sync(buffer.iova, buffer.size);
        });
        return run.translate(0x20, last).kind == StepKind::done;
    };
    CHECK_FALSE(stale_after_unmap(std::nullopt));
    CHECK(stale_after_unmap(Mistake::unmap_without_tlbi));
    CHECK(stale_after_unmap(Mistake::short_range));
    CHECK(stale_after_unmap(Mistake::wrong_asid));
}
