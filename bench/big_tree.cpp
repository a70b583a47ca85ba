#include "bench/big_tree.hpp"

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

constexpr std::uint32_t kGic = 1, kSmmu = 2, kMastersOfABus = 64;

}  // namespace

std::vector<std::uint8_t> big_tree(std::uint32_t nodes) {
    Writer tree{std::size_t{4096} + std::size_t{nodes} * 160};
    tree.open("");
    tree.cells("#address-cells", {2});
    tree.cells("#size-cells", {2});
    tree.cells("interrupt-parent", {kGic});
    tree.open("memory@40000000");
    tree.text("device_type", "memory");
    tree.cells("reg", {0, 0x40000000, 1, 0});
    tree.close();
    tree.open("interrupt-controller@8000000");
    tree.text("compatible", "arm,gic-v3");
    tree.flag("interrupt-controller");
    tree.cells("#interrupt-cells", {3});
    tree.cells("reg", {0, 0x8000000, 0, 0x10000});
    tree.cells("phandle", {kGic});
    tree.close();
    tree.open("smmuv3@9050000");
    tree.text("compatible", "arm,smmu-v3");
    tree.cells("reg", {0, 0x9050000, 0, 0x20000});
    tree.cells("#iommu-cells", {1});
    tree.cells("interrupts", {0, 0x4a, 1, 0, 0x4b, 1, 0, 0x4c, 1, 0, 0x4d, 1});
    tree.cells("phandle", {kSmmu});
    tree.close();
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
            tree.cells("iommus", {kSmmu, master % 0x10000});
            tree.cells("phandle", {kSmmu + 1 + master});
            tree.close();
        }
        tree.close();
    }
    tree.close();
    return tree.finish();
}

}  // namespace xlate::bench
