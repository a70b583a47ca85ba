// QEMU commands as libvirt, Proxmox, avocado and people write them. Expected values: QEMU's sources, named at each
// case.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "firmware/description.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "study/config/config.hpp"
#include "study/init/qemu/qemu_command.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/init/qemu/qemu_machine.hpp"
#include "study/init/qemu/qemu_pci.hpp"
#include "tests/study/functions_text.hpp"

using namespace xlate;
using tests::functions_text;
using namespace xlate::study;

namespace {

QemuCommand read(const std::string& text) { return parse_qemu_command(text, "q.txt"); }

/// "1.0 nvme 2.0 pcie-root-port(0.0 igb)": what options make, without the machine's own.
std::string made(const std::string& command) {
    return functions_text(place_qemu_devices(read(command)).functions, true);
}

std::string on_virt(const std::string& options) { return made("qemu-system-aarch64 -nodefaults -M virt " + options); }

/// "0.0 8086:29c0 ..." of every function.
std::string ids(const std::string& command) {
    std::string text;
    for (const StarterFunction& one : place_qemu_devices(read(command)).functions)
        text += fmt::format("{:x}.{} {} ", one.device, one.function, one.id);
    return text;
}

firmware::Description nothing() {
    firmware::Description description;
    description.source = "board.dtb";
    description.nodes.emplace_back();
    description.nodes[0].path = "/";
    return description;
}

std::string config_of(const std::string& command) { return qemu_config(nothing(), {"b.dtb"}, command, "q.txt"); }

}  // namespace

// hw/core/qdev-properties-system.c, set_pci_devfn(): "%x.%x", else "%x"; a number of JSON is both in one.
TEST_CASE("init: a slot's function is hexadecimal, with or without 0x", "[study][init]") {
    const std::string first = "-device pcie-root-port,id=a,addr=0x1,multifunction=on ";
    for (const char* addr : {"0x1.0x1", "0x1.1", "1.0x1", "1.1", "01.01"})
        CHECK(on_virt(first + "-device pcie-root-port,id=b,addr=" + addr) == "1.0 pcie-root-port 1.1 pcie-root-port");
    CHECK(on_virt("-device nvme,addr=0x1f.0x7") == "1f.7 nvme");
    CHECK(on_virt("-device '{\"driver\":\"nvme\",\"addr\":\"0x3.0x2\"}'") == "3.2 nvme");
    CHECK(on_virt("-device '{\"driver\":\"nvme\",\"addr\":26}'") == "3.2 nvme");
    for (const char* addr : {"0x1.0x8", "0x20.0x1", "0x1.", "0x1.0x", "1.1.1"})
        CHECK_THROWS_WITH(on_virt(std::string("-device nvme,addr=") + addr), Catch::Contains(addr));
}

TEST_CASE("init: the program is not looked for in assignments, nor in an option's path", "[study][init]") {
    CHECK(read("LC_ALL=C HOME=/var/lib/libvirt/qemu/domain-1-win11 /usr/bin/qemu-system-x86_64 -M q35").program ==
          "/usr/bin/qemu-system-x86_64");
    const QemuCommand proxmox =
        read("/usr/bin/kvm -id 9150 -chardev 'socket,id=qmp,path=/var/run/qemu-server/9150.qmp' -smp 4 -M q35");
    CHECK(proxmox.program == "/usr/bin/kvm");
    CHECK(proxmox.machine.head == "q35");
    CHECK(read("sudo taskset 3 /usr/libexec/qemu-kvm -M q35").program == "/usr/libexec/qemu-kvm");
    CHECK_THROWS_WITH(read("HOME=/var/lib/libvirt/qemu virsh start qemu.xml"), Catch::Contains("no word names"));
    CHECK_THROWS_WITH(read("qemu-img create d.img 1G"), Catch::Contains("no word names"));
}

TEST_CASE("init: a program whose name says no architecture has that of its machine", "[study][init]") {
    const auto arch = [](const std::string& command) { return qemu_machine(read(command)).arch; };
    CHECK(arch("/usr/libexec/qemu-kvm -machine q35") == kernel::Arch::x86);
    CHECK(arch("kvm -machine type=q35+pve0") == kernel::Arch::x86);
    CHECK(arch("kvm -m 4G") == kernel::Arch::x86);
    CHECK(arch("/usr/libexec/qemu-kvm -machine virt,gic-version=host") == kernel::Arch::arm64);
    CHECK(arch("qemu-system-arm -M virt") == kernel::Arch::arm);
    CHECK(arch("qemu-system-riscv64 -M virt") == kernel::Arch::riscv);
    CHECK(arch("build/qemu-system-x86_64w.exe -M q35") == kernel::Arch::x86);
}

// system/vl.c: the options of -machine are merged, so are those of -smp.
TEST_CASE("init: an option that is given again adds to the first one", "[study][init]") {
    const QemuCommand hmat = read("qemu-system-aarch64 -machine virt,iommu=smmuv3,ras=on -machine hmat=on");
    CHECK(hmat.machine.head == "virt");
    CHECK(hmat.machine.value("iommu") == "smmuv3");
    CHECK(hmat.machine.value("hmat") == "on");
    const QemuCommand proxmox = read("kvm -machine hpet=off,type=q35+pve0 -machine kernel-irqchip=split");
    CHECK(proxmox.machine.head == "q35+pve0");
    CHECK(proxmox.machine.value("kernel-irqchip") == "split");
    const QemuCommand twice = read("qemu-system-aarch64 -M virt,iommu=smmuv3 -machine virt,iommu=none");
    CHECK(twice.machine.value("iommu") == "none");
    CHECK(read("qemu-system-aarch64 -M virt -smp 2 -smp cores=4").cpus == 2U);
}

// hw/core/machine-smp.c: what is left out is one; without cpus there are as many as maxcpus, else as the topology has.
TEST_CASE("init: the CPUs of -smp are given, or come of its topology", "[study][init]") {
    const auto cpus = [](const std::string& smp) { return read("qemu-system-x86_64 -M q35 -smp " + smp).cpus; };
    CHECK(cpus("8,sockets=1,dies=1,clusters=1,cores=8,threads=1") == 8U);
    CHECK(cpus("cores=4") == 4U);
    CHECK(cpus("sockets=2,cores=4,threads=2") == 16U);
    CHECK(cpus("sockets=2,dies=2,clusters=3,cores=2") == 24U);
    CHECK(cpus("cpus=2,sockets=1,maxcpus=4") == 2U);
    CHECK(cpus("maxcpus=6,cores=3") == 6U);
    CHECK(read("qemu-system-x86_64 -M q35").cpus == std::nullopt);
    for (const char* wrong : {"0", "1025", "cores=none", "sockets=1024,cores=1024", "cores=4,threads=0"})
        CHECK_THROWS_WITH(cpus(wrong), Catch::Contains("1 to 1024"));
}

TEST_CASE("init: an option that is not known takes no other option for its value", "[study][init]") {
    CHECK(on_virt("-curses -device nvme,serial=1") == "1.0 nvme");
    CHECK(on_virt("-new-flag -device nvme,serial=1") == "1.0 nvme");
    const QemuCommand command = read("qemu-system-aarch64 -M virt -cpu host -append -x=1 -new-flag");
    CHECK(command.unused == std::vector<std::string>{"-cpu host", "-new-flag"});
    REQUIRE(command.append.size() == 1);
    CHECK(command.append[0].first == "-x");
}

TEST_CASE("init: what a word means to the shell is no disk, an image alone is", "[study][init]") {
    CHECK(on_virt("disk.img") == "1.0 virtio-blk-pci");
    CHECK(on_virt("-device nvme 2>&1 | tee -device edu") == "1.0 nvme");
    CHECK(on_virt("-device nvme > log.txt -device edu &") == "1.0 nvme 2.0 edu");
    CHECK(on_virt("-device nvme && reboot") == "1.0 nvme");
    CHECK(config_of("qemu-system-aarch64 -M virt $EXTRA").find("# note: '$EXTRA' is left out") != std::string::npos);
}

// system/vl.c, qemu_create_cli_devices(): all of -device in QEMU's own syntax, then those in JSON.
TEST_CASE("init: devices in JSON come after the others, disks of if=virtio between them", "[study][init]") {
    CHECK(on_virt("-device '{\"driver\":\"igb\"}' -device nvme -drive if=virtio,file=d -device edu") ==
          "1.0 nvme 2.0 edu 3.0 virtio-blk-pci 4.0 igb");
}

// system/vl.c: -virtfs and -watchdog stand for a -device where they are, -audio and -soundhw come before all of them;
// hw/arm/virt.c: drives without if= are virtio's.
TEST_CASE("init: options that stand for a device make its function where QEMU does", "[study][init]") {
    CHECK(on_virt("-device edu -virtfs local,path=/tmp,mount_tag=h -device nvme -cdrom d.iso") ==
          "1.0 edu 2.0 virtio-9p-pci 3.0 nvme 4.0 virtio-blk-pci");
    CHECK(on_virt("-device edu -watchdog i6300esb -audio pa,model=hda -soundhw ac97,es1370") ==
          "1.0 intel-hda 2.0 AC97 3.0 ES1370 4.0 edu 5.0 i6300esb");
    CHECK(on_virt("-audio none -cdrom d.iso") == "1.0 virtio-blk-pci");
    CHECK(made("qemu-system-x86_64 -nodefaults -M q35 -cdrom d.iso -hda e.img") == "");
    CHECK(ids("qemu-system-x86_64 -nodefaults -M q35 -usb")
              .find("1d.0 8086:2934 1d.1 8086:2935 1d.2 8086:2936 1d.7 8086:293a") != std::string::npos);
    CHECK(ids("qemu-system-x86_64 -nodefaults -M q35 -machine usb=off").find("1d.") == std::string::npos);
    const auto notes = [](const std::string& options) {
        return fmt::format("{}",
                           fmt::join(place_qemu_devices(read("qemu-system-aarch64 -M virt " + options)).notes, "; "));
    };
    CHECK(notes("-usb") == "usb=on: this machine has no USB controller of its own");
    CHECK(notes("-soundhw sb16") == "sound card 'sb16' is left out: not a PCI function");
}

// hw/i386/pc_piix.c, pc_q35.c; a distribution's or Proxmox's names for them.
TEST_CASE("init: a machine of a version has the functions of its type", "[study][init]") {
    const std::string q35 = ids("qemu-system-x86_64 -M q35 -nodefaults");
    CHECK(q35 == "0.0 8086:29c0 1f.0 8086:2918 1f.2 8086:2922 1f.3 8086:2930 ");
    for (const char* type : {"pc-q35-8.2", "q35+pve0", "pc-q35-9.0+pve1", "pc-q35-rhel9.4.0"})
        CHECK(ids(std::string("qemu-system-x86_64 -nodefaults -machine type=") + type) == q35);
    for (const char* type : {"virt-9.0", "virt-9.2+pve0", "virt-rhel8.2.0"})
        CHECK(ids(std::string("qemu-system-aarch64 -nodefaults -machine ") + type) == "0.0 1b36:0008 ");
    const std::string pc = "0.0 8086:1237 1.0 8086:7000 1.1 8086:7010 1.3 8086:7113 ";
    for (const char* machine : {"-machine pc", "-machine pc-i440fx-7.2", "-machine accel=kvm"})
        CHECK(ids(std::string("qemu-system-x86_64 -nodefaults ") + machine) == pc);
    CHECK(ids("qemu-system-x86_64 -M pc") == pc + "2.0 1234:1111 3.0 8086:100e ");
    CHECK(ids("qemu-system-x86_64 -M pc-q35-8.2 -vga none -device nvme").find("1.0 8086:10d3 2.0 1b36:0010") !=
          std::string::npos);
    CHECK(place_qemu_devices(read("qemu-system-aarch64 -M raspi4b")).notes.size() == 1);
    CHECK(qemu_machine(read("qemu-system-x86_64 -M pc-q35-8.2+pve0")).version == 802);
    CHECK(qemu_machine(read("qemu-system-x86_64 -M pc-q35-rhel9.4.0")).version == 0);
}

// hw/riscv/virt.c, virt_machine_init() and virt_machine_class_init().
TEST_CASE("init: a RISC-V virt machine has no network card and no virtio drives by default", "[study][init]") {
    CHECK(ids("qemu-system-riscv64 -M virt -drive file=d.img,id=d") == "0.0 1b36:0008 ");
    CHECK(ids("qemu-system-riscv64 -M virt -drive file=d.img,if=virtio") == "0.0 1b36:0008 1.0 1af4:1001 ");
    CHECK(ids("qemu-system-riscv64 -M virt") == "0.0 1b36:0008 ");
    CHECK(ids("qemu-system-aarch64 -M virt") == "0.0 1b36:0008 1.0 1af4:1000 ");
}

// A global property is what a device has unless its own option says otherwise (system/qdev-monitor.c).
TEST_CASE("init: -global gives a property to every device of its kind", "[study][init]") {
    const std::string port = "-device pcie-root-port,id=a -device virtio-net-pci,bus=a ";
    const auto functions = [&](const std::string& options) {
        return place_qemu_devices(read("qemu-system-aarch64 -nodefaults -M virt " + port + options));
    };
    CHECK_FALSE(functions("").functions.at(1).below.at(0).ats);
    CHECK(functions("").physical_virtio.size() == 1);
    for (const char* global : {"virtio-pci.iommu_platform=on", "virtio-net-pci.iommu_platform=on",
                               "driver=virtio-net-pci,property=iommu_platform,value=on"})
        CHECK(functions(std::string("-global ") + global).physical_virtio.empty());
    CHECK(functions("-global virtio-net-pci.ats=on").functions.at(1).below.at(0).ats);
    CHECK(functions("-global pcie-root-port.disable-acs=on").functions.at(1).acs == false);
    const QemuCommand own = read("qemu-system-aarch64 -M virt -device nvme,addr=7 -global nvme.addr=8");
    CHECK(own.devices.at(0).value("addr") == "7");
    // The default card is a device, too.
    CHECK(place_qemu_devices(read("qemu-system-aarch64 -M virt -global virtio-pci.iommu_platform=on"))
              .physical_virtio.empty());
    const std::string yaml = config_of(
        "qemu-system-aarch64 -M virt -nic none -global pcie-root-port.disable-acs=on -global ICH9-LPC.noreboot=off "
        "-global virtio-net-pci.ats=on");
    CHECK(yaml.find("# note: '-global pcie-root-port.disable-acs=on' is left out") != std::string::npos);
    CHECK(yaml.find("# note: '-global virtio-net-pci.ats=on' is left out") != std::string::npos);
    CHECK(yaml.find("describe nothing here: -global ICH9-LPC.noreboot=off") != std::string::npos);
    CHECK_THROWS_WITH(read("qemu-system-aarch64 -M virt -global x"), Catch::Contains("DRIVER.PROPERTY=VALUE"));
}

// hw/virtio/virtio-pci.c, virtio_pci_realize(): the capability is PCIe's, which is there behind a port only.
TEST_CASE("init: ats=on of a virtio function behind a port gives it an ATC", "[study][init]") {
    const std::string yaml = config_of(
        "qemu-system-aarch64 -M virt -nodefaults -device pcie-root-port,id=a -device "
        "virtio-net-pci,bus=a,iommu_platform=on,ats=on -device virtio-blk-pci,iommu_platform=on,ats=on -device "
        "nvme,ats=on");
    CAPTURE(yaml);
    CHECK(yaml.find("ats=on does nothing here") != std::string::npos);
    CHECK(yaml.find("nvme: ats=on is left out") != std::string::npos);
    const Config config = parse_config(yaml, "init.yaml");
    REQUIRE(config.soc.pci.size() == 4);
    CHECK(config.soc.pci[1].below.at(0).atc.shape.enabled);
    CHECK_FALSE(config.soc.pci[2].atc.shape.enabled);
}

// hw/vfio/pci.c: a PCI device as any other; which one is the host's to say.
TEST_CASE("init: a device of the host's takes the next free slot", "[study][init]") {
    CHECK(on_virt("-device edu -device vfio-pci,host=08:00.0,id=net0 -device nvme") == "1.0 edu 2.0 vfio-pci 3.0 nvme");
    const QemuPci pci = place_qemu_devices(
        read("qemu-system-aarch64 -M virt -nodefaults -device vfio-pci-nohotplug,host=0009:01:00.0"));
    CHECK(pci.notes == std::vector<std::string>{
                           "vfio-pci-nohotplug 0009:01:00.0 is a device of the host's: fill in its id, class and "
                           "driver"});
}
