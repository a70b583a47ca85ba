// What the sanitizer says of the driver of Arm SMMUv1 and v2: nothing; and of its mistakes: each is caught, by the rule
// that it breaks. The shadow of iommu/shadow stands beside the hardware, without time.
#include <catch2/catch.hpp>

#include "iommu/shadow/table_shadow.hpp"
#include "iommu/smmuv2/smmu.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "tests/kernel-model/arm_smmu_board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using iommu::ShadowRule;
namespace hardware = xlate::iommu::smmuv2;

namespace {

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

hardware::SmmuParams params_of(hardware::Features features) {
    hardware::SmmuParams params;
    params.features = features;
    params.features.numcb = 8;
    params.features.numsmrg = 16;
    params.context_interrupts = 8;
    return params;
}

/// The hardware, and the shadow that hears of everything.
class WatchedMachine final : public ImmediateMachine, public iommu::InvalidationSink {
public:
    explicit WatchedMachine(const hardware::Features& features)
        : cpu(memory), smmu(params_of(features)), untimed(smmu, cpu), shadow(smmu, cpu) {
        smmu.add_sink(*this);
    }
    ~WatchedMachine() override = default;

    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        return ours(address) ? untimed.read_register(address.value - kArmSmmuBase, size) : 0;
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        if (!ours(address)) return;
        const std::uint64_t offset = address.value - kArmSmmuBase;
        untimed.write_register(offset, size, value);
        const bool bank = offset >= smmu.features().space().bank(0);
        const std::uint64_t at = offset % smmu.features().space().page_bytes;
        if (bank ? at == hardware::cb::TLBSYNC : offset == hardware::gr0::sTLBGSYNC) shadow.drained();
    }
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override {
        pass(ns(1));
        shadow.memory_changes(address, size, now());
        ImmediateMachine::memory_write(address, bytes, size);
        shadow.memory_written(address, size, 1, now());
    }
    void invalidate(const iommu::Invalidation& invalidation) override {
        shadow.invalidate(invalidation, smmu.epoch(), now());
    }
    void annotate(const Annotation& claim) override {
        using Kind = Annotation::Kind;
        if (claim.kind == Kind::unmapped) {
            shadow.unmapped(smmu.space_of(claim.context), claim.first, claim.bytes, 2, now());
        } else if (claim.kind == Kind::flushed) {
            shadow.flushed(smmu.space_of(claim.context), claim.since, 2, now());
        } else if (claim.kind == Kind::freed) {
            shadow.freed(PhysAddr{claim.first}, claim.bytes, 2, now());
        }
    }
    bool translate(std::uint32_t stream, std::uint64_t address) {
        hardware::Translation slot;
        iommu::Request request;
        request.sid = StreamId{stream};
        request.address = address;
        slot.start(smmu, request);
        iommu::Reply reply;
        iommu::ShadowAccess reader;
        reader.sid = request.sid;
        reader.address = address;
        shadow.transaction(reader);
        for (;;) {
            const iommu::Step& step = slot.step(smmu, reply);
            if (step.kind == iommu::StepKind::done) return true;
            if (step.kind == iommu::StepKind::fault) return false;
            if (step.kind != iommu::StepKind::access) continue;
            iommu::serve(step.access, cpu, reply);
            shadow.read(step.access, reply, *slot.walked_space(), slot.epoch(), reader);
        }
    }
    bool ours(PhysAddr address) const { return address.value - kArmSmmuBase < smmu.register_bytes(); }

    CpuMemory cpu;
    hardware::Smmu smmu;
    iommu::Untimed untimed;
    iommu::TableShadow shadow;
};

struct Run {
    Run(const hardware::Features& features, BootConfig config)
        : machine(features),
          variant(find_variant("linux-6.12")),
          k(machine, variant),
          name(board.master(board.smmu({"arm,mmu-500"}, 1, machine.smmu.register_bytes()), {{0x10}})),
          system(k, board.description, std::move(config)),
          boot(k, board.description, system.boot_config()) {
        boot.start();
        machine.run(k.sched);
    }
    ~Run() { k.sched.kill_all(); }
    template <typename Body>
    void task(Body body) {
        k.spawn("test", 0, body);
        machine.run(k.sched);
    }
    /// A buffer is mapped, used, unmapped and freed; and pages give way to a block, with their table.
    void work() {
        Device& dev = *boot.find_device(name);
        std::optional<PhysAddr> memory;
        std::optional<Iova> iova;
        constexpr std::uint64_t kBytes = 0x4000, kBlock = 0x200000, kAt = 0x40000000;
        const Ptr<IommuDomain> domain = dev.iommu_group.peek()->domain.peek();
        task([&] {
            memory = system.pages.alloc(kBytes);
            iova = system.dma.dma_map_single(dev, *memory, kBytes, DmaDirection::bidirectional);
        });
        REQUIRE(iova);
        for (std::uint64_t at = 0; at < kBytes; at += 0x1000) CHECK(machine.translate(0x10, iova->value + at));
        task([&] {
            system.dma.dma_unmap_single(dev, *iova, kBytes);
            if (system.boot_config().parameters.iommu_strict.value_or(true)) system.pages.free(*memory, kBytes);
        });
        if (system.boot_config().parameters.iommu_strict.value_or(true)) {
            task([&] { CHECK(domain->map(Iova{kAt}, PhysAddr{0x60000000}, 0x1000, true, true) == 0); });
            CHECK(machine.translate(0x10, kAt));
            task([&] {
                CHECK(domain->unmap(Iova{kAt}, 0x1000) == 0x1000);
                domain->iotlb_sync(Iova{kAt}, 0x1000);
                CHECK(domain->map(Iova{kAt}, PhysAddr{0x60000000}, kBlock, true, true) == 0);
            });
        }
        machine.shadow.end(machine.now());
    }
    std::vector<ShadowRule> rules() const {
        std::vector<ShadowRule> all;
        for (const iommu::TableViolation& one : machine.shadow.violations()) all.push_back(one.rule);
        return all;
    }

    WatchedMachine machine;
    Variant variant;
    Kernel k;
    ArmSmmuBoard board;
    std::string name;
    KernelSystem system;
    LinuxBoot boot;
};

std::vector<ShadowRule> rules_of(std::optional<Mistake> mistake, const hardware::Features& features, bool strict) {
    BootConfig config;
    if (mistake) config.mistakes.add(*mistake);
    config.parameters.iommu_strict = strict;
    Run run(features, std::move(config));
    run.work();
    return run.rules();
}

}  // namespace

TEST_CASE("sanitizer: the driver of Arm SMMUv1 and v2 is clean, and each of its mistakes is caught",
          "[kernel-model][smmuv2][shadow]") {
    hardware::Features features = hardware::mmu500_like();
    const bool stage2 = GENERATE(false, true);
    if (stage2) features.s1ts = features.nts = 0;
    INFO("stage 2: " << stage2);
    CHECK(rules_of(std::nullopt, features, true).empty());
    CHECK(rules_of(std::nullopt, features, false).empty());
    const auto caught = [&](Mistake mistake, ShadowRule rule, bool strict = true) {
        const std::vector<ShadowRule> rules = rules_of(mistake, features, strict);
        INFO(name(mistake));
        CHECK(std::find(rules.begin(), rules.end(), rule) != rules.end());
    };
    caught(Mistake::unmap_without_tlbi, ShadowRule::missing_tlbi);
    caught(Mistake::tlbi_without_sync, ShadowRule::missing_sync);
    caught(Mistake::return_before_sync, ShadowRule::missing_sync);
    caught(Mistake::short_range, ShadowRule::missing_tlbi);
    caught(Mistake::leaf_only_walk, ShadowRule::table_outlived);
    caught(Mistake::flush_without_tlbi, ShadowRule::missing_tlbi, false);
    if (!stage2) caught(Mistake::wrong_asid, ShadowRule::missing_tlbi);  // TLBIs by IPA name no tag
}
