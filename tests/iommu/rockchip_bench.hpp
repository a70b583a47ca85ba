// A Rockchip IOMMU over plain memory: registers by bank, tables written word by word.
#pragma once

#include <catch2/catch.hpp>

#include <functional>
#include <optional>
#include <vector>

#include "iommu/simple/rockchip.hpp"
#include "iommu/untimed.hpp"

namespace xlate::tests {

namespace rk = iommu::rockchip;

struct RockchipBench {
    explicit RockchipBench(const rk::Parameters& parameters = {})
        : version(parameters.version), mmu(parameters), untimed(mmu, memory) {
        untimed.on_wire = [this](const iommu::WireSpec& wire) {
            pulses.push_back(wire.index);
            if (handler) handler();
        };
        untimed.on_resumed = [this](std::uint64_t id, const iommu::Step& step) { resumed.push_back({id, step}); };
    }

    std::uint32_t read(std::uint32_t offset, unsigned bank = 0) const {
        return static_cast<std::uint32_t>(untimed.read_register(offset, 4, bank));
    }
    void write(std::uint32_t offset, std::uint64_t value, unsigned bank = 0) {
        untimed.write_register(offset, 4, value, bank);
    }
    void command(rk::Command command, unsigned bank = 0) {
        write(rk::reg::COMMAND, static_cast<std::uint32_t>(command), bank);
    }
    /// A directory at `root`, paging and interrupts on, of every bank.
    void enable(std::uint64_t root) {
        for (unsigned bank = 0; bank < mmu.register_banks(); ++bank) {
            write(rk::reg::DTE_ADDR, rk::address_field(root, version), bank);
            command(rk::Command::zap_cache, bank);
            write(rk::reg::INT_MASK, 3, bank);
            command(rk::Command::enable_paging, bank);
        }
    }
    /// `rights`: bits 1 and 2 of the word.
    void map(std::uint64_t root, std::uint32_t iova, std::uint64_t page, std::uint32_t rights = 6) {
        const std::uint64_t at = root + 4ull * rk::directory_index(iova);
        auto dte = static_cast<std::uint32_t>(memory.load(at, 4));
        if ((dte & 1) == 0) {
            dte = rk::address_field(next_table, version) | 1;
            memory.store(at, dte, 4);
            next_table += 4096;
        }
        memory.store(rk::address(dte, version) + 4ull * rk::table_index(iova),
                     rk::address_field(page, version) | rights | 1, 4);
    }
    iommu::Step translate(std::uint64_t address, bool write = false, std::uint32_t sid = 0) {
        iommu::Request request;
        request.address = address;
        request.write = write;
        request.sid = StreamId{sid};
        request.id = ++next_id;
        return untimed.translate(request);
    }
    /// What the driver's handler does, for all banks; `zaps`: as Linux's, which drops everything at each fault.
    void answer(bool zaps = true) {
        for (unsigned bank = 0; bank < mmu.register_banks(); ++bank) {
            const std::uint32_t interrupts = read(rk::reg::INT_STATUS, bank);
            if (interrupts == 0) continue;
            if ((interrupts & 1) != 0) {
                if (zaps) command(rk::Command::zap_cache, bank);
                command(rk::Command::page_fault_done, bank);
            }
            write(rk::reg::INT_CLEAR, interrupts, bank);
        }
    }

    struct Resumed {
        std::uint64_t id;
        iommu::Step step;
    };
    rk::Version version;
    iommu::SparseMemory memory;
    rk::Rockchip mmu;
    iommu::Untimed untimed;
    std::function<void()> handler;
    std::vector<unsigned> pulses;
    std::vector<Resumed> resumed;
    std::uint64_t next_table = 0x80000000;
    std::uint64_t next_id = 0;
};

}  // namespace xlate::tests
