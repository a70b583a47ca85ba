#include "study/init/qemu/qemu_models.hpp"

#include <array>

#include <fmt/format.h>

namespace xlate::study {
namespace {

struct Model {
    std::string_view name;
    QemuModel is;
};

constexpr std::array kModels{
    Model{"pcie-root-port", {"root-port", "1b36:000c", 0x060400, ""}},
    Model{"ioh3420", {"root-port", "8086:3420", 0x060400, ""}},
    Model{"x3130-upstream", {"switch-upstream", "104c:8232", 0x060400, ""}},
    Model{"xio3130-downstream", {"switch-downstream", "104c:8233", 0x060400, ""}},
    Model{"pci-bridge", {"pci-bridge", "1b36:0001", 0x060400, ""}},
    Model{"pcie-pci-bridge", {"pcie-pci-bridge", "1b36:000e", 0x060400, ""}},
    Model{"i82801b11-bridge", {"pci-bridge", "8086:244e", 0x060401, ""}},
    Model{"pxb-pcie", {"host-bridge", "1b36:000b", 0x060000, "none"}},
    Model{"e1000", {"conventional", "8086:100e", 0x020000, "e1000"}},
    Model{"e1000e", {"endpoint", "8086:10d3", 0x020000, "e1000e"}},
    Model{"igb", {"endpoint", "8086:10c9", 0x020000, "igb"}},
    Model{"rtl8139", {"endpoint", "10ec:8139", 0x020000, "8139cp"}},
    Model{"vmxnet3", {"endpoint", "15ad:07b0", 0x020000, "vmxnet3"}},
    Model{"nvme", {"endpoint", "1b36:0010", 0x010802, "nvme"}},
    Model{"ahci", {"conventional", "8086:2922", 0x010601, "ahci"}},
    Model{"ich9-ahci", {"conventional", "8086:2922", 0x010601, "ahci"}},
    Model{"megasas", {"endpoint", "1000:0060", 0x010400, "megaraid_sas"}},
    Model{"lsi53c895a", {"endpoint", "1000:0012", 0x010000, "sym53c8xx"}},
    Model{"pvscsi", {"endpoint", "15ad:07c0", 0x010000, "vmw_pvscsi"}},
    Model{"sdhci-pci", {"endpoint", "1b36:0007", 0x080501, "sdhci-pci"}},
    Model{"qemu-xhci", {"endpoint", "1b36:000d", 0x0c0330, "xhci_hcd"}},
    Model{"nec-usb-xhci", {"endpoint", "1033:0194", 0x0c0330, "xhci_hcd"}},
    Model{"usb-ehci", {"conventional", "8086:24cd", 0x0c0320, "ehci-pci"}},
    Model{"intel-hda", {"conventional", "8086:2668", 0x040300, "snd_hda_intel"}},
    Model{"ich9-intel-hda", {"conventional", "8086:293e", 0x040300, "snd_hda_intel"}},
    Model{"VGA", {"endpoint", "1234:1111", 0x030000, "bochs-drm"}},
    Model{"bochs-display", {"endpoint", "1234:1111", 0x038000, "bochs-drm"}},
    Model{"pci-serial", {"endpoint", "1b36:0002", 0x070002, "serial"}},
    Model{"pci-serial-2x", {"endpoint", "1b36:0003", 0x070002, "serial"}},
    Model{"pci-serial-4x", {"endpoint", "1b36:0004", 0x070002, "serial"}},
    Model{"pci-bridge-seat", {"pci-bridge", "1b36:000a", 0x060400, ""}},
    Model{"e1000-82540em", {"conventional", "8086:100e", 0x020000, "e1000"}},
    Model{"e1000-82544gc", {"conventional", "8086:1008", 0x020000, "e1000"}},
    Model{"e1000-82545em", {"conventional", "8086:100f", 0x020000, "e1000"}},
    Model{"ne2k_pci", {"endpoint", "10ec:8029", 0x020000, "ne2k-pci"}},
    Model{"pcnet", {"endpoint", "1022:2000", 0x020000, "pcnet32"}},
    Model{"i82550", {"conventional", "8086:1209", 0x020000, "e100"}},
    Model{"i82557b", {"conventional", "8086:1229", 0x020000, "e100"}},
    Model{"megasas-gen2", {"endpoint", "1000:005b", 0x010400, "megaraid_sas"}},
    Model{"mptsas1068", {"endpoint", "1000:0054", 0x010700, "mptsas"}},
    Model{"am53c974", {"endpoint", "1022:2020", 0x010000, "am53c974"}},
    Model{"piix3-usb-uhci", {"conventional", "8086:7020", 0x0c0300, "uhci_hcd"}},
    Model{"ich9-usb-ehci1", {"conventional", "8086:293a", 0x0c0320, "ehci-pci"}},
    Model{"pci-ohci", {"endpoint", "106b:003f", 0x0c0310, "ohci-pci"}},
    Model{"AC97", {"conventional", "8086:2415", 0x040100, "snd_intel8x0"}},
    Model{"ES1370", {"endpoint", "1274:5000", 0x040100, "snd_ens1370"}},
    Model{"cirrus-vga", {"endpoint", "1013:00b8", 0x030000, "cirrus"}},
    Model{"secondary-vga", {"endpoint", "1234:1111", 0x038000, "bochs-drm"}},
    Model{"qxl-vga", {"endpoint", "1b36:0100", 0x030000, "qxl"}},
    Model{"vmware-svga", {"endpoint", "15ad:0405", 0x030000, "vmwgfx"}},
    Model{"qxl", {"endpoint", "1b36:0100", 0x038000, "qxl"}},
    Model{"pvpanic-pci", {"endpoint", "1b36:0011", 0x088000, "none"}},
    Model{"rocker", {"endpoint", "1b36:0006", 0x028000, "rocker"}},
    Model{"i6300esb", {"conventional", "8086:25ab", 0x088000, "none"}},
    Model{"edu", {"endpoint", "1234:11e8", 0x00ff00, "none"}},
    Model{"pci-testdev", {"endpoint", "1b36:0005", 0x00ff00, "none"}},
    Model{"ivshmem-plain", {"endpoint", "1af4:1110", 0x050000, "none"}},
    Model{"ivshmem-doorbell", {"endpoint", "1af4:1110", 0x050000, "none"}},
    Model{"amd-iommu", {"endpoint", "1022:0000", 0x080600, "none"}},
    Model{"AMDVI-PCI", {"endpoint", "1022:1419", 0x080600, "none"}},  // apart from amd-iommu since QEMU 10.1
    Model{"riscv-iommu-pci", {"endpoint", "1b36:0014", 0x080600, "none"}},
    Model{"x-riscv-iommu-pci", {"endpoint", "1b36:0014", 0x080600, "none"}},
    Model{"vfio-pci", {"endpoint", "", 0, "none"}},
    Model{"vfio-pci-nohotplug", {"endpoint", "", 0, "none"}},
};

/// A virtio device over PCI: its id is 0x1040 plus its type, or, where a legacy driver may find it, an older one.
struct VirtioModel {
    std::string_view stem;  ///< model name without "-pci"
    std::uint32_t type;
    std::uint32_t transitional;  ///< 0: has no legacy form
    std::uint32_t class_code;
};

constexpr std::array kVirtioModels{
    VirtioModel{"virtio-net", 1, 0x1000, 0x020000},
    VirtioModel{"virtio-blk", 2, 0x1001, 0x010000},
    VirtioModel{"virtio-balloon", 5, 0x1002, 0x00ff00},
    VirtioModel{"virtio-serial", 3, 0x1003, 0x078000},
    VirtioModel{"virtio-scsi", 8, 0x1004, 0x010000},
    VirtioModel{"virtio-rng", 4, 0x1005, 0x00ff00},
    VirtioModel{"virtio-9p", 9, 0x1009, 0x000200},
    VirtioModel{"virtio-gpu", 16, 0, 0x038000},
    VirtioModel{"virtio-keyboard", 18, 0, 0x090000},
    VirtioModel{"virtio-mouse", 18, 0, 0x090200},
    VirtioModel{"virtio-tablet", 18, 0, 0x098000},
    VirtioModel{"vhost-vsock", 19, 0x1012, 0x078000},
    VirtioModel{"virtio-crypto", 20, 0, 0x00ff00},
    VirtioModel{"virtio-iommu", 23, 0, 0x00ff00},
    VirtioModel{"virtio-mem", 24, 0, 0x00ff00},
    VirtioModel{"vhost-user-fs", 26, 0, 0x018000},
    VirtioModel{"virtio-pmem", 27, 0, 0x00ff00},
    VirtioModel{"virtio-sound", 25, 0, 0x040100},
    VirtioModel{"virtio-multitouch", 18, 0, 0x090200},
    VirtioModel{"vhost-scsi", 8, 0x1004, 0x010000},
    VirtioModel{"vhost-user-scsi", 8, 0x1004, 0x010000},
    VirtioModel{"vhost-user-blk", 2, 0x1001, 0x010000},
    VirtioModel{"vhost-user-vsock", 19, 0x1012, 0x078000},
};

bool ends_with(std::string_view text, std::string_view ending) {
    return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

}  // namespace

std::optional<QemuModel> find_qemu_model(std::string_view name) {
    for (const Model& model : kModels) {
        if (model.name == name) return model.is;
    }
    return std::nullopt;
}

std::optional<QemuVirtioPci> find_qemu_virtio(const QemuOption& option, bool behind_port) {
    std::string_view stem = option.head;
    QemuVirtioPci found;
    found.modern_only = behind_port;
    const std::optional<std::string> legacy = option.value("disable-legacy");
    if (legacy && *legacy != "auto") found.modern_only = option.is_on("disable-legacy", false);
    for (const std::string_view suffix : {"-non-transitional", "-transitional", "-pci", "-device"}) {
        if (!ends_with(stem, suffix)) continue;
        if (suffix == "-non-transitional") found.modern_only = true;
        if (suffix == "-transitional") found.modern_only = false;
        stem.remove_suffix(suffix.size());
    }
    const bool vga = stem == "virtio-vga";
    for (const VirtioModel& model : kVirtioModels) {
        if ((vga ? "virtio-gpu" : stem) != model.stem) continue;
        found.modern_only = found.modern_only || model.transitional == 0;
        found.id = fmt::format("1af4:{:04x}", found.modern_only ? 0x1040 + model.type : model.transitional);
        found.class_code = vga ? 0x030000 : model.class_code;
        return found;
    }
    return std::nullopt;
}

std::string_view qemu_bridge_kind(std::string_view id) {
    for (const Model& model : kModels) {
        if (model.is.id == id && model.is.class_code >> 8 == 0x0604) return model.is.kind;
    }
    return {};
}

}  // namespace xlate::study
