#include "kernel-model/clients/client_dma.hpp"

#include <catch2/catch.hpp>

#include <map>

#include "tests/corpus.hpp"
#include "tests/kernel-model/smmu_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

/// Remembers each transfer, and whether its address was mapped when it was submitted and when it ended.
class ClientMachine : public SmmuTestMachine {
public:
    using SmmuTestMachine::SmmuTestMachine;
    void submit_dma(const std::string& device, Iova iova, std::uint64_t size, bool write,
                    std::function<void(bool)> done) override {
        ++in_flight;
        most_in_flight = std::max(most_in_flight, in_flight);
        if (write) ++writes_submitted;
        submitted.push_back(iova.value);
        SmmuTestMachine::submit_dma(device, iova, size, write, [this, iova, done = std::move(done)](bool) {
            --in_flight;
            done(!mapped || mapped(iova));
        });
    }
    std::function<bool(Iova)> mapped;
    std::vector<std::uint64_t> submitted;
    int in_flight = 0;
    int most_in_flight = 0;
    int writes_submitted = 0;
};

struct ClientWorld {
    ClientWorld() : client(world.k, world.dma) {
        REQUIRE(world.probe_smmu() == 0);
        dev = world.make_device("a000000.dma", 2);
        REQUIRE(world.add_master(dev, {0x10}) == 0);
    }
    int probe(const TrafficPlan& plan) {
        int err = 1;
        world.run([&] { err = client.probe(*dev, &plan); });
        return err;
    }
    SmmuWorldOf<ClientMachine> world;
    ClientDma client;
    Ptr<Device> dev;
};

TrafficPlan once(std::uint64_t working_set, std::uint64_t chunk) {
    TrafficPlan plan;
    plan.device = "a000000.dma";
    plan.working_set_bytes = working_set;
    plan.chunk_bytes = chunk;
    return plan;
}

}  // namespace

TEST_CASE("client: mapped once, the master gets every piece of its working set", "[kernel-model][client]") {
    ClientWorld one;
    TrafficPlan plan = once(5 << 20, 2 << 20);
    plan.coherent = GENERATE(false, true);
    REQUIRE(one.probe(plan) == 0);
    REQUIRE(one.world.machine.masters.size() == 1);
    CHECK(one.world.machine.masters[0].first == "a000000.dma");
    const auto& buffers = one.world.machine.masters[0].second.buffers;
    REQUIRE(buffers.size() == 3);
    CHECK(buffers[0].size + buffers[1].size + buffers[2].size == 5 << 20);
    const auto domain = one.world.domain_of(one.dev);
    for (const DmaBuffer& buffer : buffers) {
        for (std::uint64_t at = 0; at < buffer.size; at += 4096) {
            REQUIRE(domain->iova_to_phys(Iova{buffer.iova.value + at}));
        }
    }
    SECTION("and all goes when the driver is removed") {
        one.world.run([&] { one.client.remove(*one.dev); });
        for (const DmaBuffer& buffer : buffers) CHECK_FALSE(domain->iova_to_phys(buffer.iova));
        CHECK(one.client.mapped("a000000.dma").empty());
    }
}

TEST_CASE("client: a chunk of several pieces of memory is one range of addresses", "[kernel-model][client]") {
    ClientWorld one;
    TrafficPlan plan = once(64 << 10, 64 << 10);
    plan.segments_per_chunk = 4;
    REQUIRE(one.probe(plan) == 0);
    REQUIRE(one.world.machine.masters[0].second.buffers.size() == 1);
    CHECK(one.world.machine.masters[0].second.buffers[0].size == 64 << 10);
}

TEST_CASE("client: a mapping taken away in mid traffic is gone from the tables and from the TLB",
          "[kernel-model][client]") {
    ClientWorld one;
    TrafficPlan plan = once(2 << 20, 1 << 20);
    plan.unmap_mid_traffic = TrafficPlan::Unmap{us(50), 1};
    REQUIRE(one.probe(plan) == 0);
    const auto& buffers = one.world.machine.masters[0].second.buffers;
    const auto domain = one.world.domain_of(one.dev);
    CHECK(domain->iova_to_phys(buffers[0].iova));
    CHECK_FALSE(domain->iova_to_phys(buffers[1].iova));
    CHECK(one.client.stats("a000000.dma")->unmapped_mid_traffic);
    const auto names = one.world.command_names();
    CHECK(names.back() == "CMD_SYNC");
    CHECK(names[names.size() - 2] == "CMD_TLBI_NH_VA");
}

TEST_CASE("client: per transfer, each is mapped while it is under way and all are unmapped in the end",
          "[kernel-model][client]") {
    ClientWorld one;
    TrafficPlan plan = once(1 << 20, 1 << 20);
    plan.mapping = TrafficPlan::Mapping::per_transfer;
    plan.transfers = 500;
    plan.transfer_bytes = GENERATE(512u, 4096u, 65536u);
    plan.outstanding = 5;
    plan.cpus = {0, 0, 0};
    plan.read_numerator = 1;
    plan.read_denominator = 2;
    const auto domain = one.world.domain_of(one.dev);
    one.world.machine.mapped = [domain](Iova iova) { return domain->iova_to_phys(iova).has_value(); };
    REQUIRE(one.probe(plan) == 0);
    const ClientStats& stats = *one.client.stats("a000000.dma");
    CHECK(stats.started == 500);
    CHECK(stats.completed == 500);
    CHECK(stats.failed == 0);
    CHECK_FALSE(stats.running);
    CHECK(one.world.machine.most_in_flight <= 5);
    CHECK(one.world.machine.most_in_flight >= 2);
    CHECK(one.world.machine.writes_submitted > 150);
    CHECK(one.world.machine.writes_submitted < 350);
    for (const std::uint64_t iova : one.world.machine.submitted) CHECK_FALSE(domain->iova_to_phys(Iova{iova}));
    CHECK(one.world.dma.stats().maps == one.world.dma.stats().unmaps);
}

TEST_CASE("client: what cannot be had fails the probe", "[kernel-model][client]") {
    ClientWorld one;
    SECTION("memory") { CHECK(one.probe(once(4ull << 30, 2ull << 30)) == -kENOMEM); }
    SECTION("addresses") {
        TrafficPlan plan = once(1 << 20, 1 << 20);
        plan.dma_mask_bits = 16;
        CHECK(one.probe(plan) == -kEIO);
    }
    CHECK(one.world.said("for DMA"));
    CHECK(one.world.machine.masters.empty());
    CHECK(one.client.mapped("a000000.dma").empty());
}

TEST_CASE("client: Linux boots a real board with the real driver, and every NVMe transfer has a page of its own",
          "[kernel-model][client][corpus]") {
    if (xlate::tests::skip_without("linux-boot/dt-smmuv3-dma-6.1")) return;
    const auto blob =
        firmware::read_file((*xlate::tests::corpus() / "linux-boot" / "dt-smmuv3-dma-6.1" / "board.dtb").string());
    const firmware::Description board = firmware::read_device_tree(blob, "board.dtb");
    const Variant variant = find_variant("linux-6.1");
    ClientMachine machine{SmmuIds{}};
    Kernel k{machine, variant};
    PageAllocator pages{k, board};
    DmaParams params;
    params.cpus = 2;
    DmaIommu dma{k, pages, board, params};
    ClientDma client{k, dma};
    BootConfig config;
    PciRoot root;
    root.host = "4010000000.pcie";
    PciFunction nvme;
    nvme.device = 4;
    nvme.class_code = 0x010802;
    nvme.driver = "nvme";
    root.functions = {nvme};
    config.pci = {root};
    TrafficPlan plan;
    plan.device = "0000:00:04.0";
    plan.mapping = TrafficPlan::Mapping::per_transfer;
    plan.transfers = 20;
    plan.outstanding = 2;
    config.traffic = {plan};
    config.drivers = {arm_smmu_v3_driver(pages)};
    config.client = &client;
    config.dma = &dma;
    config.arch = GENERATE(Arch::arm64, Arch::arm);  // ARM32: through a mapping of its own
    LinuxBoot boot{k, board, config};
    boot.start();
    machine.run(k.sched);
    INFO(k.console.text());
    CHECK(k.console.text().find("arm-smmu-v3 9050000.smmuv3: ias 44-bit, oas 44-bit (features 0x00008305)") !=
          std::string::npos);
    const auto groups = boot.groups();
    REQUIRE(groups.size() == 1);
    // The type is the default domain's, and 6.1 has none without the generic DMA layer.
    CHECK(groups[0].type == (config.arch == Arch::arm ? DomainType::none : DomainType::dma));
    REQUIRE(client.stats("0000:00:04.0") != nullptr);
    CHECK(client.stats("0000:00:04.0")->completed == 20);
    // PCI: below 4 GiB first, from the top. ARM32's own allocator begins at zero (linux-findings.md, every family 2).
    REQUIRE(machine.submitted.size() == 20);
    CHECK(machine.submitted[0] == (config.arch == Arch::arm ? 0 : 0xFFFFF000));
    CHECK(machine.submitted[1] == (config.arch == Arch::arm ? 0x1000 : 0xFFFFE000));
    k.finish();
    CHECK(k.reports.empty());
}
