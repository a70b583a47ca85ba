#include "kernel-model/clients/client_ring.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "kernel-model/clients/client_dma.hpp"
#include "tests/kernel-model/smmu_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

struct Submitted {
    std::uint64_t iova;
    std::uint64_t size;
    bool write;
    std::size_t mapped;  ///< pages, when it was submitted
};

class RingMachine : public SmmuTestMachine {
public:
    using SmmuTestMachine::SmmuTestMachine;
    void submit_dma(const std::string& device, Iova iova, std::uint64_t size, bool write,
                    std::function<void(bool)> done) override {
        most_in_flight = std::max(most_in_flight, ++in_flight);
        all.push_back({iova.value, size, write, pages_mapped ? pages_mapped() : 0});
        SmmuTestMachine::submit_dma(device, iova, size, write, [this, iova, done = std::move(done)](bool) {
            --in_flight;
            done(!mapped || mapped(iova));
        });
    }
    std::function<bool(Iova)> mapped;
    std::function<std::size_t()> pages_mapped;
    std::vector<Submitted> all;
    int in_flight = 0;
    int most_in_flight = 0;
};

struct RingWorld {
    RingWorld() : client(world.k, world.dma) {
        REQUIRE(world.probe_smmu() == 0);
        dev = world.make_device("a000000.dma", 2);
        REQUIRE(world.add_master(dev, {0x10}) == 0);
        domain = world.domain_of(dev);
        world.machine.mapped = [this](Iova iova) { return domain->iova_to_phys(iova).has_value(); };
        world.machine.pages_mapped = [this] {
            return static_cast<std::size_t>(world.dma.stats().maps - world.dma.stats().unmaps);
        };
        plan.device = "a000000.dma";
        plan.mapping = TrafficPlan::Mapping::ring;
        plan.transfer_bytes = 4096;
        plan.transfers = 300;
        plan.outstanding = 3;
        plan.cpus = {0};
        plan.read_numerator = 0;
        plan.ring.descriptors = 8;
        plan.ring.buffers = 4;
    }
    const ClientStats& run() {
        int err = 1;
        world.run([&] { err = client.probe(*dev, &plan); });
        REQUIRE(err == 0);
        return *client.stats("a000000.dma");
    }
    SmmuWorldOf<RingMachine> world;
    ClientDma client;
    Ptr<Device> dev;
    Ptr<IommuDomain> domain;
    TrafficPlan plan;
};

}  // namespace

TEST_CASE("ring: the device takes buffers in order from rings that are filled ahead", "[kernel-model][client]") {
    RingWorld one;
    one.plan.cpus = GENERATE(std::vector<unsigned>{0}, std::vector<unsigned>{0, 0, 0});
    const ClientStats& stats = one.run();
    CHECK(stats.started == 300);
    CHECK(stats.completed == 300);
    CHECK(stats.failed == 0);
    CHECK(stats.map_failures == 0);
    CHECK_FALSE(stats.running);
    CHECK(one.world.machine.most_in_flight == 3);
    // A whole ring is there before the first transfer of it.
    CHECK(one.world.machine.all.front().mapped == 32);
    for (const Submitted& each : one.world.machine.all) CHECK((each.write && each.size == 4096));
    SECTION("and what is left mapped goes with the driver") {
        one.world.run([&] { one.client.remove(*one.dev); });
        CHECK(one.world.dma.stats().maps == one.world.dma.stats().unmaps);
        for (const Submitted& each : one.world.machine.all) REQUIRE_FALSE(one.domain->iova_to_phys(Iova{each.iova}));
    }
}

TEST_CASE("ring: a descriptor is mapped anew as a whole, by one range or buffer by buffer", "[kernel-model][client]") {
    RingWorld one;
    one.plan.ring.contiguous = GENERATE(false, true);
    one.run();
    const DmaStats& stats = one.world.dma.stats();
    // 300 buffers are 75 descriptors; each is mapped once more than the ring is long.
    const std::uint64_t descriptors = 75 + 8;
    CHECK(stats.maps == (one.plan.ring.contiguous ? descriptors : 4 * descriptors));
    CHECK(stats.unmaps == (one.plan.ring.contiguous ? 75 : 300));
    CHECK(stats.bytes_mapped == descriptors * 4 * 4096);
    for (std::size_t i = 0; one.plan.ring.contiguous && i < 300; i += 4) {
        for (std::size_t j = 1; j < 4; ++j) {
            CHECK(one.world.machine.all[i + j].iova == one.world.machine.all[i].iova + 4096 * j);
        }
    }
}

TEST_CASE("ring: descriptors that stay mapped are posted as they are", "[kernel-model][client]") {
    RingWorld one;
    one.plan.ring.remap_numerator = 0;
    one.run();
    CHECK(one.world.dma.stats().maps == 32);
    CHECK(one.world.dma.stats().unmaps == 0);
    std::set<std::uint64_t> addresses;
    for (const Submitted& each : one.world.machine.all) addresses.insert(each.iova);
    CHECK(addresses.size() == 32);
    CHECK(one.world.machine.all[0].iova == one.world.machine.all[32].iova);
}

TEST_CASE("ring: replies are mapped one by one, read by the device, and unmapped", "[kernel-model][client]") {
    RingWorld one;
    one.plan.ring.replies = 3;
    one.plan.ring.reply_bytes = 66;
    const ClientStats& stats = one.run();
    CHECK(stats.completed == 300);
    CHECK(stats.failed == 0);
    std::uint64_t replies = 0;
    for (const Submitted& each : one.world.machine.all) {
        if (each.write) continue;
        ++replies;
        CHECK(each.size == 66);
    }
    CHECK(replies == 225);  // three for each of 75 descriptors
    CHECK(one.world.dma.stats().maps - one.world.dma.stats().unmaps == 32);
}

TEST_CASE("ring: without addresses the driver says so, and the traffic ends", "[kernel-model][client]") {
    RingWorld one;
    one.plan.dma_mask_bits = 16;  // 15 pages of the 32 that a ring wants
    const ClientStats& stats = one.run();
    CHECK(stats.map_failures > 0);
    CHECK_FALSE(stats.running);
    CHECK(one.world.said("failed to fill a ring for DMA"));
    one.world.run([&] { one.client.remove(*one.dev); });
    CHECK(one.world.dma.stats().maps == one.world.dma.stats().unmaps);
}

TEST_CASE("ring: interrupts are held back for a time or a count", "[kernel-model][client]") {
    const auto takes = [](std::uint32_t frames, SimTime time, std::uint32_t poll) {
        RingWorld one;
        one.plan.ring.replies = 4;
        one.plan.ring.moderation = time;
        one.plan.ring.moderation_frames = frames;
        one.plan.ring.poll = poll;
        const SimTime began = one.world.k.now();
        const ClientStats& stats = one.run();
        CHECK(stats.completed == 300);
        CHECK_FALSE(stats.running);
        CHECK(one.world.dma.stats().maps - one.world.dma.stats().unmaps == 32);
        const std::size_t replies = std::count_if(one.world.machine.all.begin(), one.world.machine.all.end(),
                                                  [](const Submitted& each) { return !each.write; });
        CHECK(replies == 300);
        return one.world.k.now() - began;
    };
    const SimTime at_once = takes(0, {}, 0);
    CHECK(at_once < ms(1));
    CHECK(takes(0, {}, 64) < ms(1));
    // A ring of 32 buffers is empty eight times before the last, and each time nothing is told of for a millisecond.
    const SimTime held = takes(0, ms(1), 64);
    CHECK(held.fs >= ms(8).fs);
    CHECK(held.fs < ms(25).fs);  // and replies for as long at most
    CHECK(takes(4, ms(1), 64) < ms(8));
    // Without a time only the count tells, and what is left when the device has nothing more to do.
    CHECK(takes(16, {}, 8) < ms(1));
}
