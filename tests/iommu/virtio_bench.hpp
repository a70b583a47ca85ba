// A driver for a virtio-iommu in a test: both queues in a memory of its own, a request at a time, events as they come.
#pragma once

#include <cstring>
#include <optional>
#include <vector>

#include <catch2/catch.hpp>

#include "iommu/untimed.hpp"
#include "iommu/virtio/virtio_iommu.hpp"

namespace xlate::iommu::virtio {

class BenchMemory final : public MemoryPort {
public:
    bool read(PhysAddr address, std::uint8_t* to, std::uint32_t size) override {
        if (address.value + size > bytes.size()) return false;
        std::memcpy(to, &bytes[address.value], size);
        return true;
    }
    bool write(PhysAddr address, const std::uint8_t* from, std::uint32_t size) override {
        if (address.value + size > bytes.size()) return false;
        std::memcpy(&bytes[address.value], from, size);
        return true;
    }
    std::uint64_t load(std::uint64_t at, unsigned size) const { return load_le(&bytes[at], size); }
    void store(std::uint64_t at, unsigned size, std::uint64_t value) { store_le(&bytes[at], size, value); }
    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(0x10000);
};

class Bench {
public:
    static constexpr std::uint32_t kEntries = 8;
    static constexpr std::uint64_t kReadable = 0x4000, kWritable = 0x5000, kEvents = 0x6000;

    explicit Bench(const Parameters& parameters) : unit(parameters), untimed(unit, memory) {
        untimed.on_wire = [this](const WireSpec&) { ++interrupts; };
    }
    static std::uint64_t descriptors(unsigned queue) { return 0x1000 + queue * 0x1000ull; }
    static std::uint64_t driver(unsigned queue) { return descriptors(queue) + 0x400; }
    static std::uint64_t device(unsigned queue) { return descriptors(queue) + 0x800; }

    void write(std::uint32_t at, std::uint64_t value) { untimed.write_register(at, 4, value); }
    std::uint32_t read(std::uint32_t at) const { return static_cast<std::uint32_t>(unit.read_register(at, 4)); }

    /// As a driver does: features, queues, buffers for events.
    void start() {
        write(reg::Status, 0);
        write(reg::Status, status::ACKNOWLEDGE | status::DRIVER);
        for (std::uint32_t half = 0; half < 2; ++half) {
            write(reg::DeviceFeaturesSel, half);
            write(reg::DriverFeaturesSel, half);
            write(reg::DriverFeatures, read(reg::DeviceFeatures));
        }
        write(reg::Status, status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK);
        for (unsigned queue = 0; queue < kQueues; ++queue) set_up(queue);
        write(reg::Status, status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK | status::DRIVER_OK);
        for (std::uint16_t i = 0; i < kEntries; ++i) give_event_buffer(i);
    }
    void set_up(unsigned queue) {
        for (std::uint64_t at = descriptors(queue); at < descriptors(queue) + 0x1000; at += 8) memory.store(at, 8, 0);
        posted_[queue] = seen_[queue] = 0;
        write(reg::QueueSel, queue);
        write(reg::QueueNum, kEntries);
        write(reg::QueueDescLow, descriptors(queue));
        write(reg::QueueDriverLow, driver(queue));
        write(reg::QueueDeviceLow, device(queue));
        write(reg::QueueReady, 1);
    }
    void descriptor(unsigned queue, std::uint16_t index, std::uint64_t address, std::uint32_t bytes,
                    std::uint16_t flags, std::uint16_t next = 0) {
        const std::uint64_t at = descriptors(queue) + 16ull * index;
        memory.store(at, 8, address);
        memory.store(at + 8, 4, bytes);
        memory.store(at + 12, 2, flags);
        memory.store(at + 14, 2, next);
    }
    void post(unsigned queue, std::uint16_t head) {
        memory.store(driver(queue) + 4 + 2ull * (posted_[queue] % kEntries), 2, head);
        memory.store(driver(queue) + 2, 2, ++posted_[queue]);
    }
    /// What the device wrote into the answer; nothing if it did not take the request.
    std::optional<std::vector<std::uint8_t>> request(const std::vector<std::uint8_t>& readable,
                                                     std::uint32_t writable) {
        std::memset(&memory.bytes[kWritable], 0xEE, 0x1000);
        std::copy(readable.begin(), readable.end(), memory.bytes.begin() + kReadable);
        std::uint16_t next = 0;
        if (!readable.empty()) {
            descriptor(kRequestQueue, 0, kReadable, static_cast<std::uint32_t>(readable.size()),
                       writable != 0 ? ring::NEXT : std::uint16_t{0}, 1);
            next = 1;
        }
        if (writable != 0) descriptor(kRequestQueue, next, kWritable, writable, ring::WRITE);
        post(kRequestQueue, 0);
        write(reg::QueueNotify, kRequestQueue);
        const auto used = static_cast<std::uint16_t>(memory.load(device(kRequestQueue) + 2, 2));
        if (used == seen_[kRequestQueue]) return std::nullopt;
        const std::uint64_t at = device(kRequestQueue) + 4 + 8ull * (seen_[kRequestQueue] % kEntries);
        ++seen_[kRequestQueue];
        const std::uint64_t bytes = memory.load(at + 4, 4);
        const auto begin = memory.bytes.begin() + kWritable;
        return std::vector<std::uint8_t>(begin, begin + static_cast<std::ptrdiff_t>(bytes));
    }
    void give_event_buffer(std::uint16_t index) {
        descriptor(kEventQueue, index, kEvents + 0x40ull * index, event::kBytes, ring::WRITE);
        post(kEventQueue, index);
    }
    /// The oldest event that has come; its buffer is given back.
    std::optional<std::vector<std::uint8_t>> take_event() {
        const auto used = static_cast<std::uint16_t>(memory.load(device(kEventQueue) + 2, 2));
        if (used == seen_[kEventQueue]) return std::nullopt;
        const std::uint64_t at = device(kEventQueue) + 4 + 8ull * (seen_[kEventQueue] % kEntries);
        ++seen_[kEventQueue];
        const auto index = static_cast<std::uint16_t>(memory.load(at, 4));
        const auto begin = memory.bytes.begin() + static_cast<std::ptrdiff_t>(kEvents + 0x40ull * index);
        std::vector<std::uint8_t> bytes(begin, begin + event::kBytes);
        give_event_buffer(index);
        return bytes;
    }
    Step access(std::uint32_t endpoint, std::uint64_t address, bool write) {
        Request request;
        request.sid = StreamId{endpoint};
        request.address = address;
        request.length = 4;
        request.write = write;
        return untimed.translate(request);
    }

    BenchMemory memory;
    VirtioIommu unit;
    Untimed untimed;
    unsigned interrupts = 0;

private:
    std::uint16_t posted_[kQueues] = {}, seen_[kQueues] = {};
};

/// Requests as bytes.
inline std::vector<std::uint8_t> request_bytes(RequestType type,
                                               std::initializer_list<std::pair<unsigned, std::uint64_t>> fields,
                                               std::uint32_t bytes) {
    std::vector<std::uint8_t> made(bytes);
    made[0] = static_cast<std::uint8_t>(type);
    std::size_t at = 4;
    for (const auto& [size, value] : fields) {
        store_le(&made[at], size, value);
        at += size;
    }
    return made;
}
inline std::vector<std::uint8_t> attach(std::uint32_t domain, std::uint32_t endpoint, std::uint32_t flags = 0) {
    return request_bytes(RequestType::attach, {{4, domain}, {4, endpoint}, {4, flags}}, kAttachBytes);
}
inline std::vector<std::uint8_t> detach(std::uint32_t domain, std::uint32_t endpoint) {
    return request_bytes(RequestType::detach, {{4, domain}, {4, endpoint}}, kDetachBytes);
}
inline std::vector<std::uint8_t> map(std::uint32_t domain, std::uint64_t first, std::uint64_t last,
                                     std::uint64_t target, std::uint32_t flags) {
    return request_bytes(RequestType::map, {{4, domain}, {8, first}, {8, last}, {8, target}, {4, flags}}, kMapBytes);
}
inline std::vector<std::uint8_t> unmap(std::uint32_t domain, std::uint64_t first, std::uint64_t last) {
    return request_bytes(RequestType::unmap, {{4, domain}, {8, first}, {8, last}}, kUnmapBytes);
}

}  // namespace xlate::iommu::virtio
