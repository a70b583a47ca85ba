#include "study/init/qemu/qemu_units.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "base/span.hpp"
#include "firmware/iommu_families.hpp"
#include "study/init/qemu/qemu_machine.hpp"

namespace xlate::study {
namespace {

using firmware::NodeIndex;

/// A property of a unit, and the values with which it is as the model is.
struct Property {
    std::string_view name;
    std::string_view as_modelled;  ///< empty: no value
    std::string_view why;          ///< where it differs
};

constexpr std::string_view kNotModelled = "not modelled";
constexpr std::string_view kRemapping = "whether interrupts are remapped is the table's flag";

constexpr Property kIntel[] = {
    {"intremap", "on", kRemapping},
    {"eim", "off", "like: qemu has no extended interrupt mode"},
    {"aw-bits", "48", "39, 48 or 57 is modelled"},
    {"pt", "on", "like: qemu has pass-through (ECAP.PT)"},
    {"dma-drain", "on", "like: qemu drains (CAP.DRD, DWD)"},
    {"snoop-control", "off", "like: qemu has no snoop control (ECAP.SC)"},
    {"dma-translation", "on", kNotModelled},
    {"x-pasid-mode", "off", "like: scalable has PASIDs"},
};
constexpr Property kIntelScalable[] = {
    {"intremap", "on", kRemapping},
    {"eim", "on", "like: scalable has it"},
    {"aw-bits", "57", "39, 48 or 57 is modelled"},
    {"pt", "on", "like: scalable has pass-through"},
    {"dma-drain", "on", "like: scalable drains"},
    {"snoop-control", "on", "like: scalable has it"},
    {"dma-translation", "on", kNotModelled},
    {"x-pasid-mode", "on", "like: scalable has PASIDs"},
};
constexpr Property kAmd[] = {
    {"intremap", "on", kRemapping},
    {"xtsup", "off", "like: qemu has no x2APIC ids, like: full has"},
    {"dma-remap", "off", "it is for devices of the host's"},
    {"device-iotlb", "off", "which devices may have TLBs is the table's flag"},
    {"pt", "on", kNotModelled},
};
constexpr Property kRiscv[] = {
    {"ats", "on", "like: qemu has it"},
    {"intremap", "on", "like: qemu has it"},
    {"s-stage", "on", "like: qemu has both stages"},
    {"g-stage", "on", "like: qemu has both stages"},
    {"hpm-counters", "31", kNotModelled},
    {"off", "on", "the unit starts switched off"},
    {"ioatc-limit", "", "give the unit a TLB of so many entries"},
};
/// Of every device, or read elsewhere.
constexpr std::string_view kPlain[] = {"id",      "bus",      "addr",          "driver",     "pci-id",
                                       "version", "rombar",   "multifunction", "acpi-index", "bootindex",
                                       "romfile", "failover", "vendor-id",     "device-id",  "revision"};

constexpr unsigned kLastWith39Bits = 901;

class UnitReader {
public:
    UnitReader(const QemuCommand& command, const firmware::Description& description)
        : command_(command), in_(description), machine_(qemu_machine(command)) {}

    QemuUnits read() {
        for (const QemuOption& device : command_.devices) {
            if (device.head == "intel-iommu") intel(device);
            if (device.head == "amd-iommu") amd(device);
            if (device.head.rfind("virtio-iommu", 0) == 0) virtio(device);
            if (device.head == "riscv-iommu-pci" || device.head == "x-riscv-iommu-pci") {
                const std::string called = name_of(device);
                left_out(device, called, kRiscv);
                give("riscv", "riscv", called, {"like: qemu"}, "a tree or a RIMT table", true);
            }
        }
        if (command_.machine.is_on("iommu-sys", false))
            give("riscv", "riscv", "the machine's iommu-sys=on", {"like: qemu"}, "a tree or a RIMT table", false);
        return std::move(out_);
    }

private:
    static std::string name_of(const QemuOption& device) {
        const std::string id = device.value("id").value_or("");
        return device.head + (id.empty() ? "" : " " + id);
    }

    /// Says which of its values are others than the model has.
    template <std::size_t kCount>
    void left_out(const QemuOption& device, const std::string& called, const Property (&known)[kCount],
                  Span<std::string_view> taken = {}) {
        for (std::size_t i = 0; i < device.values.size(); ++i) {
            const auto& [key, value] = device.values[i];
            if (device.value(key) != value) continue;  // a later one counts
            const auto is = [&, &name = key](std::string_view one) { return one == name; };
            if (std::any_of(std::begin(kPlain), std::end(kPlain), is) || std::any_of(taken.begin(), taken.end(), is))
                continue;
            const auto* const row = std::find_if(std::begin(known), std::end(known),
                                                 [&, &name = key](const Property& one) { return one.name == name; });
            const bool found = row != std::end(known);
            const std::string state = device.is_on(key, false) ? "on" : value == "false" ? "off" : value;
            if (found && (state == row->as_modelled || value == "auto")) continue;
            out_.notes.push_back(fmt::format("{}: {}={} is left out: {}", called, key, value,
                                             found ? row->why : std::string_view("not known here")));
        }
    }

    void intel(const QemuOption& device) {
        const std::string called = name_of(device);
        const std::string scalable = device.value("x-scalable-mode").value_or("off");
        const bool first_level = scalable == "modern" || device.is_on("x-flts", false);
        constexpr std::string_view kWidths[] = {"39", "48", "57"};
        std::string width = device.value("aw-bits").value_or("");
        const bool known = std::find(std::begin(kWidths), std::end(kWidths), width) != std::end(kWidths);
        if (width.empty() && machine_.version != 0 && machine_.version <= kLastWith39Bits) {
            width = "39";
            out_.notes.push_back(fmt::format("{}: machines up to 9.1 have aw-bits=39, tables of 3 levels", called));
        } else if (!known) {
            width.clear();
        }
        constexpr std::string_view kAlways[] = {"caching-mode", "x-scalable-mode", "x-flts", "device-iotlb"};
        std::vector<std::string_view> taken(std::begin(kAlways), std::end(kAlways));
        if (known) taken.emplace_back("aw-bits");
        std::vector<std::string> keys{first_level ? "like: scalable" : "like: qemu"};
        if (first_level) {
            out_.notes.push_back(
                called + ": like: scalable stands for first-level tables; it has PASIDs and page requests, too");
            left_out(device, called, kIntelScalable, {taken.data(), taken.size()});
        } else {
            if (scalable != "off")
                out_.notes.push_back(
                    fmt::format("{}: x-scalable-mode={} is left out: its second-level tables are those of legacy mode",
                                called, scalable));
            left_out(device, called, kIntel, {taken.data(), taken.size()});
        }
        if (!width.empty()) keys.push_back("width: " + width);
        if (device.is_on("device-iotlb", false)) keys.emplace_back("device_tlb: on");
        if (device.is_on("caching-mode", false)) keys.emplace_back("caching_mode: on");
        give("vt-d", "vt-d", called, keys, "QEMU's DMAR table", false);
    }

    void amd(const QemuOption& device) {
        const std::string called = name_of(device);
        left_out(device, called, kAmd);
        if (const auto id = device.value("pci-id")) {
            const bool there =
                std::any_of(command_.devices.begin(), command_.devices.end(),
                            [&](const QemuOption& one) { return one.head == "AMDVI-PCI" && one.value("id") == id; });
            if (!there) out_.notes.push_back(fmt::format("{}: no AMDVI-PCI has the id '{}'", called, *id));
        }
        give("amd-vi", "amd_vi", called, {"like: qemu", "np_cache: on"}, "QEMU's IVRS table", false);
    }

    /// Of its many properties those of virtio-iommu alone; what is not given stays the config's default.
    void virtio(const QemuOption& device) {
        const std::string called = name_of(device);
        std::vector<std::string> keys;
        if (!device.is_on("boot-bypass", true)) keys.emplace_back("unattached: fault");
        if (const auto granule = device.value("granule")) {
            constexpr std::pair<std::string_view, std::string_view> kPages[] = {
                {"4k", "4 KiB"}, {"16k", "16 KiB"}, {"64k", "64 KiB"}};
            const auto* const page = std::find_if(std::begin(kPages), std::end(kPages),
                                                  [&](const auto& one) { return one.first == *granule; });
            if (page != std::end(kPages)) {
                keys.push_back(fmt::format("page_size: {}", page->second));
            } else {
                out_.notes.push_back(
                    fmt::format("{}: granule={} is left out: 4k, 16k or 64k is modelled", called, *granule));
            }
        }
        if (const auto bits = device.value("aw-bits")) {
            const Parsed<std::uint64_t> number = parse_integer(*bits);
            if (number && number.value() >= 32 && number.value() <= 64) {
                keys.push_back(fmt::format("input_bits: {}", number.value()));
            } else {
                out_.notes.push_back(fmt::format("{}: aw-bits={} is left out: QEMU takes 32 to 64", called, *bits));
            }
        }
        if (!keys.empty()) give("virtio-iommu", "virtio", called, keys, "a tree or a VIOT", false);
    }

    /// The keys to every unit of the family that is none yet. `pci`: of RISC-V's, those that are PCI functions.
    void give(std::string_view family, const std::string& block, const std::string& called,
              const std::vector<std::string>& keys, std::string_view source, bool pci) {
        bool any = false;
        for (const NodeIndex at : in_.providers()) {
            const firmware::Node& node = in_.node(at);
            if (!node.reachable || firmware::iommu_kind(node).family != family) continue;
            if (node.is_compatible("riscv,pci-iommu") != pci) continue;
            any = true;
            const bool has = std::any_of(out_.units.begin(), out_.units.end(),
                                         [&](const QemuUnit& one) { return one.iommu == node.path; });
            if (!has) out_.units.push_back({node.path, block, keys, called});
        }
        if (!any)
            out_.notes.push_back(
                fmt::format("{}: the firmware has no such unit: it is in {}, for --firmware", called, source));
    }

    const QemuCommand& command_;
    const firmware::Description& in_;
    QemuMachine machine_;
    QemuUnits out_;
};

}  // namespace

QemuUnits read_qemu_units(const QemuCommand& command, const firmware::Description& description) {
    return UnitReader(command, description).read();
}

}  // namespace xlate::study
