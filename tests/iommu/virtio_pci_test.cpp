// virtio-iommu over PCI: the structures of its BAR. Expected values: VIRTIO 1.2 section 4.1.4.
#include "tests/iommu/virtio_bench.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::virtio;

namespace {

namespace common = pci::common;

constexpr std::uint32_t kReady = status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK;
constexpr std::uint32_t kEndpoint = 0x18;

Parameters over_pci() {
    Parameters parameters;
    parameters.transport = Transport::pci;
    return parameters;
}

/// A driver as section 4.1.5 has it, over the queues of the bench.
struct PciBench : Bench {
    PciBench() : Bench(over_pci()) {}
    void put(std::uint32_t at, unsigned size, std::uint64_t value) { untimed.write_register(at, size, value); }
    std::uint64_t get(std::uint32_t at, unsigned size) const { return unit.read_register(at, size); }

    void start_pci(std::uint32_t event_vector) {
        put(common::device_status, 1, status::ACKNOWLEDGE | status::DRIVER);
        for (std::uint32_t half = 0; half < 2; ++half) {
            put(common::device_feature_select, 4, half);
            put(common::driver_feature_select, 4, half);
            put(common::driver_feature, 4, get(common::device_feature, 4));
        }
        put(common::device_status, 1, kReady);
        for (unsigned queue = 0; queue < kQueues; ++queue) {
            put(common::queue_select, 2, queue);
            put(common::queue_size, 2, kEntries);
            put(common::queue_desc, 4, descriptors(queue));
            put(common::queue_driver, 4, driver(queue));
            put(common::queue_device, 4, device(queue));
            if (queue == kEventQueue) put(common::queue_msix_vector, 2, event_vector);
            put(common::queue_enable, 2, 1);
        }
        put(common::device_status, 1, kReady | status::DRIVER_OK);
        for (std::uint16_t i = 0; i < kEntries; ++i) give_event_buffer(i);
    }
    /// An ATTACH of `domain` by the doorbell of queue 0: whether it was answered.
    bool attach_by(std::uint32_t doorbell, std::uint32_t domain) {
        const auto bytes = request_bytes(RequestType::attach, {{4, domain}, {4, kEndpoint}}, kAttachBytes);
        std::copy(bytes.begin(), bytes.end(), memory.bytes.begin() + kReadable);
        descriptor(kRequestQueue, 0, kReadable, kAttachBytes, ring::NEXT, 1);
        descriptor(kRequestQueue, 1, kWritable, kTailBytes, ring::WRITE);
        post(kRequestQueue, 0);
        const auto before = memory.load(device(kRequestQueue) + 2, 2);
        put(doorbell, 2, kRequestQueue);
        return memory.load(device(kRequestQueue) + 2, 2) != before;
    }
};

}  // namespace

TEST_CASE("virtio-iommu over PCI: fields of the common structure, each with its size", "[iommu][virtio]") {
    PciBench bench;
    CHECK(bench.unit.register_bytes() == 0x4000);
    CHECK(bench.get(common::num_queues, 2) == 2);
    CHECK(bench.get(common::config_msix_vector, 2) == 0xFFFF);
    CHECK(bench.get(common::device_status, 1) == 0);
    bench.put(common::device_feature_select, 4, 1);
    CHECK(bench.get(common::device_feature, 4) == 1);
    CHECK(bench.get(common::device_feature, 2) == 0);  // not its size
    for (const std::uint32_t queue : {0u, 1u, 2u}) {
        bench.put(common::queue_select, 2, queue);
        CHECK(bench.get(common::queue_size, 2) == (queue < 2 ? 1024u : 0u));
        CHECK(bench.get(common::queue_notify_off, 2) == (queue < 2 ? queue : 0u));
        CHECK(bench.get(common::queue_msix_vector, 2) == 0xFFFF);
        bench.put(common::queue_enable, 2, 0);  // 1 alone is a value
        CHECK(bench.get(common::queue_enable, 2) == 0);
    }
    bench.put(common::queue_select, 2, 0);
    bench.put(common::queue_size, 2, 24);  // no power of two
    CHECK(bench.get(common::queue_size, 2) == 1024);
    bench.put(common::queue_desc, 4, 0x1000);
    bench.put(common::queue_desc + 4, 4, 0x2);
    CHECK(bench.get(common::queue_desc, 4) == 0x1000);
    CHECK(bench.get(common::queue_desc + 4, 4) == 2);
    CHECK(bench.get(pci::kConfig + config::probe_size, 4) == 512);
    CHECK(bench.get(pci::kConfig + config::input_end, 8) == ~std::uint64_t{0});
    CHECK(bench.get(pci::kIsr, 1) == 0);
}

TEST_CASE("virtio-iommu over PCI: requests by their queue's doorbell, a reset takes queues and messages back",
          "[iommu][virtio]") {
    PciBench bench;
    bench.start_pci(1);
    CHECK(bench.get(common::device_status, 1) == (kReady | status::DRIVER_OK));
    CHECK(bench.attach_by(pci::kNotify, 1));
    CHECK(bench.access(kEndpoint, 0x1000, false).kind == StepKind::fault);
    CHECK_FALSE(bench.attach_by(pci::kNotify + pci::kNotifyStep, 2));  // the event queue's
    bench.put(common::device_status, 1, 0);
    CHECK(bench.get(common::device_status, 1) == 0);
    bench.put(common::queue_select, 2, kEventQueue);
    CHECK(bench.get(common::queue_enable, 2) == 0);
    CHECK(bench.get(common::queue_msix_vector, 2) == 0xFFFF);
    CHECK(bench.access(kEndpoint, 0x1000, false).kind == StepKind::done);
}

TEST_CASE("virtio-iommu over PCI: a queue with a message interrupts, one without does not", "[iommu][virtio]") {
    PciBench with;
    with.start_pci(1);
    CHECK(with.attach_by(pci::kNotify, 1));
    CHECK(with.interrupts == 0);  // requests have none
    CHECK(with.access(kEndpoint, 0x1000, false).kind == StepKind::fault);
    CHECK(with.interrupts == 1);
    REQUIRE(with.take_event());
    PciBench without;
    without.start_pci(pci::kNoVector);
    CHECK(without.attach_by(pci::kNotify, 1));
    CHECK(without.access(kEndpoint, 0x1000, false).kind == StepKind::fault);
    CHECK(without.interrupts == 0);
    REQUIRE(without.take_event());
}
