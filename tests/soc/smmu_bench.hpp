// A SoC with one SMMUv3 and one master, programmed without a kernel: tables straight into memory, registers poked.
// The set-up of corpus/gem5: stage 1, 4 KiB granule, T0SZ 25, linear stream table, one CD, level-3 entries.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "iommu/smmuv3/layout.hpp"
#include "soc/soc.hpp"

namespace xlate::tests {

namespace smmu = iommu::smmuv3;

struct SmmuBench {
    static constexpr std::uint64_t kRegisters = 0x9050000, kMemory = 0x8000'0000, kMemoryBytes = std::uint64_t{4} << 30;
    static constexpr std::uint64_t kStreamTable = kMemory, kContext = kMemory + 0x1000, kRoot = kMemory + 0x2000,
                                   kTables = kMemory + 0x10'0000, kCommands = kMemory + 0x8000,
                                   kEvents = kMemory + 0xA000;
    static constexpr std::uint64_t kIova = 0x1000'0000;             ///< first mapped page
    static constexpr std::uint64_t kPages = kMemory + 0x1000'0000;  ///< what it is mapped to
    static constexpr std::uint32_t kStream = 1;

    /// The set-up of corpus/gem5 around the SMMU: from its door to memory and back 33 ns, of which 30 are the memory's.
    static soc::SocConfig gem5_machine() {
        soc::SocConfig config;
        config.interconnect = {64, Cycles{2}, Cycles{1}, Cycles{1}};
        config.memory.latency = ns(30);
        config.memory.bandwidth_bytes_per_s = 0;
        config.cpu.count = 1;
        return config;
    }

    /// Adds a PCI host bridge, of whose requester ids `count` from `base` on have the streams from `stream` on.
    static void add_host_bridge(firmware::Description& board, std::uint32_t base, std::uint32_t stream,
                                std::uint32_t count) {
        firmware::Node host;
        host.path = "/pcie@10000000";
        host.name = "pcie@10000000";
        host.parent = firmware::NodeIndex{0};
        host.regs.push_back({0x10000000, 0x1000, 0x10000000, ""});
        host.iommu_map.emplace();
        host.iommu_map->rows.push_back({base, 1, firmware::NodeIndex{1}, stream, count});
        board.nodes.push_back(host);
    }
    /// The SMMU is node 1; masters are nodes 2 and up, each with its own stream ID from kStream on.
    static firmware::Description board(const std::vector<std::string>& masters) {
        firmware::Description description;
        description.memory.push_back({kMemory, kMemoryBytes});
        firmware::Node root;
        root.path = "/";
        description.nodes.push_back(root);
        firmware::Node iommu;
        iommu.path = "/smmuv3@9050000";
        iommu.name = "smmuv3@9050000";
        iommu.parent = firmware::NodeIndex{0};
        iommu.phandle = 1;
        iommu.compatible = {"arm,smmu-v3"};
        iommu.regs.push_back({kRegisters, 0x20000, kRegisters, ""});
        iommu.iommu_cells = 1;
        description.nodes.push_back(iommu);
        for (std::size_t i = 0; i < masters.size(); ++i) {
            firmware::Node master;
            master.path = "/" + masters[i];
            master.name = masters[i];
            master.parent = firmware::NodeIndex{0};
            master.has_iommus = true;
            firmware::IommuEntry entry;
            entry.phandle = 1;
            entry.provider = firmware::NodeIndex{1};
            entry.args = {kStream + static_cast<std::uint32_t>(i)};
            master.iommus.push_back(entry);
            description.nodes.push_back(master);
        }
        return description;
    }
    static soc::MasterConfig master(const std::string& name, std::uint32_t node) {
        soc::MasterConfig config;
        config.device = name;
        config.node = firmware::NodeIndex{node};
        return config;
    }

    // `Machine`: a Soc, or what has its peek, poke, peek_register and poke_register.
    template <typename Machine>
    static void store(Machine& soc, std::uint64_t address, std::uint64_t word) {
        std::uint8_t bytes[8];
        store_le(bytes, 8, word);
        soc.poke(PhysAddr{address}, bytes, 8);
    }
    template <typename Machine, std::size_t N>
    static void store(Machine& soc, std::uint64_t address, const std::array<std::uint64_t, N>& words) {
        for (std::size_t i = 0; i < N; ++i) store(soc, address + 8 * i, words[i]);
    }
    static std::uint64_t leaf(std::uint64_t page) {
        using namespace smmu;  // NOLINT(google-build-using-namespace)
        return page | pte::TYPE.of(pte::TYPE_PAGE) | pte::AF.of(1) | pte::AP1.of(1) | pte::SH.of(pte::SH_ISH) |
               pte::nG.of(1);
    }
    /// Address of the level-3 entry of the page number `index` from kIova on.
    static std::uint64_t leaf_address(std::uint64_t index) { return kTables + 0x10'0000 + index * 8; }

    /// `streams` streams share one CD, in which `pages` pages are mapped.
    template <typename Machine>
    static void install(Machine& soc, std::uint64_t pages, std::uint32_t streams = 1) {
        using namespace smmu;  // NOLINT(google-build-using-namespace)
        SteWords entry{};
        ste::V.set(entry, 1);
        ste::Config.set(entry, ste::CONFIG_S1);
        ste::S1ContextPtr.set_address(entry, kContext);
        ste::SHCFG.set(entry, ste::SHCFG_INCOMING);
        for (std::uint32_t i = 0; i < streams; ++i) store(soc, kStreamTable + (kStream + i) * kSteBytes, entry);
        CdWords context{};
        cd::V.set(context, 1);
        cd::AA64.set(context, 1);
        cd::T0SZ.set(context, 25);
        cd::TG0.set(context, cd::TG0_4K);
        cd::EPD1.set(context, 1);
        cd::IPS.set(context, 4);
        cd::A.set(context, 1);
        cd::R.set(context, 1);
        cd::ASID.set(context, 1);
        cd::TTB0.set_address(context, kRoot);
        cd::MAIR.set(context, 0xFF);
        store(soc, kContext, context);
        // 39 bits: level 1 is the root, an entry of it serves 1 GiB. Level 2 from kTables, level 3 behind it.
        for (std::uint64_t index = 0; index < pages; ++index) {
            const std::uint64_t iova = kIova + index * 4096;
            if (index == 0 || iova % (1 << 30) == 0) {
                store(soc, kRoot + (iova >> 30) * 8, (kTables + (iova >> 30) * 4096) | pte::TYPE.of(pte::TYPE_TABLE));
            }
            if (iova % (1 << 21) == 0) {
                store(soc, kTables + (iova >> 21) * 8, leaf_address(index) | pte::TYPE.of(pte::TYPE_TABLE));
            }
            store(soc, leaf_address(index), leaf(kPages + index * 4096));
        }
    }
    template <typename Machine>
    static void set(Machine& soc, std::uint32_t offset, std::uint64_t value, unsigned size = 4) {
        soc.poke_register(PhysAddr{kRegisters + offset}, size, value);
    }
    template <typename Machine>
    static void enable(Machine& soc) {
        using namespace smmu;  // NOLINT(google-build-using-namespace)
        set(soc, reg::CR1, 0xD75);
        set(soc, reg::STRTAB_BASE, kStreamTable, 8);
        set(soc, reg::STRTAB_BASE_CFG, strtab_base_cfg::LOG2SIZE.of(4));
        set(soc, reg::CMDQ_BASE, kCommands | 8, 8);
        set(soc, reg::EVENTQ_BASE, kEvents | 5, 8);
        set(soc, reg::CR0, cr0::SMMUEN.mask() | cr0::EVENTQEN.mask() | cr0::CMDQEN.mask());
    }
};

}  // namespace xlate::tests
