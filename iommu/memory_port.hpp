// Serves an engine's memory accesses at once, from a plain memory: for unit tests and the untimed machine.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>

#include "iommu/engine.hpp"

namespace xlate::iommu {

/// Memory by physical address. Both return false for an external abort.
class MemoryPort {
public:
    virtual ~MemoryPort() = default;
    virtual bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) = 0;
    virtual bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) = 0;
};

/// Does `access` and makes its reply.
inline void serve(const MemoryAccess& access, MemoryPort& memory, Reply& reply) {
    switch (access.kind) {
        case AccessKind::read:
            reply.abort = !memory.read(access.address, reply.data.data(), access.size);
            return;
        case AccessKind::write:
            reply.abort = !memory.write(access.address, access.data.data(), access.size);
            return;
        case AccessKind::compare_and_swap:
            reply.abort = !memory.read(access.address, reply.data.data(), access.size);
            if (!reply.abort && load_le(reply.data.data(), access.size) == access.expected) {
                reply.abort = !memory.write(access.address, access.data.data(), access.size);
            }
            return;
    }
}

/// Steps a machine (a callable `const Step&(const Reply&)`) until it is idle, done, faulted or stalled.
/// `on_access(const MemoryAccess&)` sees each access before it is served.
template <typename Machine, typename Observer>
const Step& run(Machine&& machine, MemoryPort& memory, Observer&& on_access) {
    Reply reply;
    for (;;) {
        const Step& step = machine(reply);
        switch (step.kind) {
            case StepKind::access:
                on_access(step.access);
                serve(step.access, memory, reply);
                break;
            case StepKind::lookup:
            case StepKind::executed:
            case StepKind::sync:
                reply.abort = false;
                break;
            case StepKind::idle:
            case StepKind::done:
            case StepKind::fault:
            case StepKind::stalled:
                return step;
        }
    }
}
template <typename Machine>
const Step& run(Machine&& machine, MemoryPort& memory) {
    return run(machine, memory, [](const MemoryAccess&) {});
}

/// A sparse memory of 4 KiB pages; reads of untouched bytes give 0. `abort_from`..`abort_to` (exclusive) answers
/// with external aborts, as do addresses at or above `limit`.
class SparseMemory : public MemoryPort {
public:
    std::uint64_t abort_from = 0;
    std::uint64_t abort_to = 0;
    std::uint64_t limit = std::uint64_t{1} << 52;

    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        if (aborts(address, size)) return false;
        for (std::uint32_t done = 0; done < size;) {
            const std::uint64_t at = address.value + done;
            const std::uint32_t count = chunk(at, size - done);
            const auto found = pages_.find(at >> 12);
            if (found == pages_.end()) {
                std::memset(bytes + done, 0, count);
            } else {
                std::memcpy(bytes + done, found->second.data() + (at & 0xFFF), count);
            }
            done += count;
        }
        return true;
    }
    bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) override {
        if (aborts(address, size)) return false;
        for (std::uint32_t done = 0; done < size;) {
            const std::uint64_t at = address.value + done;
            const std::uint32_t count = chunk(at, size - done);
            std::memcpy(pages_[at >> 12].data() + (at & 0xFFF), bytes + done, count);
            done += count;
        }
        return true;
    }
    std::uint64_t load(std::uint64_t address, unsigned size = 8) {
        std::uint8_t bytes[8] = {};
        read(PhysAddr{address}, bytes, size);
        return load_le(bytes, size);
    }
    void store(std::uint64_t address, std::uint64_t word, unsigned size = 8) {
        std::uint8_t bytes[8];
        store_le(bytes, size, word);
        write(PhysAddr{address}, bytes, size);
    }

private:
    static std::uint32_t chunk(std::uint64_t at, std::uint32_t left) {
        const auto to_end = static_cast<std::uint32_t>(4096 - (at & 0xFFF));
        return left < to_end ? left : to_end;
    }
    bool aborts(PhysAddr address, std::uint32_t size) const {
        return address.value + size > limit || (address.value < abort_to && address.value + size > abort_from);
    }
    std::map<std::uint64_t, std::array<std::uint8_t, 4096>> pages_;
};

}  // namespace xlate::iommu
