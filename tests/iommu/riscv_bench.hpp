// A RISC-V IOMMU over a plain memory, stepped by hand: endpoints' answers to invalidations can be held back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "iommu/memory_port.hpp"
#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/purpose.hpp"

namespace xlate::iommu::riscv {

/// All caches off, or all on.
inline RiscvParams bench_params(std::uint64_t capabilities, bool caches) {
    RiscvParams params;
    params.capabilities = capabilities;
    params.wired = false;
    for (CacheParams* cache : {&params.ddt_cache, &params.pdt_cache, &params.tlb, &params.gpa_cache}) {
        cache->enabled = caches;
    }
    for (unsigned level = 0; level < kWalkCaches; ++level) {
        params.walk_s1[level].enabled = params.walk_s2[level].enabled = caches;
    }
    return params;
}

struct Bench : InvalidationSink {
    struct Write {
        std::uint64_t address, value;
        std::uint32_t size;
        friend bool operator==(const Write& a, const Write& b) {
            return a.address == b.address && a.value == b.value && a.size == b.size;
        }
    };

    explicit Bench(const RiscvParams& params) : unit(params), slot(std::make_unique<Translation>(unit)) {
        unit.add_sink(*this);
    }

    void write(std::uint32_t offset, std::uint64_t value, unsigned size = 8) {
        unit.write_register(offset, size, value);
        settle();
    }
    std::uint64_t read(std::uint32_t offset, unsigned size = 8) const { return unit.read_register(offset, size); }

    /// Everything that the hardware does by itself.
    void settle() {
        for (bool any = true; any;) {
            any = unit.settling();
            if (any) {
                unit.settle();
                any = !unit.settling();
            }
            for (unsigned i = 0; i < unit.machines(); ++i) any = run_machine(i) || any;
            while (const auto wire = unit.take_wire()) pulses.push_back(*wire);
            while (const auto answer = unit.take_page_response()) answers.push_back(*answer);
        }
    }
    const Step& translate(const Request& request) {
        slot->start(request);
        const Step& step = run([&](const Reply& reply) -> const Step& { return slot->step(reply); }, memory,
                               [&](const MemoryAccess& access) { note(access); });
        last = step;
        settle();
        return last;
    }
    /// Appends to the command queue and lets it run.
    void command(std::uint64_t first, std::uint64_t second) {
        const auto tail = static_cast<std::uint32_t>(read(reg::CQT, 4));
        const std::uint64_t at = unit.registers.cq.address(tail, kCommandBytes);
        memory.store(at, first);
        memory.store(at + 8, second);
        write(reg::CQT, unit.registers.cq.next(tail), 4);
    }
    /// Three queues of 4 KiB each at `base`, on.
    void queues_on(std::uint64_t base = 0x80000000, bool interrupts = false) {
        const std::uint32_t on = interrupts ? 3 : 1;
        write(reg::CQB, base >> 2 | 7);
        write(reg::FQB, (base + 0x1000) >> 2 | 6);
        write(reg::CQCSR, on, 4);
        write(reg::FQCSR, on, 4);
        if (!unit.params().has(caps::ATS)) return;
        write(reg::PQB, (base + 0x2000) >> 2 | 7);
        write(reg::PQCSR, on, 4);
    }
    void fence_waits() { command(cmd::OPCODE.of(2), 0); }
    std::vector<FaultWords> take_faults() { return std::exchange(faults, {}); }

    void invalidate(const Invalidation& invalidation) override {
        if (invalidation.is_endpoint()) endpoint_invalidations.push_back(invalidation);
    }

    SparseMemory memory;
    Iommu unit;
    std::unique_ptr<Translation> slot;
    Step last;
    bool hold_fences = false;  ///< IOFENCE.C waits: an endpoint has not answered
    bool hold_commands = false;
    std::vector<FaultWords> faults;  ///< written
    std::vector<PageRequestWords> pages;
    std::vector<Write> updates;   ///< of A and D
    std::vector<Write> fences;    ///< of IOFENCE.C
    std::vector<Write> messages;  ///< interrupts
    std::vector<unsigned> pulses;
    std::vector<PageResponse> answers;
    std::vector<Invalidation> endpoint_invalidations;

private:
    void note(const MemoryAccess& access) {
        if (access.kind == AccessKind::read) return;
        const std::uint64_t value = load_le(access.data.data(), access.size < 8 ? access.size : 8);
        const Write write{access.address.value, value, access.size};
        if (access.kind == AccessKind::compare_and_swap) updates.push_back(write);
        if (access.address.value + access.size > memory.limit) return;
        if (access.purpose == Purpose::fence) fences.push_back(write);
        if (access.purpose == Purpose::msi) messages.push_back(write);
        if (access.purpose == Purpose::fault_record) {
            FaultWords words;
            for (unsigned i = 0; i < 4; ++i) words[i] = load_le(access.data.data() + 8 * i, 8);
            faults.push_back(words);
        }
        if (access.purpose == Purpose::page_request) {
            pages.push_back({load_le(access.data.data(), 8), load_le(access.data.data() + 8, 8)});
        }
    }
    bool run_machine(unsigned index) {
        if (!unit.machine_pending(index) || (hold_commands && index == 0)) return false;
        if (waiting_ && index == 0) {
            if (hold_fences) return false;
            waiting_ = false;
        }
        Reply reply;
        for (;;) {
            const Step& step = unit.step_machine(index, reply);
            reply.abort = false;
            if (step.kind == StepKind::sync && hold_fences && !endpoint_invalidations.empty()) {
                waiting_ = true;
                return true;
            }
            if (step.kind == StepKind::access) {
                note(step.access);
                serve(step.access, memory, reply);
            } else if (step.kind != StepKind::lookup && step.kind != StepKind::executed &&
                       step.kind != StepKind::sync) {
                return true;
            }
        }
    }
    bool waiting_ = false;
};

}  // namespace xlate::iommu::riscv
