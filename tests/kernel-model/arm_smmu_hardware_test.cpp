// The driver of Arm SMMUv1 and v2 with the hardware behind its registers, without time: what a boot leaves translates
// what was mapped and nothing else, for every id that a master may send; faults are printed and cleared; unmapped pages
// go.
#include <catch2/catch.hpp>

#include <map>
#include <memory>

#include "firmware/description.hpp"
#include "iommu/smmuv2/smmu.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/booted.hpp"
#include "tests/kernel-model/immediate_machine.hpp"
#include "tests/places.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace v2 = xlate::iommu::smmuv2;
using iommu::StepKind;

namespace {

constexpr std::uint64_t kBase = 0x09050000;

/// CPU memory, as the walker sees it.
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

class SmmuMachine final : public ImmediateMachine {
public:
    explicit SmmuMachine(const v2::SmmuParams& params) : cpu(memory), smmu(params), untimed(smmu, cpu) {}
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        return inside(address) ? untimed.read_register(address.value - kBase, size) : 0;
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        if (inside(address)) untimed.write_register(address.value - kBase, size, value);
    }
    bool inside(PhysAddr address) const { return address.value - kBase < smmu.register_bytes(); }

    CpuMemory cpu;
    v2::Smmu smmu;
    iommu::Untimed untimed;
};

v2::SmmuParams mmu500() {
    v2::SmmuParams params;
    params.features = v2::mmu500_like();
    params.features.atosns = 0;  // the driver asks it
    v2::fit_space(params.features, 0x20000);
    v2::fit_interrupts(params.features, 8);
    params.context_interrupts = 8;
    return params;
}

struct Boot : Booted<SmmuMachine> {
    explicit Boot(const v2::SmmuParams& params = mmu500(), KernelParameters parameters = {})
        : Booted(firmware::read_device_tree(
                     firmware::read_file(std::string(xlate::tests::binary_dir()) + "/boards/smmuv2.dtb"), "smmuv2.dtb"),
                 "linux-6.12", config(parameters), params) {
        machine.untimed.on_wire = [this](const iommu::WireSpec& wire) {
            for (auto& [key, handler] : machine.interrupts) {
                if (key.second == wire.name) handler();
            }
        };
        start();
    }
    static BootConfig config(const KernelParameters& parameters) {
        BootConfig made;
        made.parameters = parameters;
        made.traffic = plans_of({"a000000.video", "a010000.dma"}, 256 << 10);
        return made;
    }
    iommu::Step translate(std::uint32_t sid, std::uint64_t iova, bool write) {
        const iommu::Step step = machine.untimed.translate(request(sid, iova, write));
        machine.run(k.sched);  // the handler
        return step;
    }
};

const std::map<std::string, std::vector<std::uint32_t>> kIds{
    {"a000000.video", {0x4000, 0x4001, 0x4007}},
    {"a010000.dma", {0x4010, 0x4011}},
};

void check_mappings(Boot& run) {
    INFO(run.k.console.text());
    REQUIRE(run.machine.masters.size() == 2);
    for (const auto& [device, plan] : run.machine.masters) {
        INFO(device);
        const Ptr<IommuDomain> domain = run.domain(device);
        REQUIRE(domain->type == DomainType::dma);
        std::vector<std::pair<std::uint64_t, PhysAddr>> got;
        for (const std::uint32_t sid : kIds.at(device)) {
            for (const DmaBuffer& buffer : plan.buffers) {
                for (std::uint64_t at = 0; at < buffer.size; at += 4096) {
                    for (const bool write : {false, true}) {
                        const iommu::Step step = run.translate(sid, buffer.iova.value + at + 8, write);
                        REQUIRE(step.kind == StepKind::done);
                        got.emplace_back(buffer.iova.value + at + 8, step.result.pa);
                    }
                }
            }
        }
        // Linux asks the hardware itself, by ATS1PR, where it can.
        bool same = true;
        run.task([&] {
            for (const auto& [iova, pa] : got) same = same && domain->iova_to_phys(Iova{iova}) == pa;
        });
        CHECK(same);
        CHECK_FALSE(got.empty());
    }
    CHECK(run.machine.smmu.counters.illegal_contexts == 0);
    CHECK(run.machine.smmu.counters.faults == 0);
    for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
}

}  // namespace

TEST_CASE("arm-smmu and its hardware: what was mapped is translated, for every id under the mask",
          "[kernel-model][arm-smmu]") {
    Boot run;
    check_mappings(run);
}

TEST_CASE("arm-smmu and its hardware: with any format that it may have", "[kernel-model][arm-smmu]") {
    v2::SmmuParams params = mmu500();
    SECTION("stage 2 alone") {
        params.features.s1ts = 0;
        SUCCEED("chosen");
    }
    SECTION("VMSAv7 long descriptors: no granule of VMSAv8-64") {
        params.features.ptfs_4k = params.features.ptfs_16k = params.features.ptfs_64k = 0;
        SUCCEED("chosen");
    }
    SECTION("SMMUv1") {
        params.features = v2::features_by_name("smmu-v1");
        v2::fit_space(params.features, 0x20000);
        params.features.numcb = 8;
        SUCCEED("chosen");
    }
    SECTION("40 bits") {
        params.features.ias = params.features.oas = params.features.ubs = 2;
        SUCCEED("chosen");
    }
    SECTION("extended ids, VMIDs of 16 bits") {
        params.features.exids = 1;
        SUCCEED("chosen");
    }
    Boot run(params);
    check_mappings(run);
}

TEST_CASE("arm-smmu and its hardware: faults are printed and cleared", "[kernel-model][arm-smmu]") {
    Boot run;
    const auto bank_of = [&](std::uint32_t sid) {
        const v2::StreamMatch match = v2::match_stream(run.machine.smmu.registers, sid, true);
        return v2::s2cr::CBNDX.get(run.machine.smmu.registers.s2cr[match.group]);
    };
    CHECK(run.translate(0x4003, 0x12345678, true).kind == StepKind::fault);
    const std::string log = run.k.console.text();
    INFO(log);
    CHECK(log.find("Unhandled context fault: fsr=0x402, iova=0x12345678, fsynr=0x1") != std::string::npos);
    CHECK(log.find("cbfrsynra=0x4003, cb=" + std::to_string(bank_of(0x4003))) != std::string::npos);
    for (const v2::Bank& bank : run.machine.smmu.registers.banks) CHECK(bank.fsr == 0);
    // A stream that no master was given.
    CHECK(run.translate(0x5555, 0x1000, false).kind == StepKind::fault);
    CHECK(run.k.console.text().find("Blocked unknown Stream ID 0x5555") != std::string::npos);
    CHECK(run.machine.smmu.registers.gfsr == 0);
    // After the handler the context goes on.
    const auto& [device, plan] = run.machine.masters.front();
    CHECK(run.translate(kIds.at(device).front(), plan.buffers.front().iova.value, false).kind == StepKind::done);
}

TEST_CASE("arm-smmu and its hardware: what is unmapped is gone", "[kernel-model][arm-smmu]") {
    for (const bool stage2 : {false, true}) {
        CAPTURE(stage2);
        v2::SmmuParams params = mmu500();
        if (stage2) params.features.s1ts = 0;
        Boot run(params);
        for (const auto& [device, plan] : run.machine.masters) {
            INFO(device);
            const DmaBuffer buffer = plan.buffers.front();
            const std::uint32_t sid = kIds.at(device).back();
            REQUIRE(run.translate(sid, buffer.iova.value, false).kind == StepKind::done);
            REQUIRE(run.translate(sid, buffer.iova.value + buffer.size - 1, true).kind == StepKind::done);
            const Ptr<IommuDomain> domain = run.domain(device);
            run.task([&] { CHECK(domain->unmap(buffer.iova, buffer.size) == buffer.size); });
            CHECK(run.translate(sid, buffer.iova.value, false).kind == StepKind::fault);
            CHECK(run.translate(sid, buffer.iova.value + buffer.size - 1, true).kind == StepKind::fault);
        }
        CHECK(run.machine.smmu.counters.syncs > 0);
    }
}

TEST_CASE("arm-smmu and its hardware: identity passes", "[kernel-model][arm-smmu]") {
    KernelParameters parameters;
    parameters.iommu_passthrough = true;
    Boot run(mmu500(), parameters);
    const iommu::Step step = run.translate(0x4002, 0x123456789, true);
    CHECK(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x123456789);
    CHECK(run.domain("a000000.video")->type == DomainType::identity);
}

// What Linux printed: of MMU-500s NXP's i.MX8QM and LX2160A and NVIDIA's Tegra194 and Tegra234; of Qualcomm's SC7280,
// SC8280XP and SA8775P; of its MSM8996 and MSM8998; of Cavium's ThunderX.
TEST_CASE("arm-smmu and its hardware: presets say to the driver what the parts do", "[kernel-model][arm-smmu]") {
    struct Row {
        const char* preset;
        bool nested, operations;
        const char* sizes;
        const char* stage1;
    };
    for (const Row& row : {Row{"mmu-500-like", true, false, "0x61311000", "48-bit VA -> 48-bit IPA"},
                           Row{"nvidia-smmu-500-like", true, false, "0x61311000", "48-bit VA -> 48-bit IPA"},
                           Row{"qcom-smmu-500-like", false, false, "0x61311000", "48-bit VA -> 36-bit IPA"},
                           Row{"qcom-smmu-v2-like", false, true, "0x63315000", "36-bit VA -> 36-bit IPA"},
                           Row{"cavium-smmu-v2-like", true, false, "0x62215000", "48-bit VA -> 48-bit IPA"}}) {
        v2::SmmuParams params = mmu500();
        params.features = v2::features_by_name(row.preset);
        v2::fit_space(params.features, 0x20000);
        v2::fit_interrupts(params.features, 8);
        Boot run(params);
        const std::string text = run.k.console.text();
        INFO(row.preset << "\n" << text);
        const auto said = [&](const std::string& part) { return text.find(part) != std::string::npos; };
        CHECK(said("\tstage 1 translation"));
        CHECK(said("\tstage 2 translation") == row.nested);
        CHECK(said("\tnested translation") == row.nested);
        CHECK(said("\taddress translation ops") == row.operations);
        CHECK(said(std::string("\tSupported page sizes: ") + row.sizes));
        CHECK(said(std::string("\tStage-1: ") + row.stage1));
        check_mappings(run);
    }
}
