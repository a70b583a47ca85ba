// The series' patches and its defects on one thread: kernel-probe.md 4.4 and 8.
#include <memory>
#include <utility>

#include <catch2/catch.hpp>

#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

using Ids = std::vector<std::uint32_t>;

Board two_ids() {
    Board board;
    const auto smmu = board.smmu();
    board.client(0xA000000, {{smmu, 0x11}, {smmu, 0x22}});
    return board;
}

const char* const kClient = "a000000.dma";

std::string series(unsigned n, const char* stem = "series-v1@") { return stem + std::to_string(n); }

const IommuFwspec* live_fwspec(const BoardBoot& run) {
    const Device* dev = run.boot.find_device(kClient);
    const DevIommu* container = dev != nullptr ? dev->iommu.peek().get() : nullptr;
    return container != nullptr ? container->fwspec.peek().get() : nullptr;
}

}  // namespace

TEST_CASE("every runnable variant gives a client with one id its group and its domain", "[kernel][iommu]") {
    for (const Variant& variant : variants()) {
        if (!variant.runnable || variant.has(Cap::attempt_device_lock)) continue;
        INFO(variant.name);
        Board board;
        board.client(0xA000000, {{board.smmu(), 0x11}});
        const BoardBoot run(variant.name, board);
        const DeviceResult client = run.device(kClient);
        CHECK(client.state == "bound");
        CHECK(client.ids == Ids{0x11});
        CHECK(client.group == 0u);
        CHECK(client.domain == DomainType::dma);
        CHECK(client.iommu == "9050000.smmuv3");
        for (const Report& report : run.world.k.reports.all()) UNSCOPED_INFO(report.text());
        CHECK(run.world.k.reports.empty());
    }
}

TEST_CASE("taking each device's lock in the walk deadlocks on the IOMMU's own node", "[kernel][iommu]") {
    Board board;
    board.client(0xA000000, {{board.smmu(), 0x11}});
    const BoardBoot run("attempt-device-lock", board);
    REQUIRE(run.world.k.reports.all().size() == 1);
    CHECK(run.world.k.reports.all().front().kind == ReportKind::self_deadlock);
}

// Both are one stream then, which the SMMU's driver refuses twice.
TEST_CASE("two ids read as zero from patch 5 on, unless D-5a is repaired", "[kernel][iommu][series]") {
    for (unsigned n = 0; n <= 17; ++n) {
        INFO(n);
        const BoardBoot broken(series(n) + "~D-5b", two_ids());
        CHECK(broken.device(kClient).ids == (n >= 5 ? Ids{} : Ids{0x11, 0x22}));
        CHECK((broken.world.k.console.text().find("stream 0 already in tree") != std::string::npos) == (n >= 5));
        const BoardBoot fixed(series(n, "series-v1-fixed@"), two_ids());
        CHECK(fixed.device(kClient).ids == Ids{0x11, 0x22});
        CHECK(fixed.world.k.reports.empty());
    }
}

TEST_CASE("a client that defers itself keeps its live fwspec except at patches 8 to 14 (D-8a)",
          "[kernel][iommu][series]") {
    for (unsigned n = 0; n <= 17; ++n) {
        INFO(n);
        Board board;
        board.client(0xA000000, {{board.smmu(), 0x11}});
        DeferringClient client;
        client.deferrals = 1;
        const BoardBoot run(series(n), board, {}, &client);
        CHECK(run.device(kClient).state == "bound");
        CHECK(run.device(kClient).group == 0u);
        CHECK((live_fwspec(run) != nullptr) == (n < 8 || n >= 15));
        DeferringClient again;
        again.deferrals = 1;
        const BoardBoot fixed(series(n, "series-v1-fixed@"), board, {}, &again);
        CHECK(live_fwspec(fixed) != nullptr);
        CHECK(fixed.world.k.reports.empty());
    }
}

TEST_CASE("while its IOMMU is absent a client leaves a marker in base and nothing from patch 6 on", "[kernel][iommu]") {
    for (const char* const variant : {"base", "series-v1@5", "series-v1@6", "series-v1@17", "murphy-6.7", "linux-6.1",
                                      "linux-6.12", "mainline-6.11"}) {
        INFO(variant);
        Board board;
        board.smmu();
        board.client(0xA000000, {{board.foreign(0x9200000), 1}});
        BootConfig config;
        config.modules = modules({"generic_client"});
        BoardKernel kernel(variant, board.description, config);
        LinuxBoot& boot = kernel.boot;
        boot.start();
        kernel.world.machine.fire_timers = false;
        kernel.world.machine.run(kernel.world.k.sched);
        const std::string name = variant;
        const bool marker = name == "base" || name == "series-v1@5" || name == "murphy-6.7" || name == "linux-6.1";
        const Device& dev = *boot.find_device(kClient);
        const bool has = dev.iommu.peek() && dev.iommu.peek()->fwspec.peek();
        CHECK(has == marker);
        CHECK(dev.on_pending);
    }
}

TEST_CASE("a second IOMMU of another driver that is late ends in no IOMMU (R13), and in waiting since 6.11",
          "[kernel][iommu]") {
    Board board;
    const auto smmu = board.smmu();
    board.client(0xA000000, {{smmu, 1}, {board.foreign(0x9200000), 2}});
    for (const char* const variant : {"base", "linux-6.1", "murphy-6.7", "series-v1@17"}) {
        INFO(variant);
        const BoardBoot run(variant, board);
        CHECK(run.device(kClient).state == "bound");
        CHECK(!run.device(kClient).group);
        CHECK(run.world.machine.now() < ms(11'000));
    }
    const BoardBoot late("linux-6.12", board);
    bool deferred = false;
    for (const Event& event : late.world.k.events.events())
        deferred = deferred || (event.device == kClient && event.ret == -kEPROBE_DEFER);
    CHECK(deferred);
}

TEST_CASE("an error after a good entry leaves a stale fwspec in base, which the next attempt takes for configured (R9)",
          "[kernel][iommu]") {
    Board board;
    const auto smmu = board.smmu();
    const auto off = board.foreign(0x9200000);
    board.description.nodes[firmware::index(off)].available = false;
    board.client(0xA000000, {{smmu, 1}, {off, 2}});
    const BoardBoot base("base", board);
    CHECK(!base.device(kClient).group);
    CHECK(live_fwspec(base) != nullptr);
    const BoardBoot late("linux-6.12", board);
    CHECK(!late.device(kClient).group);
    CHECK(live_fwspec(late) == nullptr);
}

TEST_CASE("a client of an id that another master owns binds without a group", "[kernel][iommu]") {
    for (const char* const variant : {"base", "series-v1-fixed@17", "linux-6.1", "linux-6.12", "mainline-6.8"}) {
        INFO(variant);
        Board board;
        const auto smmu = board.smmu();
        board.client(0xA000000, {{smmu, 7}});
        board.client(0xB000000, {{smmu, 7}});
        const BoardBoot run(variant, board);
        CHECK(run.device(kClient).group == 0u);
        CHECK(run.device("b000000.dma").state == "bound");
        CHECK(!run.device("b000000.dma").group);
        CHECK(run.world.k.reports.empty());
    }
}

TEST_CASE("passthrough gives identity domains, lazy mode DMA-FQ", "[kernel][iommu]") {
    for (const char* const variant : {"base", "linux-6.1", "linux-6.12"}) {
        INFO(variant);
        BootConfig config;
        config.parameters.iommu_passthrough = true;
        CHECK(BoardBoot(variant, two_ids(), config).device(kClient).domain == DomainType::identity);
        config.parameters.iommu_passthrough = false;
        config.parameters.iommu_strict = false;
        CHECK(BoardBoot(variant, two_ids(), config).device(kClient).domain == DomainType::dma_fq);
    }
}

TEST_CASE("removing a device frees its container, its fwspec, its group and its domain", "[kernel][iommu]") {
    for (const char* const variant : {"base", "series-v1-fixed@11", "series-v1-fixed@17", "linux-6.1", "linux-6.12"}) {
        INFO(variant);
        BootConfig config;
        config.extra_tasks.push_back({"remove", 1, ms(100), [](LinuxBoot& boot) {
                                          if (Device* const dev = boot.find_device(kClient))
                                              boot.drivers().device_del(*dev);
                                      }});
        const BoardBoot run(variant, two_ids(), config);
        Heap& heap = const_cast<Kernel&>(run.world.k).heap;
        for (const char* const type : {"dev_iommu", "iommu_fwspec", "fwspec ids", "iommu_group", "iommu_domain"}) {
            INFO(type);
            CHECK(heap.live(type) == 0);
        }
        for (const Report& report : run.world.k.reports.all()) UNSCOPED_INFO(report.text());
        CHECK(run.world.k.reports.empty());
    }
}

TEST_CASE("6.15 makes groups when devices meet the IOMMU, before any driver binds", "[kernel][iommu]") {
    for (const char* const variant : {"mainline-6.15", "mainline-6.15.1"}) {
        INFO(variant);
        Board board;
        const auto smmu = board.smmu();
        board.client(0xA000000, {{smmu, 1}, {smmu, 2}});
        board.client(0xB000000, {{smmu, 3}});
        BootConfig config;
        config.modules = modules({"generic_client"});
        const BoardBoot run(variant, board, config);
        CHECK(run.device(kClient).ids == Ids{1, 2});
        CHECK(run.device(kClient).group == 0u);
        CHECK(run.device("b000000.dma").group == 1u);
        bool driver_seen = false;
        for (const Event& event : run.world.k.events.events()) {
            driver_seen = driver_seen || event.driver == "generic-client";
            if (event.kind == EventKind::add_device_to_group) CHECK(!driver_seen);
        }
        CHECK(run.world.k.reports.empty());
    }
}

// 46b3df8eb9bd, of 6.14.
TEST_CASE("an IOMMU that does not come is given up by fwspec_init itself since 6.14", "[kernel][iommu]") {
    for (const auto& [variant, answer] :
         {std::pair("linux-6.12", -kEPROBE_DEFER), std::pair("mainline-6.15", -kETIMEDOUT),
          std::pair("linux-7.3", -kETIMEDOUT)}) {
        INFO(variant);
        Board board;
        const auto foreign = board.foreign(0x9200000);
        board.client(0xA000000, {{foreign, 1}});
        BootConfig config;
        config.parameters.deferred_probe_timeout_s = 0;
        int seen = 1;
        config.extra_tasks.push_back({"parse", 1, ms(100), [&](LinuxBoot& boot) {
                                          IommuCore& core = boot.iommu();
                                          core.iommu_probe_device_lock.lock("test");
                                          seen = core.iommu_fwspec_init(*boot.find_device(kClient), foreign, nullptr);
                                          core.iommu_probe_device_lock.unlock("test");
                                      }});
        const BoardBoot run(variant, board, config);
        CHECK(seen == answer);
    }
}

namespace {

/// Its walk parses the first client; meanwhile another one is parsed from outside of a walk.
struct RegisteringOps : IommuOps {
    RegisteringOps(IommuCore& the_core, Device& the_other)
        : IommuOps("registering"), core(the_core), other(the_other) {}
    int of_xlate(Device& dev, const OfPhandleArgs& args) override {
        if (&dev != &other && answer == 1) answer = core.iommu_fwspec_init(other, args.np, nullptr);
        return 0;
    }
    PtrOrErr<IommuDevice> probe_device(Device&) override { return {{}, -kENODEV}; }
    void release_device(Device&) override {}
    PtrOrErr<IommuGroup> device_group(Device&) override { return {{}, -kENODEV}; }
    Ptr<IommuDomain> domain_alloc(DomainType) override { return {}; }
    IommuCore& core;
    Device& other;
    int answer = 1;
};

}  // namespace

// da33e87bd2bf: no check of the timeout, since this one will be there.
TEST_CASE("an IOMMU that is still registering is waited for, also after the timeout", "[kernel][iommu]") {
    for (const char* const variant : {"mainline-6.15.1", "linux-7.3"}) {
        INFO(variant);
        Board board;
        const auto foreign = board.foreign(0x9200000);
        board.client(0xA000000, {{foreign, 1}});
        board.client(0xB000000, {{foreign, 2}});
        BootConfig config;
        config.parameters.deferred_probe_timeout_s = 0;
        std::unique_ptr<RegisteringOps> ops;
        std::size_t lines = 0;
        config.extra_tasks.push_back(
            {"insmod", 1, ms(100), [&](LinuxBoot& boot) {
                 IommuCore& core = boot.iommu();
                 for (const char* const name : {kClient, "b000000.dma"})
                     boot.drivers().device_release_driver(*boot.find_device(name));
                 lines = core.k.console.lines().size();
                 ops = std::make_unique<RegisteringOps>(core, *boot.find_device("b000000.dma"));
                 const Ptr<IommuDevice> iommu = core.k.heap.make<IommuDevice>("test", "registering");
                 core.k.heap.set_immortal(*iommu.get());
                 core.iommu_device_register(iommu, ops.get(), Ptr<Device>(boot.find_device("9200000.iommu")));
             }});
        const BoardBoot run(variant, board, config);
        CHECK(ops->answer == -kEPROBE_DEFER);
        const std::vector<ConsoleLine>& all = run.world.k.console.lines();
        for (std::size_t i = lines; i < all.size(); ++i)
            CHECK(all[i].text.find("ignoring dependency") == std::string::npos);
    }
}
