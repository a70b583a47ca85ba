#include "firmware/generate_board.hpp"

#include <libfdt.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <optional>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "firmware/iommu_families.hpp"

namespace xlate::firmware {
namespace {

constexpr std::uint64_t kSmmuBase = 0x905'0000;
constexpr std::uint64_t kSmmuStep = 0x2'0000;
constexpr std::uint64_t kMasterBase = 0xA00'0000;
constexpr std::uint64_t kMasterStep = 0x1'0000;
constexpr std::uint64_t kEcamBase = 0x40'1000'0000;
constexpr std::uint64_t kEcamStep = 0x1000'0000;
constexpr std::uint64_t kWindowBase = 0x1000'0000;  // 32-bit PCI memory, shared by all hosts
constexpr std::uint64_t kWindowEnd = 0x3EFF'0000;
constexpr std::uint32_t kHostIds = 0x8000;
constexpr std::uint32_t kAllIds = 0x1'0000;
constexpr std::uint32_t kFirstSmmuSpi = 74;
constexpr std::size_t kLongestName = 31;

constexpr std::uint32_t kGic = 1;
constexpr std::uint32_t kIts = 2;
constexpr std::uint32_t kClock = 3;
constexpr std::uint32_t kFirstSmmu = 4;

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
    explicit Board(const BoardSpec& spec) : spec_(spec) {}

    std::vector<std::uint8_t> make() {
        check();
        if (!findings_.empty()) throw InputError(std::move(findings_), ExitStatus::usage);
        tree_.open("");
        tree_.texts("model", {spec_.model});
        tree_.texts("compatible", {"xlate,generated"});
        tree_.cells("interrupt-parent", {kGic});
        bus_cells();
        tree_.open("chosen");
        tree_.close();
        cpus();
        tree_.open(fmt::format("memory@{:x}", spec_.memory_base));
        tree_.texts("device_type", {"memory"});
        reg(spec_.memory_base, spec_.memory_bytes);
        tree_.close();
        tree_.open("timer");
        tree_.texts("compatible", {"arm,armv8-timer"});
        tree_.cells("interrupts", {1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4});
        tree_.flag("always-on");
        tree_.close();
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
        gic();
        for (std::size_t i = 0; i < spec_.iommus.size(); ++i) smmu(i);
        masters();
        for (std::size_t i = 0; i < spec_.pcie.size(); ++i) host(i);
        tree_.close();
        tree_.close();
        return tree_.finish();
    }

private:
    void add(std::string path, std::string what, std::string expected = {}, std::string nearest = {}) {
        findings_.push_back({{}, std::move(path), std::move(what), std::move(expected), std::move(nearest)});
    }
    void bound(const char* path, std::size_t found, std::size_t low_end, std::size_t high_end) {
        if (found < low_end || found > high_end)
            add(path, fmt::format("{} are out of range", found), fmt::format("{} to {}", low_end, high_end));
    }
    std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const BoardSpec::Iommu& iommu : spec_.iommus) all.push_back(iommu.name);
        return all;
    }
    std::optional<std::size_t> iommu_of(const std::string& name) const {
        if (name == "none" || spec_.iommus.empty()) return std::nullopt;
        if (name.empty()) return 0;
        for (std::size_t i = 0; i < spec_.iommus.size(); ++i) {
            if (spec_.iommus[i].name == name) return i;
        }
        return std::nullopt;
    }
    void check_iommu(const std::string& path, const std::string& name) {
        if (name.empty() || name == "none" || iommu_of(name)) return;
        const std::vector<std::string> known = names();
        add(path, fmt::format("there is no IOMMU '{}'", printable(name)),
            known.empty() ? "" : fmt::format("one of {}", fmt::join(known, ", ")),
            nearest_name(name, known).value_or(""));
    }
    void check_name(const std::string& path, const std::string& name) {
        const bool fits =
            !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
                return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
            });
        if (!fits || std::isalpha(static_cast<unsigned char>(name[0])) == 0)
            add(path, fmt::format("'{}' names no node", printable(name)),
                "a letter, then letters, digits, '-' and '_', 31 in all");
    }
    void check() {
        bound("cpus", spec_.cpus, 1, kMaxBoardCpus);
        bound("iommus", spec_.iommus.size(), 0, kMaxBoardIommus);
        bound("pcie", spec_.pcie.size(), 0, kMaxBoardHosts);
        for (std::size_t i = 0; i < spec_.iommus.size(); ++i) {
            const std::string path = fmt::format("iommus[{}].name", i);
            check_name(path, spec_.iommus[i].name);
            if (spec_.iommus[i].name == "none") add(path, "'none' means that there is none");
            for (std::size_t j = 0; j < i; ++j) {
                if (spec_.iommus[j].name == spec_.iommus[i].name)
                    add(path, fmt::format("'{}' is iommus[{}] already", spec_.iommus[i].name, j));
            }
        }
        for (std::size_t i = 0; i < spec_.pcie.size(); ++i)
            check_iommu(fmt::format("pcie[{}].iommu", i), spec_.pcie[i].iommu);
        std::size_t all = 0;
        for (std::size_t i = 0; i < spec_.masters.size(); ++i) {
            const BoardSpec::Master& master = spec_.masters[i];
            check_name(fmt::format("masters[{}].name", i), master.name);
            check_iommu(fmt::format("masters[{}].iommu", i), master.iommu);
            all += master.count;
        }
        bound("masters", all, 0, kMaxBoardMasters);
        const std::uint64_t end = spec_.memory_base + spec_.memory_bytes;
        const bool below_pci =
            spec_.pcie.empty() || end <= kEcamBase || spec_.memory_base >= kEcamBase + kMaxBoardHosts * kEcamStep;
        if (spec_.memory_base < kWindowEnd || end < spec_.memory_base || !below_pci || end > std::uint64_t{1} << 44)
            add("memory", fmt::format("{:#x} to {:#x} collides with devices", spec_.memory_base, end),
                "a place between 0x40000000 and 0x4010000000");
        if (!findings_.empty()) return;
        // Stream IDs: hosts first.
        hosts_of_.assign(spec_.iommus.size(), 0);
        for (const BoardSpec::PcieHost& one : spec_.pcie) {
            if (const auto at = iommu_of(one.iommu)) ++hosts_of_[*at];
        }
        next_id_.clear();
        for (const std::size_t hosts : hosts_of_) next_id_.push_back(hosts != 0 ? kHostIds : 0);
        std::vector<std::uint64_t> wanted(next_id_.begin(), next_id_.end());
        for (std::size_t i = 0; i < spec_.masters.size(); ++i) {
            const auto at = iommu_of(spec_.masters[i].iommu);
            if (!at) continue;
            wanted[*at] += std::uint64_t{spec_.masters[i].count} * spec_.masters[i].ids;
            if (wanted[*at] > kAllIds)
                add(fmt::format("masters[{}].ids", i),
                    fmt::format("'{}' has no stream IDs left", spec_.iommus[*at].name),
                    "at most 65,536, half of them if it has a PCIe host");
        }
        share_taken_.assign(spec_.iommus.size(), 0);
    }

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
    void gic() {
        tree_.open("interrupt-controller@8000000");
        tree_.texts("compatible", {"arm,gic-v3"});
        tree_.flag("interrupt-controller");
        tree_.cells("#interrupt-cells", {3});
        bus_cells();
        tree_.flag("ranges");
        tree_.cells("reg", {0, 0x800'0000, 0, 0x1'0000, 0, 0x80A'0000, 0, 0x2'0000 * spec_.cpus});
        tree_.cells("phandle", {kGic});
        tree_.open("msi-controller@8080000");
        tree_.texts("compatible", {"arm,gic-v3-its"});
        tree_.flag("msi-controller");
        tree_.cells("#msi-cells", {1});
        reg(0x808'0000, 0x2'0000);
        tree_.cells("phandle", {kIts});
        tree_.close();
        tree_.close();
    }
    void smmu(std::size_t i) {
        const std::uint64_t address = kSmmuBase + i * kSmmuStep;
        const auto spi = static_cast<std::uint32_t>(kFirstSmmuSpi + 4 * i);
        tree_.open(fmt::format("iommu@{:x}", address));
        tree_.texts("compatible", {std::string(iommu_kind_of_table("IORT SMMUv3")->compatible)});
        reg(address, kSmmuStep);
        tree_.cells("interrupts", {0, spi, 1, 0, spi + 1, 1, 0, spi + 2, 1, 0, spi + 3, 1});
        tree_.texts("interrupt-names", {"eventq", "priq", "cmdq-sync", "gerror"});
        tree_.flag("dma-coherent");
        tree_.cells("#iommu-cells", {1});
        tree_.texts("label", {spec_.iommus[i].name});
        tree_.cells("phandle", {static_cast<std::uint32_t>(kFirstSmmu + i)});
        tree_.close();
    }
    void masters() {
        std::uint64_t address = kMasterBase;
        for (const BoardSpec::Master& master : spec_.masters) {
            const auto at = iommu_of(master.iommu);
            for (std::uint32_t n = 0; n < master.count; ++n) {
                tree_.open(fmt::format("{}@{:x}", master.name, address));
                tree_.texts("compatible", {"xlate," + master.name, "xlate,dma-master"});
                reg(address, 0x1000);
                std::vector<std::uint32_t> entries;
                for (std::uint32_t id = 0; at && id < master.ids; ++id) {
                    entries.push_back(static_cast<std::uint32_t>(kFirstSmmu + *at));
                    entries.push_back(next_id_[*at]++);
                }
                if (!entries.empty()) tree_.cells("iommus", entries);
                if (master.coherent) tree_.flag("dma-coherent");
                tree_.close();
                address += kMasterStep;
            }
        }
    }
    void host(std::size_t i) {
        const std::uint64_t ecam = kEcamBase + i * kEcamStep;
        const std::uint64_t window = (kWindowEnd - kWindowBase) / spec_.pcie.size() / kMasterStep * kMasterStep;
        const std::uint64_t base = kWindowBase + i * window;
        const auto at = iommu_of(spec_.pcie[i].iommu);
        std::uint32_t ids = kHostIds;
        if (at) {
            while (ids * hosts_of_[*at] > kHostIds) ids /= 2;
        }
        const std::uint32_t last_bus = ids / 256 - 1;
        tree_.open(fmt::format("pcie@{:x}", ecam));
        tree_.texts("compatible", {"pci-host-ecam-generic"});
        tree_.texts("device_type", {"pci"});
        reg(ecam, std::uint64_t{last_bus + 1} << 20);
        tree_.cells("bus-range", {0, last_bus});
        tree_.cells("linux,pci-domain", {static_cast<std::uint32_t>(i)});
        tree_.cells("#address-cells", {3});
        tree_.cells("#size-cells", {2});
        tree_.cells("#interrupt-cells", {1});
        tree_.cells("ranges", {0x0200'0000, 0, low(base), 0, low(base), 0, low(window)});
        tree_.flag("dma-coherent");
        if (at) {
            tree_.cells("iommu-map", {0, static_cast<std::uint32_t>(kFirstSmmu + *at), share_taken_[*at] * ids, ids});
            ++share_taken_[*at];
        }
        tree_.cells("msi-map", {0, kIts, static_cast<std::uint32_t>(i * kAllIds), kAllIds});
        tree_.close();
    }

    const BoardSpec& spec_;
    TreeWriter tree_;
    std::vector<Diagnostic> findings_;
    std::vector<std::size_t> hosts_of_;
    std::vector<std::uint32_t> next_id_;
    std::vector<std::uint32_t> share_taken_;
};

}  // namespace

std::vector<std::uint8_t> generate_board(const BoardSpec& board) { return Board(board).make(); }

}  // namespace xlate::firmware
