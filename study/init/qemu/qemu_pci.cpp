#include "study/init/qemu/qemu_pci.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"

namespace xlate::study {
namespace {

struct Model {
    std::string_view name;
    std::string_view kind;
    std::string_view id;
    std::uint32_t class_code;
    std::string_view driver;
};

constexpr std::array kModels{
    Model{"pcie-root-port", "root-port", "1b36:000c", 0x060400, ""},
    Model{"ioh3420", "root-port", "8086:3420", 0x060400, ""},
    Model{"x3130-upstream", "switch-upstream", "104c:8232", 0x060400, ""},
    Model{"xio3130-downstream", "switch-downstream", "104c:8233", 0x060400, ""},
    Model{"pci-bridge", "pci-bridge", "1b36:0001", 0x060400, ""},
    Model{"pcie-pci-bridge", "pcie-pci-bridge", "1b36:000e", 0x060400, ""},
    Model{"i82801b11-bridge", "pci-bridge", "8086:244e", 0x060401, ""},
    Model{"pxb-pcie", "host-bridge", "1b36:000b", 0x060000, "none"},
    Model{"e1000", "conventional", "8086:100e", 0x020000, "e1000"},
    Model{"e1000e", "endpoint", "8086:10d3", 0x020000, "e1000e"},
    Model{"igb", "endpoint", "8086:10c9", 0x020000, "igb"},
    Model{"rtl8139", "endpoint", "10ec:8139", 0x020000, "8139cp"},
    Model{"vmxnet3", "endpoint", "15ad:07b0", 0x020000, "vmxnet3"},
    Model{"nvme", "endpoint", "1b36:0010", 0x010802, "nvme"},
    Model{"ahci", "conventional", "8086:2922", 0x010601, "ahci"},
    Model{"ich9-ahci", "conventional", "8086:2922", 0x010601, "ahci"},
    Model{"megasas", "endpoint", "1000:0060", 0x010400, "megaraid_sas"},
    Model{"lsi53c895a", "endpoint", "1000:0012", 0x010000, "sym53c8xx"},
    Model{"pvscsi", "endpoint", "15ad:07c0", 0x010000, "vmw_pvscsi"},
    Model{"sdhci-pci", "endpoint", "1b36:0007", 0x080501, "sdhci-pci"},
    Model{"qemu-xhci", "endpoint", "1b36:000d", 0x0c0330, "xhci_hcd"},
    Model{"nec-usb-xhci", "endpoint", "1033:0194", 0x0c0330, "xhci_hcd"},
    Model{"usb-ehci", "conventional", "8086:24cd", 0x0c0320, "ehci-pci"},
    Model{"intel-hda", "conventional", "8086:2668", 0x040300, "snd_hda_intel"},
    Model{"ich9-intel-hda", "conventional", "8086:293e", 0x040300, "snd_hda_intel"},
    Model{"VGA", "endpoint", "1234:1111", 0x030000, "bochs-drm"},
    Model{"bochs-display", "endpoint", "1234:1111", 0x038000, "bochs-drm"},
    Model{"pci-serial", "endpoint", "1b36:0002", 0x070002, "serial"},
    Model{"pci-serial-2x", "endpoint", "1b36:0003", 0x070002, "serial"},
    Model{"pci-serial-4x", "endpoint", "1b36:0004", 0x070002, "serial"},
    Model{"pci-bridge-seat", "pci-bridge", "1b36:000a", 0x060400, ""},
    Model{"e1000-82540em", "conventional", "8086:100e", 0x020000, "e1000"},
    Model{"e1000-82544gc", "conventional", "8086:1008", 0x020000, "e1000"},
    Model{"e1000-82545em", "conventional", "8086:100f", 0x020000, "e1000"},
    Model{"ne2k_pci", "endpoint", "10ec:8029", 0x020000, "ne2k-pci"},
    Model{"pcnet", "endpoint", "1022:2000", 0x020000, "pcnet32"},
    Model{"i82550", "conventional", "8086:1209", 0x020000, "e100"},
    Model{"i82557b", "conventional", "8086:1229", 0x020000, "e100"},
    Model{"megasas-gen2", "endpoint", "1000:005b", 0x010400, "megaraid_sas"},
    Model{"mptsas1068", "endpoint", "1000:0054", 0x010700, "mptsas"},
    Model{"am53c974", "endpoint", "1022:2020", 0x010000, "am53c974"},
    Model{"piix3-usb-uhci", "conventional", "8086:7020", 0x0c0300, "uhci_hcd"},
    Model{"ich9-usb-ehci1", "conventional", "8086:293a", 0x0c0320, "ehci-pci"},
    Model{"pci-ohci", "endpoint", "106b:003f", 0x0c0310, "ohci-pci"},
    Model{"AC97", "conventional", "8086:2415", 0x040100, "snd_intel8x0"},
    Model{"ES1370", "endpoint", "1274:5000", 0x040100, "snd_ens1370"},
    Model{"cirrus-vga", "endpoint", "1013:00b8", 0x030000, "cirrus"},
    Model{"secondary-vga", "endpoint", "1234:1111", 0x038000, "bochs-drm"},
    Model{"qxl-vga", "endpoint", "1b36:0100", 0x030000, "qxl"},
    Model{"vmware-svga", "endpoint", "15ad:0405", 0x030000, "vmwgfx"},
    Model{"qxl", "endpoint", "1b36:0100", 0x038000, "qxl"},
    Model{"pvpanic-pci", "endpoint", "1b36:0011", 0x088000, "none"},
    Model{"rocker", "endpoint", "1b36:0006", 0x028000, "rocker"},
    Model{"i6300esb", "conventional", "8086:25ab", 0x088000, "none"},
    Model{"edu", "endpoint", "1234:11e8", 0x00ff00, "none"},
    Model{"pci-testdev", "endpoint", "1b36:0005", 0x00ff00, "none"},
    Model{"ivshmem-plain", "endpoint", "1af4:1110", 0x050000, "none"},
    Model{"ivshmem-doorbell", "endpoint", "1af4:1110", 0x050000, "none"},
    Model{"amd-iommu", "endpoint", "1022:0000", 0x080600, "none"},
    Model{"riscv-iommu-pci", "endpoint", "1b36:0014", 0x080600, "none"},
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

constexpr unsigned kSlots = 32;
constexpr unsigned kFunctions = 8;
constexpr std::size_t kBuses = 256;  ///< of one segment

/// A function while its bus fills.
struct Seat {
    StarterFunction function;
    std::optional<std::size_t> opens;  ///< the bus behind it
    bool multifunction = false;        ///< its slot may hold others
};

struct Bus {
    std::string name;
    bool root = false;
    bool express = false;     ///< behind it devices are PCIe; on a root bus they are integrated
    unsigned number = 0;      ///< of a root bus
    unsigned first_slot = 0;  ///< from which slots are given away
    std::vector<Seat> seats;
};

struct Address {
    unsigned device = 0;
    unsigned function = 0;
};

/// QEMU's "addr": slot or slot.function, hexadecimal.
std::optional<Address> parse_address(const std::string& text) {
    const std::size_t dot = text.find('.');
    std::string slot = text.substr(0, dot);
    if (slot.compare(0, 2, "0x") == 0) slot.erase(0, 2);
    const Parsed<std::uint64_t> device = parse_integer("0x" + slot);
    const Parsed<std::uint64_t> function =
        dot == std::string::npos ? Parsed<std::uint64_t>(0) : parse_integer("0x" + text.substr(dot + 1));
    if (!device || !function || device.value() >= kSlots || function.value() >= kFunctions) return std::nullopt;
    return Address{static_cast<unsigned>(device.value()), static_cast<unsigned>(function.value())};
}

bool ends_with(std::string_view text, std::string_view ending) {
    return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

class Placement {
public:
    explicit Placement(const QemuCommand& command) : command_(command) {}

    QemuPci run() {
        make_root();
        make_display();
        make_network_cards();
        for (const QemuOption& device : command_.devices) place(device);
        // QEMU appends the devices of if=virtio drives to those of -device.
        const bool virt = command_.machine.head.compare(0, 4, "virt") == 0;  // whose drives are virtio by default
        for (const QemuOption& drive : command_.drives) {
            if (drive.value("if").value_or(virt ? "virtio" : "") == "virtio")
                place({"virtio-blk-pci", {}, drive.text, drive.line});
        }
        std::vector<std::size_t> roots;
        for (std::size_t i = 0; i < buses_.size(); ++i) {
            if (buses_[i].root) roots.push_back(i);
        }
        std::stable_sort(roots.begin(), roots.end(),
                         [&](std::size_t a, std::size_t b) { return buses_[a].number < buses_[b].number; });
        for (const std::size_t root : roots) {
            for (StarterFunction& function : collect(root)) result_.functions.push_back(std::move(function));
        }
        std::sort(result_.virtio_mmio_populated.begin(), result_.virtio_mmio_populated.end());
        std::sort(result_.virtio_mmio.begin(), result_.virtio_mmio.end(),
                  [](const QemuVirtioMmio& a, const QemuVirtioMmio& b) { return a.number < b.number; });
        return std::move(result_);
    }

private:
    [[noreturn]] void fail(const QemuOption& option, std::string what, std::string expected = {}) const {
        throw InputError(
            Diagnostic{{command_.file, option.line, {}, {}}, option.text, std::move(what), std::move(expected), {}});
    }

    std::vector<StarterFunction> collect(std::size_t bus) const {
        std::vector<StarterFunction> functions;
        for (const Seat& seat : buses_[bus].seats) {
            functions.push_back(seat.function);
            functions.back().bus = buses_[bus].number;
            if (seat.opens && !buses_[*seat.opens].root) functions.back().below = collect(*seat.opens);
        }
        std::sort(functions.begin(), functions.end(), [](const StarterFunction& a, const StarterFunction& b) {
            return std::pair(a.device, a.function) < std::pair(b.device, b.function);
        });
        return functions;
    }

    /// The machine's own functions. Others than virt and q35 have a root bus whose bridge we don't know.
    void make_root() {
        Bus root;
        root.name = command_.machine.head == "pc" || command_.machine.head == "i440fx" ? "pci.0" : "pcie.0";
        root.root = true;
        root.express = root.name == "pcie.0";
        buses_.push_back(root);
        const auto own = [&](unsigned device, unsigned function, const char* id, std::uint32_t code,
                             const char* driver) {
            Seat seat;
            seat.function.device = device;
            seat.function.function = function;
            seat.function.kind = device == 0 ? "host-bridge" : "conventional";
            seat.function.id = id;
            seat.function.class_code = code;
            seat.function.driver = driver;
            seat.multifunction = true;
            buses_[0].seats.push_back(seat);
        };
        if (command_.machine.head.compare(0, 4, "virt") == 0) {
            own(0, 0, "1b36:0008", 0x060000, "none");
        } else if (ends_with(command_.machine.head, "q35")) {
            own(0, 0, "8086:29c0", 0x060000, "none");
            own(31, 0, "8086:2918", 0x060100, "lpc_ich");
            own(31, 2, "8086:2922", 0x010601, "ahci");
            own(31, 3, "8086:2930", 0x0c0500, "i801_smbus");
        } else {
            result_.notes.push_back(fmt::format("machine '{}' is not known here: its own PCI functions are left out",
                                                command_.machine.head));
        }
    }

    bool q35() const { return ends_with(command_.machine.head, "q35"); }

    /// Cards that the machine makes itself come before every -device, and the display before the network.
    void make_display() {
        constexpr std::pair<std::string_view, std::string_view> kCards[] = {{"std", "VGA"},
                                                                            {"cirrus", "cirrus-vga"},
                                                                            {"vmware", "vmware-svga"},
                                                                            {"qxl", "qxl-vga"},
                                                                            {"virtio", "virtio-vga"}};
        constexpr std::string_view kInstead[] = {
            "VGA",        "isa-vga", "cirrus-vga",  "isa-cirrus-vga", "qxl-vga",
            "virtio-vga", "ati-vga", "vmware-svga", "vhost-user-vga", "virtio-vga-gl"};
        std::string vga = command_.vga;
        if (!q35()) {
            if (!vga.empty() && vga != "none")
                result_.notes.push_back(fmt::format("-vga {}: where its card is on this machine is not known", vga));
            return;
        }
        const bool other = std::any_of(command_.devices.begin(), command_.devices.end(), [&](const QemuOption& device) {
            return std::find(std::begin(kInstead), std::end(kInstead), device.head) != std::end(kInstead);
        });
        if (vga.empty()) vga = command_.nodefaults || other ? "none" : "std";
        for (const auto& [name, model] : kCards) {
            if (vga == name) return place({std::string(model), {}, "(display card)", 1});
        }
        if (vga != "none") result_.notes.push_back(fmt::format("-vga {} is not known here: its card is left out", vga));
    }

    void make_network_cards() {
        const std::string usual = q35() ? "e1000e" : "virtio-net-pci";
        for (const QemuOption& nic : command_.nics) {
            if (nic.head == "none") continue;
            std::string model = nic.value("model").value_or(usual);
            if (model == "virtio") model = "virtio-net-pci";
            place({model, {}, "-nic " + nic.text, nic.line});
        }
        if (command_.network_given || command_.nodefaults) return;
        if (q35() || command_.machine.head.compare(0, 4, "virt") == 0) place({usual, {}, "(default network card)", 1});
    }

    std::optional<std::size_t> find_bus(const QemuOption& option) const {
        const std::optional<std::string> name = option.value("bus");
        if (!name) return 0;
        for (std::size_t i = 0; i < buses_.size(); ++i) {
            if (buses_[i].name == *name) return i;
        }
        return std::nullopt;
    }

    /// Fills in what the model is. False if no PCI model of this name is known.
    bool describe(const QemuOption& option, const Bus& bus, StarterFunction& function) const {
        for (const Model& model : kModels) {
            if (option.head != model.name) continue;
            function.kind = model.kind;
            function.id = model.id;
            function.class_code = model.class_code;
            function.driver = model.driver;
            return true;
        }
        std::string_view stem = option.head;
        bool modern = bus.express && !bus.root;  // QEMU: on a PCIe port virtio is modern only
        const std::optional<std::string> legacy = option.value("disable-legacy");
        if (legacy && *legacy != "auto") modern = option.is_on("disable-legacy", false);
        for (const std::string_view suffix : {"-non-transitional", "-transitional", "-pci", "-device"}) {
            if (!ends_with(stem, suffix)) continue;
            if (suffix == "-non-transitional") modern = true;
            if (suffix == "-transitional") modern = false;
            stem.remove_suffix(suffix.size());
        }
        const bool vga = stem == "virtio-vga";
        for (const VirtioModel& model : kVirtioModels) {
            if ((vga ? "virtio-gpu" : stem) != model.stem) continue;
            function.kind = "endpoint";
            function.id = fmt::format("1af4:{:04x}",
                                      modern || model.transitional == 0 ? 0x1040 + model.type : model.transitional);
            function.class_code = vga ? 0x030000 : model.class_code;
            function.driver = "virtio-pci";
            return true;
        }
        return false;
    }

    void put_virtio_mmio(unsigned number, const QemuOption& option) {
        result_.virtio_mmio_populated.push_back(number);
        result_.virtio_mmio.push_back({number, option.head, option.is_on("iommu_platform", false)});
    }

    bool place_virtio_mmio(const QemuOption& option) {
        static constexpr std::string_view kBus = "virtio-mmio-bus.";
        const std::string bus = option.value("bus").value_or("");
        if (bus.compare(0, kBus.size(), kBus) == 0) {
            const Parsed<std::uint64_t> number = parse_integer(bus.substr(kBus.size()));
            if (!number || number.value() > 31) fail(option, "there is no bus " + bus, "virtio-mmio-bus.0 to .31");
            put_virtio_mmio(static_cast<unsigned>(number.value()), option);
            return true;
        }
        if (!ends_with(option.head, "-device") || option.head.compare(0, 6, "virtio") != 0) return false;
        // Without a bus QEMU takes the free transport with the highest number.
        for (unsigned number = 32; number-- > 0;) {
            auto& taken = result_.virtio_mmio_populated;
            if (std::find(taken.begin(), taken.end(), number) != taken.end()) continue;
            put_virtio_mmio(number, option);
            return true;
        }
        fail(option, "all 32 virtio-mmio transports are taken");
    }

    void place(const QemuOption& option) {
        if (option.head == "loader" || option.head == "arm-smmuv3") return;  // qemu_platform.hpp
        if (place_virtio_mmio(option)) return;
        if (option.head == "intel-iommu") {
            result_.notes.push_back("'intel-iommu' is the unit of QEMU's DMAR table: give that table with --firmware");
            return;
        }
        if (option.head == "amd-iommu")
            result_.notes.push_back("'amd-iommu' is the unit of QEMU's IVRS table: give that table with --firmware");
        const std::optional<std::size_t> at = find_bus(option);
        StarterFunction function;
        function.model = option.head;
        const bool known = describe(option, buses_[at.value_or(0)], function);
        if (!at && known) {
            std::vector<std::string> names;
            for (const Bus& bus : buses_) names.push_back(bus.name);
            fail(option, fmt::format("there is no bus '{}' before this device", *option.value("bus")),
                 fmt::format("one of {}", fmt::join(names, ", ")));
        }
        if (!known) {
            // With a PCI slot (a loader's addr= is none), or on a PCI bus by name, it is a function.
            const bool has_slot = option.value("addr") && parse_address(*option.value("addr"));
            if (!at || (!has_slot && !option.value("bus"))) {
                result_.notes.push_back(
                    fmt::format("'{}' is left out: not a PCI function that is known here", option.head));
                return;
            }
            function.kind = "endpoint";
            function.driver = "none";
            result_.notes.push_back(
                fmt::format("'{}' is not known here: fill in its id, class and driver", option.head));
        }
        if (function.driver == "virtio-pci" && !option.is_on("iommu_platform", false))
            result_.physical_virtio.push_back(option.head);
        if (option.is_on("ats", false))
            result_.notes.push_back(fmt::format("{}: for ats=on give the function an 'atc:' and traffic", option.head));
        if (option.is_on("bypass_iommu", false))
            result_.notes.push_back(fmt::format(
                "{}: bypass_iommu=on is left out: which ids reach an IOMMU is the firmware's map", option.head));
        const bool bridge = function.kind.find("bridge") != std::string::npos;
        const bool has_shpc = (option.head == "pci-bridge" || option.head == "pcie-pci-bridge");
        function.hotplug = option.is_on(has_shpc ? "shpc" : "hotplug", true);
        function.acs = function.kind == "root-port" && !option.is_on("disable-acs", false);
        const Address address = address_of(option, *at, function);
        function.device = address.device;
        function.function = address.function;
        Seat seat;
        seat.multifunction = option.is_on("multifunction", false);
        if (function.kind != "endpoint" && function.kind != "conventional") {
            Bus behind;
            behind.name = option.value("id").value_or(fmt::format("(behind {})", option.text));
            behind.express = !bridge || function.kind == "host-bridge";
            behind.root = function.kind == "host-bridge";
            // A standard hot-plug controller counts its slots from 1.
            behind.first_slot = has_shpc && function.hotplug ? 1 : 0;
            if (behind.root) behind.number = bus_number(option);
            if (buses_.size() == kBuses) fail(option, fmt::format("more than {} PCI buses", kBuses));
            seat.opens = buses_.size();
            buses_.push_back(std::move(behind));
        }
        seat.function = std::move(function);
        buses_[*at].seats.push_back(std::move(seat));
    }

    unsigned bus_number(const QemuOption& option) const {
        const Parsed<std::uint64_t> number = parse_integer(option.value("bus_nr").value_or("0"));
        if (!number || number.value() == 0 || number.value() > 255)
            fail(option, "bus_nr is missing or no bus", "1 to 255");
        return static_cast<unsigned>(number.value());
    }

    Address address_of(const QemuOption& option, std::size_t at, const StarterFunction& function) const {
        const Bus& bus = buses_[at];
        const auto in_slot = [&](unsigned device) {
            return std::find_if(bus.seats.begin(), bus.seats.end(),
                                [&](const Seat& seat) { return seat.function.device == device; });
        };
        const std::optional<std::string> text = option.value("addr");
        if (text) {
            const std::optional<Address> address = parse_address(*text);
            if (!address) fail(option, "addr=" + *text, "a slot such as 5, or slot.function such as 8.1, hexadecimal");
            for (const Seat& seat : bus.seats) {
                if (seat.function.device != address->device) continue;
                const bool same = seat.function.function == address->function;
                if (same || (seat.function.function == 0 && !seat.multifunction)) {
                    fail(option,
                         fmt::format("slot {:02x}.{} of {} is taken by {}{}", address->device, address->function,
                                     bus.name, seat.function.model.empty() ? "the machine" : seat.function.model,
                                     same ? "" : ", which lacks multifunction=on"));
                }
            }
            return *address;
        }
        // A switch's downstream ports are ordinary in this: the first free slot.
        for (unsigned device = bus.first_slot; device < kSlots; ++device) {
            if (in_slot(device) == bus.seats.end()) return {device, 0};
        }
        fail(option, fmt::format("no slot of {} is free for {}", bus.name, function.model));
    }

    const QemuCommand& command_;
    std::vector<Bus> buses_;
    QemuPci result_;
};

}  // namespace

QemuPci place_qemu_devices(const QemuCommand& command) { return Placement(command).run(); }

std::string_view qemu_bridge_kind(std::string_view id) {
    for (const Model& model : kModels) {
        if (model.id == id && model.class_code >> 8 == 0x0604) return model.kind;
    }
    return {};
}

}  // namespace xlate::study
