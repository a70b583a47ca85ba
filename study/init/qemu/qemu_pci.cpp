#include "study/init/qemu/qemu_pci.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "study/init/qemu/qemu_machine.hpp"
#include "study/init/qemu/qemu_models.hpp"

namespace xlate::study {
namespace {

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

/// Hexadecimal, with or without "0x".
std::optional<unsigned> parse_hex(std::string text, unsigned count) {
    if (text.compare(0, 2, "0x") == 0) text.erase(0, 2);
    const Parsed<std::uint64_t> value = parse_integer("0x" + text);
    if (!value || value.value() >= count) return std::nullopt;
    return static_cast<unsigned>(value.value());
}

/// QEMU's "addr": slot or slot.function ("%x.%x").
std::optional<Address> parse_address(const std::string& text) {
    const std::size_t dot = text.find('.');
    const std::optional<unsigned> device = parse_hex(text.substr(0, dot), kSlots);
    const std::optional<unsigned> function = dot == std::string::npos ? 0 : parse_hex(text.substr(dot + 1), kFunctions);
    if (!device || !function) return std::nullopt;
    return Address{*device, *function};
}

bool ends_with(std::string_view text, std::string_view ending) {
    return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

class Placement {
public:
    explicit Placement(const QemuCommand& command) : command_(command), machine_(qemu_machine(command)) {}

    QemuPci run() {
        make_root();
        make_display();
        make_network_cards();
        make_sound_cards();
        // QEMU puts the devices of if=virtio drives between those of -device that are in its own syntax and in JSON.
        const auto& devices = command_.devices;
        const auto json = std::find_if(devices.begin(), devices.end(),
                                       [](const QemuOption& one) { return !one.text.empty() && one.text[0] == '{'; });
        std::for_each(devices.begin(), json, [&](const QemuOption& device) { place(device); });
        // Arm's virt machine has virtio drives by default, RISC-V's has none.
        const bool virt = machine_.kind == QemuMachineKind::virt && machine_.arch != kernel::Arch::riscv;
        for (const QemuOption& drive : command_.drives) {
            if (drive.value("if").value_or(virt ? "virtio" : "") == "virtio")
                make({"virtio-blk-pci", {}, drive.text, drive.line});
        }
        std::for_each(json, devices.end(), [&](const QemuOption& device) { place(device); });
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

    /// A device that no -device makes.
    void make(QemuOption option) { place(command_.with_globals(std::move(option))); }

    /// The machine's own functions.
    void make_root() {
        Bus root;
        root.name = machine_.kind == QemuMachineKind::pc ? "pci.0" : "pcie.0";
        root.root = true;
        root.express = machine_.kind != QemuMachineKind::pc;
        buses_.push_back(root);
        const bool usb = command_.machine.is_on("usb", false);
        bool has_usb = false;
        for (const QemuOwnFunction& own : own_functions(machine_.kind)) {
            if (own.is_usb && !usb) continue;
            has_usb = has_usb || own.is_usb;
            Seat seat;
            seat.function.device = own.device;
            seat.function.function = own.function;
            seat.function.kind = own.device == 0 ? "host-bridge" : "conventional";
            seat.function.id = own.id;
            seat.function.class_code = own.class_code;
            seat.function.driver = own.driver;
            seat.multifunction = true;
            buses_[0].seats.push_back(seat);
        }
        if (machine_.kind == QemuMachineKind::other) {
            result_.notes.push_back(fmt::format("machine '{}' is not known here: its own PCI functions are left out",
                                                command_.machine.head));
        } else if (usb && !has_usb) {
            result_.notes.emplace_back("usb=on: this machine has no USB controller of its own");
        }
    }

    bool is_pc() const { return machine_.kind == QemuMachineKind::q35 || machine_.kind == QemuMachineKind::pc; }

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
        if (!is_pc()) {
            if (!vga.empty() && vga != "none")
                result_.notes.push_back(fmt::format("-vga {}: where its card is on this machine is not known", vga));
            return;
        }
        const bool other = std::any_of(command_.devices.begin(), command_.devices.end(), [&](const QemuOption& device) {
            return std::find(std::begin(kInstead), std::end(kInstead), device.head) != std::end(kInstead);
        });
        if (vga.empty()) vga = command_.nodefaults || other ? "none" : "std";
        for (const auto& [name, model] : kCards) {
            if (vga == name) return make({std::string(model), {}, "(display card)", 1});
        }
        if (vga != "none") result_.notes.push_back(fmt::format("-vga {} is not known here: its card is left out", vga));
    }

    /// What -nic makes without a model, and what there is without -nic; nothing: no card.
    std::string usual_card() const {
        switch (machine_.kind) {
            case QemuMachineKind::q35:
                return "e1000e";
            case QemuMachineKind::pc:
                return "e1000";
            case QemuMachineKind::virt:
                return machine_.arch == kernel::Arch::riscv ? "" : "virtio-net-pci";
            case QemuMachineKind::other:
                break;
        }
        return "";
    }

    void make_network_cards() {
        const std::string usual = usual_card();
        for (const QemuOption& nic : command_.nics) {
            if (nic.head == "none") continue;
            std::string model = nic.value("model").value_or(usual.empty() ? "virtio-net-pci" : usual);
            if (model == "virtio") model = "virtio-net-pci";
            make({model, {}, "-nic " + nic.text, nic.line});
        }
        if (command_.network_given || command_.nodefaults || usual.empty()) return;
        make({usual, {}, "(default network card)", 1});
    }

    void make_sound_cards() {
        constexpr std::pair<std::string_view, std::string_view> kCards[] = {
            {"hda", "intel-hda"}, {"ac97", "AC97"}, {"es1370", "ES1370"}, {"virtio", "virtio-sound-pci"}};
        for (const std::string& name : command_.sound_cards) {
            const auto* const card =
                std::find_if(std::begin(kCards), std::end(kCards), [&](const auto& one) { return one.first == name; });
            if (card != std::end(kCards)) {
                make({std::string(card->second), {}, "(sound card " + name + ")", 1});
            } else {
                result_.notes.push_back(fmt::format("sound card '{}' is left out: not a PCI function", name));
            }
        }
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
        if (const std::optional<QemuModel> model = find_qemu_model(option.head)) {
            function.kind = model->kind;
            function.id = id_of(option, model->id);
            function.class_code = model->class_code;
            function.driver = model->driver;
        } else if (const auto virtio = find_qemu_virtio(option, bus.express && !bus.root)) {
            function.kind = "endpoint";
            function.id = virtio->id;
            function.class_code = virtio->class_code;
            function.driver = "virtio-pci";
        } else {
            return false;
        }
        if (bus.root && !bus.express && function.kind == "endpoint") function.kind = "conventional";
        return true;
    }

    /// riscv-iommu-pci has properties for its id.
    std::string id_of(const QemuOption& option, std::string_view usual) const {
        if (!option.value("vendor-id") && !option.value("device-id")) return std::string(usual);
        const auto part = [&](const char* key, std::size_t from) {
            const std::string text = option.value(key).value_or("0x" + std::string(usual.substr(from, 4)));
            const Parsed<std::uint64_t> value = parse_integer(text);
            if (!value || value.value() > 0xffff) fail(option, fmt::format("{}={}", key, text), "0x0 to 0xffff");
            return value.value();
        };
        return usual.empty() ? "" : fmt::format("{:04x}:{:04x}", part("vendor-id", 0), part("device-id", 5));
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
        // These are no functions of PCI, or that of an AMDVI-PCI beside it: qemu_platform.hpp.
        if (option.head == "loader" || option.head == "arm-smmuv3" || option.head == "intel-iommu") return;
        if (option.head == "amd-iommu" && option.value("pci-id")) return;
        if (place_virtio_mmio(option)) return;
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
        if (known && function.id.empty())
            result_.notes.push_back(fmt::format("{} {} is a device of the host's: fill in its id, class and driver",
                                                option.head, option.value("host").value_or("")));
        if (function.driver == "virtio-pci" && !option.is_on("iommu_platform", false))
            result_.physical_virtio.push_back(option.head);
        function.ats = has_ats(option, function, buses_[*at]);
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

    /// QEMU hw/virtio/virtio-pci.c, virtio_pci_realize(): the capability comes with PCIe's, which is not on a root bus.
    bool has_ats(const QemuOption& option, const StarterFunction& function, const Bus& bus) {
        if (!option.is_on("ats", false) || function.class_code >> 8 == 0x0806) return false;  // an IOMMU's is its own
        const bool express = bus.express && !bus.root && !option.is_on("disable-modern", false);
        if (function.driver == "virtio-pci" && express) return true;
        result_.notes.push_back(
            function.driver == "virtio-pci"
                ? fmt::format("{}: ats=on does nothing here: QEMU has it behind a PCIe port only", option.head)
                : fmt::format("{}: ats=on is left out: not known of this model", option.head));
        return false;
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
    QemuMachine machine_;
    std::vector<Bus> buses_;
    QemuPci result_;
};

}  // namespace

QemuPci place_qemu_devices(const QemuCommand& command) { return Placement(command).run(); }

}  // namespace xlate::study
