// A Tegra SMMU with plain memory behind it, and the tables that a test writes word by word.
#pragma once

#include "iommu/memory_port.hpp"
#include "iommu/tegra/layout_socs.hpp"
#include "iommu/tegra/tegra_smmu.hpp"
#include "iommu/untimed.hpp"

namespace xlate::tests {

namespace tg = xlate::iommu::tegra;

struct TegraBench {
    static constexpr std::uint64_t kDirectory = 0x83004000;
    static tg::Parameters of(std::string_view compatible) {
        tg::Parameters parameters;
        parameters.soc = tg::soc_of(compatible);
        return parameters;
    }
    explicit TegraBench(std::string_view compatible = "nvidia,tegra124-mc") : TegraBench(of(compatible)) {}
    explicit TegraBench(const tg::Parameters& parameters) : smmu(parameters), owner(smmu, memory) {
        owner.on_wire = [this](const iommu::WireSpec&) {
            ++pulses;
            if (handler) handler();
        };
        owner.on_access = [this](const iommu::MemoryAccess&) { ++accesses; };
    }

    void write(std::uint32_t offset, std::uint32_t value) { owner.write_register(offset, 4, value); }
    std::uint32_t read(std::uint32_t offset) const {
        return static_cast<std::uint32_t>(owner.read_register(offset, 4));
    }
    /// As Linux sets it up (section 7, Driver).
    void enable() {
        write(0x18, 0x2800003F);
        write(0x14, 0x30000020);
        write(0x34, 0);
        write(0x30, 0);
        write(0x10, 1);
    }
    void directory(unsigned asid, std::uint64_t root, std::uint32_t rights = 0xE0000000) {
        write(0x1C, asid);
        write(0x20, static_cast<std::uint32_t>(root >> 12) | rights);
    }
    /// A swgroup's register and the enables of all its clients.
    void attach(unsigned swgroup, unsigned asid) {
        write(tg::find_swgroup(smmu.soc(), swgroup)->reg, 0x80000000 | asid);
        for (const tg::Client& client : smmu.soc().clients) {
            if (client.swgroup != swgroup || !client.smmu) continue;
            const std::uint32_t at = tg::reg::client_enable(client.id);
            write(at, read(at) | 1U << client.id % 32);
        }
    }
    iommu::Step access(unsigned swgroup, std::uint64_t address, bool is_write = false) {
        iommu::Request request;
        request.sid = StreamId{swgroup};
        request.address = address;
        request.write = is_write;
        return owner.translate(request);
    }
    tg::Fault fault(unsigned swgroup, std::uint64_t address, bool is_write = false) {
        const iommu::Step step = access(swgroup, address, is_write);
        return step.kind == iommu::StepKind::fault ? static_cast<tg::Fault>(step.result.fault) : tg::Fault::none;
    }
    std::uint64_t counter(std::string_view name) const {
        const auto values = smmu.counter_values();
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (tg::kSpec.counters[i].name == name) return values[i];
        }
        return ~std::uint64_t{0};
    }

    iommu::SparseMemory memory;
    tg::TegraSmmu smmu;
    iommu::Untimed owner;
    std::function<void()> handler;
    unsigned pulses = 0;
    unsigned accesses = 0;
};

}  // namespace xlate::tests
