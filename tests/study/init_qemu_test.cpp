#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/random.hpp"
#include "firmware/description.hpp"
#include "firmware/pci_hosts.hpp"
#include "study/config/config.hpp"
#include "study/config/pci_config.hpp"
#include "study/init/qemu/qemu_command.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/init/qemu/qemu_pci.hpp"
#include "study/init/starter_config.hpp"
#include "tests/corpus.hpp"
#include "tests/places.hpp"
#include "tests/study/functions_text.hpp"

using namespace xlate;
using tests::functions_text;
using namespace xlate::study;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::string read_text(const fs::path& path) {
    std::ifstream stream(path);
    REQUIRE(stream);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

/// "0000:01:00.0 1af4:1041 0x020000 driver" of every function, in the order of bus numbers.
std::vector<std::string> functions_of(const std::string& yaml) {
    const Config config = parse_config(yaml, "init.yaml");
    yaml::Findings findings;
    const std::vector<kernel::PciRoot> roots = make_pci_roots(config, findings);
    findings.throw_if_any();
    std::vector<std::string> rows;
    for (const PciSeat& seat : seat_pci_functions(roots)) {
        const kernel::PciFunction& f = seat.function;
        const std::string driver = is_bridge(f.kind) ? "(bridge)" : f.driver;
        rows.push_back(
            fmt::format("{} {:04x}:{:04x} {:#08x} {}", seat.name, f.vendor, f.product, f.class_code, driver));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
}

std::vector<std::string> functions_of_truth(const json& truth) {
    std::vector<std::string> rows;
    for (const json& device : truth.at("devices")) {
        if (device.at("bus") != "pci") continue;
        std::string driver = device.at("driver").is_null() ? "none" : device.at("driver").get<std::string>();
        if (driver == "pcieport" || driver == "shpchp") driver = "(bridge)";
        rows.push_back(fmt::format("{} {} {} {}", device.at("name").get<std::string>(),
                                   device.at("id").get<std::string>(), device.at("class").get<std::string>(), driver));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
}

firmware::Description nothing() {
    firmware::Description description;
    description.source = "board.dtb";
    description.nodes.emplace_back();
    description.nodes[0].path = "/";
    return description;
}

/// "5.0 8.0(0.0)" of what `-device` makes on a virt machine, without the host bridge.
std::string slots(const std::string& devices) {
    return functions_text(
        place_qemu_devices(parse_qemu_command("qemu -nodefaults -machine virt " + devices, "q.txt")).functions, false);
}

}  // namespace

TEST_CASE("init: a QEMU command line gives the PCI functions that Linux found in that machine",
          "[study][init][corpus]") {
    if (tests::skip_without("linux-boot")) return;
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(*tests::corpus() / "linux-boot")) {
        if (!entry.is_directory()) continue;
        CAPTURE(entry.path().filename().string());
        const bool is_tree = fs::exists(entry.path() / "board.dtb");
        const std::string dtb = (entry.path() / "board.dtb").string();
        const firmware::Description description =
            is_tree ? firmware::read_device_tree(firmware::read_file(dtb), dtb) : nothing();
        const std::string yaml =
            qemu_config(description, {dtb}, read_text(entry.path() / "qemu-command.txt"), "qemu-command.txt");
        CAPTURE(yaml);
        const json truth = json::parse(read_text(entry.path() / "truth.json"));
        std::vector<std::string> wanted = functions_of_truth(truth);
        // Without a PCI device that it was asked about, a case lists none; the host bridge is there all the same.
        if (wanted.empty()) wanted = {"0000:00:00.0 1b36:0008 0x060000 none"};
        CHECK(functions_of(yaml) == wanted);

        const Config config = parse_config(yaml, "init.yaml");
        CHECK(config.kernel.cpus == 2);
        const std::string release = truth.at("kernel").at("release");
        CHECK(config.kernel.variant == (release.compare(0, 4, "6.12") == 0 ? "linux-6.12" : "linux-6.1"));
        const bool timeout = truth.at("cmdline_extra") == "deferred_probe_timeout=4";
        CHECK((config.kernel.parameters.count("deferred_probe_timeout") == 1) == timeout);
        CHECK(config.firmware.devicetree == dtb);
        std::size_t mmio = 0;
        for (const json& device : truth.at("devices")) {
            mmio += device.at("name").get<std::string>().find(".virtio_mmio") != std::string::npos;
        }
        CHECK(place_qemu_devices(parse_qemu_command(read_text(entry.path() / "qemu-command.txt"), "q"))
                  .virtio_mmio_populated.size() == mmio);
        ++count;
    }
    tests::went_over(count, "QEMU command");
}

TEST_CASE("init: devices without an address take the next free slot, behind a port slot 0", "[study][init]") {
    CHECK(slots("-device e1000e -device nvme") == "1.0 2.0");
    CHECK(slots("-device e1000e,addr=1 -device nvme -device edu,addr=a") == "1.0 2.0 a.0");
    CHECK(slots("-device e1000e,addr=8.0,multifunction=on -device nvme,addr=8.1") == "8.0 8.1");
    CHECK(slots("-device pcie-root-port,id=rp -device nvme,bus=rp") == "1.0(0.0)");
    CHECK(slots("-device pcie-root-port,id=rp,addr=0x1f -device x3130-upstream,id=up,bus=rp "
                "-device xio3130-downstream,id=a,bus=up -device xio3130-downstream,id=b,bus=up -device nvme,bus=b") ==
          "1f.0(0.0(0.0 1.0(0.0)))");
    CHECK(slots("-device pci-bridge,id=br -device e1000,bus=br") == "1.0(1.0)");
    CHECK(slots("-device pci-bridge,id=br,shpc=off -device e1000,bus=br") == "1.0(0.0)");
    CHECK(slots("-device '{\"driver\":\"nvme\",\"addr\":\"4\"}'") == "4.0");
    CHECK(slots("-device nvme-ns,drive=x -device usb-kbd -device loader,file=a,addr=0x7f000000") == "");
    CHECK(slots("-drive if=virtio,file=disk.img -device e1000e") == "1.0 2.0");
    CHECK(slots("-device vfio-pci,addr=3") == "3.0");
    CHECK(slots("-hda d.img -drive file=e.img,format=raw -drive if=none,id=x,file=f -device e1000e") == "1.0 2.0 3.0");
}

TEST_CASE("init: a virtio function is modern behind a port and transitional elsewhere, unless told", "[study][init]") {
    const auto id = [](const std::string& devices) {
        const QemuPci pci = place_qemu_devices(parse_qemu_command("qemu -nodefaults -M virt " + devices, "q.txt"));
        const StarterFunction& last = pci.functions.back();
        return last.below.empty() ? last.id : last.below.back().id;
    };
    CHECK(id("-device virtio-net-pci") == "1af4:1000");
    CHECK(id("-device virtio-net-pci,disable-legacy=on") == "1af4:1041");
    CHECK(id("-device virtio-net-pci-non-transitional") == "1af4:1041");
    CHECK(id("-device virtio-blk") == "1af4:1001");
    CHECK(id("-device virtio-gpu-pci") == "1af4:1050");
    CHECK(id("-device virtio-iommu-pci") == "1af4:1057");
    CHECK(id("-device pcie-root-port,id=rp -device virtio-rng-pci,bus=rp") == "1af4:1044");
    CHECK(id("-device pcie-root-port,id=rp -device virtio-rng-pci,bus=rp,disable-legacy=off") == "1af4:1005");
    CHECK(id("-device pci-bridge,id=br -device virtio-rng-pci,bus=br") == "1af4:1005");
    CHECK(id("-device virtio-scsi-pci-transitional") == "1af4:1004");
}

TEST_CASE("init: without -nodefaults a virt machine has a network card in slot 1", "[study][init]") {
    const auto count = [](const std::string& options) {
        return place_qemu_devices(parse_qemu_command("qemu-system-aarch64 -M virt " + options, "q.txt"))
            .functions.size();
    };
    CHECK(count("") == 2);
    CHECK(count("-nodefaults") == 1);
    CHECK(count("-nic none") == 1);
    CHECK(count("-netdev user,id=n0") == 1);
    CHECK(count("-nic user,model=e1000e -nic user") == 3);
}

// QEMU, hw/i386/pc_q35.c: display and network card before every -device; a display of -device's replaces the default.
TEST_CASE("init: a q35 machine has its display in slot 1 and its network card in slot 2", "[study][init]") {
    const auto functions = [](const std::string& options) {
        std::string all;
        for (const StarterFunction& one :
             place_qemu_devices(parse_qemu_command("qemu-system-x86_64 -M q35 " + options, "q.txt")).functions) {
            if (one.device != 0 && one.device != 31) all += fmt::format("{:x} {} ", one.device, one.id);
        }
        return all;
    };
    CHECK(functions("-device nvme,serial=a") == "1 1234:1111 2 8086:10d3 3 1b36:0010 ");
    CHECK(functions("-nodefaults -device nvme,serial=a") == "1 1b36:0010 ");
    CHECK(functions("-vga none -device nvme,serial=a") == "1 8086:10d3 2 1b36:0010 ");
    CHECK(functions("-netdev user,id=n -nographic -device e1000,netdev=n") == "1 1234:1111 2 8086:100e ");
    CHECK(functions("-nic none -device virtio-vga") == "1 1af4:1050 ");
    CHECK(functions("-nic user -vga virtio") == "1 1af4:1050 2 8086:10d3 ");
    CHECK(functions("-nodefaults -device amd-iommu -device e1000e") == "1 1022:0000 2 8086:10d3 ");
}

TEST_CASE("init: a shell command is taken apart as the shell does it", "[study][init]") {
    const QemuCommand command = parse_qemu_command(
        "#! remark\nsudo /usr/bin/qemu-system-aarch64 -M virt \\\n  -smp cpus=4,cores=2 -nographic -kernel 'a "
        "b/vmlinuz-6.1.0' "
        "-append \"console=ttyAMA0 iommu.strict=0 dyndbg=\\\"file a +p; file b\\\" quiet\" -device e1000e,id=a,,b -S "
        "disk.img",
        "q.txt");
    CHECK(command.comment == "! remark");
    CHECK(command.machine.head == "virt");
    CHECK(command.cpus == 4U);
    CHECK(command.kernel == "a b/vmlinuz-6.1.0");
    REQUIRE(command.append.size() == 4);
    CHECK(command.append[1].first == "iommu.strict");
    CHECK(command.append[2].second == "file a +p; file b");
    CHECK(command.append[3].first == "quiet");
    REQUIRE(command.devices.size() == 1);
    CHECK(command.devices[0].value("id") == "a,b");
    CHECK(command.devices[0].line == 3);
}

TEST_CASE("init: what QEMU would refuse is refused with its line", "[study][init]") {
    const auto message = [](const std::string& devices) {
        try {
            place_qemu_devices(parse_qemu_command("qemu -nodefaults -M virt\\\n " + devices, "q.txt"));
        } catch (const InputError& error) {
            CHECK(error.status() == ExitStatus::usage);
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    CHECK(message("-device nvme,bus=rp9") ==
          "q.txt:2: nvme,bus=rp9: there is no bus 'rp9' before this device; expected one of pcie.0");
    CHECK(message("-device nvme,addr=1 -device edu,addr=1") ==
          "q.txt:2: edu,addr=1: slot 01.0 of pcie.0 is taken by nvme");
    CHECK(message("-device nvme,addr=1 -device edu,addr=1.1") ==
          "q.txt:2: edu,addr=1.1: slot 01.1 of pcie.0 is taken by nvme, which lacks multifunction=on");
    CHECK(message("-device nvme,addr=20").find("addr=20") != std::string::npos);
    CHECK(message("-device nvme,addr=zz").find("addr=zz") != std::string::npos);
    CHECK(message("-device 'nvme").find("never closed") != std::string::npos);
    CHECK(message("-device").find("-device has no value") != std::string::npos);
    CHECK(message("-smp none").find("1 to 1024") != std::string::npos);
    CHECK_THROWS_WITH(parse_qemu_command("ls -l", "q.txt"), Catch::Contains("no word names a qemu program"));
}

TEST_CASE("init: a config without a command line is one that can be run and edited", "[study][init]") {
    const std::string yaml = board_config(nothing(), {"my \"board\".dtb"});
    const Config config = parse_config(yaml, "init.yaml");
    CHECK(config.firmware.devicetree == "my \"board\".dtb");
    CHECK(config.kernel.variant == "linux-6.12");
    CHECK(config.expect == std::vector<std::string>{"kernel.oops == 0"});
}

TEST_CASE("init: kernel parameters that matter are taken over, the last one counts", "[study][init]") {
    const std::string yaml = qemu_config(nothing(), {"b.dtb"},
                                         "qemu -M virt -kernel Image -append 'iommu.strict=1 quiet iommu.strict=0 "
                                         "iommu.passthrough=1 arm_smmu_v3.disable_bypass=n'",
                                         "q.txt");
    const Config config = parse_config(yaml, "init.yaml");
    CHECK(config.kernel.variant == "linux-6.12");
    CHECK(config.kernel.cpus == 1);
    CHECK(config.kernel.parameters == std::map<std::string, std::string>{{"arm-smmu-v3.disable_bypass", "n"},
                                                                         {"iommu.passthrough", "1"},
                                                                         {"iommu.strict", "0"}});
}

TEST_CASE("init: whatever a command line holds, the answer is a config that reads back or an error", "[study][init]") {
    const std::string good =
        "# QEMU 7\nqemu -nodefaults -machine virt,iommu=smmuv3 -smp 2 -device virtio-net-pci,addr=1 -device "
        "pcie-root-port,id=rp0,addr=5 -device nvme,bus=rp0 -device pxb-pcie,id=px,bus_nr=64 -device edu,bus=px "
        "-device virtio-rng-device -kernel vmlinuz-6.12.1 -append 'iommu.strict=0 a=\"b c\"'";
    const std::string letters = "-,=.'\"\\ \n#{}0a8";
    Rng rng{1, "tests.study.init.fuzz"};
    std::size_t accepted = 0;
    for (int round = 0; round < 300; ++round) {
        std::string text = good;
        for (std::uint64_t i = rng.below(4); i > 0; --i)
            text[rng.below(text.size())] = letters[rng.below(letters.size())];
        if (rng.chance(1, 8)) text.resize(rng.below(text.size()));
        CAPTURE(round, text);
        std::string yaml;
        try {
            yaml = qemu_config(nothing(), {"b.dtb"}, text, "q.txt");
        } catch (const InputError& error) {
            CHECK(error.findings().size() == 1);
            continue;
        }
        CAPTURE(yaml);
        CHECK_NOTHROW(functions_of(yaml));
        ++accepted;
    }
    CHECK(accepted > 50);
}

TEST_CASE("init: more buses than a segment has are refused", "[study][init]") {
    std::string text = "qemu -nodefaults -M virt -device pcie-root-port,id=b0";
    for (int i = 1; i < 300; ++i) text += fmt::format(" -device pci-bridge,id=b{},bus=b{},addr=1", i, i - 1);
    CHECK_THROWS_WITH(qemu_config(nothing(), {"b.dtb"}, text, "q.txt"), Catch::Contains("more than 256 PCI buses"));
}

TEST_CASE("init: every machine of the corpus becomes a config, and what it leaves out is said",
          "[study][init][corpus]") {
    if (tests::skip_without_corpus()) return;
    std::size_t count = 0;
    for (const char* folder : {"linux-boot", "linux-boot-families", "linux-boot-newer"}) {
        if (!fs::is_directory(*tests::corpus() / folder)) continue;
        for (const auto& entry : fs::directory_iterator(*tests::corpus() / folder)) {
            if (!fs::exists(entry.path() / "board.dtb") || !fs::exists(entry.path() / "qemu-command.txt")) continue;
            CAPTURE(entry.path().string());
            const std::string dtb = (entry.path() / "board.dtb").string();
            const std::string text = read_text(entry.path() / "qemu-command.txt");
            const firmware::Description board = firmware::read_device_tree(firmware::read_file(dtb), dtb);
            const std::string yaml = qemu_config(board, {dtb}, text, (entry.path() / "qemu-command.txt").string());
            const Config config = parse_config(yaml, "init.yaml");
            const QemuCommand command = parse_qemu_command(text, "q");
            CHECK((config.kernel.arch == kernel::Arch::arm) == (command.program.find("-arm") != std::string::npos));
            CHECK(kernel::find_variant(config.kernel.variant).runnable);
            if (firmware::pci_hosts(board).empty()) CHECK(config.soc.pci.empty());  // else a run is refused
            // Each consumer, each preset and each option of the command stands in the config, as a value or a comment.
            for (const QemuVirtioMmio& one : place_qemu_devices(command).virtio_mmio)
                CHECK(yaml.find(fmt::format("slot: {:x}.virtio_mmio, model: \"{}\"", 0xa000000 + 0x200 * one.number,
                                            one.model.substr(0, one.model.rfind("-device")))) != std::string::npos);
            for (const QemuOption& device : command.devices) {
                if (device.head != "loader") continue;
                const bool named = yaml.find(device.text) != std::string::npos;
                CHECK((named || yaml.find("that a loader presets") != std::string::npos));
            }
            for (const std::string& option : command.unused) CHECK(yaml.find(option) != std::string::npos);
            ++count;
        }
    }
    tests::went_over(count, "QEMU command");
}

TEST_CASE("init: an SMMU of -device arm-smmuv3 keeps its properties, or each is named", "[study][init]") {
    const std::string tree = std::string(tests::binary_dir()) + "/boards/quickstart.dtb";
    const firmware::Description board = firmware::read_device_tree(firmware::read_file(tree), tree);
    const std::string yaml =
        qemu_config(board, {tree},
                    "qemu-system-aarch64 -M virt -device "
                    "arm-smmuv3,primary-bus=pcie.0,id=s0,ats=on,ril=off,oas=48,ssidsize=20,accel=on "
                    "-device arm-smmuv3,primary-bus=pcie.1,id=s1,oas=44,new-thing=3",
                    "q.txt");
    CAPTURE(yaml);
    const Config config = parse_config(yaml, "init.yaml");
    REQUIRE(config.soc.iommus.size() == 1);
    const auto& features = config.soc.iommus.begin()->second.params.hardware.smmuv3;
    CHECK(features.ats == 1);
    CHECK(features.ril == 0);
    CHECK(features.oas == 5);
    CHECK(features.ssidsize == 20);
    CHECK(features.sidsize == 16);
    for (const char* note :
         {"accel=on is left out", "arm-smmuv3 s1 of pcie.1 is left out: the firmware has only 1 SMMUv3",
          "new-thing=3 is not known here", "so is its oas: 44"})
        CHECK(yaml.find(note) != std::string::npos);
}

TEST_CASE("init: kernel parameters that do nothing are named, with what they are", "[study][init]") {
    const std::string yaml =
        qemu_config(nothing(), {"b.dtb"},
                    "qemu-system-aarch64 -M virt -kernel vmlinuz-7.9.1 -append 'console=ttyAMA0 iommu=pt "
                    "arm-smmu.force_stage=1 smmu.bypassdev=0x1000:0x17 pcie_acs_override=downstream "
                    "some.iommu_thing=1'",
                    "q.txt");
    CAPTURE(yaml);
    CHECK(parse_config(yaml, "init.yaml").kernel.variant == "linux-7.3");
    for (const char* note :
         {"'iommu=pt' means nothing on this architecture", "parameters: { arm-smmu.force_stage: 1",
          "'smmu.bypassdev=0x1000:0x17'", "'some.iommu_thing=1' is not known here", "touch nothing here: console"})
        CHECK(yaml.find(note) != std::string::npos);
    CHECK(yaml.find("Linux 7.9 is no variant") != std::string::npos);
}

// A kernel that cannot read a value goes on with its default; a config with it would not be read.
TEST_CASE("init: what Linux would not take from its command line is left out and named", "[study][init]") {
    const auto config_of = [](const std::string& append, std::string& yaml) {
        yaml = qemu_config(nothing(), {"b.dtb"},
                           "qemu-system-aarch64 -M virt -kernel vmlinuz-6.18.15+deb13-arm64 -append '" + append + "'",
                           "q.txt");
        return parse_config(yaml, "init.yaml").kernel;
    };
    std::string yaml;
    KernelConfig kernel = config_of(
        "pci=nomsi,disable_acs_redir=00:02.0,noaer iommu.passthrough=yes iommu.strict=2 deferred_probe_timeout=-1 "
        "module_blacklist=nvme,virtio_net pcie_ports=compat",
        yaml);
    CAPTURE(yaml);
    CHECK(kernel.parameters == std::map<std::string, std::string>{{"pci", "disable_acs_redir=00:02.0"},
                                                                  {"iommu.passthrough", "yes"},
                                                                  {"module_blacklist", "nvme,virtio_net"},
                                                                  {"deferred_probe_timeout", "-1"}});
    for (const char* note : {"'pci=nomsi' is not modelled", "'pci=noaer' is not modelled",
                             "'iommu.strict=2' is left out: found '2'", "'pcie_ports=compat' is not modelled"})
        CHECK(yaml.find(note) != std::string::npos);
    kernel = config_of("pci=realloc", yaml);
    CHECK(kernel.parameters.empty());
}

TEST_CASE("init: words that a loader puts into an IOMMU's registers are named with their offsets", "[study][init]") {
    const std::string tree = std::string(tests::binary_dir()) + "/boards/quickstart.dtb";
    const firmware::Description board = firmware::read_device_tree(firmware::read_file(tree), tree);
    const std::uint64_t base = *board.node(board.providers().front()).regs.front().cpu_address;
    const std::string yaml = qemu_config(
        board, {tree},
        fmt::format("qemu-system-arm -M virt -device loader,addr={:#x},data=0x11223344aabbccdd,data-len=8 -device "
                    "loader,file=nowhere.bin,addr={:#x},force-raw=on -device loader,addr=0x40000000,data=1,data-len=4",
                    base + 0x20, base),
        "q.txt");
    CAPTURE(yaml);
    const Config config = parse_config(yaml, "init.yaml");
    REQUIRE(config.soc.iommus.size() == 1);
    CHECK(config.soc.iommus.begin()->second.registers ==
          std::map<std::string, std::string>{{"0x20", "0xaabbccdd"}, {"0x24", "0x11223344"}});
    CHECK(yaml.find("the file is not here") != std::string::npos);
    CHECK(yaml.find("no IOMMU's registers") != std::string::npos);
    CHECK(config.kernel.arch == kernel::Arch::arm);
}

TEST_CASE("init: what a kernel's name, its command line and its init script say becomes keys", "[study][init]") {
    const std::string tree = std::string(tests::binary_dir()) + "/boards/quickstart.dtb";
    const firmware::Description board = firmware::read_device_tree(firmware::read_file(tree), tree);
    const Config arm64 =
        parse_config(qemu_config(board, {tree},
                                 "qemu-system-aarch64 -M virt -kernel vmlinuz-6.12.107+deb13-arm64-16k -append "
                                 "'arm-smmu.disable_bypass=0 pmon=a.iommu,b.iommu rebind=c.dev "
                                 "initcall_blacklist=arm_smmu_v3_driver_init'",
                                 "q.txt"),
                     "init.yaml");
    CHECK(arm64.kernel.page_bytes == 16384);
    CHECK(arm64.kernel.parameters == std::map<std::string, std::string>{{"arm-smmu.disable_bypass", "0"}});
    REQUIRE(arm64.kernel.after_boot.size() == 3);
    CHECK(arm64.kernel.after_boot[0].power_on == "a.iommu");
    CHECK(arm64.kernel.after_boot[1].power_on == "b.iommu");
    CHECK(arm64.kernel.after_boot[2].rebind == "c.dev");
    REQUIRE(!arm64.kernel.modules.empty());
    CHECK(arm64.kernel.modules.front().name == "arm-smmu-v3");
    const Config lpae = parse_config(
        qemu_config(board, {tree}, "qemu-system-arm -M virt -kernel vmlinuz-6.12.107+deb13-armmp-lpae", "q.txt"),
        "init.yaml");
    CHECK(lpae.kernel.build == std::map<std::string, std::string>{{"ARM_LPAE", "y"}});
    CHECK(lpae.kernel.arch == kernel::Arch::arm);
}

TEST_CASE("init: functions below a PCI expander are named in the domain of the firmware's bridge for that bus",
          "[study][init][corpus]") {
    if (tests::skip_without("linux-boot-newer")) return;
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(*tests::corpus() / "linux-boot-newer")) {
        if (entry.path().filename().string().rfind("dt-acs-rootport", 0) != 0) continue;
        const std::string dtb = (entry.path() / "board.dtb").string();
        const firmware::Description board = firmware::read_device_tree(firmware::read_file(dtb), dtb);
        const std::string yaml =
            qemu_config(board, {dtb}, read_text(entry.path() / "qemu-command.txt"), "qemu-command.txt");
        CHECK(yaml.find("slot: \"0001:40:00.0\"") != std::string::npos);
        ++count;
    }
    tests::went_over(count, "boot with a PCI expander");
}
