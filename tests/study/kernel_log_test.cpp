// Starter configs from a kernel's log, held against those from the QEMU command of the same boot.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "study/config/config.hpp"
#include "study/init/machine/machine_config.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/run/firmware_input.hpp"
#include "tests/corpus.hpp"

using namespace xlate;
using namespace xlate::study;
namespace fs = std::filesystem;

namespace {

std::string read_text(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// "00:05.0 root-port 1b36:000c 0x060400", below it "00:05.0/00.0 ...", without what a log cannot know.
void list(const std::vector<PciConfig>& functions, const std::string& above, std::vector<std::string>& rows) {
    for (const PciConfig& one : functions) {
        const bool function = one.kind == PciConfig::Kind::conventional || one.kind == PciConfig::Kind::endpoint;
        rows.push_back(fmt::format("{}{} {} {} {}", above, one.slot, function ? -1 : static_cast<int>(one.kind), one.id,
                                   one.device_class));
        list(one.below, above + one.slot + "/", rows);
    }
}

std::vector<std::string> rows_of(const Config& config) {
    std::vector<std::string> rows;
    list(config.soc.pci, "", rows);
    std::sort(rows.begin(), rows.end());
    return rows;
}

const std::string kStart = "[    0.000000] Linux version 6.12.74+deb13-amd64 (gcc) #1 SMP\n";

KernelLog log_of(const std::string& text) { return read_kernel_log(kStart + text, "dmesg.txt"); }

}  // namespace

// Two sources of one boot that know nothing of each other.
TEST_CASE("kernel log: what it says of a machine is what its QEMU command says", "[study][init]") {
    if (xlate::tests::skip_without("linux-boot")) return;
    std::size_t boots = 0;
    for (const char* const folder : {"linux-boot", "linux-boot-newer", "linux-boot-families"}) {
        const fs::path root = *xlate::tests::corpus() / folder;
        if (!fs::exists(root)) continue;
        for (const auto& entry : fs::directory_iterator(root)) {
            const fs::path log = entry.path() / "boot.log", command = entry.path() / "qemu-command.txt";
            const std::string text = fs::exists(log) && fs::exists(command) ? read_text(log) : "";
            if (text.find("Linux version ") == std::string::npos || text.find(" type 00 class ") == std::string::npos)
                continue;  // no PCI
            INFO(entry.path());
            std::vector<std::string> files;
            if (fs::exists(entry.path() / "board.dtb")) files.push_back((entry.path() / "board.dtb").string());
            if (files.empty()) {
                for (const auto& table : fs::directory_iterator(entry.path() / "acpi")) {
                    if (table.path().extension() == ".dat") files.push_back(table.path().string());
                }
            }
            const firmware::Description board = read_firmware(files).description;
            const Config theirs = parse_config(qemu_config(board, files, read_text(command), "q.txt"), "q.yaml");
            const std::string yaml = machine_config(board, files, read_kernel_log(text, "boot.log"), std::nullopt);
            const Config ours = parse_config(yaml, "log.yaml");
            CHECK(rows_of(ours) == rows_of(theirs));
            CHECK(ours.kernel.variant == theirs.kernel.variant);
            if (ours.given("kernel.cpus")) CHECK(ours.kernel.cpus == theirs.kernel.cpus);
            CHECK(ours.kernel.parameters == theirs.kernel.parameters);
            CHECK(yaml.find("left out") == std::string::npos);
            ++boots;
        }
    }
    if (boots == 0) WARN("no recorded boot has PCI functions");
}

TEST_CASE("kernel log: a PC's, as dmesg and a journal print it", "[study][init]") {
    const std::string journal = "Nov 30 18:00:01 host kernel: ";
    const KernelLog log =
        log_of("[    0.000000] Command line: BOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on iommu=pt\n" + journal +
               "Kernel command line: BOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on iommu=pt \\\n" + journal +
               "Kernel command line: quiet\n"
               "[    0.1][    T1] smp: Brought up 1 node, 16 CPUs\n"
               "[    0.5] pci 0000:00:00.0: [8086:4660] type 00 class 0x060000\n"
               "[    0.5] pci 0000:00:1c.0: [8086:7ab8] type 01 class 0x060400\n"
               "[    0.5] pci 0000:00:1e.0: [8086:244e] type 01 class 0x060401\n"
               "[    0.5] pci 0001:02:00.0: [10de:2684] type 00 class 0x030000 PCIe Legacy Endpoint\n"
               "[    0.5] pci 0000:03:00.0: [8086:15f3] type 00 class 0x020000\n"
               "[    0.5] pci 0000:00:1c.0: PCI bridge to [bus 03]\n"
               "[    2.5] igc 0000:03:00.0: PTM enabled\n"
               "[    2.6] nvme nvme0: pci function 0000:00:00.0\n");
    CHECK(log.release == "6.12.74+deb13-amd64");
    CHECK(log.cpus == 16);
    CHECK(log.words.size() == 5);
    CHECK(log.words.back().first == "quiet");
    REQUIRE(log.functions.size() == 4);
    CHECK(log.functions[0].kind == "host-bridge");
    CHECK(log.functions[1].kind == "root-port");
    REQUIRE(log.functions[1].below.size() == 1);
    CHECK(log.functions[1].below[0].driver == "igc");
    CHECK(log.functions[1].below[0].id == "8086:15f3");
    CHECK(log.functions[2].kind == "pci-bridge");
    CHECK(log.functions[3].domain == 1);
    CHECK(log.notes.size() == 2);  // kinds of bridges, ACS
}

TEST_CASE("kernel log: switches and bridges of kernels that do not print their kinds", "[study][init]") {
    const auto line = [](const char* at, unsigned type) {
        return fmt::format("pci 0000:{}: [1000:{}{}] type 0{} class 0x0{}0400\n", at, at[0], "00c", type,
                           type == 1 ? 6 : 2);
    };
    const auto bridge = [](const char* at, const char* buses) {
        return fmt::format("pci 0000:{}: PCI bridge to [bus {}]\n", at, buses);
    };
    const KernelLog log =
        log_of(line("00:01.0", 1) + line("01:00.0", 1) + line("02:00.0", 1) + line("02:01.0", 1) + line("04:00.0", 1) +
               line("05:00.0", 0) + bridge("00:01.0", "01-05") + bridge("01:00.0", "02-05") + bridge("02:00.0", "03") +
               bridge("02:01.0", "04-05") + bridge("04:00.0", "05"));
    REQUIRE(log.functions.size() == 1);
    const StarterFunction& port = log.functions[0];
    CHECK(port.kind == "root-port");
    const StarterFunction& up = port.below.at(0);
    CHECK(up.kind == "switch-upstream");
    REQUIRE(up.below.size() == 2);
    CHECK(up.below[0].kind == "switch-downstream");
    CHECK(up.below[1].below.at(0).kind == "pcie-pci-bridge");
    CHECK(up.below[1].below.at(0).below.at(0).kind == "endpoint");
}

TEST_CASE("kernel log: bridges that no hardware has end, and functions without a way are told", "[study][init]") {
    const auto function = [](const char* at) {
        return fmt::format("pci 0000:{}: [1000:0001] type 01 class 0x060400\n", at);
    };
    const auto bridge = [](const char* at, const char* buses) {
        return fmt::format("pci 0000:{}: PCI bridge to [bus {}]\n", at, buses);
    };
    // Onto themselves, backwards, twice to one bus.
    const KernelLog log = log_of(function("00:01.0") + function("00:02.0") + function("01:00.0") + function("03:00.0") +
                                 bridge("00:01.0", "01-04") + bridge("00:02.0", "01") + bridge("01:00.0", "01") +
                                 bridge("01:00.0", "00"));
    CHECK(log.functions.size() == 2);
    CHECK(log.functions[0].below.size() == 1);
    CHECK(log.functions[1].below.empty());
    CHECK(log.notes.at(0) == "1 functions are left out: nothing says which bridge leads to their bus");
    CHECK(log_of("pci 0000:00:01.0: [1000:00\npci 0000:00:01.0: PCI bridge to [bus \npci 0000:00:1").functions.empty());
    std::string many;
    for (unsigned i = 0; i <= 4096; ++i)
        many +=
            fmt::format("pci 0000:{:02x}:{:02x}.{}: [1000:0001] type 00 class 0x020000\n", i >> 8, i >> 3 & 31, i & 7);
    CHECK_THROWS_WITH(log_of(many), Catch::Contains("dmesg.txt: 4097 PCI functions; expected 4096 at most"));
    CHECK_THROWS_WITH(read_kernel_log("hello\n", "x.txt"),
                      Catch::Contains("x.txt: no line names the kernel ('Linux version ...')"));
}

TEST_CASE("kernel log: groups of x86 show who is isolated, and a quirk says so itself", "[study][init]") {
    const std::string functions =
        "pci 0000:00:01.0: [8086:4c01] type 01 class 0x060400\npci 0000:00:08.0: [1022:1480] type 00 class 0x060000\n"
        "pci 0000:00:08.1: [1022:1484] type 01 class 0x060400\npci 0000:00:1c.0: [8086:8d10] type 01 class 0x060400\n"
        "pci 0000:00:1c.0: Intel PCH root port ACS workaround enabled\n"
        "pci 0000:01:00.0: [8086:15f3] type 00 class 0x020000\npci 0000:02:00.0: [1022:1485] type 00 class 0x130000\n"
        "pci 0000:00:01.0: PCI bridge to [bus 01]\npci 0000:00:08.1: PCI bridge to [bus 02]\n";
    const std::string groups =
        "iommu: Adding device 0000:00:01.0 to group 0\niommu: Adding device 0000:00:08.0 to group 1\n"
        "iommu: Adding device 0000:00:08.1 to group 1\npci 0000:01:00.0: Adding to iommu group 2\n"
        "pci 0000:02:00.0: Adding to iommu group 1\npci 0000:00:1c.0: Adding to iommu group x\n";
    const KernelLog log = log_of(functions + "DMAR: Host address width 39\n" + groups);
    REQUIRE(log.functions.size() == 4);
    CHECK(log.functions[0].acs == true);
    CHECK(log.functions[1].acs == false);
    CHECK(log.functions[2].acs == false);
    CHECK((log.functions[3].isolated && !log.functions[3].acs));
    // Before 6.15 the kernel asked for ACS after PCI was scanned where a device tree has the IOMMU: who is in one group
    // says nothing of the ports then.
    CHECK_FALSE(log_of(functions + groups).functions[0].acs.has_value());
}

TEST_CASE("kernel log: functions behind Intel's VMD are named", "[study][init]") {
    const KernelLog log = log_of(
        "pci 0000:00:0e.0: [8086:467f] type 00 class 0x010400 PCIe Root Complex Integrated Endpoint\n"
        "vmd 0000:00:0e.0: PCI host bridge to bus 10000:e0\n"
        "pci 10000:e0:06.0: [8086:464d] type 01 class 0x060400 PCIe Root Port\n"
        "pci 10000:e1:00.0: [144d:a80a] type 00 class 0x010802 PCIe Endpoint\n"
        "pci 10000:e0:06.0: PCI bridge to [bus e1]\n"
        "pci 10000:e1:00.0: Adding to iommu group 2\n");
    REQUIRE(log.functions.size() == 1);
    CHECK(log.functions[0].driver == "vmd");
    REQUIRE(log.notes.size() == 1);
    CHECK(log.notes[0].rfind("2 functions of domains beyond ffff are left out (10000:e0:06.0, 10000:e1:00.0): they are "
                             "behind Intel's VMD (0000:00:0e.0)",
                             0) == 0);
}

// Linux iommu_setup(), intel_iommu_setup(), parse_amd_iommu_options(): options that they know count, whatever stands
// beside them.
TEST_CASE("kernel log: x86's options are taken one by one, and the others named", "[study][init]") {
    const auto taken = [](const std::string& words) {
        const KernelCommandLine line = read_command_line(split_command_line(words), kernel::Arch::x86);
        std::string text;
        for (const auto& [name, value] : line.parameters) text += name + "=" + value + " ";
        return text;
    };
    CHECK(taken("iommu=pt,usedac") == "iommu=pt ");
    CHECK(taken("intel_iommu=on,sm_on,relax_rmrr") == "intel_iommu=on,sm_on ");
    CHECK(taken("amd_iommu=fullflush,irtcachedis,force_isolation") == "amd_iommu=fullflush,force_isolation ");
    CHECK(taken("iommu=usedac,pt").empty());  // it returns there
    CHECK(taken("intel_iommu=on iommu=pt intel_iommu=,igfx_off iommu=nopt") ==
          "intel_iommu=on,igfx_off iommu=pt,nopt ");
    CHECK(taken("amd_iommu=force_enable iommu=soft intremap=nopost,no_x2apic_optout").empty());
    const KernelCommandLine line = read_command_line(
        split_command_line("quiet amd_iommu=irtcachedis iommu=memaper=2,nopt intel_iommu=on,relax_rmrr iommu=usedac,pt "
                           "ivrs_ioapic[32]=00:14.0 ivrs_hpet=0@0000:00:14.0 ivrs_acpihid=AMD0020:0@00:14.5"),
        kernel::Arch::x86);
    const std::vector<std::string> expected{
        "kernel parameter 'amd_iommu=irtcachedis': 'irtcachedis' changes nothing here: whether the IOMMU caches "
        "entries "
        "of interrupt remapping",
        "kernel parameter 'intel_iommu=on,relax_rmrr': 'relax_rmrr' is left out: Linux has no such option, and passes "
        "it by",
        "kernel parameter 'iommu=memaper=2,nopt': 'memaper=2' changes nothing here: of the GART of old AMD machines",
        "kernel parameter 'iommu=usedac,pt': 'usedac' changes nothing here: of bridges by VIA, which Linux keeps below "
        "4 GiB",
        "kernel parameter 'iommu=usedac,pt': 'pt' is not read: Linux stops at 'usedac'",
        "kernel parameter 'ivrs_ioapic[32]=00:14.0' is not modelled: the device id of an I/O APIC, whatever IVRS says",
        "kernel parameter 'ivrs_hpet=0@0000:00:14.0' is not modelled: the device id of a timer (HPET), whatever IVRS "
        "says",
        "kernel parameter 'ivrs_acpihid=AMD0020:0@00:14.5' is not modelled: the device id of a device of ACPI's "
        "namespace, whatever IVRS says"};
    CHECK(line.idle == expected);
    CHECK(line.other == std::vector<std::string>{"quiet"});
}

TEST_CASE("kernel log: what stands before a message in dmesg, journals and mails", "[study][init]") {
    for (const char* const before :
         {"", "[    0.412345] ", "[Mon Nov 30 18:00:01 2026] ", "kern  :info  : [    0.412345] ", "<6>[    0.412345] ",
          "Nov 30 18:00:01 host kernel: ", "> [    0.4] ", ">>> ", "    [    0.4][    T1] ",
          "Nov 30 18:00:01 host kernel: [    0.412345] ", "kern  :info  : [Mon Nov 30 18:00:01 2026] "}) {
        INFO(before);
        const KernelLog log = log_of(std::string(before) + "pci 0000:00:01.0: [8086:4c01] type 01 class 0x060400\n");
        CHECK(log.functions.size() == 1);
    }
}

TEST_CASE("kernel log: buses keep the numbers that firmware gave them", "[study][init]") {
    const auto port = [](const char* at) {
        return fmt::format("pci 0000:{}: [8086:5780] type 01 class 0x060400\n", at);
    };
    const KernelLog log =
        log_of(port("00:1c.0") + port("00:1c.1") + port("00:1c.2") +
               "pci 0000:2d:00.0: [8086:5782] type 00 class 0x0c0330\n"
               "pci 0000:01:00.0: [8086:15f3] type 00 class 0x020000\n"
               "pci 0000:2e:00.0: [8086:15f3] type 00 class 0x020000\n"
               "pci 0000:00:1c.0: PCI bridge to [bus 01-2c]\npci 0000:00:1c.1: PCI bridge to [bus 2d]\n"
               "pci 0000:00:1c.2: PCI bridge to [bus 2e]\n");
    REQUIRE(log.functions.size() == 3);
    CHECK(log.functions[0].below.at(0).bus == 0);  // the next one anyway
    CHECK(log.functions[1].below.at(0).bus == 0x2d);
    CHECK(log.functions[2].below.at(0).bus == 0);
}
