// The row of arm-smmu (kernel-model/drivers/model) is what the driver does: same answers, ids and groups.
#include <catch2/catch.hpp>

#include <set>

#include "kernel-model/drivers/model/model_driver.hpp"
#include "tests/kernel-model/arm_smmu_board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

/// Per master: "answer of the probe, ids, group".
using Answers = std::map<std::string, std::string>;

Answers answers_of(const EventLog& log, LinuxBoot& boot) {
    Answers all;
    for (const DeviceResult& device : boot.devices()) {
        if (device.name.find(".dma") == std::string::npos) continue;
        std::string answer = "not asked";
        for (const Event& event : log.events()) {
            const bool bind = event.kind == EventKind::iommu_probe_device && event.caller == "of_iommu_configure";
            if (bind && event.device == device.name && event.ret) answer = std::to_string(*event.ret);
        }
        std::string ids;
        for (const std::uint32_t id : device.ids) ids += fmt::format("{:#x} ", id);
        all[device.name] = fmt::format("{}, {}, {}", answer, ids,
                                       device.group ? std::to_string(*device.group) : std::string("no group"));
    }
    return all;
}

Answers answers_of_row(const ArmSmmuBoard& board, const std::string& variant_name, unsigned entries, bool matching) {
    ImmediateMachine machine;
    const Variant variant = find_variant(variant_name);
    Kernel k(machine, variant);
    ModelPolicy policy;
    ModelHardware hardware;
    hardware.entries = entries;
    hardware.stream_matching = matching;
    policy.hardware.emplace_back("7f000000.iommu", hardware);
    BootConfig config;
    config.drivers.push_back({"arm-smmu", [&policy](LinuxBoot& boot) {
                                  return std::make_unique<ModelIommuDriver>(boot.iommu(), boot.of(),
                                                                            *boot.drivers().buses().front(),
                                                                            *find_model_driver("arm-smmu"), policy);
                              }});
    LinuxBoot boot(k, board.description, config);
    boot.start();
    machine.run(k.sched);
    Answers all = answers_of(k.events, boot);
    k.sched.kill_all();
    return all;
}

}  // namespace

TEST_CASE("arm-smmu answers as its row does: sharing, masks, overlap, exhaustion, limits", "[kernel][smmuv2]") {
    const std::string variant = GENERATE(as<std::string>{}, "linux-6.1", "base", "series-v1@17", "linux-6.12");
    ArmSmmuBoard board;
    ArmSmmuIds ids;
    unsigned entries = 16;
    bool matching = true;
    SECTION("ids shared, covered, half covered") {
        const auto smmu = board.smmu({"arm,mmu-500"}, 2);
        board.master(smmu, {{0x10, 0}});
        board.master(smmu, {{0x10, 0}});
        board.master(smmu, {{0x40, 0xF}});
        board.master(smmu, {{0x47, 0}});
        board.master(smmu, {{0x40, 0xFF}});
        board.master(smmu, {{0x20, 0}, {0x20, 0}});
        SUCCEED("chosen");
    }
    SECTION("entries run out, and come back") {
        const auto smmu = board.smmu({"arm,mmu-500"});
        board.master(smmu, {{1}, {2}, {3}});
        board.master(smmu, {{4}, {5}});
        board.master(smmu, {{6}});
        entries = 4;
        ids.id0 = (ids.id0 & ~0xFFu) | entries;
        SUCCEED("chosen");
    }
    SECTION("an id beyond 15 bits") {
        const auto smmu = board.smmu({"arm,mmu-500"});
        board.master(smmu, {{0x8000}});
        board.master(smmu, {{0x7FFF}});
        SUCCEED("chosen");
    }
    INFO(variant);
    ArmSmmuRamBoot run(board, ids, {}, variant);
    CHECK(answers_of(run.k.events, run.boot) == answers_of_row(board, variant, entries, matching));
    for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
}
