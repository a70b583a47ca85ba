#include "firmware/generate_board.hpp"

#include <libfdt.h>

#include <initializer_list>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "firmware/board_layout.hpp"
#include "firmware/iommu_families.hpp"

namespace xlate::firmware {
namespace {

constexpr std::uint32_t kAllIds = 0x1'0000;

constexpr std::uint32_t kInterrupts = 1;  // phandles: of the GIC or PLIC
constexpr std::uint32_t kIts = 2;
constexpr std::uint32_t kClock = 3;
constexpr std::uint32_t kFirstSmmu = 4;
constexpr std::uint32_t kFirstHart = kFirstSmmu + kMaxBoardIommus;  // of its own interrupt controller

/// libfdt's sequential writer with room that grows.
class TreeWriter {
public:
    TreeWriter() : blob_(std::size_t{64} << 10) {
        check(fdt_create(blob_.data(), static_cast<int>(blob_.size())));
        check(fdt_finish_reservemap(blob_.data()));
    }
    void open(const std::string& name) {
        grow([&](void* tree) { return fdt_begin_node(tree, name.c_str()); });
    }
    void close() {
        grow([](void* tree) { return fdt_end_node(tree); });
    }
    void flag(const char* name) { bytes(name, {}); }
    void texts(const char* name, std::initializer_list<std::string> values) {
        std::vector<std::uint8_t> all;
        for (const std::string& value : values) {
            all.insert(all.end(), value.begin(), value.end());
            all.push_back(0);
        }
        bytes(name, all);
    }
    void cells(const char* name, const std::vector<std::uint32_t>& values) {
        std::vector<std::uint8_t> all(values.size() * 4);
        for (std::size_t i = 0; i < values.size(); ++i) store_be(&all[i * 4], 4, values[i]);
        bytes(name, all);
    }
    std::vector<std::uint8_t> finish() {
        grow([](void* tree) { return fdt_finish(tree); });
        blob_.resize(fdt_totalsize(blob_.data()));
        return std::move(blob_);
    }

private:
    void bytes(const char* name, const std::vector<std::uint8_t>& value) {
        grow([&](void* tree) { return fdt_property(tree, name, value.data(), static_cast<int>(value.size())); });
    }
    template <class F>
    void grow(F write) {
        for (;;) {
            const int status = write(blob_.data());
            if (status != -FDT_ERR_NOSPACE) return check(status);
            std::vector<std::uint8_t> larger(blob_.size() * 2);
            check(fdt_resize(blob_.data(), larger.data(), static_cast<int>(larger.size())));
            blob_ = std::move(larger);
        }
    }
    static void check(int status) { XLATE_CHECK(status == 0, fdt_strerror(status)); }

    std::vector<std::uint8_t> blob_;
};

std::uint32_t high(std::uint64_t number) { return static_cast<std::uint32_t>(number >> 32); }
std::uint32_t low(std::uint64_t number) { return static_cast<std::uint32_t>(number); }

class Board {
public:
    explicit Board(const BoardSpec& spec)
        : spec_(spec), layout_(lay_out(spec, false)), riscv_(machine_of(spec) == BoardMachine::riscv) {}

    std::vector<std::uint8_t> make() {
        tree_.open("");
        tree_.texts("model", {spec_.model});
        tree_.texts("compatible", {"xlate,generated"});
        tree_.cells("interrupt-parent", {kInterrupts});
        bus_cells();
        tree_.open("chosen");
        tree_.close();
        riscv_ ? harts() : cpus();
        tree_.open(fmt::format("memory@{:x}", spec_.memory_base));
        tree_.texts("device_type", {"memory"});
        reg(spec_.memory_base, spec_.memory_bytes);
        tree_.close();
        if (!riscv_) timer();
        tree_.open("clock");
        tree_.texts("compatible", {"fixed-clock"});
        tree_.cells("#clock-cells", {0});
        tree_.cells("clock-frequency", {24'000'000});
        tree_.cells("phandle", {kClock});
        tree_.close();
        tree_.open("soc");
        tree_.texts("compatible", {"simple-bus"});
        bus_cells();
        tree_.flag("ranges");
        riscv_ ? plic() : gic();
        for (std::size_t i = 0; i < layout_.iommus.size(); ++i) iommu(i);
        masters();
        for (std::size_t i = 0; i < layout_.hosts.size(); ++i) host(i);
        tree_.close();
        tree_.close();
        return tree_.finish();
    }

private:
    void bus_cells() {
        tree_.cells("#address-cells", {2});
        tree_.cells("#size-cells", {2});
    }
    void reg(std::uint64_t address, std::uint64_t size) {
        tree_.cells("reg", {high(address), low(address), high(size), low(size)});
    }

    void cpus() {
        tree_.open("cpus");
        tree_.cells("#address-cells", {1});
        tree_.cells("#size-cells", {0});
        for (std::uint32_t cpu = 0; cpu < spec_.cpus; ++cpu) {
            tree_.open(fmt::format("cpu@{:x}", cpu));
            tree_.texts("device_type", {"cpu"});
            tree_.texts("compatible", {"arm,cortex-a72"});
            tree_.cells("reg", {cpu});
            tree_.texts("enable-method", {"psci"});
            tree_.close();
        }
        tree_.close();
        tree_.open("psci");
        tree_.texts("compatible", {"arm,psci-1.0"});
        tree_.texts("method", {"smc"});
        tree_.close();
    }
    void timer() {
        tree_.open("timer");
        tree_.texts("compatible", {"arm,armv8-timer"});
        tree_.cells("interrupts", {1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4});
        tree_.flag("always-on");
        tree_.close();
    }
    void harts() {
        tree_.open("cpus");
        tree_.cells("#address-cells", {1});
        tree_.cells("#size-cells", {0});
        tree_.cells("timebase-frequency", {kTimebaseHertz});
        for (std::uint32_t hart = 0; hart < spec_.cpus; ++hart) {
            tree_.open(fmt::format("cpu@{:x}", hart));
            tree_.texts("device_type", {"cpu"});
            tree_.texts("compatible", {"riscv"});
            tree_.cells("reg", {hart});
            tree_.texts("riscv,isa", {kRiscvIsa});
            tree_.texts("mmu-type", {"riscv,sv48"});
            tree_.open("interrupt-controller");
            tree_.texts("compatible", {"riscv,cpu-intc"});
            tree_.flag("interrupt-controller");
            tree_.cells("#interrupt-cells", {1});
            tree_.cells("phandle", {kFirstHart + hart});
            tree_.close();
            tree_.close();
        }
        tree_.close();
    }
    void plic() {
        constexpr std::uint32_t kMachineExternal = 11, kSupervisorExternal = 9;
        std::vector<std::uint32_t> contexts;
        for (std::uint32_t hart = 0; hart < spec_.cpus; ++hart)
            contexts.insert(contexts.end(),
                            {kFirstHart + hart, kMachineExternal, kFirstHart + hart, kSupervisorExternal});
        tree_.open(fmt::format("interrupt-controller@{:x}", kPlicBase));
        tree_.texts("compatible", {"sifive,plic-1.0.0", "riscv,plic0"});
        tree_.flag("interrupt-controller");
        tree_.cells("#address-cells", {0});
        tree_.cells("#interrupt-cells", {1});
        reg(kPlicBase, kPlicBytes);
        tree_.cells("interrupts-extended", contexts);
        tree_.cells("riscv,ndev", {kPlicInterrupts});
        tree_.cells("phandle", {kInterrupts});
        tree_.close();
    }
    void gic() {
        tree_.open(fmt::format("interrupt-controller@{:x}", kGicBase));
        tree_.texts("compatible", {"arm,gic-v3"});
        tree_.flag("interrupt-controller");
        tree_.cells("#interrupt-cells", {3});
        bus_cells();
        tree_.flag("ranges");
        tree_.cells("reg", {0, low(kGicBase), 0, low(kGicBytes), 0, low(kRedistributorBase), 0,
                            low(kRedistributorBytes) * spec_.cpus});
        tree_.cells("phandle", {kInterrupts});
        tree_.open(fmt::format("msi-controller@{:x}", kItsBase));
        tree_.texts("compatible", {"arm,gic-v3-its"});
        tree_.flag("msi-controller");
        tree_.cells("#msi-cells", {1});
        reg(kItsBase, kItsBytes);
        tree_.cells("phandle", {kIts});
        tree_.close();
        tree_.close();
    }
    void iommu(std::size_t i) {
        const BoardLayout::Iommu& one = layout_.iommus[i];
        const bool virtio = one.kind == IommuOfBoard::virtio;
        tree_.open(fmt::format("{}@{:x}", virtio ? "virtio_mmio" : "iommu", one.base));
        const IommuKind* const kind = iommu_kind_of_table(riscv_   ? "RIMT platform"
                                                          : virtio ? "VIOT MMIO"
                                                                   : "IORT SMMUv3");
        tree_.texts("compatible", {std::string(kind->compatible)});
        reg(one.base, one.bytes);
        if (riscv_) {
            tree_.cells("interrupts", {one.spi, one.spi + 1, one.spi + 2, one.spi + 3});
        } else if (virtio) {
            tree_.cells("interrupts", {0, one.spi, 1});
        } else {
            tree_.cells("interrupts", {0, one.spi, 1, 0, one.spi + 1, 1, 0, one.spi + 2, 1, 0, one.spi + 3, 1});
            tree_.texts("interrupt-names", {"eventq", "priq", "cmdq-sync", "gerror"});
        }
        tree_.flag("dma-coherent");
        tree_.cells("#iommu-cells", {1});
        tree_.texts("label", {one.name});
        tree_.cells("phandle", {static_cast<std::uint32_t>(kFirstSmmu + i)});
        tree_.close();
    }
    void masters() {
        for (const BoardLayout::Master& master : layout_.masters) {
            tree_.open(fmt::format("{}@{:x}", master.name, master.base));
            tree_.texts("compatible", {"xlate," + master.name, "xlate,dma-master"});
            reg(master.base, kMasterBytes);
            std::vector<std::uint32_t> entries;
            for (std::uint32_t id = 0; master.iommu && id < master.ids; ++id) {
                entries.push_back(static_cast<std::uint32_t>(kFirstSmmu + *master.iommu));
                entries.push_back(master.first_id + id);
            }
            if (!entries.empty()) tree_.cells("iommus", entries);
            if (master.coherent) tree_.flag("dma-coherent");
            tree_.close();
        }
    }
    void host(std::size_t i) {
        const BoardLayout::Host& one = layout_.hosts[i];
        tree_.open(fmt::format("pcie@{:x}", one.ecam));
        tree_.texts("compatible", {"pci-host-ecam-generic"});
        tree_.texts("device_type", {"pci"});
        reg(one.ecam, std::uint64_t{one.buses} << 20);
        tree_.cells("bus-range", {0, one.buses - 1});
        tree_.cells("linux,pci-domain", {static_cast<std::uint32_t>(i)});
        tree_.cells("#address-cells", {3});
        tree_.cells("#size-cells", {2});
        tree_.cells("#interrupt-cells", {1});
        tree_.cells("ranges", {0x0200'0000, 0, low(one.window), 0, low(one.window), 0, low(one.window_bytes)});
        tree_.flag("dma-coherent");
        if (one.iommu)
            tree_.cells("iommu-map", {0, static_cast<std::uint32_t>(kFirstSmmu + *one.iommu), one.first_id, one.ids});
        if (!riscv_) tree_.cells("msi-map", {0, kIts, static_cast<std::uint32_t>(i * kAllIds), kAllIds});
        tree_.close();
    }

    const BoardSpec& spec_;
    const BoardLayout layout_;
    const bool riscv_;
    TreeWriter tree_;
};

}  // namespace

std::vector<std::uint8_t> generate_board(const BoardSpec& board) { return Board(board).make(); }

}  // namespace xlate::firmware
