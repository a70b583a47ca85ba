// Boards with SMMUs of version 1 and 2 for tests of their driver, made by hand; and a boot on one.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/bits.hpp"
#include "firmware/description.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/register_machine.hpp"

namespace xlate::kernel::tests {

inline constexpr std::uint64_t kArmSmmuBase = 0x7F000000, kArmSmmuStride = 0x200000;

/// Owns the bytes of its properties: keep it where it is.
struct ArmSmmuBoard {
    ArmSmmuBoard() {
        description.memory = {{0x40000000, 0x3F000000}};
        firmware::Node root;
        root.path = "/";
        root.address_cells = 2;
        root.size_cells = 2;
        description.nodes.push_back(root);
    }
    ArmSmmuBoard(const ArmSmmuBoard&) = delete;
    ArmSmmuBoard& operator=(const ArmSmmuBoard&) = delete;

    firmware::NodeIndex add(firmware::Node node) {
        node.parent = firmware::NodeIndex{0};
        const auto index = static_cast<firmware::NodeIndex>(description.nodes.size());
        description.nodes[0].children.push_back(index);
        description.nodes.push_back(std::move(node));
        return index;
    }
    /// The n-th SMMU stands at kArmSmmuBase + n * kArmSmmuStride; one global interrupt, then `contexts`.
    firmware::NodeIndex smmu(std::vector<std::string> compatible, unsigned cells = 1, std::uint64_t bytes = 0x20000,
                             unsigned contexts = 8, bool coherent = true) {
        firmware::Node node;
        const std::uint64_t base = kArmSmmuBase + smmus++ * kArmSmmuStride;
        node.name = fmt::format("iommu@{:x}", base);
        node.path = "/" + node.name;
        node.compatible = std::move(compatible);
        node.iommu_cells = cells;
        node.dma_coherent = coherent;
        window(node, base, bytes);
        for (unsigned i = 0; i <= contexts; ++i) {
            firmware::Interrupt interrupt;
            interrupt.name = i == 0 ? "global" : "context";
            node.interrupts.push_back(interrupt);
        }
        return add(node);
    }
    /// "<base>.dma"
    std::string master(firmware::NodeIndex provider, const std::vector<std::vector<std::uint32_t>>& ids,
                       std::vector<std::string> compatible = {"xlate,dma"}) {
        firmware::Node node;
        const std::uint64_t base = 0xA0000000 + masters++ * 0x10000;
        node.name = fmt::format("dma@{:x}", base);
        node.path = "/" + node.name;
        node.compatible = std::move(compatible);
        node.dma_coherent = true;
        window(node, base, 0x1000);
        node.has_iommus = true;
        for (const std::vector<std::uint32_t>& id : ids) {
            firmware::IommuEntry entry;
            entry.provider = provider;
            entry.args = id;
            node.iommus.push_back(entry);
        }
        add(node);
        return fmt::format("{:x}.dma", base);
    }
    void u32(firmware::NodeIndex at, std::string_view name, std::uint32_t value) {
        bytes_.push_back({static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
                          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
        firmware::Node& node = description.nodes[firmware::index(at)];
        std::vector<firmware::Property> all(node.properties.begin(), node.properties.end());
        all.push_back({name, {bytes_.back().data(), 4}, 0});
        properties_.push_back(std::move(all));
        node.properties = {properties_.back().data(), properties_.back().size()};
    }
    static void window(firmware::Node& node, std::uint64_t address, std::uint64_t size) {
        firmware::Reg reg;
        reg.address = address;
        reg.size = size;
        reg.cpu_address = address;
        node.regs.push_back(reg);
    }

    firmware::Description description;
    unsigned smmus = 0;
    unsigned masters = 0;

private:
    std::deque<std::vector<std::uint8_t>> bytes_;
    std::deque<std::vector<firmware::Property>> properties_;
};

/// ID registers of the corpus' SMMU: all stages and formats, 16 groups of 15-bit ids, 8 banks of 4 KiB, 48 bits.
struct ArmSmmuIds {
    std::uint32_t id0 = 0x7C085E10, id1 = 0x30000008, id2 = 0x1555, id7 = 0x20;
};

/// The driver over registers in RAM.
struct ArmSmmuRamBoot {
    ArmSmmuRamBoot(const ArmSmmuBoard& board, const ArmSmmuIds& ids, BootConfig config = {},
                   const std::string& variant_name = "linux-6.12", bool start = true)
        : variant(find_variant(variant_name)),
          k(machine, variant),
          system(k, board.description, std::move(config)),
          boot(k, board.description, system.boot_config()) {
        for (unsigned i = 0; i < board.smmus; ++i) {
            machine.set_word(kArmSmmuBase + i * kArmSmmuStride + 0x20, ids.id0);
            machine.set_word(kArmSmmuBase + i * kArmSmmuStride + 0x24, ids.id1);
            machine.set_word(kArmSmmuBase + i * kArmSmmuStride + 0x28, ids.id2);
            machine.set_word(kArmSmmuBase + i * kArmSmmuStride + 0x3C, ids.id7);
        }
        if (start) run();
    }
    ~ArmSmmuRamBoot() { k.sched.kill_all(); }
    void run() {
        boot.start();
        machine.run(k.sched);
    }
    template <typename Body>
    void task(Body body) {
        k.spawn("test", 0, body);
        machine.run(k.sched);
    }
    std::uint32_t reg(std::uint64_t offset) { return static_cast<std::uint32_t>(machine.word(kArmSmmuBase + offset)); }
    bool written(std::uint64_t offset) const {
        for (const RegisterLogEntry& entry : machine.log) {
            if (entry.write && entry.address == kArmSmmuBase + offset) return true;
        }
        return false;
    }
    bool said(const std::string& text) const { return k.console.text().find(text) != std::string::npos; }
    /// iommu_probe_device's answer at the bind of `device`; none: it was not called.
    std::optional<int> probed(const std::string& device) const {
        std::optional<int> result;
        for (const Event& event : k.events.events()) {
            const bool ours = event.kind == EventKind::iommu_probe_device && event.device == device;
            if (ours && event.caller == "of_iommu_configure") result = event.ret;
        }
        return result;
    }
    const GroupResult* group_of(const std::string& device) {
        groups = boot.groups();
        for (const GroupResult& group : groups) {
            for (const std::string& member : group.devices) {
                if (member == device) return &group;
            }
        }
        return nullptr;
    }
    std::optional<unsigned> group_id(const std::string& device) {
        const GroupResult* const group = group_of(device);
        return group != nullptr ? std::optional<unsigned>(group->id) : std::nullopt;
    }
    Ptr<arm_smmu::ArmSmmuDomain> domain_of(const std::string& device) {
        return ptr_cast<arm_smmu::ArmSmmuDomain>(boot.find_device(device)->iommu_group.peek()->domain.peek());
    }

    RegisterMachine machine;
    Variant variant;
    Kernel k;
    KernelSystem system;
    LinuxBoot boot;
    std::vector<GroupResult> groups;
};

}  // namespace xlate::kernel::tests
