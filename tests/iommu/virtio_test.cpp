// virtio-iommu: registers, queues, requests, events; and random mappings against a list of pages written from the
// specification. Expected values: VIRTIO 1.2 (docs/spec/iommu-hardware.md section 8).
#include <algorithm>
#include <map>
#include <utility>

#include "base/random.hpp"
#include "tests/iommu/virtio_bench.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::virtio;

namespace {

constexpr std::uint32_t kEndpoint = 0x18;
constexpr std::uint32_t kReadWrite = map_flag::READ | map_flag::WRITE;
constexpr std::uint32_t kReady = status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK;

RequestStatus status_of(const std::optional<std::vector<std::uint8_t>>& answer) {
    REQUIRE(answer);
    REQUIRE(answer->size() >= kTailBytes);
    return static_cast<RequestStatus>((*answer)[answer->size() - kTailBytes]);
}

struct Started : Bench {
    explicit Started(const Parameters& parameters = {}) : Bench(parameters) { start(); }
    RequestStatus ask(const std::vector<std::uint8_t>& bytes) { return status_of(request(bytes, kTailBytes)); }
};

}  // namespace

TEST_CASE("virtio-iommu: the registers of the transport", "[iommu][virtio]") {
    Bench bench{Parameters{}};
    CHECK(bench.read(reg::MagicValue) == 0x74726976);
    CHECK(bench.read(reg::Version) == 2);
    CHECK(bench.read(reg::DeviceID) == 23);
    CHECK(bench.read(reg::DeviceFeatures) == 0x77);
    bench.write(reg::DeviceFeaturesSel, 1);
    CHECK(bench.read(reg::DeviceFeatures) == 1);
    bench.write(reg::DeviceFeaturesSel, 2);
    CHECK(bench.read(reg::DeviceFeatures) == 0);
    for (const std::uint32_t queue : {0u, 1u, 2u}) {
        bench.write(reg::QueueSel, queue);
        CHECK(bench.read(reg::QueueNumMax) == (queue < 2 ? 1024u : 0u));
        bench.write(reg::QueueNum, 24);  // no power of two
        bench.write(reg::QueueReady, 1);
        CHECK(bench.read(reg::QueueReady) == 0);
    }
    CHECK(bench.unit.read_register(reg::Config, 8) == 0xFFFFFFFFFFFFF000);
    CHECK(bench.unit.read_register(reg::Config + config::input_end, 8) == ~std::uint64_t{0});
    CHECK(bench.unit.read_register(reg::Config + config::probe_size, 4) == 512);
    CHECK(bench.unit.read_register(reg::Config + config::bypass, 1) == 1);
    bench.untimed.write_register(reg::Config + config::probe_size, 4, 7);
    CHECK(bench.unit.read_register(reg::Config + config::probe_size, 4) == 512);
}

TEST_CASE("virtio-iommu: a driver without VERSION_1 and MAP_UNMAP, or with what is not offered, is refused",
          "[iommu][virtio]") {
    for (const std::uint64_t features : {0x0ull, 0x4ull, 0x100000000ull, 0x100000084ull}) {
        Bench bench{Parameters{}};
        bench.write(reg::Status, status::ACKNOWLEDGE | status::DRIVER);
        for (std::uint32_t half = 0; half < 2; ++half) {
            bench.write(reg::DriverFeaturesSel, half);
            bench.write(reg::DriverFeatures, features >> (32 * half));
        }
        bench.write(reg::Status, kReady);
        CHECK((bench.read(reg::Status) & status::FEATURES_OK) == 0);
    }
    CHECK(Started().read(reg::Status) == (kReady | status::DRIVER_OK));
}

TEST_CASE("virtio-iommu: a reset by Status forgets domains and queues, and keeps bypass", "[iommu][virtio]") {
    Started bench;
    CHECK(bench.ask(attach(1, kEndpoint)) == RequestStatus::ok);
    bench.untimed.write_register(reg::Config + config::bypass, 1, 0);
    CHECK(bench.access(kEndpoint, 0x1000, false).result.fault == static_cast<unsigned>(Fault::mapping));
    bench.write(reg::Status, 0);
    CHECK(bench.read(reg::Status) == 0);
    CHECK(bench.access(kEndpoint, 0x1000, false).result.fault == static_cast<unsigned>(Fault::domain));
    CHECK(bench.unit.domains().mappings() == 0);
    bench.unit.reset();
    CHECK(bench.access(kEndpoint, 0x1000, false).kind == StepKind::done);
}

TEST_CASE("virtio-iommu: rights, moves and ends of domains", "[iommu][virtio]") {
    Started bench;
    CHECK(bench.ask(attach(1, kEndpoint)) == RequestStatus::ok);
    CHECK(bench.ask(map(1, 0x1000, 0x2FFF, 0x80001000, map_flag::READ)) == RequestStatus::ok);
    CHECK(bench.access(kEndpoint, 0x2008, false).result.pa.value == 0x80002008);
    const Step denied = bench.access(kEndpoint, 0x2008, true);
    CHECK(denied.kind == StepKind::fault);
    CHECK(denied.result.fault == static_cast<unsigned>(Fault::permission));
    CHECK(denied.result.response == Response::abort);
    // Moved: the old domain has no endpoint left and ends with its mappings.
    CHECK(bench.ask(attach(2, kEndpoint)) == RequestStatus::ok);
    CHECK(bench.access(kEndpoint, 0x2008, false).kind == StepKind::fault);
    CHECK(bench.ask(map(1, 0x1000, 0x1FFF, 0, kReadWrite)) == RequestStatus::noent);
    CHECK(bench.ask(attach(1, kEndpoint)) == RequestStatus::ok);
    CHECK(bench.access(kEndpoint, 0x2008, false).kind == StepKind::fault);
    CHECK(bench.ask(detach(2, kEndpoint)) == RequestStatus::noent);
    CHECK(bench.ask(attach(2, 0x19)) == RequestStatus::ok);
    CHECK(bench.ask(detach(2, kEndpoint)) == RequestStatus::inval);
    CHECK(bench.ask(detach(1, kEndpoint)) == RequestStatus::ok);
}

TEST_CASE("virtio-iommu: each illegal request has its status", "[iommu][virtio]") {
    Parameters parameters;
    parameters.offer.input_first = 0x1000;
    parameters.offer.input_last = low_mask(32);
    parameters.offer.domain_last = 7;
    parameters.offer.exists = [](std::uint32_t endpoint) { return endpoint < 0x100; };
    Started bench(parameters);
    CHECK(bench.ask(attach(1, kEndpoint)) == RequestStatus::ok);
    CHECK(bench.ask(attach(3, 0x19, attach_flag::BYPASS)) == RequestStatus::ok);
    CHECK(bench.ask(attach(1, 0x100)) == RequestStatus::noent);
    CHECK(bench.ask(attach(8, kEndpoint)) == RequestStatus::range);
    CHECK(bench.ask(attach(1, kEndpoint, 2)) == RequestStatus::inval);
    CHECK(bench.ask(attach(3, kEndpoint)) == RequestStatus::inval);  // that one is a bypass domain
    CHECK(bench.ask(map(3, 0x1000, 0x1FFF, 0, kReadWrite)) == RequestStatus::inval);
    CHECK(bench.ask(unmap(3, 0x1000, 0x1FFF)) == RequestStatus::inval);
    CHECK(bench.ask(map(1, 0x1000, 0x3FFF, 0x8000, kReadWrite)) == RequestStatus::ok);
    CHECK(bench.ask(map(1, 0x3000, 0x4FFF, 0x8000, kReadWrite)) == RequestStatus::inval);  // overlaps
    CHECK(bench.ask(map(1, 0x5000, 0x4FFF, 0x8000, kReadWrite)) == RequestStatus::inval);
    CHECK(bench.ask(map(1, 0x5000, 0x5FFF, 0x8000, 8)) == RequestStatus::inval);
    CHECK(bench.ask(map(1, 0x5800, 0x5FFF, 0x8000, kReadWrite)) == RequestStatus::range);
    CHECK(bench.ask(map(1, 0x5000, 0x5FFE, 0x8000, kReadWrite)) == RequestStatus::range);
    CHECK(bench.ask(map(1, 0x5000, 0x5FFF, 0x8008, kReadWrite)) == RequestStatus::range);
    CHECK(bench.ask(map(1, 0, 0xFFF, 0x8000, kReadWrite)) == RequestStatus::range);
    CHECK(bench.ask(map(1, 0xFFFFF000, 0x100000FFF, 0x8000, kReadWrite)) == RequestStatus::range);
    CHECK(bench.ask(unmap(1, 0x2000, 0x4FFF)) == RequestStatus::range);  // would split it
    CHECK(bench.ask(unmap(1, 0x10000, 0x1FFFF)) == RequestStatus::ok);   // a hole
    CHECK(bench.ask(unmap(9, 0x1000, 0x3FFF)) == RequestStatus::noent);
    CHECK(bench.ask(unmap(1, 0x1000, 0x3FFF)) == RequestStatus::ok);
    CHECK(bench.ask({9, 0, 0, 0}) == RequestStatus::unsupp);
    CHECK(bench.ask({1, 0, 0, 0}) == RequestStatus::inval);  // too short
}

TEST_CASE("virtio-iommu: PROBE names the reserved memory", "[iommu][virtio]") {
    Started bench;
    std::vector<std::uint8_t> probe(kProbeBytes);
    probe[0] = static_cast<std::uint8_t>(RequestType::probe);
    probe[4] = kEndpoint;
    const auto answer = bench.request(probe, 512 + kTailBytes);
    REQUIRE(status_of(answer) == RequestStatus::ok);
    REQUIRE(answer->size() == 512 + kTailBytes);
    // The bytes of docs/spec/iommu-hardware.md: RESV_MEM, the window of messages.
    const std::uint8_t window[] = {1, 0, 20, 0, 1,    0,    0,    0,    0, 0, 0xE0, 0xFE,
                                   0, 0, 0,  0, 0xFF, 0xFF, 0xEF, 0xFE, 0, 0, 0,    0};
    CHECK(std::equal(std::begin(window), std::end(window), answer->begin()));
    CHECK(std::all_of(answer->begin() + 24, answer->end(), [](std::uint8_t byte) { return byte == 0; }));
}

TEST_CASE("virtio-iommu: rings that make no sense end in NEEDS_RESET", "[iommu][virtio]") {
    Started bench;
    SECTION("no room for the answer") { CHECK_FALSE(bench.request(attach(1, kEndpoint), 3)); }
    SECTION("no head") { CHECK_FALSE(bench.request({1, 0, 0}, kTailBytes)); }
    SECTION("an indirect descriptor") {
        bench.descriptor(0, 0, Bench::kReadable, 32, ring::INDIRECT);
        bench.post(0, 0);
        bench.write(reg::QueueNotify, 0);
        CHECK(bench.interrupts == 1);
    }
    SECTION("a chain that ends in itself") {
        bench.descriptor(0, 0, Bench::kReadable, 4, ring::NEXT, 0);
        bench.post(0, 0);
        bench.write(reg::QueueNotify, 0);
        CHECK(bench.interrupts == 1);
    }
    SECTION("a descriptor that is not there") {
        bench.post(0, Bench::kEntries);
        bench.write(reg::QueueNotify, 0);
        CHECK(bench.interrupts == 1);
    }
    SECTION("more chains than the queue has places") {
        bench.memory.store(Bench::driver(0) + 2, 2, Bench::kEntries + 1);
        bench.write(reg::QueueNotify, 0);
        CHECK(bench.interrupts == 1);
    }
    SECTION("memory does not answer") {
        bench.descriptor(0, 0, 0x100000, 20, ring::NEXT, 1);
        bench.descriptor(0, 1, Bench::kWritable, 4, ring::WRITE);
        bench.post(0, 0);
        bench.write(reg::QueueNotify, 0);
        CHECK(bench.interrupts == 1);
    }
    SECTION("what is read behind what is written") {
        bench.descriptor(0, 0, Bench::kWritable, 4, ring::WRITE | ring::NEXT, 1);
        bench.descriptor(0, 1, Bench::kReadable, 20, 0);
        bench.post(0, 0);
        bench.write(reg::QueueNotify, 0);
        CHECK(bench.interrupts == 1);
    }
    CHECK((bench.read(reg::Status) & status::NEEDS_RESET) != 0);
    CHECK((bench.read(reg::InterruptStatus) & interrupt::kConfigChange) != 0);
    bench.start();
    CHECK(bench.ask(attach(1, kEndpoint)) == RequestStatus::ok);
}

TEST_CASE("virtio-iommu: a notification while the ring is looked at is not lost", "[iommu][virtio]") {
    // Virtio 1.2, 2.7.13: the device must see what was made available before the notification.
    Bench bench{Parameters{}};
    bench.start();
    bench.unit.write_register(reg::QueueNotify, 4, kRequestQueue);
    const Step* step = &bench.unit.step_machine(kRequestQueue, {});
    REQUIRE(step->kind == StepKind::access);  // flags and index, which still says nothing
    bench.unit.write_register(reg::QueueNotify, 4, kRequestQueue);
    step = &bench.unit.step_machine(kRequestQueue, {});
    REQUIRE(step->kind == StepKind::access);
    CHECK(step->access.address == PhysAddr{Bench::driver(kRequestQueue)});
    step = &bench.unit.step_machine(kRequestQueue, {});
    CHECK(step->kind == StepKind::idle);
    CHECK_FALSE(bench.unit.machine_pending(kRequestQueue));
}

TEST_CASE("virtio-iommu: interrupts by used buffers, none where the driver wants none", "[iommu][virtio]") {
    Started bench;
    CHECK(bench.ask(attach(1, kEndpoint)) == RequestStatus::ok);
    CHECK(bench.interrupts == 1);
    CHECK(bench.read(reg::InterruptStatus) == interrupt::kUsedBuffer);
    bench.write(reg::InterruptACK, interrupt::kUsedBuffer);
    CHECK(bench.read(reg::InterruptStatus) == 0);
    bench.memory.store(Bench::driver(0), 2, ring::NO_INTERRUPT);
    CHECK(bench.ask(map(1, 0, 0xFFF, 0, kReadWrite)) == RequestStatus::ok);
    CHECK(bench.interrupts == 1);
}

TEST_CASE("virtio-iommu: an event without a buffer is dropped and counted", "[iommu][virtio]") {
    Started bench;
    CHECK(bench.ask(attach(1, kEndpoint)) == RequestStatus::ok);
    for (unsigned i = 0; i < Bench::kEntries + 3; ++i) bench.access(kEndpoint, 0x10000 + i, true);
    const auto counters = bench.unit.counter_values();
    CHECK(counters[5] == Bench::kEntries);
    CHECK(counters[6] == 3);
    const auto first = bench.take_event();
    REQUIRE(first);
    CHECK((*first)[0] == event::kMapping);
    CHECK(load_le(&(*first)[4], 4) == (event::WRITE | event::ADDRESS));
    CHECK(load_le(&(*first)[8], 4) == kEndpoint);
    CHECK(load_le(&(*first)[16], 8) == 0x10000);
}

TEST_CASE("virtio-iommu: random requests and accesses against a list of pages", "[iommu][virtio][differential]") {
#ifdef NDEBUG
    constexpr unsigned kAccesses = 1'000'000;
#else
    constexpr unsigned kAccesses = 60'000;
#endif
    for (const bool caches : {true, false}) {
        Parameters parameters;
        parameters.tlb.enabled = caches;
        Started bench(parameters);
        struct Page {
            std::uint64_t target;
            std::uint32_t flags;
        };
        std::map<std::uint64_t, Page> pages[2];             // of two domains, an endpoint each
        std::map<std::uint64_t, std::uint64_t> lengths[2];  // first page to pages
        for (const std::uint32_t domain : {0u, 1u})
            REQUIRE(bench.ask(attach(domain, 0x40 + domain)) == RequestStatus::ok);
        Rng rng{7, "virtio.differential"};
        for (unsigned i = 0; i < kAccesses / 2; ++i) {
            const auto domain = static_cast<std::uint32_t>(rng.below(2));
            if (i % 20 == 0) {
                const std::uint64_t first = rng.below(256), count = 1 + rng.below(24);
                const std::uint64_t target = rng.below(1 << 16) << 12;
                const auto flags = static_cast<std::uint32_t>(1 + rng.below(3));
                bool free = true;
                for (std::uint64_t page = first; page < first + count; ++page)
                    free = free && pages[domain].count(page) == 0;
                const RequestStatus answer =
                    bench.ask(map(domain, first << 12, ((first + count) << 12) - 1, target, flags));
                REQUIRE(answer == (free ? RequestStatus::ok : RequestStatus::inval));
                if (free) {
                    lengths[domain][first] = count;
                    for (std::uint64_t k = 0; k < count; ++k) pages[domain][first + k] = {target + (k << 12), flags};
                } else {
                    // Whole mappings go, in place of the one in the way.
                    const auto at = lengths[domain].begin();
                    REQUIRE(bench.ask(unmap(domain, at->first << 12, ((at->first + at->second) << 12) - 1)) ==
                            RequestStatus::ok);
                    for (std::uint64_t k = 0; k < at->second; ++k) pages[domain].erase(at->first + k);
                    lengths[domain].erase(at);
                }
            }
            const std::uint64_t address = rng.below(std::uint64_t{300} << 12) & ~std::uint64_t{3};
            const bool write = rng.below(2) != 0;
            const Step step = bench.access(0x40 + domain, address, write);
            const auto page = pages[domain].find(address >> 12);
            const bool fine = page != pages[domain].end() && (page->second.flags & (write ? 2u : 1u)) != 0;
            if ((step.kind == StepKind::done) != fine) REQUIRE(fine == (step.kind == StepKind::done));
            if (fine && step.result.pa.value != page->second.target + (address & 0xFFF)) {
                REQUIRE(step.result.pa.value == page->second.target + (address & 0xFFF));
            }
            if (!fine) bench.take_event();
        }
        CHECK(bench.unit.counter_values()[0] > 0);
    }
}

TEST_CASE("virtio-iommu: a notification while a request is under way is not lost", "[iommu][virtio]") {
    Bench bench{Parameters{}};
    bench.start();
    const std::vector<std::uint8_t> request = attach(1, 0x40);
    std::copy(request.begin(), request.end(), bench.memory.bytes.begin() + Bench::kReadable);
    bench.descriptor(kRequestQueue, 0, Bench::kReadable, static_cast<std::uint32_t>(request.size()), ring::NEXT, 1);
    bench.descriptor(kRequestQueue, 1, Bench::kWritable, kTailBytes, ring::WRITE);
    const auto post = [&] {
        bench.post(kRequestQueue, 0);
        bench.unit.write_register(reg::QueueNotify, 4, kRequestQueue);
    };
    post();
    Reply reply;
    bool more = true;
    for (;;) {  // the owner looks at the machine no more once it is idle
        const Step& step = bench.unit.step_machine(kRequestQueue, reply);
        reply = {};
        if (step.kind == StepKind::access) serve(step.access, bench.memory, reply);
        if (step.kind == StepKind::executed && std::exchange(more, false)) post();
        if (step.kind == StepKind::idle) break;
    }
    CHECK_FALSE(more);
    CHECK(bench.memory.load(Bench::device(kRequestQueue) + 2, 2) == 2);
}
