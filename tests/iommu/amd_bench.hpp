// An AMD IOMMU over a plain memory, without time.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/untimed.hpp"

namespace xlate::iommu::amd {

/// All caches off, or all on.
inline AmdParams bench_params(std::uint64_t ext_feat, bool caches) {
    AmdParams params;
    params.ext_feat = ext_feat;
    for (CacheParams* cache : {&params.dte_cache, &params.irte_cache, &params.tlb}) cache->enabled = caches;
    for (unsigned level = 0; level < kWalkCaches; ++level) {
        params.walk_host[level].enabled = params.walk_guest[level].enabled = caches;
    }
    return params;
}

struct Bench : InvalidationSink {
    using Record = std::array<std::uint32_t, 4>;
    struct Write {
        std::uint64_t address, value;
        friend bool operator==(const Write& a, const Write& b) { return a.address == b.address && a.value == b.value; }
    };
    /// RAM as the recorder of corpus/vectors had it: the rest answers with aborts.
    struct Ram : SparseMemory {
        bool holes = false;
        bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
            return there(address) && SparseMemory::read(address, bytes, size);
        }
        bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) override {
            return there(address) && SparseMemory::write(address, bytes, size);
        }
        bool there(PhysAddr address) const {
            return !holes || address.value >> 31 == 0 ||
                   (address.value >= std::uint64_t{4} << 30 && address.value < std::uint64_t{10} << 30);
        }
    };

    explicit Bench(const AmdParams& params) : unit(params), untimed(unit, memory), interrupt(unit) {
        unit.add_sink(*this);
        untimed.on_access = [this](const MemoryAccess& access) { note(access); };
        untimed.on_wire = [this](const WireSpec&) { ++pulses; };
    }

    void write(std::uint32_t offset, std::uint64_t value, unsigned size = 8) {
        untimed.write_register(offset, size, value);
    }
    std::uint64_t read(std::uint32_t offset, unsigned size = 8) const { return untimed.read_register(offset, size); }
    const Step& translate(const Request& request) { return untimed.translate(request); }
    const Step& translate(std::uint32_t device, std::uint64_t address, bool write = false) {
        Request request;
        request.sid = StreamId{device};
        request.address = address;
        request.length = 4;
        request.write = write;
        return translate(request);
    }
    const Step& message(std::uint16_t device, std::uint64_t address, std::uint32_t data) {
        interrupt.start({device, address, data, false});
        const Step& step = run([&](const Reply& reply) -> const Step& { return interrupt.step(reply); }, memory);
        last = step;
        untimed.settle();
        return last;
    }
    /// Device table of 64 Ki entries, command buffer, event and PPR logs of 256 entries, on.
    void start(std::uint64_t base = 0x80000000, std::uint64_t more_control = 0) {
        write(reg::DEVTAB, base | 0x1FF);
        write(reg::CMDBUF, (base + 0x200000) | std::uint64_t{8} << 56);
        write(reg::EVTLOG, (base + 0x201000) | std::uint64_t{8} << 56);
        write(reg::PPRLOG, (base + 0x202000) | std::uint64_t{8} << 56);
        write(reg::CONTROL, control::EN.mask() | control::EVTLOG.mask() | control::CMDBUF.mask() |
                                control::PPRLOG.mask() | control::PPR.mask() | more_control);
    }
    /// Appends to the command buffer and lets it run.
    void command(std::uint64_t first, std::uint64_t second = 0) {
        const std::uint64_t tail = read(reg::CMD_TAIL);
        const std::uint64_t at = unit.registers.commands.address(tail);
        memory.store(at, first);
        memory.store(at + 8, second);
        write(reg::CMD_TAIL, unit.registers.commands.next(tail));
    }
    static std::uint64_t op(Opcode opcode) { return cmd::OPCODE.of(static_cast<std::uint64_t>(opcode)); }
    void dte(std::uint32_t device, const DteWords& words, std::uint64_t base = 0x80000000) {
        for (unsigned i = 0; i < 4; ++i) memory.store(base + device * kDteBytes + 8 * i, words[i]);
    }
    std::vector<Record> take_events() { return std::exchange(events, {}); }

    void invalidate(const Invalidation& invalidation) override {
        if (invalidation.is_endpoint()) endpoint_invalidations.push_back(invalidation);
    }

    Ram memory;
    Iommu unit;
    Untimed untimed;
    Interrupt interrupt;
    Step last;
    std::vector<Record> events, pages;
    std::vector<Write> waits, messages, updates;
    std::vector<Invalidation> endpoint_invalidations;
    unsigned pulses = 0;

private:
    static Record record_of(const MemoryAccess& access) {
        Record record{};
        for (unsigned i = 0; i < 4; ++i) {
            record[i] = static_cast<std::uint32_t>(load_le(access.data.data() + 4 * i, 4));
        }
        return record;
    }
    void note(const MemoryAccess& access) {
        if (access.kind == AccessKind::read || !memory.there(access.address)) return;
        const Write write{access.address.value, load_le(access.data.data(), access.size < 8 ? access.size : 8)};
        if (access.purpose == Purpose::event) events.push_back(record_of(access));
        if (access.purpose == Purpose::ppr) pages.push_back(record_of(access));
        if (access.purpose == Purpose::wait) waits.push_back(write);
        if (access.purpose == Purpose::msi) messages.push_back(write);
        if (access.purpose == Purpose::update) updates.push_back(write);
    }
};

}  // namespace xlate::iommu::amd
