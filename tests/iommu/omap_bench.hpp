// OMAP's IOMMU over plain memory: registers, tables written word by word.
#pragma once

#include <catch2/catch.hpp>

#include <functional>
#include <vector>

#include "iommu/omap/omap.hpp"
#include "iommu/untimed.hpp"

namespace xlate::tests {

namespace om = iommu::omap;

struct OmapBench {
    explicit OmapBench(const om::Parameters& parameters = {}) : mmu(parameters), untimed(mmu, memory) {
        untimed.on_wire = [this](const iommu::WireSpec&) {
            ++pulses;
            if (handler) handler();
        };
        untimed.on_resumed = [this](std::uint64_t id, const iommu::Step& step) { resumed.push_back({id, step}); };
        untimed.on_access = [this](const iommu::MemoryAccess&) { ++reads; };
    }

    std::uint32_t read(std::uint32_t offset) const {
        return static_cast<std::uint32_t>(untimed.read_register(offset, 4));
    }
    void write(std::uint32_t offset, std::uint64_t value) { untimed.write_register(offset, 4, value); }
    /// As Linux programs it (section 6); `walker`: TWL_EN.
    void enable(bool walker = true) {
        write(om::reg::TTB, kRoot);
        write(om::reg::IRQENABLE, walker ? 0x1E : 0x17);
        write(om::reg::CNTL, walker ? 6 : 2);
    }
    void word(std::uint64_t at, std::uint32_t value) { memory.store(at, value, 4); }
    void load(std::uint32_t cam, std::uint32_t ram) {
        write(om::reg::CAM, cam);
        write(om::reg::RAM, ram);
        write(om::reg::LD_TLB, 1);
    }
    void lock(unsigned base, unsigned victim) { write(om::reg::LOCK, base << 10 | victim << 4); }
    std::uint32_t cam(unsigned entry) {
        lock(read(om::reg::LOCK) >> 10, entry);
        return read(om::reg::READ_CAM);
    }
    iommu::Step translate(std::uint64_t address, bool is_write = false) {
        iommu::Request request;
        request.address = address;
        request.write = is_write;
        request.id = ++next_id;
        return untimed.translate(request);
    }
    std::uint64_t pa(std::uint64_t address) {
        const iommu::Step step = translate(address);
        REQUIRE(step.kind == iommu::StepKind::done);
        return step.result.pa.value;
    }

    static constexpr std::uint32_t kRoot = 0x80000000;
    struct Resumed {
        std::uint64_t id;
        iommu::Step step;
    };
    iommu::SparseMemory memory;
    om::Omap mmu;
    iommu::Untimed untimed;
    std::function<void()> handler;
    unsigned pulses = 0;
    unsigned reads = 0;
    std::vector<Resumed> resumed;
    std::uint64_t next_id = 0;
};

}  // namespace xlate::tests
