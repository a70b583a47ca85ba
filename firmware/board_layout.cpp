#include "firmware/board_layout.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::firmware {
namespace {

constexpr std::uint64_t kSmmuBase = 0x905'0000, kSmmuStep = 0x2'0000, kVirtioBytes = 0x200;
constexpr std::uint64_t kVtdBase = 0xFED9'0000, kVtdBytes = 0x1000;
constexpr std::uint64_t kAmdBase = 0xFEB8'0000, kAmdBytes = 0x8'0000;
constexpr std::uint64_t kRiscvBase = 0x301'0000, kRiscvBytes = 0x1000;
constexpr std::uint64_t kX86Devices = 0xFE00'0000, kX86DevicesEnd = 0x1'0000'0000;
constexpr std::size_t kMostAmdUnits = 4;  ///< below the interrupt controllers
constexpr std::uint64_t kMasterBase = 0xA00'0000, kMasterStep = 0x1'0000;
constexpr std::uint64_t kEcamBase = 0x40'1000'0000, kEcamStep = 0x1000'0000;
constexpr std::uint64_t kWindowBase = 0x1000'0000;  // 32-bit PCI memory, shared by all hosts
constexpr std::uint64_t kWindowEnd = 0x3EFF'0000;
constexpr std::uint32_t kHostIds = 0x8000;
constexpr std::uint32_t kAllIds = 0x1'0000;
/// A DMAR's ANDD structures number devices with a byte, from 1.
constexpr std::size_t kMostNumberedDevices = 255;
constexpr std::uint32_t kFirstSmmuSpi = 74;
constexpr std::size_t kLongestName = 31;

class Layouter {
public:
    Layouter(const BoardSpec& spec, bool acpi) : spec_(spec), acpi_(acpi) {}

    BoardLayout make() {
        check();
        if (findings_.empty() && acpi_) check_tables();
        if (!findings_.empty()) throw InputError(std::move(findings_), ExitStatus::usage);
        for (std::size_t i = 0; i < spec_.iommus.size(); ++i) iommu(i);
        for (std::size_t i = 0; i < spec_.masters.size(); ++i) masters(i);
        for (std::size_t i = 0; i < spec_.pcie.size(); ++i) host(i);
        return std::move(out_);
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
            if (!acpi_ && machine_of(spec_.iommus[i].kind) == BoardMachine::x86) {
                add(fmt::format("iommus[{}].kind", i), "no device tree describes an x86 machine's IOMMU",
                    "firmware: { generate: acpi }");
            } else if (machine_of(spec_.iommus[i].kind) != machine_of(spec_.iommus.front().kind)) {
                add(fmt::format("iommus[{}].kind", i), "no machine has both this and what iommus[0] is");
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
        check_memory();
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
    void check_memory() {
        const std::uint64_t end = spec_.memory_base + spec_.memory_bytes;
        const bool below_pci =
            spec_.pcie.empty() || end <= kEcamBase || spec_.memory_base >= kEcamBase + kMaxBoardHosts * kEcamStep;
        const bool x86_devices = machine_of(spec_) == BoardMachine::x86 && spec_.memory_base < kX86DevicesEnd &&
                                 end > kX86Devices && end > spec_.memory_base;
        if (spec_.memory_base < kWindowEnd || end < spec_.memory_base || !below_pci || x86_devices ||
            end > std::uint64_t{1} << 44)
            add("memory", fmt::format("{:#x} to {:#x} collides with devices", spec_.memory_base, end),
                x86_devices ? "a place between 0x40000000 and 0xfe000000, or between 0x100000000 and 0x4010000000"
                            : "a place between 0x40000000 and 0x4010000000");
    }

    /// What no table can say.
    void check_tables() {
        const bool x86 = machine_of(spec_) == BoardMachine::x86;
        for (std::size_t i = 1; i < spec_.iommus.size(); ++i) {
            if (x86 && spec_.iommus[i].kind != spec_.iommus.front().kind)
                add(fmt::format("iommus[{}].kind", i), "no machine has both this and what iommus[0] is");
        }
        const auto many_ids = [](IommuOfBoard kind) {  // an IORT and a RIMT have a mapping for each
            return kind == IommuOfBoard::smmuv3 || kind == IommuOfBoard::riscv;
        };
        const bool names_any =
            spec_.iommus.empty() || std::any_of(spec_.iommus.begin(), spec_.iommus.end(),
                                                [&](const BoardSpec::Iommu& iommu) { return many_ids(iommu.kind); });
        std::size_t numbered = 0;
        for (std::size_t i = 0; i < spec_.masters.size(); ++i) {
            const BoardSpec::Master& master = spec_.masters[i];
            const auto at = iommu_of(master.iommu);
            const IommuOfBoard kind = at ? spec_.iommus[*at].kind : IommuOfBoard::smmuv3;
            if (at && !many_ids(kind) && master.ids != 1) {
                add(fmt::format("masters[{}].ids", i),
                    fmt::format("{} of them: a table gives a device that is not PCI's one id", master.ids), "1");
            }
            if (!at && !names_any) {
                add(fmt::format("masters[{}].iommu", i), "no table names a device that is behind no IOMMU",
                    "an IOMMU of the board");
            }
            numbered += kind == IommuOfBoard::vt_d ? master.count : 0;
        }
        if (numbered > kMostNumberedDevices)
            add("masters", fmt::format("{} are too many for a DMAR table", numbered),
                fmt::format("up to {}", kMostNumberedDevices));
        for (std::size_t i = 0; i < spec_.iommus.size(); ++i) {
            if (x86 && hosts_of_[i] > 1)
                add(fmt::format("iommus[{}]", i), "a unit of one PCI segment stands before more than one PCIe host");
        }
        if (!spec_.iommus.empty() && spec_.iommus.front().kind == IommuOfBoard::amd_vi &&
            spec_.iommus.size() > kMostAmdUnits)
            add("iommus",
                fmt::format("{} AMD-Vi units have no room below the interrupt controllers", spec_.iommus.size()),
                fmt::format("up to {}", kMostAmdUnits));
    }

    void iommu(std::size_t i) {
        BoardLayout::Iommu one;
        one.name = spec_.iommus[i].name;
        one.kind = spec_.iommus[i].kind;
        switch (one.kind) {
            case IommuOfBoard::smmuv3:
            case IommuOfBoard::virtio:
                one.base = kSmmuBase + i * kSmmuStep;
                one.bytes = one.kind == IommuOfBoard::virtio ? kVirtioBytes : kSmmuStep;
                one.spi = static_cast<std::uint32_t>(kFirstSmmuSpi + 4 * i);
                break;
            case IommuOfBoard::vt_d:
                one.base = kVtdBase + i * kVtdBytes;
                one.bytes = kVtdBytes;
                break;
            case IommuOfBoard::amd_vi:
                one.base = kAmdBase + i * kAmdBytes;
                one.bytes = kAmdBytes;
                break;
            case IommuOfBoard::riscv:
                one.base = kRiscvBase + i * kRiscvBytes;
                one.bytes = kRiscvBytes;
                one.spi = static_cast<std::uint32_t>(kFirstSmmuSpi + kRiscvIommuWires * i);
                break;
        }
        out_.iommus.push_back(std::move(one));
    }
    void masters(std::size_t entry) {
        const BoardSpec::Master& master = spec_.masters[entry];
        for (std::uint32_t n = 0; n < master.count; ++n) {
            BoardLayout::Master one;
            one.name = master.name;
            one.entry = entry;
            one.number = n;
            one.base = kMasterBase + out_.masters.size() * kMasterStep;
            one.iommu = iommu_of(master.iommu);
            one.coherent = master.coherent;
            if (one.iommu) {
                // Requester ids of an x86 segment are its own, whichever unit translates them.
                std::uint32_t& next = machine_of(spec_) == BoardMachine::x86 ? x86_next_id_ : next_id_[*one.iommu];
                one.first_id = next;
                one.ids = master.ids;
                next += master.ids;
            }
            out_.masters.push_back(std::move(one));
        }
    }
    void host(std::size_t i) {
        BoardLayout::Host one;
        one.ecam = kEcamBase + i * kEcamStep;
        one.window_bytes = (kWindowEnd - kWindowBase) / spec_.pcie.size() / kMasterStep * kMasterStep;
        one.window = kWindowBase + i * one.window_bytes;
        one.iommu = iommu_of(spec_.pcie[i].iommu);
        one.ids = kHostIds;
        if (one.iommu) {
            while (one.ids * hosts_of_[*one.iommu] > kHostIds) one.ids /= 2;
            one.first_id = share_taken_[*one.iommu]++ * one.ids;
            out_.iommus[*one.iommu].hosts.push_back(i);
        }
        one.buses = one.ids / 256;
        out_.hosts.push_back(one);
    }

    const BoardSpec& spec_;
    const bool acpi_;
    BoardLayout out_;
    std::vector<Diagnostic> findings_;
    std::vector<std::size_t> hosts_of_;
    std::vector<std::uint32_t> next_id_;
    std::uint32_t x86_next_id_ = kHostIds;
    std::vector<std::uint32_t> share_taken_;
};

}  // namespace

BoardMachine machine_of(const BoardSpec& board) {
    return board.iommus.empty() ? BoardMachine::arm : machine_of(board.iommus.front().kind);
}

BoardLayout lay_out(const BoardSpec& board, bool acpi) { return Layouter(board, acpi).make(); }

}  // namespace xlate::firmware
