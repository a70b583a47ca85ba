#include "bench/trees.hpp"

#include <fmt/format.h>
#include <libfdt.h>

#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "base/bits.hpp"

namespace xlate::bench {
namespace {

class Writer {
public:
    explicit Writer(std::size_t capacity) : blob_(capacity) {
        check(fdt_create(blob_.data(), static_cast<int>(blob_.size())));
        check(fdt_finish_reservemap(blob_.data()));
    }
    void open(const std::string& name) { check(fdt_begin_node(blob_.data(), name.c_str())); }
    void close() { check(fdt_end_node(blob_.data())); }
    void text(const char* name, const char* value) {
        check(fdt_property(blob_.data(), name, value, static_cast<int>(std::strlen(value)) + 1));
    }
    void flag(const char* name) { check(fdt_property(blob_.data(), name, nullptr, 0)); }
    void cells(const char* name, std::initializer_list<std::uint32_t> values) {
        std::uint8_t bytes[64];
        unsigned size = 0;
        for (const std::uint32_t value : values) {
            store_be(bytes + size, 4, value);
            size += 4;
        }
        check(fdt_property(blob_.data(), name, bytes, static_cast<int>(size)));
    }
    std::vector<std::uint8_t> finish() {
        check(fdt_finish(blob_.data()));
        blob_.resize(fdt_totalsize(blob_.data()));
        return std::move(blob_);
    }

private:
    static void check(int status) {
        if (status != 0) throw std::runtime_error(std::string("libfdt: ") + fdt_strerror(status));
    }
    std::vector<std::uint8_t> blob_;
};

constexpr std::uint32_t kGic = 1, kFirstSmmu = 2, kMastersOfABus = 64;

std::uint32_t high(std::uint64_t number) { return static_cast<std::uint32_t>(number >> 32); }
std::uint32_t low(std::uint64_t number) { return static_cast<std::uint32_t>(number); }
std::string at(const char* name, std::uint64_t address) { return fmt::format("{}@{:x}", name, address); }

/// The root with memory and an interrupt controller; left open.
void open_root(Writer& tree, std::uint64_t memory, std::uint64_t memory_bytes) {
    tree.open("");
    tree.cells("#address-cells", {2});
    tree.cells("#size-cells", {2});
    tree.cells("interrupt-parent", {kGic});
    tree.open(at("memory", memory));
    tree.text("device_type", "memory");
    tree.cells("reg", {high(memory), low(memory), high(memory_bytes), low(memory_bytes)});
    tree.close();
    tree.open("interrupt-controller@8000000");
    tree.text("compatible", "arm,gic-v3");
    tree.flag("interrupt-controller");
    tree.cells("#interrupt-cells", {3});
    tree.cells("reg", {0, 0x8000000, 0, 0x10000});
    tree.cells("phandle", {kGic});
    tree.close();
}

void smmu(Writer& tree, std::uint64_t address, std::uint32_t phandle) {
    tree.open(at("smmuv3", address));
    tree.text("compatible", "arm,smmu-v3");
    tree.cells("reg", {high(address), low(address), 0, 0x20000});
    tree.cells("#iommu-cells", {1});
    tree.cells("interrupts", {0, 0x4a, 1, 0, 0x4b, 1, 0, 0x4c, 1, 0, 0x4d, 1});
    tree.flag("dma-coherent");
    tree.cells("phandle", {phandle});
    tree.close();
}

}  // namespace

std::vector<std::uint8_t> big_tree(std::uint32_t nodes) {
    Writer tree{std::size_t{4096} + std::size_t{nodes} * 160};
    open_root(tree, 0x40000000, std::uint64_t{4} << 30);
    smmu(tree, 0x9050000, kFirstSmmu);
    std::uint32_t master = 0;
    for (std::uint32_t made = 4; made < nodes;) {
        const std::uint32_t window = master * 0x1000;
        tree.open("bus@" + std::to_string(master));
        tree.text("compatible", "simple-bus");
        tree.cells("#address-cells", {1});
        tree.cells("#size-cells", {1});
        tree.cells("ranges", {window, 2, window, kMastersOfABus * 0x1000});
        ++made;
        for (std::uint32_t i = 0; i < kMastersOfABus && made < nodes; ++i, ++made, ++master) {
            tree.open("dma@" + std::to_string(master));
            tree.text("compatible", "arm,pl330");
            tree.cells("reg", {master * 0x1000, 0x1000});
            tree.cells("interrupts", {0, master % 900, 4});
            tree.cells("iommus", {kFirstSmmu, master % 0x10000});
            tree.cells("phandle", {kFirstSmmu + 1 + master});
            tree.close();
        }
        tree.close();
    }
    tree.close();
    return tree.finish();
}

std::uint64_t board_smmu_address(std::uint32_t smmu) { return 0x10000000 + std::uint64_t{smmu} * 0x100000; }
std::uint64_t board_master_address(std::uint32_t master) { return 0x20000000 + std::uint64_t{master} * 0x1000; }

std::vector<std::uint8_t> board_tree(std::uint32_t masters, std::uint32_t smmus) {
    Writer tree{std::size_t{4096} + std::size_t{masters} * 200 + std::size_t{smmus} * 400};
    open_root(tree, kBoardMemory, kBoardMemoryBytes);
    for (std::uint32_t i = 0; i < smmus; ++i) smmu(tree, board_smmu_address(i), kFirstSmmu + i);
    for (std::uint32_t i = 0; i < masters; ++i) {
        const std::uint64_t address = board_master_address(i);
        tree.open(at("dma", address));
        tree.text("compatible", "xlate,bench-dma");
        tree.cells("reg", {high(address), low(address), 0, 0x1000});
        if (smmus > 0) tree.cells("iommus", {kFirstSmmu + i % smmus, i / smmus});
        tree.flag("dma-coherent");
        tree.close();
    }
    tree.close();
    return tree.finish();
}

namespace {
std::uint64_t pci_host_address(std::uint32_t host) { return 0x4000000000 + std::uint64_t{host} * 0x10000000; }
}  // namespace

std::string pci_host_path(std::uint32_t host) { return "/" + at("pcie", pci_host_address(host)); }

std::vector<std::uint8_t> pci_tree(std::uint32_t hosts) {
    Writer tree{std::size_t{4096} + std::size_t{hosts} * 1000};
    open_root(tree, kBoardMemory, kBoardMemoryBytes);
    for (std::uint32_t i = 0; i < hosts; ++i) smmu(tree, board_smmu_address(i), kFirstSmmu + i);
    for (std::uint32_t i = 0; i < hosts; ++i) {
        const std::uint64_t address = pci_host_address(i);
        const std::uint32_t window = 0x50000000 + i * 0x400000;
        tree.open(at("pcie", address));
        tree.text("compatible", "pci-host-ecam-generic");
        tree.text("device_type", "pci");
        tree.cells("reg", {high(address), low(address), 0, 0x10000000});
        tree.cells("bus-range", {0, 0xff});
        tree.cells("linux,pci-domain", {i});
        tree.cells("#address-cells", {3});
        tree.cells("#size-cells", {2});
        tree.cells("ranges", {0x02000000, 0, window, 0, window, 0, 0x400000});
        tree.flag("dma-coherent");
        tree.cells("iommu-map", {0, kFirstSmmu + i, 0, 0x10000});
        tree.close();
    }
    tree.close();
    return tree.finish();
}

}  // namespace xlate::bench
