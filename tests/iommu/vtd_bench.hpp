// A VT-d unit over a plain memory, stepped by hand.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "iommu/intel/translation.hpp"
#include "iommu/intel/vtd.hpp"
#include "iommu/memory_port.hpp"

namespace xlate::iommu::vtd {

/// All caches off, or all on.
inline VtdParams bench_params(std::uint64_t cap, std::uint64_t ecap, bool caches) {
    VtdParams params;
    params.cap = cap;
    params.ecap = ecap;
    for (CacheParams* cache :
         {&params.context_cache, &params.pasid_cache, &params.interrupt_cache, &params.tlb, &params.nested_cache}) {
        cache->enabled = caches;
    }
    for (unsigned level = 0; level < kWalkCaches; ++level) {
        params.walk_s1[level].enabled = params.walk_s2[level].enabled = caches;
    }
    return params;
}

/// RAM in some ranges, nothing elsewhere.
class RangedMemory : public MemoryPort {
public:
    struct Range {
        std::uint64_t first = 0, end = 0;
    };
    explicit RangedMemory(std::vector<Range> ranges) : ranges_(std::move(ranges)) {}
    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        return inside(address, size) && ram.read(address, bytes, size);
    }
    bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) override {
        if (!inside(address, size)) return false;
        for (std::uint64_t at = address.value; at < address.value + size; ++at) written.insert(at);
        return ram.write(address, bytes, size);
    }
    /// As software.
    void store(std::uint64_t address, std::uint64_t word, unsigned size = 8) {
        for (std::uint64_t at = address; at < address + size; ++at) written.insert(at);
        ram.store(address, word, size);
    }
    bool inside(PhysAddr address, std::uint32_t size) const {
        for (const Range& range : ranges_) {
            if (address.value >= range.first && address.value + size <= range.end) return true;
        }
        return false;
    }
    SparseMemory ram;
    std::set<std::uint64_t> written;  ///< bytes

private:
    std::vector<Range> ranges_;
};

struct Bench : InvalidationSink {
    explicit Bench(const VtdParams& params)
        : memory({{0, 0x80000000}, {0x100000000, 0x280000000}}),
          unit(params),
          slot(std::make_unique<Translation>(unit)) {
        unit.reset();
        unit.add_sink(*this);
    }

    void write(std::uint32_t offset, std::uint64_t value, unsigned size = 4) {
        unit.write_register(offset, size, value);
        settle();
    }
    std::uint64_t read(std::uint32_t offset, unsigned size = 4) const { return unit.read_register(offset, size); }
    /// GCMD with what is on and `bits`.
    void command(std::uint64_t bits) { write(reg::GCMD, (read(reg::GSTS) & gcmd::kKept) | bits); }
    void root(std::uint64_t table) {
        write(reg::RTADDR, table, 8);
        command(gcmd::SRTP.mask());
    }
    void queue_on(std::uint64_t base = 0x200000, bool wide = false) {
        write(reg::IQT, 0, 8);
        write(reg::IQA, base | iqa::DW.of(wide ? 1 : 0), 8);
        command(gcmd::QIE.mask());
    }
    /// Appends a descriptor and lets the queue run.
    void queue(const Descriptor& words) {
        const std::uint32_t at = unit.queue_tail();
        for (unsigned i = 0; i < unit.queue_bytes() / 8; ++i) {
            memory.store(unit.queue_address(at) + 8 * i, words[i]);
        }
        write(reg::IQT, std::uint64_t{unit.queue_next(at)} * unit.queue_bytes(), 8);
    }
    const FaultRecord& record(unsigned index = 0) const { return unit.outputs.record(index); }
    static Reason reason(const FaultRecord& record) { return static_cast<Reason>(frcd::FR.get(record.high)); }

    /// Everything that the hardware does by itself.
    void settle() {
        for (bool any = true; any;) {
            any = false;
            if (unit.settling()) {
                unit.settle();
                any = !unit.settling();
            }
            for (unsigned i = 0; i < unit.machines(); ++i) any = run_machine(i) || any;
            while (const auto wire = unit.take_wire()) pulses.push_back(*wire);
            while (const auto answer = unit.take_page_response()) answers.push_back(*answer);
        }
    }
    Step translate(const Request& request) {
        slot->start(request);
        return finish();
    }
    Step message(std::uint32_t sid, std::uint64_t address, std::uint32_t data) {
        Request request;
        request.sid = StreamId{sid};
        request.address = address;
        request.length = 4;
        request.write = true;
        slot->start_message(request, data);
        return finish();
    }
    void invalidate(const Invalidation& invalidation) override { told.push_back(invalidation); }

    RangedMemory memory;
    Vtd unit;
    std::unique_ptr<Translation> slot;
    std::vector<unsigned> pulses;
    std::vector<PageResponse> answers;
    std::vector<Invalidation> told;
    std::vector<MemoryAccess> accesses;  ///< of translations
    std::vector<MemoryAccess> messages;
    bool endpoint_silent = false;  ///< a drain is told that an endpoint has not answered

private:
    Step finish() {
        const Step step = run([&](const Reply& reply) -> const Step& { return slot->step(reply); }, memory,
                              [&](const MemoryAccess& access) { accesses.push_back(access); });
        settle();
        return step;
    }
    bool run_machine(unsigned index) {
        if (!unit.machine_pending(index)) return false;
        Reply reply;
        for (;;) {
            const Step& step = unit.step_machine(index, reply);
            reply.abort = step.kind == StepKind::sync && endpoint_silent;
            if (step.kind == StepKind::access) {
                if (step.access.purpose == Purpose::message) messages.push_back(step.access);
                serve(step.access, memory, reply);
            } else if (step.kind != StepKind::lookup && step.kind != StepKind::executed &&
                       step.kind != StepKind::sync) {
                return true;
            }
        }
    }
};

}  // namespace xlate::iommu::vtd
