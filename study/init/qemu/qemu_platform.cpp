#include "study/init/qemu/qemu_platform.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "base/quantity.hpp"
#include "firmware/id_path.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"
#include "iommu/families.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;

constexpr const char* kQemuIdBits = "sid_bits: 16";  // SMMU_IDR1_SIDSIZE of every SMMUv3 that QEMU has
constexpr unsigned kBuses = 256;
constexpr std::uint64_t kMostPresetBytes = std::uint64_t{1} << 20;

class Reader {
public:
    Reader(const QemuCommand& command, const Description& description, std::string directory)
        : command_(command), in_(description), directory_(std::move(directory)) {}

    QemuPlatform read() {
        for (const QemuOption& device : command_.devices) {
            if (device.head == "loader") loader(device);
        }
        smmu_devices();
        machine();
        QemuUnits units = read_qemu_units(command_, in_);
        out_.units = std::move(units.units);
        out_.notes.insert(out_.notes.end(), units.notes.begin(), units.notes.end());
        std::sort(out_.presets.begin(), out_.presets.end(), [&](const QemuPreset& a, const QemuPreset& b) {
            return in_.find_path(a.iommu) < in_.find_path(b.iommu);
        });
        return std::move(out_);
    }

private:
    void note(std::string text) { out_.notes.push_back(std::move(text)); }

    std::optional<std::uint64_t> number(const QemuOption& option, const char* key) const {
        const std::optional<std::string> text = option.value(key);
        if (!text) return std::nullopt;
        const Parsed<std::uint64_t> value = parse_integer(*text);
        if (!value) {
            throw InputError(Diagnostic{{command_.file, option.line, {}, {}},
                                        option.text,
                                        fmt::format("{}={}", key, *text),
                                        "a number such as 0x7f000020",
                                        {}});
        }
        return value.value();
    }

    /// The IOMMU whose registers hold `address`, and the offset in them.
    std::optional<std::pair<NodeIndex, std::uint64_t>> iommu_at(std::uint64_t address) const {
        for (const NodeIndex at : in_.providers()) {
            std::uint64_t before = 0;  // of a second window the offsets go on where the first one ends
            for (const firmware::Reg& reg : in_.node(at).regs) {
                if (reg.cpu_address && address >= *reg.cpu_address && address - *reg.cpu_address < reg.size)
                    return std::pair(at, before + address - *reg.cpu_address);
                before += reg.size;
            }
        }
        return std::nullopt;
    }

    void loader(const QemuOption& option) {
        const std::optional<std::uint64_t> address = number(option, "addr");
        const std::optional<std::uint64_t> data = number(option, "data");
        const std::optional<std::string> file = option.value("file");
        if (!address || (!data && !file)) {
            note(fmt::format("-device {}: sets a CPU's start, which is not modelled", option.text));
            return;
        }
        const auto where = iommu_at(*address);
        if (!where) {
            note(fmt::format("-device {}: no IOMMU's registers: what the memory holds is not modelled", option.text));
            return;
        }
        if (data) {
            const std::uint64_t length = number(option, "data-len").value_or(8);
            const bool big = option.is_on("data-be", false);
            for (std::uint64_t at = 0; at + 4 <= length && at < 8; at += 4) {
                const std::uint64_t shift = 8 * (big ? length - 4 - at : at);
                put(*where, at, static_cast<std::uint32_t>(*data >> shift));
            }
            if (length < 4) note(fmt::format("-device {}: less than a register of 4 bytes", option.text));
            return;
        }
        from_file(option, *file, *where);
    }

    void from_file(const QemuOption& option, const std::string& file, std::pair<NodeIndex, std::uint64_t> where) {
        namespace fs = std::filesystem;
        const fs::path path = fs::path(file).is_absolute() ? fs::path(file) : fs::path(directory_) / file;
        std::error_code none;
        if (!fs::is_regular_file(path, none) || fs::file_size(path, none) > kMostPresetBytes) {
            note(
                fmt::format("-device {}: presets registers of {}; the file is not here, so that what they say is the "
                            "IOMMU's default",
                            option.text, in_.node(where.first).path));
            return;
        }
        const std::vector<std::uint8_t> bytes = firmware::read_file(path.string());
        for (std::uint64_t at = 0; at + 4 <= bytes.size(); at += 4) {
            const auto word = static_cast<std::uint32_t>(load_le(&bytes[at], 4));
            if (word != 0 || is_id_register(where.first, where.second + at)) put(where, at, word);
        }
    }

    /// Its zero says something too.
    bool is_id_register(NodeIndex iommu, std::uint64_t offset) const {
        const iommu::Family* family = iommu::find_family(firmware::iommu_kind(in_.node(iommu)).family);
        return family != nullptr && std::find(family->id_registers.begin(), family->id_registers.end(), offset) !=
                                        family->id_registers.end();
    }

    void put(std::pair<NodeIndex, std::uint64_t> where, std::uint64_t offset, std::uint32_t word) {
        const std::string& path = in_.node(where.first).path;
        auto known = std::find_if(out_.presets.begin(), out_.presets.end(),
                                  [&](const QemuPreset& one) { return one.iommu == path; });
        if (known == out_.presets.end()) known = out_.presets.insert(out_.presets.end(), {path, {}});
        known->registers.emplace_back(where.second + offset, word);
    }

    std::vector<NodeIndex> smmus() const {
        std::vector<NodeIndex> all;
        for (const NodeIndex at : in_.providers()) {
            if (in_.node(at).reachable && firmware::iommu_kind(in_.node(at)).family == "smmuv3") all.push_back(at);
        }
        return all;
    }

    /// The number of the root bus with this name: the machine's own, or that of an expander.
    std::optional<unsigned> root_bus(const std::string& name) const {
        if (name == "pcie.0") return 0;
        for (const QemuOption& device : command_.devices) {
            if (!device.value("bus_nr") || device.value("id") != name) continue;
            const Parsed<std::uint64_t> bus = parse_integer(*device.value("bus_nr"));
            if (bus && bus.value() < kBuses) return static_cast<unsigned>(bus.value());
        }
        return std::nullopt;
    }

    /// The IOMMU that the firmware's id map puts before the functions of a root bus.
    std::optional<NodeIndex> iommu_of_bus(unsigned bus) const {
        std::optional<firmware::PciHost> host;
        for (const firmware::PciHost& one : firmware::pci_hosts(in_)) {
            if (one.first_bus <= bus && bus <= one.last_bus && (!host || one.first_bus > host->first_bus)) host = one;
        }
        if (!host) return std::nullopt;
        const std::vector<std::uint32_t> requesters{bus << 8 | 1U << 3};
        return firmware::id_path_of_function(in_, host->node, requesters).provider;
    }

    void smmu_devices() {
        std::vector<const QemuOption*> left;
        std::vector<NodeIndex> all = smmus();
        const auto take = [&](const QemuOption& device, std::optional<NodeIndex> node) {
            all.erase(std::remove(all.begin(), all.end(), node), all.end());
            smmu(device, node);
        };
        for (const QemuOption& device : command_.devices) {
            if (device.head != "arm-smmuv3") continue;
            const std::optional<unsigned> bus = root_bus(device.value("primary-bus").value_or("pcie.0"));
            const std::optional<NodeIndex> node = bus ? iommu_of_bus(*bus) : std::nullopt;
            if (node && std::find(all.begin(), all.end(), *node) != all.end()) {
                take(device, node);
            } else {
                left.push_back(&device);
            }
        }
        for (const QemuOption* device : left) {  // no map says which: those that are left, in the firmware's order
            const std::optional<NodeIndex> node = all.empty() ? std::nullopt : std::optional(all.front());
            if (node)
                note(fmt::format("{}: no id map of the firmware has an SMMUv3 for its bus; taken to be {}",
                                 name_of(*device), in_.node(*node).path));
            take(*device, node);
        }
    }

    static std::string name_of(const QemuOption& device) {
        const std::string id = device.value("id").value_or("");
        return fmt::format("arm-smmuv3{}{} of {}", id.empty() ? "" : " ", id,
                           device.value("primary-bus").value_or("pcie.0"));
    }

    void smmu(const QemuOption& option, std::optional<NodeIndex> node) {
        const std::string called = name_of(option);
        const std::size_t there = smmus().size();
        if (!node)
            note(fmt::format(
                "{} is left out: the firmware has {} SMMUv3; take the firmware of a machine with all of them", called,
                there == 0 ? "no" : fmt::format("only {}", there)));
        QemuSmmu smmu;
        for (const auto& [key, value] : option.values) {
            const bool on = option.is_on(key, false);
            if (key == "id" || key == "primary-bus" || key == "driver") continue;
            if (key == "ats" || key == "ril") {
                smmu.features.push_back(fmt::format("{}: {}", key, on));
            } else if (key == "accel") {
                if (on) note(called + ": accel=on is left out: it hands translation to the host's SMMU");
            } else if (key == "oas" || key == "ssidsize") {
                width(smmu, called, key, value);
            } else {
                note(fmt::format("{}: {}={} is not known here and left out", called, key, value));
            }
        }
        if (!node) {
            for (const std::string& feature : smmu.features) note(fmt::format("{}: so is its {}", called, feature));
            return;
        }
        smmu.features.push_back(kQemuIdBits);
        smmu.iommu = in_.node(*node).path;
        smmu.remark = called;
        out_.smmus.push_back(std::move(smmu));
    }

    void width(QemuSmmu& smmu, const std::string& called, const std::string& key, const std::string& value) {
        const Parsed<std::uint64_t> bits = parse_integer(value);
        const bool fits = bits && (key == "oas" ? bits.value() == 44 || bits.value() == 48 : bits.value() <= 20);
        if (!fits) return note(fmt::format("{}: {}={} is left out: no width that is modelled", called, key, value));
        smmu.features.push_back(fmt::format("{}: {}", key == "oas" ? "oas" : "ssid_bits", bits.value()));
    }

    void machine() {
        const std::string iommu = command_.machine.value("iommu").value_or("");
        const bool has = !smmus().empty();
        if (iommu == "smmuv3" && has)
            out_.smmus.push_back({in_.node(smmus().front()).path, "the machine's", {kQemuIdBits}});
        if (iommu == "smmuv3" && !has) note("the machine has iommu=smmuv3, but the firmware has no SMMUv3");
        if (!iommu.empty() && iommu != "smmuv3" && iommu != "none")
            note(fmt::format("the machine's iommu={} is left out: which IOMMUs there are is the firmware's to say",
                             iommu));
        if (command_.machine.is_on("default_bus_bypass_iommu", false) ||
            command_.machine.is_on("default-bus-bypass-iommu", false))
            note("default_bus_bypass_iommu=on is left out: which ids reach an IOMMU is the firmware's map");
    }

    const QemuCommand& command_;
    const Description& in_;
    std::string directory_;
    QemuPlatform out_;
};

}  // namespace

QemuPlatform read_qemu_platform(const QemuCommand& command, const Description& description,
                                const std::string& directory) {
    return Reader(command, description, directory).read();
}

}  // namespace xlate::study
