// ATS as the driver switches it on, keeps ATCs honest, and switches it off.
#include <catch2/catch.hpp>

#include "kernel-model/pci/ats.hpp"
#include "tests/kernel-model/smmu_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using iommu::smmuv3::CommandWords;

namespace {

constexpr std::uint32_t kIdr0Ats = 1u << 10;
constexpr std::uint32_t kSid = 0x10;

struct AtsMachine : SmmuTestMachine {
    explicit AtsMachine(const SmmuIds& ids) : SmmuTestMachine(ids) {
        on_command = [this](const CommandWords& command) {
            order.emplace_back(iommu::smmuv3::name(static_cast<iommu::smmuv3::Opcode>(command[0] & 0xFF)));
        };
    }
    void control_ats(const std::string& device, bool enable) override {
        order.push_back(device + (enable ? " on" : " off"));
    }
    std::vector<std::string> order;  // commands and controls
};

SmmuIds with_ats() {
    SmmuIds ids;
    ids.idr0 |= kIdr0Ats;
    return ids;
}

/// One PCI function behind an SMMU; whether SMMU, root complex and function do ATS.
struct OneFunction {
    OneFunction(bool smmu, bool root_complex, bool function) : world(smmu_board(2), smmu ? with_ats() : SmmuIds{}) {
        REQUIRE(world.probe_smmu() == 0);
        REQUIRE(add(world.machine.order, "0000:00:02.0", kSid, root_complex, function, dev) == 0);
    }
    int add(std::vector<std::string>& order, const char* name, std::uint32_t sid, bool root_complex, bool function,
            Ptr<PciDevice>& made) {
        PciFunction config;
        config.ats = function;
        made = world.k.heap.make<PciDevice>("test", name, &world.platform, Ptr<Device>{}, bus, config);
        world.k.heap.set_immortal(*made);
        order.clear();
        int err = 0;
        world.run([&] {
            world.drivers.device_add(made, false);
            err = world.iommu.iommu_fwspec_init(*made, static_cast<firmware::NodeIndex>(1), &world.driver.ops());
            if (err == 0) err = world.iommu.iommu_fwspec_add_ids(*made, {sid});
            if (root_complex) made->iommu.peek()->fwspec.peek()->flags.poke(kFwspecPciRcAts);
            if (err == 0) err = world.iommu.iommu_probe_device(*made, "test");
            if (err == 0) world.iommu.iommu_setup_dma_ops(*made, 0, ~std::uint64_t{0});
        });
        return err;
    }
    std::uint64_t eats() {
        const std::uint64_t dw1 = world.machine.word(world.smmu().strtab.ste_address(kSid).value + 8);
        return dw1 >> 28 & 3;
    }
    /// Maps and unmaps two pages.
    void use() {
        world.run([&] {
            const auto iova = world.dma.dma_map_single(*dev, PhysAddr{0x50000000}, 8192, DmaDirection::bidirectional);
            REQUIRE(iova);
            world.machine.order.clear();
            world.machine.commands.clear();
            world.dma.dma_unmap_single(*dev, *iova, 8192);
        });
    }
    SmmuWorldOf<AtsMachine> world;
    PciBusNode bus;
    Ptr<PciDevice> dev;
};

}  // namespace

TEST_CASE("arm-smmu-v3: ATC_INV covers a range by the smallest aligned power of two of pages",
          "[kernel-model][smmuv3][ats]") {
    CHECK(atc_inv_command(0x10, 0, 0) == CommandWords{0x0000001000000040, 0x34});
    CHECK(atc_inv_command(0x10, 0x7000, 0x4000) == CommandWords{0x0000001000000040, 0x4});  // pages 7..10: XOR 0xD
    CHECK(atc_inv_command(0x10, 0x7000, 0x1000) == CommandWords{0x0000001000000040, 0x7000});
    CHECK(atc_inv_command(0x10, 0x8000, 0x4000) == CommandWords{0x0000001000000040, 0x8002});  // pages 8..11
    CHECK(atc_inv_command(0x10, 0x200000, 0x200000) == CommandWords{0x0000001000000040, 0x200009});
    CHECK(atc_inv_command(0x10, 0xFFFFFFFFF000, 0x1000) == CommandWords{0x0000001000000040, 0xFFFFFFFFF000});
}

TEST_CASE("arm-smmu-v3: ATS is switched on behind the new STE, at an empty ATC", "[kernel-model][smmuv3][ats]") {
    OneFunction one(true, true, true);
    CHECK(one.eats() == 1);
    const std::vector<std::string>& order = one.world.machine.order;
    REQUIRE(order.size() >= 4);
    const std::vector<std::string> end(order.end() - 4, order.end());
    CHECK(end == std::vector<std::string>{"CMD_PREFETCH_CONFIG", "CMD_ATC_INV", "CMD_SYNC", "0000:00:02.0 on"});
    CHECK(one.world.k.reports.empty());
}

TEST_CASE("arm-smmu-v3: a strict unmap reaches the ATC when the TLBs have forgotten", "[kernel-model][smmuv3][ats]") {
    OneFunction one(true, true, true);
    one.use();
    CHECK(one.world.machine.order == std::vector<std::string>{"CMD_TLBI_NH_VA", "CMD_SYNC", "CMD_ATC_INV", "CMD_SYNC"});
    const CommandWords& command = one.world.machine.commands.at(2);
    CHECK(command[0] == 0x0000001000000040);
    CHECK((command[1] & 0x3F) == 1);  // two pages
    one.world.machine.order.clear();
    one.world.machine.commands.clear();
    one.world.run([&] { one.world.domain_of(one.dev)->flush_iotlb_all(); });
    CHECK(one.world.machine.order ==
          std::vector<std::string>{"CMD_TLBI_NH_ASID", "CMD_SYNC", "CMD_ATC_INV", "CMD_SYNC"});
    CHECK(one.world.machine.commands.at(2)[1] == 0x34);
}

TEST_CASE("arm-smmu-v3: only masters with ATS get an ATC_INV", "[kernel-model][smmuv3][ats]") {
    OneFunction one(true, true, true);
    Ptr<PciDevice> plain;
    REQUIRE(one.add(one.world.machine.order, "0000:00:03.0", 0x18, true, false, plain) == 0);
    one.world.run([&] {
        one.world.domain_of(plain)->attach_dev(*one.dev);  // both in one domain
        one.world.machine.commands.clear();
        one.world.domain_of(plain)->flush_iotlb_all();
    });
    std::vector<CommandWords> atc;
    for (const CommandWords& command : one.world.machine.commands) {
        if ((command[0] & 0xFF) == 0x40) atc.push_back(command);
    }
    CHECK(atc == std::vector<CommandWords>{{0x0000001000000040, 0x34}});
}

TEST_CASE("arm-smmu-v3: a released function is switched off before its STE refuses it, and forgets last",
          "[kernel-model][smmuv3][ats]") {
    OneFunction one(true, true, true);
    one.world.machine.order.clear();
    one.world.run([&] { one.world.driver.ops().release_device(*one.dev); });
    CHECK(one.world.machine.order ==
          std::vector<std::string>{"0000:00:02.0 off", "CMD_CFGI_STE", "CMD_SYNC", "CMD_ATC_INV", "CMD_SYNC"});
}

TEST_CASE("arm-smmu-v3: without SMMU, root complex or function there is no ATS", "[kernel-model][smmuv3][ats]") {
    struct Row {
        bool smmu, root_complex, function;
    };
    for (const Row& row : {Row{false, true, true}, Row{true, false, true}, Row{true, true, false}}) {
        CAPTURE(row.smmu, row.root_complex, row.function);
        OneFunction one(row.smmu, row.root_complex, row.function);
        CHECK(one.eats() == 0);
        one.use();
        CHECK(one.world.machine.order == std::vector<std::string>{"CMD_TLBI_NH_VA", "CMD_SYNC"});
    }
}
