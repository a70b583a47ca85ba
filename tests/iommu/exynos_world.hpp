// An Exynos SysMMU over plain memory: registers, tables written word by word, a handler of its interrupt.
#pragma once

#include <catch2/catch.hpp>

#include <functional>
#include <vector>

#include "iommu/exynos/sysmmu.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/untimed.hpp"

namespace xlate::tests {

namespace ex = iommu::exynos;

inline ex::Parameters exynos_of(unsigned major, unsigned minor, bool vm = false) {
    ex::Parameters parameters;
    parameters.version = ex::make_version(major, minor);
    parameters.vm = vm;
    return parameters;
}

struct ExynosWorld {
    explicit ExynosWorld(const ex::Parameters& the_parameters = {})
        : parameters(the_parameters),
          map(ex::registers_of(parameters.version, parameters.vm)),
          mmu(parameters),
          owner(mmu, memory) {
        owner.on_wire = [this](const iommu::WireSpec&) {
            ++pulses;
            if (handler) handler();
        };
        owner.on_resumed = [this](std::uint64_t id, const iommu::Step& step) { resumed.push_back({id, step}); };
    }

    std::uint32_t read(std::uint32_t offset) const {
        return static_cast<std::uint32_t>(owner.read_register(offset, 4));
    }
    void write(std::uint32_t offset, std::uint64_t value) { owner.write_register(offset, 4, value); }
    void ctrl(std::uint32_t value) { write(ex::reg::CTRL, value); }
    /// In the driver's order (iommu-hardware.md 16.2). `pt_base` as the register has it.
    void enable(std::uint32_t pt_base, std::uint32_t cfg = 0x01100784) {
        ctrl(7);
        write(ex::reg::CFG, cfg);
        write(map.pt_base, pt_base);
        write(map.flush_all, 1);
        if (parameters.vm) write(0x8000, read(0x8000) | 9);
        ctrl(5);
    }
    /// What a handler does: the lowest cause is cleared, the SysMMU unblocked.
    void answer() {
        const std::uint32_t causes = read(map.int_status);
        write(map.int_clear, causes & (~causes + 1));
        ctrl(5);
    }
    iommu::Step access(std::uint64_t address, bool is_write = false) {
        iommu::Request request;
        request.address = address;
        request.write = is_write;
        request.id = ++next_id;
        return owner.translate(request);
    }
    /// PA of an access that is translated or passes; 0: it is not.
    std::uint64_t pa(std::uint64_t address, bool is_write = false) {
        const iommu::Step step = access(address, is_write);
        return step.kind == iommu::StepKind::done ? step.result.pa.value : 0;
    }

    struct Resumed {
        std::uint64_t id;
        iommu::Step step;
    };
    const ex::Parameters parameters;
    const ex::RegisterMap& map;
    iommu::SparseMemory memory;
    ex::SysMmu mmu;
    iommu::Untimed owner;
    std::function<void()> handler;
    unsigned pulses = 0;
    std::vector<Resumed> resumed;
    std::uint64_t next_id = 0;
};

}  // namespace xlate::tests
