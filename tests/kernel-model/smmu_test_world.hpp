// An SMMUv3 as a driver's test needs it: registers that acknowledge, a command queue that is consumed and logged.
// It translates nothing: what the driver wrote to memory is looked at by the test itself.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/bits.hpp"
#include "firmware/description.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/dma/dma_iommu.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

namespace xlate::kernel::tests {

inline constexpr std::uint64_t kSmmuBase = 0x9050000;

/// ID registers of QEMU 7's SMMUv3, as the corpus' kernels saw it: stage 1, 4K/16K/64K, 44 bits, RIL, two levels.
struct SmmuIds {
    std::uint32_t idr0 =
        (1u << 1) | (2u << 2) | (1u << 4) | (1u << 12) | (1u << 18) | (2u << 21) | (1u << 24) | (1u << 26) | (1u << 27);
    std::uint32_t idr1 = 16u | (19u << 16) | (19u << 21);
    std::uint32_t idr3 = 1u << 10;
    std::uint32_t idr5 = 4u | (7u << 4);
};

struct RegisterAccess {
    bool write;
    std::uint32_t offset;
    std::uint64_t value;
};

class SmmuTestMachine : public ImmediateMachine {
public:
    explicit SmmuTestMachine(const SmmuIds& ids) {
        registers_[0x00] = ids.idr0;
        registers_[0x04] = ids.idr1;
        registers_[0x0C] = ids.idr3;
        registers_[0x14] = ids.idr5;
    }

    std::vector<RegisterAccess> accesses;               // in order
    std::vector<iommu::smmuv3::CommandWords> commands;  // consumed, in order
    std::function<void(PhysAddr, std::size_t)> on_memory_write;
    std::function<void(const iommu::smmuv3::CommandWords&)> on_command;
    bool never_acknowledge = false;
    bool consume = true;
    SimTime mmio_read_time = ns(150);
    SimTime mmio_write_time = ns(40);

    std::uint64_t reg(std::uint32_t offset) const {
        const auto found = registers_.find(offset);
        return found == registers_.end() ? 0 : found->second;
    }
    void set_reg(std::uint32_t offset, std::uint64_t value) { registers_[offset] = value; }

    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        pass(mmio_read_time);
        if (!ours(address)) return ImmediateMachine::mmio_read(address, size);
        const auto offset = static_cast<std::uint32_t>(address.value - kSmmuBase);
        accesses.push_back({false, offset, reg(offset)});
        return reg(offset);
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        namespace r = iommu::smmuv3::reg;
        pass(mmio_write_time);
        if (!ours(address)) return ImmediateMachine::mmio_write(address, size, value);
        const auto offset = static_cast<std::uint32_t>(address.value - kSmmuBase);
        accesses.push_back({true, offset, value});
        registers_[offset] = value;
        if (never_acknowledge) return;
        if (offset == r::CR0) registers_[r::CR0ACK] = value;
        if (offset == r::IRQ_CTRL) registers_[r::IRQ_CTRLACK] = value;
        if (offset == r::GBPA) registers_[r::GBPA] = value & 0x7FFFFFFF;
        if (offset == r::CMDQ_PROD && consume) consume_commands();
    }
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override {
        if (on_memory_write) on_memory_write(address, size);
        ImmediateMachine::memory_write(address, bytes, size);
    }
    std::uint64_t word(std::uint64_t at) {
        std::uint8_t bytes[8];
        memory_read(PhysAddr{at}, bytes, 8);
        return load_le(bytes, 8);
    }
    void consume_commands() {
        namespace r = iommu::smmuv3::reg;
        const std::uint64_t base = reg(r::CMDQ_BASE);
        const auto log2 = static_cast<unsigned>(base & 31);
        const std::uint64_t memory_base = base & 0x000FFFFFFFFFFFE0;
        const std::uint64_t mask = low_mask(log2 + 1);
        while ((reg(r::CMDQ_CONS) & mask) != (reg(r::CMDQ_PROD) & mask)) {
            const std::uint64_t at = memory_base + (reg(r::CMDQ_CONS) & low_mask(log2)) * 16;
            commands.push_back({word(at), word(at + 8)});
            if (on_command) on_command(commands.back());
            registers_[r::CMDQ_CONS] = (reg(r::CMDQ_CONS) + 1) & mask;
            // A SYNC that asks for a message gets it.
            if ((commands.back()[0] & 0xFF) == 0x46 && ((commands.back()[0] >> 12) & 3) == 1) {
                const std::uint8_t zero[4] = {};
                memory_write(PhysAddr{commands.back()[1] & 0x000FFFFFFFFFFFFC}, zero, 4);
            }
        }
    }
    /// Puts a record into the event queue, without an interrupt.
    void put_event(const iommu::smmuv3::EventWords& words) {
        namespace r = iommu::smmuv3::reg;
        const std::uint64_t base = reg(r::EVENTQ_BASE);
        const auto log2 = static_cast<unsigned>(base & 31);
        const std::uint64_t at = (base & 0x000FFFFFFFFFFFE0) + (reg(r::EVENTQ_PROD) & low_mask(log2)) * 32;
        for (unsigned i = 0; i < 4; ++i) {
            std::uint8_t bytes[8];
            store_le(bytes, 8, words[i]);
            memory_write(PhysAddr{at + 8 * i}, bytes, 8);
        }
        registers_[r::EVENTQ_PROD] =
            (reg(r::EVENTQ_PROD) & ~low_mask(log2 + 1)) | ((reg(r::EVENTQ_PROD) + 1) & low_mask(log2 + 1));
    }

private:
    static bool ours(PhysAddr address) { return address.value >= kSmmuBase && address.value < kSmmuBase + 0x20000; }
    std::map<std::uint32_t, std::uint64_t> registers_;
};

/// A board with one SMMU and `masters` platform masters behind it: "a000000.dma", "a001000.dma" ...
inline firmware::Description smmu_board(unsigned masters, bool coherent = true) {
    firmware::Description board;
    board.memory = {{0x40000000, 0x40000000}};
    firmware::Node root;
    root.path = "/";
    root.address_cells = 2;
    root.size_cells = 2;
    board.nodes.push_back(root);
    const auto add = [&board](firmware::Node node) {
        node.parent = firmware::NodeIndex{0};
        board.nodes[0].children.push_back(static_cast<firmware::NodeIndex>(board.nodes.size()));
        board.nodes.push_back(std::move(node));
    };
    firmware::Node smmu;
    smmu.path = "/smmuv3@9050000";
    smmu.name = "smmuv3@9050000";
    smmu.compatible = {"arm,smmu-v3"};
    smmu.iommu_cells = 1;
    smmu.dma_coherent = coherent;
    firmware::Reg reg;
    reg.address = kSmmuBase;
    reg.size = 0x20000;
    reg.cpu_address = kSmmuBase;
    smmu.regs = {reg};
    for (const char* name : {"eventq", "priq", "cmdq-sync", "gerror"}) {
        firmware::Interrupt interrupt;
        interrupt.name = name;
        smmu.interrupts.push_back(interrupt);
    }
    add(smmu);
    for (unsigned i = 0; i < masters; ++i) {
        firmware::Node master;
        master.name = "dma";
        master.path = "/dma@" + std::to_string(i);
        master.dma_coherent = true;
        add(master);
    }
    return board;
}

/// A kernel with the cores, one SMMU and its driver; tests call the cores directly, on tasks.
template <class MachineType>
struct SmmuWorldOf {
    explicit SmmuWorldOf(firmware::Description the_board = smmu_board(2), SmmuIds ids = {},
                         const std::string& variant_name = "base", ArmSmmuParams smmu_params = {},
                         IommuParameters iommu_params = {}, DmaParams dma_params = {}, std::uint64_t page_bytes = 4096)
        : board(std::move(the_board)),
          variant(find_variant(variant_name)),
          machine(ids),
          k(machine, variant),
          platform(k, "platform"),
          pages(k, board, page_params(page_bytes)),
          dma(k, pages, board, dma_params),
          drivers(k, DriverCoreParameters{}),
          iommu(k, board, drivers, &dma, iommu_params),
          driver(iommu, platform, pages, smmu_params, {}) {
        k.check_data_races = false;  // the test tasks are not ordered by anything that the checker knows
        drivers.bus_register(platform);
        iommu.bus_register(platform);
        smmu_dev = make_device("9050000.smmuv3", 1);
    }

    static PageAllocatorParams page_params(std::uint64_t page_bytes) {
        PageAllocatorParams params;
        params.page_bytes = page_bytes;
        return params;
    }

    Ptr<Device> make_device(const std::string& name, unsigned node) {
        const Ptr<Device> dev =
            k.heap.make<Device>("test", name, &platform, Ptr<Device>{}, static_cast<firmware::NodeIndex>(node));
        k.heap.set_immortal(*dev);
        dev->dma_coherent = board.nodes[node].dma_coherent;
        return dev;
    }
    /// Runs `body` as a task, and everything that follows from it.
    void run(std::function<void()> body, unsigned cpu = 0) {
        k.spawn("test", cpu, std::move(body));
        machine.run(k.sched);
    }
    /// The SMMU's driver binds it. Returns the driver's answer.
    int probe_smmu() {
        run([this] {
            drivers.device_add(smmu_dev, false);
            drivers.driver_register(driver);
        });
        return driver.instances().empty() ? -1 : 0;
    }
    /// A master with these ids, configured as of_iommu_configure would. Returns iommu_probe_device's answer.
    int add_master(Ptr<Device> dev, const std::vector<std::uint32_t>& ids) {
        int err = 0;
        run([&] {
            drivers.device_add(dev, false);
            err = configure(dev, ids);
        });
        return err;
    }
    int configure(Ptr<Device> dev, const std::vector<std::uint32_t>& ids) {
        const auto smmu = static_cast<firmware::NodeIndex>(1);
        int err = iommu.iommu_fwspec_init(*dev, smmu, &driver.ops());
        if (err == 0) err = iommu.iommu_fwspec_add_ids(*dev, ids);
        if (err == 0) err = iommu.iommu_probe_device(*dev, "test");
        if (err == 0) iommu.iommu_setup_dma_ops(*dev, 0, ~std::uint64_t{0});
        return err;
    }
    ArmSmmuDevice& smmu() { return *driver.instances().front(); }
    Ptr<ArmSmmuDomain> domain_of(Ptr<Device> dev) {
        return ptr_cast<ArmSmmuDomain>(dev->iommu_group.peek()->domain.peek());
    }
    std::string console() const { return k.console.text(); }
    bool said(const std::string& text) const { return console().find(text) != std::string::npos; }
    std::vector<std::uint64_t> words(std::uint64_t at, std::size_t count) {
        std::vector<std::uint64_t> all;
        for (std::size_t i = 0; i < count; ++i) all.push_back(machine.word(at + 8 * i));
        return all;
    }
    /// Names of the commands consumed since `first`.
    std::vector<std::string> command_names(std::size_t first = 0) const {
        std::vector<std::string> names;
        for (std::size_t i = first; i < machine.commands.size(); ++i) {
            names.push_back(name(static_cast<iommu::smmuv3::Opcode>(machine.commands[i][0] & 0xFF)));
        }
        return names;
    }

    firmware::Description board;
    Variant variant;
    MachineType machine;
    Kernel k;
    BusType platform;
    PageAllocator pages;
    DmaIommu dma;
    DriverCore drivers;
    IommuCore iommu;
    ArmSmmuDriver driver;
    Ptr<Device> smmu_dev;
};
using SmmuWorld = SmmuWorldOf<SmmuTestMachine>;

}  // namespace xlate::kernel::tests
