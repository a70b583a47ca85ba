// What the driver left in memory, read by somebody who shares no code with the driver, its page tables or iommu/:
// stream table, context descriptor, page table, from nothing but the registers and the bytes in DRAM.
// Layouts: docs/spec/iommu-hardware.md 1.1, 1.4, 1.5, 1.6, 1.10.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "kernel-model/dma/dma_iommu.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3.hpp"
#include "soc/soc.hpp"
#include "study/run/assemble.hpp"
#include "tests/places.hpp"

using namespace xlate;

namespace {

using Pages = std::map<std::uint64_t, std::uint64_t>;  // page of IOVA -> page of memory

constexpr std::uint64_t kPage = 4096;

/// Maps pieces of its own choosing for each device that binds, unmaps every third, and remembers what is left.
class Mapper final : public kernel::ClientDriver {
public:
    Mapper(kernel::PageAllocator& pages, kernel::DmaIommu& dma) : pages_(pages), dma_(dma) {}

    int probe(kernel::Device& dev, const kernel::TrafficPlan* /*plan*/) override {
        // A page, many pages, parts of pages, and enough to be mapped by 2 MiB blocks.
        const std::uint64_t sizes[] = {4096, 64, 12288, 5000, 65536, 100000, 4096, std::uint64_t{4} << 20, 8192};
        int number = 0;
        for (const std::uint64_t size : sizes) {
            const std::optional<PhysAddr> memory = pages_.alloc(size + kPage);
            REQUIRE(memory);
            const PhysAddr buffer = *memory + (number % 2 == 0 ? 0 : 256);
            const std::optional<Iova> iova =
                dma_.dma_map_single(dev, buffer, size, kernel::DmaDirection::bidirectional);
            REQUIRE(iova);
            if (++number % 3 == 0) {
                dma_.dma_unmap_single(dev, *iova, size);
                continue;
            }
            for (std::uint64_t at = iova->value / kPage; at <= (iova->value + size - 1) / kPage; ++at) {
                mapped[dev.name][at] = buffer.value / kPage + (at - iova->value / kPage);
            }
        }
        return 0;
    }
    void remove(kernel::Device& /*dev*/) override {}

    std::map<std::string, Pages> mapped;

private:
    kernel::PageAllocator& pages_;
    kernel::DmaIommu& dma_;
};

/// Reads the structures of one SMMU out of memory.
class Reader {
public:
    Reader(const soc::Soc& soc, std::uint64_t registers) : soc_(soc), registers_(registers) {}

    std::uint64_t word(std::uint64_t address) const {
        std::uint8_t bytes[8];
        REQUIRE(soc_.peek(PhysAddr{address}, bytes, sizeof bytes));
        std::uint64_t value = 0;
        for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
        return value;
    }
    std::uint64_t reg(std::uint32_t offset, unsigned size) const {
        return soc_.peek_register(PhysAddr{registers_ + offset}, size);
    }

    /// Address of the stream table entry, by STRTAB_BASE and STRTAB_BASE_CFG; none: no table for it.
    std::optional<std::uint64_t> stream_table_entry(std::uint32_t sid) const {
        const std::uint64_t base = reg(0x80, 8) & 0x000FFFFFFFFFFFC0;
        const std::uint64_t config = reg(0x88, 4);
        if (sid >> (config & 0x3F) != 0) return std::nullopt;
        if ((config >> 16 & 3) == 0) return base + std::uint64_t{sid} * 64;
        const unsigned split = static_cast<unsigned>(config >> 6 & 0x1F);
        const std::uint64_t level1 = word(base + (sid >> split) * std::uint64_t{8});
        const unsigned span = static_cast<unsigned>(level1 & 0x1F);
        const std::uint64_t in_table = sid & ((1U << split) - 1);
        if (span == 0 || in_table >= std::uint64_t{1} << (span - 1)) return std::nullopt;
        return (level1 & 0x000FFFFFFFFFFFC0) + in_table * 64;
    }

    /// Every page that stage 1 of `sid` maps. Nothing: the stream does not translate.
    std::optional<Pages> translations(std::uint32_t sid) const {
        const std::optional<std::uint64_t> entry = stream_table_entry(sid);
        if (!entry) return std::nullopt;
        const std::uint64_t ste = word(*entry);
        if ((ste & 1) == 0 || (ste >> 1 & 7) != 5) return std::nullopt;
        const std::uint64_t context = ste & 0x000FFFFFFFFFFFC0;
        const std::uint64_t cd = word(context);
        REQUIRE((cd >> 31 & 1) == 1);  // V
        REQUIRE((cd >> 6 & 3) == 0);   // TG0: 4 KiB
        REQUIRE((cd >> 14 & 1) == 0);  // EPD0
        const unsigned input_bits = 64 - static_cast<unsigned>(cd & 0x3F);
        const unsigned levels = (input_bits - 12 + 8) / 9;
        Pages pages;
        collect(word(context + 8) & 0x000FFFFFFFFFFFF0, 4 - levels, 0, input_bits, pages);
        return pages;
    }

private:
    void collect(std::uint64_t table, unsigned level, std::uint64_t va, unsigned input_bits, Pages& pages) const {
        const unsigned shift = 12 + 9 * (3 - level);
        const std::uint64_t entries = input_bits - shift < 9 ? std::uint64_t{1} << (input_bits - shift) : 512;
        for (std::uint64_t i = 0; i < entries; ++i) {
            const std::uint64_t descriptor = word(table + i * 8);
            if ((descriptor & 1) == 0) continue;
            const std::uint64_t at = va + (i << shift);
            const std::uint64_t output = descriptor & 0x0000FFFFFFFFF000;
            const bool table_or_page = (descriptor & 2) != 0;
            if (level < 3 && table_or_page) {
                collect(output, level + 1, at, shift, pages);
                continue;
            }
            REQUIRE((level == 3) == table_or_page);  // no block at the last level, no reserved encoding
            REQUIRE((descriptor >> 10 & 1) == 1);    // AF
            for (std::uint64_t page = 0; page < std::uint64_t{1} << (shift - 12); ++page) {
                pages[at / kPage + page] = output / kPage + page;
            }
        }
    }

    const soc::Soc& soc_;
    std::uint64_t registers_;
};

/// Boots `board` with the Mapper as every client, then compares what it mapped with what stands in memory.
void check_board(const std::string& board, const std::string& variant, const std::string& rest,
                 std::size_t least_translated) {
    const std::string blob = std::string(tests::binary_dir()) + "/boards/" + board + ".dtb";
    const firmware::Description description = firmware::read_device_tree(firmware::read_file(blob), board);
    study::Config config = study::parse_config("firmware: {devicetree: \"" + blob + "\"}\n" + rest, "x.yaml");
    const study::Assembly assembly = study::assemble(config, description);

    soc::Soc soc(description, assembly.soc);
    const kernel::Variant known = kernel::find_variant(variant);
    kernel::Kernel kernel(soc.machine(), known);
    soc.attach(kernel);
    kernel::PageAllocator pages(kernel, description);
    kernel::DmaParams params;
    params.cpus = assembly.boot.cpus;
    kernel::DmaIommu dma(kernel, pages, description, params);
    Mapper mapper(pages, dma);
    kernel::BootConfig boot_config = assembly.boot;
    boot_config.dma = &dma;
    boot_config.client = &mapper;
    boot_config.drivers = {kernel::arm_smmu_v3_driver(pages)};
    kernel::LinuxBoot boot(kernel, description, boot_config);
    boot.start();
    const soc::Outcome outcome = soc.run();
    REQUIRE(outcome == soc::Outcome::finished);

    std::size_t translated = 0;
    const std::vector<kernel::DeviceResult> devices = boot.devices();
    for (const kernel::DeviceResult& device : devices) {
        if (!device.group) continue;
        INFO(device.name);
        std::optional<std::uint64_t> registers;
        for (const kernel::IommuResult& iommu : boot.iommus()) {
            if (iommu.device != device.iommu) continue;
            const std::optional<firmware::NodeIndex> node = description.find_path(iommu.path);
            REQUIRE(node);
            registers = description.node(*node).regs.at(0).cpu_address;
        }
        REQUIRE(registers);
        const Reader reader(soc, *registers);
        for (const std::uint32_t id : device.ids) {
            INFO("stream " << id);
            const std::optional<Pages> found = reader.translations(id);
            REQUIRE(found);
            // The group shares one table: what any member mapped, and nothing else.
            Pages expected;
            for (const kernel::DeviceResult& member : devices) {
                if (member.group != device.group) continue;
                const auto mapped = mapper.mapped.find(member.name);
                if (mapped != mapper.mapped.end()) expected.insert(mapped->second.begin(), mapped->second.end());
            }
            REQUIRE(!expected.empty());
            CHECK(*found == expected);
            ++translated;
        }
    }
    CHECK(translated >= least_translated);
    kernel.sched.kill_all();
}

}  // namespace

TEST_CASE("memory: stream table, context and page tables say exactly what was mapped (quickstart board)",
          "[study][memory]") {
    check_board("quickstart", "linux-6.12", R"(
soc:
  pci:
    - {slot: "00:01.0", kind: endpoint, driver: nvme}
    - {slot: "00:02.0", kind: root-port, acs: true, below: [{slot: "00.0", kind: endpoint, driver: e1000e}]}
)",
                4);
}

TEST_CASE("memory: stream table, context and page tables say exactly what was mapped (two SMMUs, linux-6.1)",
          "[study][memory]") {
    check_board("two_smmus", "linux-6.1", "", 2);
}

TEST_CASE("memory: stream table, context and page tables say exactly what was mapped (odd masters)",
          "[study][memory]") {
    check_board("odd_masters", "linux-6.12", "", 3);
}
